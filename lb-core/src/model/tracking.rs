// SPDX-License-Identifier: MIT OR Apache-2.0
//! What virtual routers track beside their interfaces, and which go together.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lb_vrrp::track::{self, FileInit, ObjectId, ProcessPattern, Weight};

/// A script, a file or a number of processes whose state counts in elections. An object that many
/// routers track is evaluated once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackedObject {
    /// What routers call it; each kind has names of its own.
    pub id: ObjectId,
    /// Where its state comes from.
    pub source: TrackedSource,
}

impl TrackedObject {
    /// A script that is run again and again. keepalived: `vrrp_script`.
    pub fn script(name: &str, script: TrackedScript) -> Self {
        Self {
            id: ObjectId::Script(name.into()),
            source: TrackedSource::Script(script),
        }
    }

    /// A number in a file. keepalived: `track_file`.
    pub fn file(name: &str, path: impl Into<PathBuf>, init: Option<FileInit>) -> Self {
        let path = path.into();
        Self {
            id: ObjectId::File(name.into()),
            source: TrackedSource::File { path, init },
        }
    }

    /// A number of processes. keepalived: `vrrp_track_process`.
    pub fn process(name: &str, pattern: ProcessPattern, process: track::Process) -> Self {
        Self {
            id: ObjectId::Process(name.into()),
            source: TrackedSource::Process { pattern, process },
        }
    }
}

/// Where the state of a tracked object comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackedSource {
    /// A program's exit status.
    Script(TrackedScript),
    /// A number in a file; missing or empty is 0.
    File {
        /// The file.
        path: PathBuf,
        /// What is written to it at the start. keepalived: `init_file`.
        init: Option<FileInit>,
    },
    /// The processes of this machine.
    Process {
        /// Which count.
        pattern: ProcessPattern,
        /// How many there must be.
        process: track::Process,
    },
}

/// A program, and when and how often it must succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackedScript {
    /// The program and its arguments.
    pub argv: Vec<OsString>,
    /// User and group it runs as, by number; those of the director unless given.
    pub account: Option<(u32, u32)>,
    /// Supplementary groups of that user, by number. keepalived: `set_supplementary_groups`.
    pub groups: Vec<u32>,
    /// The longest it may run, the interval unless given.
    pub timeout: Duration,
    /// Start to start.
    pub interval: Duration,
    /// `rise`, `fall`, `init_fail`.
    pub script: track::Script,
}

impl TrackedScript {
    /// A program that is run each second, and whose every result counts.
    pub fn new<A: Into<OsString>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            account: None,
            groups: Vec::new(),
            timeout: Duration::from_secs(1),
            interval: Duration::from_secs(1),
            script: track::Script::default(),
        }
    }

    /// Sets user and group, by number.
    #[must_use]
    pub const fn with_account(mut self, uid: u32, gid: u32) -> Self {
        self.account = Some((uid, gid));
        self
    }

    /// Replaces the interval and the longest time.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration, timeout: Duration) -> Self {
        self.interval = interval;
        self.timeout = timeout;
        self
    }

    /// Replaces `rise`, `fall`, `init_fail`.
    #[must_use]
    pub const fn with_script(mut self, script: track::Script) -> Self {
        self.script = script;
        self
    }
}

/// Virtual routers that are master together or not at all. keepalived: `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncGroup {
    /// Name in logs and status.
    pub name: String,
    /// The names of its routers.
    pub members: Vec<String>,
    /// What all of them track.
    pub tracked: Vec<(ObjectId, Weight)>,
    /// Members may track with weights of their own. keepalived: `sync_group_tracking_weight`.
    pub tracking_weight: bool,
    /// Whether a change of state is mailed; no unless given.
    pub smtp_alert: bool,
}

impl SyncGroup {
    /// A group of these routers.
    pub fn new<M: Into<String>>(
        name: impl Into<String>,
        members: impl IntoIterator<Item = M>,
    ) -> Self {
        Self {
            name: name.into(),
            members: members.into_iter().map(Into::into).collect(),
            tracked: Vec::new(),
            tracking_weight: false,
            smtp_alert: false,
        }
    }

    /// Sets whether a change of state is mailed.
    #[must_use]
    pub const fn with_smtp_alert(mut self, alert: bool) -> Self {
        self.smtp_alert = alert;
        self
    }

    /// Has all members track an object.
    #[must_use]
    pub fn with_tracked(mut self, object: ObjectId, weight: Weight) -> Self {
        self.tracked.push((object, weight));
        self
    }
}
