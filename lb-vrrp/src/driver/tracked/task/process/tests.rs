// SPDX-License-Identifier: MIT OR Apache-2.0
use std::process::{Child, Command};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::*;

/// Ten times what a look takes, and more.
const PATIENCE: Duration = Duration::from_secs(30);

/// Killed at the end of a test, however that ends.
struct Sleeper(Child);

impl Sleeper {
    fn new(seconds: &str) -> Self {
        Self(Command::new("sleep").arg(seconds).spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn processes_are_counted_as_they_come_and_go() {
    // A number of seconds that no other process of this machine sleeps.
    let seconds = format!("6{:07}.25", std::process::id());
    let pattern = ProcessPattern::Exact(vec!["sleep".to_owned(), seconds.clone()]);
    let id = ObjectId::Process(Arc::from("sleepers"));
    let patterns = Patterns::from([(id.clone(), pattern)]);
    let (_orders, latest) = watch::channel(patterns);
    let (sender, mut reports) = mpsc::channel(8);
    let task = tokio::spawn(run(latest, (sender, crate::driver::event::channel(8).0)));
    let mut next = async || {
        let next = timeout(PATIENCE, reports.recv()).await;
        next.expect("a report in time").expect("a report")
    };
    assert_eq!(next().await, (id.clone(), Observation::Count(0)));
    let first = Sleeper::new(&seconds);
    assert_eq!(next().await, (id.clone(), Observation::Count(1)));
    let mut second = Sleeper::new(&seconds);
    assert_eq!(next().await, (id.clone(), Observation::Count(2)));
    // A zombie does not count.
    second.0.kill().unwrap();
    assert_eq!(next().await, (id.clone(), Observation::Count(1)));
    drop(first);
    assert_eq!(next().await, (id, Observation::Count(0)));
    task.abort();
}
