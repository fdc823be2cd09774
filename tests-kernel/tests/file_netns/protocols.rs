// SPDX-License-Identifier: MIT OR Apache-2.0
//! The protocol of routes, rules and addresses, by which `ip` and routing daemons select them.

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};
use tests_kernel::process::Background;

use super::{DEADLINE, TestResult};

/// Each with and without a protocol, and with and without tracking, which decides in keepalived.
const FILE: &str = "\
static_ipaddress {
    192.168.9.9/24 dev eth0
}
static_routes {
    198.51.90.0/24 via 192.168.1.3 dev eth0
    198.51.91.0/24 via 192.168.1.3 dev eth0 protocol 77
    198.51.92.0/24 via 192.168.1.3 dev eth0 protocol 77 no_track
}
static_rules {
    from 10.90.0.0/16 table 99 priority 90
    from 10.91.0.0/16 table 99 priority 91 protocol 77
    from 10.92.0.0/16 table 99 priority 92 protocol 77 no_track
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 66
    priority 254
    advert_int 1
    virtual_ipaddress {
        192.168.1.50/24
    }
    virtual_routes {
        198.51.100.0/24 via 192.168.1.3
        198.51.101.0/24 via 192.168.1.3 protocol static
        198.51.102.0/24 via 192.168.1.3 protocol static no_track
        198.51.103.0/24 via 192.168.1.3 protocol 77
        198.51.104.0/24 via 192.168.1.3 protocol 77 no_track
        198.51.105.0/24 via 192.168.1.3 no_track
        blackhole 203.0.113.0/24 protocol bird no_track
        2001:db8:9::/48 dev eth0 protocol 77 no_track
    }
    virtual_rules {
        from 10.0.0.0/16 table 99 priority 100
        from 10.1.0.0/16 table 99 priority 101 protocol 77
        from 10.2.0.0/16 table 99 priority 102 protocol 77 no_track
        from 10.3.0.0/16 table 99 priority 103 no_track
        from 2001:db8:9::/48 table 99 priority 104 protocol 77 no_track
    }
}
";

/// Routes and rules with a protocol other than the kernel's, in the order of `ip`.
fn routing(director: &Director) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for words in [
        "-N route show",
        "-N -6 route show",
        "-N rule show",
        "-N -6 rule show",
    ] {
        let listing = director.host().netns().ip(words);
        let listing = listing.map_err(|error| error.to_string())?;
        let ours = |line: &&str| line.contains("proto ") && !line.contains("proto 2 ");
        lines.extend(
            listing
                .lines()
                .filter(ours)
                .map(|line| line.trim().to_owned()),
        );
    }
    Ok(lines)
}

/// Waits for as many routes and rules as the file has.
fn wait_for_routing(director: &Director, number: usize) -> TestResult<Vec<String>> {
    let all = wait_until("the routes and rules", DEADLINE, || {
        let lines = routing(director)?;
        (lines.len() == number)
            .then_some(lines.clone())
            .ok_or_else(|| format!("{lines:#?}\n{}", director.log()))
    })?;
    Ok(all)
}

fn started(software: Software, lan: &Lan) -> TestResult<Director> {
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = Director::new(host, software, FILE)?;
    director.start()?;
    Ok(director)
}

#[testbed::host_test]
fn protocols_are_as_keepalived_sets_them() -> TestResult {
    let (lan, other_lan) = (Lan::new()?, Lan::new()?);
    let keepalived = started(Software::Keepalived, &lan)?;
    let ours = started(Software::Lbctl, &other_lan)?;
    // keepalived leaves the protocol of a rule open that has none and is not tracked.
    let theirs = wait_for_routing(&keepalived, 18)?;
    let mut ours = wait_for_routing(&ours, 19)?;
    let open = |line: &String| line.starts_with("103:");
    let at = ours.iter().position(open).ok_or("no rule")?;
    assert!(ours.remove(at).ends_with("proto 18"));
    assert_eq!(ours, theirs);
    Ok(())
}

/// Routes and rules with keepalived's mark are found after a crash by the mark, others by the file.
#[testbed::host_test]
fn what_a_crash_left_is_removed_with_any_protocol() -> TestResult {
    let lan = Lan::new()?;
    let mut director = started(Software::Lbctl, &lan)?;
    let all = wait_for_routing(&director, 19)?;
    director.crash()?;
    assert_eq!(routing(&director)?, all);
    // The same file: the static ones stay, and the others are removed until this is a master again.
    director.start()?;
    let is_static = |line: &&String| {
        let starts = ["198.51.9", "90:", "91:", "92:"];
        starts.iter().any(|start| line.starts_with(start))
    };
    let wanted: Vec<String> = all.iter().filter(is_static).cloned().collect();
    assert_eq!(wanted.len(), 6);
    assert_eq!(wait_for_routing(&director, 6)?, wanted);
    assert_eq!(wait_for_routing(&director, 19)?, all);
    director.crash()?;
    // Another file: only the mark tells.
    director.configure("static_routes {\n    198.51.99.0/24 via 192.168.1.3 dev eth0\n}\n")?;
    director.start()?;
    let unmarked = all.iter().filter(|line| !line.contains("proto 18"));
    assert_eq!(wait_for_routing(&director, unmarked.count() + 1)?.len(), 9);
    Ok(())
}

/// A keepalived that runs in the same network namespace has routes with the same mark.
#[testbed::host_test]
fn routes_of_a_running_keepalived_stay() -> TestResult {
    let lan = Lan::new()?;
    let keepalived = started(Software::Keepalived, &lan)?;
    let before = wait_for_routing(&keepalived, 18)?;
    let file = "vrrp_instance VI_2 {
    state MASTER
    interface eth0
    virtual_router_id 67
    priority 255
    virtual_ipaddress {
        192.168.1.67
    }
}
";
    let path = keepalived.configuration().with_file_name("other.conf");
    std::fs::write(&path, file)?;
    let control = path.with_file_name("other.sock");
    let mut command = keepalived.command(tests_kernel::tool::lbctl());
    command.arg("run").arg("-f").arg(&path);
    command.arg("--control").arg(&control);
    let other = Background::spawn(&mut command)?;
    wait_until("a master", DEADLINE, || {
        let log = other.text();
        log.contains("Entering MASTER STATE")
            .then_some(())
            .ok_or(log)
    })?;
    assert_eq!(routing(&keepalived)?, before);
    assert!(
        other.text().contains("another program runs VRRP"),
        "{}",
        other.text()
    );
    Ok(())
}
