// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs` is ipvsadm: the same command lines, one after the other, with Debian's ipvsadm and
//! with ours; standard output, standard error and exit status must be the same.
//!
//! Both run in the same namespace, because the kernel's order of services depends on it.

use std::{error::Error, fs, os::unix::fs::symlink, path::Path, time::Duration};

use tests_kernel::{guest_or_skip, net::Netns, process, tool};

type TestResult = Result<(), Box<dyn Error>>;

const CASES: &str = include_str!("data/ipvsadm-cases.txt");
const HOSTS: &str = include_str!("data/hosts");

/// Commands that are ours under these names.
const NAMES: [&str; 3] = ["ipvsadm", "ipvsadm-save", "ipvsadm-restore"];

/// Where we differ on purpose: the original's words, and ours.
const ON_PURPOSE: [(&str, &str); 7] = [
    // Marks are unsigned.
    ("FWM  -1294967296 ", "FWM  3000000000 "),
    ("FWM  -1 ", "FWM  4294967295 "),
    ("-A -f -1 ", "-A -f 4294967295 "),
    // flag-3 of sh is shown.
    (
        "TCP  10.0.0.1:7 sh (sh-fallback)",
        "TCP  10.0.0.1:7 sh (sh-fallback,flag-3)",
    ),
    ("TCP  10.0.0.1:8 sh ()", "TCP  10.0.0.1:8 sh (flag-3)"),
    (
        "-A -t 10.0.0.1:7 -s sh -b sh-fallback\n",
        "-A -t 10.0.0.1:7 -s sh -b sh-fallback,flag-3\n",
    ),
    (
        "-A -t 10.0.0.1:8 -s sh -b \n",
        "-A -t 10.0.0.1:8 -s sh -b flag-3\n",
    ),
];

/// Lines that cannot be compared: the original crashes, prints its help, which is not ours, or
/// wants a kernel before it says its version.
const NOT_COMPARED: [&str; 3] = [
    "-s sh -b ,",
    "printf -- '-h\\n",
    "--clear-groups ipvsadm -v",
];

/// One line of a case.
struct Line {
    case: &'static str,
    text: &'static str,
}

/// What a line did: standard output, standard error, exit status.
type Shown = (String, String, String);

/// The cases of this run, each with its lines.
fn cases() -> Vec<(&'static str, Vec<&'static str>)> {
    let soak = std::env::var_os("LB_SOAK").is_some();
    let mut cases: Vec<(_, Vec<_>)> = Vec::new();
    for text in CASES
        .lines()
        .filter(|text| !text.is_empty() && !text.starts_with('#'))
    {
        match (text.strip_prefix("== "), cases.last_mut()) {
            (Some(name), _) => cases.push((name, Vec::new())),
            (None, Some((_, lines))) => lines.push(text),
            (None, None) => panic!("a line before the first case: {text}"),
        }
    }
    cases.retain(|(name, _)| soak || !name.ends_with("(soak)"));
    cases
}

/// The lines that show something.
fn lines() -> Vec<Line> {
    cases()
        .into_iter()
        .flat_map(|(case, lines)| lines.into_iter().map(move |text| Line { case, text }))
        .filter(|line| !line.text.starts_with("@ "))
        .collect()
}

/// All cases as one shell script: the results of line `i` go to `i.out`, `i.err` and `i.exit` in
/// `$results`, and each case begins with an empty table.
fn script() -> String {
    let mut script = String::from("set -u\nmount --bind \"$hosts\" /etc/hosts || exit 1\n");
    let mut number = 0;
    for (_, lines) in cases() {
        script.push_str(
            "(PATH=$system; ipvsadm -C; ipvsadm --set 900 120 300; \
             ipvsadm --stop-daemon master; ipvsadm --stop-daemon backup) >/dev/null 2>&1\n",
        );
        for text in lines {
            if let Some(setup) = text.strip_prefix("@ ") {
                script.push_str(&format!("({setup}\n) >/dev/null 2>&1\n"));
                continue;
            }
            let file = format!("\"$results/{number}");
            script.push_str(&format!(
                "({text}\n) >{file}.out\" 2>{file}.err\" </dev/null; echo $? >{file}.exit\"\n"
            ));
            number += 1;
        }
    }
    script
}

fn run(netns: &Netns, folder: &Path, ours: bool) -> Result<Vec<Shown>, Box<dyn Error>> {
    let results = folder.join(if ours { "ours" } else { "original" });
    fs::create_dir(&results)?;
    let system = std::env::var("PATH")?;
    let path = if ours {
        format!("{}:{system}", folder.join("bin").display())
    } else {
        system.clone()
    };
    let mut command = netns.command("sh");
    command
        .arg(folder.join("script"))
        .env("PATH", path)
        .env("system", system)
        .env("hosts", folder.join("hosts"))
        .env("results", &results);
    process::run(&mut command, Duration::from_secs(300))?;
    (0..lines().len())
        .map(|number| {
            let read = |kind: &str| fs::read(results.join(format!("{number}.{kind}")));
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            Ok((text(read("out")?), text(read("err")?), text(read("exit")?)))
        })
        .collect()
}

#[test]
fn the_same_words_do_the_same() -> TestResult {
    guest_or_skip!();
    let folder = std::env::temp_dir().join(format!("parity-{}", std::process::id()));
    let bin = folder.join("bin");
    fs::create_dir_all(&bin)?;
    fs::write(folder.join("script"), script())?;
    fs::write(folder.join("hosts"), HOSTS)?;
    for name in NAMES {
        symlink(tool::lbctl(), bin.join(name))?;
    }
    let netns = Netns::new("parity")?;
    let original = run(&netns, &folder, false)?;
    let ours = run(&netns, &folder, true)?;
    fs::remove_dir_all(&folder)?;

    let (mut compared, mut different) = (0, String::new());
    for ((line, original), ours) in lines().iter().zip(original).zip(ours) {
        if NOT_COMPARED.iter().any(|words| line.text.contains(words)) {
            continue;
        }
        compared += 1;
        let wanted = (on_purpose(original.0), on_purpose(original.1), original.2);
        if wanted != ours {
            different.push_str(&format!(
                "\n{}: {}\noriginal: {wanted:#?}\nours: {ours:#?}\n",
                line.case, line.text
            ));
        }
    }
    assert!(different.is_empty(), "{different}");
    assert!(compared >= 230, "{compared}");
    Ok(())
}

fn on_purpose(text: String) -> String {
    ON_PURPOSE
        .iter()
        .fold(text, |text, (original, ours)| text.replace(original, ours))
}
