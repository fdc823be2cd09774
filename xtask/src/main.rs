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

mod fetch;
mod in_guest;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Development tasks of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Downloads the lab's Debian packages and unpacks them below target/lab.
    Fetch,
    /// Boots the guest kernel and runs one command in it, in the current directory.
    Guest {
        /// Seconds until the guest is killed.
        #[arg(long, default_value_t = 900)]
        deadline: u64,
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Fetch => fetch::fetch()
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
        Task::Guest { deadline, command } => in_guest::guest(deadline, &command),
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
