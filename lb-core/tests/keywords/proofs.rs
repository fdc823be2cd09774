// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests that show the effect of a keyword. A comment above a test names the block and its keywords:
//!
//! ```text
//! // shows vrrp_instance: state, priority
//! #[test]
//! ```
//!
//! Keywords outside of blocks are `top level`; a block with several names in `KEYWORDS.md` has the first one here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use lb_core::config::{self, KeywordEffect, KeywordHelp};

use crate::words::Suite;

/// A folder with tests, and a second one whose functions and constants they use.
struct Folder {
    tests: &'static str,
    shared: &'static str,
    /// Whether its tests have configurations. A test without one shows an effect of a keyword beside another
    /// test, which has the keyword in a configuration.
    has_configurations: bool,
}

const fn folder(tests: &'static str, shared: &'static str, has_configurations: bool) -> Folder {
    Folder {
        tests,
        shared,
        has_configurations,
    }
}

/// All folders with marked tests, those on a real kernel first.
const FOLDERS: [Folder; 7] = [
    folder("tests-kernel/tests", "tests-kernel/src", true),
    folder("lb-cli/tests", "", true),
    folder("lb-core/tests", "", true),
    folder("lb-core/src", "", true),
    folder("lb-vrrp/tests", "", false),
    folder("lb-check/tests", "", false),
    folder("lb-ipvs/tests", "", false),
];

/// The block of keywords outside of blocks.
const TOP_LEVEL: &str = "top level";
const MARK: &str = "// shows ";

/// A mark above a test.
struct Mark {
    block: String,
    keyword: String,
    /// Path of the test, as in `lb-core config::persistence`.
    test: String,
    /// Whether the test has the keyword in a configuration.
    in_configuration: bool,
}

/// The marks of all tests, and what is wrong with some.
pub(crate) struct Proofs {
    marks: Vec<Mark>,
    pub(crate) mistakes: Vec<String>,
}

/// The name of a block in marks.
fn block_of(keyword: &KeywordHelp) -> &str {
    match keyword.block.split(',').next().unwrap_or_default() {
        "" => TOP_LEVEL,
        block => block,
    }
}

impl Proofs {
    /// The marks of all tests, compared with the keywords.
    pub(crate) fn get() -> &'static Self {
        static PROOFS: LazyLock<Proofs> = LazyLock::new(|| Proofs::collect(&config::keywords()));
        &PROOFS
    }

    fn collect(keywords: &[KeywordHelp]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut proofs = Self {
            marks: Vec::new(),
            mistakes: Vec::new(),
        };
        for folder in &FOLDERS {
            proofs.read_folder(&root, folder);
        }
        let known: BTreeMap<(&str, &str), KeywordEffect> = keywords
            .iter()
            .map(|keyword| ((block_of(keyword), keyword.name), keyword.effect))
            .collect();
        for mark in &proofs.marks {
            let Mark {
                block,
                keyword,
                test,
                ..
            } = mark;
            match known.get(&(block.as_str(), keyword.as_str())) {
                Some(KeywordEffect::Full) => {}
                Some(_) => proofs.mistakes.push(format!(
                    "{test}: `{keyword}` of {block} has no effect in this version"
                )),
                None => proofs
                    .mistakes
                    .push(format!("{test}: {block} has no keyword `{keyword}`")),
            }
        }
        proofs
    }

    fn read_folder(&mut self, root: &Path, folder: &Folder) {
        let files = sources(&root.join(folder.tests));
        let marked = files.iter().filter(|file| has_marks(file));
        let marked: Vec<&PathBuf> = marked.collect();
        if marked.is_empty() {
            return;
        }
        let shared = match folder.shared {
            "" => Vec::new(),
            shared => sources(&root.join(shared)),
        };
        // Unit tests use their own file.
        let is_suite = folder.tests.ends_with("tests");
        let read = files
            .iter()
            .filter(|file| is_suite || marked.contains(file));
        let suite = folder
            .has_configurations
            .then(|| Suite::read(read.chain(&shared)));
        for file in marked {
            let place = file.strip_prefix(root).unwrap().with_extension("");
            let place = place.to_str().unwrap().replace('/', "::");
            let place = place.replacen("::tests::", " ", 1);
            self.read_file(file, &place, suite.as_ref());
        }
    }

    fn read_file(&mut self, file: &Path, place: &str, suite: Option<&Suite>) {
        let text = fs::read_to_string(file).unwrap();
        let mut waiting: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            let line = line.trim();
            if let Some(mark) = line.strip_prefix(MARK) {
                let Some((block, keywords)) = mark.split_once(": ") else {
                    let mistake = format!("{place}: `{line}` is not `{MARK}BLOCK: KEYWORD, …`");
                    self.mistakes.push(mistake);
                    continue;
                };
                let keywords = keywords.split(", ");
                waiting.extend(keywords.map(|keyword| (block.to_owned(), keyword.to_owned())));
            } else if !waiting.is_empty() && !line.starts_with(['#', '/']) {
                let name = function_name(line);
                let Some(name) = name else {
                    let mistake =
                        format!("{place}: a mark stands above `{line}`, not above a test");
                    self.mistakes.push(mistake);
                    waiting.clear();
                    continue;
                };
                let words = suite.map(|suite| suite.words(file, name));
                for (block, keyword) in waiting.drain(..) {
                    let test = format!("{place}::{name}");
                    let has = |words: &BTreeSet<String>| words.contains(&keyword);
                    if words.as_ref().is_some_and(|words| !has(words)) {
                        let mistake = format!("{test} has no `{keyword}`");
                        self.mistakes.push(mistake);
                    }
                    self.marks.push(Mark {
                        block,
                        keyword,
                        test,
                        in_configuration: words.is_some(),
                    });
                }
            }
        }
    }

    fn of_keyword(&self, keyword: &KeywordHelp) -> impl Iterator<Item = &Mark> {
        let block = block_of(keyword).to_owned();
        let name = keyword.name;
        let marks = self.marks.iter();
        marks.filter(move |mark| mark.block == block && mark.keyword == name)
    }

    /// The tests that show the effect of a keyword.
    pub(crate) fn tests(&self, keyword: &KeywordHelp) -> Vec<&str> {
        let marks = self.of_keyword(keyword);
        marks.map(|mark| mark.test.as_str()).collect()
    }

    /// Whether one of its tests has the keyword in a configuration.
    pub(crate) fn is_shown(&self, keyword: &KeywordHelp) -> bool {
        self.of_keyword(keyword).any(|mark| mark.in_configuration)
    }
}

fn has_marks(file: &Path) -> bool {
    let text = fs::read_to_string(file).unwrap();
    text.lines().any(|line| line.trim().starts_with(MARK))
}

/// The name in the first line of a function.
fn function_name(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_start = ["", "async ", "pub ", "pub(crate) "].contains(&before);
    let name = rest.split(['(', '<']).next()?;
    is_start.then_some(name)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
