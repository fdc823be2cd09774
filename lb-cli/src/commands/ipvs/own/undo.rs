// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command that makes a destination what it was.

use lb_ipvs::{
    Destination, DestinationEntry, NetworkNamespace, Scheduler, Service, ServiceEntry, ServiceKey,
    Stats, TableEntry,
};

/// `lbctl ipvs -e …`: as `-S` writes a destination, with the thresholds it leaves out.
pub(super) fn command(
    netns: Option<&NetworkNamespace>,
    key: ServiceKey,
    before: &Destination,
) -> String {
    let table = [TableEntry {
        service: ServiceEntry {
            service: Service::new(key, Scheduler::default()),
            stats: Stats::default(),
        },
        destinations: vec![DestinationEntry {
            destination: *before,
            connections: lb_ipvs::Connections::default(),
            stats: Stats::default(),
        }],
    }];
    let mut saved = String::new();
    // Writing to memory does not fail.
    let _ = lb_ipvsadm::save(&lb_ipvsadm::Numeric, &table, &mut saved);
    let options = saved
        .lines()
        .find_map(|line| line.strip_prefix("-a "))
        .unwrap_or_default();
    let netns = netns.map_or_else(String::new, |netns| format!("--netns {netns} "));
    let mut line = format!("lbctl ipvs {netns}-e {options}");
    for (option, value) in [
        ("-x", before.thresholds.upper),
        ("-y", before.thresholds.lower),
    ] {
        if value != 0 {
            line.push_str(&format!(" {option} {value}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use lb_ipvs::{AddressFamily, ForwardingMethod, Thresholds, Tunnel, Weight};

    use super::*;

    #[test]
    fn everything_is_in_the_line() {
        let key = ServiceKey::firewall_mark(u32::MAX.try_into().unwrap(), AddressFamily::Ipv6);
        let before = Destination::new("[fd00::61]:80".parse().unwrap())
            .with_weight(Weight::new(7).unwrap())
            .with_forwarding(ForwardingMethod::Tunnel(Tunnel::gue(6080)))
            .with_thresholds(Thresholds { upper: 9, lower: 3 });
        assert_eq!(
            command(None, key, &before),
            "lbctl ipvs -e -f 4294967295 -6 -r [fd00::61]:80 -i -w 7 --tun-type gue \
             --tun-port 6080 --tun-nocsum -x 9 -y 3"
        );
        let netns = NetworkNamespace::at("/proc/self/ns/net").unwrap();
        let key = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
        let before = Destination::new("192.168.1.61:80".parse().unwrap());
        assert_eq!(
            command(Some(&netns), key, &before),
            "lbctl ipvs --netns /proc/self/ns/net -e -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 1"
        );
    }
}
