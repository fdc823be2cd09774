// SPDX-License-Identifier: MIT OR Apache-2.0
//! `include`: where further texts come from.

use std::io;
use std::path::{Path, PathBuf};

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
}

/// Finds what an `include` names.
pub(super) trait Includes {
    /// Every match in order. `None`: this reading follows no `include`.
    fn find(&mut self, pattern: &str, including: &str) -> Option<Vec<Found>>;

    /// The content of a small file, such as a key. `None`: this reading opens no file.
    fn secret(&mut self, path: &str) -> Option<io::Result<Vec<u8>>>;
}

/// For a text that does not come from a file.
pub(super) struct Nowhere;

impl Includes for Nowhere {
    fn find(&mut self, _: &str, _: &str) -> Option<Vec<Found>> {
        None
    }

    fn secret(&mut self, _: &str) -> Option<io::Result<Vec<u8>>> {
        None
    }
}

/// For a text out of a file: names are relative to the directory of the including file.
pub(super) struct FileSystem;

impl Includes for FileSystem {
    fn find(&mut self, pattern: &str, including: &str) -> Option<Vec<Found>> {
        let directory = Path::new(including)
            .parent()
            .unwrap_or_else(|| Path::new(""));
        let mut found = Vec::new();
        for pattern in expand_braces(pattern) {
            // The directory is meant as it is, whatever characters it has.
            let directory = glob::Pattern::escape(&directory.to_string_lossy());
            let pattern = Path::new(&directory).join(pattern);
            let Ok(paths) = glob::glob(&pattern.to_string_lossy()) else {
                continue;
            };
            found.extend(paths.map(|path| match path {
                Ok(path) => read(&path),
                Err(error) => Found {
                    name: error.path().display().to_string(),
                    identity: error.path().to_owned(),
                    content: Content::Unreadable(error.into()),
                },
            }));
        }
        Some(found)
    }

    fn secret(&mut self, path: &str) -> Option<io::Result<Vec<u8>>> {
        Some(read_secret(Path::new(path)))
    }
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
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Ok(Content::Skipped("is not a regular file"));
    }
    if metadata.permissions().mode() & 0o111 != 0 {
        return Ok(Content::Skipped("is executable"));
    }
    if metadata.len() > Sources::MAX_LEN as u64 {
        return Ok(Content::Skipped("is too large"));
    }
    Ok(match String::from_utf8(std::fs::read(path)?) {
        Ok(text) => Content::Text { text, valid: true },
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Content::Text { text, valid: false }
        }
    })
}

/// `a{b,c}d` is `abd` and `acd`, as many alternatives and as deep as are written, up to a limit.
fn expand_braces(pattern: &str) -> Vec<String> {
    const LIMIT: usize = 256;
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        match alternatives(&pattern) {
            Some(next) if done.len() + open.len() + next.len() <= LIMIT => {
                open.extend(next.into_iter().rev());
            }
            _ => done.push(pattern),
        }
    }
    done
}

/// The first brace of a pattern expanded once.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let start = pattern.find('{')?;
    let (before, rest) = (pattern.get(..start)?, pattern.get(start + 1..)?);
    let mut depth = 0usize;
    let mut from = 0;
    let mut parts = Vec::new();
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 0 => {
                parts.push(rest.get(from..at)?);
                from = at + 1;
            }
            '}' if depth == 0 => {
                parts.push(rest.get(from..at)?);
                let after = rest.get(at + 1..)?;
                return Some(
                    parts
                        .iter()
                        .map(|part| format!("{before}{part}{after}"))
                        .collect(),
                );
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_alternatives() {
        assert_eq!(expand_braces("a.conf"), ["a.conf"]);
        assert_eq!(expand_braces("{a,b}.conf"), ["a.conf", "b.conf"]);
        assert_eq!(expand_braces("{a,b{c,d}}x"), ["ax", "bcx", "bdx"]);
        assert_eq!(expand_braces("{a,b"), ["{a,b"]);
        assert!(expand_braces(&"{a,b}".repeat(40)).len() <= 256);
    }
}
