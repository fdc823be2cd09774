// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask guest -- CMD…`: one command in the guest kernel.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tests_kernel::guest::Guest;
use tests_kernel::lab::Lab;

use crate::fetch::{self, Wanted};

/// Fetches what is missing, boots, runs, and passes the command's exit code on.
pub(crate) fn guest(
    servers: bool,
    deadline: u64,
    command: &[OsString],
) -> Result<ExitCode, Box<dyn Error>> {
    fetch::fetch(Wanted {
        servers,
        ..Wanted::default()
    })?;
    let mut guest = Guest::new(Lab::locate()?.kernel()?)
        .with_name(format!("guest-{}", std::process::id()))
        .with_deadline(Duration::from_secs(deadline))
        .with_interrupt(interrupt_flag()?);
    if servers {
        guest = guest.with_servers();
    }
    run_guest(&guest, command)
}

/// Boots a guest for one command, shows what it writes, and passes its exit code on.
pub(crate) fn run(
    name: &str,
    command: &[OsString],
    variables: &[(&'static str, String)],
    deadline: Duration,
    interrupted: Arc<AtomicBool>,
) -> Result<ExitCode, Box<dyn Error>> {
    let lab = Lab::locate()?;
    let mut guest = Guest::new(lab.kernel()?)
        .with_name(name)
        .with_deadline(deadline)
        .with_interrupt(interrupted);
    for (name, value) in variables {
        guest = guest.with_env(*name, value);
    }
    run_guest(&guest, command)
}

fn run_guest(guest: &Guest, command: &[OsString]) -> Result<ExitCode, Box<dyn Error>> {
    let lab = Lab::locate()?;
    let outcome = guest.run(command, |line| println!("{line}"))?;
    eprintln!(
        "guest: kernel {}, exit code {}, booted in {:.1?}, {:.1?} in all, results in {}",
        lab.kernel()?,
        outcome.exit_code,
        outcome.boot,
        outcome.total,
        outcome.results.display()
    );
    Ok(ExitCode::from(u8::try_from(outcome.exit_code).unwrap_or(1)))
}

/// A flag that Ctrl-C and a termination request set, so that guests are killed before we end.
pub(crate) fn interrupt_flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}
