// SPDX-License-Identifier: MIT OR Apache-2.0
//! lbctl's own options.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use lb_core::config::ReadOptions;

use crate::args::run::RunOptions;

/// Load balancing with VRRP, IPVS and health checks.
///
/// The same program stands in for keepalived, ipvsadm, ipvsadm-save, ipvsadm-restore and genhash when it
/// is called by one of these names.
#[derive(Debug, Parser)]
#[command(
    name = "lbctl",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the load balancer in the foreground, messages on standard error.
    Run(RunArgs),
    /// Check a configuration: every mistake with its line. Exits with 2 on errors.
    Check(CheckArgs),
    /// Show what a running daemon does: its virtual routers, virtual servers and real servers.
    Status(StatusArgs),
    /// Replace the running daemon with a new process without interrupting service.
    ///
    /// The daemon starts the program file as it is now, with the arguments that it was started with.
    /// If the new process fails, the daemon keeps running. See also `lbctl run --upgrade`.
    Upgrade(UpgradeArgs),
    /// Have a virtual router step down: another one takes over, and keeps it.
    ///
    /// A master advertises priority 0 and becomes backup, and with it all of its sync group. The
    /// router that takes over stays master, however low its priority, until it is gone, or until
    /// `--undo`. If no router takes over within the master down interval, this one becomes master
    /// again: no address is lost.
    Resign(ResignArgs),
    /// Manage the kernel's IPVS table: ipvsadm's options and output (see `lbctl ipvs -h`), and verbs
    /// of its own (see `lbctl ipvs help`).
    #[command(disable_help_flag = true)]
    Ipvs(Rest),
    /// Print the digest of a page for HTTP_GET: genhash's options and output (see `lbctl genhash -h`).
    #[command(disable_help_flag = true)]
    Genhash(Rest),
}

/// The options of `lbctl run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration [default: /etc/lb/lb.conf, else /etc/keepalived/keepalived.conf]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[arg(value_name = "FILE", hide = true, value_parser = refuse_file)]
    misplaced_file: Option<PathBuf>,
    /// Read the lines of `@ID` [default: the host's name up to its first dot]
    #[arg(long, value_name = "ID")]
    config_id: Option<String>,
    /// Start in spite of errors in it: what is wrong is skipped, as keepalived does
    #[arg(long)]
    lenient: bool,
    /// What forwards the connections
    #[arg(long, value_enum, default_value_t = DataPlane::Auto)]
    data_plane: DataPlane,
    /// The control socket, one daemon for each [default: /run/lb/lb.sock]
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
    /// Leave the IPVS table as it is when stopped
    #[arg(long)]
    keep: bool,
    /// Replace the daemon that serves the control socket without interrupting service: its virtual
    /// routers keep their states, its table stays, and it ends. If the upgrade fails it keeps
    /// running; without a running daemon, this one starts as usual
    #[arg(long)]
    upgrade: bool,
}

/// Names the option that a configuration needs.
fn refuse_file(file: &str) -> Result<PathBuf, String> {
    Err(format!("write `lbctl run -f {file}`"))
}

/// What forwards the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DataPlane {
    /// The best there is: the kernel's IPVS
    Auto,
    /// The kernel's IPVS
    Ipvs,
}

impl RunArgs {
    /// The daemon's settings.
    pub(crate) fn into_options(self) -> RunOptions {
        // Both names mean the only data plane there is.
        let (DataPlane::Auto | DataPlane::Ipvs) = self.data_plane;
        RunOptions {
            file: self.file,
            reading: reading(self.config_id.as_deref()),
            lenient: self.lenient,
            control: self.control,
            keep: self.keep,
            upgrade: self.upgrade,
            ..RunOptions::lbctl()
        }
    }
}

/// The options of `lbctl check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration; `-` reads it from standard input [default: that of `lbctl run`]
    #[arg(value_name = "FILE", conflicts_with = "explain")]
    pub(crate) file: Option<PathBuf>,
    /// Print what a keyword means, in each block that has it, instead of checking a file
    #[arg(long, value_name = "KEYWORD")]
    pub(crate) explain: Option<String>,
    /// Read the lines of `@ID` [default: the host's name up to its first dot]
    #[arg(long, value_name = "ID")]
    pub(crate) config_id: Option<String>,
    /// Refuse keywords that keepalived does not have
    #[arg(long)]
    pub(crate) keepalived: bool,
    /// Exit with 1 when there are only warnings
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// Print the findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print an equivalent configuration instead of the findings about it: definitions, conditions and
    /// included files are resolved, defaults are left out. Passwords and keys are printed. The findings go
    /// to standard error, and with errors nothing is printed
    #[arg(long, conflicts_with_all = ["json", "explain"])]
    pub(crate) print: bool,
}

/// How a configuration is read with this `--config-id`.
pub(crate) fn reading(config_id: Option<&str>) -> ReadOptions {
    match config_id {
        Some(id) => ReadOptions::new().with_config_id(id),
        None => ReadOptions::new(),
    }
}

/// The options of `lbctl status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print the status document as JSON, with all counters
    #[arg(long)]
    pub(crate) json: bool,
    /// The daemon's control socket [default: /run/lb/lb.sock]
    #[arg(long, value_name = "SOCKET")]
    pub(crate) control: Option<PathBuf>,
}

/// The options of `lbctl upgrade`.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The daemon's control socket [default: /run/lb/lb.sock]
    #[arg(long, value_name = "SOCKET")]
    pub(crate) control: Option<PathBuf>,
}

/// The options of `lbctl resign`.
#[derive(Debug, Args)]
pub(crate) struct ResignArgs {
    /// The vrrp_instance
    #[arg(value_name = "INSTANCE")]
    pub(crate) instance: String,
    /// Let it preempt again as it is configured to; it does at once if its priority is higher
    #[arg(long)]
    pub(crate) undo: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Do not wait to see who takes over
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// The daemon's control socket [default: /run/lb/lb.sock]
    #[arg(long, value_name = "SOCKET")]
    pub(crate) control: Option<PathBuf>,
}

/// Words for another grammar.
#[derive(Debug, Args)]
pub(crate) struct Rest {
    /// Words in that program's grammar
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    pub(crate) words: Vec<OsString>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run() {
        let cli = Cli::try_parse_from([
            "lbctl",
            "run",
            "-f",
            "a.conf",
            "--control",
            "/run/x",
            "--keep",
        ]);
        let Command::Run(run) = cli.unwrap().command else {
            panic!("not run");
        };
        let options = run.into_options();
        assert_eq!(options.file, Some(PathBuf::from("a.conf")));
        assert_eq!(options.control, Some(PathBuf::from("/run/x")));
        assert!(options.keep && !options.lenient && !options.detach);
        assert_eq!(options.search[0], "/etc/lb/lb.conf");
    }
}
