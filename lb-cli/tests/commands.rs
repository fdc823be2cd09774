// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the pages tell people to type exists: cargo's packages and targets, files of the tree,
//! other programs. Configurations and documents on the pages are good ones.
//!
//! Lines of `lbctl` and of its other names are proven in `src/documented.rs`, those of
//! `cargo xtask` in `xtask/src/documented.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "support/pages.rs"]
mod pages;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use lb_ipvsadm::{Numeric, table};
use serde_json::Value;

use pages::{PROGRAMS, Shown, root};

/// Programs that this workspace does not have, and why a page may tell people to use them.
const OTHERS: &[(&str, &str)] = &[
    ("export", "part of the shell"),
    (
        "install",
        "coreutils; copies the unit file of the IPVS table",
    ),
    (
        "ip",
        "iproute2; sets up the namespace of a single case of the interoperability tests",
    ),
    ("kill", "util-linux; the reload of the systemd unit"),
    ("diff", "diffutils; compares two prints of lbctl check"),
    ("mount", "util-linux; gives that case a /run of its own"),
    ("systemctl", "systemd; the unit file of the IPVS table"),
    ("unshare", "util-linux; makes the namespace of that case"),
];

/// Crates that `cargo install` may name.
const INSTALLED: [&str; 1] = ["cargo-fuzz"];

#[test]
fn each_block_names_its_language() {
    let known = ["sh", "console", "keepalived", "ipvs", "ini", "json", "text"];
    let unknown: Vec<String> = pages::blocks()
        .iter()
        .filter(|block| !known.contains(&block.language.as_str()))
        .map(|block| format!("{}: {:?}", block.place, block.language))
        .collect();
    assert!(
        unknown.is_empty(),
        "a block is one of {known:?} (lb-cli/tests/support/pages.rs):\n{}",
        unknown.join("\n")
    );
}

#[test]
fn each_command_is_proven_or_has_a_reason() {
    let commands = pages::commands(&["cargo"]);
    let mut seen = BTreeSet::new();
    let mut unknown = Vec::new();
    for shown in &commands {
        let program = shown.program();
        let first = shown.words[0].as_str();
        let in_tree =
            first.contains('/') && !first.starts_with('/') && root().join(first).is_file();
        if PROGRAMS.contains(&program) || program == "cargo" || shown.is_built() || in_tree {
            continue;
        }
        match OTHERS.iter().find(|(name, _)| *name == program) {
            Some((name, _)) => {
                seen.insert(*name);
            }
            None => unknown.push(shown.to_string()),
        }
    }
    assert!(
        unknown.is_empty(),
        "no such program:\n{}",
        unknown.join("\n")
    );
    let unused: Vec<_> = OTHERS
        .iter()
        .filter(|(name, _)| !seen.contains(name))
        .collect();
    assert!(unused.is_empty(), "no page names {unused:?} any more");
}

#[test]
fn cargo_finds_what_its_commands_name() {
    let workspace = Workspace::read();
    let commands = pages::commands(&["cargo"]);
    let mut count = 0;
    let mut wrong = Vec::new();
    for shown in commands.iter().filter(|shown| shown.program() == "cargo") {
        count += 1;
        if let Err(why) = workspace.proves(shown) {
            wrong.push(format!("{shown}\n    {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        count > 20,
        "the pages have more commands than these {count}"
    );
    for line in [
        "cargo test -p lb-vrp",
        "cargo test -p lb-vrrp --test simulation",
        "cargo test -p lb-vrrp no_test_has_this_name",
        "cargo bench -p benches --bench no_bench",
        "cargo run --example no_example",
        "cargo check --manifest-path no/Cargo.toml",
        "cargo build -p lb-vrrp --features no_feature",
        "cargo +nightly fuzz run no_target",
        "cargo instal cargo-fuzz",
        "cargo install cargo-fuz",
    ] {
        let shown = Shown {
            place: pages::Place {
                page: "here".to_owned(),
                line: 1,
            },
            words: shlex::split(line).unwrap(),
            inline: false,
        };
        assert!(workspace.proves(&shown).is_err(), "{line}");
    }
}

#[test]
fn files_on_the_pages_are_good() {
    let blocks = pages::blocks();
    let mut bad = Vec::new();
    for (language, check) in CHECKS {
        for block in blocks.iter().filter(|block| block.language == *language) {
            if let Err(why) = check(&block.text) {
                bad.push(format!("{}:\n{why}", block.place));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn a_file_that_is_wrong_is_refused() {
    for (check, good, wrong) in [
        (json as Check, "{}", "{"),
        (ipvs, "-A -t 192.168.1.50:80", "-A -t 192.168.1.256:80"),
        (keepalived, ROUTER, &ROUTER.replace("51", "300")),
    ] {
        assert_eq!(check(good), Ok(()));
        assert!(check(wrong).is_err(), "{wrong}");
    }
}

/// What is wrong with the text of a block.
type Check = fn(&str) -> Result<(), String>;

const CHECKS: &[(&str, Check)] = &[("json", json), ("ipvs", ipvs), ("keepalived", keepalived)];

const ROUTER: &str = "\
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.168.1.50
    }
}
";

fn json(text: &str) -> Result<(), String> {
    let document = serde_json::from_str::<Value>(text);
    document.map(drop).map_err(|error| error.to_string())
}

fn ipvs(text: &str) -> Result<(), String> {
    let table = table::read(text, &Numeric);
    table.map(drop).map_err(|errors| format!("{errors:?}"))
}

/// `lbctl check`; warnings are allowed.
fn keepalived(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.conf");
    fs::write(&file, text).unwrap();
    let outcome = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("lbctl"))
        .arg("check")
        .arg(&file)
        .output()
        .unwrap();
    match outcome.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&outcome.stdout).into_owned()),
    }
}

/// The packages of the workspace and of the fuzz targets, without their dependencies.
struct Workspace {
    packages: Vec<Value>,
    fuzz: Vec<Value>,
}

impl Workspace {
    fn read() -> Self {
        Self {
            packages: packages("Cargo.toml"),
            fuzz: packages("fuzz/Cargo.toml"),
        }
    }

    /// Whether all that the words name is there.
    fn proves(&self, shown: &Shown) -> Result<(), String> {
        let words: Vec<&str> = shown.words.iter().skip(1).map(String::as_str).collect();
        let words = match words.as_slice() {
            [toolchain, rest @ ..] if toolchain.starts_with('+') => rest,
            words => words,
        };
        let (&verb, words) = words.split_first().ok_or("no command")?;
        match verb {
            // Parsed by xtask's own test.
            "xtask" => Ok(()),
            "install" => match words {
                [name] if INSTALLED.contains(name) => Ok(()),
                _ => Err(format!("only {INSTALLED:?} is to be installed")),
            },
            "fuzz" => match words {
                ["run", name, ..] if targets(&self.fuzz, "bin").contains(name) => Ok(()),
                // A sentence about all of them.
                ["run"] if shown.inline => Ok(()),
                _ => Err("no such fuzz target".to_owned()),
            },
            "bench" | "build" | "check" | "clippy" | "doc" | "fmt" | "run" | "test" => {
                self.names(words)
            }
            _ => Err(format!("cargo {verb} is not known here")),
        }
    }

    /// Whether the packages, targets, features and tests that the options name are there.
    fn names(&self, words: &[&str]) -> Result<(), String> {
        let mut chosen: Vec<&Value> = self.packages.iter().collect();
        let mut words = words.iter().take_while(|word| **word != "--");
        while let Some(&word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .copied()
                    .ok_or_else(|| format!("{word}: no value"))
            };
            let kind = match word {
                "-p" | "--package" => {
                    let name = value()?;
                    chosen.retain(|package| package["name"] == name);
                    if chosen.is_empty() {
                        return Err(format!("no package {name}"));
                    }
                    continue;
                }
                "--manifest-path" => {
                    let path = value()?;
                    if !root().join(path).is_file() {
                        return Err(format!("no file {path}"));
                    }
                    continue;
                }
                "--features" => {
                    let name = value()?;
                    if !chosen.iter().any(|it| it["features"].get(name).is_some()) {
                        return Err(format!("no feature {name}"));
                    }
                    continue;
                }
                "--target" => {
                    value()?;
                    continue;
                }
                "--no-run" | "--release" | "--workspace" | "--all-targets" => continue,
                "--test" => "test",
                "--bench" => "bench",
                "--bin" => "bin",
                "--example" => "example",
                option if option.starts_with('-') => {
                    return Err(format!("the option {option} is not known here"));
                }
                filter => {
                    if !chosen.iter().any(|package| has_test(package, filter)) {
                        return Err(format!("no test has {filter} in its name"));
                    }
                    continue;
                }
            };
            let name = value()?;
            let found = chosen
                .iter()
                .any(|package| targets(std::slice::from_ref(package), kind).contains(&name));
            if !found {
                return Err(format!("no {kind} {name}"));
            }
        }
        Ok(())
    }
}

fn packages(manifest: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .arg("--manifest-path")
        .arg(root().join(manifest))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The names of the targets of one kind.
fn targets<'a>(packages: &'a [Value], kind: &str) -> Vec<&'a str> {
    packages
        .iter()
        .flat_map(|package| package["targets"].as_array().unwrap())
        .filter(|target| target["kind"][0] == kind)
        .map(|target| target["name"].as_str().unwrap())
        .collect()
}

/// Whether a module or a function of the package has the word in its name, as `cargo test WORD`
/// looks for it.
fn has_test(package: &Value, word: &str) -> bool {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    ["src", "tests"]
        .iter()
        .any(|folder| defines(&manifest.with_file_name(folder), word))
}

fn defines(folder: &Path, word: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return defines(&path, word);
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut names = text.lines().filter_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("fn ")
                .or_else(|| line.strip_prefix("mod "))
        });
        names.any(|name| name.split(['(', ';', ' ']).next().unwrap().contains(word))
    })
}
