// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracked scripts, files and interfaces, and a sync group: the same file makes the same routers
//! master, ours and keepalived's.

use std::fs;
use std::path::{Path, PathBuf};

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};

use super::{DEADLINE, TestResult, say};

const PRIORITIES: [u8; 2] = [150, 100];

/// VI_1 and VI_2 are a group, VI_3 is alone.
const ADDRESSES: [&str; 3] = ["192.168.1.51", "192.168.1.52", "192.168.1.53"];

fn configuration(host: usize, state: &Path) -> String {
    let priority = PRIORITIES[host];
    let tracked = |what: &str| {
        if host == 0 {
            what.to_owned()
        } else {
            String::new()
        }
    };
    let instance = |number: usize, tracked: String| {
        format!(
            "vrrp_instance VI_{number} {{
    state BACKUP
    interface eth0
    virtual_router_id 6{number}
    priority {priority}
    advert_int 0.5
    {tracked}
    virtual_ipaddress {{
        {address}/24
    }}
}}
",
            address = ADDRESSES[number - 1],
        )
    };
    let objects = format!(
        "vrrp_script healthy {{
    script \"/usr/bin/test ! -e {sick}\"
    interval 1
}}
vrrp_track_file load {{
    file {load}
}}
",
        sick = state.join("sick").display(),
        load = state.join("load").display(),
    );
    let group = "vrrp_sync_group VG {
    group {
        VI_1
        VI_2
    }
}
";
    format!(
        "global_defs {{
    router_id R{host}
    vrrp_version 3
    script_user root
}}
{}{group}{}{}{}",
        tracked(&objects),
        instance(1, tracked("track_script {\n        healthy\n    }")),
        instance(2, String::new()),
        instance(
            3,
            tracked(
                "track_file {\n        load\n    }\n    track_interface {\n        t0 weight -60\n    }"
            )
        ),
    )
}

/// Whether each address is on a director.
fn held(director: &Director) -> [bool; 3] {
    let listing = director.host().netns().ip("-4 -o addr show dev eth0");
    let listing = listing.unwrap_or_default();
    ADDRESSES.map(|address| listing.contains(&format!(" {address}/")))
}

/// user_namespaces(7): not in the namespace of an ordinary user.
fn groups_can_be_set() -> bool {
    fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow")
}

pub(crate) fn story(software: [Software; 2]) -> TestResult {
    let lan = Lan::new()?;
    let name = format!("tracking-{}-{}", software[0], std::process::id());
    let state: PathBuf = std::env::temp_dir().join(name);
    fs::create_dir_all(&state)?;
    fs::write(state.join("load"), "0\n")?;
    let director = |index: usize| -> TestResult<Director> {
        let host = lan.host(
            &format!("t{index}"),
            [192, 168, 1, 11 + u8::try_from(index)?].into(),
        )?;
        host.netns().ip("link add t0 up type veth peer name t1")?;
        host.netns().ip("link set t1 up")?;
        let file = configuration(index, &state);
        Ok(Director::new(host, software[index], &file)?)
    };
    let mut directors = [director(0)?, director(1)?];
    for director in &mut directors {
        director.start()?;
    }
    let expect = |what: &str, first: [bool; 3]| {
        wait_until(&format!("{}: {what}", software[0]), DEADLINE, || {
            let seen = [held(&directors[0]), held(&directors[1])];
            if seen == [first, first.map(|held| !held)] {
                Ok(())
            } else {
                let logs = directors.iter().map(Director::log);
                Err(format!(
                    "{seen:?}: {}",
                    logs.collect::<Vec<_>>().join(" ---- ")
                ))
            }
        })
    };
    expect("the preferred one has all", [true; 3])?;

    if software[0] == Software::Keepalived && !groups_can_be_set() {
        say("tracking in keepalived: without the script, it runs none where setgroups is denied")?;
    } else {
        // A script without a weight is a fault of its instance, and of the group.
        fs::write(state.join("sick"), "")?;
        expect("the script failed", [false, false, true])?;
        fs::remove_file(state.join("sick"))?;
        expect("the script is well", [true; 3])?;
    }

    // The number in the file is added: 150 - 60 is less than 100.
    fs::write(state.join("load"), "-60\n")?;
    expect("the file lowers the priority", [true, true, false])?;
    for (index, director) in directors.iter().enumerate() {
        if director.software() == Software::Lbctl {
            let status = director.lbctl(&["status"])?;
            let state = ["master", "backup"][index];
            let group = format!("group VG: {state}: VI_1, VI_2");
            assert!(status.contains(&group), "{status}");
            let tracked = status.contains("VI_3: file load: priority -60");
            assert_eq!(tracked, index == 0, "{status}");
            let json = director.lbctl(&["status", "--json"])?;
            assert!(json.contains("\"sync_group\""), "{json}");
        }
    }
    fs::write(state.join("load"), "0\n")?;
    expect("the file is 0", [true; 3])?;

    directors[0].host().netns().ip("link set t1 down")?;
    expect("the interface is down", [true, true, false])?;
    directors[0].host().netns().ip("link set t1 up")?;
    expect("the interface is up", [true; 3])?;
    for director in &mut directors {
        let (status, log) = director.stop()?;
        assert!(status.success(), "{status}: {log}");
    }
    fs::remove_dir_all(&state)?;
    Ok(())
}
