// SPDX-License-Identifier: MIT OR Apache-2.0
//! The path of a script, with a symbolic link at its end or before.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Capture, Lan, wait_until};
use tests_kernel::peer::Peer;

use super::{BOTH, DEADLINE, TestResult, runs_scripts};

/// What a router advertises whose script fails, and whose script is not run.
const FAILED: u8 = 70;
const NOT_RUN: u8 = 100;

fn file(path: &str, keyword: &str) -> String {
    format!(
        "global_defs {{\n script_user root\n {keyword}\n}}
vrrp_script sick {{
    script {path}
    interval 1
    init_fail
}}
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 61
    track_script {{
        sick weight -30
    }}
    virtual_ipaddress {{
        192.168.1.50
    }}
}}
"
    )
}

fn story(software: Software, link_at_end: bool, keyword: &str) -> TestResult {
    let case = format!("{software}, link at the end: {link_at_end}, {keyword:?}");
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let peer = Peer::ask(host.netns(), software)?;
    let expected = if link_at_end || peer.runs_scripts_below_links() {
        FAILED
    } else {
        NOT_RUN
    };
    let mut director = Director::new(host, software, "")?;
    let directory = director.configuration().with_file_name("links");
    fs::create_dir_all(&directory)?;
    let path = if link_at_end {
        let path = directory.join("link");
        symlink("/usr/bin/false", &path)?;
        path
    } else {
        let path = directory.join("programs");
        symlink("/usr/bin", &path)?;
        path.join("false")
    };
    director.configure(&file(&path.display().to_string(), keyword))?;
    let capture = Capture::start(lan.switch(), "br0")?;
    director.start()?;
    wait_until(&case, DEADLINE, || {
        let adverts = capture.adverts();
        // The first of a master may have been sent before the script's first end.
        let last = adverts.iter().rev().take(2).map(|(_, advert)| advert);
        let last: Vec<u8> = last.map(|advert| advert.priority).collect();
        let right = last == [expected, expected];
        let seen = || format!("{last:?}, not {expected}: {}", director.log());
        right.then_some(()).ok_or_else(seen)
    })?;
    let log = director.log();
    let refused = log.contains("Wrong file type found in script path");
    assert_eq!(refused, expected == NOT_RUN, "{case}: {log}");
    let (status, log) = director.stop()?;
    assert!(status.success(), "{case}: {log}");
    Ok(())
}

#[testbed::namespace_test]
fn a_script_is_found_through_links_where_keepalived_finds_it() -> TestResult {
    // The keyword for security rightly refuses every script where root does not own the files: in an
    // ordinary user's namespace, and in the guest that an ordinary user has started.
    let owned = |path: &str| fs::metadata(path).is_ok_and(|metadata| metadata.uid() == 0);
    let path = ["/", "/usr", "/usr/bin", "/usr/bin/false"];
    let keywords: &[&str] = match path.into_iter().all(owned) {
        true => &["", "use_symlink_paths", "enable_script_security"],
        false => &["", "use_symlink_paths"],
    };
    let mut cases = Vec::new();
    for software in BOTH {
        for &keyword in keywords {
            cases.extend([true, false].map(|link_at_end| (software, link_at_end, keyword)));
        }
    }
    play_at_once(&cases, |&(software, link_at_end, keyword)| {
        if !runs_scripts(software, "scripts behind links") {
            return Ok(());
        }
        story(software, link_at_end, keyword)
    })?;
    Ok(())
}
