// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors of a file, line by line.

use std::fmt;

use lb_ipvs::{ServiceKey, Subject};

use super::VERSION;
use crate::command::{Command, UsageError};

/// An error in one line.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LineError {
    /// The line, from 1.
    pub line: usize,
    /// The word it is about, with the column in characters, from 1; nothing when it is about the
    /// line as a whole.
    pub word: Option<(usize, String)>,
    /// What is wrong.
    pub problem: LineProblem,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some((column, word)) = &self.word {
            write!(f, ", column {column}, {word}")?;
        }
        write!(f, ": {}", self.problem.to_string().trim_end())
    }
}

impl std::error::Error for LineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}

/// The kinds of [`LineError`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LineProblem {
    /// The header names a version that is not known.
    #[error("this is format {found}; known is {VERSION}")]
    Version {
        /// The version in the header.
        found: String,
    },
    /// The header names something that is not known.
    #[error("the header names {found}, which is not known")]
    Scope {
        /// The word in the header.
        found: String,
    },
    /// The line does not begin with a command.
    #[error("the line does not begin with -A, -a, --set or --start-daemon")]
    NoCommand,
    /// The line is a command that changes or shows a table instead of describing one.
    #[error("{} does not describe a table; -A, -a, --set and --start-daemon do", command.name())]
    Command {
        /// The command.
        command: Command,
    },
    /// The line is not what ipvsadm takes.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// There is no such option.
    #[error("unknown option")]
    UnknownExtension,
    /// The option does not go with the command.
    #[error("the option does not go with {}", command.name())]
    ExtensionCommand {
        /// The command.
        command: Command,
    },
    /// The option and another one set the same value.
    #[error("the option conflicts with another one")]
    ExtensionConflict,
    /// The value of an option is none.
    #[error("the value is not {expected}")]
    ExtensionValue {
        /// What it should be.
        expected: &'static str,
    },
    /// There is one already.
    #[error("{} on line {first} already", is(subject))]
    Duplicate {
        /// The service, destination, sync daemon, or the table for its time-outs.
        subject: Subject,
        /// The line of the first.
        first: usize,
    },
    /// A destination of a service that has not been named.
    #[error("there is no -A line before it for {key}")]
    NoService {
        /// The service.
        key: ServiceKey,
    },
}

fn is(subject: &Subject) -> String {
    match subject {
        Subject::Table => "the time-outs are".to_owned(),
        Subject::SyncDaemon(state) => format!("the sync daemon {state} is"),
        other => format!("{other} is"),
    }
}

/// All errors of a file, in the order of its lines; at least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReadErrors(pub(super) Vec<LineError>);

impl ReadErrors {
    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, LineError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a ReadErrors {
    type Item = &'a LineError;
    type IntoIter = std::slice::Iter<'a, LineError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ReadErrors {
    /// A line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ReadErrors {}
