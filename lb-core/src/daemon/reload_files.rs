// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that a reload writes: `reload_file`, and the log of `reload_check_config`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use lb_host::file;

use crate::model::ReloadFile;

/// The file of `reload_file` without a path.
const USUAL: &str = "/run/keepalived.reload";
/// Mode of the files.
const MODE: u32 = 0o600;

/// The file of `reload_file`, which exists while the configuration is read. Dropping this removes it.
#[derive(Debug)]
pub(super) struct Marker(Option<PathBuf>);

impl Marker {
    /// Creates the file, or empties the one that exists. An error is logged.
    pub(super) fn create(file: Option<&ReloadFile>) -> Self {
        let path = match file {
            Some(ReloadFile::Default) => Path::new(USUAL),
            Some(ReloadFile::Path(path)) => path,
            None => return Self(None),
        };
        match write(path, &[]) {
            Ok(()) => Self(Some(path.to_owned())),
            Err(error) => {
                tracing::warn!(%error, "cannot create reload_file {}", path.display());
                Self(None)
            }
        }
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        let Some(path) = &self.0 else { return };
        if let Err(error) = std::fs::remove_file(path) {
            tracing::warn!(%error, "cannot remove reload_file {}", path.display());
        }
    }
}

/// Writes the findings of a configuration, one line each. An error is logged.
pub(super) fn write_findings(path: &Path, findings: &[String]) {
    let text: String = findings.iter().flat_map(|line| [line, "\n"]).collect();
    if let Err(error) = write(path, text.as_bytes()) {
        tracing::warn!(%error, "cannot write the findings to {}", path.display());
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = file::open_for_writing(path, MODE)?;
    file.set_len(0)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_exists_until_the_configuration_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reload");
        std::fs::write(&path, "old").unwrap();
        let marker = Marker::create(Some(&ReloadFile::Path(path.clone())));
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        drop(marker);
        assert!(!path.exists());
        drop(Marker::create(None));
    }

    #[test]
    fn a_link_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        std::fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        drop(Marker::create(Some(&ReloadFile::Path(link.clone()))));
        write_findings(&link, &["a".to_owned()]);
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
        assert!(link.is_symlink());
    }

    #[test]
    fn findings_replace_the_earlier_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        write_findings(&path, &["a long line".to_owned(), "another".to_owned()]);
        let findings = ["one", "two"].map(str::to_owned);
        write_findings(&path, &findings);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }
}
