// SPDX-License-Identifier: MIT OR Apache-2.0
use std::fs;

use tokio::sync::mpsc;

use super::*;

/// Ten times what anything here takes, the slowest being the look of each second.
const PATIENCE: Duration = Duration::from_secs(30);

struct Rig {
    path: PathBuf,
    reports: mpsc::Receiver<i64>,
    _directory: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Rig {
    fn new(file: &str, first: Option<FirstContent>, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join(file);
        prepare(&path);
        let (sender, reports) = mpsc::channel(8);
        let watcher = Watcher::start();
        let task = tokio::spawn(follow(
            Arc::from("load"),
            path.clone(),
            first,
            watcher,
            sender,
            |value| value,
        ));
        Self {
            path,
            reports,
            _directory: directory,
            task,
        }
    }

    async fn next(&mut self) -> i64 {
        let next = timeout(PATIENCE, self.reports.recv()).await;
        next.expect("a report in time").expect("a report")
    }
}

#[tokio::test]
async fn a_file_is_followed_when_it_is_written_replaced_and_deleted() {
    let mut rig = Rig::new("load", None, |path| fs::write(path, "5\n").unwrap());
    assert_eq!(rig.next().await, 5);
    fs::write(&rig.path, "-0x10 rest").unwrap();
    assert_eq!(rig.next().await, -16);
    let other = rig.path.with_extension("new");
    fs::write(&other, "7").unwrap();
    fs::rename(&other, &rig.path).unwrap();
    assert_eq!(rig.next().await, 7);
    // Too large a number keeps what was known, and a missing file is 0.
    fs::write(&rig.path, "99999999999").unwrap();
    fs::remove_file(&rig.path).unwrap();
    assert_eq!(rig.next().await, 0);
    rig.task.abort();
}

#[tokio::test]
async fn a_file_in_a_directory_that_comes_later_is_found() {
    let mut rig = Rig::new("late/load", None, |_| {});
    assert_eq!(rig.next().await, 0);
    fs::create_dir(rig.path.parent().unwrap()).unwrap();
    fs::write(&rig.path, "3").unwrap();
    assert_eq!(rig.next().await, 3);
    rig.task.abort();
}

#[tokio::test]
async fn the_first_number_is_written_if_there_is_none_or_it_is_to_be_overwritten() {
    let init = |overwrite| {
        Some(FirstContent {
            value: 9,
            overwrite,
        })
    };
    for (there, overwrite, expected) in [(false, false, 9), (true, false, 4), (true, true, 9)] {
        let mut rig = Rig::new("load", init(overwrite), |path| {
            if there {
                fs::write(path, "4").unwrap();
            }
        });
        assert_eq!(rig.next().await, expected);
        rig.task.abort();
    }
}

#[tokio::test]
async fn what_is_no_file_counts_as_0_and_does_not_hang() {
    let mut rig = Rig::new("pipe", None, |path| {
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    });
    assert_eq!(rig.next().await, 0);
    rig.task.abort();
}
