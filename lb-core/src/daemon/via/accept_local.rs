// SPDX-License-Identifier: MIT OR Apache-2.0
//! `accept_local` of the interfaces towards real servers with checks at the virtual address.
//!
//! A real server answers such a probe from the virtual address. On a host that has the virtual address Linux
//! discards packets with that source unless `net.ipv4.conf.INTERFACE.accept_local` is set. IPv6 has no such
//! rule.
//!
//! The names of the interfaces are in a file, written before the setting is changed: after a kill the next
//! start restores what it does not need.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lb_host::file;
use nix::ifaddrs::getifaddrs;
use serde::{Deserialize, Serialize};

use super::source::source_address;
use crate::director::Director;
use crate::ledger::Identity;

/// Mode of the file.
const MODE: u32 = 0o600;
const SETTINGS: &str = "/proc/sys/net/ipv4/conf";

/// The namespace of the interfaces, and the file beside the ledger.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct AcceptLocalPlace {
    pub(in crate::daemon) identity: Identity,
    pub(in crate::daemon) file: PathBuf,
}

/// The interfaces whose setting this program has changed.
#[derive(Debug)]
pub(in crate::daemon) struct AcceptLocal {
    place: AcceptLocalPlace,
    settings: PathBuf,
    changed: BTreeSet<String>,
    /// Interfaces that were warned of.
    refused: BTreeSet<String>,
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    boot: String,
    netns: u64,
    interfaces: BTreeSet<String>,
}

impl AcceptLocal {
    /// The changes of an earlier process, as its file has them.
    pub(in crate::daemon) fn new(place: AcceptLocalPlace) -> Self {
        let changed = read(&place).unwrap_or_else(|error| {
            let path = place.file.display();
            tracing::warn!(%error, "the interfaces with accept_local of an earlier start are lost: {path}");
            BTreeSet::new()
        });
        Self {
            place,
            settings: SETTINGS.into(),
            changed,
            refused: BTreeSet::new(),
        }
    }

    /// Sets it for the interfaces that the checks of a director need, and restores the others.
    pub(in crate::daemon) fn follow(&mut self, director: &Director) {
        let sources: BTreeSet<IpAddr> = director
            .via_checks()
            .filter(|(_, target)| target.address.is_ipv4())
            .filter_map(|(service, target)| {
                let bound = target.source().map(|source| source.ip());
                let bound = bound.filter(|ip| !ip.is_unspecified());
                let real_server = service.destination.address.ip();
                bound.or_else(|| source_address(real_server, target.address.ip()).ok())
            })
            .collect();
        let interfaces = if sources.is_empty() {
            BTreeSet::new()
        } else {
            interfaces_with(&sources)
        };
        self.set(&interfaces);
    }

    /// Restores the setting of all interfaces.
    pub(in crate::daemon) fn stop(&mut self) {
        self.set(&BTreeSet::new());
    }

    fn set(&mut self, wanted: &BTreeSet<String>) {
        let gone: Vec<String> = self.changed.difference(wanted).cloned().collect();
        for interface in gone {
            match self.write(&interface, "0") {
                // The interface may have gone, its setting with it.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, interface, "cannot restore accept_local");
                }
                _ => tracing::info!(interface, "restored accept_local"),
            }
            self.changed.remove(&interface);
            self.record();
        }
        for interface in wanted {
            if let Err(error) = self.enable(interface)
                && self.refused.insert(interface.clone())
            {
                tracing::warn!(
                    %error,
                    interface,
                    "cannot set accept_local: checks at a virtual address of this host time out"
                );
            }
        }
        self.refused.retain(|interface| wanted.contains(interface));
    }

    fn enable(&mut self, interface: &str) -> io::Result<()> {
        let present = std::fs::read_to_string(self.path(interface))?;
        if present.trim() != "0" {
            return Ok(());
        }
        let is_new = self.changed.insert(interface.to_owned());
        if is_new {
            self.record();
        }
        let written = self.write(interface, "1");
        match &written {
            Ok(()) => tracing::info!(
                interface,
                "set accept_local, for checks at a virtual address"
            ),
            Err(_) if is_new => {
                self.changed.remove(interface);
                self.record();
            }
            Err(_) => {}
        }
        written
    }

    fn path(&self, interface: &str) -> PathBuf {
        self.settings.join(interface).join("accept_local")
    }

    fn write(&self, interface: &str, value: &str) -> io::Result<()> {
        std::fs::write(self.path(interface), value)
    }

    /// Writes which interfaces are to be restored.
    fn record(&self) {
        let path: &Path = &self.place.file;
        let result = if self.changed.is_empty() {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            }
        } else {
            let Identity { boot_id, namespace } = &self.place.identity;
            let record = Record {
                boot: boot_id.clone(),
                netns: *namespace,
                interfaces: self.changed.clone(),
            };
            let bytes = serde_json::to_vec(&record).map_err(io::Error::from);
            bytes.and_then(|bytes| file::replace(path, &bytes, MODE))
        };
        if let Err(error) = result {
            let path = path.display();
            tracing::warn!(%error, "a start after a crash cannot restore accept_local: {path}");
        }
    }
}

/// The interfaces that an earlier process has changed, in this namespace.
fn read(place: &AcceptLocalPlace) -> io::Result<BTreeSet<String>> {
    let bytes = match file::read(&place.file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let record: Record = serde_json::from_slice(&bytes)?;
    let Identity { boot_id, namespace } = &place.identity;
    let is_same = record.boot == *boot_id && record.netns == *namespace;
    let is_name = |name: &String| !name.contains('/') && name != "." && name != "..";
    let interfaces = record.interfaces.into_iter().filter(is_name);
    Ok(if is_same {
        interfaces.collect()
    } else {
        BTreeSet::new()
    })
}

/// The interfaces that have one of these addresses, without loopback.
fn interfaces_with(addresses: &BTreeSet<IpAddr>) -> BTreeSet<String> {
    let all = getifaddrs().into_iter().flatten();
    let found = all.filter(|interface| {
        let address = interface.address.as_ref();
        let ip = address.and_then(|address| address.as_sockaddr_in());
        ip.is_some_and(|ip| addresses.contains(&IpAddr::V4(ip.ip())))
    });
    let names = found.map(|interface| interface.interface_name);
    names.filter(|name| name != "lo").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(directory: &Path) -> AcceptLocalPlace {
        AcceptLocalPlace {
            identity: Identity {
                boot_id: "9d0a".to_owned(),
                namespace: 4_026_531_840,
            },
            file: directory.join("lb.sock.accept_local"),
        }
    }

    #[test]
    fn settings_are_restored_also_by_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let start = || {
            let mut settings = AcceptLocal::new(place(directory.path()));
            settings.settings = directory.path().to_owned();
            settings
        };
        for (interface, value) in [("eth0", "0\n"), ("eth1", "1\n"), ("eth2", "0\n")] {
            std::fs::create_dir(directory.path().join(interface)).unwrap();
            std::fs::write(start().path(interface), value).unwrap();
        }
        let value = |interface: &str| {
            let text = std::fs::read_to_string(start().path(interface)).unwrap();
            text.trim().to_owned()
        };
        let mut settings = start();
        settings.set(&names(&["eth0", "eth1", "eth9"]));
        assert_eq!(
            [value("eth0"), value("eth1"), value("eth2")],
            ["1", "1", "0"]
        );
        drop(settings);

        let mut settings = start();
        assert_eq!(settings.changed, names(&["eth0"]));
        settings.set(&names(&["eth2"]));
        assert_eq!(
            [value("eth0"), value("eth1"), value("eth2")],
            ["0", "1", "1"]
        );
        settings.stop();
        assert_eq!(
            [value("eth0"), value("eth1"), value("eth2")],
            ["0", "1", "0"]
        );
        assert!(!settings.place.file.exists());
    }

    #[test]
    fn a_file_of_another_boot_counts_for_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut other = AcceptLocal::new(place(directory.path()));
        other.changed.insert("eth0".to_owned());
        other.record();
        let mut place = place(directory.path());
        assert_eq!(AcceptLocal::new(place.clone()).changed.len(), 1);
        place.identity.boot_id = "other".to_owned();
        assert!(AcceptLocal::new(place).changed.is_empty());
    }
}
