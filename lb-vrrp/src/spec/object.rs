// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracked objects and where their state comes from.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::track::{FileInit, Object, ObjectId, Process, ProcessPattern, Script};

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

    /// Kind and name.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        let name = Arc::from(self.name.as_str());
        match self.source {
            Source::Script(_) => ObjectId::Script(name),
            Source::File(_) => ObjectId::File(name),
            Source::Process(_) => ObjectId::Process(name),
            Source::Bfd => ObjectId::Bfd(name),
        }
    }

    /// Parameters for the [`Tracker`](crate::track::Tracker).
    #[must_use]
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

/// A program that is run periodically (`vrrp_script` in keepalived).
///
/// ```
/// use std::time::Duration;
///
/// use lb_vrrp::spec::{ObjectSpec, ScriptSource};
///
/// let source = ScriptSource::new(["/usr/bin/pgrep", "nginx"])
///     .with_interval(Duration::from_secs(2), Duration::from_secs(1));
/// let object = ObjectSpec::new("check_nginx", source);
/// assert_eq!(object.id().to_string(), "script check_nginx");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptSource {
    /// The program and its arguments; no shell is involved.
    pub argv: Vec<OsString>,
    /// User and group id to run as; those of this process unless given.
    pub account: Option<(u32, u32)>,
    /// Supplementary group ids (`set_supplementary_groups`).
    pub groups: Vec<u32>,
    /// Start to start, 1 s unless given (`interval`). A run that takes longer delays the next.
    pub interval: Duration,
    /// Limit of one run, the interval unless given (`timeout`).
    pub timeout: Duration,
    /// `rise`, `fall`, `init_fail`.
    pub script: Script,
}

impl ScriptSource {
    /// A script with keepalived's defaults: once a second, every result counts.
    pub fn new<W: Into<OsString>>(argv: impl IntoIterator<Item = W>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            account: None,
            groups: Vec::new(),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            script: Script::default(),
        }
    }

    /// Sets user and group id.
    #[must_use]
    pub const fn with_account(mut self, uid: u32, gid: u32) -> Self {
        self.account = Some((uid, gid));
        self
    }

    /// Replaces the supplementary groups.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = u32>) -> Self {
        self.groups = groups.into_iter().collect();
        self
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

    /// Identity of the program: command line and account. A script of the same name and line is the
    /// same script after a reload or a handover, and keeps its result.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!("{:?} {:?}", self.argv, self.account);
        if !self.groups.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(line, " {:?}", self.groups);
        }
        line
    }
}

/// A number in a file (`track_file` in keepalived). An empty or missing file, or other text, counts as 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSource {
    /// The file.
    pub path: PathBuf,
    /// Content to write at start (`init_file`).
    pub init: Option<FileInit>,
}

impl FileSource {
    /// A file, which may not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            init: None,
        }
    }

    /// Sets the content to write at start.
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
    /// Processes that count.
    pub pattern: ProcessPattern,
    /// Required number of them.
    pub process: Process,
}

impl ProcessSource {
    /// At least one of these processes.
    #[must_use]
    pub fn new(pattern: ProcessPattern) -> Self {
        Self {
            pattern,
            process: Process::default(),
        }
    }

    /// Replaces the required number.
    #[must_use]
    pub const fn with_process(mut self, process: Process) -> Self {
        self.process = process;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_different_words_and_accounts_differ() {
        let script = |words: &[&str]| ScriptSource::new(words.iter().copied());
        let line = |words: &[&str]| script(words).line();
        assert_ne!(line(&["a b"]), line(&["a", "b"]));
        assert_ne!(line(&["a\", \"b"]), line(&["a", "b"]));
        assert_eq!(line(&["a", "b"]), line(&["a", "b"]));
        let plain = script(&["a"]);
        assert_ne!(plain.clone().with_account(1, 1).line(), plain.line());
        assert_ne!(plain.clone().with_groups([1]).line(), plain.line());
        let slow = plain.clone().with_interval(Duration::MAX, Duration::MAX);
        assert_eq!(slow.line(), plain.line());
    }
}
