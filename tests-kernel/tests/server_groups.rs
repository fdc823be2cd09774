// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups of services: the same file with keepalived and with our daemon gives the same table.

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, NetError, wait_until};
use tests_kernel::tool::Tool;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Ten times what the slowest step takes.
const DEADLINE: Duration = Duration::from_secs(60);

const MASQUERADING: &str = "\
virtual_server_group G {
    192.168.1.50 80
    192.168.1.51-53 81
    fwmark 7
}
virtual_server group G {
    protocol TCP
    lb_algo wrr
    lb_kind NAT
    persistence_timeout 50
    sorry_server 10.0.0.9 8080
    real_server 10.0.0.1 8080 {
        weight 3
    }
    real_server 10.0.0.2 {
        uthreshold 10
    }
}
";

const ROUTING: &str = "\
virtual_server_group G {
    192.168.1.50 80
    192.168.1.60-61 81
    fwmark 7 inet
}
virtual_server group G {
    protocol TCP
    lb_algo rr
    lb_kind DR
    real_server 10.0.0.1 80 {
        weight 3
    }
    real_server 10.0.0.2 80 {
        weight 0
    }
}
virtual_server_group H {
    192.168.1.50 80
    192.168.1.60-192.168.1.61 81
}
virtual_server group H {
    protocol UDP
    lb_algo rr
    lb_kind NAT
    ops
    real_server 10.0.0.3 53 {
    }
}
virtual_server fwmark 9 {
    lb_algo rr
    lb_kind DR
    real_server 10.0.0.1 {
    }
}
";

const IPV6: &str = "\
virtual_server_group G6 {
    2001:db8::9-b 80
    fwmark 7 inet6
}
virtual_server group G6 {
    protocol TCP
    lb_algo sh
    lb_kind NAT
    persistence_timeout 60
    real_server 2001:db8::61 8080 {
    }
}
";

/// The saved table, sorted: each daemon has the order in which it added the entries.
fn saved(director: &Director) -> Result<Vec<String>, String> {
    let table = Tool::Ipvsadm.run(director.host().netns(), "-S -n");
    let table = table.map_err(|error| error.to_string())?;
    let mut lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    lines.sort();
    Ok(lines)
}

/// Waits until both have the same table, with this number of lines.
fn wait_for_same(
    ours: &Director,
    theirs: &Director,
    lines: usize,
) -> Result<Vec<String>, NetError> {
    let mut last = Vec::new();
    wait_until("the same table", DEADLINE, || {
        let tables = [saved(ours)?, saved(theirs)?];
        if tables[0] == tables[1] && tables[0].len() == lines {
            last.clone_from(&tables[0]);
            return Ok(());
        }
        let [ours_log, theirs_log] = [ours.log(), theirs.log()];
        Err(format!(
            "{tables:#?}, not {lines} equal lines\n{ours_log}\n----\n{theirs_log}"
        ))
    })?;
    Ok(last)
}

// shows top level: virtual_server, virtual_server_group
// shows virtual_server: lb_algo, lb_kind, protocol, persistence_timeout, ops, sorry_server, real_server
// shows real_server: weight, uthreshold
#[testbed::guest_test]
fn groups_give_the_table_that_keepalived_gives() -> TestResult {
    let lan = Lan::new()?;
    let ours = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let theirs = lan.host("lb2", Ipv4Addr::new(192, 168, 1, 12))?;
    let mut ours = Director::new(ours, Software::Lbctl, "")?;
    let mut theirs = Director::new(theirs, Software::Keepalived, "")?;
    let mut first = true;
    for (text, lines) in [(MASQUERADING, 15), (ROUTING, 20), (IPV6, 8)] {
        ours.configure(text)?;
        theirs.configure(text)?;
        if first {
            ours.start()?;
        } else {
            // The reload adds and removes services of the group; that of keepalived 2.2.7 leaves out
            // what it adds to a group that stays.
            ours.reload()?;
        }
        first = false;
        theirs.start()?;
        wait_for_same(&ours, &theirs, lines)?;
        theirs.stop()?;
        Tool::Ipvsadm.run(theirs.host().netns(), "-C")?;
    }
    let (status, log) = ours.stop()?;
    assert!(status.success(), "{status}: {log}");
    assert!(saved(&ours)?.is_empty());
    Ok(())
}
