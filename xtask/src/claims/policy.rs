// SPDX-License-Identifier: MIT OR Apache-2.0
//! `deny.toml`, and the part of cargo-deny's checks that `cargo metadata` is enough for.
//!
//! An unknown key is an error, so that no rule of the file is ignored silently.

use std::collections::BTreeMap;

use cargo_metadata::semver::VersionReq;
use cargo_metadata::{DependencyKind, Package};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

/// How cargo writes the source of a package from crates.io.
const CRATES_IO: [&str; 2] = [
    "registry+https://github.com/rust-lang/crates.io-index",
    "sparse+https://index.crates.io/",
];

/// The rules of `deny.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    graph: Graph,
    #[expect(dead_code, reason = "advisories need cargo-deny and its database")]
    advisories: toml::Table,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Graph {
    targets: Vec<String>,
    /// The packages must be those of all features: the caller passes the option to cargo.
    #[expect(dead_code, reason = "read so that it is known")]
    all_features: AllFeatures,
}

/// `true`: the other value has no support here.
#[derive(Debug, Deserialize)]
#[serde(try_from = "bool")]
struct AllFeatures;

impl TryFrom<bool> for AllFeatures {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        value
            .then_some(Self)
            .ok_or("only all-features = true is supported")
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    multiple_versions: Level,
    wildcards: Level,
    allow_wildcard_paths: bool,
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ban {
    /// The name alone: versions have no support here.
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    unknown_registry: Level,
    unknown_git: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Allow,
    Warn,
    Deny,
}

/// Whether a finding fails the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Warning,
    Error,
}

/// A rule that a package breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) text: String,
}

impl Level {
    fn finding(self, text: String) -> Option<Finding> {
        let severity = match self {
            Self::Allow => return None,
            Self::Warn => Severity::Warning,
            Self::Deny => Severity::Error,
        };
        Some(Finding { severity, text })
    }
}

fn error(text: String) -> Finding {
    Finding {
        severity: Severity::Error,
        text,
    }
}

impl Policy {
    /// The platforms whose dependencies are checked.
    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        self.graph.targets.iter().map(String::as_str)
    }

    /// The rules that these packages break.
    pub(super) fn findings(&self, packages: &[Package]) -> Vec<Finding> {
        let mut findings = self.licenses.findings(packages);
        findings.extend(self.bans.findings(packages));
        findings.extend(packages.iter().filter_map(|it| self.sources.finding(it)));
        findings
    }
}

impl Licenses {
    fn findings(&self, packages: &[Package]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut allowed = Vec::new();
        for text in &self.allow {
            match Licensee::parse(text) {
                Ok(licensee) => allowed.push(licensee),
                Err(why) => findings.push(error(format!("deny.toml: license {text}: {why}"))),
            }
        }
        findings.extend(packages.iter().filter_map(|it| license(it, &allowed)));
        findings
    }
}

fn license(package: &Package, allowed: &[Licensee]) -> Option<Finding> {
    let title = title(package);
    let Some(text) = &package.license else {
        return Some(error(format!("{title} names no license")));
    };
    let expression = match Expression::parse_mode(text, ParseMode::LAX) {
        Ok(expression) => expression,
        Err(why) => {
            let why = why.reason;
            return Some(error(format!(
                "{title}: cannot read the license {text}: {why}"
            )));
        }
    };
    let is_allowed = expression.evaluate(|requirement| {
        let mut allowed = allowed.iter();
        allowed.any(|licensee| licensee.satisfies(requirement))
    });
    (!is_allowed).then(|| error(format!("{title}: the license {text} is not allowed")))
}

impl Bans {
    fn findings(&self, packages: &[Package]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for package in packages {
            let known = versions.entry(package.name.as_str()).or_default();
            known.push(package.version.to_string());
            for ban in self.deny.iter().filter(|ban| ban.name == *package.name) {
                let text = format!("{} is banned: {}", title(package), ban.reason);
                findings.push(error(text));
            }
            findings.extend(self.wildcards(package));
        }
        for ban in &self.deny {
            if ban.name.contains(['@', ':']) {
                let text = format!("deny.toml: {}: a version is not supported here", ban.name);
                findings.push(error(text));
            }
        }
        let several = versions.iter().filter(|(_, versions)| versions.len() > 1);
        findings.extend(several.filter_map(|(name, versions)| {
            let text = format!("{name} is there in versions {}", versions.join(", "));
            self.multiple_versions.finding(text)
        }));
        findings
    }

    /// Requirements of any version. Those of a path and of a repository are allowed where cargo-deny
    /// allows them too: in a package that is not published, and for development.
    fn wildcards(&self, package: &Package) -> Vec<Finding> {
        let private = package.publish.as_ref().is_some_and(Vec::is_empty);
        package
            .dependencies
            .iter()
            .filter(|dependency| dependency.req == VersionReq::STAR)
            .filter(|dependency| dependency.name != *package.name)
            .filter(|dependency| {
                let source = dependency.source.as_ref();
                let registry = source.is_some_and(|source| !source.repr.starts_with("git+"));
                let hidden = private || dependency.kind == DependencyKind::Development;
                !(self.allow_wildcard_paths && !registry && hidden)
            })
            .filter_map(|dependency| {
                let text = format!(
                    "{} takes any version of {}",
                    title(package),
                    dependency.name
                );
                self.wildcards.finding(text)
            })
            .collect()
    }
}

impl Sources {
    fn finding(&self, package: &Package) -> Option<Finding> {
        let source = package.source.as_ref()?.repr.as_str();
        if CRATES_IO.contains(&source) {
            return None;
        }
        let level = if source.starts_with("git+") {
            self.unknown_git
        } else {
            self.unknown_registry
        };
        level.finding(format!("{} comes from {source}", title(package)))
    }
}

fn title(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy() -> Policy {
        super::super::read_toml("deny.toml").unwrap()
    }

    /// A package from crates.io under MIT, with some fields different.
    fn package(name: &str, fields: Value) -> Package {
        let mut package = json!({
            "name": name,
            "version": "1.0.0",
            "id": format!("registry+https://github.com/rust-lang/crates.io-index#{name}@1.0.0"),
            "license": "MIT",
            "source": CRATES_IO[0],
            "dependencies": [],
            "targets": [],
            "features": {},
            "manifest_path": "/registry/Cargo.toml",
            "authors": [],
            "categories": [],
            "keywords": [],
            "edition": "2021",
        });
        let known = package.as_object_mut().unwrap();
        known.extend(fields.as_object().unwrap().clone());
        serde_json::from_value(package).unwrap()
    }

    fn dependency(name: &str, fields: Value) -> Value {
        let mut dependency = json!({
            "name": name,
            "source": CRATES_IO[0],
            "req": "*",
            "kind": null,
            "optional": false,
            "uses_default_features": true,
            "features": [],
            "target": null,
            "rename": null,
            "registry": null,
        });
        let known = dependency.as_object_mut().unwrap();
        known.extend(fields.as_object().unwrap().clone());
        json!({ "dependencies": [dependency] })
    }

    fn errors(packages: &[Package]) -> Vec<String> {
        let findings = policy().findings(packages).into_iter();
        findings
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.text)
            .collect()
    }

    #[test]
    fn a_good_package_is_allowed() {
        assert_eq!(errors(&[package("good", json!({}))]), [""; 0]);
    }

    #[test]
    fn a_banned_crate_is_found() {
        let found = errors(&[package("native-tls", json!({}))]);
        assert_eq!(
            found,
            ["native-tls 1.0.0 is banned: TLS is rustls with ring"]
        );
    }

    #[test]
    fn each_part_of_a_license_is_judged() {
        let is_allowed = |license: Value| {
            let found = errors(&[package("a", json!({ "license": license }))]);
            assert!(found.len() <= 1, "{found:?}");
            found.is_empty()
        };
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-2.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert!(is_allowed(json!(good)), "{good}");
        }
        for bad in [
            "GPL-3.0-or-later",
            "MIT AND GPL-2.0-only",
            "Apache-2.0 WITH LLVM-exception",
            "(MIT OR Apache-2.0) AND NCSA",
            "Proprietary",
        ] {
            assert!(!is_allowed(json!(bad)), "{bad}");
        }
        assert!(!is_allowed(Value::Null));
    }

    #[test]
    fn a_source_that_is_not_crates_io_is_found() {
        for source in [
            "git+https://example.org/a.git#0123456789abcdef",
            "registry+https://example.org/index",
            "sparse+https://example.org/index/",
        ] {
            let found = errors(&[package("a", json!({ "source": source }))]);
            assert_eq!(found, [format!("a 1.0.0 comes from {source}")]);
        }
        assert_eq!(errors(&[package("a", json!({ "source": null }))]), [""; 0]);
    }

    #[test]
    fn a_wildcard_is_found_unless_it_is_a_path_of_a_private_package() {
        let found = errors(&[package("a", dependency("b", json!({})))]);
        assert_eq!(found, ["a 1.0.0 takes any version of b"]);
        let bound = dependency("b", json!({ "req": "^1" }));
        assert_eq!(errors(&[package("a", bound)]), [""; 0]);

        let path = json!({ "source": null, "path": "/b" });
        let mut fields = dependency("b", path);
        let found = errors(&[package("a", fields.clone())]);
        assert_eq!(found, ["a 1.0.0 takes any version of b"]);
        fields["publish"] = json!([]);
        assert_eq!(errors(&[package("a", fields)]), [""; 0]);
        let development = json!({ "source": null, "path": "/b", "kind": "dev" });
        let found = errors(&[package("a", dependency("b", development))]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn several_versions_are_a_warning() {
        let second = package("a", json!({ "version": "2.0.0" }));
        let findings = policy().findings(&[package("a", json!({})), second]);
        let warning = Finding {
            severity: Severity::Warning,
            text: "a is there in versions 1.0.0, 2.0.0".to_owned(),
        };
        assert_eq!(findings, [warning]);
    }

    #[test]
    fn a_rule_that_is_not_known_is_refused() {
        let text = std::fs::read_to_string(super::super::root().join("deny.toml")).unwrap();
        let read = |text: &str| toml::from_str::<Policy>(text);
        assert!(read(&text).is_ok());
        for (old, new) in [
            ("[licenses]", "[licenses]\nexceptions = []"),
            ("[sources]", "[sources]\nallow-git = []"),
            ("all-features = true", "all-features = false"),
            ("[bans]", "[bans]\nskip = []"),
            ("[bans]", "[output]\n\n[bans]"),
        ] {
            assert!(text.contains(old), "{old}");
            assert!(read(&text.replace(old, new)).is_err(), "{new}");
        }
    }
}
