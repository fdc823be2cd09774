// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::model::Fifo;
use crate::notify::{FifoLine, LineKind, ScriptCall};

/// Ten times what anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory with a log that scripts write to.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.log(), "").unwrap();
        place
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("log")
    }

    /// A script whose name is `name`; `log` in it appends a line.
    fn script(&self, name: &str, body: &str) -> NotifyScript {
        let path = self.0.path().join(name);
        let log = self.log();
        let head = format!("#!/bin/sh\nlog() {{ echo \"$@\" >>{}; }}\n", log.display());
        fs::write(&path, head + body).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        NotifyScript::new([path])
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.log()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    async fn wait_for(&self, what: &str, condition: impl Fn(&[String]) -> bool) {
        let found = async {
            while !condition(&self.lines()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        assert!(found.is_ok(), "{what}: {:?}", self.lines());
    }
}

fn call(object: &str, script: &NotifyScript, argument: &str) -> Notification {
    Notification::Script(ScriptCall {
        object: object.to_owned(),
        script: script.with_arguments([argument]),
    })
}

fn line(text: &str) -> Notification {
    Notification::Line(FifoLine {
        kind: LineKind::Vrrp,
        text: format!("{text}\n"),
    })
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

#[tokio::test]
async fn scripts_of_an_object_run_in_order_and_all_have_ended_at_the_stop() {
    let place = Place::new();
    let script = place.script("tell", "log \"$@\"");
    let mut notifier = Notifier::start().await.unwrap();
    for n in 0..10 {
        notifier.offer(call("A", &script, &n.to_string()));
    }
    notifier.shutdown(soon()).await;
    let expected: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    assert_eq!(place.lines(), expected);
}

#[tokio::test]
async fn a_script_that_hangs_delays_neither_its_object_for_long_nor_others() {
    let place = Place::new();
    let hangs = place.script("hang", "log hangs; sleep 600");
    let tells = place.script("tell", "log \"$@\"");
    let mut notifier = Notifier::start().await.unwrap();
    notifier.offer(call("A", &hangs, ""));
    notifier.offer(call("A", &tells, "same"));
    notifier.offer(call("B", &tells, "other"));
    place
        .wait_for("both", |lines| {
            lines.iter().any(|line| line == "same") && lines.iter().any(|line| line == "other")
        })
        .await;
    let lines = place.lines();
    let position = |wanted: &str| lines.iter().position(|line| line == wanted);
    assert!(position("hangs") < position("same"), "{lines:?}");
    let begin = Instant::now();
    notifier.shutdown(Instant::now()).await;
    assert!(begin.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_script_that_runs_at_the_end_gets_sigterm_or_is_left_alone() {
    for stops in [true, false] {
        let place = Place::new();
        let waits = place.script(
            "wait",
            "trap 'log term; exit' TERM\nlog begin\nsleep 1 & wait\nlog end",
        );
        let mut notifier = Notifier::start().await.unwrap();
        notifier.offer(call("A", &waits, ""));
        place.wait_for("begin", |lines| !lines.is_empty()).await;
        let last = if stops {
            notifier.shutdown(Instant::now()).await;
            "term"
        } else {
            notifier.release().await;
            "end"
        };
        place.wait_for(last, |lines| lines == ["begin", last]).await;
    }
}

#[tokio::test]
async fn a_missing_script_and_a_flood_of_output_harm_no_other() {
    let place = Place::new();
    let floods = place.script("flood", "head -c 1000000 /dev/zero; log flooded");
    let tells = place.script("tell", "log \"$@\"");
    let mut notifier = Notifier::start().await.unwrap();
    notifier.offer(call("A", &NotifyScript::new(["/nonexistent/script"]), ""));
    notifier.offer(call("A", &floods, ""));
    notifier.offer(call("A", &tells, "after"));
    notifier.shutdown(soon()).await;
    assert_eq!(place.lines(), ["flooded", "after"]);
}

#[tokio::test]
async fn one_object_does_not_take_the_room_of_others() {
    let place = Place::new();
    let hangs = place.script("hang", "log hangs; sleep 600");
    let tells = place.script("tell", "log \"$@\"");
    let mut notifier = Notifier::start().await.unwrap();
    for _ in 0..2000 {
        notifier.offer(call("A", &hangs, ""));
    }
    notifier.offer(call("B", &tells, "other"));
    place
        .wait_for("other", |lines| lines.iter().any(|line| line == "other"))
        .await;
    let hanging = place.lines().iter().filter(|line| *line == "hangs").count();
    assert!(hanging <= 16, "{hanging}");
    notifier.shutdown(Instant::now()).await;
}

fn fifos(path: &Path, script: Option<NotifyScript>) -> Global {
    let mut fifo = Fifo::new(path);
    fifo.script = script;
    let mut global = Global::new("lb1");
    global.fifos.vrrp = Some(fifo);
    global
}

#[tokio::test]
async fn the_program_of_a_fifo_gets_its_path_and_lines_and_is_started_again() {
    let place = Place::new();
    let path = place.0.path().join("fifo");
    let reads = place.script(
        "read",
        "trap 'log term; exit' TERM\nlog \"begin $*\"\n\
         while read -r line; do log \"$line\"; [ \"$line\" = die ] && exit 1; done <\"$2\"",
    );
    let mut notifier = Notifier::start().await.unwrap();
    let reads = reads.with_arguments(["first"]);
    notifier.apply(&fifos(&path, Some(reads))).await;
    let begin = format!("begin first {}", path.display());
    notifier.offer(line("one"));
    notifier.offer(line("die"));
    let expected = [begin.clone(), "one".to_owned(), "die".to_owned(), begin];
    place.wait_for("again", |lines| lines == expected).await;
    notifier.offer(line("two"));
    place.wait_for("two", |lines| lines.len() == 5).await;
    assert!(path.exists());
    notifier.end_readers().await;
    place
        .wait_for("term", |lines| {
            lines.last().is_some_and(|line| line == "term")
        })
        .await;
    notifier.shutdown(soon()).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_fifo_is_left_to_the_next_process_at_a_release() {
    let place = Place::new();
    let path = place.0.path().join("fifo");
    let notifier = Notifier::start().await.unwrap();
    notifier.apply(&fifos(&path, None)).await;
    notifier.release().await;
    assert!(path.exists());
}

#[tokio::test]
async fn a_full_queue_drops_and_counts() {
    let mut notifier = Notifier::start().await.unwrap();
    // The sender is not polled in between, and the lines have no FIFO: the thread may take some.
    for _ in 0..(QUEUE * 50) {
        notifier.offer(line("x"));
    }
    notifier.shutdown(soon()).await;
}
