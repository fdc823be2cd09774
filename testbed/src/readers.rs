// SPDX-License-Identifier: MIT OR Apache-2.0
//! keepalived's files as programs read them that watch it: each reader is written after the description of
//! what its program looks for.

use std::collections::BTreeMap;

/// A router as the Prometheus exporter of mehdy reads it from the data file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "tests compare with whole values")]
pub struct ExportedRouter {
    /// The name of the instance.
    pub name: String,
    /// Its state, `MASTER` for instance.
    pub state: String,
    /// The state that its configuration asks for.
    pub wantstate: String,
    /// Its interface.
    pub interface: String,
    /// Seconds until the second announcement.
    pub garp_delay: Option<u64>,
    /// Its virtual router id.
    pub vrid: Option<u8>,
    /// Addresses and their interfaces.
    pub addresses: Vec<(String, String)>,
    /// The same of those that are not in adverts.
    pub excluded: Vec<(String, String)>,
}

/// Reads routers and scripts (name, status, state) from the data file.
#[must_use]
pub fn read_data(text: &str) -> (Vec<ExportedRouter>, Vec<[String; 3]>) {
    let (mut routers, mut scripts) = (Vec::<ExportedRouter>::new(), Vec::<[String; 3]>::new());
    let mut list = "";
    for line in text.lines() {
        if line.starts_with("------<") || line.starts_with(" Name = ") {
            // Interfaces have a state too.
            list = "other";
        } else if let Some(name) = line.strip_prefix(" VRRP Instance = ") {
            routers.push(ExportedRouter {
                name: name.to_owned(),
                ..ExportedRouter::default()
            });
            list = "";
        } else if let Some(name) = line.strip_prefix(" VRRP Script = ") {
            scripts.push([name.to_owned(), String::new(), String::new()]);
            list = "script";
        } else if list == "script" {
            if let Some([_, status, state]) = scripts.last_mut() {
                if let Some(found) = line.trim().strip_prefix("Status = ") {
                    found.clone_into(status);
                } else if let Some(found) = line.trim().strip_prefix("State = ") {
                    found.clone_into(state);
                }
            }
        } else if let Some(router) = routers.last_mut().filter(|_| list != "other") {
            list = read_line(line, router, list);
        }
    }
    (routers, scripts)
}

/// Reads a line about a router, and returns which list the lines below are in.
fn read_line<'a>(line: &str, router: &mut ExportedRouter, list: &'a str) -> &'a str {
    if line.starts_with("   Virtual IP (") {
        return "addresses";
    }
    if line.starts_with("   Virtual IP Excluded :") {
        return "excluded";
    }
    let words = line.trim();
    if line.starts_with("     ") {
        let mut words = words.split(' ');
        let address = words.next().unwrap_or_default().to_owned();
        let interface = words.skip_while(|word| *word != "dev").nth(1);
        let entry = (address, interface.unwrap_or_default().to_owned());
        match list {
            "addresses" => router.addresses.push(entry),
            "excluded" => router.excluded.push(entry),
            _ => {}
        }
        return list;
    }
    match words.split_once(" = ") {
        Some(("State", value)) => value.clone_into(&mut router.state),
        Some(("Wantstate", value)) => value.clone_into(&mut router.wantstate),
        Some(("Interface" | "Listening device", value)) => value.clone_into(&mut router.interface),
        Some(("Gratuitous ARP delay", value)) => router.garp_delay = value.parse().ok(),
        Some(("Virtual Router ID", value)) => router.vrid = value.parse().ok(),
        _ => {}
    }
    ""
}

/// The counters of an instance, by `GROUP/NAME` or `NAME`, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// The name of the instance.
    pub name: String,
    /// The keys in the order of the file.
    pub keys: Vec<String>,
    /// The counts.
    pub counts: BTreeMap<String, u64>,
}

/// Reads the file of counters as yawol does: YAML of two levels, a document for each instance.
///
/// # Errors
///
/// The first line that is not YAML of this shape.
pub fn read_counters(text: &str) -> Result<Vec<Counters>, String> {
    let mut instances: Vec<Counters> = Vec::new();
    let mut group = String::new();
    for line in text.lines() {
        let wrong = || format!("{line:?}");
        let (key, value) = line.split_once(':').ok_or_else(wrong)?;
        let depth = key.len() - key.trim_start().len();
        if depth % 2 != 0 || line.contains('\t') {
            return Err(wrong());
        }
        match (depth, value.trim()) {
            (0, name) => instances.push(Counters {
                name: name.to_owned(),
                ..Counters::default()
            }),
            (2, "") => key.trim().clone_into(&mut group),
            (depth, value) => {
                let key = match depth {
                    2 => key.trim().to_owned(),
                    _ => format!("{group}/{}", key.trim()),
                };
                let counters = instances.last_mut().ok_or_else(wrong)?;
                let count = value.parse().map_err(|_| wrong())?;
                if counters.counts.insert(key.clone(), count).is_some() {
                    return Err(wrong());
                }
                counters.keys.push(key);
            }
        }
    }
    Ok(instances)
}
