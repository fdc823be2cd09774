// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests that have a keyword in a configuration, found in their sources: a test that is renamed or deleted
//! makes the page of keywords out of date.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lb_core::config::KeywordHelp;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Folders with tests, those on a real kernel first.
const FOLDERS: [&str; 4] = [
    "tests-kernel/tests",
    "lb-core/tests",
    "lb-core/src",
    "lb-cli/tests",
];

/// A test and the words of its texts.
struct Test {
    /// Place in [`FOLDERS`].
    folder: usize,
    name: String,
    keywords: BTreeSet<&'static str>,
}

pub(crate) struct Proofs(Vec<Test>);

impl Proofs {
    /// Finds the keywords in the texts of all tests.
    pub(crate) fn collect(keywords: &[KeywordHelp]) -> Self {
        let names: BTreeMap<&str, &'static str> = keywords
            .iter()
            .map(|keyword| (keyword.name, keyword.name))
            .collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut tests = Vec::new();
        for (folder, path) in FOLDERS.iter().enumerate() {
            for file in sources(&root.join(path)) {
                let text = fs::read_to_string(&file).unwrap();
                let place = file.strip_prefix(&root).unwrap().with_extension("");
                let place = place
                    .to_str()
                    .unwrap()
                    .replace("/tests/", " ")
                    .replace('/', "::");
                let tokens: TokenStream = text.parse().unwrap();
                let mut constants = BTreeMap::new();
                read_constants(tokens.clone(), &file, &mut constants);
                walk(tokens, &mut |name, mut words| {
                    let used: Vec<_> = words
                        .iter()
                        .filter_map(|word| constants.get(word))
                        .collect();
                    let used: Vec<String> = used.into_iter().flatten().cloned().collect();
                    words.extend(used);
                    let found = words.iter().filter_map(|word| names.get(word.as_str()));
                    tests.push(Test {
                        folder,
                        name: format!("{place}::{name}"),
                        keywords: found.copied().collect(),
                    });
                });
            }
        }
        Self(tests)
    }

    /// The test with the fewest other keywords that has this one; one with the keyword of its block comes
    /// before the others.
    pub(crate) fn find(&self, keyword: &KeywordHelp) -> Option<&str> {
        let block = keyword.block.split([',', ' ']).next().unwrap_or_default();
        let tests = self.0.iter();
        let tests = tests.filter(|test| test.keywords.contains(keyword.name));
        let best = tests.min_by_key(|test| {
            let elsewhere = !test.keywords.contains(block);
            (test.folder, elsewhere, test.keywords.len(), &test.name)
        });
        best.map(|test| test.name.as_str())
    }
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

/// The words of the texts of constants, also of files that they include.
fn read_constants(
    tokens: TokenStream,
    file: &Path,
    constants: &mut BTreeMap<String, BTreeSet<String>>,
) {
    let mut name: Option<String> = None;
    let mut last = String::new();
    for token in tokens {
        if last == "const" || last == "static" {
            name = Some(token.to_string());
        }
        last = token.to_string();
        match (&token, &name) {
            (TokenTree::Punct(_), Some(_)) if last == ";" => name = None,
            (TokenTree::Group(group), None) => read_constants(group.stream(), file, constants),
            (token, Some(name)) => {
                let words = constants.entry(name.clone()).or_default();
                collect(token.clone().into(), words);
                let included = last.trim_matches(['(', ')', '"']);
                let path = file.parent().unwrap().join(included);
                if included.ends_with(".conf")
                    && let Ok(text) = fs::read_to_string(path)
                {
                    words.extend(split(&text));
                }
            }
            _ => {}
        }
    }
}

/// Calls `found` with the name of each test function and the words of its literals.
fn walk(tokens: TokenStream, found: &mut impl FnMut(&str, BTreeSet<String>)) {
    let (mut is_test, mut name) = (false, None::<String>);
    let mut after = String::new();
    for token in tokens {
        let last = std::mem::take(&mut after);
        match token {
            TokenTree::Group(group) if last == "#" => {
                let mut words = group.stream().into_iter();
                is_test |= words.any(|token| token.to_string().ends_with("test"));
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                match name.take().filter(|_| is_test) {
                    Some(name) => {
                        let mut words = BTreeSet::new();
                        collect(group.stream(), &mut words);
                        found(&name, words);
                    }
                    None => walk(group.stream(), found),
                }
                is_test = false;
            }
            TokenTree::Ident(ident) if last == "fn" => name = Some(ident.to_string()),
            token @ (TokenTree::Ident(_) | TokenTree::Punct(_)) => after = token.to_string(),
            TokenTree::Group(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// The words of literals, and the names of constants.
fn collect(tokens: TokenStream, words: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect(group.stream(), words),
            TokenTree::Literal(literal) => {
                words.extend(split(&literal.to_string().replace("\\n", " ")));
            }
            TokenTree::Ident(ident) => {
                let text = ident.to_string();
                let constant = text.starts_with(|c: char| c.is_ascii_uppercase());
                words.extend(constant.then_some(text));
            }
            TokenTree::Punct(_) => {}
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let parts = text.split(|c| !is_part(c));
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}
