// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `lbctl ipvs` has beyond ipvsadm, as far as no kernel is needed.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use support::{Names, lbctl, result};

fn run(words: &[&str]) -> (String, String, i32) {
    let mut arguments = vec!["ipvs"];
    arguments.extend(words);
    result(lbctl(&arguments).output().unwrap())
}

#[test]
fn json_is_for_listings() {
    for words in [
        &["-C", "--json"][..],
        &["--json", "-S", "-n"],
        &["-A", "-t", "192.168.1.50:80", "--json"],
        &["-Z", "--json"],
    ] {
        let (out, err, exit) = run(words);
        assert_eq!((out.as_str(), exit), ("", 2), "{words:?}");
        assert_eq!(err, "the option '--json' is for the listings of '-L'\n");
    }
    // An error is the same as without it.
    let (_, err, exit) = run(&["-L", "--json", "-t", "192.168.1.50:x"]);
    assert_eq!(
        (err.as_str(), exit),
        ("illegal virtual server address[:port] specified\n", 2)
    );
}

#[test]
fn ipvsadm_has_none_of_it() {
    let names = Names::new();
    let run = |words: &[&str]| result(names.command("ipvsadm").args(words).output().unwrap());
    for (words, text) in [
        (&["-L", "--json"][..], "--json: unknown option\n"),
        (&["-L", "--netns", "x"], "--netns: unknown option\n"),
    ] {
        assert_eq!(run(words), (String::new(), text.to_owned(), 255));
    }
    let (_, err, exit) = run(&["drain", "192.168.1.61"]);
    assert!(err.starts_with("Try `ipvsadm -h'"), "{err}");
    assert_eq!(exit, 255);
    let (out, _, _) = run(&["-h"]);
    assert!(!out.contains("--json"), "{out}");
}

#[test]
fn help_of_the_whole_and_of_each_verb() {
    let (out, err, exit) = run(&["--help"]);
    assert_eq!((err.as_str(), exit), ("", 0));
    for word in ["-A|E SERVICE", "--json", "--netns", "  drain ", "  watch "] {
        assert!(out.contains(word), "{word}: {out}");
    }
    for verb in ["save", "drain", "watch", "helper", "status", "sysctl"] {
        let (out, err, exit) = run(&[verb, "--help"]);
        assert_eq!((err.as_str(), exit), ("", 0), "{verb}");
        assert!(out.contains(&format!("Usage: lbctl ipvs {verb}")), "{out}");
    }
}

#[test]
fn mistakes_end_before_the_kernel_is_asked() {
    for (words, text) in [
        (&["--netns"][..], "--netns: missing argument"),
        (
            &["--netns", "no-such-namespace", "-Ln"],
            "cannot open the network namespace /run/netns/no-such-namespace",
        ),
        (&["drain"], "required arguments were not provided"),
        (
            &["drain", "192.168.1.61:x"],
            "illegal real server address[:port] specified",
        ),
        (
            &["drain", "192.168.1.61", "-t", "192.168.1.50:x"],
            "illegal virtual server address[:port] specified",
        ),
        (
            &["drain", "192.168.1.61", "-f", "0"],
            "invalid fwmark value `0' specified",
        ),
        (&["drain", "192.168.1.61", "--timeout", "x"], "--timeout"),
        (&["drain", "192.168.1.61", "--force"], "--timeout"),
        (
            &[
                "drain",
                "192.168.1.61",
                "--timeout",
                "1",
                "--force",
                "--keep",
            ],
            "cannot be used with",
        ),
        (
            &["watch", "--interval", "0"],
            "not a number of seconds from 0.001 on",
        ),
        (&["helper", "sip"], "possible values: ftp"),
        (&["sysctl", "conntrack=maybe"], "conntrack"),
        (&["sysctl", "../../../x=1"], "x"),
    ] {
        let (out, err, exit) = run(words);
        assert_eq!((out.as_str(), exit), ("", 2), "{words:?}: {err}");
        assert!(err.contains(text), "{words:?}: {err}");
    }
}
