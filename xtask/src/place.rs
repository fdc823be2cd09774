// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a test suite runs: its name decides.

use std::path::Path;

/// The kernel a test target needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// No particular kernel: the suite runs in the step `unit`.
    Anywhere,
    /// The guest's kernel: suites of tests-kernel except `…netns`, and `…kernel` of other packages.
    Guest,
    /// The guest's kernel over the tree of servers: the suite `servers` of tests-kernel.
    Servers,
    /// The host's kernel, in namespaces: `…netns`.
    HostNamespaces,
}

impl Place {
    /// Whether the suite runs in a guest.
    pub(crate) const fn is_guest(self) -> bool {
        matches!(self, Self::Guest | Self::Servers)
    }

    /// Finds the place from the target's main source file, `PACKAGE/tests/NAME.rs` or
    /// `PACKAGE/tests/NAME/main.rs`.
    pub(crate) fn from_source(source: &Path) -> Self {
        let main = source.file_stem().is_some_and(|stem| stem == "main");
        let target = if main { source.parent() } else { Some(source) };
        let name = target
            .and_then(Path::file_stem)
            .unwrap_or_default()
            .to_string_lossy();
        if name.ends_with("netns") {
            Self::HostNamespaces
        } else if name == "servers" {
            Self::Servers
        } else if name.ends_with("kernel") || source.iter().any(|part| part == "tests-kernel") {
            Self::Guest
        } else {
            Self::Anywhere
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn suite_name_decides_the_place() {
        let place = |path: &str| Place::from_source(Path::new(path));
        assert_eq!(
            place("/x/lb-vrrp/tests/driver_netns.rs"),
            Place::HostNamespaces
        );
        assert_eq!(place("/x/lb-ipvs/tests/kernel.rs"), Place::Guest);
        assert_eq!(place("/x/lb-ipvs/tests/kernel/main.rs"), Place::Guest);
        assert_eq!(place("/x/tests-kernel/tests/ipvs.rs"), Place::Guest);
        assert_eq!(
            place("/x/tests-kernel/tests/interop_netns/main.rs"),
            Place::HostNamespaces
        );
        assert_eq!(
            place("/x/tests-kernel/tests/servers/main.rs"),
            Place::Servers
        );
        assert_eq!(place("/x/lb-vrrp/tests/sim/main.rs"), Place::Anywhere);
    }

    /// The sources of a suite: a file, or all files of a folder.
    fn sources(target: &Path) -> Vec<PathBuf> {
        if !target.is_dir() {
            return vec![target.to_owned()];
        }
        let entries = fs::read_dir(target).unwrap().flatten();
        entries.flat_map(|entry| sources(&entry.path())).collect()
    }

    /// A gated suite with another name would be skipped in every step.
    #[test]
    fn every_gated_suite_is_found() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut checked = 0;
        for package in fs::read_dir(workspace).unwrap().flatten() {
            let Ok(targets) = fs::read_dir(package.path().join("tests")) else {
                continue;
            };
            for target in targets.flatten().map(|entry| entry.path()) {
                let main = if target.is_dir() {
                    target.join("main.rs")
                } else {
                    target.clone()
                };
                if !main.is_file() {
                    continue;
                }
                for source in sources(&target) {
                    let text = fs::read(&source).unwrap();
                    let text = String::from_utf8_lossy(&text);
                    for (gate, place) in [
                        ("host_test]", Place::HostNamespaces),
                        ("guest_test]", Place::Guest),
                    ] {
                        if text.contains(gate) {
                            let found = match Place::from_source(&main) {
                                Place::Servers => Place::Guest,
                                found => found,
                            };
                            assert_eq!(found, place, "{}", source.display());
                            checked += 1;
                        }
                    }
                }
            }
        }
        assert!(checked > 0, "no gated suite at all");
    }
}
