// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo run -p examples --example custom_check` prints `busy, pool []; passed, pool ["127.0.0.1"]`.
//!
//! A health check of one's own in a configuration file: a greeter that sends `READY` when it wants work. The
//! check is a type with one function, a factory makes it from `GREETING_CHECK { expect READY }`, and the
//! registry has its name. The file is read as the daemon reads one; the director and the scheduler do the
//! rest. Nothing but loopback is used, and no privilege.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;

use lb_check::{
    ArgumentError, Arguments, BuiltCheck, CheckContext, CheckEvent, HealthCheck, Outcome, Problem,
    Reason, Registry, Scheduler, SchedulerOptions, SubscriptionId, Target,
};
use lb_core::config::{self, Mode};
use lb_core::director::{Director, Output};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

const CONFIGURATION: &str = "virtual_server 192.0.2.50 80 {
    delay_loop 0.05
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 127.0.0.1 PORT {
        GREETING_CHECK {
            expect READY
            retry 1
            delay_before_retry 0.01
            warmup 0
        }
    }
}
";

/// Connects, reads a line, compares it.
#[derive(Debug)]
struct Greeting {
    expect: String,
}

#[async_trait::async_trait]
impl HealthCheck for Greeting {
    fn kind(&self) -> &str {
        "GREETING_CHECK"
    }

    async fn check(&self, target: &Target) -> Outcome {
        let mut said = String::new();
        let read = async {
            let stream = TcpStream::connect(target.address).await?;
            stream.take(64).read_to_string(&mut said).await
        };
        match read.await {
            Ok(_) if said.trim() == self.expect => Outcome::pass(),
            Ok(_) => Outcome::fail(Reason::Other(said.trim().to_owned())),
            Err(_) => Outcome::fail(Reason::L4Refused),
        }
    }
}

/// Makes the check from its block; the keywords of target and schedule are read before.
fn greeting(block: &Arguments, context: &CheckContext) -> Result<BuiltCheck, Vec<ArgumentError>> {
    let expect = block.children.iter().find(|line| line.name == "expect");
    let Some(expect) = expect.and_then(|line| line.values.first().cloned()) else {
        let problem = Problem::Other("expect READY or so".to_owned());
        return Err(vec![ArgumentError::error(block, problem)]);
    };
    let check = Arc::new(Greeting { expect });
    Ok(BuiltCheck::new(check).with_deadline(context.connect_timeout))
}

/// Accepts connections and sends `word` to each.
async fn greet(listener: TcpListener, word: Arc<Mutex<&str>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        // A check that went away before it was greeted does not matter.
        let word = *word.lock().await;
        stream.write_all(word.as_bytes()).await.unwrap_or_default();
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let word = Arc::new(Mutex::new("busy\n"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port().to_string();
    tokio::spawn(greet(listener, Arc::clone(&word)));

    let mut registry = Registry::builtin();
    registry.register("GREETING_CHECK", greeting);
    let text = CONFIGURATION.replace("PORT", &port);
    let model = config::parse(&text, "lb.conf", &registry).into_model(Mode::Strict)?;

    let mut director = Director::new(model);
    let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
    let mut check = None;
    while let Some(output) = director.poll_output() {
        if let Output::CheckAdded { id, .. } = output {
            let probe = director.check(&id).ok_or("just added")?.probe.clone();
            scheduler
                .subscribe_all([(SubscriptionId::new(1), probe)])
                .await?;
            check = Some(id);
        }
    }
    let check = check.ok_or("one is configured")?;

    let mut story = Vec::new();
    while story.len() < 2 {
        let event = events.recv().await.ok_or("the scheduler ended")?;
        let CheckEvent::Changed { up, outcome, .. } = event else {
            continue;
        };
        director.handle_check(&check, up, &outcome);
        let service = director.desired(&check.service).ok_or("configured")?;
        let pool: Vec<String> = service
            .destinations()
            .map(|server| server.address.ip().to_string())
            .collect();
        story.push(format!("{outcome}, pool {pool:?}"));
        *word.lock().await = "READY\n";
    }
    scheduler.shutdown().await;
    println!("{}", story.join("; "));
    if story != ["busy, pool []", "passed, pool [\"127.0.0.1\"]"] {
        return Err("another story than that of the first line".into());
    }
    Ok(())
}
