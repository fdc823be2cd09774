// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that hold a whole table.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use lb_ipvs::Table;
use lb_ipvsadm::table::{self, TableFile};

use crate::{failure::Failure, names::SystemNames};

/// The file is wrong, or is not there; nothing has been changed.
pub(super) const BAD_FILE: u8 = 2;
/// A file could not be written.
const NOT_WRITTEN: u8 = 1;

/// What to take from the table there is instead of from the file.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(super) struct Keep {
    /// Delete nothing: services and destinations that are not in the file stay
    #[arg(long)]
    keep_others: bool,
    /// Leave the weights of destinations that exist as they are
    #[arg(long)]
    keep_weights: bool,
}

impl Keep {
    /// The table that is wanted.
    pub(super) fn desired(self, file: &TableFile, actual: &Table) -> Table {
        let mut desired = file.table().clone();
        if self.keep_others {
            desired.keep_others(actual);
        }
        if self.keep_weights {
            desired.keep_weights(actual);
        }
        desired
    }
}

/// A file, or standard input.
pub(super) fn name(path: &Path) -> String {
    if path == "-" {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Reads the table in a file, `-` for standard input; each mistake is a line of the failure.
pub(super) fn read(path: &Path) -> Result<TableFile, Failure> {
    let mut bytes = Vec::new();
    let outcome = if path == "-" {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    let name = name(path);
    outcome.map_err(|error| Failure::new(BAD_FILE, format!("{name}: cannot read it: {error}")))?;
    // Bytes that are not UTF-8 match no option, address or name: the error names their line.
    let text = String::from_utf8_lossy(&bytes);
    table::read(&text, &SystemNames::new()).map_err(|errors| {
        let lines: Vec<String> = errors
            .iter()
            .map(|error| format!("{name}: {error}"))
            .collect();
        Failure::new(BAD_FILE, lines.join("\n"))
    })
}

/// Writes a table into a file, which is whole at every moment: the old one or the new one.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, text.as_bytes()).map_err(|error| {
        Failure::new(
            NOT_WRITTEN,
            format!("{}: cannot write it: {error}", name(path)),
        )
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What is no file, a terminal or a pipe, cannot be replaced. A link stays one.
    let path = match fs::canonicalize(path) {
        Ok(real) if real.is_file() => real,
        Ok(_) => {
            return fs::OpenOptions::new()
                .write(true)
                .open(path)?
                .write_all(bytes);
        }
        Err(_) => path.to_owned(),
    };
    let mut fresh = OsString::from(&path);
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let outcome = write_new(&fresh, &path, bytes);
    if outcome.is_err() {
        // What matters is the first error.
        let _ = fs::remove_file(&fresh);
    }
    outcome
}

fn write_new(fresh: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(fresh)?;
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(old.permissions())?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules");
        write(&path, "one\n").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, "two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        write(Path::new("/dev/null"), "gone\n").unwrap();
        assert!(!Path::new("/dev/null").is_file());
        let error = write(&folder.path().join("no/such"), "x").unwrap_err();
        assert!(
            error.to_string().contains("no/such: cannot write it"),
            "{error}"
        );
    }
}
