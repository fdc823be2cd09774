// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-R` of many lines: good ones, and ones that all exist already.

use std::fmt::Write as _;
use std::fs;

use tests_kernel::net::Netns;

use super::{Folder, TestResult, Who};

/// With four destinations each these are 10 000 lines.
const SERVICES: u32 = 2000;

fn rules() -> String {
    let mut rules = String::new();
    for number in 0..SERVICES {
        let service = format!("10.{}.{}.1:80", number / 250, number % 250);
        let _ = writeln!(rules, "-A -t {service} -s wrr");
        for server in 1..=4 {
            let _ = writeln!(
                rules,
                "-a -t {service} -r 172.16.0.{server}:8080 -m -w {server}"
            );
        }
    }
    rules
}

#[testbed::guest_test]
fn ten_thousand_lines() -> TestResult {
    let folder = Folder::new("restore")?;
    let rules = rules();
    assert_eq!(rules.lines().count(), 10_000);
    fs::write(folder.path().join("rules"), &rules)?;
    let restore = format!("ipvsadm -R <{}", folder.path().join("rules").display());
    let mut saved = Vec::new();
    let mut refused = Vec::new();
    for who in [Who::Original, Who::Ours] {
        let netns = Netns::new("restore")?;
        let shown = folder.line(&netns, who, &restore)?;
        assert_eq!(
            (shown.out.as_str(), shown.err.as_str(), shown.exit.as_str()),
            ("", "", "0"),
            "{who:?}"
        );
        // By both programs, each on the table of either.
        let by_original = folder.line(&netns, Who::Original, "ipvsadm -S -n")?;
        let by_ours = folder.line(&netns, Who::Ours, "ipvsadm -S -n")?;
        assert_eq!(by_original, by_ours, "table made by {who:?}");
        let mut lines: Vec<String> = by_ours.out.lines().map(str::to_owned).collect();
        lines.sort();
        saved.push(lines);
        refused.push(folder.line(&netns, who, &restore)?);
        let after = folder.line(&netns, Who::Original, "ipvsadm -S -n")?;
        assert_eq!(after, by_original, "nothing changed by {who:?}");
    }
    assert_eq!(saved[0], saved[1]);
    let mut wanted: Vec<&str> = rules.lines().collect();
    wanted.sort_unstable();
    assert_eq!(saved[0], wanted);
    // Each line is answered, in the same order.
    assert_eq!(refused[0].err.lines().count(), 10_000);
    assert!(refused[0] == refused[1], "the refusals differ");
    Ok(())
}
