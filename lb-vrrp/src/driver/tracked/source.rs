// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the state of a tracked object comes from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::track::{FileInit, Object, ObjectId, Process, ProcessPattern, Script, ScriptOutcome};

/// A tracked object that is not an interface, and where its state comes from.
///
/// One object is evaluated once, however many routers track it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectSpec {
    /// Its name, one per kind.
    pub name: String,
    /// Where its state comes from.
    pub source: Source,
}

impl ObjectSpec {
    /// An object of this name.
    pub fn new(name: impl Into<String>, source: impl Into<Source>) -> Self {
        Self {
            name: name.into(),
            source: source.into(),
        }
    }

    /// The name with the kind.
    pub fn id(&self) -> ObjectId {
        let name = Arc::from(self.name.as_str());
        match self.source {
            Source::Script(_) => ObjectId::Script(name),
            Source::File(_) => ObjectId::File(name),
            Source::Process(_) => ObjectId::Process(name),
            Source::Bfd => ObjectId::Bfd(name),
        }
    }

    /// What the tracker is to know of it.
    pub fn object(&self) -> Object {
        match &self.source {
            Source::Script(script) => Object::Script(script.script),
            Source::File(_) => Object::File,
            Source::Process(process) => Object::Process(process.process),
            Source::Bfd => Object::Bfd,
        }
    }
}

/// Where the state of an object comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A program's exit status.
    Script(ScriptSource),
    /// The content of a file.
    File(FileSource),
    /// The processes of this machine.
    Process(ProcessSource),
    /// Reports of a BFD implementation.
    Bfd,
}

impl From<ScriptSource> for Source {
    fn from(script: ScriptSource) -> Self {
        Self::Script(script)
    }
}

impl From<FileSource> for Source {
    fn from(file: FileSource) -> Self {
        Self::File(file)
    }
}

impl From<ProcessSource> for Source {
    fn from(process: ProcessSource) -> Self {
        Self::Process(process)
    }
}

/// Runs a script once; see [`ScriptSource`].
#[async_trait]
pub trait ScriptRunner: Send + Sync + fmt::Debug {
    /// The command line, and as whom it runs, where that matters. Scripts of the same name and
    /// the same line are the same script after a reload, and keep their result.
    fn line(&self) -> &str;

    /// Runs it to its end, or kills it after `timeout`. Dropping the future kills it too.
    async fn run(&self, timeout: Duration) -> ScriptOutcome;
}

/// A program that is run again and again (`vrrp_script` in keepalived).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScriptSource {
    /// Start to start, 1 s unless given (`interval`). A run that takes longer delays the next.
    pub interval: Duration,
    /// The longest it may run, the interval unless given (`timeout`).
    pub timeout: Duration,
    /// `rise`, `fall`, `init_fail`.
    pub script: Script,
    /// Runs it.
    pub runner: Arc<dyn ScriptRunner>,
}

impl ScriptSource {
    /// A script with keepalived's defaults.
    pub fn new(runner: Arc<dyn ScriptRunner>) -> Self {
        Self {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            script: Script::default(),
            runner,
        }
    }

    /// Replaces the interval and the timeout.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration, timeout: Duration) -> Self {
        self.interval = interval;
        self.timeout = timeout;
        self
    }

    /// Replaces `rise`, `fall`, `init_fail`.
    #[must_use]
    pub const fn with_script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }
}

impl PartialEq for ScriptSource {
    fn eq(&self, other: &Self) -> bool {
        self.interval == other.interval
            && self.timeout == other.timeout
            && self.script == other.script
            && self.runner.line() == other.runner.line()
    }
}

impl Eq for ScriptSource {}

/// A number in a file (`track_file` in keepalived). Empty, missing or no number counts as 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSource {
    /// The file.
    pub path: PathBuf,
    /// What is written to it before it is first read (`init_file`).
    pub init: Option<FileInit>,
}

impl FileSource {
    /// A file that is there, or will be.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            init: None,
        }
    }

    /// Has it written at the start.
    #[must_use]
    pub const fn with_init(mut self, init: FileInit) -> Self {
        self.init = Some(init);
        self
    }
}

/// A number of processes (`vrrp_track_process` in keepalived).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessSource {
    /// Which ones.
    pub pattern: ProcessPattern,
    /// How many there must be.
    pub process: Process,
}

impl ProcessSource {
    /// At least one of these processes.
    pub fn new(pattern: ProcessPattern) -> Self {
        Self {
            pattern,
            process: Process::default(),
        }
    }

    /// Replaces how many there must be.
    #[must_use]
    pub const fn with_process(mut self, process: Process) -> Self {
        self.process = process;
        self
    }
}
