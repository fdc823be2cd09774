// SPDX-License-Identifier: MIT OR Apache-2.0
//! The step `words`: comments, messages, names and pages use plain words.
//!
//! `xtask/words.toml` lists the refused words, the phrases in which they are right, and how many
//! are still left in each crate. That allowance may only fall.

mod scan;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Deserialize;

use crate::claims::{failed, read_toml, root};
use crate::runner::StepError;
use crate::steps::Context;
use scan::{Finding, Phrase};

/// The list, from the root of the workspace.
const LIST: &str = "xtask/words.toml";
/// The heading of the last table of the list, which `--bless` writes.
const ALLOWANCE: &str = "[allowance]\n";
/// Where the pages at the root count.
const PAGES: &str = "docs";

/// The content of `xtask/words.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// The refused words, and what to write instead.
    words: BTreeMap<String, String>,
    exempt: Vec<Exemption>,
    /// Accepted findings by crate.
    allowance: BTreeMap<String, usize>,
}

/// A phrase that contains a refused word and is right.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exemption {
    phrase: String,
    reason: String,
}

/// Findings of one crate, with the path of the file.
type Findings = Vec<(PathBuf, Finding)>;

/// All findings by crate, and the exemptions that no file needs.
#[derive(Debug, Default)]
struct Census {
    findings: BTreeMap<String, Findings>,
    unused: Vec<String>,
}

/// The arguments of `cargo xtask words`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Writes lower allowances into xtask/words.toml; never higher ones.
    #[arg(long)]
    bless: bool,
    /// Lists what is found in these crates; `docs` are the pages.
    #[arg(value_name = "CRATE")]
    crates: Vec<String>,
}

/// The step `words`.
pub(crate) fn words(context: &mut Context) -> Result<(), StepError> {
    let list: List = read_toml(LIST)?;
    let result = failed(&complaints(&list, &take_census(root(), &list)?));
    context.one(result)
}

/// `cargo xtask words`.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let list: List = read_toml(LIST)?;
    let census = take_census(root(), &list)?;
    for name in &arguments.crates {
        for (path, finding) in census.findings.get(name).into_iter().flatten() {
            println!("{}", describe(&list, path, finding));
        }
    }
    for (name, findings) in &census.findings {
        println!("{:>6} {name}", findings.len());
    }
    let mut list = list;
    if arguments.bless {
        let path = root().join(LIST);
        list.allowance = lower(&list.allowance, &census);
        let text = fs::read_to_string(&path)?;
        fs::write(&path, with_allowance(&text, &list.allowance)?)?;
    }
    let complaints = complaints(&list, &census);
    for complaint in &complaints {
        println!("{complaint}");
    }
    Ok(if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Reads every Rust file and page below `root`.
fn take_census(root: &Path, list: &List) -> Result<Census, StepError> {
    let phrases: Vec<Phrase> = list.words.keys().map(|word| Phrase::new(word)).collect();
    let exempt: Vec<&str> = list.exempt.iter().map(|it| it.phrase.as_str()).collect();
    let mut used = vec![0; exempt.len()];
    let mut census = Census::default();
    for path in files(root)? {
        let cannot = |error: &dyn std::fmt::Display| {
            StepError::Missing(format!("cannot read {}: {error}", path.display()))
        };
        let text = fs::read_to_string(root.join(&path)).map_err(|error| cannot(&error))?;
        let ranges = scan::exempt_ranges(&text, &exempt, &mut used);
        let mut found = scan::phrases(&text, &phrases, &ranges);
        if is_rust(&path) {
            found.extend(scan::identifiers_of(&text, &ranges).map_err(|error| cannot(&error))?);
        }
        let all = census.findings.entry(crate_name(&path)).or_default();
        all.extend(found.into_iter().map(|finding| (path.clone(), finding)));
    }
    let unused = list
        .exempt
        .iter()
        .zip(&used)
        .filter(|(_, used)| **used == 0);
    census.unused = unused.map(|(it, _)| it.phrase.clone()).collect();
    Ok(census)
}

/// The Rust files and pages below a directory, by their path from it, sorted.
fn files(root: &Path) -> Result<Vec<PathBuf>, StepError> {
    let mut files = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        let cannot = |error: std::io::Error| {
            StepError::Missing(format!("cannot list {}: {error}", directory.display()))
        };
        for entry in fs::read_dir(root.join(&directory)).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let name = entry.file_name();
            let kind = entry.file_type().map_err(cannot)?;
            let path = directory.join(&name);
            let hidden = name.as_encoded_bytes().starts_with(b".");
            if kind.is_dir() && !hidden && name != "target" {
                directories.push(path);
            } else if kind.is_file() && (is_rust(&path) || has_extension(&path, "md")) {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension() == Some(OsStr::new(extension))
}

fn is_rust(path: &Path) -> bool {
    has_extension(path, "rs")
}

/// The folder at the root that holds a file; pages at the root count among the pages.
fn crate_name(path: &Path) -> String {
    let mut parts = path.iter();
    match (parts.next(), parts.next()) {
        (Some(folder), Some(_)) => folder.to_string_lossy().into_owned(),
        _ => PAGES.to_owned(),
    }
}

/// One line about a finding: the place, the word, what to write instead.
fn describe(list: &List, path: &Path, finding: &Finding) -> String {
    let Finding { line, word } = finding;
    let instead = match list.words.get(word) {
        Some(instead) => instead.as_str(),
        None => "the name of the thing",
    };
    format!("{}:{line}: {word} (instead: {instead})", path.display())
}

/// The differences between the findings and the allowances, and exemptions that are of no use.
fn complaints(list: &List, census: &Census) -> Vec<String> {
    let mut complaints = Vec::new();
    let names = census.findings.keys().chain(list.allowance.keys());
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let allowed = list.allowance.get(name).copied().unwrap_or(0);
        let found = census.findings.get(name).map_or(&[][..], Vec::as_slice);
        let count = found.len();
        if count > allowed {
            complaints.extend(found.iter().map(|(path, it)| describe(list, path, it)));
            complaints.push(format!(
                "{name}: {count} refused words, {allowed} are allowed"
            ));
        }
        if count < allowed {
            complaints.push(format!(
                "{name}: {count} refused words, fewer than the {allowed} in {LIST}: \
                 run `cargo xtask words --bless`"
            ));
        }
    }
    for phrase in &census.unused {
        complaints.push(format!("{LIST}: no file has the exempt phrase `{phrase}`"));
    }
    for exemption in &list.exempt {
        if exemption.reason.is_empty() {
            let phrase = &exemption.phrase;
            complaints.push(format!("{LIST}: the exemption `{phrase}` has no reason"));
        }
    }
    complaints
}

/// The lower of the allowance and the count, for each crate that has an allowance.
fn lower(allowance: &BTreeMap<String, usize>, census: &Census) -> BTreeMap<String, usize> {
    allowance
        .iter()
        .map(|(name, allowed)| {
            let count = census.findings.get(name).map_or(0, Vec::len);
            (name.clone(), count.min(*allowed))
        })
        .filter(|(_, allowed)| *allowed > 0)
        .collect()
}

/// The text of the list with other allowances; everything above them stays.
fn with_allowance(text: &str, allowance: &BTreeMap<String, usize>) -> Result<String, StepError> {
    let Some((head, _)) = text.split_once(ALLOWANCE) else {
        return Err(StepError::Missing(format!("{LIST} has no [allowance]")));
    };
    let lines = allowance
        .iter()
        .map(|(name, count)| format!("{name} = {count}\n"));
    Ok(format!("{head}{ALLOWANCE}{}", lines.collect::<String>()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TEXT: &str = "# Comment.\n[words]\ngizmo = \"device\"\n\n[[exempt]]\nphrase = \"gizmo 1\"\nreason = \"a name\"\n\n[allowance]\nalpha = 2\nbeta = 1\n";

    fn list() -> List {
        toml::from_str(TEXT).unwrap()
    }

    /// A workspace in a directory for the duration of a test.
    fn census(files: &[(&str, &str)]) -> Census {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        take_census(directory.path(), &list()).unwrap()
    }

    fn counts(census: &Census) -> Vec<(&str, usize)> {
        let findings = census.findings.iter();
        findings
            .map(|(name, it)| (name.as_str(), it.len()))
            .collect()
    }

    /// Findings that the allowances of the list cover, with a use of the exemption.
    const COVERED: [(&str, &str); 3] = [
        ("alpha/src/lib.rs", "// gizmo 1, gizmo\nfn of() {}\n"),
        ("beta/README.md", "A gizmo.\n"),
        ("README.md", "Nothing.\n"),
    ];

    #[test]
    fn findings_count_by_crate_and_root_pages_among_docs() {
        let census = census(&[
            ("README.md", "gizmo"),
            ("docs/a/b.md", "gizmo of gizmo"),
            ("alpha/src/lib.rs", "//! gizmo\nfn of() {}"),
            ("alpha/src/data.txt", "gizmo"),
            ("alpha/target/x.rs", "// gizmo"),
            (".hidden/x.md", "gizmo"),
            ("target/x.rs", "// gizmo"),
        ]);
        assert_eq!(counts(&census), [("alpha", 2), ("docs", 3)]);
    }

    #[test]
    fn findings_within_the_allowance_pass() {
        assert_eq!(complaints(&list(), &census(&COVERED)), [""; 0]);
    }

    #[test]
    fn one_finding_too_many_lists_every_place() {
        let mut files = COVERED.to_vec();
        files.push(("beta/src/lib.rs", "\n// gizmo\n"));
        assert_eq!(
            complaints(&list(), &census(&files)),
            [
                "beta/README.md:1: gizmo (instead: device)",
                "beta/src/lib.rs:2: gizmo (instead: device)",
                "beta: 2 refused words, 1 are allowed",
            ]
        );
    }

    #[test]
    fn crate_without_allowance_may_have_none() {
        let mut files = COVERED.to_vec();
        files.push(("gamma/src/lib.rs", "fn of() {}"));
        let complaints = complaints(&list(), &census(&files));
        assert_eq!(
            complaints,
            [
                "gamma/src/lib.rs:1: `of` (instead: the name of the thing)",
                "gamma: 1 refused words, 0 are allowed",
            ]
        );
    }

    #[test]
    fn fewer_findings_ask_for_a_lower_allowance() {
        let complaints = complaints(&list(), &census(&COVERED[..1]));
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("beta: 0 refused words, fewer than the 1"));
    }

    #[test]
    fn unused_exemption_is_a_failure() {
        let files = [("alpha/a.md", "gizmo gizmo"), ("beta/a.md", "gizmo")];
        assert_eq!(
            complaints(&list(), &census(&files)),
            ["xtask/words.toml: no file has the exempt phrase `gizmo 1`"]
        );
    }

    #[test]
    fn exemption_without_a_reason_is_a_failure() {
        let list: List = toml::from_str(&TEXT.replace("a name", "")).unwrap();
        assert_eq!(
            complaints(&list, &census(&COVERED)),
            ["xtask/words.toml: the exemption `gizmo 1` has no reason"]
        );
    }

    #[test]
    fn rust_file_that_is_not_rust_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("x.rs"), "fn f( {").unwrap();
        assert!(take_census(directory.path(), &list()).is_err());
    }

    #[test]
    fn bless_lowers_and_never_raises() {
        let mut files = COVERED[1..].to_vec();
        files.push(("beta/b.md", "gizmo"));
        let lowered = lower(&list().allowance, &census(&files));
        assert_eq!(lowered, BTreeMap::from([("beta".to_owned(), 1)]));
    }

    #[test]
    fn bless_keeps_what_stands_above_the_allowances() {
        let allowance = BTreeMap::from([("beta".to_owned(), 1)]);
        let text = with_allowance(TEXT, &allowance).unwrap();
        assert_eq!(text, TEXT.replace("alpha = 2\n", ""));
        assert!(with_allowance("[words]", &allowance).is_err());
    }

    #[test]
    fn list_of_this_workspace_is_read() {
        let list: List = read_toml(LIST).unwrap();
        assert!(list.words.len() > 30);
        assert!(with_allowance("[allowance]\n", &list.allowance).is_ok());
        for word in list.words.keys() {
            assert_eq!(*word, word.to_lowercase());
        }
    }
}
