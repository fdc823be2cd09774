// SPDX-License-Identifier: MIT OR Apache-2.0
use std::fs;

use tokio::sync::mpsc;

use super::*;
use crate::driver::event::{Event, Events, channel};

/// Ten times what anything here takes, the slowest being the look of each second.
const PATIENCE: Duration = Duration::from_secs(30);

struct Rig {
    path: PathBuf,
    reports: mpsc::Receiver<(ObjectId, Observation)>,
    notes: Events,
    _directory: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Rig {
    fn new(file: &str, init: Option<FileInit>, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join(file);
        prepare(&path);
        let (sender, reports) = mpsc::channel(8);
        let (events, notes) = channel(8);
        let id = ObjectId::File(Arc::from("load"));
        let task = tokio::spawn(run(
            id,
            path.clone(),
            init,
            Watcher::start(events.clone()),
            (sender, events),
        ));
        Self {
            path,
            reports,
            notes,
            _directory: directory,
            task,
        }
    }

    async fn next(&mut self) -> Observation {
        let next = timeout(PATIENCE, self.reports.recv()).await;
        next.expect("a report in time").expect("a report").1
    }
}

#[tokio::test]
async fn a_file_is_followed_when_it_is_written_replaced_and_deleted() {
    let mut rig = Rig::new("load", None, |path| fs::write(path, "5\n").unwrap());
    assert_eq!(rig.next().await, Observation::Value(5));
    fs::write(&rig.path, "-0x10 rest").unwrap();
    assert_eq!(rig.next().await, Observation::Value(-16));
    let other = rig.path.with_extension("new");
    fs::write(&other, "7").unwrap();
    fs::rename(&other, &rig.path).unwrap();
    assert_eq!(rig.next().await, Observation::Value(7));
    // Too large a number keeps what was known, and a missing file is 0.
    fs::write(&rig.path, "99999999999").unwrap();
    fs::remove_file(&rig.path).unwrap();
    assert_eq!(rig.next().await, Observation::Value(0));
    rig.task.abort();
}

#[tokio::test]
async fn a_file_in_a_directory_that_comes_later_is_found() {
    let mut rig = Rig::new("late/load", None, |_| {});
    assert_eq!(rig.next().await, Observation::Value(0));
    fs::create_dir(rig.path.parent().unwrap()).unwrap();
    fs::write(&rig.path, "3").unwrap();
    assert_eq!(rig.next().await, Observation::Value(3));
    rig.task.abort();
}

#[tokio::test]
async fn the_first_number_is_written_if_there_is_none_or_it_is_to_be_overwritten() {
    let init = |overwrite| {
        Some(FileInit {
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
        assert_eq!(rig.next().await, Observation::Value(expected));
        rig.task.abort();
    }
}

#[tokio::test]
async fn what_is_no_file_counts_as_0_and_does_not_hang() {
    let mut rig = Rig::new("pipe", None, |path| {
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    });
    assert_eq!(rig.next().await, Observation::Value(0));
    rig.task.abort();
}

#[tokio::test]
async fn content_that_is_no_number_is_noted_once_and_so_is_its_end() {
    let mut rig = Rig::new("load", None, |path| fs::create_dir(path).unwrap());
    assert_eq!(rig.next().await, Observation::Value(0));
    fs::remove_dir(&rig.path).unwrap();
    fs::write(&rig.path, "7\n").unwrap();
    assert_eq!(rig.next().await, Observation::Value(7));
    let mut notes = Vec::new();
    while let Ok(Some(event)) = rig.notes.try_recv() {
        let Event::TrackingNoted { object, note } = event else {
            panic!("{event:?}");
        };
        assert_eq!(object, ObjectId::File(Arc::from("load")));
        match note {
            TrackingNote::FileUnreadable { problem } => notes.push(problem.to_string()),
            TrackingNote::FileReadable => notes.push("readable".to_owned()),
            // The directory of temporary files may be on any file system.
            TrackingNote::FilePolled { .. } | TrackingNote::FileWatched => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(notes, ["not a regular file", "readable"]);
}
