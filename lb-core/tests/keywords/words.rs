// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words in the texts of a test, and of the functions, constants and files that it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A function or a constant.
#[derive(Default)]
struct Item {
    /// Words of its texts.
    words: BTreeSet<String>,
    /// Names in its body.
    uses: BTreeSet<String>,
}

/// The functions and constants of a folder.
pub(crate) struct Suite {
    items: BTreeMap<(PathBuf, String), Item>,
    /// The files that have an item with this name.
    places: BTreeMap<String, Vec<PathBuf>>,
}

impl Suite {
    /// Reads the sources of a folder.
    pub(crate) fn read<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Self {
        let mut suite = Self {
            items: BTreeMap::new(),
            places: BTreeMap::new(),
        };
        for file in files {
            let text = fs::read_to_string(file).unwrap();
            suite.read_items(file, text.parse().unwrap());
        }
        for (file, name) in suite.items.keys() {
            let places = suite.places.entry(name.clone()).or_default();
            places.push(file.clone());
        }
        suite
    }

    /// The words of a function and of all that it uses. A name is that of an item of the same file, if there
    /// is one, else of any other file.
    pub(crate) fn words(&self, file: &Path, name: &str) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut waiting = vec![(file.to_owned(), name.to_owned())];
        while let Some(key) = waiting.pop() {
            let Some(item) = self.items.get(&key) else {
                continue;
            };
            if !seen.insert(key.clone()) {
                continue;
            }
            words.extend(item.words.iter().cloned());
            for name in &item.uses {
                let own = (key.0.clone(), name.clone());
                if self.items.contains_key(&own) {
                    waiting.push(own);
                } else {
                    let places = self.places.get(name).into_iter().flatten();
                    waiting.extend(places.map(|file| (file.clone(), name.clone())));
                }
            }
        }
        words
    }

    /// Adds the functions and constants of a stream; those with the same name are one item.
    fn read_items(&mut self, file: &Path, tokens: TokenStream) {
        // The item that is being read, and whether it is a function, which ends with its body.
        let mut item: Option<(String, bool)> = None;
        let mut last = String::new();
        for token in tokens {
            let is_function = last == "fn";
            let is_named = is_function || ["const", "static"].contains(&last.as_str());
            last = token.to_string();
            match (&token, &item) {
                (TokenTree::Ident(name), _) if is_named => {
                    item = Some((name.to_string(), is_function));
                }
                (TokenTree::Group(group), None) => self.read_items(file, group.stream()),
                (_, None) => {}
                (token, Some((name, is_function))) => {
                    let key = (file.to_owned(), name.clone());
                    self.items
                        .entry(key)
                        .or_default()
                        .collect(file, token.clone().into());
                    let is_body = matches!(token, TokenTree::Group(group)
                        if group.delimiter() == Delimiter::Brace);
                    let is_end = if *is_function { is_body } else { last == ";" };
                    if is_end {
                        item = None;
                    }
                }
            }
        }
    }
}

impl Item {
    /// Adds the words of literals, also of files that they include, and the names.
    fn collect(&mut self, file: &Path, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.collect(file, group.stream()),
                TokenTree::Ident(ident) => {
                    self.uses.insert(ident.to_string());
                }
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    self.words.extend(split(&text.replace("\\n", " ")));
                    let included = text.trim_matches('"');
                    let path = file.with_file_name(included);
                    if [".conf", ".txt"].iter().any(|end| included.ends_with(end))
                        && let Ok(text) = fs::read_to_string(path)
                    {
                        self.words.extend(split(&text));
                    }
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
}

fn split(text: &str) -> impl Iterator<Item = String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let parts = text.split(move |c| !is_part(c));
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(str::to_owned)
}
