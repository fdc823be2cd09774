// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a configuration block looks like to a factory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::FileWeight;

/// One line of a check's block, with the block it opens if it does; the check itself is the
/// outermost one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Arguments {
    /// The keyword.
    pub name: String,
    /// The words after it, quotes removed.
    pub values: Vec<String>,
    /// The rest of the line as it stands there, not split, quotes kept. May be empty when the
    /// arguments do not come from a file; [`values`](Self::values) then holds all there is.
    pub raw: String,
    /// The lines of its block.
    pub children: Vec<Self>,
    /// Whether it has a block, which may be empty.
    pub has_block: bool,
    /// An opaque position; an [`ArgumentError`] gives it back.
    pub tag: usize,
}

impl Arguments {
    /// A keyword with values: `path /index.html`.
    #[must_use]
    pub fn line<V: Into<String>>(
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self {
            name: name.into(),
            values: values.into_iter().map(Into::into).collect(),
            raw: String::new(),
            children: Vec::new(),
            has_block: false,
            tag: 0,
        }
    }

    /// A keyword with a block: `url { … }`.
    #[must_use]
    pub fn block(name: impl Into<String>, children: impl IntoIterator<Item = Self>) -> Self {
        Self {
            children: children.into_iter().collect(),
            has_block: true,
            ..Self::line(name, [] as [String; 0])
        }
    }

    /// A keyword with a time: `connect_timeout 2.5`. Times have six decimals.
    #[must_use]
    pub fn seconds(name: impl Into<String>, time: Duration) -> Self {
        let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
        let text = text.trim_end_matches('0').trim_end_matches('.');
        Self::line(name, [text])
    }

    /// Sets the position that errors give back.
    #[must_use]
    pub const fn with_tag(mut self, tag: usize) -> Self {
        self.tag = tag;
        self
    }

    /// Sets the unsplit rest of the line.
    #[must_use]
    pub fn with_raw(mut self, raw: impl Into<String>) -> Self {
        self.raw = raw.into();
        self
    }
}

/// The surroundings of a check for its factory: values of its real server, virtual server and the
/// global definitions.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CheckContext {
    /// The virtual server as it is named in logs: `[192.168.1.50]:tcp:80`.
    pub virtual_server: String,
    /// The real server.
    pub real_server: SocketAddr,
    /// `delay_loop` of the virtual server (the default of `misc_timeout`).
    pub delay_loop: Duration,
    /// `connect_timeout` of the check, else of its real server, virtual server or the defaults.
    pub connect_timeout: Duration,
    /// `virtualhost` of the real server, else of the virtual server.
    pub virtualhost: Option<String>,
    /// `virtualhost` of the virtual server: the server name of TLS does not come from the real server.
    pub service_virtualhost: Option<String>,
    /// Script settings of the global definitions.
    pub scripts: ScriptRules,
    /// The tracked files by name, with the factor that holds where a check has none.
    pub tracked_files: Option<Arc<BTreeMap<String, FileWeight>>>,
    /// The client of `SSL_GET`, with the certificate of the block `SSL`.
    #[cfg(feature = "tls")]
    pub tls_client: Option<crate::TlsClient>,
}

impl CheckContext {
    /// A context with keepalived's defaults: `delay_loop` 60 s, `connect_timeout` 5 s.
    #[must_use]
    pub const fn new(real_server: SocketAddr) -> Self {
        Self {
            virtual_server: String::new(),
            real_server,
            delay_loop: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            virtualhost: None,
            service_virtualhost: None,
            scripts: ScriptRules {
                default_user: None,
                usual_user: false,
                secure: false,
                supplementary_groups: false,
            },
            tracked_files: None,
            #[cfg(feature = "tls")]
            tls_client: None,
        }
    }
}

/// The user of scripts that name none, and whether root may run any script.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ScriptRules {
    /// User and group (`script_user`).
    pub default_user: Option<(String, Option<String>)>,
    /// Where there is no `default_user` it is `keepalived_script`, if the machine has that. Looked up
    /// when there is a script: the user database brings libraries with it, half a megabyte.
    pub usual_user: bool,
    /// Scripts run by root that others could change are refused, and so are scripts without a user
    /// (`enable_script_security`).
    pub secure: bool,
    /// Scripts with a user are in all the groups that this user is in (`set_supplementary_groups`).
    pub supplementary_groups: bool,
}

/// Whether a finding prevents the check.
#[expect(clippy::exhaustive_enums, reason = "a factory needs no finer scale")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Severity {
    /// The configuration is wrong.
    Error,
    /// The configuration is valid and probably not intended.
    Warning,
}

/// A finding about a check's block.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{problem}")]
#[non_exhaustive]
pub struct ArgumentError {
    /// [`Arguments::tag`] of the line concerned.
    pub tag: usize,
    /// Error or warning.
    pub severity: Severity,
    /// The fault.
    pub problem: Problem,
    /// The valid form, if it is known; for an unknown keyword see [`Problem::UnknownKeyword`].
    pub suggestion: Option<String>,
}

impl ArgumentError {
    /// An error on the line of `arguments`.
    #[must_use]
    pub const fn error(arguments: &Arguments, problem: Problem) -> Self {
        Self {
            tag: arguments.tag,
            severity: Severity::Error,
            problem,
            suggestion: None,
        }
    }

    /// A warning on the line of `arguments`.
    #[must_use]
    pub const fn warning(arguments: &Arguments, problem: Problem) -> Self {
        Self {
            tag: arguments.tag,
            severity: Severity::Warning,
            problem,
            suggestion: None,
        }
    }

    /// Adds the valid form.
    #[must_use]
    pub fn with_suggestion(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

/// The fault of a line. `Display` gives the message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// An unknown keyword in this block.
    #[error("unknown keyword '{keyword}' in {block}")]
    UnknownKeyword {
        /// The keyword.
        keyword: String,
        /// The block it stands in.
        block: String,
        /// The keywords that may stand there.
        expected: Vec<&'static str>,
    },
    /// A required keyword is missing.
    #[error("{block} needs '{keyword}'")]
    Missing {
        /// The keyword.
        keyword: &'static str,
        /// The block that requires it.
        block: String,
    },
    /// A keyword without its value.
    #[error("'{keyword}' needs {wants}")]
    MissingValue {
        /// The keyword.
        keyword: String,
        /// A description of the missing value.
        wants: &'static str,
    },
    /// A value that is not what the keyword takes.
    #[error("'{value}' is not {wants}")]
    InvalidValue {
        /// The value.
        value: String,
        /// What the keyword takes.
        wants: String,
    },
    /// More words than the keyword takes; they are ignored.
    #[error("'{keyword}' takes no further word: '{words}' is ignored")]
    ExtraWords {
        /// The keyword.
        keyword: String,
        /// The words.
        words: String,
    },
    /// The keyword stands there twice.
    #[error("'{keyword}' is given twice, the {counts} one counts")]
    Repeated {
        /// The keyword.
        keyword: String,
        /// `first` or `last`.
        counts: &'static str,
    },
    /// A keyword that is understood but changes nothing here.
    #[error("'{keyword}' has no effect in {block}")]
    NoEffect {
        /// The keyword.
        keyword: String,
        /// The block it stands in.
        block: String,
    },
    /// A keyword of keepalived that this version does not implement.
    #[error("'{keyword}' is not supported")]
    Unsupported {
        /// The keyword.
        keyword: String,
    },
    /// A program that cannot be executed on this host.
    #[error("cannot execute '{program}': {why}")]
    NotExecutable {
        /// The program.
        program: String,
        /// The reason.
        why: String,
    },
    /// A script that others than its user can change. It runs.
    #[error("security: {program} is {risk}")]
    Insecure {
        /// The program.
        program: String,
        /// Who can change what.
        risk: String,
    },
    /// A script that script security does not let run.
    #[error("security: {program} is refused: {risk}")]
    Refused {
        /// The program.
        program: String,
        /// The reason.
        risk: String,
    },
    /// A word that only a shell would understand, as an argument of a program.
    #[error("'{word}' is an argument of the program: no shell runs the command")]
    ShellSyntax {
        /// The word.
        word: String,
    },
    /// A finding of a factory that is not one of the built-in ones.
    #[error("{0}")]
    Other(String),
}
