// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file of a ledger: a snapshot, and a journal that is appended to it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use lb_host::file;
use lb_ipvs::{Owned, SyncState};

use super::line::{Checksum, Header, Line};
use super::{Identity, LedgerError, failure, sync_line, with_suffix};

/// Mode of a ledger.
const MODE: u32 = 0o600;

/// A journal up to this length, in bytes, is never replaced by a snapshot.
pub(super) const JOURNAL_MIN: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct Store {
    pub(super) path: PathBuf,
    identity: Identity,
    /// The open file; `None` before the first write and after a failed one: the next write is a
    /// whole snapshot then.
    pub(super) journal: Option<File>,
    /// Length of the journal, in bytes.
    journal_length: u64,
    /// Length of the snapshot before the journal, in bytes.
    snapshot_length: u64,
}

impl Store {
    pub(super) const fn new(path: PathBuf, identity: Identity) -> Self {
        Self {
            path,
            identity,
            journal: None,
            journal_length: 0,
            snapshot_length: 0,
        }
    }

    /// Appends the lines, or writes a snapshot, which contains them.
    pub(super) fn write(
        &mut self,
        lines: &[Line],
        owned: &Owned,
        sync: &[SyncState],
    ) -> Result<(), LedgerError> {
        // an error leaves no journal, because a part of a line may be in the file
        if let Some(mut journal) = self.journal.take() {
            let appended = self.append(&mut journal, lines);
            if appended.map_err(failure("append to", &self.path))? {
                self.journal = Some(journal);
                return Ok(());
            }
        }
        let snapshot = self.snapshot(owned, sync);
        self.journal = Some(snapshot.map_err(failure("write", &self.path))?);
        Ok(())
    }

    /// Whether the lines were appended; not when the journal would become too long.
    fn append(&mut self, journal: &mut File, lines: &[Line]) -> io::Result<bool> {
        let seed = Checksum::seed(&self.identity);
        let mut bytes = Vec::new();
        for line in lines {
            line.encode(seed, &mut bytes)?;
        }
        let length = self.journal_length + bytes.len() as u64;
        if length > JOURNAL_MIN.max(2 * self.snapshot_length) {
            return Ok(false);
        }
        journal.write_all(&bytes)?;
        self.journal_length = length;
        Ok(true)
    }

    /// Writes a whole ledger beside the file, syncs it, and renames it over the file. Returns the new
    /// file, open for appending.
    fn snapshot(&mut self, owned: &Owned, sync: &[SyncState]) -> io::Result<File> {
        let beside = with_suffix(&self.path, ".new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = file::create(&beside, MODE)?;
        let mut lines = Lines::new(file);
        let objects = owned
            .iter()
            .map(|(_, service)| 1 + service.destinations().count());
        lines.write(
            &Line::Ledger(Header {
                version: Header::VERSION,
                boot: self.identity.boot_id.clone(),
                netns: self.identity.namespace,
                lines: objects.sum::<usize>() + usize::from(!sync.is_empty()),
            }),
            Checksum::PLAIN,
        )?;
        let seed = Checksum::seed(&self.identity);
        for (key, service) in owned.iter() {
            lines.write(&Line::service(key, service.service()), seed)?;
            for (address, record) in service.destinations() {
                lines.write(&Line::destination(key, address, &record), seed)?;
            }
        }
        if !sync.is_empty() {
            lines.write(&sync_line(sync), seed)?;
        }
        let (file, length) = lines.finish()?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        if let Some(directory) = self.path.parent().filter(|path| path.is_absolute()) {
            File::open(directory)?.sync_all()?;
        }
        (self.journal_length, self.snapshot_length) = (0, length);
        Ok(file)
    }
}

/// A snapshot while it is written.
struct Lines {
    file: BufWriter<File>,
    line: Vec<u8>,
    length: u64,
}

impl Lines {
    fn new(file: File) -> Self {
        Self {
            file: BufWriter::with_capacity(1 << 16, file),
            line: Vec::new(),
            length: 0,
        }
    }

    fn write(&mut self, line: &Line, seed: Checksum) -> io::Result<()> {
        self.line.clear();
        line.encode(seed, &mut self.line)?;
        self.length += self.line.len() as u64;
        self.file.write_all(&self.line)
    }

    fn finish(self) -> io::Result<(File, u64)> {
        Ok((self.file.into_inner()?, self.length))
    }
}
