// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger: the objects of the data plane that this program owns, in a file that survives it.
//!
//! IPVS entries carry no owner. The ledger lists the owned services, destinations and sync daemons with
//! the last confirmed configuration of each ([`Record`](lb_ipvs::Record)); objects that are not in
//! the ledger are never touched. [`TableReconciler`](crate::dataplane::TableReconciler) writes around every change:
//!
//! 1. the **intent**: each object that is about to change, as owned and not confirmed;
//! 2. the change of the kernel's table;
//! 3. the **result**: the same objects, as confirmed or as no longer owned.
//!
//! So at every moment the ledger names at least the objects in the kernel that are owned. If it cannot be
//! written, the change is made all the same, with an error in the log; a crash before the next successful
//! write can then leave an object that no start knows as owned.
//!
//! # A crash at any moment
//! | the process dies | ledger | kernel | the next start |
//! |---|---|---|---|
//! | before 1 | old | old | continues from the old state |
//! | inside 1 | old, or a part of the intent | old | continues from the old state |
//! | between 1 and 2, adding | not confirmed | nothing | adds the object if still desired |
//! | between 1 and 2, editing | not confirmed | old | makes the object as desired |
//! | between 1 and 2, deleting | not confirmed | old | deletes the object if still not desired |
//! | inside 2 | not confirmed | a part | as above, object by object |
//! | between 2 and 3 | not confirmed | new | finds the object as desired, or changes it, and confirms |
//!
//! The other order (kernel first, file second) would leave objects in the kernel that no later start
//! knows as owned: if the configuration drops them meanwhile, they stay. With this order the worst case
//! is that an object is taken as owned which another program made between the crash and the next start,
//! with the same address.
//!
//! # The file
//! Text; after a header one line per object, each a checksum and a JSON document: a snapshot and behind
//! it a journal, in which a later line about an object replaces an earlier one. A change appends the
//! lines of the objects that it touches, so a change of one destination costs two lines whatever the
//! size of its service. When the journal is longer than 64 KiB and than twice the snapshot, a new
//! snapshot is written beside the file, synced, and renamed over it.
//!
//! Appended lines are not synced: the page cache survives the death of the process, and when the machine
//! dies, the kernel's table dies with it. For the same reason a ledger of an earlier boot, or of another
//! network namespace, is ignored. What must hold is the order of writes and the atomic replacement.
//!
//! A damaged line is left out and reported; the checksums depend on boot and namespace, so neither damage
//! nor a foreign file adds an object. A file without a usable line is renamed to `FILE.corrupt`; then
//! nothing is owned, and what is desired is adopted.

mod identity;
mod line;
mod read;
mod store;
mod version1;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lb_host::file;
use lb_ipvs::{Owned, OwnedChange, ServiceKey, SyncState, Table};

pub use identity::Identity;
pub use read::{Damage, Fault, FormatError};

use line::Line;
use read::{Contents, Found, read};
use store::Store;

/// Mode of the copy of a damaged ledger.
const COPY_MODE: u32 = 0o600;

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
    /// A ledger of this boot and namespace, of which some lines are damaged. The others count.
    Damaged {
        /// A copy of the file, unless it could not be made.
        copy: Option<PathBuf>,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A ledger of an earlier boot or of another network namespace; it counts for nothing.
    Foreign(Identity),
    /// The file could not be understood and was renamed. Nothing is known to be owned.
    SetAside {
        /// Where it is now.
        path: PathBuf,
        /// What is wrong with it.
        error: FormatError,
    },
}

/// What of the data plane is owned, in memory and (unless [`Ledger::in_memory`]) in a file.
///
/// # Examples
/// ```
/// use lb_core::ledger::{Identity, Ledger, Opened};
/// use lb_core::ipvs::{OwnedChange, Record, ServiceKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("ledger");
/// let identity = Identity { boot_id: "9d0a".into(), namespace: 4_026_531_840 };
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
///
/// let (mut ledger, _) = Ledger::open(&path, identity.clone())?;
/// ledger.record([OwnedChange::Service(key, Some(Record::Unconfirmed))])?;
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

impl Ledger {
    /// A ledger without a file: what is owned is forgotten with the process.
    #[must_use]
    pub const fn in_memory() -> Self {
        Self {
            owned: Owned::new(),
            sync: Vec::new(),
            store: None,
        }
    }

    /// Opens the ledger at `path`, whose directory must exist. The file is left as it is, except that
    /// one without a usable line is renamed to `PATH.corrupt`, and a damaged one is copied there.
    ///
    /// # Errors
    /// When the file is there but cannot be read, or cannot be set aside.
    pub fn open(
        path: impl Into<PathBuf>,
        identity: Identity,
    ) -> Result<(Self, Opened), LedgerError> {
        let path = path.into();
        let found = match file::read(&path) {
            Ok(bytes) => Some(read(&bytes, &identity)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failure("read", &path)(source)),
        };
        let mut contents = Contents::default();
        let opened = match found {
            None => Opened::Fresh,
            Some(Ok(Found::Own(own, None))) => {
                contents = own;
                Opened::Loaded
            }
            Some(Ok(Found::Own(own, Some(damage)))) => {
                contents = own;
                let copy = with_suffix(&path, ".corrupt");
                let bytes = file::read(&path);
                let copied = bytes.and_then(|bytes| file::replace(&copy, &bytes, COPY_MODE));
                let copied = copied.is_ok();
                Opened::Damaged {
                    copy: copied.then_some(copy),
                    damage,
                }
            }
            Some(Ok(Found::Foreign(identity))) => Opened::Foreign(identity),
            Some(Err(error)) => {
                let aside = with_suffix(&path, ".corrupt");
                fs::rename(&path, &aside).map_err(failure("set aside", &path))?;
                Opened::SetAside { path: aside, error }
            }
        };
        let ledger = Self {
            owned: contents.owned,
            sync: contents.sync,
            store: Some(Store::new(path, identity)),
        };
        Ok((ledger, opened))
    }

    /// The services and destinations that are owned.
    #[must_use]
    pub const fn owned(&self) -> &Owned {
        &self.owned
    }

    /// Has the record of a service use the memory of a table; see [`Owned::share_service`].
    pub fn share_service(&mut self, key: &ServiceKey, table: &Table) {
        self.owned.share_service(key, table);
    }

    /// The sync daemons that are owned.
    #[must_use]
    pub fn sync_daemons(&self) -> &[SyncState] {
        &self.sync
    }

    /// Records what is owned of these objects from now on, and writes a line for each where that differs
    /// from before, before it returns.
    ///
    /// # Errors
    /// When the file cannot be written. The ledger in memory is right all the same, and the next change
    /// writes a whole snapshot.
    pub fn record(
        &mut self,
        steps: impl IntoIterator<Item = OwnedChange>,
    ) -> Result<(), LedgerError> {
        let mut lines = Vec::new();
        for step in steps {
            let line = self.store.is_some().then(|| Line::from(&step));
            if self.owned.apply(step) {
                lines.extend(line);
            }
        }
        self.write(&lines)
    }

    /// Records which sync daemons are owned now, and writes it before it returns.
    ///
    /// # Errors
    /// As [`Ledger::record`].
    pub fn record_sync_daemons(&mut self, states: &[SyncState]) -> Result<(), LedgerError> {
        if self.sync == states {
            return Ok(());
        }
        self.sync = states.to_vec();
        self.write(&[sync_line(states)])
    }

    /// Removes the file when nothing is owned: after a stop that removed everything.
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
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(failure("remove", &store.path)(source))
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, lines: &[Line]) -> Result<(), LedgerError> {
        match &mut self.store {
            Some(store) if !lines.is_empty() => store.write(lines, &self.owned, &self.sync),
            _ => Ok(()),
        }
    }
}

fn sync_line(states: &[SyncState]) -> Line {
    Line::Sync(states.iter().copied().map(Into::into).collect())
}

/// Reads the ledger of another process and leaves it as it is: what that process owns in the table of
/// `identity`. `None` when there is no ledger, or one of another table.
///
/// # Errors
/// When the file cannot be read or understood.
///
/// # Examples
/// ```
/// use lb_core::ledger::{Identity, peek};
///
/// assert!(peek("/nowhere/lb.sock.ledger".as_ref(), &Identity::current()?)?.is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn peek(path: &Path, identity: &Identity) -> io::Result<Option<Owned>> {
    match file::read(path) {
        Ok(bytes) => match read(&bytes, identity) {
            Ok(Found::Own(contents, _)) => Ok(Some(contents.owned)),
            Ok(Found::Foreign(_)) => Ok(None),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn failure(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |source| LedgerError {
        action,
        path,
        source,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests;
