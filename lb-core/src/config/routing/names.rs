// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names for numbers, in the files of iproute2.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Of a file, what is read at most.
const MOST: u64 = 1 << 20;
/// Where distributions put what `/etc/iproute2` may override.
const USR: [&str; 2] = ["/usr/share/iproute2", "/usr/lib/iproute2"];
const ETC: &str = "/etc/iproute2";

/// What kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A routing table.
    Table,
    /// A type of service.
    Tos,
    /// A group of interfaces.
    Group,
    /// A protocol of routes and rules.
    Protocol,
}

impl Kind {
    const fn file(self) -> &'static str {
        match self {
            Self::Table => "rt_tables",
            Self::Tos => "rt_dsfield",
            Self::Group => "group",
            Self::Protocol => "rt_protos",
        }
    }
}

/// The directories that are looked into, the first ones first.
#[derive(Debug)]
pub(in crate::config) struct Names {
    directories: Vec<PathBuf>,
}

impl Names {
    /// With the directories of `iproute_etc_dir` and `iproute_usr_dir`, or those of the system.
    pub(in crate::config) fn new(etc: Option<&str>, usr: Option<&str>) -> Self {
        let mut directories = vec![PathBuf::from(etc.unwrap_or(ETC))];
        match usr {
            Some(usr) => directories.push(usr.into()),
            None => directories.extend(USR.map(PathBuf::from)),
        }
        Self { directories }
    }

    /// The number of a name, or a number as C writes it.
    pub(super) fn number(&self, kind: Kind, text: &str) -> Option<u32> {
        if let Some(number) = number(text) {
            return Some(number);
        }
        let known = match (kind, text) {
            (Kind::Table, "default") => Some(253),
            (Kind::Table, "main") => Some(254),
            (Kind::Table, "local") => Some(255),
            (Kind::Protocol, "kernel") => Some(2),
            (Kind::Protocol, "boot") => Some(3),
            (Kind::Protocol, "static") => Some(4),
            (Kind::Protocol, "zebra") => Some(11),
            (Kind::Protocol, "bird") => Some(12),
            (Kind::Protocol, "dhcp") => Some(16),
            (Kind::Protocol, "keepalived") => Some(18),
            _ => None,
        };
        if known.is_some() {
            return known;
        }
        self.directories.iter().find_map(|directory| {
            let file = directory.join(kind.file());
            find(&file, text).or_else(|| {
                let files = files(&directory.join(format!("{}.d", kind.file())));
                files.iter().find_map(|file| find(file, text))
            })
        })
    }
}

/// A number, decimal, `0x` or octal with a leading zero, as `ip` reads them.
pub(super) fn number(text: &str) -> Option<u32> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    // `from_str_radix` takes a sign.
    let first = digits.bytes().next()?;
    first.is_ascii_hexdigit().then_some(())?;
    u32::from_str_radix(digits, radix).ok()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension() == Some(OsStr::new("conf")))
        .collect();
    files.sort();
    files
}

/// Lines of `NUMBER NAME`; `#` begins a comment.
fn find(file: &Path, name: &str) -> Option<u32> {
    // A FIFO or a device by that name would be read forever.
    if !fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(file)
        .ok()?
        .take(MOST)
        .read_to_string(&mut text)
        .ok()?;
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (value, known) = (words.next()?, words.next()?);
        (known == name).then(|| number(value))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_ip_reads_them() {
        for (text, value) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("+1", None),
            ("0x", None),
            ("", None),
            ("main", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }

    #[test]
    fn names_are_looked_up_in_etc_then_usr() {
        let etc = tempfile::tempdir().unwrap();
        let usr = tempfile::tempdir().unwrap();
        fs::write(
            etc.path().join("rt_tables"),
            "# mine\n100 one # a table\n0x65\ttwo\n",
        )
        .unwrap();
        fs::create_dir(etc.path().join("rt_tables.d")).unwrap();
        fs::write(etc.path().join("rt_tables.d/a.conf"), "102 three\n").unwrap();
        fs::write(etc.path().join("rt_tables.d/a.bak"), "103 four\n").unwrap();
        fs::write(usr.path().join("rt_tables"), "200 one\n201 five\n").unwrap();
        let names = Names::new(etc.path().to_str(), usr.path().to_str());
        for (name, number) in [
            ("one", Some(100)),
            ("two", Some(101)),
            ("three", Some(102)),
            ("four", None),
            ("five", Some(201)),
            ("main", Some(254)),
            ("77", Some(77)),
        ] {
            assert_eq!(names.number(Kind::Table, name), number, "{name}");
        }
        assert_eq!(names.number(Kind::Group, "main"), None);
    }
}
