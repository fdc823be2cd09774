// SPDX-License-Identifier: MIT OR Apache-2.0
//! Modules of one directory import each other in at most pairs: a larger circle can only be read, moved and
//! tested as a whole. Imports are those of `use` items outside tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

const CRATES: [&str; 7] = [
    "lb-host",
    "lb-vrrp",
    "lb-ipvs",
    "lb-ipvsadm",
    "lb-check",
    "lb-core",
    "lb-cli",
];

/// The path of a module below its crate.
type Module = Vec<String>;
type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// Collects the modules below `directory`, with their files.
fn collect(
    directory: &Path,
    module: &Module,
    found: &mut BTreeMap<Module, PathBuf>,
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("tests") {
            continue;
        }
        let mut inner = module.clone();
        if path.is_dir() {
            inner.push(name);
            collect(&path, &inner, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            if !["lib", "main", "mod"].contains(&name.as_str()) {
                inner.push(name);
            }
            found.insert(inner, path);
        }
    }
    Ok(())
}

/// Expands the tree of a `use` item into paths.
fn expand(tokens: TokenStream, before: &[String], paths: &mut Vec<Vec<String>>) {
    let mut path = before.to_vec();
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "as" => {}
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Punct(punct) if punct.as_char() == ',' => {
                paths.push(std::mem::replace(&mut path, before.to_vec()));
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                expand(group.stream(), &path, paths);
            }
            _ => {}
        }
    }
    paths.push(path);
}

/// The paths of the `use` items of a file, without those of its module of tests.
fn imports(tokens: TokenStream) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut tokens = tokens.into_iter();
    let mut is_test = false;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                is_test |= group.stream().to_string().replace(' ', "") == "cfg(test)";
            }
            TokenTree::Ident(word) if word == "use" => {
                let item = tokens.by_ref().take_while(
                    |token| !matches!(token, TokenTree::Punct(end) if end.as_char() == ';'),
                );
                let item = item.collect();
                if !is_test {
                    expand(item, &[], &mut paths);
                }
                is_test = false;
            }
            TokenTree::Group(_) => is_test = false,
            TokenTree::Punct(end) if end.as_char() == ';' => is_test = false,
            _ => {}
        }
    }
    paths
}

/// The module of this crate that a path names.
fn resolve(from: &Module, path: &[String], modules: &BTreeMap<Module, PathBuf>) -> Option<Module> {
    let mut words = path.iter().peekable();
    let mut module = from.clone();
    match words.peek().map(|word| word.as_str())? {
        "crate" => {
            words.next();
            module.clear();
        }
        "self" => {
            words.next();
        }
        "super" => {
            while words.next_if(|word| *word == "super").is_some() {
                module.pop();
            }
        }
        _ => {}
    }
    let begin = module.clone();
    for word in words {
        module.push(word.clone());
        if !modules.contains_key(&module) {
            module.pop();
            break;
        }
    }
    // A path of another crate names no module here.
    let is_own = path
        .first()
        .is_some_and(|word| ["crate", "self", "super"].contains(&word.as_str()));
    (is_own || module != begin).then_some(module)
}

/// The modules that can be reached from one.
fn reach<'a>(from: &'a str, edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for next in edges.get(module).into_iter().flatten() {
            if reached.insert(*next) {
                open.push(next);
            }
        }
    }
    reached
}

/// The largest circle among the modules of one directory.
fn largest_circle(directory: &[String], imports: &Imports) -> BTreeSet<String> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let inside = |module: &Module| module.len() > directory.len() && module.starts_with(directory);
    for (from, targets) in imports.iter().filter(|(from, _)| inside(from)) {
        let from = from[directory.len()].as_str();
        let targets = targets.iter().filter(|target| inside(target));
        let targets = targets.map(|target| target[directory.len()].as_str());
        edges
            .entry(from)
            .or_default()
            .extend(targets.filter(|target| *target != from));
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = edges
        .keys()
        .map(|module| (*module, reach(module, &edges)))
        .collect();
    let circles = reached.iter().map(|(module, targets)| {
        let back = targets.iter().filter(|target| {
            reached
                .get(*target)
                .is_some_and(|reached| reached.contains(module))
        });
        back.map(|module| (*module).to_owned())
            .collect::<BTreeSet<String>>()
    });
    circles.max_by_key(BTreeSet::len).unwrap_or_default()
}

#[test]
fn modules_form_no_circle_of_more_than_two() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut circles = Vec::new();
    for name in CRATES {
        let mut modules = BTreeMap::new();
        collect(&root.join(name).join("src"), &Module::new(), &mut modules).unwrap();
        let mut found = Imports::new();
        for (module, path) in &modules {
            let tokens: TokenStream = fs::read_to_string(path).unwrap().parse().unwrap();
            let targets = imports(tokens);
            let targets = targets
                .iter()
                .filter_map(|path| resolve(module, path, &modules));
            found.insert(
                module.clone(),
                targets.filter(|target| target != module).collect(),
            );
        }
        let directories: BTreeSet<&[String]> = modules
            .keys()
            .flat_map(|module| (0..module.len()).map(|length| &module[..length]))
            .collect();
        for directory in directories {
            let circle = largest_circle(directory, &found);
            if circle.len() > 2 {
                circles.push((name, directory.join("/"), circle));
            }
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn imports_of_tests_and_other_crates_do_not_count() {
    let text = "use std::fmt; use super::{a::{B, C as D}, e}; #[cfg(test)] use super::f; \
                #[cfg(test)] mod tests { use super::g; }";
    let paths = imports(text.parse().unwrap());
    let paths: Vec<_> = paths.iter().map(|path| path.join("::")).collect();
    assert!(paths.contains(&"super::a::B".to_owned()), "{paths:?}");
    assert!(paths.contains(&"super::e".to_owned()), "{paths:?}");
    assert!(
        !paths
            .iter()
            .any(|path| path.contains('f') && path != "std::fmt"),
        "{paths:?}"
    );
    assert!(!paths.iter().any(|path| path.contains('g')), "{paths:?}");
}
