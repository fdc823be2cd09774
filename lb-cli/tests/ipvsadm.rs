// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipvsadm` and `lbctl ipvs` from outside, as far as no kernel is needed for it.
//!
//! The comparison with the real ipvsadm on a real kernel is in `tests-kernel`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::process::Stdio;

use support::{Names, goldens, lbctl, result};

/// Lines that would ask a name server.
fn asks_the_network(command: &str) -> bool {
    command.contains(".lab") || command.contains("bogus") || command.contains(" foo")
}

#[test]
fn every_refusal_of_the_goldens_that_needs_no_kernel() {
    let names = Names::new();
    let mut count = 0;
    for case in goldens() {
        let usage = case.exit == 2
            || case.stderr.starts_with("Try `")
            || case.stderr.contains(": unknown option");
        let Some(words) = case
            .command
            .strip_prefix("ipvsadm ")
            .filter(|_| usage && !case.command.contains(';') && !asks_the_network(&case.command))
        else {
            continue;
        };
        let output = names
            .command("ipvsadm")
            .args(shlex::split(words).unwrap())
            .output()
            .unwrap();
        assert_eq!(
            result(output),
            (String::new(), case.stderr.clone(), case.exit),
            "{}: {}",
            case.file,
            case.command
        );
        count += 1;
    }
    assert!(count >= 90, "{count}");
}

#[test]
fn every_usage_text() {
    let names = Names::new();
    for (line, text, exit) in [
        (
            "-nL",
            "Try `ipvsadm -h' or 'ipvsadm --help' for more information.",
            255,
        ),
        ("-L -q", "-q: unknown option", 255),
        ("-Lq", "-Lq: unknown option", 255),
        ("-L --num", "--num: unknown option", 255),
        ("-At", "-At: missing argument", 255),
        ("-L -n=5", "-n=5: option does not take an argument", 255),
        ("-A -D", "invalid option `-D'", 2),
        ("-A --start-daemon master", "invalid option `master'", 2),
        (
            "-A -t 1.1.1.1:1 -t 1.1.1.1:1",
            "multiple 'service-address' options specified",
            2,
        ),
        ("-L x", "unexpected argument x", 2),
        (
            "-d -t 1.1.1.1:1",
            "You need to supply the 'real-server' option for the 'delete-server' command",
            2,
        ),
        (
            "-D -t 1.1.1.1:1 -w 1 -s rr",
            "Illegal 'scheduler' option with the 'delete-service' command",
            2,
        ),
        (
            "-L --timeout --daemon",
            "The option 'daemon' conflicts with the 'timeout' option in the 'list' command",
            2,
        ),
        (
            "-L --timeout --stats",
            "options conflicts in the list command",
            2,
        ),
        (
            "-a -t 1.1.1.1:1 -r 1.1.1.2 -i --tun-type gue",
            "You need to supply the 'tun-port' option for the 'gue' tunnel type",
            2,
        ),
        (
            "-a -t 1.1.1.1:1 -r 1.1.1.2 -i --tun-port 1",
            "Illegal 'tun-port' option with the 'ipip' tunnel type",
            2,
        ),
        (
            "-a -t 1.1.1.1:1 -r 1.1.1.2 -i --tun-type gre --tun-csum --tun-nocsum",
            "The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gre' tunnel type",
            2,
        ),
        (
            "-a -t 1.1.1.1:1 -r 1.1.1.2 --tun-csum",
            "Tunnel options conflict with forward method",
            2,
        ),
        (
            "-A -t 80",
            "illegal virtual server address[:port] specified",
            2,
        ),
        (
            "-d -t 1.1.1.1:1 -r 80",
            "illegal real server address[:port] specified",
            2,
        ),
        (
            "-A -f 1 -p -M ::",
            "illegal virtual server persistent mask specified",
            2,
        ),
        (
            "-A -t [fd00::1]:1 -M 129",
            "illegal ipv6 netmask specified",
            2,
        ),
        (
            "-A -t 1.1.1.1",
            "Zero port specified for non-persistent service",
            2,
        ),
        (
            "-A -t 1.1.1.1:1 -o",
            "One-Packet Scheduling is only for UDP virtual services",
            2,
        ),
        (
            "-a -t 1.1.1.1:1 -r fd00::1 --tun-csum",
            "Different address family is allowed only for tunneling servers",
            2,
        ),
        (
            "-A -t 1.1.1.1:1 -p 0",
            "invalid timeout value `0' specified",
            2,
        ),
        ("--set 1 2", "--set option requires 3 timeout values", 2),
        ("-A -f 0", "invalid fwmark value `0' specified", 2),
        ("-A -t 1.1.1.1:1 -6", "-6 used before -f\n", 2),
        ("-a -w -1", "illegal weight specified", 2),
        ("-a -x -1", "illegal u_threshold specified", 2),
        ("-a -y -1", "illegal l_threshold specified", 2),
        ("-a --tun-type vxlan", "illegal tunnel type specified", 2),
        ("-a --tun-port 0", "illegal tunnel port specified", 2),
        ("-A -s rr -b bogus", "invalid scheduler flag `bogus'", 2),
        ("-A -b sh-port", "incompatible scheduler flag `sh-port'", 2),
        (
            "--start-daemon x",
            "illegal start-daemon parameter specified",
            2,
        ),
        ("--stop-daemon x", "illegal start_daemon specified", 2),
        (
            "--start-daemon master --syncid 256",
            "illegal syncid specified",
            2,
        ),
        (
            "--start-daemon master --mcast-port 0",
            "illegal mcast-port specified",
            2,
        ),
        (
            "--start-daemon master --mcast-ttl 0",
            "illegal mcast-ttl specified",
            2,
        ),
        (
            "--start-daemon master --sync-maxlen 0",
            "illegal sync-maxlen specified",
            2,
        ),
        (
            "--start-daemon master --mcast-group 10.0.0.1",
            "invalid IPv4 mcast-group `10.0.0.1'",
            2,
        ),
        (
            "--start-daemon master --mcast-group x:y",
            "invalid IPv6 mcast-group `x:y'",
            2,
        ),
    ] {
        let output = names
            .command("ipvsadm")
            .args(line.split(' '))
            .output()
            .unwrap();
        assert_eq!(
            result(output),
            (String::new(), format!("{text}\n"), exit),
            "{line}"
        );
    }
}

#[test]
fn as_a_subcommand_it_calls_itself_by_that_name() {
    let output = lbctl(&["ipvs", "-nL"]).output().unwrap();
    assert_eq!(
        result(output),
        (
            String::new(),
            "Try `lbctl ipvs -h' or 'lbctl ipvs --help' for more information.\n".to_owned(),
            255
        )
    );
}

#[test]
fn help_and_version_need_no_kernel_and_go_to_standard_output() {
    for arguments in [["ipvs", "-h"], ["ipvs", "--help"]] {
        let (out, err, exit) = result(lbctl(&arguments).output().unwrap());
        assert_eq!((err.as_str(), exit), ("", 0));
        assert!(out.contains("\n  lbctl ipvs -A|E SERVICE"), "{out}");
    }
    let (out, _, exit) = result(lbctl(&["ipvs", "-v"]).output().unwrap());
    assert!(out.starts_with("ipvsadm v1.31 "), "{out}");
    assert_eq!(exit, 0);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("lbctl"))
        .args(["ipvs", "-h"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn listing_without_ipvs_fails_after_the_line_is_read() {
    let (out, err, exit) = result(lbctl(&["ipvs", "-Ln"]).output().unwrap());
    if exit == 0 {
        assert!(out.starts_with("IP Virtual Server version "), "{out}");
    } else {
        assert_eq!(exit, 2);
        assert!(err.contains("Can't initialize ipvs: "), "{err}");
        assert!(
            err.ends_with(
                "\nAre you sure that IP Virtual Server is built in the kernel or as module?\n"
            ),
            "{err}"
        );
    }
}

#[test]
fn the_wrappers_take_no_options_but_their_own() {
    let names = Names::new();
    let (_, err, exit) = result(names.command("ipvsadm-save").arg("-c").output().unwrap());
    assert_eq!((err.as_str(), exit), ("Usage: ipvsadm-save [-n]\n", 1));
    let (_, err, exit) = result(names.command("ipvsadm-restore").arg("x").output().unwrap());
    assert_eq!(
        (err.as_str(), exit),
        ("Usage: ipvsadm-restore < RULES\n", 1)
    );
}
