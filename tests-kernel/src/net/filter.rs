// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packet filters of a scenario, on any kernel of the lab.
//!
//! Linux 6.1 has the tables of arptables and iptables, and the rules are the ones of LVS howtos. Linux 7.2
//! as Debian builds it for User Mode Linux has neither, nor the families of nf_tables; there the same is
//! done by classifiers (`tc`, cls_flower) at the hooks of a device. They see a packet before IPVS does on
//! its way in, and after the address resolution on its way out, so what a test observes is the same.

use std::fs;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use super::{NetError, Netns};

/// A service of one address: TCP ports of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpPorts {
    address: Ipv4Addr,
    ports: RangeInclusive<u16>,
}

impl TcpPorts {
    /// The ports `ports` of `address`.
    #[must_use]
    pub const fn new(address: Ipv4Addr, ports: RangeInclusive<u16>) -> Self {
        Self { address, ports }
    }
}

/// Keeps ARP for `vip` away from the host of address `own`, whose interface is `device`: requests for it
/// are dropped, and what is sent in its name carries `own` instead.
///
/// # Errors
///
/// When a command fails.
pub(super) fn hide_from_arp(
    netns: &Netns,
    device: &str,
    vip: Ipv4Addr,
    own: Ipv4Addr,
) -> Result<(), NetError> {
    if kernel_has("arptable_filter")? {
        netns.run(&format!("arptables-legacy -A INPUT -d {vip} -j DROP"))?;
        let rewrite = format!("-s {vip} -j mangle --mangle-ip-s {own}");
        netns.run(&format!("arptables-legacy -A OUTPUT {rewrite}"))?;
        return Ok(());
    }
    // The sender's address is at the bytes 14 to 17 of the ARP packet, across two words of 32 bits.
    let [a, b, c, d] = own.octets();
    let high = format!(
        "munge offset 14 u16 set {:#06x}",
        u16::from_be_bytes([a, b])
    );
    let low = format!(
        "munge offset 16 u16 set {:#06x}",
        u16::from_be_bytes([c, d])
    );
    tc(
        netns,
        &[
            format!("qdisc replace dev {device} clsact"),
            format!(
                "filter add dev {device} ingress protocol arp flower arp_tip {vip} action drop"
            ),
            format!(
                "filter add dev {device} egress protocol arp flower arp_sip {vip} \
                 action pedit {high} {low}"
            ),
        ],
    )
}

/// Drops the packets to a TCP port of the host that come in by `device`, until [`accept_tcp`].
///
/// # Errors
///
/// When a command fails, as it does when they are dropped already.
pub fn drop_tcp(netns: &Netns, device: &str, port: u16) -> Result<(), NetError> {
    if kernel_has("iptable_filter")? {
        let rule = format!("-i {device} -p tcp --dport {port} -j DROP");
        return netns
            .run(&format!("iptables-legacy -A INPUT {rule}"))
            .map(drop);
    }
    tc(
        netns,
        &[
            format!("qdisc replace dev {device} clsact"),
            format!(
                "filter add dev {device} ingress pref {port} protocol ip \
                 flower ip_proto tcp dst_port {port} action drop"
            ),
        ],
    )
}

/// Lets packets to a TCP port in again, after [`drop_tcp`] of the same port.
///
/// # Errors
///
/// When a command fails, as it does when they are not dropped.
pub fn accept_tcp(netns: &Netns, device: &str, port: u16) -> Result<(), NetError> {
    if kernel_has("iptable_filter")? {
        let rule = format!("-i {device} -p tcp --dport {port} -j DROP");
        return netns
            .run(&format!("iptables-legacy -D INPUT {rule}"))
            .map(drop);
    }
    let filter = format!("filter del dev {device} ingress pref {port}");
    tc(netns, &[filter])
}

/// Marks the packets to these ports that come in by `device`, for a service of IPVS by firewall mark.
///
/// # Errors
///
/// When a command fails.
pub fn mark_tcp(netns: &Netns, device: &str, to: &TcpPorts, mark: u32) -> Result<(), NetError> {
    let (address, first, last) = (to.address, to.ports.start(), to.ports.end());
    if kernel_has("iptable_mangle")? {
        let rule = format!("-i {device} -p tcp -d {address} --dport {first}:{last}");
        return netns
            .run(&format!(
                "iptables-legacy -t mangle -A PREROUTING {rule} -j MARK --set-mark {mark}"
            ))
            .map(drop);
    }
    tc(
        netns,
        &[
            format!("qdisc replace dev {device} clsact"),
            format!(
                "filter add dev {device} ingress protocol ip flower ip_proto tcp dst_ip {address} \
                 dst_port {first}-{last} action skbedit mark {mark}"
            ),
        ],
    )
}

/// Runs one `tc` for all the lines.
fn tc(netns: &Netns, lines: &[String]) -> Result<(), NetError> {
    let path = std::env::temp_dir().join(format!("{}.tc", netns.name()));
    let file = path.display().to_string();
    fs::write(&path, lines.join("\n")).map_err(NetError::system(&file))?;
    let done = netns.run(&format!("tc -batch {file}"));
    fs::remove_file(&path).map_err(NetError::system(&file))?;
    done.map(drop)
}

/// Whether the running kernel has a module, loaded or not, or built in.
fn kernel_has(module: &str) -> Result<bool, NetError> {
    const RELEASE: &str = "/proc/sys/kernel/osrelease";
    let release = fs::read_to_string(RELEASE).map_err(NetError::system(RELEASE))?;
    let mut found = false;
    for list in ["modules.dep", "modules.builtin"] {
        let path = format!("/lib/modules/{}/{list}", release.trim_end());
        let text = fs::read_to_string(&path).map_err(NetError::system(&path))?;
        found |= lists_module(&text, module);
    }
    Ok(found)
}

/// Whether a line of `modules.dep` or `modules.builtin` is about the module: its first word is a path.
fn lists_module(list: &str, module: &str) -> bool {
    list.lines().any(|line| {
        let path = line.split([':', ' ']).next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        file.split('.').next() == Some(module)
    })
}

#[cfg(test)]
mod tests {
    use super::lists_module;

    #[test]
    fn a_module_is_found_by_its_own_line_only() {
        let list = "kernel/net/ipv4/netfilter/arptable_filter.ko: kernel/net/arp_tables.ko\n\
                    kernel/net/netfilter/x_tables.ko.xz:\n\
                    kernel/fs/ext4.ko\n";
        for module in ["arptable_filter", "x_tables", "ext4"] {
            assert!(lists_module(list, module), "{module}");
        }
        for module in ["arp_tables", "tables", "arptable", ""] {
            assert!(!lists_module(list, module), "{module}");
        }
    }
}
