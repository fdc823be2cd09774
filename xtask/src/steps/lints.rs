// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps that look at the sources only.

use crate::runner::{StepError, run};
use crate::steps::{Context, cargo};

/// Crates that must build by themselves, and without their default features.
const LIBRARIES: &[&str] = &["lb-vrrp", "lb-ipvs", "lb-ipvsadm", "lb-check", "lb-core"];
/// The features of lb-core that stand alone; `daemon` brings all of them.
const FEATURES: &[&str] = &["checks", "config", "mail", "control"];

pub(super) fn fmt(context: &mut Context) -> Result<(), StepError> {
    let result = context.cargo(&["fmt", "--all", "--check"]);
    context.one(result)
}

pub(super) fn clippy(context: &mut Context) -> Result<(), StepError> {
    let result = context.cargo(&["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"]);
    context.one(result)?;
    for library in LIBRARIES {
        for features in [&["--no-default-features"][..], &[], &["--all-features"]] {
            let mut arguments = vec!["clippy", "--package", library];
            arguments.extend(features);
            arguments.extend(["--", "-Dwarnings"]);
            let result = context.cargo(&arguments);
            context.one(result)?;
        }
    }
    for feature in FEATURES {
        let alone = ["--no-default-features", "--features", feature];
        let mut arguments = vec!["clippy", "--package", "lb-core"];
        arguments.extend(alone);
        arguments.extend(["--", "-Dwarnings"]);
        let result = context.cargo(&arguments);
        context.one(result)?;
    }
    Ok(())
}

pub(super) fn doc(context: &mut Context) -> Result<(), StepError> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-Dwarnings");
    let result = run(&mut command, &context.interrupted, &mut context.counts);
    context.one(result)
}
