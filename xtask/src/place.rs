// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a test suite runs: its name says it.

use std::path::Path;

/// The kernel a test target needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// None: it runs anywhere, in the step `unit`.
    Anywhere,
    /// The guest's: of tests-kernel all but `…netns`, and `…kernel` of other packages.
    Guest,
    /// The host's, in namespaces: `…netns`.
    HostNamespaces,
}

impl Place {
    /// Judges by the target's main source file, `PACKAGE/tests/NAME.rs` or
    /// `PACKAGE/tests/NAME/main.rs`.
    pub(crate) fn of(source: &Path) -> Self {
        let main = source.file_stem().is_some_and(|stem| stem == "main");
        let target = if main { source.parent() } else { Some(source) };
        let name = target
            .and_then(Path::file_stem)
            .unwrap_or_default()
            .to_string_lossy();
        if name.ends_with("netns") {
            Self::HostNamespaces
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
    fn names_say_where() {
        let of = |path: &str| Place::of(Path::new(path));
        assert_eq!(
            of("/x/lb-vrrp/tests/driver_netns.rs"),
            Place::HostNamespaces
        );
        assert_eq!(of("/x/lb-ipvs/tests/kernel.rs"), Place::Guest);
        assert_eq!(of("/x/lb-ipvs/tests/kernel/main.rs"), Place::Guest);
        assert_eq!(of("/x/tests-kernel/tests/ipvs.rs"), Place::Guest);
        assert_eq!(
            of("/x/tests-kernel/tests/interop_netns/main.rs"),
            Place::HostNamespaces
        );
        assert_eq!(of("/x/lb-vrrp/tests/sim/main.rs"), Place::Anywhere);
    }

    /// The sources of a suite: a file, or all files of a folder.
    fn sources(target: &Path) -> Vec<PathBuf> {
        if !target.is_dir() {
            return vec![target.to_owned()];
        }
        let entries = fs::read_dir(target).unwrap().flatten();
        entries.flat_map(|entry| sources(&entry.path())).collect()
    }

    /// A suite behind a gate whose name does not say so would be skipped for ever.
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
                            assert_eq!(Place::of(&main), place, "{}", source.display());
                            checked += 1;
                        }
                    }
                }
            }
        }
        assert!(checked > 0, "no gated suite at all");
    }
}
