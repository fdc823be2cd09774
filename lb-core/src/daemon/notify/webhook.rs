// SPDX-License-Identifier: MIT OR Apache-2.0
//! Posts events to web servers: a bounded queue and a task for each server, so that a slow server delays
//! its own events only, and gets them in order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use lb_host::thread::catch_future;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::daemon::report;
use crate::model::Webhook;
use crate::notify::{WebhookCall, WebhookEvent};

/// Events that wait for all servers, at most; further ones are dropped and counted.
const ALL: usize = 4096;
/// Events that wait for one server, at most: a server that does not answer must not take the room of others.
const EACH: usize = 512;
/// An event that has waited for this time is dropped: the state has probably changed since.
const OLDEST: Duration = Duration::from_secs(300);
/// Wait before the first further try; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A task without an event for this time ends.
const IDLE: Duration = Duration::from_secs(60);
/// Name and version of this program for the header `User-Agent`.
const AGENT: &str = concat!("lbctl/", env!("CARGO_PKG_VERSION"));

/// Why a try failed.
#[derive(Debug, thiserror::Error)]
enum PostError {
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("the request cannot be made")]
    Request(#[from] http::Error),
    #[error("the exchange failed")]
    Exchange(#[from] hyper::Error),
    #[error("status {0}")]
    Status(StatusCode),
}

impl PostError {
    /// Whether a further try may succeed.
    fn is_transient(&self) -> bool {
        match self {
            Self::Status(status) => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
                    )
            }
            Self::Request(_) => false,
            Self::Timeout(_) | Self::Connect(_) | Self::Exchange(_) => true,
        }
    }
}

/// The document of an event.
#[derive(Debug, Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    event: &'a WebhookEvent,
    time: String,
    host: &'a str,
    router_id: &'a str,
}

/// An event that waits for its server.
#[derive(Debug)]
struct Post {
    webhook: Arc<Webhook>,
    document: Bytes,
    queued: Instant,
    _room: OwnedSemaphorePermit,
}

/// The queue of a server.
#[derive(Debug)]
struct Server {
    posts: mpsc::Sender<Post>,
    /// Events that were dropped since the queue was full first.
    dropped: u64,
}

/// All servers with events, by host and port.
#[derive(Debug)]
pub(super) struct Webhooks {
    servers: HashMap<String, Server>,
    room: Arc<Semaphore>,
    tasks: JoinSet<()>,
    host: String,
    router_id: String,
}

impl Webhooks {
    pub(super) fn new() -> Self {
        Self {
            servers: HashMap::new(),
            room: Arc::new(Semaphore::new(ALL)),
            tasks: JoinSet::new(),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            router_id: String::new(),
        }
    }

    /// Sets the name of this director in the documents from now on.
    pub(super) fn set_router_id(&mut self, router_id: String) {
        self.router_id = router_id;
    }

    /// Queues an event of this time; without room it is dropped and counted.
    pub(super) fn post(&mut self, call: WebhookCall, time: Timestamp) {
        // The set keeps the results of tasks that have ended until they are taken.
        while self.tasks.try_join_next().is_some() {}
        let WebhookCall { webhook, event } = call;
        let document = Document {
            event: &event,
            time: format!("{time:.6}"),
            host: &self.host,
            router_id: &self.router_id,
        };
        // Serialising our own types cannot fail.
        let document = serde_json::to_vec(&document).unwrap_or_default();
        let name = webhook.authority().to_owned();
        let is_open = |server: &&mut Server| !server.posts.is_closed();
        if self.servers.get_mut(&name).filter(is_open).is_none() {
            self.servers.retain(|_, server| !server.posts.is_closed());
            let (posts, waiting) = mpsc::channel(EACH);
            self.tasks.spawn(serve(waiting));
            self.servers
                .insert(name.clone(), Server { posts, dropped: 0 });
        }
        let Some(server) = self.servers.get_mut(&name) else {
            return;
        };
        let sent = match Arc::clone(&self.room).try_acquire_owned() {
            Ok(room) => server
                .posts
                .try_send(Post {
                    webhook,
                    document: document.into(),
                    queued: Instant::now(),
                    _room: room,
                })
                .map_err(|error| matches!(error, TrySendError::Full(_))),
            Err(_) => Err(true),
        };
        match sent {
            Ok(()) if server.dropped == 0 => {}
            Ok(()) => {
                let dropped = std::mem::take(&mut server.dropped);
                tracing::warn!(dropped, "events for http://{name} were dropped");
            }
            Err(_) => {
                server.dropped += 1;
                if server.dropped == 1 {
                    tracing::warn!("dropping events for http://{name}: too many are waiting");
                }
            }
        }
    }

    /// Waits until `deadline` for the events that are queued; those that wait then are lost.
    pub(super) async fn end_by(mut self, deadline: Instant) {
        self.servers.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout_at(deadline, all).await.is_err() {
            let lost = ALL.saturating_sub(self.room.available_permits());
            tracing::warn!(lost, "events could not be posted in time");
            self.tasks.shutdown().await;
        }
    }
}

/// Posts the events for one server, one after the other.
async fn serve(mut waiting: mpsc::Receiver<Post>) {
    let mut expired: u64 = 0;
    loop {
        let post = match timeout(IDLE, waiting.recv()).await {
            Ok(Some(post)) => post,
            Ok(None) => return,
            Err(_) => {
                // Later events go to another task.
                waiting.close();
                match waiting.try_recv() {
                    Ok(post) => post,
                    Err(_) => return,
                }
            }
        };
        let server = post.webhook.authority();
        if post.queued.elapsed() > OLDEST {
            expired += 1;
            if expired == 1 {
                tracing::warn!("dropping events for http://{server}: older than {OLDEST:?}");
            }
            continue;
        }
        if expired > 0 {
            tracing::warn!(dropped = expired, "events for http://{server} were too old");
            expired = 0;
        }
        // A panic with one event must not lose the others.
        if let Err(panic) = catch_future(deliver(&post)).await {
            tracing::error!("event for http://{server} lost: {panic}; please report this");
        }
    }
}

/// Posts an event, with further tries; logs a failure.
async fn deliver(post: &Post) {
    let Post {
        webhook, document, ..
    } = post;
    let server = webhook.authority();
    let mut wait = FIRST_WAIT;
    let mut retries = webhook.retries;
    loop {
        let error = match exchange(webhook, document.clone()).await {
            Ok(()) => {
                tracing::debug!("posted an event to http://{server}");
                return;
            }
            Err(error) => error,
        };
        let text = report::chain(&error);
        if retries == 0 || !error.is_transient() {
            tracing::error!("http://{server}: {text}; the event is lost");
            return;
        }
        retries -= 1;
        tracing::warn!("http://{server}: {text}, next try in {wait:?}");
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Makes one try.
async fn exchange(webhook: &Webhook, document: Bytes) -> Result<(), PostError> {
    let exchange = async {
        let stream = TcpStream::connect((webhook.host(), webhook.port())).await;
        let io = TokioIo::new(stream.map_err(PostError::Connect)?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = hyper::Request::post(webhook.path())
            .header(HOST, webhook.authority())
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .body(Full::new(document))?;
        let status = sender.send_request(request).await?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(PostError::Status(status))
        }
    };
    let limit = webhook.timeout;
    timeout(limit, exchange)
        .await
        .unwrap_or(Err(PostError::Timeout(limit)))
}

#[cfg(test)]
mod tests;
