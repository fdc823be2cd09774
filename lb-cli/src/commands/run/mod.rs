// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl run` and `keepalived`.

mod log;
mod process;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lb_check::Registry;
use lb_core::{
    config::{self, Diagnostics, Mode},
    daemon::{self, DaemonOptions, Source},
};

use crate::{
    args::{
        keepalived::{self as args, KeepalivedRequest},
        run::{LogTarget, RunOptions},
    },
    commands::check,
    failure::{Failure, chain},
    output::{complain, print},
    program::Call,
};

/// The daemon could not start, or ended with an error.
const FATAL: u8 = 1;
/// The configuration refuses the start.
const CONFIGURATION: u8 = 2;
/// A capability is missing (keepalived's status).
const PERMISSION: u8 = 4;
/// keepalived's status without any configuration file.
const NO_CONFIGURATION: u8 = 6;

/// `keepalived`
pub(crate) fn keepalived(call: &Call) -> Result<u8, Failure> {
    match args::parse(&call.arguments) {
        Ok(KeepalivedRequest::Run(options)) => run(options),
        Ok(KeepalivedRequest::Test(options)) => check::keepalived_test(&options),
        Ok(KeepalivedRequest::SignalNumber(number)) => print(&format!("{number}\n")).map(|()| 0),
        Ok(KeepalivedRequest::Help) => {
            complain(&args::help(&call.name));
            Ok(0)
        }
        Ok(KeepalivedRequest::Version) => {
            complain(&format!(
                "Keepalived v2.3 compatible (lbctl {})",
                env!("CARGO_PKG_VERSION")
            ));
            Ok(0)
        }
        Err(error) => Err(Failure::new(
            1,
            format!("{error}\n{}", args::help(&call.name)),
        )),
    }
}

/// Runs the daemon until a signal or a request stops it.
pub(crate) fn run(mut options: RunOptions) -> Result<u8, Failure> {
    let file = configuration(&options)?;
    // In the background the working directory is another.
    let file = std::path::absolute(&file).unwrap_or(file);
    options.control = options
        .control
        .map(|path| std::path::absolute(&path).unwrap_or(path));
    for path in &mut options.pid_files {
        *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
    }
    process::prepare(&options)?;
    if options.detach {
        // Errors of the file are printed while there is a terminal.
        usable(&file, &options)?;
        process::detach()?;
    }
    log::install(options.log, options.detail);
    for ignored in &options.ignored {
        tracing::warn!("{ignored}");
    }
    let _pid_files = process::PidFiles::write(&options.pid_files);
    let outcome = serve(file, &options);
    if let (Err(failure), LogTarget::Syslog(_)) = (&outcome, options.log) {
        // The terminal is gone: the log is the only place for the error.
        tracing::error!("{failure}");
    }
    outcome.map(|()| 0)
}

fn serve(file: PathBuf, options: &RunOptions) -> Result<(), Failure> {
    let mut source = Source::file(file).with_read_options(options.reading.clone());
    if options.lenient {
        source = source.lenient();
    }
    let mut settings = DaemonOptions::default()
        .with_keep(options.keep)
        .with_upgrade(options.upgrade)
        .with_upgrade_command(upgrade_command(options))
        .with_parts(options.routers, options.virtual_servers);
    if let Some(control) = &options.control {
        settings = settings.with_control(control);
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(FATAL, format!("cannot start: {error}")))?
        .block_on(async {
            let commands = daemon::signals().map_err(|error| {
                Failure::new(
                    FATAL,
                    format!("cannot listen to signals: {}", chain(&error)),
                )
            })?;
            daemon::run(source, settings, commands)
                .await
                .map_err(|error| failure(&error))
        })
}

/// The command that starts the new process of an upgrade: the one that started this process. None
/// when called as `keepalived`.
fn upgrade_command(options: &RunOptions) -> Vec<OsString> {
    if options.detach || options.lenient && options.search == RunOptions::keepalived().search {
        return Vec::new();
    }
    let mut words: Vec<OsString> = std::env::args_os().collect();
    if !options.upgrade {
        words.push("--upgrade".into());
    }
    words
}

/// Whether the daemon would start with this configuration.
fn usable(file: &Path, options: &RunOptions) -> Result<(), Failure> {
    let mode = if options.lenient {
        Mode::Lenient
    } else {
        Mode::Strict
    };
    let parsed = config::load_with(file, &Registry::builtin(), &options.reading);
    match parsed.into_model(mode) {
        Ok(_) => Ok(()),
        Err(diagnostics) => Err(invalid(&diagnostics)),
    }
}

fn invalid(diagnostics: &Diagnostics) -> Failure {
    Failure::new(CONFIGURATION, diagnostics.render(false).trim_end())
}

/// A file with errors is shown as `lbctl check` shows it.
fn failure(error: &daemon::RunError) -> Failure {
    match error {
        daemon::RunError::Source(daemon::SourceError::Invalid { diagnostics, .. }) => {
            invalid(diagnostics)
        }
        error @ daemon::RunError::Privileges(_) => Failure::from_error(PERMISSION, error),
        other => Failure::from_error(FATAL, other),
    }
}

/// The configuration to read.
///
/// # Errors
///
/// When none was named and none is where they usually are.
pub(crate) fn configuration(options: &RunOptions) -> Result<PathBuf, Failure> {
    let found = options.file.clone().or_else(|| {
        options
            .search
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
    });
    found.ok_or_else(|| {
        Failure::new(
            NO_CONFIGURATION,
            format!(
                "there is no configuration: neither {} exists",
                options.search.join(" nor ")
            ),
        )
    })
}
