// SPDX-License-Identifier: MIT OR Apache-2.0
//! FIFOs: opened so that neither opening nor writing ever waits for a reader.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{Uid, mkfifo};

use crate::daemon::report;
use crate::model::{Fifo, NotifyFifos};
use crate::notify::{FifoLine, LineKind};

/// Why a FIFO cannot be used.
#[derive(Debug, thiserror::Error)]
enum FifoError {
    #[error("cannot create the FIFO {}", path.display())]
    Create { path: PathBuf, source: Errno },
    #[error("cannot open the FIFO {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is not a FIFO", path.display())]
    Kind { path: PathBuf },
    #[error("the FIFO {} has the owner {uid}", path.display())]
    Owner { path: PathBuf, uid: u32 },
}

/// Device and number of a file.
type Identity = (u64, u64);

/// An open FIFO.
#[derive(Debug)]
struct OpenFifo {
    spec: Fifo,
    file: File,
    /// The file, if this process removes it at its end.
    owned: Option<Identity>,
    /// Lines that found no room since the last that did.
    lost: u64,
}

impl OpenFifo {
    /// Opens a FIFO, and creates it where nothing is. Open for reading, too: the first reader may come
    /// later, and the last may leave. One that was created, or is one of `created`, is removed at the end.
    fn open(spec: Fifo, created: &BTreeSet<Identity>) -> Result<Self, FifoError> {
        let path = || spec.path.clone();
        let is_new = match mkfifo(&spec.path, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(source) => {
                return Err(FifoError::Create {
                    path: path(),
                    source,
                });
            }
        };
        let open_error = |source| FifoError::Open {
            path: path(),
            source,
        };
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(flags.bits());
        // A device must not be opened at all: that may have an effect.
        let found = fs::symlink_metadata(&spec.path).map_err(open_error)?;
        if !found.file_type().is_fifo() {
            return Err(FifoError::Kind { path: path() });
        }
        let file = options.open(&spec.path).map_err(open_error)?;
        let found = file.metadata().map_err(open_error)?;
        if !found.file_type().is_fifo() {
            return Err(FifoError::Kind { path: path() });
        }
        let uid = found.uid();
        let account = spec.account;
        let owners = [
            Some(0),
            Some(Uid::effective().as_raw()),
            account.map(|(uid, _)| uid),
        ];
        if !owners.contains(&Some(uid)) {
            return Err(FifoError::Owner { path: path(), uid });
        }
        if is_new && let Some((uid, gid)) = account {
            fchown(&file, Some(uid), Some(gid)).map_err(open_error)?;
        }
        Ok(Self {
            owned: (is_new || created.contains(&identity(&found))).then(|| identity(&found)),
            spec,
            file,
            lost: 0,
        })
    }

    /// Writes a line; without room it is dropped and counted.
    fn write(&mut self, text: &str) {
        let path = self.spec.path.display();
        // Up to PIPE_BUF bytes are written as a whole or not at all.
        let written = self.file.write(text.as_bytes());
        let problem = match written {
            Ok(bytes) if bytes == text.len() => None,
            Ok(bytes) => Some(format!("{bytes} bytes of {} were written", text.len())),
            Err(error) => Some(error.to_string()),
        };
        match problem {
            None if self.lost == 0 => {}
            None => {
                let lost = std::mem::take(&mut self.lost);
                tracing::warn!(lost, "the FIFO {path} takes lines again");
            }
            Some(problem) => {
                if self.lost == 0 {
                    tracing::warn!("the FIFO {path} takes no line: {problem}");
                }
                self.lost += 1;
            }
        }
    }

    /// Removes the file if this process owns it.
    fn remove(self) {
        let path: &Path = &self.spec.path;
        let is_same =
            |owned| fs::symlink_metadata(path).is_ok_and(|found| identity(&found) == owned);
        if self.owned.is_some_and(is_same)
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!("cannot remove the FIFO {}: {error}", path.display());
        }
    }
}

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// The open FIFOs: for all lines, for those of virtual routers, for those of servers.
#[derive(Debug, Default)]
pub(super) struct Fifos {
    all: Option<OpenFifo>,
    vrrp: Option<OpenFifo>,
    servers: Option<OpenFifo>,
    /// FIFOs that the old process of an upgrade created.
    created_before: BTreeSet<Identity>,
}

impl Fifos {
    /// Removes these FIFOs at the end too, if they are opened: the old process of an upgrade created them.
    pub(super) fn take_over(&mut self, created: BTreeSet<Identity>) {
        self.created_before = created;
    }

    /// The FIFOs that this process removes at its end.
    pub(super) fn owned(&self) -> BTreeSet<Identity> {
        let all = [&self.all, &self.vrrp, &self.servers];
        let open = all.into_iter().flatten();
        open.filter_map(|fifo| fifo.owned).collect()
    }

    /// Opens these FIFOs. One that is open stays open; one that cannot be opened is reported.
    pub(super) fn set(&mut self, fifos: NotifyFifos) {
        for (slot, spec) in [
            (&mut self.all, fifos.all),
            (&mut self.vrrp, fifos.vrrp),
            (&mut self.servers, fifos.servers),
        ] {
            let place = |fifo: &Fifo| (fifo.path.clone(), fifo.account);
            let old = slot.take();
            match (old, spec) {
                (Some(mut open), Some(spec)) if place(&open.spec) == place(&spec) => {
                    open.spec = spec;
                    *slot = Some(open);
                }
                (old, spec) => {
                    old.into_iter().for_each(OpenFifo::remove);
                    *slot = spec.and_then(|spec| {
                        OpenFifo::open(spec, &self.created_before)
                            .map_err(|error| tracing::error!("{}", report::chain(&error)))
                            .ok()
                    });
                }
            }
        }
    }

    /// Writes a line to the FIFOs that get it.
    pub(super) fn write(&mut self, line: &FifoLine) {
        let own = match line.kind {
            LineKind::Vrrp => &mut self.vrrp,
            LineKind::Servers => &mut self.servers,
        };
        for fifo in self.all.iter_mut().chain(own) {
            fifo.write(&line.text);
        }
    }

    /// Closes all, and removes those that this process owns.
    pub(super) fn remove(self) {
        let all = [self.all, self.vrrp, self.servers];
        all.into_iter().flatten().for_each(OpenFifo::remove);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn line(kind: LineKind, text: &str) -> FifoLine {
        FifoLine {
            kind,
            text: format!("{text}\n"),
        }
    }

    fn all(path: &Path) -> NotifyFifos {
        NotifyFifos {
            all: Some(Fifo::new(path)),
            ..NotifyFifos::default()
        }
    }

    fn read(path: &Path) -> String {
        let flags = OFlag::O_NONBLOCK.bits();
        let mut reader = OpenOptions::new();
        let mut reader = reader.read(true).custom_flags(flags).open(path).unwrap();
        let mut text = vec![0; 100_000];
        let count = reader.read(&mut text).unwrap();
        text.truncate(count);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_fifo_is_created_written_without_a_reader_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        let mut fifos = Fifos::default();
        fifos.set(all(&path));
        let found = fs::symlink_metadata(&path).unwrap();
        assert!(found.file_type().is_fifo());
        assert_eq!(found.permissions().mode() & 0o7777, 0o600);
        fifos.write(&line(LineKind::Vrrp, "INSTANCE \"VI_1\" MASTER 100"));
        fifos.write(&line(LineKind::Servers, "VS x UP"));
        assert_eq!(read(&path), "INSTANCE \"VI_1\" MASTER 100\nVS x UP\n");
        // The same file after a reload, and none after one without a FIFO.
        fifos.set(all(&path));
        assert_eq!(
            identity(&found),
            identity(&fs::symlink_metadata(&path).unwrap())
        );
        fifos.set(NotifyFifos::default());
        assert!(!path.exists());
    }

    #[test]
    fn a_full_fifo_costs_lines_and_takes_some_again_once_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        let mut fifos = Fifos::default();
        fifos.set(all(&path));
        for n in 0..100_000 {
            fifos.write(&line(LineKind::Vrrp, &format!("line {n}")));
        }
        let lost = |fifos: &Fifos| fifos.all.as_ref().unwrap().lost;
        assert!(lost(&fifos) > 0);
        let text = read(&path);
        assert!(text.starts_with("line 0\nline 1\n"));
        fifos.write(&line(LineKind::Vrrp, "again"));
        assert_eq!(lost(&fifos), 0);
    }

    #[test]
    fn what_is_not_a_fifo_of_this_process_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "text").unwrap();
        let target = directory.path().join("target");
        mkfifo(&target, Mode::S_IRWXU).unwrap();
        let link = directory.path().join("link");
        symlink(&target, &link).unwrap();
        for path in [&file, &link, &directory.path().join("no/such")] {
            let mut fifos = Fifos::default();
            fifos.set(all(path));
            assert!(fifos.all.is_none(), "{}", path.display());
            fifos.write(&line(LineKind::Vrrp, "text"));
            fifos.remove();
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        assert!(link.is_symlink());

        // One that was there stays at the end, and so does one that took the place of the created one.
        let mut fifos = Fifos::default();
        fifos.set(all(&target));
        assert!(fifos.all.is_some());
        fifos.remove();
        assert!(target.exists());
        let path = directory.path().join("created");
        let mut fifos = Fifos::default();
        fifos.set(all(&path));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "other").unwrap();
        fifos.remove();
        assert_eq!(fs::read_to_string(&path).unwrap(), "other");
    }

    #[test]
    fn each_kind_of_line_has_a_fifo() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mut specs = all(&path("all"));
        specs.vrrp = Some(Fifo::new(path("vrrp")));
        specs.servers = Some(Fifo::new(path("servers")));
        let mut fifos = Fifos::default();
        fifos.set(specs);
        fifos.write(&line(LineKind::Vrrp, "router"));
        fifos.write(&line(LineKind::Servers, "server"));
        assert_eq!(read(&path("all")), "router\nserver\n");
        assert_eq!(read(&path("vrrp")), "router\n");
        assert_eq!(read(&path("servers")), "server\n");
    }
}
