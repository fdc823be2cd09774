// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger: what in the data plane is ours, kept in a file so that a restart knows.
//!
//! IPVS entries carry no owner. The ledger says which services, destinations and sync daemons are
//! ours and what was last asked for each ([`Record`](crate::plan::Record)); what it does not name is
//! never touched. [`Reconciler`](crate::dataplane::Reconciler) writes it around every change:
//!
//! 1. the **intent**: all that is ours or about to be, with what is about to change marked `?`;
//! 2. the kernel's change;
//! 3. the **settlement**: what is ours now, confirmed.
//!
//! # A crash at any moment
//! | the process dies | file says | kernel has | the next start |
//! |---|---|---|---|
//! | before 1 | old | old | goes on from the old state |
//! | inside 1 | old, and a line without newline | old | drops that line, goes on from the old state |
//! | between 1 and 2, adding | ours? | nothing | adds it if still desired; else there is nothing to delete |
//! | between 1 and 2, editing | ours? | old | makes it as desired |
//! | between 1 and 2, deleting | ours? | old | deletes it if still not desired |
//! | inside 2 | ours? | a part | as above, object by object |
//! | between 2 and 3 | ours? | new | finds it as desired, or makes it so; settles |
//!
//! The other order — kernel first, file second — would leave, between the two, objects in the kernel
//! that no later start knows to be ours: if the configuration drops them meanwhile they stay for
//! ever. This order can at the worst claim an object that another hand made, equal in address,
//! between our crash and our next start.
//!
//! # The file
//! A snapshot and a journal behind it: text, one line for one service. A change appends one line, so
//! its cost does not grow with the table; when the journal has outgrown the snapshot a new file is
//! written beside it, synced and renamed over it. Appends are not synced: they survive the death of
//! the process, and when the machine dies the kernel's table dies with it. For the same reason a
//! ledger of another boot or another network namespace counts for nothing. One that cannot be read is
//! set aside as `FILE.corrupt`; the daemon then owns nothing and adopts what is desired.

mod format;
mod identity;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use lb_ipvs::{ServiceKey, SyncState};

pub use format::{Fault, FormatError};
pub use identity::Identity;

use crate::plan::{Owned, OwnedService};
use format::Line;

/// A journal shorter than this is never worth a new snapshot.
const JOURNAL_MIN: usize = 1024;

/// The ledger cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the ledger {}", path.display())]
#[non_exhaustive]
pub struct LedgerError {
    /// What was tried: `read`, `write`, `append to`, `set aside`, `remove`.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

/// What [`Ledger::open`] found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Opened {
    /// There was no file.
    Fresh,
    /// A ledger of this boot and namespace.
    Loaded,
    /// A ledger of an earlier boot or of another network namespace; it counts for nothing.
    Foreign(Identity),
    /// The file could not be understood and was renamed. Nothing is known to be ours.
    SetAside {
        /// Where it is now.
        path: PathBuf,
        /// What is wrong with it.
        error: FormatError,
    },
}

/// What in the data plane is ours, in memory and (unless [`Ledger::in_memory`]) in a file.
///
/// # Examples
/// ```
/// use lb_core::ledger::{Identity, Ledger, Opened};
/// use lb_core::plan::{OwnedService, Record};
/// use lb_ipvs::ServiceKey;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("ledger");
/// let identity = Identity { boot_id: "9d0a".into(), namespace: 4_026_531_840 };
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
///
/// let (mut ledger, _) = Ledger::open(&path, identity.clone())?;
/// let service =
///     OwnedService { service: Record::new("wrr", true), destinations: Default::default() };
/// ledger.record([(key, Some(service))])?;
///
/// let (ledger, opened) = Ledger::open(&path, identity)?;
/// assert!(matches!(opened, Opened::Loaded));
/// assert!(ledger.owned().get(&key).is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Ledger {
    owned: Owned,
    sync: Vec<SyncState>,
    store: Option<Store>,
}

#[derive(Debug)]
struct Store {
    path: PathBuf,
    identity: Identity,
    /// The open file; `None` before the first write and after a failed one: the next write is a
    /// whole snapshot then.
    journal: Option<File>,
    journal_lines: usize,
}

impl Ledger {
    /// A ledger without a file: what is ours is forgotten with the process.
    pub const fn in_memory() -> Self {
        Self {
            owned: Owned::EMPTY,
            sync: Vec::new(),
            store: None,
        }
    }

    /// Opens the ledger at `path`, whose directory must exist. Nothing is written yet, except that a
    /// file that cannot be understood is renamed to `PATH.corrupt`.
    ///
    /// # Errors
    /// When the file is there but cannot be read, or cannot be set aside.
    pub fn open(
        path: impl Into<PathBuf>,
        identity: Identity,
    ) -> Result<(Self, Opened), LedgerError> {
        let path = path.into();
        let mut ledger = Self::in_memory();
        let opened = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Opened::Fresh,
            Err(source) => {
                return Err(LedgerError {
                    action: "read",
                    path,
                    source,
                });
            }
            Ok(bytes) => match read(&bytes) {
                Ok((found, owned, sync)) if found == identity => {
                    ledger.owned = owned;
                    ledger.sync = sync;
                    Opened::Loaded
                }
                Ok((found, ..)) => Opened::Foreign(found),
                Err(error) => Opened::SetAside {
                    path: set_aside(&path)?,
                    error,
                },
            },
        };
        ledger.store = Some(Store {
            path,
            identity,
            journal: None,
            journal_lines: 0,
        });
        Ok((ledger, opened))
    }

    /// The services and destinations that are ours.
    pub const fn owned(&self) -> &Owned {
        &self.owned
    }

    /// The sync daemons that are ours.
    pub fn sync_daemons(&self) -> &[SyncState] {
        &self.sync
    }

    /// Notes what of these services is ours now (`None`: nothing), and writes it before it returns.
    ///
    /// # Errors
    /// When the file cannot be written. The ledger in memory is right all the same, and the next change
    /// writes all of it anew.
    pub fn record(
        &mut self,
        services: impl IntoIterator<Item = (ServiceKey, Option<OwnedService>)>,
    ) -> Result<(), LedgerError> {
        let mut lines = String::new();
        let mut count = 0;
        for (key, service) in services {
            if self.owned.get(&key) == service.as_ref() {
                continue;
            }
            if self.store.is_some() {
                format::write_service(&mut lines, &key, service.as_ref());
                count += 1;
            }
            self.owned.set(key, service);
        }
        self.write(&lines, count)
    }

    /// Notes which sync daemons are ours now, and writes it before it returns.
    ///
    /// # Errors
    /// As [`Ledger::record`].
    pub fn record_sync_daemons(&mut self, states: &[SyncState]) -> Result<(), LedgerError> {
        if self.sync == states {
            return Ok(());
        }
        self.sync = states.to_vec();
        let mut lines = String::new();
        format::write_sync(&mut lines, states);
        self.write(&lines, 1)
    }

    /// Removes the file when nothing is ours: after a stop that removed everything.
    ///
    /// # Errors
    /// When the file is there and cannot be removed.
    pub fn remove_if_empty(&mut self) -> Result<(), LedgerError> {
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        if !self.owned.is_empty() || !self.sync.is_empty() {
            return Ok(());
        }
        store.journal = None;
        match fs::remove_file(&store.path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(LedgerError {
                action: "remove",
                path: store.path.clone(),
                source,
            }),
            _ => Ok(()),
        }
    }

    fn write(&mut self, lines: &str, count: usize) -> Result<(), LedgerError> {
        let limit = JOURNAL_MIN.max(2 * self.owned.len());
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        if count == 0 {
            return Ok(());
        }
        if let Some(journal) = &mut store.journal
            && store.journal_lines + count <= limit
        {
            store.journal_lines += count;
            return journal.write_all(lines.as_bytes()).map_err(|source| {
                // a part of a line may be in the file: start over with a snapshot
                store.journal = None;
                LedgerError {
                    action: "append to",
                    path: store.path.clone(),
                    source,
                }
            });
        }
        store.journal = None;
        let file =
            snapshot(&store.path, &store.identity, &self.owned, &self.sync).map_err(|source| {
                LedgerError {
                    action: "write",
                    path: store.path.clone(),
                    source,
                }
            })?;
        store.journal = Some(file);
        store.journal_lines = 0;
        Ok(())
    }
}

/// Writes a whole ledger beside `path`, syncs it, and renames it over `path`. Returns the file, open
/// for appending.
fn snapshot(
    path: &Path,
    identity: &Identity,
    owned: &Owned,
    sync: &[SyncState],
) -> io::Result<File> {
    let mut text = String::new();
    format::write_header(
        &mut text,
        identity,
        owned.len() + usize::from(!sync.is_empty()),
    );
    for (key, service) in owned.iter() {
        format::write_service(&mut text, key, Some(service));
    }
    if !sync.is_empty() {
        format::write_sync(&mut text, sync);
    }
    let beside = with_suffix(path, ".new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    Ok(file)
}

fn read(bytes: &[u8]) -> Result<(Identity, Owned, Vec<SyncState>), FormatError> {
    let at = |line: usize| move |fault| FormatError { line, fault };
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        return Err(at(1)(Fault::Header));
    };
    // what follows the last newline is a line whose writing was cut short: it never counted
    let whole = bytes.split_at(end).0;
    let mut lines = whole
        .split(|byte| *byte == b'\n')
        .map(|line| std::str::from_utf8(line).map_err(|_| Fault::Encoding))
        .zip(1..);
    let (header, _) = lines.next().ok_or_else(|| at(1)(Fault::Header))?;
    let (identity, expected) = header.and_then(format::parse_header).map_err(at(1))?;
    let (mut owned, mut sync, mut last) = (Owned::EMPTY, Vec::new(), 1);
    for (line, number) in lines {
        match line.and_then(format::parse_line).map_err(at(number))? {
            Line::Own(key, service) => owned.set(key, Some(service)),
            Line::Drop(key) => owned.set(key, None),
            Line::Sync(states) => sync = states,
        }
        last = number;
    }
    match (expected + 1).checked_sub(last) {
        Some(missing) if missing > 0 => Err(at(last + 1)(Fault::Truncated { missing })),
        _ => Ok((identity, owned, sync)),
    }
}

/// Reads a ledger and leaves it as it is, for a program beside the daemon that keeps it: whose table
/// it is about and what is the daemon's own. `None` when there is no ledger.
///
/// # Errors
/// When the file cannot be read or understood.
///
/// # Examples
/// ```
/// assert!(lb_core::ledger::peek("/nowhere/lb.sock.ledger".as_ref())?.is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn peek(path: &Path) -> io::Result<Option<(Identity, Owned)>> {
    match fs::read(path) {
        Ok(bytes) => match read(&bytes) {
            Ok((identity, owned, _)) => Ok(Some((identity, owned))),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn set_aside(path: &Path) -> Result<PathBuf, LedgerError> {
    let aside = with_suffix(path, ".corrupt");
    fs::rename(path, &aside).map_err(|source| LedgerError {
        action: "set aside",
        path: path.to_owned(),
        source,
    })?;
    Ok(aside)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests;
