// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said on a kernel without `ip_vs`. Runs in a network namespace (`LB_HOST_NS`, set by
//! `cargo xtask test`); on a kernel that has `ip_vs` there is nothing to see, and that is said.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::{fs, io::Write as _, path::Path};

use support::{Names, lbctl, result};

const CONFIGURATION: &str = "\
virtual_server 192.168.1.50 80 {
    lb_algo wrr
    lb_kind DR
    protocol TCP
    real_server 192.168.1.61 80 {
        TCP_CHECK {
        }
    }
}
";

/// ipvsadm's words.
const NO_IPVS: &str = "Can't initialize ipvs: Protocol not available\n\
Are you sure that IP Virtual Server is built in the kernel or as module?\n";

/// Whether the kernel is without `ip_vs`; prints a line where it is not.
fn is_without_ipvs() -> bool {
    let without = !Path::new("/sys/module/ip_vs").exists() && !module_can_be_loaded();
    if !without {
        let _ = writeln!(
            std::io::stderr(),
            "NOT APPLICABLE: {}: this kernel has ip_vs, what is said without it was not seen",
            module_path!()
        );
    }
    without
}

/// With root's privileges ours would load it, as ipvsadm does.
fn module_can_be_loaded() -> bool {
    let Ok(release) = fs::read_to_string("/proc/sys/kernel/osrelease") else {
        return false;
    };
    let modules = Path::new("/lib/modules").join(release.trim());
    let listed = |name: &str| {
        fs::read_to_string(modules.join(name)).is_ok_and(|text| text.contains("/ip_vs.ko"))
    };
    listed("modules.dep") || listed("modules.builtin")
}

#[testbed::host_test]
fn a_daemon_does_not_start_and_leaves_nothing() {
    if !is_without_ipvs() {
        return;
    }
    let names = Names::new();
    let path = names.folder().join("lb.conf");
    fs::write(&path, CONFIGURATION).unwrap();
    let socket = names.folder().join("lb.sock");
    let mut run = lbctl(&["run", "-f"]);
    run.arg(&path).arg("--control").arg(&socket);
    let (out, err, exit) = result(run.output().unwrap());
    assert_eq!((out.as_str(), exit), ("", 1), "{err}");
    let last = err.lines().last().unwrap_or_default();
    assert!(last.contains("ip_vs"), "{err}");
    assert!(!socket.exists());
}

#[testbed::host_test]
fn ipvsadm_without_ipvs_prints_the_original_message() {
    if !is_without_ipvs() {
        return;
    }
    let (out, err, exit) = result(lbctl(&["ipvs", "-L"]).output().unwrap());
    assert_eq!((out.as_str(), exit), ("", 2), "{err}");
    // Why the module could not be loaded comes before it, as modprobe's words do with ipvsadm.
    assert!(err.ends_with(NO_IPVS), "{err}");
}
