// SPDX-License-Identifier: MIT OR Apache-2.0

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::*;

/// Ten times what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server does with a request.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Status(u16),
    /// Reads the request and never answers.
    Hang,
    /// Closes the connection without an answer.
    Close,
}

/// A web server that follows a script, then answers 204; it keeps head and body of each request.
struct ScriptedServer {
    address: std::net::SocketAddr,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
    count: watch::Receiver<usize>,
    _task: AbortOnDropHandle<()>,
}

impl ScriptedServer {
    async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let (counter, count) = watch::channel(0);
        let mut script: VecDeque<Reply> = script.into_iter().collect();
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                seen.lock().unwrap().push(request);
                let reply = script.pop_front().unwrap_or(Reply::Status(204));
                if let Reply::Status(status) = reply {
                    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
                    // The client may have given up.
                    let _ = stream.write_all(head.as_bytes()).await;
                }
                counter.send_modify(|count| *count += 1);
                if matches!(reply, Reply::Hang) {
                    open.push(stream);
                }
            }
        });
        Self {
            address,
            requests,
            count,
            _task: AbortOnDropHandle::new(task),
        }
    }

    fn webhook(&self) -> Webhook {
        let url = format!("http://{}/hook?token=x", self.address);
        Webhook::new(&url).unwrap().with_timeout(PATIENCE)
    }

    /// Waits for this number of requests, and returns the values of `field` in their documents.
    async fn values(&self, field: &str, number: usize) -> Vec<Value> {
        let mut count = self.count.clone();
        let enough = count.wait_for(|count| *count >= number);
        timeout(PATIENCE, enough).await.unwrap().unwrap();
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|(_, body)| body[field].clone())
            .collect()
    }
}

async fn read(stream: &mut TcpStream) -> (String, Value) {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await.unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let lower = head.to_lowercase();
        let (_, length) = lower.split_once("content-length: ").unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if body.len() >= length {
            return (head.to_owned(), serde_json::from_str(body).unwrap());
        }
    }
}

fn call(webhook: &Webhook, priority: u8) -> WebhookCall {
    WebhookCall {
        webhook: Arc::new(webhook.clone()),
        event: WebhookEvent::instance("state", "VI_1", "MASTER", priority),
    }
}

fn time() -> Timestamp {
    "2026-11-30T17:45:45.123456Z".parse().unwrap()
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

#[tokio::test]
async fn a_document_has_the_event_with_its_time_and_the_names_of_the_host() {
    let server = ScriptedServer::start([]).await;
    let mut webhooks = Webhooks::new();
    webhooks.set_router_id("lb1".to_owned());
    webhooks.post(call(&server.webhook(), 120), time());
    let event = WebhookEvent::server(
        "[192.0.2.1]:tcp:80",
        Some("[10.0.0.1]:tcp:80".to_owned()),
        "DOWN",
    );
    let webhook = Arc::new(server.webhook());
    webhooks.post(WebhookCall { webhook, event }, time());
    webhooks.end_by(soon()).await;
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let requests = server.requests.lock().unwrap();
    let (head, body) = &requests[0];
    let head = head.to_lowercase();
    assert!(
        head.starts_with("post /hook?token=x http/1.1\r\n"),
        "{head}"
    );
    for line in [
        format!("host: {}", server.address),
        format!("user-agent: {AGENT}"),
        "content-type: application/json".to_owned(),
        "connection: close".to_owned(),
    ] {
        assert!(head.lines().any(|known| known == line), "{line}: {head}");
    }
    let expected = json!({
        "event": "state", "instance": "VI_1", "state": "MASTER", "priority": 120,
        "time": "2026-11-30T17:45:45.123456Z", "host": host, "router_id": "lb1",
    });
    assert_eq!(*body, expected);
    let expected = json!({
        "event": "state", "virtual_server": "[192.0.2.1]:tcp:80",
        "real_server": "[10.0.0.1]:tcp:80", "state": "DOWN",
        "time": "2026-11-30T17:45:45.123456Z", "host": host, "router_id": "lb1",
    });
    assert_eq!(requests[1].1, expected);
}

#[tokio::test]
async fn failed_tries_are_repeated_and_later_events_wait_for_them() {
    use Reply::{Close, Hang, Status};
    let server = ScriptedServer::start([Status(503), Hang, Close, Status(200)]).await;
    let webhook = server.webhook().with_timeout(Duration::from_secs(2));
    let mut webhooks = Webhooks::new();
    for priority in 1..=3 {
        webhooks.post(call(&webhook, priority), time());
    }
    let priorities = server.values("priority", 6).await;
    assert_eq!(priorities, [1, 1, 1, 1, 2, 3]);
    webhooks.end_by(soon()).await;
}

#[tokio::test]
async fn a_refusal_is_final_and_so_is_the_last_try() {
    use Reply::Status;
    let server = ScriptedServer::start([Status(404), Status(302), Status(500), Status(429)]).await;
    let webhook = server.webhook().with_retries(1);
    let mut webhooks = Webhooks::new();
    for priority in 1..=4 {
        webhooks.post(call(&webhook, priority), time());
    }
    let priorities = server.values("priority", 5).await;
    // The third failed twice.
    assert_eq!(priorities, [1, 2, 3, 3, 4]);
    webhooks.end_by(soon()).await;
}

#[tokio::test]
async fn a_server_that_hangs_or_refuses_delays_no_other() {
    let hangs = ScriptedServer::start([Reply::Hang]).await;
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = Webhook::new(&format!("http://{}/", unused.local_addr().unwrap())).unwrap();
    drop(unused);
    let answers = ScriptedServer::start([]).await;
    let mut webhooks = Webhooks::new();
    for priority in 1..=20 {
        for webhook in [&hangs.webhook(), &refused, &answers.webhook()] {
            webhooks.post(call(webhook, priority), time());
        }
    }
    let expected: Vec<u8> = (1..=20).collect();
    assert_eq!(answers.values("priority", 20).await, expected);
    assert_eq!(hangs.values("priority", 1).await, [1]);
    // The end waits for neither.
    let begin = Instant::now();
    webhooks.end_by(Instant::now()).await;
    assert!(begin.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_leaves_room_for_others() {
    let hangs = ScriptedServer::start([Reply::Hang]).await;
    let answers = ScriptedServer::start([]).await;
    let mut webhooks = Webhooks::new();
    for _ in 0..(ALL + EACH) {
        webhooks.post(call(&hangs.webhook(), 1), time());
    }
    let name = hangs.webhook().authority().to_owned();
    let dropped = webhooks.servers[&name].dropped;
    // One more than the queue holds if the first is on its way.
    assert!(
        (ALL - 1..=ALL).contains(&usize::try_from(dropped).unwrap()),
        "{dropped}"
    );
    webhooks.post(call(&answers.webhook(), 2), time());
    assert_eq!(answers.values("priority", 1).await, [2]);
    webhooks.end_by(Instant::now()).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waited_too_long_is_dropped_and_an_idle_task_ends() {
    let mut webhooks = Webhooks::new();
    // Each try fails at once: nothing listens on port 1.
    let webhook = Webhook::new("http://127.0.0.1:1/").unwrap();
    let stubborn = webhook.clone().with_retries(10);
    for priority in 1..=3 {
        webhooks.post(call(&stubborn, priority), time());
    }
    let room = Arc::clone(&webhooks.room);
    let waiting = || ALL - room.available_permits();
    // Ten waits of 0.5 to 30 s are 151.5 s: the third event has its turn after 303 s.
    sleep(OLDEST).await;
    assert_eq!(waiting(), 2);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(waiting(), 0);
    sleep(IDLE).await;
    assert!(webhooks.servers["127.0.0.1:1"].posts.is_closed());
    // A new event has a new task.
    webhooks.post(call(&webhook, 3), time());
    assert!(!webhooks.servers["127.0.0.1:1"].posts.is_closed());
    webhooks.end_by(soon()).await;
}

#[tokio::test]
async fn the_end_waits_for_events_that_are_queued() {
    let server = ScriptedServer::start([Reply::Status(500)]).await;
    let mut webhooks = Webhooks::new();
    for priority in 1..=50 {
        webhooks.post(call(&server.webhook(), priority), time());
    }
    webhooks.end_by(soon()).await;
    assert_eq!(server.values("priority", 51).await.len(), 51);
}
