// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a weight is worth in a sync group: a member's, and the group's own.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Capture, Lan, wait_until};

use super::{BOTH, DEADLINE, TestResult, runs_scripts};

/// The priorities of the two routers of a group; 0 where they are in Fault.
type Worth = [u8; 2];

const FAULT: Worth = [0, 0];

/// An object, what it makes of a group whose first member tracks it, and of one that tracks it
/// itself. With `sync_group_tracking_weight` the member alone has what the group would have.
struct Tracked {
    what: &'static str,
    of_member: Worth,
    of_group: Worth,
}

const TRACKED: [Tracked; 7] = [
    Tracked {
        what: "track_interface {\n t0 weight -20\n }",
        of_member: FAULT,
        of_group: [80, 80],
    },
    Tracked {
        what: "track_file {\n seven\n }",
        of_member: FAULT,
        of_group: [107, 107],
    },
    Tracked {
        what: "track_file {\n seven weight 2\n }",
        of_member: [100, 100],
        of_group: [114, 114],
    },
    Tracked {
        what: "track_script {\n sick weight -30\n }",
        of_member: [100, 100],
        of_group: [70, 70],
    },
    Tracked {
        what: "track_script {\n healthy weight 40\n }",
        of_member: [100, 100],
        of_group: [140, 140],
    },
    Tracked {
        what: "track_script {\n sick\n }",
        of_member: FAULT,
        of_group: FAULT,
    },
    Tracked {
        what: "track_interface {\n t0\n }",
        of_member: FAULT,
        of_group: FAULT,
    },
];

/// A group, and what its routers advertise.
struct Case {
    name: String,
    worth: Worth,
}

fn cases(software: Software) -> (String, Vec<Case>) {
    let (mut text, mut cases) = (String::new(), Vec::new());
    for tracked in &TRACKED {
        for of_group in [false, true] {
            for counts in ["", "sync_group_tracking_weight"] {
                let what = tracked.what;
                let worth = match (of_group, counts) {
                    // keepalived logs that it ignores the weight, and does not ignore it.
                    (false, "")
                        if software == Software::Keepalived && what.contains("t0 weight") =>
                    {
                        [80, 100]
                    }
                    (false, "") => tracked.of_member,
                    (false, _) if tracked.of_group != FAULT => [tracked.of_group[0], 100],
                    _ => tracked.of_group,
                };
                let first = 2 * cases.len() + 1;
                let second = first + 1;
                let (group, member) = if of_group { (what, "") } else { ("", what) };
                let _ = writeln!(
                    text,
                    "vrrp_sync_group VG_{first} {{\n group {{\n VI_{first}\n VI_{second}\n }}\n \
                     {group}\n {counts}\n}}"
                );
                for (vrid, tracked) in [(first, member), (second, "")] {
                    let _ = writeln!(
                        text,
                        "vrrp_instance VI_{vrid} {{\n interface eth0\n virtual_router_id {vrid}\n \
                         {tracked}\n virtual_ipaddress {{\n 10.9.0.{vrid}\n }}\n}}"
                    );
                }
                let owner = if of_group { "group" } else { "member" };
                let name = format!("{what} of a {owner} {counts}");
                cases.push(Case { name, worth });
            }
        }
    }
    (text, cases)
}

fn objects(file: &Path) -> String {
    format!(
        "global_defs {{\n script_user root\n}}\n\
         vrrp_script sick {{\n script /usr/bin/false\n interval 1\n}}\n\
         vrrp_script healthy {{\n script /usr/bin/true\n interval 1\n}}\n\
         track_file seven {{\n file {}\n}}\n",
        file.display()
    )
}

fn story(software: Software) -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    // It is down.
    host.netns().ip("link add t0 type veth peer name t1")?;
    let name = format!("weights-{software}-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, "7\n")?;
    let (text, cases) = cases(software);
    let mut director = Director::new(host, software, &(objects(&file) + &text))?;
    let capture = Capture::start(lan.switch(), "br0")?;
    director.start()?;
    let others = || {
        let adverts = capture.adverts();
        let last = |vrid: usize| {
            let mut adverts = adverts.iter().rev().map(|(_, advert)| advert);
            let last = adverts.find(|advert| usize::from(advert.vrid) == vrid);
            last.map_or(0, |advert| advert.priority)
        };
        let mut wrong = String::new();
        for (index, Case { name, worth }) in cases.iter().enumerate() {
            let seen = [last(2 * index + 1), last(2 * index + 2)];
            if seen != *worth {
                let _ = writeln!(wrong, "{name}: {seen:?}, not {worth:?}");
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("{wrong}{}", director.log()))
        }
    };
    wait_until(&format!("{software}: the priorities"), DEADLINE, others)?;
    // Those in Fault stay silent for longer than a backup waits: three intervals and the skew time.
    let begun = capture.adverts().len();
    let first = cases
        .iter()
        .position(|case| case.worth.iter().any(|priority| *priority > 0))
        .ok_or("no case with adverts")?;
    let speaks = |vrid: usize| [2 * first + 1, 2 * first + 2].contains(&vrid);
    wait_until("more adverts", DEADLINE, || {
        let adverts = capture.adverts();
        let more = adverts.iter().skip(begun);
        let more = more.filter(|(_, advert)| speaks(usize::from(advert.vrid)));
        let count = more.count();
        (count >= 8).then_some(()).ok_or_else(|| count.to_string())
    })?;
    others()?;
    director.stop()?;
    fs::remove_file(&file)?;
    Ok(())
}

// shows top level: track_file
// shows vrrp_sync_group: track_interface, track_script, track_file, sync_group_tracking_weight
#[testbed::namespace_test]
fn a_weight_in_a_sync_group_is_worth_what_it_is_in_keepalived() -> TestResult {
    play_at_once(&BOTH, |&software| {
        if !runs_scripts(software, "weights in a sync group") {
            return Ok(());
        }
        story(software)
    })?;
    Ok(())
}
