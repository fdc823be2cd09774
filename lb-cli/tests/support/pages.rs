// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that the pages of documentation show, taken apart as a shell would.
//!
//! Three tests share this file, each of which owns the parser of some programs: lbctl's own
//! (`lb-cli/src/documented.rs`), `cargo xtask` (`xtask/src/documented.rs`) and all others
//! (`lb-cli/tests/commands.rs`).
//!
//! Each fenced block names its language:
//!
//! | language | what it holds | how it is proven |
//! |---|---|---|
//! | `sh` | commands | each is parsed by the program that it names |
//! | `console` | lines that begin with `# ` or `$ ` are commands, the others are output | the same |
//! | `keepalived` | a whole configuration | `lbctl check` finds no error |
//! | `ipvs` | a table file of `lbctl ipvs save --full` | `lbctl ipvs apply` could read it |
//! | `ini` | a systemd unit | the commands of its `Exec` lines are parsed |
//! | `json` | one document | it is JSON |
//! | `text` | output, diagrams | not at all |

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// The names that the binary of lb-cli is called by.
pub(crate) const PROGRAMS: [&str; 6] = [
    "lbctl",
    "ipvsadm",
    "ipvsadm-save",
    "ipvsadm-restore",
    "genhash",
    "keepalived",
];

/// Pages and folders of pages at the root. The change log is left out: its
/// commands may have been removed.
const PAGES: [&str; 3] = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"];

/// The words of a page that stand for something, and an example of it.
const PLACEHOLDERS: [(&str, &str); 12] = [
    ("ADDRESS", "192.168.1.50"),
    ("CMD…", "true"),
    ("FILE", "/tmp/file"),
    ("INSTANCE", "VI_1"),
    ("K/N", "1/2"),
    ("NAME", "blue"),
    ("RS", "192.168.1.61:80"),
    ("SERVICE", "-t 192.168.1.50:80"),
    ("SOCKET", "/run/lb/lb.sock"),
    ("STEP", "unit"),
    ("VIP", "192.168.1.50"),
    ("…", ""),
];

/// Where something stands on a page.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) page: String,
    /// From 1.
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.page, self.line)
    }
}

/// One command of a page.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) place: Place,
    /// The words, the program first; variables before it and redirections are left out, and
    /// placeholders are filled in.
    pub(crate) words: Vec<String>,
    /// Whether it stands in a sentence or a table, where `lbctl resign` may be the name of a
    /// command and not a line to type.
    pub(crate) inline: bool,
}

impl Shown {
    /// The last part of the program's name.
    pub(crate) fn program(&self) -> &str {
        let first = self.words.first().map_or("", String::as_str);
        first.rsplit('/').next().unwrap_or(first)
    }

    /// Whether this is a program of the lab, which is in no tree that was just checked out.
    pub(crate) fn is_built(&self) -> bool {
        self.words
            .first()
            .is_some_and(|word| word.starts_with("target/"))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.words.join(" "))
    }
}

/// A fenced block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The line of its first line.
    pub(crate) place: Place,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The pages with their names: those at the root, all of `docs`, and each `README.md` and
/// `CONFORMANCE.md` one folder below the root.
fn pages() -> Vec<(String, String)> {
    let mut names: Vec<String> = PAGES.map(str::to_owned).to_vec();
    for entry in fs::read_dir(root()).unwrap() {
        let folder = entry.unwrap().file_name().to_string_lossy().into_owned();
        for page in ["README.md", "CONFORMANCE.md"] {
            names.push(format!("{folder}/{page}"));
        }
    }
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names
        .into_iter()
        .filter_map(|name| Some((name.clone(), fs::read_to_string(root().join(name)).ok()?)))
        .collect()
}

/// All fenced blocks of all pages.
pub(crate) fn blocks() -> Vec<Block> {
    pages()
        .iter()
        .flat_map(|(name, text)| blocks_of(name, text))
        .collect()
}

fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some(language)) => {
                open = Some(Block {
                    place: Place {
                        page: page.to_owned(),
                        line: index + 2,
                    },
                    language: language.trim().to_owned(),
                    text: String::new(),
                });
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block has no end: {open:?}");
    blocks
}

/// All commands of all pages: those of the blocks, and those between backticks that begin with
/// one of `programs`.
pub(crate) fn commands(programs: &[&str]) -> Vec<Shown> {
    let mut all = Vec::new();
    for (name, text) in pages() {
        for block in blocks_of(&name, &text) {
            all.extend(commands_of(&block));
        }
        all.extend(inline(&name, &text, programs));
    }
    all
}

/// The commands of a block, or none if its language has none.
pub(crate) fn commands_of(block: &Block) -> Vec<Shown> {
    let lines = block.text.lines().enumerate();
    let script: Vec<(usize, &str)> = match block.language.as_str() {
        "sh" => lines.collect(),
        "console" => lines
            .filter_map(|(index, line)| {
                let command = line.strip_prefix("# ").or_else(|| line.strip_prefix("$ "));
                Some((index, command?))
            })
            .collect(),
        "ini" => lines
            .filter(|(_, line)| line.starts_with("Exec"))
            .filter_map(|(index, line)| Some((index, line.split_once('=')?.1)))
            .collect(),
        _ => Vec::new(),
    };
    let place = |index| Place {
        page: block.place.page.clone(),
        line: block.place.line + index,
    };
    let mut commands = Vec::new();
    let mut pending = String::new();
    let mut start = 0;
    for (index, line) in script {
        if pending.is_empty() {
            start = index;
        }
        pending.push_str(line);
        pending.push('\n');
        // A line that is continued below; a quote is, too, if its end is missing.
        let continued = line.ends_with('\\') || line.ends_with("&&") || line.ends_with('|');
        if continued {
            continue;
        }
        if let Some(words) = shlex::split(&pending) {
            commands.extend(simple(words, &place(start), false));
            pending.clear();
        }
    }
    assert!(
        pending.is_empty(),
        "{}: a command has no end: {pending}",
        place(start)
    );
    commands
}

/// The commands between backticks, outside of blocks.
fn inline(page: &str, text: &str, programs: &[&str]) -> Vec<Shown> {
    let mut outside = true;
    let mut prose = String::new();
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        if outside && !fence {
            prose.push_str(line);
        }
        prose.push('\n');
        outside ^= fence;
    }
    let mut commands = Vec::new();
    for paragraph in paragraphs(&prose) {
        // Odd pieces between backticks are code.
        let mut before = String::new();
        let mut command: Option<Vec<String>> = None;
        for (position, piece) in paragraph.text.split('`').enumerate() {
            let line = paragraph.line + before.matches('\n').count();
            before.push_str(piece);
            if position % 2 == 0 {
                continue;
            }
            let place = Place {
                page: page.to_owned(),
                line,
            };
            let piece = piece.replace("\\|", "|").replace('\n', " ");
            let Some(words) = shlex::split(&piece) else {
                let ours = programs.iter().find(|name| piece.starts_with(**name));
                assert!(ours.is_none(), "{place}: a quote has no end: {piece}");
                continue;
            };
            // In a row, an option completes the command before it: "`lbctl resign VI_1`, `--undo`".
            let words = match (&command, piece.starts_with("--") && piece != "--") {
                (Some(command), true) if paragraph.is_row() => [command.clone(), words].concat(),
                _ => words,
            };
            let shown = simple(words, &place, true).into_iter();
            let shown: Vec<Shown> = shown
                .filter(|shown| shown.words.len() > 1 && programs.contains(&shown.program()))
                .collect();
            if !piece.starts_with('-') && !shown.is_empty() {
                command = shown.last().map(|shown| shown.words.clone());
            }
            commands.extend(shown);
        }
    }
    commands
}

struct Paragraph<'a> {
    line: usize,
    text: &'a str,
}

impl Paragraph<'_> {
    /// Whether this is a row of a table.
    fn is_row(&self) -> bool {
        self.text.trim_start().starts_with('|')
    }
}

/// Parts between blank lines, and the rows of tables, so that a backtick that is missing cannot
/// turn a whole page around.
fn paragraphs(text: &str) -> Vec<Paragraph<'_>> {
    let mut paragraphs: Vec<Paragraph<'_>> = Vec::new();
    let (mut line, mut from, mut at) = (1, 0, 0);
    let mut first = 1;
    for piece in text.split_inclusive('\n') {
        let end = at + piece.len();
        if piece.trim().is_empty() || piece.trim_start().starts_with('|') {
            paragraphs.push(Paragraph {
                line: first,
                text: &text[from..at],
            });
            paragraphs.push(Paragraph {
                line,
                text: &text[at..end],
            });
            from = end;
            first = line + 1;
        }
        at = end;
        line += 1;
    }
    paragraphs.push(Paragraph {
        line: first,
        text: &text[from..],
    });
    paragraphs
}

/// The simple commands of a line of words; the script of `sh -c` is one of them.
fn simple(words: Vec<String>, place: &Place, inline: bool) -> Vec<Shown> {
    let mut commands = Vec::new();
    for words in words.split(|word| ["&&", "||", "|", ";"].contains(&word.as_str())) {
        let mut words: Vec<String> = words.iter().flat_map(|word| filled_in(word)).collect();
        while let Some(first) = words.first() {
            let variable = first.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            });
            // Programs that run the words behind them.
            if variable || ["exec", "sudo", "time"].contains(&first.as_str()) {
                words.remove(0);
            } else {
                break;
            }
        }
        let redirection = words.iter().position(|word| word == ">" || word == "<");
        if let Some(redirection) = redirection {
            words.drain(redirection..words.len().min(redirection + 2));
        }
        if words.is_empty() {
            continue;
        }
        let script = words
            .windows(3)
            .find(|three| ["sh", "bash"].contains(&three[0].as_str()) && three[1] == "-c")
            .and_then(|three| shlex::split(&three[2]));
        commands.push(Shown {
            place: place.clone(),
            words,
            inline,
        });
        commands.extend(
            script
                .into_iter()
                .flat_map(|script| simple(script, place, inline)),
        );
    }
    commands
}

/// A word with placeholders replaced: `FILE`, `[SERVICE]`.
fn filled_in(word: &str) -> Vec<String> {
    let bare = word
        .strip_prefix('[')
        .and_then(|word| word.strip_suffix(']'))
        .unwrap_or(word);
    match PLACEHOLDERS.iter().find(|(name, _)| *name == bare) {
        Some((_, example)) => example.split_whitespace().map(str::to_owned).collect(),
        None => vec![bare.to_owned()],
    }
}
