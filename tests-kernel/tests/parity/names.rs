// SPDX-License-Identifier: MIT OR Apache-2.0
//! A listing does not hang when the name server is dead. The original is not asked: it would wait
//! ten seconds for each of the addresses.

use std::fs;
use std::time::{Duration, Instant};

use tests_kernel::net::Netns;
use tests_kernel::process;

use super::{Folder, TestResult, Who};

/// So many addresses that waiting for each of them takes far more than the deadline.
const SERVERS: u32 = 40;
/// Four times the 15 s that a listing spends on names.
const DEADLINE: Duration = Duration::from_secs(60);

#[testbed::guest_test]
fn a_dead_name_server_does_not_hang_a_listing() -> TestResult {
    let folder = Folder::new("names")?;
    let netns = Netns::new("names")?;
    // What goes out here is lost without an error.
    netns.ip("link add d0 type dummy")?;
    netns.ip("addr add 10.255.0.1/24 dev d0")?;
    netns.ip("link set d0 up")?;
    netns.ip("route add default dev d0")?;
    let resolver = folder.path().join("resolv.conf");
    fs::write(&resolver, "nameserver 10.255.0.53\n")?;
    let mut rules = String::from("-A -t 192.0.2.1:80 -s rr\n");
    for server in 1..=SERVERS {
        rules.push_str(&format!(
            "-a -t 192.0.2.1:80 -r 198.51.100.{server}:80 -m\n"
        ));
    }
    fs::write(folder.path().join("rules"), rules)?;
    let restore = format!("ipvsadm -R <{}", folder.path().join("rules").display());
    assert_eq!(folder.line(&netns, Who::Ours, &restore)?.exit, "0");

    let mut list = folder.command(&netns, Who::Ours, "sh")?;
    let script = "[ -e /etc/resolv.conf ] || : >/etc/resolv.conf\n\
                  mount --bind \"$1\" /etc/resolv.conf || exit 99\n\
                  exec ipvsadm -L";
    list.args(["-c", script, "sh"]).arg(&resolver);
    let start = Instant::now();
    let listed = process::run(&mut list, DEADLINE)?;
    assert!(
        start.elapsed() >= Duration::from_secs(5),
        "no look-up was waited for, so nothing was seen"
    );
    // Numbers for hosts; the names of ports come from a file.
    let rows = listed.lines().filter(|line| line.contains("198.51.100."));
    assert_eq!(rows.count(), 40, "{listed}");
    assert!(listed.contains("TCP  192.0.2.1:http rr"), "{listed}");
    Ok(())
}
