// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl run` and `keepalived`.

mod background;
mod log;
mod pid_files;
mod process;
mod version;

use std::ffi::OsString;
use std::path::PathBuf;

use lb_check::Registry;
use lb_core::{
    config::{self, Diagnostics, Mode, Parsed},
    daemon::{self, DaemonOptions, Source},
    model::RuntimeSettings,
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    args::{
        keepalived::{self as args, KeepalivedRequest},
        run::RunOptions,
    },
    commands::{
        check,
        control::{self, User},
    },
    failure::{Failure, chain},
    output::{complain, print},
    program::Call,
};

use background::Starter;
use pid_files::PidFiles;

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
            complain(&version::version());
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
    // Namespace and names must be known before the daemon starts.
    let parsed = config::load_with(&file, &Registry::builtin(), &options.reading);
    options.complete(&runtime_settings(&parsed));
    options.pid_files.make_absolute();
    let socket = control::of_daemon(&options, &User::current());
    options.control = Some(std::path::absolute(&socket).unwrap_or(socket));
    if let Some(log) = &mut options.log.file {
        *log = std::path::absolute(&*log).unwrap_or_else(|_| log.clone());
    }
    pid_files::refuse_running(&options.pid_files)?;
    let initial = process::prepare(&options)?;
    let mut starter = None;
    if options.detach {
        match background::detach()? {
            background::Side::Daemon(side) => starter = Some(side),
            // The daemon has started, or has failed and has said why.
            background::Side::Terminal(outcome) => return outcome.map(|()| 0),
        }
    }
    let logs = log::install(&options.log, options.detail, &options.syslog_suffix())
        .map_err(|error| Failure::new(FATAL, format!("cannot write the log: {error}")));
    let logs = match logs {
        Ok(logs) => logs,
        Err(failure) => return Err(background::report(starter, failure)),
    };
    for ignored in &options.ignored {
        tracing::warn!("{ignored}");
    }
    let mut settings = settings(&options);
    settings.initial_namespace = initial;
    let source = source(file, parsed, &options);
    match serve(source, &options, settings, &mut starter) {
        Ok(()) => Ok(0),
        Err(failure) => {
            if !options.log.console {
                tracing::error!("{failure}");
            }
            // Neither the terminal nor a log that does not accept data delays the end.
            match starter {
                Some(starter) => starter.fail(&failure),
                None => logs.complain(&failure.to_string()),
            }
            Ok(failure.code())
        }
    }
}

/// Starts the daemon, reports that to the terminal, and serves.
fn serve(
    source: Source,
    options: &RunOptions,
    settings: DaemonOptions,
    starter: &mut Option<Starter>,
) -> Result<(), Failure> {
    let runtime = runtime()?;
    runtime.block_on(async {
        // Signals before pid files: a client may send one as soon as it can read the number.
        let signals = daemon::Signals::default().with_interrupt(!options.ignore_interrupt);
        let commands = signals.listen().map_err(|error| {
            let error = chain(&error);
            Failure::new(FATAL, format!("cannot listen to signals: {error}"))
        })?;
        let mut pid_files = PidFiles::default();
        pid_files.write(options.pid_files.parent.as_deref());
        let started = daemon::start(source, settings).await;
        let daemon = started.map_err(|error| failure(&error))?;
        if daemon.has_routers() {
            pid_files.write(options.pid_files.routers.as_deref());
        }
        if daemon.has_virtual_servers() {
            pid_files.write(options.pid_files.virtual_servers.as_deref());
        }
        if let Some(starter) = starter.take() {
            starter.succeed();
        }
        daemon
            .serve(commands)
            .await
            .map_err(|error| failure(&error))
    })
}

/// What a configuration sets about the process. Its errors are reported by the daemon.
fn runtime_settings(parsed: &Parsed) -> RuntimeSettings {
    let model = parsed.model(Mode::Lenient);
    model.map_or_else(RuntimeSettings::default, |model| {
        model.global.runtime.clone()
    })
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(FATAL, format!("cannot start: {error}")))
}

fn source(file: PathBuf, parsed: Parsed, options: &RunOptions) -> Source {
    let source = Source::file(file)
        .with_read_options(options.reading.clone())
        .with_parsed(parsed);
    if options.lenient {
        source.lenient()
    } else {
        source
    }
}

fn settings(options: &RunOptions) -> DaemonOptions {
    let settings = DaemonOptions::default()
        .with_keep(options.keep)
        .with_upgrade(options.upgrade)
        .with_upgrade_command(upgrade_command(options))
        .with_parts(options.routers, options.virtual_servers)
        .with_dump_at_start(options.dump);
    match &options.control {
        Some(control) => settings.with_control(control),
        None => settings,
    }
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
