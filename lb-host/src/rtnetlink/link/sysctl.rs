// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings of interfaces in /proc/sys/net.

use std::fs;
use std::io;

use tracing::{debug, info, warn};

use crate::family::AddressFamily;
use crate::link::SettingName;

fn path(family: &str, ifname: &str, setting: &str) -> String {
    format!("/proc/sys/net/{family}/conf/{ifname}/{setting}")
}

fn path_of(ifname: &str, setting: SettingName) -> String {
    match setting {
        SettingName::IgmpReports => format!("/proc/sys/net/ipv4/{setting}"),
        _ => path("ipv4", ifname, setting.name()),
    }
}

/// The value of a setting; `None` where there is no such setting.
pub(super) fn read(ifname: &str, setting: SettingName) -> io::Result<Option<u32>> {
    match read_number(&path_of(ifname, setting)) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_number(path: &str) -> io::Result<u32> {
    let text = fs::read_to_string(path)?;
    text.trim()
        .parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes a setting.
pub(super) fn write(ifname: &str, setting: SettingName, value: u32) -> io::Result<()> {
    fs::write(path_of(ifname, setting), value.to_string())?;
    info!(ifname, %setting, value, "setting changed");
    Ok(())
}

/// Writes the settings of a macvlan. Those that cannot be written are logged: /proc/sys may be
/// read-only, and IPv6 may be missing.
pub(super) fn prepare_macvlan(ifname: &str, family: AddressFamily) {
    let is_strict = read_number(&path("ipv4", "all", "rp_filter")).is_ok_and(|value| value != 0);
    for (family, setting, value) in macvlan_settings(family, is_strict) {
        if let Err(error) = write_new(family, ifname, setting, value) {
            warn!(
                ifname, setting, value, %error,
                "setting not changed: neighbours may see other MAC addresses than the virtual one"
            );
        }
    }
}

/// Writes the settings of an ipvlan. One that carries IPv4 has no IPv6 address.
pub(super) fn prepare_ipvlan(ifname: &str, family: AddressFamily) {
    let (setting, value) = match family {
        AddressFamily::Ipv4 => ("disable_ipv6", "1"),
        AddressFamily::Ipv6 => ("disable_ipv6", "0"),
    };
    if let Err(error) = write_new("ipv6", ifname, setting, value) {
        warn!(ifname, setting, value, %error, "setting not changed");
    }
}

/// Writes a setting of a new interface, where there is such a setting.
fn write_new(family: &str, ifname: &str, setting: &str, value: &str) -> io::Result<()> {
    match fs::write(path(family, ifname, setting), value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            debug!(ifname, setting, "no such setting");
            Ok(())
        }
        result => result,
    }
}

/// The settings of a macvlan. `is_strict` is whether `net.ipv4.conf.all.rp_filter` is on: the greater
/// of the two values counts, and the answers to a client may leave by the interface below.
fn macvlan_settings(
    family: AddressFamily,
    is_strict: bool,
) -> Vec<(&'static str, &'static str, &'static str)> {
    let reverse_path = if is_strict { "2" } else { "0" };
    let mut settings = vec![
        ("ipv4", "arp_ignore", "1"),
        // Neighbours must not learn the host's own address with this MAC address.
        ("ipv4", "arp_announce", "2"),
        ("ipv4", "rp_filter", reverse_path),
        ("ipv4", "promote_secondaries", "1"),
    ];
    match family {
        AddressFamily::Ipv4 => settings.push(("ipv6", "disable_ipv6", "1")),
        // No automatic address: neither a link-local one nor one of a router's network.
        AddressFamily::Ipv6 => settings.extend([
            ("ipv6", "disable_ipv6", "0"),
            ("ipv6", "addr_gen_mode", "1"),
            ("ipv6", "accept_ra", "0"),
            ("ipv6", "autoconf", "0"),
        ]),
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverse_path_filter_is_loose_where_it_is_strict_for_all() {
        let value = |is_strict| {
            let settings = macvlan_settings(AddressFamily::Ipv4, is_strict);
            settings
                .into_iter()
                .find(|(_, name, _)| *name == "rp_filter")
        };
        assert_eq!(value(false), Some(("ipv4", "rp_filter", "0")));
        assert_eq!(value(true), Some(("ipv4", "rp_filter", "2")));
    }

    #[test]
    fn macvlan_has_only_the_family_of_its_addresses() {
        let has = |family, name: &str, value: &str| {
            let settings = macvlan_settings(family, false);
            settings.contains(&("ipv6", name, value))
        };
        assert!(has(AddressFamily::Ipv4, "disable_ipv6", "1"));
        for (name, value) in [
            ("disable_ipv6", "0"),
            ("addr_gen_mode", "1"),
            ("accept_ra", "0"),
            ("autoconf", "0"),
        ] {
            assert!(has(AddressFamily::Ipv6, name, value), "{name}");
        }
        for family in [AddressFamily::Ipv4, AddressFamily::Ipv6] {
            let settings = macvlan_settings(family, false);
            let ipv4 = settings
                .iter()
                .filter(|(of_family, ..)| *of_family == "ipv4");
            let ipv4: Vec<_> = ipv4.map(|(_, name, value)| (*name, *value)).collect();
            let expected = [
                ("arp_ignore", "1"),
                ("arp_announce", "2"),
                ("rp_filter", "0"),
                ("promote_secondaries", "1"),
            ];
            assert_eq!(ipv4, expected);
        }
    }
}
