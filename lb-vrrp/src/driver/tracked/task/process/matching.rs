// SPDX-License-Identifier: MIT OR Apache-2.0
//! Matches patterns against the processes of `/proc`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use super::super::super::ProcessPattern;

/// Bytes of a name that the kernel keeps (`TASK_COMM_LEN`, without the zero at its end).
const NAME_LENGTH: usize = 15;
/// Largest number of bytes read of a command line.
const LINE_LENGTH: u64 = 65_536;

/// Returns the processes with the positions of the patterns that match them. Processes that end
/// meanwhile or cannot be read are left out.
///
/// # Errors
///
/// If the folder cannot be listed.
pub(super) fn scan(
    proc: &Path,
    patterns: &[ProcessPattern],
) -> io::Result<BTreeMap<u32, Vec<usize>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(proc)? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let matching = classify(proc, process, patterns);
        if !matching.is_empty() {
            found.insert(process, matching);
        }
    }
    Ok(found)
}

/// Returns the patterns that match a process; none if it has ended or is a zombie.
pub(super) fn classify(proc: &Path, process: u32, patterns: &[ProcessPattern]) -> Vec<usize> {
    let folder = proc.join(process.to_string());
    let by_name = |pattern: &&ProcessPattern| match pattern {
        ProcessPattern::Name(name) => !is_path(name),
        _ => false,
    };
    let by_path = |pattern: &&ProcessPattern| match pattern {
        ProcessPattern::Name(name) => is_path(name),
        _ => false,
    };
    let program = patterns.iter().find(by_path).and_then(|_| {
        let program = fs::read_link(folder.join("exe")).ok()?;
        Some(program.into_os_string().into_vec())
    });
    let name = patterns.iter().find(by_name).map(|_| {
        let mut name = fs::read(folder.join("comm")).unwrap_or_default();
        name.truncate(name.len().saturating_sub(1));
        name
    });
    let line = patterns
        .iter()
        .find(|pattern| !by_name(pattern))
        .map(|_| line(&folder));
    let words = line.as_deref().map(words).unwrap_or_default();
    let name = name.as_deref().unwrap_or_default();
    let seen = Seen {
        name,
        words: &words,
        program: program.as_deref(),
    };
    let matching: Vec<usize> = (0..)
        .zip(patterns)
        .filter(|(_, pattern)| matches(pattern, &seen))
        .map(|(place, _)| place)
        .collect();
    if matching.is_empty() || is_alive(&folder) {
        matching
    } else {
        Vec::new()
    }
}

fn line(folder: &Path) -> Vec<u8> {
    let mut line = Vec::new();
    if let Ok(file) = File::open(folder.join("cmdline")) {
        // The part before an error counts.
        let _ = file.take(LINE_LENGTH).read_to_end(&mut line);
    }
    line
}

/// The words of a command line, each ended by a zero. Empty ones at the end do not count: programs
/// that rename themselves leave some.
fn words(line: &[u8]) -> Vec<&[u8]> {
    let end = line
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    match line.get(..end) {
        None | Some([]) => Vec::new(),
        Some(line) => line.split(|&byte| byte == 0).collect(),
    }
}

/// What is known of a process.
struct Seen<'a> {
    /// As far as the kernel keeps it.
    name: &'a [u8],
    /// The command line.
    words: &'a [&'a [u8]],
    /// The path of the executable, if it may be read.
    program: Option<&'a [u8]>,
}

/// Whether a name is that of a file: the name that the kernel keeps has no folder.
fn is_path(name: &str) -> bool {
    name.contains('/')
}

fn matches(pattern: &ProcessPattern, seen: &Seen<'_>) -> bool {
    let Seen {
        name,
        words,
        program,
    } = *seen;
    let equal = |wanted: &[String], words: &[&[u8]]| {
        wanted.len() == words.len()
            && wanted
                .iter()
                .zip(words)
                .all(|(wanted, word)| wanted.as_bytes() == *word)
    };
    let begins = |wanted: &[String]| {
        words
            .get(..wanted.len())
            .is_some_and(|words| equal(wanted, words))
    };
    match pattern {
        // A program may have been started by another name, or have replaced its command line.
        ProcessPattern::Name(wanted) if is_path(wanted) => {
            let wanted = wanted.as_bytes();
            words.first() == Some(&wanted) || program == Some(wanted)
        }
        ProcessPattern::Name(wanted) => {
            let wanted = wanted.as_bytes();
            !wanted.is_empty() && wanted.get(..NAME_LENGTH).unwrap_or(wanted) == name
        }
        ProcessPattern::Exact(wanted) => {
            let used = wanted.iter().rposition(|word| !word.is_empty());
            let wanted = wanted
                .get(..used.map_or(0, |last| last + 1))
                .unwrap_or_default();
            !wanted.is_empty() && equal(wanted, words)
        }
        ProcessPattern::Initial(wanted) => !wanted.is_empty() && begins(wanted),
        ProcessPattern::Partial(wanted) => wanted.split_last().is_some_and(|(last, first)| {
            begins(first)
                && words
                    .get(first.len())
                    .is_some_and(|word| word.starts_with(last.as_bytes()))
        }),
    }
}

/// Whether a process is neither dead nor a zombie; its state stands behind its name, which may hold
/// anything.
fn is_alive(folder: &Path) -> bool {
    let Ok(stat) = fs::read(folder.join("stat")) else {
        return false;
    };
    let behind = stat
        .iter()
        .rposition(|&byte| byte == b')')
        .map_or(0, |end| end + 2);
    !matches!(stat.get(behind), None | Some(b'Z' | b'X' | b'x'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn names(name: &str, line: &[u8], pattern: &ProcessPattern) -> bool {
        let words = words(line);
        let seen = Seen {
            name: name.as_bytes(),
            words: &words,
            program: Some(b"/usr/sbin/haproxy"),
        };
        matches(pattern, &seen)
    }

    #[test]
    fn a_path_is_that_of_the_executable_or_the_first_word() {
        let path = |wanted: &str| ProcessPattern::Name(wanted.to_owned());
        assert!(names(
            "haproxy",
            b"haproxy\0-W\0",
            &path("/usr/sbin/haproxy")
        ));
        assert!(names("lb", b"/opt/lb\0-f\0x\0", &path("/opt/lb")));
        assert!(!names("lb", b"/opt/lb2\0", &path("/opt/lb")));
        assert!(!names("haproxy", b"", &path("/usr/bin/haproxy")));
    }

    #[test]
    fn a_name_is_compared_as_far_as_the_kernel_keeps_it() {
        let name = |wanted: &str| ProcessPattern::Name(wanted.to_owned());
        assert!(names("nginx", b"", &name("nginx")));
        assert!(!names("nginx", b"", &name("ngin")));
        assert!(!names("nginx", b"", &name("nginx2")));
        assert!(names("systemd-resolve", b"", &name("systemd-resolved")));
        assert!(!names("systemd-resolv", b"", &name("systemd-resolved")));
        assert!(!names("", b"", &name("")));
        // In bytes: the kernel may cut within a letter.
        let seen = Seen {
            name: b"aaaaaaaaaaaaaa\xc3",
            words: &[],
            program: None,
        };
        assert!(matches(&name("aaaaaaaaaaaaaa\u{e9}"), &seen));
    }

    #[test]
    fn command_lines_are_compared_word_by_word() {
        let exact = |words: &[&str]| ProcessPattern::Exact(strings(words));
        let initial = |words: &[&str]| ProcessPattern::Initial(strings(words));
        let partial = |words: &[&str]| ProcessPattern::Partial(strings(words));
        let line = b"/usr/sbin/named\0-u\0bind\0";
        for pattern in [
            exact(&["/usr/sbin/named", "-u", "bind"]),
            exact(&["/usr/sbin/named", "-u", "bind", ""]),
            initial(&["/usr/sbin/named"]),
            initial(&["/usr/sbin/named", "-u"]),
            initial(&["/usr/sbin/named", "-u", "bind"]),
            partial(&["/usr/sbin/na"]),
            partial(&["/usr/sbin/named", "-"]),
            partial(&["/usr/sbin/named", "-u", "bind"]),
        ] {
            assert!(names("named", line, &pattern), "{pattern:?}");
        }
        for pattern in [
            exact(&["/usr/sbin/named"]),
            exact(&["/usr/sbin/named", "-u", "bind", "x"]),
            exact(&["named", "-u", "bind"]),
            exact(&["/usr/sbin/named -u bind"]),
            exact(&[]),
            initial(&["/usr/sbin/na"]),
            initial(&["/usr/sbin/named", "-u", "bind", "x"]),
            initial(&[]),
            partial(&["/usr/sbin/na", "-u"]),
            partial(&["/usr/sbin/named", "-u", "bind", ""]),
            partial(&[]),
        ] {
            assert!(!names("named", line, &pattern), "{pattern:?}");
        }
        let renamed = b"nginx: worker process\0\0\0\0";
        assert!(names("nginx", renamed, &exact(&["nginx: worker process"])));
        // A kernel thread and a zombie have no command line.
        assert!(!names("kthreadd", b"", &partial(&[""])));
    }

    #[test]
    fn zombies_unreadable_entries_and_other_files_are_left_out() {
        let proc = tempfile::tempdir().unwrap();
        let make = |pid: &str, files: &[(&str, &str)]| {
            let folder = proc.path().join(pid);
            fs::create_dir(&folder).unwrap();
            for (file, content) in files {
                fs::write(folder.join(file), content).unwrap();
            }
        };
        let comm = ("comm", "a) Z (b\n");
        make(
            "10",
            &[comm, ("cmdline", "a\0"), ("stat", "10 (a) Z (b) S 1")],
        );
        make("11", &[comm, ("cmdline", ""), ("stat", "11 (a) Z (b) Z 1")]);
        make("12", &[]);
        make(
            "13",
            &[
                ("comm", "c\n"),
                ("cmdline", "a\0b\0"),
                ("stat", "13 (c) R 1"),
            ],
        );
        make(
            "self",
            &[comm, ("cmdline", "a\0"), ("stat", "14 (a) Z (b) S 1")],
        );
        fs::write(proc.path().join("15"), "").unwrap();
        let patterns = [
            ProcessPattern::Name("a) Z (b".to_owned()),
            ProcessPattern::Initial(strings(&["a"])),
        ];
        let found = scan(proc.path(), &patterns).unwrap();
        assert_eq!(found, BTreeMap::from([(10, vec![0, 1]), (13, vec![1])]));
        assert!(scan(&proc.path().join("12/none"), &patterns).is_err());
    }
}
