// SPDX-License-Identifier: MIT OR Apache-2.0
//! keepalived's options.
//!
//! Options without a meaning here are accepted with a warning, so that an existing unit file keeps
//! working.

use std::{ffi::OsString, path::PathBuf};

use lexopt::{Arg, Parser, ValueExt};

use super::{
    getopt::{complete, spelled},
    run::{DAEMON, PidPaths, RunOptions},
};

/// The request of a keepalived command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeepalivedRequest {
    /// Run the daemon.
    Run(RunOptions),
    /// `-t`: read the configuration and print what is wrong with it.
    Test(RunOptions),
    /// `--signum`: the number of a signal.
    SignalNumber(i32),
    /// `-h`
    Help,
    /// `-v`
    Version,
}

/// Why a keepalived command line is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepalivedUsage {
    #[error("unknown option {0}")]
    Unknown(String),
    #[error("{0}")]
    Value(#[from] lexopt::Error),
    #[error("unknown log facility {0}")]
    Facility(String),
    #[error("unknown signal name {0}")]
    Signal(String),
}

/// Every option: its letter, if it has one, and its name.
const KNOWN: [(Option<char>, &str); 39] = [
    (Some('f'), "use-file"),
    (Some('P'), "vrrp"),
    (Some('C'), "check"),
    (Some('B'), "no_bfd"),
    (None, "all"),
    (Some('l'), "log-console"),
    (Some('D'), "log-detail"),
    (Some('G'), "no-syslog"),
    (Some('S'), "log-facility"),
    (Some('g'), "log-file"),
    (None, "flush-log-file"),
    (Some('X'), "release-vips"),
    (Some('V'), "dont-release-vrrp"),
    (Some('I'), "dont-release-ipvs"),
    (Some('R'), "dont-respawn"),
    (Some('n'), "dont-fork"),
    (Some('d'), "dump-conf"),
    (Some('p'), "pid"),
    (Some('r'), "vrrp_pid"),
    (Some('c'), "checkers_pid"),
    (Some('b'), "bfd_pid"),
    (Some('a'), "address-monitoring"),
    (Some('s'), "namespace"),
    (Some('i'), "config-id"),
    (Some('e'), "all-config"),
    (Some('x'), "snmp"),
    (Some('A'), "snmp-agent-socket"),
    (Some('u'), "umask"),
    (Some('m'), "core-dump"),
    (Some('M'), "core-dump-pattern"),
    (Some('t'), "config-test"),
    (None, "signum"),
    (None, "perf"),
    (None, "debug"),
    (None, "no-mem-check"),
    (None, "ignore-sigint"),
    (None, "config-fd"),
    (Some('v'), "version"),
    (Some('h'), "help"),
];

/// The file of `--log-file` without a value.
const LOG_FILE: &str = "/tmp/keepalived.log";

/// Reads the words behind the program's name.
///
/// # Errors
///
/// The first option that cannot be read.
pub(crate) fn parse(arguments: &[OsString]) -> Result<KeepalivedRequest, KeepalivedUsage> {
    let mut parser = Parser::from_args(arguments);
    let mut options = RunOptions::keepalived();
    let (mut only_routers, mut only_servers, mut test) = (false, false, false);
    let mut pid_files = PidPaths::default();
    let (mut facility, mut no_syslog) = (DAEMON, false);
    let mut ignored = Vec::new();
    while let Some(argument) = parser.next()? {
        let shown = spelled(&argument);
        let name = match argument {
            Arg::Short(letter) => of_letter(letter),
            Arg::Long(name) => of_name(name),
            Arg::Value(_) => {
                ignored.push(format!("unexpected argument {shown}"));
                continue;
            }
        };
        let Some(name) = name else {
            return Err(KeepalivedUsage::Unknown(shown));
        };
        let mut ignore = |why: &str| ignored.push(format!("option {shown} is ignored: {why}"));
        match name {
            "use-file" => options.file = Some(parser.value()?.into()),
            "vrrp" => only_routers = true,
            "check" => only_servers = true,
            "log-console" => options.log.console = true,
            "log-detail" => options.detail = true,
            "no-syslog" => no_syslog = true,
            "log-facility" => facility = facility_number(&parser.value()?.string()?)?,
            "log-file" => {
                let file = parser.optional_value().map(PathBuf::from);
                options.log.file = Some(file.unwrap_or_else(|| LOG_FILE.into()));
            }
            "dont-release-ipvs" => options.keep = true,
            "dont-fork" => options.detach = false,
            "pid" => pid_files.parent = Some(parser.value()?.into()),
            "vrrp_pid" => pid_files.routers = Some(parser.value()?.into()),
            "checkers_pid" => pid_files.virtual_servers = Some(parser.value()?.into()),
            "namespace" => options.namespace = Some(parser.value()?.string()?),
            "umask" => options.umask = Some(parser.value()?.parse_with(umask)?),
            "dump-conf" => options.dump = true,
            "core-dump" => options.core_dump = true,
            "ignore-sigint" => options.ignore_interrupt = true,
            "config-test" => {
                test = true;
                if let Some(file) = parser.optional_value() {
                    options.file = Some(file.into());
                }
            }
            "signum" => return signal(&parser.value()?.string()?),
            "version" => return Ok(KeepalivedRequest::Version),
            "help" => return Ok(KeepalivedRequest::Help),
            // One process does it all: nothing to respawn, no child that could stay away. Each line of
            // the log file is written at once, and addresses are removed at each transition anyway.
            "dont-respawn" | "no_bfd" | "all" | "no-mem-check" | "flush-log-file"
            | "release-vips" => {}
            "bfd_pid" => {
                parser.value()?;
                ignore("there is no BFD process");
            }
            "dont-release-vrrp" => ignore("virtual addresses are always removed at the end"),
            "address-monitoring" => ignore("addresses are not logged"),
            "config-id" => {
                let id = parser.value()?.string()?;
                options.reading = options.reading.with_config_id(id);
            }
            "config-fd" | "snmp-agent-socket" => {
                parser.value()?;
                ignore("not supported");
            }
            "all-config" => options.reading = options.reading.with_all_files(),
            "snmp" => ignore("there is no SNMP agent"),
            "core-dump-pattern" | "perf" | "debug" => {
                parser.optional_value();
                ignore("not supported");
            }
            _ => return Err(KeepalivedUsage::Unknown(shown)),
        }
    }
    options.ignored = ignored;
    options.routers = only_routers || !only_servers;
    options.virtual_servers = only_servers || !only_routers;
    options.log.syslog = (!no_syslog).then_some(facility);
    // In the background standard error is gone.
    options.log.console &= !options.detach;
    pid_files.is_parent_given = pid_files.parent.is_some();
    pid_files.is_routers_given = pid_files.routers.is_some();
    pid_files.is_virtual_servers_given = pid_files.virtual_servers.is_some();
    pid_files.set_defaults(options.namespace.as_deref(), None, false);
    options.pid_files = pid_files;
    if test {
        options.detach = false;
        return Ok(KeepalivedRequest::Test(options));
    }
    Ok(KeepalivedRequest::Run(options))
}

fn of_letter(letter: char) -> Option<&'static str> {
    KNOWN
        .iter()
        .find_map(|(short, name)| (*short == Some(letter)).then_some(*name))
}

fn of_name(given: &str) -> Option<&'static str> {
    let names: Vec<&'static str> = KNOWN.iter().map(|(_, name)| *name).collect();
    complete(given, &names)
}

/// `0`–`7` and `local0`–`local7` are the local facilities.
fn facility_number(text: &str) -> Result<u8, KeepalivedUsage> {
    let number = text.strip_prefix("local").unwrap_or(text);
    match (text, number.parse::<u8>()) {
        ("user", _) => Ok(1),
        ("daemon", _) => Ok(3),
        (_, Ok(local @ 0..=7)) => Ok(16 + local),
        _ => Err(KeepalivedUsage::Facility(text.to_owned())),
    }
}

/// Octal with a leading zero, as in C, else decimal.
fn umask(text: &str) -> Result<u32, std::num::ParseIntError> {
    let mask = match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u32::from_str_radix(octal, 8),
        _ => text.parse(),
    };
    mask.map(|mask| mask & 0o777)
}

fn signal(name: &str) -> Result<KeepalivedRequest, KeepalivedUsage> {
    use nix::libc;
    let number = match name {
        "STOP" => libc::SIGTERM,
        "RELOAD" => libc::SIGHUP,
        "DATA" => libc::SIGUSR1,
        "STATS" => libc::SIGUSR2,
        "STATS_CLEAR" => libc::SIGRTMAX() - 1,
        "JSON" => libc::SIGRTMIN() + 2,
        "TDUMP" => libc::SIGRTMAX(),
        _ => return Err(KeepalivedUsage::Signal(name.to_owned())),
    };
    Ok(KeepalivedRequest::SignalNumber(number))
}

/// The grammar; `program` is the name it was called by.
pub(crate) fn help(program: &str) -> String {
    format!("Usage: {program} [OPTIONS]\n\n{HELP}")
}

const HELP: &str = "\
Runs the load balancer as keepalived does: in the background, messages to the system's log,
errors in the configuration skipped.

  -f, --use-file FILE         configuration (/etc/keepalived/keepalived.conf, /etc/lb/lb.conf)
  -i, --config-id ID          the lines of @ID count (host name up to its first dot)
  -e, --all-config            each include must have its files
  -P, --vrrp                  only virtual routers
  -C, --check                 only virtual servers
  -n, --dont-fork             stay in the foreground
  -l, --log-console           messages to standard error too (with -n)
  -D, --log-detail            more messages
  -G, --no-syslog             no messages to the system's log
  -S, --log-facility NAME     0-7, local0-local7, user or daemon (default)
  -g, --log-file[=FILE]       messages to this file too (/tmp/keepalived.log)
  -d, --dump-conf             write the state to the log after the start
  -I, --dont-release-ipvs     leave the IPVS table as it is at the end
  -p, --pid FILE              process id (/run/keepalived.pid)
  -r, --vrrp_pid FILE         the same, if there are virtual routers (/run/vrrp.pid)
  -c, --checkers_pid FILE     the same, if there are virtual servers (/run/checkers.pid)
  -s, --namespace NAME        run in this network namespace
  -i, --config-id ID          read the lines of @ID (the host's name up to its first dot)
  -e, --all-config            every include needs its files
  -u, --umask MASK            mode of new files
  -m, --core-dump             write a core file after a crash
      --ignore-sigint         SIGINT does not stop it
  -t, --config-test[=FILE]    check the configuration: 0 good, 2 to 6 as keepalived
      --signum NAME           number of the signal for STOP, RELOAD, ...
  -T, --genhash               be genhash (first option only)
  -v, --version
  -h, --help

keepalived's other options are accepted and have no effect; a warning lists them.";

#[cfg(test)]
mod tests {
    use lb_core::config::ReadOptions;

    use super::*;

    fn read(line: &str) -> Result<KeepalivedRequest, KeepalivedUsage> {
        parse(
            &line
                .split_whitespace()
                .map(OsString::from)
                .collect::<Vec<_>>(),
        )
    }

    fn run(line: &str) -> RunOptions {
        match read(line) {
            Ok(KeepalivedRequest::Run(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn log(options: &RunOptions) -> (bool, Option<u8>, Option<&str>) {
        let log = &options.log;
        let file = log.file.as_deref();
        (log.console, log.syslog, file.and_then(|file| file.to_str()))
    }

    fn pid_files(options: &RunOptions) -> [&str; 3] {
        let files = &options.pid_files;
        [&files.parent, &files.routers, &files.virtual_servers]
            .map(|file| file.as_deref().unwrap().to_str().unwrap())
    }

    #[test]
    fn alone_it_is_a_lenient_daemon_in_the_background() {
        let options = run("");
        assert!(options.detach && options.lenient && options.routers && options.virtual_servers);
        assert_eq!(log(&options), (false, Some(3), None));
        assert_eq!(options.search[0], "/etc/keepalived/keepalived.conf");
        let files = ["/run/keepalived.pid", "/run/vrrp.pid", "/run/checkers.pid"];
        assert_eq!(pid_files(&options), files);
        assert!(options.ignored.is_empty());
    }

    #[test]
    fn the_usual_line_of_a_unit_file() {
        let options = run("-nlDf /etc/k.conf --pid=/run/k.pid -r /run/v.pid");
        assert!(!options.detach && options.detail);
        // The original writes to both.
        assert_eq!(log(&options), (true, Some(3), None));
        assert_eq!(options.file, Some(PathBuf::from("/etc/k.conf")));
        let files = ["/run/k.pid", "/run/v.pid", "/run/checkers.pid"];
        assert_eq!(pid_files(&options), files);
    }

    #[test]
    fn parts() {
        let parts = |line: &str| (run(line).routers, run(line).virtual_servers);
        assert_eq!(parts("-P"), (true, false));
        assert_eq!(parts("--check"), (false, true));
        assert_eq!(parts("-P -C"), (true, true));
    }

    #[test]
    fn option_without_effect_is_accepted_with_a_warning() {
        let options =
            run("-x -R -M -A unix:/a -X -V extra --perf=all -a -b /run/b.pid --log-con -n");
        assert_eq!(options.ignored.len(), 8, "{:?}", options.ignored);
        assert!(options.ignored[0].contains("-x is ignored"));
        assert!(options.log.console);
    }

    #[test]
    fn options_about_the_end_and_the_process() {
        let options = run("-i lb1 -e");
        let reading = ReadOptions::new().with_config_id("lb1").with_all_files();
        assert_eq!(options.reading, reading);
        assert!(options.ignored.is_empty());
        let options = run("-I -d -m --ignore-sigint");
        assert!(options.keep && options.dump);
        assert!(options.core_dump && options.ignore_interrupt);
        assert!(options.ignored.is_empty());
        let files = ["keepalived", "vrrp", "checkers"];
        let files = files.map(|name| format!("/run/keepalived/blue/{name}.pid"));
        assert_eq!(pid_files(&run("-s blue")), files);
    }

    /// The options of a command line, completed by a configuration.
    fn completed(line: &str, text: &str) -> RunOptions {
        let registry = lb_check::Registry::builtin();
        let parsed = lb_core::config::parse(text, "k.conf", &registry);
        let model = parsed.into_model(lb_core::config::Mode::Strict).unwrap();
        let mut options = run(line);
        options.complete(&model.global.runtime);
        options
    }

    /// The names were measured with keepalived 2.2.7.
    #[test]
    fn name_in_the_log_has_the_namespace_and_the_instance() {
        for (text, suffix) in [
            ("", ""),
            ("instance one\n", "_one"),
            ("net_namespace blue\n", "_blue"),
            ("instance one\nnet_namespace blue\n", "_blue_one"),
        ] {
            assert_eq!(completed("", text).syslog_suffix(), suffix);
        }
    }

    /// The names were measured with keepalived 2.2.7.
    #[test]
    fn pid_files_are_named_after_the_instance() {
        let files = |line: &str, text: &str| {
            let files = pid_files(&completed(line, text)).map(str::to_owned);
            files.join(" ")
        };
        for (line, text, expected) in [
            (
                "",
                "",
                "/run/keepalived.pid /run/vrrp.pid /run/checkers.pid",
            ),
            (
                "",
                "use_pid_dir\n",
                "/run/keepalived/keepalived.pid /run/keepalived/vrrp.pid /run/keepalived/checkers.pid",
            ),
            (
                "",
                "instance one\n",
                "/run/keepalived/keepalived_one.pid /run/keepalived/vrrp_one.pid \
                 /run/keepalived/checkers_one.pid",
            ),
            (
                "-p /a/p -c /a/c",
                "instance one\nnet_namespace blue\n",
                "/a/p /run/keepalived/blue/vrrp_one.pid /a/c",
            ),
        ] {
            assert_eq!(files(line, text), expected);
        }
    }

    #[test]
    fn the_command_line_holds_against_the_configuration() {
        let text = "net_namespace blue\nglobal_defs {\n umask 022\n process_name ka\n}\n";
        let options = completed("", text);
        assert_eq!(options.namespace.as_deref(), Some("blue"));
        assert_eq!(options.umask, Some(0o022));
        assert_eq!(options.process_name.as_deref(), Some("ka"));
        let options = completed("-s red -u 027", text);
        assert_eq!(options.namespace.as_deref(), Some("red"));
        assert_eq!(options.umask, Some(0o027));
        assert_eq!(completed("", "").umask, Some(0o177));
        let mut options = RunOptions::lbctl();
        options.complete(&lb_core::model::RuntimeSettings::default());
        assert_eq!((options.umask, options.pid_files.parent), (None, None));
    }

    #[test]
    fn other_requests() {
        assert_eq!(read("-v -q").unwrap(), KeepalivedRequest::Version);
        assert_eq!(read("--help").unwrap(), KeepalivedRequest::Help);
        assert_eq!(
            read("--signum=STOP").unwrap(),
            KeepalivedRequest::SignalNumber(15)
        );
        assert_eq!(
            read("--signum RELOAD").unwrap(),
            KeepalivedRequest::SignalNumber(1)
        );
        assert!(matches!(
            read("-t/etc/k.conf -l").unwrap(),
            KeepalivedRequest::Test(options) if options.file == Some(PathBuf::from("/etc/k.conf"))
        ));
    }

    #[test]
    fn values() {
        for (line, expected) in [
            ("-S 5", (false, Some(21), None)),
            ("-S local0", (false, Some(16), None)),
            ("-n -l -S user", (true, Some(1), None)),
            ("-n -l -G", (true, None, None)),
            ("-G -S 5", (false, None, None)),
            // There is no standard error in the background.
            ("-l", (false, Some(3), None)),
            ("-g", (false, Some(3), Some("/tmp/keepalived.log"))),
            (
                "-G --log-file=/var/log/k",
                (false, None, Some("/var/log/k")),
            ),
        ] {
            assert_eq!(log(&run(line)), expected, "{line}");
        }
        assert_eq!(run("-u 027").umask, Some(0o027));
        let reading = ReadOptions::new().with_config_id("lb1");
        assert_eq!(run("-i lb1").reading, reading);
        assert_eq!(run("--config-id=lb1").reading, reading);
        assert_eq!(run("-e").reading, ReadOptions::new().with_all_files());
        assert_eq!(run("-s blue").namespace.as_deref(), Some("blue"));
        for line in ["-q", "--log", "-S mail", "--signum FOO", "-f", "-u x"] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
