// SPDX-License-Identifier: MIT OR Apache-2.0
//! The steps of `cargo xtask test`, in the order of their price.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nix::unistd::geteuid;
use tests_kernel::guest::{Guest, Lab};

use crate::artifacts::{self, Artifact};
use crate::claims;
use crate::fetch;
use crate::place::Place;
use crate::runner::{Counts, StepError, run};
use crate::shard::Shard;

/// One step: a name for `--only`, what it proves, how.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether the parts of a soak share it; else it is the first part's.
    pub(crate) shared: bool,
    pub(crate) run: fn(&mut Context) -> Result<(), StepError>,
}

/// What steps share.
pub(crate) struct Context {
    pub(crate) interrupted: Arc<AtomicBool>,
    /// Variables for the tests: how much of everything.
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) shard: Shard,
    /// Counted so far in the running step.
    pub(crate) counts: Counts,
}

pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "formatting",
        shared: false,
        run: fmt,
    },
    Step {
        name: "clippy",
        about: "lints, each crate and feature alone",
        shared: false,
        run: clippy,
    },
    Step {
        name: "doc",
        about: "documentation builds without a warning",
        shared: false,
        run: doc,
    },
    Step {
        name: "deny",
        about: "the dependencies keep to deny.toml",
        shared: false,
        run: claims::deny,
    },
    Step {
        name: "msrv",
        about: "the workspace needs no newer Rust than rust-version",
        shared: false,
        run: claims::msrv,
    },
    Step {
        name: "fuzz",
        about: "the fuzz targets compile",
        shared: false,
        run: claims::fuzz,
    },
    Step {
        name: "unit",
        about: "hermetic tests and doctests",
        shared: true,
        run: unit,
    },
    Step {
        name: "fetch",
        about: "the lab's packages are there",
        shared: true,
        run: fetched,
    },
    Step {
        name: "host",
        about: "namespaces on the host's kernel",
        shared: false,
        run: host,
    },
    Step {
        name: "lab",
        about: "the guest kernel, one boot per suite",
        shared: true,
        run: lab,
    },
    Step {
        name: "examples",
        about: "the examples, in the guest",
        shared: false,
        run: examples,
    },
];

/// Crates that must build by themselves, and without their default features.
const LIBRARIES: &[&str] = &["lb-vrrp", "lb-ipvs", "lb-check", "lb-core"];
/// The features of lb-core that stand alone; `daemon` brings all of them.
const FEATURES: &[&str] = &["config", "mail", "control"];
/// Examples that exit 0 only when what they show came out right.
const EXAMPLES: &[&str] = &[
    "nat",
    "dr",
    "custom_check",
    "vrrp_only",
    "vrrp_simulation",
    "ipvs_only",
];
/// Time for one suite: ten times what the longest takes.
const SUITE_DEADLINE: Duration = Duration::from_secs(20 * 60);
const EXAMPLE_DEADLINE: Duration = Duration::from_secs(300);

/// `cargo` as it called us, on this workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(arguments);
    command
}

impl Context {
    fn cargo(&mut self, arguments: &[&str]) -> Result<(), StepError> {
        let mut command = cargo(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        run(&mut command, &self.interrupted, &mut self.counts)
    }

    /// Counts something that is right or wrong as a whole like one test.
    fn one(&mut self, result: Result<(), StepError>) -> Result<(), StepError> {
        match result {
            Ok(()) => self.counts.passed += 1,
            Err(_) => self.counts.failed += 1,
        }
        result
    }

    /// Everything that was to run must have run.
    fn nothing_skipped(&self) -> Result<(), StepError> {
        match self.counts.skipped {
            0 => Ok(()),
            skipped => Err(StepError::Skipped(skipped)),
        }
    }
}

fn fmt(context: &mut Context) -> Result<(), StepError> {
    let result = context.cargo(&["fmt", "--all", "--check"]);
    context.one(result)
}

fn clippy(context: &mut Context) -> Result<(), StepError> {
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

fn doc(context: &mut Context) -> Result<(), StepError> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-Dwarnings");
    let result = run(&mut command, &context.interrupted, &mut context.counts);
    context.one(result)
}

fn unit(context: &mut Context) -> Result<(), StepError> {
    context.cargo(&["test", "--no-fail-fast"])?;
    // What needs a kernel says so here and runs in the steps `host` and `lab`.
    context.counts.skipped = 0;
    context.cargo(&["test", "--package", "xtask", "--bins"])?;
    context.cargo(&["test", "--package", "tests-kernel", "--lib"])
}

fn fetched(context: &mut Context) -> Result<(), StepError> {
    let result = fetch::fetch().map_err(Into::into);
    context.one(result)
}

/// Suites of any package, in fresh user, mount and network namespaces; for root in fresh mount
/// and network namespaces.
fn host(context: &mut Context) -> Result<(), StepError> {
    context.cargo(&["build", "--package", "lb-cli"])?;
    let suites = suites(context, Place::HostNamespaces)?;
    let result = namespaces(context, "true", &[]);
    context.one(result.map_err(|error| {
        StepError::Missing(format!(
            "this machine does not let {} make network namespaces ({error}); needed: unshare \
             (util-linux), ip (iproute2), and root or a kernel with user namespaces for everyone \
             (kernel.unprivileged_userns_clone=1, user.max_user_namespaces>0, \
             kernel.apparmor_restrict_unprivileged_userns=0)",
            if geteuid().is_root() {
                "root"
            } else {
                "ordinary users"
            },
        ))
    }))?;
    for suite in suites {
        println!("     Running {} in host namespaces", suite.name);
        namespaces(context, &suite.path, &[])?;
    }
    context.nothing_skipped()
}

/// Builds all test targets and returns those that run there; none is an error.
fn suites(context: &Context, place: Place) -> Result<Vec<Artifact>, StepError> {
    let arguments = ["test", "--workspace", "--no-run", "--tests"];
    let mut suites = artifacts::build(&arguments, &context.interrupted)?;
    suites.retain(|suite| suite.kind == "test" && Place::of(&suite.source) == place);
    if suites.is_empty() {
        return Err(StepError::Missing(format!(
            "there is no test suite for {place:?}"
        )));
    }
    Ok(suites)
}

/// Runs a program in fresh namespaces of the host's kernel.
pub(crate) fn namespaces(
    context: &mut Context,
    program: impl AsRef<std::ffi::OsStr>,
    arguments: &[&str],
) -> Result<(), StepError> {
    let flags = if geteuid().is_root() { "-nm" } else { "-Urnm" };
    let mut command = Command::new("unshare");
    command
        .args([flags, "sh", "-c"])
        // Namespaces get names in /run/netns; ours is a /run of our own.
        .arg("mount -t tmpfs tmpfs /run && ip link set lo up && exec \"$0\" \"$@\"")
        .arg(program)
        .args(arguments)
        .env("LB_HOST_NS", "1")
        .envs(
            context
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
    run(&mut command, &context.interrupted, &mut context.counts)
}

fn lab(context: &mut Context) -> Result<(), StepError> {
    context.cargo(&["build", "--package", "lb-cli"])?;
    let suites = suites(context, Place::Guest)?;
    let mut first_failure = None;
    let shard = context.shard;
    let ours = suites
        .into_iter()
        .enumerate()
        .filter(|(position, _)| shard.has(*position));
    for (_, suite) in ours {
        match in_guest(context, &suite, &["--test-threads=1"], SUITE_DEADLINE) {
            // The other suites run all the same, so that one failure does not hide another.
            Err(error @ StepError::InGuest { .. }) => {
                first_failure.get_or_insert(error);
            }
            result => result?,
        }
    }
    first_failure.map_or(Ok(()), Err)?;
    context.nothing_skipped()
}

fn examples(context: &mut Context) -> Result<(), StepError> {
    let arguments = ["build", "--package", "examples", "--bins", "--examples"];
    let built = artifacts::build(&arguments, &context.interrupted)?;
    for &wanted in EXAMPLES {
        let found = built.iter().find(|artifact| artifact.name == wanted);
        let result = match found {
            Some(example) => in_guest(context, example, &[], EXAMPLE_DEADLINE),
            None => Err(StepError::Missing(format!("there is no example {wanted}"))),
        };
        context.one(result)?;
    }
    Ok(())
}

/// Boots a guest for one program.
pub(crate) fn in_guest(
    context: &mut Context,
    program: &Artifact,
    arguments: &[&str],
    deadline: Duration,
) -> Result<(), StepError> {
    println!("     Running {} in the guest", program.name);
    let mut guest = Guest::new(&Lab::locate()?)
        .with_name(&program.name)
        .with_deadline(deadline)
        .with_env("RUST_BACKTRACE", "1")
        .with_interrupt(Arc::clone(&context.interrupted));
    for (name, value) in &context.environment {
        guest = guest.with_env(*name, value);
    }
    let mut words = vec![program.path.clone().into_os_string()];
    words.extend(arguments.iter().map(|&word| word.into()));
    let counts = &mut context.counts;
    let outcome = guest.run(words, |line| {
        println!("{line}");
        counts.observe(line);
    })?;
    println!(
        "     booted in {:.1?}, {:.1?} in all",
        outcome.boot, outcome.total
    );
    if outcome.exit_code == 0 {
        return Ok(());
    }
    Err(StepError::InGuest {
        what: program.name.clone(),
        code: outcome.exit_code,
        results: outcome.results.display().to_string(),
    })
}
