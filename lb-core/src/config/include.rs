// SPDX-License-Identifier: MIT OR Apache-2.0
//! `include`: where further texts come from.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::pattern::{self, PatternError};
use super::source::Sources;

/// One file that an `include` names.
pub(super) struct Found {
    /// As it is shown.
    pub(super) name: String,
    /// What makes two names the same file.
    pub(super) identity: PathBuf,
    pub(super) content: Content,
}

pub(super) enum Content {
    Text {
        text: String,
        valid: bool,
    },
    /// Not a regular file, or executable: not a configuration.
    Skipped(&'static str),
    Unreadable(io::Error),
    /// Found and not read.
    NotRead,
}

/// What an `include` names.
#[derive(Default)]
pub(super) struct Matches {
    /// Every match in order.
    pub(super) files: Vec<PathBuf>,
    /// Names without a wildcard that no file has.
    pub(super) missing: Vec<String>,
    /// The pattern has a wildcard.
    pub(super) wildcard: bool,
}

/// Finds what an `include` names.
pub(super) trait Includes {
    /// `None`: this reading follows no `include`.
    fn find(&mut self, pattern: &str, including: &str) -> Option<Result<Matches, PatternError>>;

    /// Reads a match.
    fn read(&mut self, path: &Path) -> Found;

    /// The directory of a file, for `${_PWD}`.
    fn directory(&self, file: &str) -> String;

    /// The content of a small file, such as a key. `None`: this reading opens no file.
    fn secret(&mut self, path: &str) -> Option<io::Result<Vec<u8>>>;
}

/// For a text that does not come from a file.
pub(super) struct Nowhere;

impl Includes for Nowhere {
    fn find(&mut self, _: &str, _: &str) -> Option<Result<Matches, PatternError>> {
        None
    }

    fn read(&mut self, path: &Path) -> Found {
        Found {
            name: path.display().to_string(),
            identity: path.to_owned(),
            content: Content::NotRead,
        }
    }

    fn directory(&self, _: &str) -> String {
        ".".to_owned()
    }

    fn secret(&mut self, _: &str) -> Option<io::Result<Vec<u8>>> {
        None
    }
}

/// For a text out of a file: names are relative to the directory of the including file.
pub(super) struct FileSystem;

impl Includes for FileSystem {
    fn find(&mut self, pattern: &str, including: &str) -> Option<Result<Matches, PatternError>> {
        Some(find(pattern, parent(including)))
    }

    fn read(&mut self, path: &Path) -> Found {
        read(path)
    }

    fn directory(&self, file: &str) -> String {
        let directory = match parent(file) {
            empty if empty.as_os_str().is_empty() => Path::new("."),
            directory => directory,
        };
        let absolute = directory.canonicalize();
        let shown = absolute.as_deref().unwrap_or(directory);
        shown.display().to_string()
    }

    fn secret(&mut self, path: &str) -> Option<io::Result<Vec<u8>>> {
        Some(read_secret(Path::new(path)))
    }
}

fn parent(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or_else(|| Path::new(""))
}

fn find(pattern: &str, directory: &Path) -> Result<Matches, PatternError> {
    // As glob(3): a wildcard stands for no slash, and for no dot at the beginning.
    const OPTIONS: glob::MatchOptions = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let mut matches = Matches::default();
    for alternative in pattern::alternatives(pattern)? {
        if !pattern::has_wildcard(&alternative) {
            let path = directory.join(&alternative);
            if path.symlink_metadata().is_ok() {
                matches.files.push(path);
            } else {
                matches.missing.push(alternative);
            }
            continue;
        }
        matches.wildcard = true;
        // The directory is meant as it is, whatever characters it has.
        let directory = glob::Pattern::escape(&directory.to_string_lossy());
        let path = Path::new(&directory).join(pattern::translated(&alternative));
        // A pattern that is none, such as one of an open bracket, matches nothing, as in glob(3).
        let Ok(paths) = glob::glob_with(&path.to_string_lossy(), OPTIONS) else {
            continue;
        };
        matches.files.extend(paths.map(|path| match path {
            Ok(path) => path,
            Err(error) => error.path().to_owned(),
        }));
    }
    Ok(matches)
}

/// Nothing that never ends, such as a device.
fn read_secret(path: &Path) -> io::Result<Vec<u8>> {
    const LIMIT: u64 = 4096;
    let metadata = path.metadata()?;
    if !metadata.is_file() || metadata.len() > LIMIT {
        return Err(io::Error::other("not a regular file of at most 4096 bytes"));
    }
    std::fs::read(path)
}

/// Reads a file that is to be a configuration.
pub(super) fn read(path: &Path) -> Found {
    Found {
        name: path.display().to_string(),
        identity: path.canonicalize().unwrap_or_else(|_| path.to_owned()),
        content: content(path).unwrap_or_else(Content::Unreadable),
    }
}

fn content(path: &Path) -> io::Result<Content> {
    use std::os::unix::fs::PermissionsExt as _;
    // Before it is opened: opening a FIFO waits, and some devices act on it.
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        return Ok(Content::Skipped("is a directory"));
    }
    if !metadata.is_file() {
        return Ok(Content::Skipped("is not a regular file"));
    }
    if metadata.permissions().mode() & 0o111 != 0 {
        return Ok(Content::Skipped("is executable"));
    }
    if metadata.len() > Sources::MAX_LEN as u64 {
        return Ok(Content::Skipped("is too large"));
    }
    let mut bytes = Vec::new();
    // A file of no length is not read: some of /proc never end. What is appended now is left out.
    bytes.reserve_exact(usize::try_from(metadata.len()).unwrap_or(0));
    File::open(path)?
        .take(metadata.len())
        .read_to_end(&mut bytes)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Content::Text { text, valid: true },
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Content::Text { text, valid: false }
        }
    })
}
