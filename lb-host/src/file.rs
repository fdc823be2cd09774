// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of a daemon in folders that other users may write to.
//!
//! A symbolic link is never followed, only regular files are opened (a FIFO would block, a device
//! would be written to), and modes are those given, whatever the umask of the process is.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// Flags of every open: no link at the end of the path, no wait for the other end of a FIFO.
fn flags() -> i32 {
    (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits()
}

/// Opens a regular file for reading and writing; makes it with `mode` if it does not exist. What is in
/// it stays.
///
/// # Errors
/// That of the kernel: `ELOOP` for a symbolic link. [`io::ErrorKind::InvalidInput`] if it is no regular
/// file.
pub fn open_for_writing(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(mode);
    options.custom_flags(flags());
    // Two steps, so that the mode of a file that exists stays as it is.
    loop {
        match options.create_new(false).open(path) {
            Ok(file) => return regular(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        match options.create_new(true).open(path) {
            Ok(file) => {
                file.set_permissions(Permissions::from_mode(mode))?;
                return Ok(file);
            }
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads a regular file.
///
/// # Errors
/// As [`open_for_writing`], and [`io::ErrorKind::NotFound`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags()).open(path)?;
    let mut bytes = Vec::new();
    regular(file, path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes a new file with `mode`, open for appending.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is anything at `path`, even a link to nothing.
pub fn create(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true).mode(mode);
    let file = options.custom_flags(flags()).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Replaces the file at `path` by one with `bytes` and `mode`: a reader sees the whole old file or the
/// whole new one. A link at `path` is replaced, its target stays as it is.
///
/// # Errors
/// When the file cannot be written, or something else than a file or link is at `path`.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    if let Ok(metadata) = path.symlink_metadata()
        && !metadata.is_file()
        && !metadata.is_symlink()
    {
        return Err(not_regular(path));
    }
    let (mut file, beside) = create_beside(path, mode)?;
    let written = file.write_all(bytes);
    let replaced = written.and_then(|()| fs::rename(&beside, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&beside);
    }
    replaced
}

/// A new file beside `path`, with a name that no file has.
fn create_beside(path: &Path, mode: u32) -> io::Result<(File, PathBuf)> {
    for number in 0..u32::MAX {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}-{number}", std::process::id()));
        let beside = PathBuf::from(name);
        match create(&beside, mode) {
            Ok(file) => return Ok((file, beside)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes a directory and those above it with `mode`; one that exists stays as it is.
///
/// # Errors
/// When one of them cannot be made, or is something else than a directory.
pub fn create_directory(path: &Path, mode: u32) -> io::Result<()> {
    if path.is_dir() || path.as_os_str().is_empty() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_directory(parent, mode)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

fn regular(file: File, path: &Path) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(not_regular(path))
    }
}

fn not_regular(path: &Path) -> io::Error {
    let text = format!("{} is not a regular file", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::errno::Errno;
    use nix::sys::stat::Mode;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn neither_links_nor_fifos_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link, fifo] = ["target", "link", "fifo"].map(|name| folder.path().join(name));
        fs::write(&target, "text").unwrap();
        symlink(&target, &link).unwrap();
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        for opened in [
            open_for_writing(&link, 0o600).map(drop),
            read(&link).map(drop),
        ] {
            let error = opened.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::ELOOP as i32), "{error}");
        }
        for opened in [
            open_for_writing(&fifo, 0o600).map(drop),
            read(&fifo).map(drop),
            replace(&fifo, b"", 0o600),
            read(folder.path()).map(drop),
        ] {
            assert!(opened.is_err());
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "text");
    }

    #[test]
    fn a_file_that_exists_keeps_its_contents_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "text").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        open_for_writing(&path, 0o600).unwrap();
        assert_eq!(
            (read(&path).unwrap().as_slice(), mode(&path)),
            (&b"text"[..], 0o640)
        );
        assert!(create(&path, 0o600).is_err());
    }

    #[test]
    fn modes_are_those_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        open_for_writing(&path("opened"), 0o646).unwrap();
        create(&path("created"), 0o646).unwrap();
        create_directory(&path("a/b"), 0o757).unwrap();
        create_directory(&path("a/b"), 0o700).unwrap();
        replace(&path("replaced"), b"1", 0o606).unwrap();
        let modes = ["opened", "created", "a", "a/b", "replaced"].map(|name| mode(&path(name)));
        assert_eq!(modes, [0o646, 0o646, 0o757, 0o757, 0o606]);
    }

    #[test]
    fn a_link_is_replaced_and_its_target_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        fs::write(&target, "old").unwrap();
        symlink(&target, &link).unwrap();
        replace(&link, b"new", 0o600).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(fs::read_to_string(&link).unwrap(), "new");
        assert!(!link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
