// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs status`

use lb_ipvs::{HashTable, Info, NetworkNamespace, Status};
use lb_ipvsadm::json;

use super::super::{Session, block_on};
use crate::{failure::Failure, names::SystemNames, output::print};

/// The state could not be read.
const FAILED: u8 = 1;

/// Show the kernel's hash tables of connections and services, and the threads that estimate rates
///
/// Since Linux 7.2 the tables are resized while they are in use: `lbctl ipvs sysctl conn_lfactor` and
/// `svc_lfactor` say how full they may be. Earlier kernels show the size of the connection table alone.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print it as JSON (docs/ipvs-json.md)
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let names = SystemNames::new();
    block_on(async {
        let mut session = Session::connect("lbctl ipvs", &names, netns).await?;
        let failed = |error: lb_ipvs::Error| Failure::from_error(FAILED, &error);
        let info = session.ipvs.info().await.map_err(failed)?;
        let status = session.ipvs.status().map_err(failed)?;
        if args.json {
            let mut document = Vec::new();
            json::status(&info, status.as_ref(), &mut document)
                .map_err(|error| Failure::from_error(FAILED, &error))?;
            return print(&String::from_utf8_lossy(&document)).map(|()| 0);
        }
        print(&text(&info, status.as_ref())).map(|()| 0)
    })
}

fn text(info: &Info, status: Option<&Status>) -> String {
    let mut text = format!("{:<18}{}\n", "version", info.version);
    let Some(status) = status else {
        let size = info.connection_table_size;
        text.push_str(&format!("{:<18}{size} buckets\n", "connection table"));
        return text;
    };
    for (name, table, entries) in [
        ("connection table", &status.connections, "connections"),
        ("service table", &status.services, "services"),
    ] {
        text.push_str(&format!("{name:<18}{}\n", table_text(table, entries)));
    }
    let estimation = &status.estimation;
    let parts = [
        estimation
            .threads
            .map(|threads| format!("{threads} threads")),
        estimation.max_threads.map(|max| format!("at most {max}")),
        estimation
            .max_estimators
            .map(|max| format!("at most {max} estimators each")),
    ];
    text.push_str(&format!("{:<18}{}\n", "estimation", joined(parts)));
    for line in &status.other {
        text.push_str(&format!("{line}\n"));
    }
    text
}

fn table_text(table: &HashTable, entries: &str) -> String {
    joined([
        table.buckets.map(|buckets| format!("{buckets} buckets")),
        table.entries.map(|count| format!("{count} {entries}")),
        table
            .load_factor
            .map(|factor| format!("load factor {factor}")),
        table.empty.map(|empty| format!("{empty} empty")),
        table
            .longest_chain()
            .map(|length| format!("longest chain {length}")),
    ])
}

fn joined<const N: usize>(parts: [Option<String>; N]) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use lb_ipvs::Version;

    use super::*;

    #[test]
    fn with_the_file_and_without() {
        let info = Info {
            version: Version::new(1, 2, 1),
            connection_table_size: 4096,
        };
        assert_eq!(
            text(&info, None),
            "version           1.2.1\nconnection table  4096 buckets\n"
        );
        let status = Status::parse(
            "Conns:\t320\nConn buckets:\t4096 (12 bits, lfactor -4)\nConn buckets empty:\t3504 (85%)\n\
             Conn buckets len-1:\t547 (92%)\nConn buckets len-3:\t3 (0%)\nServices:\t0\n\
             Service buckets:\t0 (0 bits, lfactor 0)\nStats thread slots:\t1 (max 4)\n\
             Stats thread ests:\t9499200\nSomething new:\t7\n",
        );
        assert_eq!(
            text(&info, Some(&status)),
            "version           1.2.1\n\
             connection table  4096 buckets, 320 connections, load factor -4, 3504 empty, longest chain 3\n\
             service table     0 buckets, 0 services, load factor 0\n\
             estimation        1 threads, at most 4, at most 9499200 estimators each\n\
             Something new:\t7\n"
        );
    }
}
