// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl resign`.

use tests_kernel::cluster::Software;
use tests_kernel::net::{Capture, Lan, wait_until};
use tests_kernel::process::output;
use tests_kernel::tool::lbctl;

use super::{DEADLINE, MASTER_DOWN_ADVERTS, TestResult, VIP, pair, wait_for_adverts};

/// `lbctl resign` fails with a reason while backup; as master it reports which router took over.
#[testbed::host_test]
fn a_master_steps_down_for_keepalived() -> TestResult {
    let lan = Lan::new()?;
    let [mut ours, mut other] = pair(&lan, [Software::Lbctl, Software::Keepalived], "0.3")?;
    ours.start()?;
    wait_until("ours is master", DEADLINE, || {
        ours.has_address(VIP)
            .then_some(())
            .ok_or_else(|| "not".to_owned())
    })?;
    other.start()?;
    other.daemon()?.wait_for_line("backup", DEADLINE, |line| {
        line.contains("Entering BACKUP STATE")
    })?;

    let refused = |words: &[&str]| -> TestResult<String> {
        let mut command = ours.host().netns().command(lbctl());
        command.args(words).arg("--control").arg(ours.control());
        let output = output(&mut command, DEADLINE)?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        Ok(String::from_utf8(output.stderr)?.trim_end().to_owned())
    };
    assert_eq!(
        refused(&["resign", "VI 9"])?,
        "there is no virtual router VI 9; there are VI_1"
    );
    assert!(ours.has_address(VIP));
    assert_eq!(
        ours.lbctl(&["resign", "VI_1", "--undo"])?,
        "VI_1 had not been asked to resign, or is master again: nothing to undo\n"
    );

    assert_eq!(
        ours.lbctl(&["resign", "VI_1"])?,
        "VI_1 is backup now; master is 192.168.1.12 (priority 100), and stays it until 'lbctl \
         resign --undo VI_1'\n"
    );
    assert_eq!(
        refused(&["resign", "VI_1"])?,
        "VI_1 is backup, not master (192.168.1.12 is)"
    );
    wait_until("keepalived has the address", DEADLINE, || {
        (other.has_address(VIP) && !ours.has_address(VIP))
            .then_some(())
            .ok_or_else(|| "not".to_owned())
    })?;
    let capture = Capture::start(lan.switch(), "br0")?;
    wait_for_adverts(&capture, &other, MASTER_DOWN_ADVERTS)?;
    assert!(other.has_address(VIP));
    let status = ours.lbctl(&["status"])?;
    assert!(status.contains("resigned"), "{status}");

    assert_eq!(
        ours.lbctl(&["resign", "VI_1", "--undo"])?,
        "VI_1 preempts again as it is configured to\n"
    );
    wait_until("ours has the address", DEADLINE, || {
        (ours.has_address(VIP) && !other.has_address(VIP))
            .then_some(())
            .ok_or_else(|| "not".to_owned())
    })?;

    // Without another router it becomes master again, and the command reports it.
    other.stop()?;
    let json = ours.lbctl(&["resign", "VI_1", "--json"])?;
    let json: serde_json::Value = serde_json::from_str(&json)?;
    let instance = &json["instances"][0];
    assert_eq!(instance["name"], "VI_1");
    assert_eq!(instance["state"], "master");
    assert_eq!(instance["master"]["own"], true);
    assert!(json["patience_ms"].as_u64() > Some(900), "{json}");
    Ok(())
}
