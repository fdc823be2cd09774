// SPDX-License-Identifier: MIT OR Apache-2.0
//! No type of a crate with an unstable interface is part of the interface of a library: a new version of
//! such a crate must not be a breaking change for the programs that use the library.
//!
//! The lint `unreachable_pub` holds in the workspace, so each item that is `pub` is part of the interface.
//! Items with `#[doc(hidden)]`, which the libraries share with each other, are exempt.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The libraries.
const LIBRARIES: [&str; 6] = [
    "lb-check",
    "lb-core",
    "lb-host",
    "lb-ipvs",
    "lb-ipvsadm",
    "lb-vrrp",
];

/// Crates of which no type may be public.
const UNSTABLE: [&str; 19] = [
    "annotate_snippets",
    "caps",
    "http_body_util",
    "httparse",
    "hyper",
    "hyper_util",
    "inotify",
    "lettre",
    "md5",
    "netlink_packet_core",
    "netlink_packet_generic",
    "netlink_packet_route",
    "netlink_sys",
    "nix",
    "pnet",
    "rtnetlink",
    "sd_notify",
    "sha2",
    "socket2",
];

/// The public items of a file that mention a type of an unstable crate.
fn foreign(source: &str) -> Vec<String> {
    let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("{error}"));
    let mut scan = Scan::default();
    scan.imports(tokens.clone());
    scan.items(tokens);
    scan.found
}

#[derive(Default)]
struct Scan {
    /// Names that a file imports from unstable crates.
    names: BTreeSet<String>,
    found: Vec<String>,
}

impl Scan {
    /// Collects the imported names, also those of inner modules and functions.
    fn imports(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.imports(group.stream()),
                TokenTree::Ident(word) if word == "use" => {
                    let path: Vec<TokenTree> = tokens
                        .by_ref()
                        .take_while(|token| !is_punct(token, ';'))
                        .collect();
                    if path.first().is_some_and(is_unstable) {
                        self.import(&path);
                    }
                }
                _ => {}
            }
        }
    }

    /// Adds the names at the ends of a path: words that no `::` follows.
    fn import(&mut self, path: &[TokenTree]) {
        for (at, token) in path.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    self.import(&group.stream().into_iter().collect::<Vec<_>>());
                }
                TokenTree::Ident(word) => {
                    let next = path.get(at + 1);
                    let is_inner =
                        next.is_some_and(|next| is_punct(next, ':') || is_word(next, "as"));
                    if !is_inner && word != "self" && word != "as" && word != "_" {
                        self.names.insert(word.to_string());
                    }
                }
                _ => {}
            }
        }
    }

    /// Looks at the items of a file, a module, a trait or an `impl`.
    fn items(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let end = at + end_of_item(&tokens[at..]);
            let is_hidden = tokens[at..end].iter().take_while(|token| !is_word(token, "pub")).any(
                |token| matches!(token, TokenTree::Group(group) if group.to_string().replace(' ', "") == "[doc(hidden)]"),
            );
            let is_attribute = is_punct(token, '#');
            let item = if is_attribute {
                without_attributes(&tokens[at..end])
            } else {
                &tokens[at..end]
            };
            if !is_hidden {
                self.item(item);
            }
            at = end;
        }
    }

    fn item(&mut self, item: &[TokenTree]) {
        let is_public = is_public(item);
        let last = item.last().and_then(|last| group(last, Delimiter::Brace));
        let has = |word: &str| item.iter().any(|token| is_word(token, word));
        let head = if last.is_some() {
            &item[..item.len() - 1]
        } else {
            item
        };
        match (is_public, last) {
            (_, Some(inner)) if has("impl") && !has("fn") && !has("for") => self.items(inner),
            (_, Some(inner)) if has("mod") => self.items(inner),
            (true, Some(inner)) if has("enum") => {
                self.check(head, head);
                let variants: Vec<TokenTree> = inner.into_iter().collect();
                for variant in variants.split(|token| is_punct(token, ',')) {
                    // The name of a variant is no type.
                    let fields = without_attributes(variant).get(1..).unwrap_or_default();
                    self.check(head, fields);
                }
            }
            (true, Some(inner)) if has("struct") => {
                self.check(head, head);
                self.fields(head, inner);
            }
            (true, Some(inner)) if has("trait") => {
                self.check(head, head);
                let methods: Vec<_> = inner.into_iter().collect();
                let signatures = methods
                    .iter()
                    .filter(|token| group(token, Delimiter::Brace).is_none());
                self.check(head, &signatures.cloned().collect::<Vec<_>>());
            }
            (true, _) if has("struct") => {
                // A tuple; the fields of it have visibilities of their own.
                for token in head {
                    match group(token, Delimiter::Parenthesis) {
                        Some(inner) => self.fields(head, inner),
                        None => self.check(head, std::slice::from_ref(token)),
                    }
                }
            }
            (true, _) if has("const") && !has("fn") => {
                let end = head.iter().position(|token| is_punct(token, '='));
                self.check(head, &head[..end.unwrap_or(head.len())]);
            }
            (true, _) => self.check(head, head),
            (false, _) => {}
        }
    }

    /// Checks the public fields of a struct.
    fn fields(&mut self, head: &[TokenTree], fields: TokenStream) {
        let fields: Vec<TokenTree> = fields.into_iter().collect();
        for field in fields.split(|token| is_punct(token, ',')) {
            let field = without_attributes(field);
            let is_public = is_public(field);
            if is_public {
                self.check(head, field);
            }
        }
    }

    /// Reports the item that begins with `head` if `tokens` mention a type of an unstable crate.
    fn check(&mut self, head: &[TokenTree], tokens: &[TokenTree]) {
        for (at, token) in tokens.iter().enumerate() {
            let is_path = |at: usize| tokens.get(at).is_some_and(|token| is_punct(token, ':'));
            let starts_path = at == 0 || !is_path(at - 1) || !is_path(at.saturating_sub(2));
            let is_foreign = match token {
                TokenTree::Group(attribute)
                    if at > 0
                        && is_punct(&tokens[at - 1], '#')
                        && attribute.delimiter() == Delimiter::Bracket =>
                {
                    false
                }
                TokenTree::Group(inner) => {
                    self.check(head, &inner.stream().into_iter().collect::<Vec<_>>());
                    false
                }
                TokenTree::Ident(word) if starts_path => {
                    self.names.contains(&word.to_string())
                        || (is_unstable(token) && is_path(at + 1) && is_path(at + 2))
                }
                _ => false,
            };
            if is_foreign {
                let head: TokenStream = head.iter().take(8).cloned().collect();
                self.found.push(format!("{head}: {token}"));
            }
        }
    }
}

/// Whether an item or a field is `pub` without a restriction.
fn is_public(tokens: &[TokenTree]) -> bool {
    let (first, second) = (tokens.first(), tokens.get(1));
    first.is_some_and(|first| is_word(first, "pub"))
        && second.is_none_or(|next| group(next, Delimiter::Parenthesis).is_none())
}

/// Length of the item that begins `tokens`: up to a `;` or a group in braces.
fn end_of_item(tokens: &[TokenTree]) -> usize {
    let is_use = without_attributes(tokens)
        .iter()
        .take(2)
        .any(|token| is_word(token, "use"));
    let end = tokens.iter().position(|token| {
        is_punct(token, ';') || (!is_use && group(token, Delimiter::Brace).is_some())
    });
    end.map_or(tokens.len(), |end| end + 1)
}

fn without_attributes(mut tokens: &[TokenTree]) -> &[TokenTree] {
    while let [hash, TokenTree::Group(attribute), rest @ ..] = tokens
        && is_punct(hash, '#')
        && attribute.delimiter() == Delimiter::Bracket
    {
        tokens = rest;
    }
    tokens
}

fn group(token: &TokenTree, delimiter: Delimiter) -> Option<TokenStream> {
    match token {
        TokenTree::Group(group) if group.delimiter() == delimiter => Some(group.stream()),
        _ => None,
    }
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(found) if found == word)
}

fn is_unstable(token: &TokenTree) -> bool {
    UNSTABLE.iter().any(|unstable| is_word(token, unstable))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[test]
fn libraries_have_no_types_of_unstable_crates_in_their_interface() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for library in LIBRARIES {
        rust_files(&root.join(library).join("src"), &mut files).unwrap();
    }
    assert!(files.len() > 200, "only {} files", files.len());
    let mut found = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(&root).unwrap().display();
        found.extend(
            foreign(&source)
                .iter()
                .map(|item| format!("{name}: {item}")),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_type_of_an_unstable_crate_is_found() {
    let count = |source: &str| foreign(source).len();
    assert_eq!(count("pub fn f(handle: rtnetlink::Handle) {}"), 1);
    assert_eq!(
        count("use hyper::{Error as Failure, body::Body}; pub fn f() -> Failure { Body }"),
        1
    );
    assert_eq!(
        count("use pnet::util::MacAddr; pub struct Frame { pub mac: MacAddr, other: MacAddr }"),
        1
    );
    assert_eq!(
        count("pub struct Mac(pub pnet::MacAddr, pnet::MacAddr);"),
        1
    );
    assert_eq!(
        count("pub enum Error { #[error(\"x\")] Http(#[from] hyper::Error), Other }"),
        1
    );
    assert_eq!(
        count("pub trait Host { fn handle(&self) -> rtnetlink::Handle; }"),
        1
    );
    assert_eq!(
        count("impl Host { pub async fn new(handle: &rtnetlink::Handle) {} }"),
        1
    );
    assert_eq!(count("pub use nix::errno::Errno;"), 1);
    assert_eq!(count("pub type Handle = rtnetlink::Handle;"), 1);
}

#[test]
fn private_and_hidden_items_are_exempt() {
    let count = |source: &str| foreign(source).len();
    assert_eq!(count("fn f(handle: rtnetlink::Handle) {}"), 0);
    assert_eq!(count("pub(crate) fn f(handle: rtnetlink::Handle) {}"), 0);
    assert_eq!(
        count("/// Text.\n#[doc(hidden)]\npub fn f(handle: rtnetlink::Handle) {}"),
        0
    );
    assert_eq!(count("pub fn f() -> u8 { let _: rtnetlink::Handle; 0 }"), 0);
    assert_eq!(count("pub struct Host { handle: rtnetlink::Handle }"), 0);
    assert_eq!(count("pub use self::rtnetlink::Watcher;"), 0);
    assert_eq!(
        count("use nix::unistd::User; pub enum Unknown { #[x] User(u8) }"),
        0
    );
    assert_eq!(
        count("impl From<hyper::Error> for Private { fn from(e: hyper::Error) -> Self {} }"),
        0
    );
}
