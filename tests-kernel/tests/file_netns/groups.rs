// SPDX-License-Identifier: MIT OR Apache-2.0
//! The groups that a script is in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};

use super::{DEADLINE, TestResult, privileged, runs_scripts};

const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nlbscript:x:4321:4321::/:/bin/sh\n";
const GROUPS: &str = "root:x:0:\nlbscript:x:4321:\none:x:5001:lbscript\n\
    two:x:5002:root,lbscript\nthree:x:5003:root\n";

/// A script that tells its groups, and an instance that needs it.
fn file(keyword: &str) -> String {
    format!(
        "global_defs {{\n {keyword}\n script_user lbscript\n}}
vrrp_script chk {{
    script \"@DIR@/tell\"
    interval 1
}}
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 61
    track_script {{
        chk
    }}
    virtual_ipaddress {{
        192.168.1.50
    }}
}}
"
    )
}

#[testbed::namespace_test]
fn a_script_is_in_the_groups_of_its_user_where_that_is_asked_for() -> TestResult {
    // Neither keepalived 2.2.7 nor 2.3.4 has such a keyword.
    let cases = [
        (
            Software::Lbctl,
            "set_supplementary_groups",
            "4321 5001 5002",
        ),
        (Software::Lbctl, "set_supplementary_groups off", "4321"),
        (Software::Lbctl, "", "4321"),
        (Software::Keepalived, "", "4321"),
    ];
    play_at_once(&cases, |&(software, keyword, expected)| {
        let case = format!("{software} {keyword}");
        if !runs_scripts(software, "groups of a script") {
            return Ok(());
        }
        let lan = Lan::new()?;
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        let mut director = Director::new(host, software, "")?;
        let directory = director.configuration().with_file_name("open");
        fs::create_dir_all(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777))?;
        let script = directory.join("tell");
        let report = directory.join("groups");
        let text = format!("#!/bin/sh\nid -G >{}\n", report.display());
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        director.configure(&file(keyword).replace("@DIR@", &directory.display().to_string()))?;
        director.cover("/etc/passwd", USERS)?;
        director.cover("/etc/group", GROUPS)?;
        director.start()?;
        if privileged() {
            let seen = wait_until(&case, DEADLINE, || {
                let seen = fs::read_to_string(&report).unwrap_or_default();
                let whole = seen.strip_suffix('\n').map(str::to_owned);
                whole.ok_or_else(|| director.log())
            })?;
            assert_eq!(seen, expected, "{case}");
            wait_until("the address", DEADLINE, || {
                let there = director.has_address([192, 168, 1, 50].into());
                there.then_some(()).ok_or_else(|| director.log())
            })?;
        } else {
            // This user namespace has one user, so the script cannot run as another and fails.
            wait_until("a fault", DEADLINE, || {
                let log = director.log();
                let faulty = log.contains("Entering FAULT STATE");
                faulty.then_some(()).ok_or(log)
            })?;
            assert!(!report.exists(), "{case}");
        }
        let (status, log) = director.stop()?;
        assert!(status.success(), "{case}: {log}");
        Ok(())
    })?;
    Ok(())
}
