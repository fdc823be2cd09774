// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which package may depend on which: the drawing in ARCHITECTURE.md, as a rule on the manifests.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The packages that users build, and the members of the workspace that each may depend on.
const LAYERS: [(&str, &[&str]); 7] = [
    ("lb-host", &[]),
    ("lb-vrrp", &["lb-host"]),
    ("lb-ipvs", &["lb-host"]),
    ("lb-check", &["lb-host"]),
    ("lb-core", &["lb-check", "lb-host", "lb-ipvs", "lb-vrrp"]),
    ("lb-ipvsadm", &["lb-ipvs"]),
    ("lb-cli", &["lb-check", "lb-core", "lb-ipvs", "lb-ipvsadm"]),
];

/// The members among `dependencies` that the package `name` must not depend on.
fn forbidden<'a>(
    name: &str,
    dependencies: impl IntoIterator<Item = &'a str>,
    members: &BTreeSet<String>,
) -> Vec<&'a str> {
    let layer = LAYERS.iter().find(|(layer, _)| *layer == name);
    let (_, allowed) = layer.unwrap_or_else(|| panic!("{name} is in no layer"));
    let mut found: Vec<_> = dependencies
        .into_iter()
        .filter(|dependency| members.contains(*dependency) && !allowed.contains(dependency))
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn packages_depend_on_lower_layers_only() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut command = MetadataCommand::new();
    let metadata = command.manifest_path(manifest).no_deps().exec().unwrap();
    let members: BTreeSet<String> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let mut judged = BTreeSet::new();
    // A member that is not a default one holds tests or tools, and may depend on any.
    for package in metadata.workspace_default_packages() {
        let dependencies = package.dependencies.iter();
        let used = dependencies
            .filter(|dependency| dependency.kind != DependencyKind::Development)
            .map(|dependency| dependency.name.as_str());
        let found = forbidden(&package.name, used, &members);
        assert!(found.is_empty(), "{} depends on {found:?}", package.name);
        judged.insert(package.name.to_string());
    }
    for (name, _) in LAYERS {
        assert!(judged.contains(name), "{name} is not a default member");
    }
}

#[test]
fn a_dependency_upward_is_found() {
    let members = ["lb-core", "lb-host", "lb-ipvs", "lb-vrrp", "testbed"];
    let members = members.map(str::to_owned).into();
    let found = |name, dependencies: &[&'static str]| {
        forbidden(name, dependencies.iter().copied(), &members)
    };
    assert_eq!(found("lb-vrrp", &["lb-host", "tokio"]), [""; 0]);
    assert_eq!(found("lb-vrrp", &["lb-ipvs"]), ["lb-ipvs"]);
    assert_eq!(found("lb-host", &["nix", "lb-vrrp"]), ["lb-vrrp"]);
    assert_eq!(found("lb-core", &["lb-vrrp", "testbed"]), ["testbed"]);
    assert_eq!(found("lb-cli", &["lb-host"]), ["lb-host"]);
}
