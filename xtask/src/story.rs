// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask demo` and `bench`: programs of tests-kernel, run in the guest.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use crate::artifacts::{self, Artifact};
use crate::fetch::{self, Wanted};
use crate::in_guest::interrupt_flag;
use crate::runner::{Counts, StepError};
use crate::shard::Shard;
use crate::steps::{Context, cargo, in_guest, namespaces};

const DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Tells the cluster's story.
pub(crate) fn demo() -> Result<ExitCode, Box<dyn Error>> {
    in_lab("demo", &[], Profile::Development)
}

/// What there is to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bench {
    /// Our own code, microseconds of it, by criterion.
    Code,
    /// The client's outage, keepalived's and ours in turn.
    Failover,
    /// Tables of thousands of services, ipvsadm's and ours in turn; the table for benches/README.md.
    Ipvs,
    /// VRRP at short intervals, keepalived's and ours in turn, in namespaces of the host's kernel;
    /// the tables for benches/README.md.
    Vrrp,
}

impl Bench {
    const ALL: [Self; 4] = [Self::Code, Self::Failover, Self::Ipvs, Self::Vrrp];
}

/// Runs the benches that are asked for, all of them by default; their programs get `more` behind
/// their arguments.
pub(crate) fn bench(
    runs: Option<u32>,
    only: &[Bench],
    more: &[String],
) -> Result<ExitCode, Box<dyn Error>> {
    let with = |option: &str, usual: Option<u32>| -> Vec<String> {
        let runs = runs.or(usual);
        let runs = runs.map(|runs| [option.to_owned(), runs.to_string()]);
        runs.into_iter()
            .flatten()
            .chain(more.iter().cloned())
            .collect()
    };
    for bench in Bench::ALL {
        if !only.is_empty() && !only.contains(&bench) {
            continue;
        }
        match bench {
            Bench::Code => {
                let mut bench = cargo(&["bench", "--package", "benches"]);
                if !more.is_empty() {
                    bench.arg("--").args(more);
                }
                let status = bench.status()?;
                if !status.success() {
                    return Ok(ExitCode::FAILURE);
                }
            }
            Bench::Failover => {
                in_lab("failover", &with("--runs", Some(5)), Profile::Development)?;
            }
            Bench::Ipvs => {
                in_lab("ipvs_bench", &with("--rounds", Some(3)), Profile::Release)?;
            }
            Bench::Vrrp => on_the_host("vrrp_bench", &with("--runs", None))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How `lbctl` and the program beside it are built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Profile {
    Development,
    Release,
}

/// Builds `lbctl` and a program of tests-kernel, and runs that in the guest.
fn in_lab(name: &str, arguments: &[String], profile: Profile) -> Result<ExitCode, Box<dyn Error>> {
    let (mut context, program) = built(name, profile)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    in_guest(&mut context, &program, &arguments, DEADLINE)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds `lbctl` and a program of tests-kernel for release, and runs that in host namespaces.
fn on_the_host(name: &str, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (mut context, program) = built(name, Profile::Release)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Ok(namespaces(&mut context, &program.path, &arguments)?)
}

fn built(name: &str, profile: Profile) -> Result<(Context, Artifact), Box<dyn Error>> {
    let interrupted = interrupt_flag()?;
    fetch::fetch(Wanted::default())?;
    let build = |package: &str, target: &str| {
        let mut arguments = vec!["build", "--package", package, "--bin", target];
        if profile == Profile::Release {
            arguments.push("--release");
        }
        artifacts::build(&arguments, &interrupted)?
            .into_iter()
            .find(|program| program.name == target)
            .ok_or_else(|| StepError::Missing(format!("no program {target}")))
    };
    let lbctl = build("lb-cli", "lbctl")?;
    let program = build("tests-kernel", name)?;
    let context = Context {
        environment: vec![("LBCTL", lbctl.path.display().to_string())],
        shard: Shard::default(),
        counts: Counts::default(),
        interrupted,
    };
    Ok((context, program))
}
