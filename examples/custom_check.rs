// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo run -p examples --example custom_check` prints `up: well, down: busy (2 tries), up: well`.
//!
//! A health check of one's own: a greeter that sends `READY` when it wants work. The check is a
//! type with one function, a factory makes it from `GREETING { expect READY }`, and the scheduler
//! does the rest. Nothing but loopback is used, and no privilege.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lb_check::{
    ArgumentError, Arguments, BuiltCheck, CheckContext, CheckEvent, HealthCheck, Outcome, Policy,
    ProbeSpec, Problem, Reason, Registry, Scheduler, SchedulerOptions, SubscriptionId, Target,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Connects, reads a line, compares it.
#[derive(Debug)]
struct Greeting {
    expect: String,
}

#[async_trait::async_trait]
impl HealthCheck for Greeting {
    fn kind(&self) -> &str {
        "GREETING"
    }

    async fn check(&self, target: &Target) -> Outcome {
        let mut said = String::new();
        let read = async {
            let stream = TcpStream::connect(target.address).await?;
            stream.take(64).read_to_string(&mut said).await
        };
        match read.await {
            Ok(_) if said.trim() == self.expect => Outcome::pass().with_detail("well"),
            Ok(_) => Outcome::fail(Reason::Other(said.trim().to_owned())),
            Err(_) => Outcome::fail(Reason::L4Refused),
        }
    }
}

/// Makes the check from its block in a configuration: `GREETING { expect READY }`.
fn greeting(block: &Arguments, context: &CheckContext) -> Result<BuiltCheck, Vec<ArgumentError>> {
    let expect = block.children.iter().find(|line| line.name == "expect");
    let Some(expect) = expect.and_then(|line| line.values.first().cloned()) else {
        let problem = Problem::Other("expect READY or so".to_owned());
        return Err(vec![ArgumentError::error(block, problem)]);
    };
    let check = Arc::new(Greeting { expect });
    Ok(BuiltCheck::new(check).with_deadline(context.connect_timeout))
}

/// Accepts connections and sends to each whether the greeter wants work.
async fn greet(listener: TcpListener, busy: Arc<AtomicBool>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let word = if busy.load(Ordering::Relaxed) {
            "busy\n"
        } else {
            "READY\n"
        };
        // A check that went away before it was greeted does not matter.
        stream.write_all(word.as_bytes()).await.unwrap_or_default();
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut registry = Registry::builtin();
    registry.register("GREETING", greeting);

    let busy = Arc::new(AtomicBool::new(false));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let target = Target::new(listener.local_addr()?);
    tokio::spawn(greet(listener, Arc::clone(&busy)));

    let block = Arguments::block("GREETING", [Arguments::line("expect", ["READY"])]);
    let factory = registry.get("GREETING").ok_or("just registered")?;
    let context = CheckContext::new(target.address);
    let built = factory
        .build(&block, &context)
        .map_err(|errors| format!("{errors:?}"))?;

    let policy = Policy::default()
        .with_interval(Duration::from_millis(50))
        .with_retries(1)
        .with_retry_delay(Duration::from_millis(10))
        .with_warmup(Duration::ZERO);
    let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
    let spec = ProbeSpec::new(built.check, target, policy);
    scheduler.subscribe(SubscriptionId::new(1), spec).await?;

    let mut story = Vec::new();
    while story.len() < 3 {
        let event = events.recv().await.ok_or("the scheduler ended")?;
        if let CheckEvent::Changed {
            up,
            outcome,
            attempts,
            ..
        } = event
        {
            story.push(match &outcome.detail {
                Some(detail) => format!("up: {detail}"),
                None => format!("down: {outcome} ({attempts} tries)"),
            });
            busy.store(up, Ordering::Relaxed);
        }
    }
    scheduler.shutdown().await;
    println!("{}", story.join(", "));
    Ok(())
}
