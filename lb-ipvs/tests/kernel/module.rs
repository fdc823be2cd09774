// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kernel in which the module ip_vs is not loaded yet.

use std::fs;

use super::*;

/// Removes ip_vs and what uses it.
fn unload() {
    let modules = fs::read_to_string("/proc/modules").unwrap();
    let users = modules
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| name.starts_with("ip_vs_"));
    for module in users.chain(["ip_vs"]) {
        files::run("rmmod", module);
    }
    assert!(!fs::exists("/sys/module/ip_vs").unwrap());
}

/// With the kernel's own loading switched off, `modprobe` has to be run.
pub(super) async fn loaded_on_demand() {
    const LOADER: &str = "/proc/sys/kernel/modprobe";
    let loader = fs::read_to_string(LOADER).unwrap();
    fs::write(LOADER, "/bin/false").unwrap();
    unload();
    let mut ipvs = IpvsHandle::connect().await.unwrap();
    assert!(fs::exists("/sys/module/ip_vs").unwrap());
    assert!(ipvs.services().await.unwrap().is_empty());
    drop(ipvs);
    fs::write(LOADER, loader.trim_end()).unwrap();
    unload();
    // The kernel loads it when the family is asked for.
    assert!(IpvsHandle::connect().await.is_ok());
}
