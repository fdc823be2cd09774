// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl check`, `lbctl run`, `keepalived` from outside, as far as no privileges are needed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::{fs, path::PathBuf};

use support::{Names, lbctl, result};

const GOOD: &str = "\
virtual_server 192.168.1.50 80 {
    lb_algo wrr
    lb_kind DR
    protocol TCP
    real_server 192.168.1.61 80 {
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
";

fn file(names: &Names, text: &str) -> PathBuf {
    let path = names.folder().join("lb.conf");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn check_of_a_good_file() {
    let names = Names::new();
    let path = file(&names, GOOD);
    let (out, err, exit) = result(
        lbctl(&["check", "--deny-warnings", path.to_str().unwrap()])
            .output()
            .unwrap(),
    );
    let summary = "ok: 0 instances, 1 virtual server, 1 real server\n";
    assert_eq!((out.as_str(), err.as_str(), exit), (summary, "", 0));
}

#[test]
fn check_refuses_keywords_that_keepalived_does_not_have() {
    let names = Names::new();
    let own = GOOD.replace("lb_algo", "notify_url http://192.0.2.1/\n    lb_algo");
    let path = file(&names, &own);
    let path = path.to_str().unwrap();
    let (_, _, exit) = result(lbctl(&["check", path]).output().unwrap());
    assert_eq!(exit, 0);
    let (out, _, exit) = result(lbctl(&["check", "--keepalived", path]).output().unwrap());
    assert_eq!(exit, 2);
    assert!(
        out.contains("keepalived has no keyword `notify_url`"),
        "{out}"
    );
    let explained = lbctl(&["check", "--explain", "sticky"]).output().unwrap();
    let (out, _, _) = result(explained);
    assert!(
        out.contains("keepalived does not have this keyword"),
        "{out}"
    );
}

#[test]
fn check_reads_standard_input() {
    let mut command = lbctl(&["check", "-"]);
    let names = Names::new();
    let path = file(&names, &GOOD.replace("lb_algo", "lb_algoo"));
    command.pipe_stdin(path).unwrap();
    let (out, _, exit) = result(command.output().unwrap());
    assert_eq!(exit, 2);
    assert!(out.contains("standard input:2:5"), "{out}");
}

#[test]
fn check_prints_an_equivalent_configuration() {
    let names = Names::new();
    let path = file(&names, &format!("$WEIGHT=3\n{GOOD}"));
    let path = path.to_str().unwrap();
    let (printed, err, exit) = result(lbctl(&["check", "--print", path]).output().unwrap());
    assert_eq!((err.as_str(), exit), ("", 0));
    assert!(printed.contains("virtual_server"), "{printed}");
    assert!(!printed.contains("$WEIGHT"), "{printed}");
    let again = file(&names, &printed);
    let again = again.to_str().unwrap();
    let (twice, _, _) = result(lbctl(&["check", "--print", again]).output().unwrap());
    assert_eq!(twice, printed);
}

#[test]
fn check_prints_nothing_of_a_wrong_configuration() {
    let names = Names::new();
    let path = file(&names, &GOOD.replace("lb_algo", "lb_algoo"));
    let arguments = ["check", "--print", path.to_str().unwrap()];
    let (out, err, exit) = result(lbctl(&arguments).output().unwrap());
    assert_eq!((out.as_str(), exit), ("", 2));
    assert!(err.contains("unknown keyword `lb_algoo`"), "{err}");
}

#[test]
fn check_notes_a_virtual_address_that_is_the_only_one() {
    let names = Names::new();
    let text = "vrrp_instance V {\n interface eth0\n virtual_router_id 5\n priority 100\n \
                virtual_ipaddress {\n 127.0.0.1 dev lo\n }\n}\n";
    let path = file(&names, text);
    let path = path.to_str().unwrap();
    let (out, _, exit) = result(lbctl(&["check", path]).output().unwrap());
    let note = format!(
        "note: {path}:6:2: 127.0.0.1 is the only address of lo; a backup removes it: give the host \
         an address of its own\n"
    );
    assert!(out.contains(&note), "{out}");
    assert_eq!(exit, 0);
}

#[test]
fn check_notes_missing_interfaces() {
    let names = Names::new();
    let text = "vrrp_instance V {\n interface missing0\n virtual_router_id 5\n priority 100\n \
                virtual_ipaddress {\n 192.0.2.1\n }\n}\n";
    let path = file(&names, text);
    let arguments = ["check", "--deny-warnings", path.to_str().unwrap()];
    let (out, _, exit) = result(lbctl(&arguments).output().unwrap());
    assert_eq!(
        out,
        "note: interface missing0 does not exist on this host\n\
         ok: 1 instance, 0 virtual servers, 0 real servers\n"
    );
    assert_eq!(exit, 0);
}

#[test]
fn run_names_the_option_of_a_configuration() {
    let (_, err, exit) = result(lbctl(&["run", "lb.conf"]).output().unwrap());
    assert_eq!(exit, 2);
    assert!(err.contains("write `lbctl run -f lb.conf`"), "{err}");
}

#[test]
fn check_shows_the_place_of_a_mistake_and_what_was_meant() {
    let names = Names::new();
    let path = file(&names, &GOOD.replace("lb_algo", "lb_algoo"));
    let path = path.to_str().unwrap();
    let (out, _, exit) = result(lbctl(&["check", path]).output().unwrap());
    assert_eq!(exit, 2);
    assert!(out.contains("lb.conf:2:5"), "{out}");
    assert!(out.contains("lb_algo"), "{out}");
    assert!(out.contains('^'), "{out}");

    let (out, _, exit) = result(lbctl(&["check", "--json", path]).output().unwrap());
    assert_eq!(exit, 2);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["errors"], 1);
    let findings = report["diagnostics"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|finding| finding["severity"] == "error")
        .unwrap();
    assert_eq!(
        (&finding["line"], &finding["column"]),
        (&2.into(), &5.into())
    );
    assert_eq!(finding["suggestion"], "lb_algo");
}

#[test]
fn warnings_count_only_when_they_are_denied() {
    let names = Names::new();
    let path = file(&names, &GOOD.replace("lb_kind DR", "lb_kind DR extra"));
    let path = path.to_str().unwrap();
    let (out, _, exit) = result(lbctl(&["check", path]).output().unwrap());
    assert!(out.contains("warning"), "{out}");
    assert_eq!(exit, 0);
    let (_, _, exit) = result(lbctl(&["check", "--deny-warnings", path]).output().unwrap());
    assert_eq!(exit, 1);
}

#[test]
fn check_of_a_file_that_is_not_there() {
    let (out, _, exit) = result(lbctl(&["check", "/nonexistent/lb.conf"]).output().unwrap());
    assert_eq!(exit, 2);
    assert!(out.contains("/nonexistent/lb.conf"), "{out}");
}

#[test]
fn run_refuses_a_wrong_file_and_touches_nothing() {
    let names = Names::new();
    let path = file(&names, &GOOD.replace("wrr", "wwr\n    lb_algoo"));
    let socket = names.folder().join("lb.sock");
    let (out, err, exit) = result(
        lbctl(&[
            "run",
            "-f",
            path.to_str().unwrap(),
            "--control",
            socket.to_str().unwrap(),
        ])
        .output()
        .unwrap(),
    );
    assert_eq!((out.as_str(), exit), ("", 2), "{err}");
    assert!(err.contains("lb.conf:3:5"), "{err}");
    assert!(!socket.exists());
}

#[test]
fn keepalived_tests_a_configuration() {
    let names = Names::new();
    let path = file(&names, GOOD);
    let test = |text: &str| {
        fs::write(&path, text).unwrap();
        let file = format!("--config-test={}", path.display());
        result(names.command("keepalived").arg(file).output().unwrap())
    };
    assert_eq!(test(GOOD), (String::new(), String::new(), 0));
    let (_, err, exit) = test(&GOOD.replace("lb_algo", "lb_algoo"));
    assert_eq!(exit, 5);
    assert!(err.contains("lb.conf:2:5: error"), "{err}");
    let (_, err, exit) = result(
        names
            .command("keepalived")
            .args(["-t", "-f", "/nonexistent"])
            .output()
            .unwrap(),
    );
    assert_eq!(exit, 4, "{err}");
}

#[test]
fn keepalived_answers_questions() {
    let names = Names::new();
    let ask = |words: &[&str]| result(names.command("keepalived").args(words).output().unwrap());
    let (out, err, exit) = ask(&["-v"]);
    assert_eq!((out.as_str(), exit), ("", 0));
    assert!(err.starts_with("Keepalived v"), "{err}");
    let (_, err, exit) = ask(&["--help"]);
    assert_eq!(exit, 0);
    assert!(err.starts_with("Usage: keepalived [OPTIONS]"), "{err}");
    assert_eq!(
        ask(&["--signum=RELOAD"]),
        ("1\n".to_owned(), String::new(), 0)
    );
    let (_, err, exit) = ask(&["--signum", "FOO"]);
    assert_eq!(exit, 1);
    assert!(err.starts_with("unknown signal name FOO"), "{err}");
    assert_eq!(ask(&["--nonsense"]).2, 1);
}

#[test]
fn keepalived_tells_about_a_hopeless_file_before_it_leaves_the_terminal() {
    let names = Names::new();
    let (_, err, exit) = result(
        names
            .command("keepalived")
            .args(["-f", "/nonexistent/k.conf", "-p"])
            .arg(names.folder().join("pid"))
            .output()
            .unwrap(),
    );
    assert_eq!(exit, 2);
    assert!(err.contains("/nonexistent/k.conf"), "{err}");
}

#[test]
fn check_explains_a_keyword() {
    let explain = |keyword| result(lbctl(&["check", "--explain", keyword]).output().unwrap());
    let (out, err, exit) = explain("smtp_alert");
    assert_eq!((err.as_str(), exit), ("", 0));
    for block in ["global_defs", "vrrp_instance", "virtual_server"] {
        assert!(
            out.contains(&format!("smtp_alert [on|off] (in {block})\n")),
            "{out}"
        );
    }
    let (out, _, exit) = explain("advert_int");
    assert_eq!(exit, 0);
    assert_eq!(
        out,
        "advert_int SECONDS, 0.01 to 255 (in vrrp_instance)\n  Sets the time between two adverts.\n  \
         Default: 1\n"
    );
    let (out, err, exit) = explain("advert_itn");
    assert_eq!((out.as_str(), exit), ("", 2));
    assert!(err.contains("did you mean `advert_int`?"), "{err}");
    let (_, _, exit) = result(lbctl(&["check"]).output().unwrap());
    assert_eq!(exit, 2);
}

#[test]
fn lbctl_alone_shows_what_there_is() {
    let (_, err, exit) = result(lbctl(&[]).output().unwrap());
    assert_eq!(exit, 2);
    for command in ["run", "check", "ipvs", "genhash"] {
        assert!(err.contains(&format!("\n  {command} ")), "{command}: {err}");
    }
    let (out, _, exit) = result(lbctl(&["--version"]).output().unwrap());
    assert_eq!(
        (out.as_str(), exit),
        (concat!("lbctl ", env!("CARGO_PKG_VERSION"), "\n"), 0)
    );
}
