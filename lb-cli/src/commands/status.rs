// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl status`: prints the status of a running daemon.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use lb_core::control::{self, RealServerStatus, Status, VirtualServerStatus};
use lb_core::vrrp::status::{InterfaceStatus, RouterStatus};

use super::daemon::{self, FAILED};
use crate::{cli::StatusArgs, failure::Failure, output::print};

/// What is not known.
const UNKNOWN: &str = "-";

/// Asks the daemon and prints its answer.
pub(crate) fn status(args: &StatusArgs) -> Result<u8, Failure> {
    let socket = &daemon::socket(args.control.as_deref());
    let status = daemon::converse(async {
        let answer = control::status(socket).await;
        answer.map_err(|error| Failure::from_error(FAILED, &error))
    })?;
    let text = if args.json {
        // Serialising plain data cannot fail; the error would say so.
        let text = serde_json::to_string_pretty(&status);
        text.map_err(|error| Failure::from_error(FAILED, &error))? + "\n"
    } else {
        human(&status)
    };
    print(&text).map(|()| 0)
}

/// The tables for people.
fn human(status: &Status) -> String {
    let mut text = format!("PID {}, {}\n", status.pid, status.configuration);
    for finding in &status.findings {
        let _ = writeln!(text, "  {finding}");
    }
    if !status.routers.is_empty() {
        let mut rows = vec![row([
            "INSTANCE",
            "INTERFACE",
            "VRID",
            "VRRP",
            "STATE",
            "SINCE (UTC)",
            "AGE",
            "MASTER",
            "PRIORITY",
            "WHY",
        ])];
        rows.extend(status.routers.iter().map(instance));
        text.push('\n');
        text.push_str(&table(&rows));
        tracking(status, &mut text);
        discarded(status, &mut text);
        adverts(status, &mut text);
    }
    statics(status, &mut text);
    if !status.virtual_servers.is_empty() {
        let mut rows = vec![row([
            "VIRTUAL SERVER",
            "REAL SERVER",
            "STATE",
            "WEIGHT",
            "KERNEL",
            "WHY",
        ])];
        for server in &status.virtual_servers {
            rows.push(virtual_server(server));
            let is_known = server.kernel.is_some();
            let real_servers = server.real_servers.iter();
            rows.extend(real_servers.map(|real| real_server(real, is_known)));
        }
        text.push('\n');
        text.push_str(&table(&rows));
    }
    via_services(status, &mut text);
    text
}

/// The table of the services of checks at the virtual address.
fn via_services(status: &Status, text: &mut String) {
    if status.via_services.is_empty() {
        return;
    }
    let mut rows = vec![row([
        "CHECKS AT THE VIRTUAL ADDRESS",
        "REAL SERVER",
        "METHOD",
        "KERNEL",
    ])];
    rows.extend(status.via_services.iter().map(|service| {
        let kernel = if service.present {
            "as desired"
        } else {
            "missing"
        };
        row([
            &service.service,
            &service.real_server,
            &service.method,
            kernel,
        ])
    }));
    text.push('\n');
    text.push_str(&table(&rows));
}

/// The line of a virtual server.
fn virtual_server(server: &VirtualServerStatus) -> Vec<String> {
    let state = match (server.quorum, server.suspended) {
        (true, false) => "up",
        (true, true) => "up, suspended",
        (false, false) => "no quorum",
        (false, true) => "no quorum, suspended",
    };
    let (kernel, why) = match &server.kernel {
        None => (UNKNOWN, String::new()),
        Some(kernel) => {
            let state = match (kernel.present, kernel.differences.is_empty()) {
                (true, true) => "as desired",
                (true, false) => "differs",
                (false, _) => "missing",
            };
            (state, kernel.differences.join(", "))
        }
    };
    row([&server.name, "", state, "", kernel, &why])
}

/// The line of a real server.
fn real_server(real: &RealServerStatus, is_known: bool) -> Vec<String> {
    let state = match (real.state, real.up) {
        (Some(state), _) => state.to_string(),
        (None, true) => "up".to_owned(),
        (None, false) => "down".to_owned(),
    };
    let kernel = match real.kernel_weight {
        Some(weight) => weight.to_string(),
        None if is_known => "none".to_owned(),
        None => UNKNOWN.to_owned(),
    };
    let mut why = String::new();
    if let Some(since) = &real.since {
        let since = humantime::parse_rfc3339(since).map_or_else(|_| since.clone(), second);
        why = format!("since {since}: ");
    }
    why.push_str(real.reason.as_deref().unwrap_or_default());
    if !real.warnings.is_empty() {
        let separator = if why.is_empty() { "" } else { "; " };
        why = format!("{why}{separator}{}", real.warnings.join("; "));
    }
    row([
        "",
        &real.name,
        &state,
        &real.weight.to_string(),
        &kernel,
        &why,
    ])
}

/// One line of the first table.
fn instance(router: &RouterStatus) -> Vec<String> {
    let unknown = || UNKNOWN.to_owned();
    let vrrp = match (router.version, router.family) {
        (Some(version), Some(family)) => format!("v{} {family}", version.number()),
        _ => unknown(),
    };
    let since = router.since.map_or_else(unknown, second);
    let age = router.age.map_or_else(unknown, rough);
    let master = router.master.map_or_else(unknown, |master| {
        format!("{} ({})", master.address, master.priority)
    });
    let priority = match router.configured_priority {
        Some(configured) if configured != router.priority => {
            format!("{} (of {configured})", router.priority)
        }
        _ => router.priority.to_string(),
    };
    row([
        &router.name,
        &interface(router),
        &router.vrid.to_string(),
        &vrrp,
        &router.state.to_string(),
        &since,
        &age,
        &master,
        &priority,
        &why(router),
    ])
}

/// Its interface, as `ip link` shows one with another beneath.
fn interface(router: &RouterStatus) -> String {
    match &router.vmac {
        Some(vmac) => format!("{vmac}@{}", router.interface),
        None => router.interface.to_string(),
    }
}

/// Why a router is in its state.
fn why(router: &RouterStatus) -> String {
    let mut why = if router.faults.is_empty() {
        router.reason.as_deref().unwrap_or(UNKNOWN).to_owned()
    } else {
        router.faults.to_string()
    };
    // The reason of a backup that resigned is `resigned` already.
    if router.resigned && router.reason.as_deref() != Some("resigned") {
        why.push_str("; resigned");
    }
    why
}

/// A moment to the second, UTC, a blank between date and time.
fn second(moment: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(moment).to_string();
    text.trim_end_matches('Z').replacen('T', " ", 1)
}

/// A time, rounded down: seconds up to an hour, minutes up to a day, then hours.
fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    let grain = match seconds {
        0..3600 => 1,
        3600..86_400 => 60,
        _ => 3600,
    };
    humantime::format_duration(Duration::from_secs(seconds / grain * grain)).to_string()
}

/// Sync groups, and what tracking does at present.
fn tracking(status: &Status, text: &mut String) {
    for group in &status.sync_groups {
        let members = group.members.join(", ");
        let _ = writeln!(text, "  group {}: {}: {members}", group.name, group.state);
    }
    for router in &status.routers {
        if let Some(why) = &router.unshielded {
            let _ = writeln!(text, "  {}: packets are not dropped: {why}", router.name);
        }
        for refused in &router.refused_addresses {
            let (name, address, problem) = (&router.name, refused.address, &refused.problem);
            let _ = writeln!(
                text,
                "  {name}: {address} is not on its interface: {problem}"
            );
        }
        for tracked in &router.tracked {
            let (name, object) = (&router.name, &tracked.object);
            let _ = if tracked.fault {
                writeln!(text, "  {name}: {object}: fault")
            } else {
                writeln!(text, "  {name}: {object}: priority {:+}", tracked.change)
            };
        }
    }
}

/// The static addresses, routes and rules that are not installed.
fn statics(status: &Status, text: &mut String) {
    if status.static_items.is_empty() {
        return;
    }
    let mut rows = vec![row(["NOT INSTALLED", "WHY", "TRACK GROUP"])];
    rows.extend(status.static_items.iter().map(|entry| {
        let group = entry.group.as_deref().unwrap_or(UNKNOWN);
        row([
            &format!("static {}", entry.item),
            &entry.problem.to_string(),
            group,
        ])
    }));
    text.push('\n');
    text.push_str(&table(&rows));
}

/// The discarded packets by reason, where there were any.
fn discarded(status: &Status, text: &mut String) {
    for router in &status.routers {
        let counters = &router.counters;
        let mut reasons: Vec<String> = counters
            .reasons()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        if counters.send_failures > 0 {
            reasons.push(format!("not sent {}", counters.send_failures));
        }
        if !reasons.is_empty() {
            let (name, rejected) = (&router.name, counters.stats.rejected);
            let _ = writeln!(
                text,
                "  {name}: discarded {rejected}: {}",
                reasons.join(", ")
            );
        }
    }
    for interface in &status.interfaces {
        if let Some(method) = &interface.polled {
            let (name, family) = (&interface.name, family(interface));
            let counts = if interface.up == Some(true) {
                "up"
            } else {
                "down"
            };
            let _ = writeln!(
                text,
                "  {name} ({family}): polled by {method}, counts as {counts}"
            );
        }
        if let (Some(up), Some(left)) = (interface.up, interface.changes_in) {
            let (name, family) = (&interface.name, family(interface));
            let (is, counts) = if up { ("down", "up") } else { ("up", "down") };
            let left = Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
            let _ = writeln!(
                text,
                "  {name} ({family}): is {is}, counts as {counts} for {left:?} more"
            );
        }
        let (unknown, malformed) = (interface.unknown_vrid, interface.malformed);
        if unknown + malformed > 0 {
            let name = &interface.name;
            let _ = writeln!(
                text,
                "  {name}: other vrid {unknown}, malformed {malformed}"
            );
        }
    }
}

/// The family of the routers on an interface.
fn family(interface: &InterfaceStatus) -> String {
    let family = interface.family.map(|family| family.to_string());
    family.unwrap_or_default()
}

/// How late the advert thread was run.
fn adverts(status: &Status, text: &mut String) {
    if let Some(driver) = &status.driver {
        let scheduling = if driver.realtime {
            "real-time"
        } else {
            "ordinary"
        };
        let latest = driver.lateness.max;
        let _ = writeln!(
            text,
            "  adverts: {scheduling} scheduling, {} timers, at most {latest:?} late",
            driver.lateness.count()
        );
    }
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(ToOwned::to_owned).into()
}

/// Columns as wide as their widest cell, two blanks apart, nothing behind the last.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(String::len).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page shows a document and what `lbctl status` prints of it.
    fn page() -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/status.md");
        std::fs::read_to_string(path).unwrap()
    }

    fn block<'a>(page: &'a str, kind: &str) -> &'a str {
        let (_, rest) = page.split_once(&format!("```{kind}\n")).unwrap();
        rest.split_once("```").unwrap().0
    }

    #[test]
    fn tables_for_people_as_on_the_page() {
        let page = page();
        let status = serde_json::from_str(block(&page, "json")).unwrap();
        assert_eq!(human(&status), block(&page, "text"));
    }

    #[test]
    fn the_document_on_the_page_is_whole() {
        let page = page();
        let shown: serde_json::Value = serde_json::from_str(block(&page, "json")).unwrap();
        let read: Status = serde_json::from_value(shown.clone()).unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(
            written["routers"][0]["counters"], shown["routers"][0]["counters"],
            "the first router shows all counters"
        );
        let keys = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(keys(&written), keys(&shown));
        for part in ["routers", "interfaces", "virtual_servers"] {
            assert_eq!(keys(&written[part][0]), keys(&shown[part][0]), "{part}");
        }
        assert_eq!(written["driver"], shown["driver"]);
        for counter in keys(&written["routers"][0]["counters"]) {
            let line = format!("| `{counter}` |");
            assert!(page.contains(&line), "no line for {counter}");
        }
    }

    #[test]
    fn ages() {
        let shown = |seconds| rough(Duration::from_secs(seconds));
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(192), "3m 12s");
        assert_eq!(shown(3 * 3600 + 61), "3h 1m");
        assert_eq!(shown(2 * 86_400 + 5 * 3600 + 3599), "2days 5h");
    }

    #[test]
    fn a_virtual_interface_is_shown_with_the_one_beneath() {
        let mut router: RouterStatus = serde_json::from_str(
            r#"{"name": "R", "interface": "eth0", "vrid": 51, "state": "backup", "priority": 1}"#,
        )
        .unwrap();
        assert_eq!(interface(&router), "eth0");
        router.vmac = Some("vrrp.51".into());
        assert_eq!(interface(&router), "vrrp.51@eth0");
    }

    #[test]
    fn refused_addresses_are_listed_below_the_instances() {
        let document = r#"{"schema": 1, "pid": 1, "configuration": "x", "findings": [],
            "routers": [{"name": "R", "interface": "e", "vrid": 1, "state": "master", "priority": 1,
                         "refused_addresses": [{"address": "192.0.2.1", "problem": "no"}]}],
            "virtual_servers": []}"#;
        let text = human(&serde_json::from_str(document).unwrap());
        let line = "\n  R: 192.0.2.1 is not on its interface: no\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn status_of_an_earlier_version_is_read() {
        let document = r#"{"schema": 1, "pid": 1, "configuration": "x", "findings": ["a finding"],
            "routers": [{"name": "R", "interface": "e", "vrid": 1, "state": "backup",
                         "priority": 1}],
            "virtual_servers": []}"#;
        let text = human(&serde_json::from_str(document).unwrap());
        assert!(
            text.starts_with("PID 1, x\n  a finding\n\nINSTANCE"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "R         e          1     -     backup  -            -    -       1         -\n"
            ),
            "{text}"
        );
    }
}
