// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask demo` and `bench`: programs of tests-kernel, run in the guest.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::artifacts::{self, Artifact};
use crate::environment;
use crate::fetch::{self, Wanted};
use crate::in_guest::{self, interrupt_flag};
use crate::runner::{Counts, run};
use crate::steps::cargo;

const DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Runs the demonstration.
pub(crate) fn demo() -> Result<ExitCode, Box<dyn Error>> {
    in_lab("demo", &[], Profile::Development)
}

/// What there is to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bench {
    /// Health checks, keepalived's and ours in turn, on the host's kernel; the tables for benches/README.md.
    Checks,
    /// Our own code, microseconds of it, by criterion.
    Code,
    /// A daemon with thousands of virtual servers, keepalived and ours in turn: memory, start, reload,
    /// stop; the table for benches/README.md.
    Director,
    /// The client's outage, keepalived's and ours in turn.
    Failover,
    /// Tables of thousands of services, ipvsadm's and ours in turn; the table for benches/README.md.
    Ipvs,
    /// VRRP at short intervals, keepalived's and ours in turn, in namespaces of the host's kernel;
    /// the tables for benches/README.md.
    Vrrp,
}

impl Bench {
    const ALL: [Self; 6] = [
        Self::Checks,
        Self::Code,
        Self::Director,
        Self::Failover,
        Self::Ipvs,
        Self::Vrrp,
    ];
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
            Bench::Checks => on_the_host("benches", "checks_bench", &with("--rounds", None))?,
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
            Bench::Director => {
                let code = in_lab(
                    "director_bench",
                    &with("--rounds", Some(1)),
                    Profile::Release,
                )?;
                if code != ExitCode::SUCCESS {
                    return Ok(code);
                }
            }
            Bench::Failover => {
                let code = in_lab("failover", &with("--runs", Some(5)), Profile::Development)?;
                if code != ExitCode::SUCCESS {
                    return Ok(code);
                }
            }
            Bench::Ipvs => {
                let code = in_lab("ipvs_bench", &with("--rounds", Some(3)), Profile::Release)?;
                if code != ExitCode::SUCCESS {
                    return Ok(code);
                }
            }
            Bench::Vrrp => on_the_host("tests-kernel", "vrrp_bench", &with("--runs", None))?,
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
    let built = Built::new("tests-kernel", name, profile)?;
    let mut command = vec![built.program.path.clone().into_os_string()];
    command.extend(arguments.iter().map(Into::into));
    in_guest::run(
        name,
        &command,
        &built.variables(),
        DEADLINE,
        built.interrupted,
    )
}

/// Builds `lbctl` and a program of a package for release, and runs that in host namespaces.
fn on_the_host(package: &str, name: &str, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let built = Built::new(package, name, Profile::Release)?;
    let mut command = environment::in_namespaces(&built.program.path);
    command.args(arguments).envs(built.variables());
    Ok(run(
        &mut command,
        &built.interrupted,
        &mut Counts::default(),
    )?)
}

/// `lbctl` and the program beside it.
struct Built {
    lbctl: Artifact,
    program: Artifact,
    interrupted: Arc<AtomicBool>,
}

impl Built {
    fn new(package: &str, name: &str, profile: Profile) -> Result<Self, Box<dyn Error>> {
        let interrupted = interrupt_flag()?;
        fetch::fetch(Wanted::default())?;
        let mut arguments = vec!["build", "--package", "lb-cli", "--package", package];
        arguments.extend(["--bin", "lbctl", "--bin", name]);
        if profile == Profile::Release {
            arguments.push("--release");
        }
        let built = artifacts::build(&arguments, &interrupted)?;
        let program = |name| artifacts::program(&built, "bin", name).cloned();
        Ok(Self {
            lbctl: program("lbctl")?,
            program: program(name)?,
            interrupted,
        })
    }

    fn variables(&self) -> [(&'static str, String); 1] {
        [("LBCTL", self.lbctl.path.display().to_string())]
    }
}
