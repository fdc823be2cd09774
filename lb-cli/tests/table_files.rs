// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of `lbctl ipvs save --full`, `diff`, `apply` and `boot`, as far as no kernel is needed.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::{fs, path::Path};

use support::{lbctl, result};

fn run(words: &[&str]) -> (String, String, i32) {
    let mut arguments = vec!["ipvs"];
    arguments.extend(words);
    result(lbctl(&arguments).output().unwrap())
}

#[test]
fn every_mistake_of_a_file_is_a_line_and_the_kernel_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules");
    fs::write(
        &file,
        "# rules\n-A -t 192.168.1.50:80 -s rr\n-a -t 192.168.1.50:80 -r 192.168.1.256\n-C\n",
    )
    .unwrap();
    let name = file.to_str().unwrap();
    let expected = format!(
        "{name}: line 3, column 26, 192.168.1.256: illegal real server address[:port] specified\n\
         {name}: line 4, column 1, -C: flush does not describe a table; -A, -a, --set and \
         --start-daemon do\n"
    );
    for words in [
        &["diff", name][..],
        &["apply", name],
        &["apply", "--dry-run", "--json", name],
    ] {
        assert_eq!(
            run(words),
            (String::new(), expected.clone(), 2),
            "{words:?}"
        );
    }
    let mut stdin = lbctl(&["ipvs", "apply", "-"]);
    let (out, err, exit) = result(stdin.write_stdin("-x\n\n-A -f 0\n").output().unwrap());
    assert_eq!(
        (out.as_str(), err.as_str(), exit),
        (
            "",
            "standard input: line 1, column 1, -x: the line does not begin with -A, -a, --set or \
             --start-daemon\n\
             standard input: line 3, column 7, 0: invalid fwmark value `0' specified\n",
            2
        )
    );
    let (_, err, exit) = run(&["apply", "/nowhere/rules"]);
    assert!(err.starts_with("/nowhere/rules: cannot read it: "), "{err}");
    assert_eq!(exit, 2);
}

#[test]
fn boot_reads_its_files_before_it_asks_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let [defaults, rules] = ["defaults", "rules"].map(|name| {
        let path = folder.path().join(name);
        path.to_str().unwrap().to_owned()
    });
    let run = |text: &str, action: &str| {
        fs::write(&defaults, text).unwrap();
        run(&["boot", action, "--defaults", &defaults, "--rules", &rules])
    };
    let (_, err, exit) = run("AUTO=true\nSYNCID=x\n", "start");
    assert_eq!(
        err,
        format!("{defaults}: line 2: SYNCID is \"x\", not 0 to 255\n")
    );
    assert_eq!(exit, 2);
    let (_, err, exit) = run("AUTO=true\n", "start");
    assert!(
        err.starts_with(&format!("{rules}: cannot read it: ")),
        "{err}"
    );
    assert_eq!(exit, 2);
    fs::write(&rules, "-A -t 192.168.1.50\n").unwrap();
    let (_, err, exit) = run("AUTO=true\n", "reload");
    assert_eq!(
        err,
        format!(
            "{rules}: line 1, column 7, 192.168.1.50: Zero port specified for non-persistent \
             service\n"
        )
    );
    assert_eq!(exit, 2);
    // The environment counts before the file.
    let arguments = [
        "ipvs",
        "boot",
        "start",
        "--defaults",
        &defaults,
        "--rules",
        &rules,
    ];
    let mut command = lbctl(&arguments);
    let (_, err, exit) = result(command.env("DAEMON", "all").output().unwrap());
    assert_eq!(
        (err.as_str(), exit),
        (
            "environment: DAEMON is \"all\", not none, master, backup or both\n",
            2
        )
    );
}

#[test]
fn help_names_exit_statuses() {
    for (verb, words) in [
        (
            "apply",
            &[
                "--dry-run",
                "--keep-others",
                "--force",
                "255 the kernel refused",
            ][..],
        ),
        ("diff", &["--json", "1 something"]),
        ("save", &["--full", "--output"]),
        ("boot", &["--defaults", "--rules", "AUTO=true|false"]),
    ] {
        let (out, err, exit) = run(&[verb, "--help"]);
        assert_eq!((err.as_str(), exit), ("", 0));
        let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(out.contains(word), "{verb}: {word}: {out}");
        }
    }
}

/// What systemd would refuse; `systemd-analyze verify` has accepted the unit.
#[test]
fn the_unit_calls_verbs_that_exist() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist");
    let unit = fs::read_to_string(dist.join("lbctl-ipvs.service")).unwrap();
    let mut section = "";
    let mut calls = Vec::new();
    for line in unit
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']').unwrap();
            continue;
        }
        let (key, value) = line.split_once('=').unwrap();
        assert!(["Unit", "Service", "Install"].contains(&section), "{line}");
        if key.starts_with("Exec") {
            calls.push((key, value));
        }
    }
    assert_eq!(
        calls,
        [
            ("ExecStart", "/usr/sbin/lbctl ipvs boot start"),
            ("ExecReload", "/usr/sbin/lbctl ipvs boot reload"),
            ("ExecStop", "/usr/sbin/lbctl ipvs boot stop"),
        ]
    );
    assert!(unit.contains("Type=oneshot\nRemainAfterExit=yes\n"));
}
