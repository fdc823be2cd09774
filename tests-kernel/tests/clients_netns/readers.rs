// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of the daemon as client programs read them.

use std::fmt::Write as _;

use serde_json::Value;
use testbed::readers::{read_counters, read_data};
use tests_kernel::client::Filter;

/// The readers that the stories name.
pub(crate) const READERS: &[(&str, Filter)] = &[
    ("states", read_states),
    ("masters", read_masters),
    ("yaml", read_yaml),
    ("mehdy", read_exported),
    ("checkmk", read_metrics),
];

/// The instances in the JSON file of version 1.
fn instances(text: &str) -> Result<Vec<Value>, String> {
    let document = serde_json::from_str::<Value>(text);
    document
        .ok()
        .and_then(|document| document.as_array().cloned())
        .ok_or_else(|| format!("no list: {text}"))
}

/// Name, state, priority and addresses of each instance in the JSON file.
fn read_states(text: &str) -> String {
    let line = |instance: &Value| {
        let data = &instance["data"];
        let vips = data["vips"].as_array().cloned().unwrap_or_default();
        let vips: Vec<_> = vips.iter().filter_map(Value::as_str).collect();
        let name = data["iname"].as_str().unwrap_or_default();
        format!(
            "{name} state {} priority {} vips {}",
            data["state"],
            data["effective_priority"],
            vips.join(", ")
        )
    };
    match instances(text) {
        Ok(instances) => instances.iter().map(line).collect::<Vec<_>>().join("\n"),
        Err(error) => error,
    }
}

/// How often each instance became master, from the file of counters.
fn read_masters(text: &str) -> String {
    let instances = match read_counters(text) {
        Ok(instances) => instances,
        Err(error) => return error,
    };
    let count = |counters: &testbed::readers::Counters, key: &str| {
        let count = counters.counts.get(key);
        count.map_or_else(|| "?".to_owned(), ToString::to_string)
    };
    let lines = instances.iter().map(|counters| {
        format!(
            "{} became {} released {}",
            counters.name,
            count(counters, "Became master"),
            count(counters, "Released master")
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The keys of the first instance in the file of counters.
fn read_yaml(text: &str) -> String {
    match read_counters(text) {
        Ok(instances) => instances
            .first()
            .map(|counters| counters.keys.join("\n"))
            .unwrap_or_default(),
        Err(error) => error,
    }
}

/// What the exporter of mehdy finds in the data file.
fn read_exported(text: &str) -> String {
    let (routers, scripts) = read_data(text);
    let mut found = String::new();
    // Writing into a string does not fail.
    for router in &routers {
        let _ = writeln!(
            found,
            "router {} state {} wants {} on {} vrid {} delay {}",
            router.name,
            router.state,
            router.wantstate,
            router.interface,
            router.vrid.unwrap_or_default(),
            router.garp_delay.unwrap_or_default()
        );
        for (address, interface) in &router.addresses {
            let _ = writeln!(found, "  {address} on {interface}");
        }
        for (address, interface) in &router.excluded {
            let _ = writeln!(found, "  excluded {address} on {interface}");
        }
    }
    for [name, status, state] in &scripts {
        let _ = writeln!(found, "script {name} {status} {state}");
    }
    found
}

/// The counters of authentication extensions, which 2.2.7 does not have.
const NEWER: &str = "auth_ext_";
/// The counters that grow while a test runs.
const GROWING: [&str; 2] = ["advert_rcvd", "advert_sent"];

/// What Checkmk makes of the JSON file: one line, and a metric of each counter.
fn read_metrics(text: &str) -> String {
    let lines = text.lines().count();
    let instances = match instances(text.lines().next().unwrap_or_default()) {
        Ok(instances) => instances,
        Err(error) => return error,
    };
    let mut found = vec![format!("{lines} line")];
    for instance in &instances {
        let data = &instance["data"];
        let counters = instance["stats"].as_object().cloned().unwrap_or_default();
        let counters = counters
            .iter()
            .filter(|(name, _)| !name.starts_with(NEWER) && !GROWING.contains(&name.as_str()));
        let mut counters: Vec<_> = counters
            .map(|(name, count)| match count.as_u64() {
                Some(count) => format!("{name}={count}"),
                None => format!("{name} is not an integer"),
            })
            .collect();
        counters.sort();
        found.push(format!(
            "{} vrid {} state {} priority {}: {}",
            data["iname"].as_str().unwrap_or_default(),
            data["vrid"],
            data["state"],
            data["effective_priority"],
            counters.join(" ")
        ));
    }
    found.join("\n")
}
