// SPDX-License-Identifier: MIT OR Apache-2.0
//! The article's commands by hand.

use std::net::Ipv4Addr;
use std::time::Duration;

use tests_kernel::cluster::{REAL_SERVERS, VIP};
use tests_kernel::net::{Client, HttpServer, Lan, Netns, wait_until};
use tests_kernel::process;
use tests_kernel::tool::{Tool, lbctl};

use crate::{DEADLINE, TestResult};

const COMMANDS: [&str; 4] = [
    "ipvs --clear",
    "ipvs --add-service --tcp-service 192.168.1.50:80 --scheduler wrr",
    "ipvs --add-server --tcp-service 192.168.1.50:80 --real-server 192.168.1.61:80 --gatewaying --weight 100",
    "ipvs --add-server --tcp-service 192.168.1.50:80 --real-server 192.168.1.62:80 --gatewaying --weight 100",
];

fn run(netns: &Netns, line: &str) -> Result<String, process::ProcessError> {
    let mut command = netns.command(lbctl());
    process::run(command.args(line.split_whitespace()), DEADLINE)
}

#[testbed::guest_test]
fn the_articles_commands() -> TestResult {
    let lan = Lan::new()?;
    let director = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let netns = director.netns();
    netns.ip(&format!("addr add {VIP}/32 dev eth0"))?;
    let client = lan.host("client", Ipv4Addr::new(192, 168, 1, 100))?;
    let mut servers = Vec::new();
    for (name, address) in ["rs1", "rs2"].into_iter().zip(REAL_SERVERS) {
        let host = lan.host(name, address)?;
        host.prepare_direct_routing(VIP)?;
        servers.push((HttpServer::start(host.netns(), 80)?, host));
    }

    for command in COMMANDS {
        assert_eq!(run(netns, command)?, "", "{command}");
    }
    // Names in it, where there are any.
    assert_eq!(run(netns, "ipvs")?, Tool::Ipvsadm.run(netns, "")?);
    let table = Tool::Ipvsadm.run(netns, "-L -n")?;
    assert_eq!(run(netns, "ipvs -L -n")?, table);
    assert_eq!(table.matches(" Route   100 ").count(), 2, "{table}");

    let client = Client::new(client.netns(), (VIP, 80).into());
    let spread = client.spread(20)?;
    assert_eq!(spread, [("rs1".to_owned(), 10), ("rs2".to_owned(), 10)]);
    // The kernel brings its counters up to date every 2 s.
    let stats = wait_until("the traffic counted", Duration::from_secs(20), || {
        let stats = run(netns, "ipvs -L -n --stats").map_err(|error| error.to_string())?;
        let connections: Vec<_> = stats
            .lines()
            .skip(3)
            .filter_map(|line| line.split_whitespace().nth(2))
            .collect();
        if connections == ["20", "10", "10"] {
            Ok(stats)
        } else {
            Err(stats)
        }
    })?;
    assert_eq!(stats, Tool::Ipvsadm.run(netns, "-L -n --stats")?);

    let hash = run(netns, "genhash -s 192.168.1.62 -p 80 -u /")?;
    assert!(hash.contains("21dde95d9d269cbb2fa6560309dca40c"), "{hash}");
    Ok(())
}
