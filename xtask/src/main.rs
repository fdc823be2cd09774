// SPDX-License-Identifier: MIT OR Apache-2.0
//! Development tasks, run as `cargo xtask TASK`.
//!
//! `test` is what the README and `.ci/run` call. Nothing here installs anything or needs root;
//! all it writes is below `target/`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports"
)]

mod artifacts;
mod claims;
#[cfg(test)]
mod documented;
mod environment;
mod fetch;
mod in_guest;
mod place;
mod pool;
mod runner;
mod shard;
mod steps;
mod story;
mod stress;
mod suite;
mod test;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use shard::Shard;
use test::Plan;

/// Development tasks of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Lints, documentation, all tests, the lab: what has to be green.
    Test {
        /// Runs the remaining steps, too, when one has failed.
        #[arg(long)]
        keep_going: bool,
        /// Runs this step alone; may be given more than once.
        #[arg(long, value_name = "STEP")]
        only: Vec<String>,
    },
    /// As `test`, with every case, many more seeds and runs (LB_SOAK=1), both kernels, and the newest
    /// peers besides.
    Soak {
        /// Runs the k-th of n parts: every n-th seed and every n-th suite of the guest, and the
        /// other steps with the first.
        #[arg(long, value_name = "K/N")]
        shard: Option<Shard>,
        /// Runs this step alone; may be given more than once.
        #[arg(long, value_name = "STEP")]
        only: Vec<String>,
    },
    /// Runs the same tests many times, several at once, and prints each failure.
    Stress(stress::Arguments),
    /// Two directors and two real servers in the guest kernel, and what happens when they fail.
    Demo,
    /// The benches: our own code, and the peers beside us in the same guest.
    Bench {
        /// Runs of each case; 1 for director, 5 for failover, 3 for ipvs, 300 for vrrp unless given.
        #[arg(long)]
        runs: Option<u32>,
        /// Runs this bench alone; may be given more than once.
        #[arg(long, value_name = "BENCH")]
        only: Vec<story::Bench>,
        /// Further arguments for the bench's own program, as `-- --quick` for vrrp.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Downloads the lab's Debian packages, unpacks them below target/lab, and boots its kernels once.
    Fetch {
        /// Boots the kernels again, and replaces the record of those that work.
        #[arg(long)]
        again: bool,
        /// Fetches the newest peers, too, as a soak does.
        #[arg(long)]
        newest_peers: bool,
        /// Fetches the servers that a soak's checks probe, too.
        #[arg(long)]
        servers: bool,
    },
    /// Counts the refused words of xtask/words.toml in comments, messages, names and pages.
    Words(words::Arguments),
    /// Boots the guest kernel and runs one command in it, in the current directory.
    Guest {
        /// Boots over the tree of servers that a soak's checks probe.
        #[arg(long)]
        servers: bool,
        /// Seconds until the guest is killed.
        #[arg(long, default_value_t = 900)]
        deadline: u64,
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

/// Seeds of each simulation in a soak.
const SOAK_SEEDS: u32 = 100_000;

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test { keep_going, only } => test::test(Plan {
            keep_going,
            only,
            ..Plan::default()
        }),
        Task::Soak { shard, only } => {
            let mut environment = vec![
                ("LB_SOAK", "1".to_owned()),
                ("LB_SIM_SEEDS", SOAK_SEEDS.to_string()),
            ];
            let shard = shard.unwrap_or_default();
            environment.push(("LB_SHARD", shard.to_string()));
            test::test(Plan {
                keep_going: true,
                only,
                environment,
                soak: true,
                shard,
            })
        }
        Task::Stress(arguments) => stress::stress(&arguments),
        Task::Demo => story::demo(),
        Task::Bench {
            runs,
            only,
            arguments,
        } => story::bench(runs, &only, &arguments),
        Task::Fetch {
            again,
            newest_peers,
            servers,
        } => fetch::fetch(fetch::Wanted {
            newest_peers,
            servers,
            again,
        })
        .map(|()| ExitCode::SUCCESS)
        .map_err(Into::into),
        Task::Words(arguments) => words::run(&arguments),
        Task::Guest {
            servers,
            deadline,
            command,
        } => in_guest::guest(servers, deadline, &command),
    };
    result.unwrap_or_else(|error: Box<dyn std::error::Error>| {
        eprintln!("xtask: {}", chain(error.as_ref()));
        ExitCode::from(2)
    })
}

/// An error with its causes, joined by colons.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
