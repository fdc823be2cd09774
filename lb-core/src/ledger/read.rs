// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads a ledger file, damaged or not.

use lb_ipvs::{Owned, OwnedChange, Record, ServiceKey, SyncState};

use super::line::{Checksum, Header, Line, Unusable};
use super::{Identity, version1};

/// Where and why a ledger file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
#[non_exhaustive]
pub struct FormatError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a line of a ledger file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The first line is not that of a ledger.
    #[error("not a ledger")]
    Header,
    /// Written by a version of this program that this one does not know.
    #[error("format version {found} is not known")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// The snapshot has fewer lines than its header counts.
    #[error("the file is truncated, {missing} line(s) are missing")]
    Truncated {
        /// Lines that are missing.
        missing: usize,
    },
    /// The last line has no end: the process died while writing it.
    #[error("the line is cut short")]
    Cut,
    /// The line is not as it was written.
    #[error("the checksum does not match")]
    Checksum,
    /// The line is intact and unknown.
    #[error("the content is not known")]
    Content,
}

/// Lines of a ledger that do not count. Nothing else of the file is affected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{lines} line(s) are damaged, the first: {first}")]
#[non_exhaustive]
pub struct Damage {
    /// Number of damaged lines.
    pub lines: usize,
    /// The first of them.
    pub first: FormatError,
}

/// The content of a file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) owned: Owned,
    pub(super) sync: Vec<SyncState>,
}

impl Contents {
    /// Takes in a line behind the first.
    fn apply(&mut self, line: Line) {
        let step = match line {
            Line::Ledger(_) => return,
            Line::Sync(states) => {
                self.sync = states.into_iter().map(Into::into).collect();
                return;
            }
            Line::Service(key, form) => {
                let key = ServiceKey::from(key);
                let record = form.map_or(Record::Unconfirmed, |form| form.record(key));
                OwnedChange::Service(key, Some(record))
            }
            Line::Destination(key, address, form) => {
                let record = form.map_or(Record::Unconfirmed, |form| form.record(address));
                OwnedChange::Destination(key.into(), address, Some(record))
            }
            Line::Released(key, None) => OwnedChange::Service(key.into(), None),
            Line::Released(key, Some(address)) => {
                OwnedChange::Destination(key.into(), address, None)
            }
        };
        self.owned.apply(step);
    }
}

/// Whose ledger a file is.
pub(super) enum Found {
    Own(Contents, Option<Damage>),
    Foreign(Identity),
}

/// Reads a file of either format.
pub(super) fn read(bytes: &[u8], identity: &Identity) -> Result<Found, FormatError> {
    if version1::is_format(bytes) {
        let (found, contents) = version1::read(bytes)?;
        return Ok(if found == *identity {
            Found::Own(contents, None)
        } else {
            Found::Foreign(found)
        });
    }
    let mut faults: Vec<FormatError> = Vec::new();
    let mut fault = |line, fault| faults.push(FormatError { line, fault });
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // what follows the last newline is a line whose writing was cut short
    let cut = lines.pop().is_some_and(|rest| !rest.is_empty());
    let count = lines.len();
    let mut lines = lines.into_iter().zip(1..);
    let first = lines.next();
    let expected = match first.map(|(line, _)| Line::decode(line, Checksum::PLAIN)) {
        Some(Ok(Line::Ledger(header))) if header.version != Header::VERSION => {
            let found = header.version;
            return Err(FormatError {
                line: 1,
                fault: Fault::Version { found },
            });
        }
        Some(Ok(Line::Ledger(header))) => {
            let found = Identity {
                boot_id: header.boot,
                namespace: header.netns,
            };
            if found != *identity {
                return Ok(Found::Foreign(found));
            }
            Some(header.lines)
        }
        _ => {
            fault(1, Fault::Header);
            None
        }
    };
    let seed = Checksum::seed(identity);
    let (mut contents, mut usable) = (Contents::default(), 0);
    for (line, number) in lines {
        match Line::decode(line, seed) {
            Err(Unusable::Checksum) => fault(number, Fault::Checksum),
            Err(Unusable::Content) | Ok(Line::Ledger(_)) => fault(number, Fault::Content),
            Ok(line) => {
                contents.apply(line);
                usable += 1;
            }
        }
    }
    if cut && count > 0 {
        fault(count + 1, Fault::Cut);
    }
    if let Some(missing) = expected.and_then(|lines| (lines + 1).checked_sub(count))
        && missing > 0
    {
        fault(count + 1, Fault::Truncated { missing });
    }
    let lines = faults.len();
    match faults.into_iter().next() {
        Some(first) if expected.is_none() && usable == 0 => Err(first),
        first => Ok(Found::Own(
            contents,
            first.map(|first| Damage { lines, first }),
        )),
    }
}
