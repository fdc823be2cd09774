// SPDX-License-Identifier: MIT OR Apache-2.0
//! FIFOs across `lbctl run --upgrade`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use nix::sys::signal::Signal;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};

use super::upgrade::start_upgrade;
use super::{DEADLINE, TestResult, VIP, instance};

/// A FIFO that the old process created stays the same file, and the new process removes it at its end; one
/// that was there before stays.
#[testbed::host_test]
fn the_new_process_removes_the_fifo_that_the_old_one_created() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("r1", std::net::Ipv4Addr::new(192, 168, 1, 11))?;
    let mut director = Director::new(host, Software::Lbctl, "")?;
    let folder = director.configuration().with_file_name("fifos");
    fs::create_dir_all(&folder)?;
    let [created, found] = ["created", "found"].map(|name| folder.join(name));
    nix::unistd::mkfifo(&found, nix::sys::stat::Mode::S_IRWXU)?;
    director.configure(&format!(
        "global_defs {{\nvrrp_notify_fifo {}\nnotify_fifo {}\n}}\n{}",
        created.display(),
        found.display(),
        instance(150, "0.2", "")
    ))?;
    director.start()?;
    let is_master = |director: &Director| {
        let master = director.has_address(VIP);
        master.then_some(()).ok_or_else(|| director.log())
    };
    wait_until("master", DEADLINE, || is_master(&director))?;
    let inode = fs::metadata(&created)?.ino();
    let mut new = start_upgrade(&director)?;
    assert!(director.daemon()?.wait(DEADLINE)?.success());
    new.wait_for_line("the end of the upgrade", DEADLINE, |line| {
        line.contains("replaced the old process")
    })?;
    assert_eq!(fs::metadata(&created)?.ino(), inode);
    new.signal(Signal::SIGTERM);
    assert!(new.wait(DEADLINE)?.success(), "{}", new.text());
    assert!(!created.exists(), "{}", new.text());
    assert!(found.exists());
    Ok(())
}
