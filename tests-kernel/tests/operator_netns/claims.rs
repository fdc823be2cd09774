// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two daemons in one network namespace.

use testbed::Monitor;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};
use tests_kernel::process::{Background, output};
use tests_kernel::tool::lbctl;

use super::upgrade::start_upgrade;
use super::{DEADLINE, TestResult, VIP, instance, status};

/// Starts a second daemon with these words, which must refuse, and returns what it prints.
fn refused(director: &Director, control: &str) -> TestResult<String> {
    let mut command = director.command(lbctl());
    command.args(["run", "-f"]).arg(director.configuration());
    command.args(["--control", control]);
    let done = output(&mut command, DEADLINE)?;
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{text}");
    Ok(text)
}

/// The same router in a second daemon, with another control socket, is refused by the PID of the first one,
/// which keeps its addresses; also after an upgrade of the first one.
#[testbed::host_test]
fn the_same_router_in_two_daemons_is_refused() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("r1", std::net::Ipv4Addr::new(192, 168, 1, 11))?;
    let mut first = Director::new(host, Software::Lbctl, &instance(150, "0.3", ""))?;
    first.start()?;
    wait_until("master", DEADLINE, || {
        let is_master = first.has_address(VIP);
        is_master.then_some(()).ok_or_else(|| first.log())
    })?;
    let monitor = Monitor::start(first.host().netns(), "address")?;
    let folder = tempfile::tempdir()?;
    let control = folder.path().join("run/other.sock");
    let control = control.to_str().ok_or("not UTF-8")?;
    let text = refused(&first, control)?;
    let expected = format!("PID {}", first.daemon()?.pid());
    assert!(
        text.contains("VRID 51 (IPv4) on eth0") && text.contains(&expected),
        "{expected}: {text}"
    );

    let new: Background = start_upgrade(&first)?;
    let ended = first.daemon()?.wait(DEADLINE)?;
    assert!(ended.success(), "{ended}: {}", first.log());
    new.wait_for_line("end of the handover", DEADLINE, |line| {
        line.contains("replaced the old process")
    })?;
    let text = refused(&first, control)?;
    let expected = format!("PID {}", new.pid());
    assert!(text.contains(&expected), "{expected}: {text}");
    assert_eq!(status(&first)?["routers"][0]["state"], "master");
    let changes = monitor.stop()?;
    assert!(!changes.contains("Deleted"), "{changes}");
    Ok(())
}
