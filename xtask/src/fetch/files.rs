// SPDX-License-Identifier: MIT OR Apache-2.0
//! File operations whose errors name the file.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::FetchError;

/// Ties an I/O error to its file.
pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::File { path, source }
}

pub(super) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<(), FetchError> {
    fs::write(path, text).map_err(file(path))
}

pub(super) fn write_executable(path: &Path, text: impl AsRef<[u8]>) -> Result<(), FetchError> {
    write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(file(path))
}

pub(super) fn create_directory(path: &Path) -> Result<(), FetchError> {
    fs::create_dir_all(path).map_err(file(path))
}

/// Removes a directory with all that is in it; one that does not exist is fine.
pub(super) fn remove(path: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file(path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn read_directory(path: &Path) -> Result<Vec<PathBuf>, FetchError> {
    let entries = fs::read_dir(path).map_err(file(path))?;
    entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(file(path)))
        .collect()
}
