// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same listings as JSON, for programs: `lbctl ipvs -L --json`.
//!
//! Each document is an object whose first member names the schema and its version, [`SCHEMA`]. Within
//! a version members may be added; none changes its meaning or goes. `docs/ipvs-json.md` in the
//! repository explains every field.
//!
//! Addresses are always numbers, counters are whole however large they are, every member is there
//! (`null` where it does not apply), and what has no name in the schema keeps the kernel's number.
//! Lists have one element a line. Nothing is sorted: services and destinations come in the kernel's
//! order, as they were given.
//!
//! ipvsadm has no equivalent.
//!
//! # Examples
//! ```
//! use lb_ipvs::{Info, Scheduler, Service, ServiceEntry, ServiceKey, Stats, TableEntry};
//! use lb_ipvsadm::json;
//!
//! let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
//! let service = Service::new(key, Scheduler::WeightedRoundRobin);
//! let entry = TableEntry {
//!     service: ServiceEntry { service, stats: Stats::default() },
//!     destinations: Vec::new(),
//! };
//! let mut out = Vec::new();
//! json::table(&Info::default(), &[entry], &mut out)?;
//! let document: serde_json::Value = serde_json::from_slice(&out)?;
//! assert_eq!(document["services"][0]["scheduler"], "wrr");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod event;
mod view;

use std::io::{self, Write};

use serde::Serialize;

pub use self::event::{difference, drain_event, table_size};
use self::view::{ConnectionView, ServiceView, StatusView, SyncDaemonView, TimeoutsView};
use lb_ipvs::{Info, Status, SyncDaemon, TableEntry, Timeouts, connections::Connection};

/// The name and version of the schema: the first member of each document.
pub const SCHEMA: &str = "lbctl.ipvs/1";

/// Writes a table: services with everything that is known of them.
///
/// Equivalent to `ipvsadm -L -n --nosort` with `--stats`, `--rate`, `--thresholds`,
/// `--persistent-conn` and `--tun-info` together.
///
/// # Errors
/// When `out` fails.
pub fn table<'a>(
    info: &Info,
    entries: impl IntoIterator<Item = &'a TableEntry>,
    out: &mut impl Write,
) -> io::Result<()> {
    begin(out)?;
    member(out, "version", &info.version.to_string())?;
    member(out, "connection_table_size", &info.connection_table_size)?;
    let mut items = Items::begin(out, "services")?;
    for entry in entries {
        items.item(&ServiceView::from(entry))?;
    }
    items.end()
}

/// Writes connections as they come, so that a table of any size passes in little memory.
///
/// Equivalent to `ipvsadm -L -n -c --persistent-conn`.
///
/// # Errors
/// When `connections` has an error or `out` fails. The document then ends where it was, and is no
/// JSON.
///
/// # Examples
/// ```
/// use std::io;
/// use lb_ipvs::connections;
/// use lb_ipvsadm::json;
/// let proc = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
/// TCP 0A090002 CDA4 0A090064 0051 0A0A000C 1F90 ESTABLISHED     897
/// ";
/// let rows = connections::parse(proc)?;
/// let mut out = Vec::new();
/// json::connections(rows.into_iter().map(io::Result::Ok), &mut out)?;
/// let document: serde_json::Value = serde_json::from_slice(&out)?;
/// assert_eq!(document["connections"][0]["destination_port"], 8080);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn connections<E>(
    connections: impl IntoIterator<Item = Result<Connection, E>>,
    out: &mut impl Write,
) -> Result<(), E>
where
    E: From<io::Error>,
{
    begin(out)?;
    let mut items = Items::begin(out, "connections")?;
    for connection in connections {
        items.item(&ConnectionView::from(&connection?))?;
    }
    Ok(items.end()?)
}

/// Writes the time-outs of connections.
///
/// Equivalent to `ipvsadm -L --timeout`.
///
/// # Errors
/// When `out` fails.
pub fn timeouts(timeouts: &Timeouts, out: &mut impl Write) -> io::Result<()> {
    begin(out)?;
    member(out, "timeouts", &TimeoutsView::from(timeouts))?;
    writeln!(out, "}}")
}

/// Writes the sync daemons.
///
/// Equivalent to `ipvsadm -L --daemon`.
///
/// # Errors
/// When `out` fails.
pub fn sync_daemons(daemons: &[SyncDaemon], out: &mut impl Write) -> io::Result<()> {
    begin(out)?;
    let mut items = Items::begin(out, "sync_daemons")?;
    for daemon in daemons {
        items.item(&SyncDaemonView::from(daemon))?;
    }
    items.end()
}

/// Writes the version, the size of the connection table, and the state of the kernel's hash tables where
/// the kernel shows it.
///
/// ipvsadm has no equivalent; it is `/proc/net/ip_vs_status`.
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use lb_ipvs::{Info, Status};
/// use lb_ipvsadm::json;
/// let status = Status::parse("Conn buckets:\t256 (8 bits, lfactor -4)\n");
/// let mut out = Vec::new();
/// json::status(&Info::default(), Some(&status), &mut out)?;
/// let document: serde_json::Value = serde_json::from_slice(&out)?;
/// assert_eq!(document["status"]["connections"]["buckets"], 256);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn status(info: &Info, status: Option<&Status>, out: &mut impl Write) -> io::Result<()> {
    begin(out)?;
    member(out, "version", &info.version.to_string())?;
    member(out, "connection_table_size", &info.connection_table_size)?;
    member(out, "status", &status.map(StatusView::from))?;
    writeln!(out, "}}")
}

/// The brace and the first member.
fn begin(out: &mut impl Write) -> io::Result<()> {
    write!(out, "{{\"schema\":\"{SCHEMA}\"")
}

fn member(out: &mut impl Write, name: &str, value: &impl Serialize) -> io::Result<()> {
    write!(out, ",\"{name}\":")?;
    Ok(serde_json::to_writer(out, value)?)
}

/// The last member, a list, one element a line, and the closing brace.
struct Items<'a, W> {
    out: &'a mut W,
    separator: &'static str,
}

impl<'a, W: Write> Items<'a, W> {
    fn begin(out: &'a mut W, name: &str) -> io::Result<Self> {
        write!(out, ",\"{name}\":[")?;
        Ok(Self {
            out,
            separator: "\n",
        })
    }

    fn item(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.out.write_all(self.separator.as_bytes())?;
        self.separator = ",\n";
        Ok(serde_json::to_writer(&mut *self.out, value)?)
    }

    fn end(self) -> io::Result<()> {
        self.out.write_all(b"]}\n")
    }
}
