// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl status`: what a running daemon says about itself.

use std::{fmt::Write as _, path::Path};

use lb_core::{
    control::{self, Status},
    daemon::DEFAULT_CONTROL,
};

use crate::{
    cli::StatusArgs,
    failure::{Failure, chain},
    output::print,
};

/// Nobody answers, or not in words we understand.
const FAILED: u8 = 1;

/// Asks the daemon and prints its answer.
pub(crate) fn status(args: &StatusArgs) -> Result<u8, Failure> {
    let socket = args
        .control
        .as_deref()
        .unwrap_or_else(|| Path::new(DEFAULT_CONTROL));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(FAILED, format!("cannot start: {}", chain(&error))))?;
    let status = runtime
        .block_on(control::status(socket))
        .map_err(|error| Failure::of(FAILED, &error))?;
    let text = if args.json {
        // Serialising plain data cannot fail; the error would say so.
        let text = serde_json::to_string_pretty(&status);
        text.map_err(|error| Failure::of(FAILED, &error))? + "\n"
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
            "ROUTER",
            "INTERFACE",
            "VRID",
            "STATE",
            "PRIORITY",
            "SENT",
            "RECEIVED",
            "DISCARDED",
        ])];
        rows.extend(status.routers.iter().map(|router| {
            row([
                &router.name,
                &router.interface,
                &router.vrid.to_string(),
                &router.state,
                &router.priority.to_string(),
                &router.counters.advertisements_sent.to_string(),
                &router.counters.advertisements_received.to_string(),
                &router.counters.rejected.to_string(),
            ])
        }));
        text.push('\n');
        text.push_str(&table(&rows));
        discarded(status, &mut text);
    }
    if !status.virtual_servers.is_empty() {
        let mut rows = vec![row(["VIRTUAL SERVER", "REAL SERVER", "STATE", "WEIGHT"])];
        for server in &status.virtual_servers {
            let state = if server.quorum { "up" } else { "no quorum" };
            rows.push(row([&server.name, "", state, ""]));
            rows.extend(server.real_servers.iter().map(|real| {
                let state = if real.up { "up" } else { "down" };
                row(["", &real.name, state, &real.weight.to_string()])
            }));
        }
        text.push('\n');
        text.push_str(&table(&rows));
    }
    text
}

/// Why packets were discarded, where there were any.
fn discarded(status: &Status, text: &mut String) {
    for router in &status.routers {
        let mut reasons: Vec<String> = router
            .counters
            .reasons()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        if router.counters.send_failures > 0 {
            reasons.push(format!("not sent {}", router.counters.send_failures));
        }
        if !reasons.is_empty() {
            let _ = writeln!(text, "  {}: {}", router.name, reasons.join(", "));
        }
    }
    for interface in &status.interfaces {
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

    const DOCUMENT: &str = r#"{
        "schema": 1, "pid": 42, "configuration": "/etc/lb/lb.conf", "findings": [],
        "routers": [{"name": "VI_1", "interface": "eth0", "vrid": 100, "state": "master",
                     "priority": 100, "counters": {"advertisements_sent": 12, "rejected": 3,
                     "checksum_errors": 1, "authentication_failures": 2}}],
        "interfaces": [{"name": "eth0", "unknown_vrid": 4, "malformed": 0}],
        "virtual_servers": [{"name": "[192.168.1.50]:tcp:80", "quorum": true, "real_servers": [
            {"name": "[192.168.1.61]:tcp:80", "up": true, "weight": 1},
            {"name": "[192.168.1.62]:tcp:80", "up": false, "weight": 1}]}]
    }"#;

    #[test]
    fn tables_for_people() {
        let status = serde_json::from_str(DOCUMENT).unwrap();
        let expected = "\
PID 42, /etc/lb/lb.conf

ROUTER  INTERFACE  VRID  STATE   PRIORITY  SENT  RECEIVED  DISCARDED
VI_1    eth0       100   master  100       12    0         3
  VI_1: checksum 1, password 2
  eth0: other vrid 4, malformed 0

VIRTUAL SERVER         REAL SERVER            STATE  WEIGHT
[192.168.1.50]:tcp:80                         up
                       [192.168.1.61]:tcp:80  up     1
                       [192.168.1.62]:tcp:80  down   1
";
        assert_eq!(human(&status), expected);
    }

    #[test]
    fn a_daemon_of_an_earlier_version_is_understood() {
        let document = r#"{"schema": 1, "pid": 1, "configuration": "x", "findings": ["a finding"],
            "routers": [{"name": "R", "interface": "e", "vrid": 1, "state": "backup",
                         "priority": 1}],
            "virtual_servers": []}"#;
        let text = human(&serde_json::from_str(document).unwrap());
        assert!(
            text.starts_with("PID 1, x\n  a finding\n\nROUTER"),
            "{text}"
        );
    }
}
