// SPDX-License-Identifier: MIT OR Apache-2.0
//! The file of the control socket: made with its mode, replaced only if it is a socket on which no
//! process listens.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen as listen_on,
    socket,
};
use nix::sys::stat::{Mode, fchmod};
use tokio::net::UnixListener;

use super::ServeError;

/// Mode of the socket: for the user of the daemon alone.
const MODE: u32 = 0o600;
/// Connections that may wait.
const BACKLOG: i32 = 1024;

/// Opens the socket at `path`.
pub(super) fn listen(path: &Path) -> Result<UnixListener, ServeError> {
    remove_stale(path)?;
    bind_to(path).map_err(|source| ServeError::Io {
        path: path.to_owned(),
        source,
    })
}

/// Device and inode of a file; none if it does not exist.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = path.symlink_metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Removes the socket of a process that has ended.
fn remove_stale(path: &Path) -> Result<(), ServeError> {
    let fail = |source| ServeError::Io {
        path: path.to_owned(),
        source,
    };
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(ServeError::NotASocket {
            path: path.to_owned(),
        });
    }
    if is_answered(path).map_err(fail)? {
        return Err(ServeError::InUse {
            path: path.to_owned(),
        });
    }
    fs::remove_file(path).map_err(fail)
}

/// Whether a process listens on a socket.
fn is_answered(path: &Path) -> io::Result<bool> {
    let client = stream()?;
    match connect(client.as_raw_fd(), &UnixAddr::new(path)?) {
        // EAGAIN: more connections wait than the process allows.
        Ok(()) | Err(Errno::EAGAIN) => Ok(true),
        Err(Errno::ECONNREFUSED | Errno::ENOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn bind_to(path: &Path) -> io::Result<UnixListener> {
    let server = stream()?;
    // The file gets the mode of the descriptor, less the umask; so no other user can connect before the
    // mode is set in full.
    fchmod(&server, Mode::from_bits_truncate(MODE))?;
    bind(server.as_raw_fd(), &UnixAddr::new(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    listen_on(&server, Backlog::new(BACKLOG)?)?;
    UnixListener::from_std(server.into())
}

/// A socket whose calls do not wait.
fn stream() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(AddressFamily::Unix, SockType::Stream, flags, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_socket_without_a_listener_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lb.sock");
        let first = listen(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        let refused = listen(&path).unwrap_err();
        assert!(matches!(refused, ServeError::InUse { .. }), "{refused}");
        drop(first);
        listen(&path).unwrap();
    }

    #[tokio::test]
    async fn another_file_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lb.conf");
        fs::write(&file, "precious\n").unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link, &directory.path().to_owned()] {
            let refused = listen(path).unwrap_err();
            assert!(
                matches!(refused, ServeError::NotASocket { .. }),
                "{refused}"
            );
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious\n");
    }
}
