// SPDX-License-Identifier: MIT OR Apache-2.0
//! The step `host`: suites of any package, each test in fresh namespaces of its own.

use std::process::Command;

use nix::unistd::geteuid;
use tests_kernel::lab::{PEERS_VARIABLE, Suite, Tree};

use crate::environment;
use crate::place::Place;
use crate::runner::{StepError, run};
use crate::steps::{Context, processors};
use crate::suite;

/// Tests at once on each processor: most of the time they wait for timers of VRRP.
const AT_ONCE: usize = 5;

pub(super) fn host(context: &mut Context) -> Result<(), StepError> {
    let result = try_namespaces(context);
    context.one(result)?;
    context.fetch()?;
    let artifacts = context.artifacts()?;
    let suites = suite::suites(&artifacts, Place::HostNamespaces)?;
    let mut tests = Vec::new();
    for suite in &suites {
        tests.extend(suite::list(suite, &context.interrupted)?);
    }
    // Those of tests-kernel have whole daemons beside each other and take longest.
    tests.sort_by_key(|test| !test.suite.directory.ends_with("tests-kernel"));
    let variables = context.variables()?;
    let first = context.run_tests(tests.clone(), AT_ONCE * processors(), &variables);
    if !(context.soak && Tree::NewestPeers.path().is_dir()) {
        return first;
    }
    println!("---- the same with the newest peers");
    tests.retain(|test| test.suite.directory.ends_with("tests-kernel"));
    let mut variables = variables;
    variables.push((PEERS_VARIABLE, Suite::Newest.name().to_owned()));
    let second = context.run_tests(tests, AT_ONCE * processors(), &variables);
    first.and(second)
}

/// Whether this machine lets this user make namespaces.
fn try_namespaces(context: &mut Context) -> Result<(), StepError> {
    let mut command = Command::new("unshare");
    command.args([environment::namespace_flags(), "true"]);
    run(&mut command, &context.interrupted, &mut context.counts).map_err(|error| {
        let user = if geteuid().is_root() {
            "root"
        } else {
            "ordinary users"
        };
        StepError::Missing(format!(
            "this machine does not let {user} make network namespaces ({error}); needed: unshare \
             (util-linux), and root or a kernel with user namespaces for everyone \
             (user.max_user_namespaces>0, kernel.unprivileged_userns_clone=1 on Debian, \
             kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu); \
             `cargo xtask test --keep-going` runs the other steps"
        ))
    })
}
