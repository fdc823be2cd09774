// SPDX-License-Identifier: MIT OR Apache-2.0
//! The documentation of the client: each verb names its ipvsadm equivalent and has an example.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

/// A public function and the lines of its documentation.
struct Verb {
    name: String,
    documentation: Vec<String>,
}

/// The public functions of a file, but for those that only tests are built with.
fn verbs(source: &str) -> Vec<Verb> {
    let mut verbs = Vec::new();
    let mut documentation = Vec::new();
    let mut for_tests = false;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            documentation.push(text.trim().to_owned());
        } else if line.starts_with("#[cfg(") && line.contains("test") {
            for_tests = true;
        } else if !line.starts_with("#[") {
            let documentation = std::mem::take(&mut documentation);
            if let Some(name) = public_function(line)
                && !std::mem::take(&mut for_tests)
            {
                verbs.push(Verb {
                    name,
                    documentation,
                });
            }
            for_tests = false;
        }
    }
    verbs
}

fn public_function(line: &str) -> Option<String> {
    let rest = line.strip_prefix("pub ")?;
    let rest = rest
        .trim_start_matches("const ")
        .trim_start_matches("async ");
    let name = rest.strip_prefix("fn ")?.split(['(', '<']).next()?;
    // What is asked for is made by `new`; asking for it is the verb.
    (name != "new").then(|| name.to_owned())
}

impl Verb {
    /// What its documentation lacks.
    fn lacks(&self) -> Vec<&'static str> {
        let prose = self
            .documentation
            .iter()
            .take_while(|line| !line.starts_with("# "))
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n");
        let last = prose.trim().rsplit("\n\n").next().unwrap_or_default();
        let mut lacks = Vec::new();
        if !last.starts_with("Equivalent to ") && !last.starts_with("ipvsadm has no") {
            lacks.push(
                "a last paragraph that names its equivalent, or states that ipvsadm has none",
            );
        }
        if !self.documentation.iter().any(|line| line == "# Examples") {
            lacks.push("an example");
        }
        lacks
    }
}

#[test]
fn each_verb_names_its_equivalent_and_has_an_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/handle");
    let mut names = Vec::new();
    let mut lacking = Vec::new();
    for file in fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
    {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        for verb in verbs(&fs::read_to_string(&file).unwrap()) {
            for lack in verb.lacks() {
                lacking.push(format!("{} lacks {lack}", verb.name));
            }
            names.push(verb.name);
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
    // The search finds what there is.
    for name in [
        "connect",
        "apply",
        "services",
        "edit_destination",
        "changes",
        "socket",
    ] {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
    assert!(!names.iter().any(|found| found == "scripted"));
}

#[test]
fn what_is_missing_is_noticed() {
    let source = "
        /// Does it.
        ///
        /// Equivalent to `ipvsadm -A`.
        ///
        /// # Examples
        pub async fn good(&self) {}

        /// Does it, equivalent to `ipvsadm -A`.
        ///
        /// And more.
        pub const fn bad<T>(&self) {}

        #[cfg(any(test))]
        pub fn test_only() {}

        pub(crate) fn hidden() {}
    ";
    let found = verbs(source);
    let lacks: Vec<(&str, usize)> = found
        .iter()
        .map(|verb| (verb.name.as_str(), verb.lacks().len()))
        .collect();
    assert_eq!(lacks, [("good", 0), ("bad", 2)]);
}
