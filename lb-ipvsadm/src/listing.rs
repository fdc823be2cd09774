// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipvsadm -L`.

use std::{
    fmt::{self, Write},
    net::SocketAddr,
};

use lb_ipvs::{
    AddressFamily, DestinationEntry, ForwardingMethod, Info, PlainDestination, PlainEntry, Rates,
    Service, ServiceFlags, Stats, TableEntry, Tunnel, TunnelFlags, TunnelKind,
};

use super::{
    names::{Names, Numeric, cut, endpoint, scheduler_flags, service as service_name},
    number::Number,
    sort::in_order,
};

/// Which columns a listing has.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Columns {
    /// Forwarding method, weight, connections.
    #[default]
    Plain,
    /// Totals. `--stats`
    Stats,
    /// Rates per second. `--rate`
    Rates,
    /// Connection thresholds. `--thresholds`
    Thresholds,
    /// Persistence templates. `--persistent-conn`
    PersistentConnections,
    /// Kinds of tunnels. `--tun-info`
    Tunnels,
}

/// How a table is listed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Listing<'a> {
    /// Which columns.
    pub columns: Columns,
    /// Whether large counters are printed in full. `--exact`
    pub exact: bool,
    /// Whether the list is sorted, as it is without `--nosort`.
    pub sort: bool,
    /// Whether the line with the version comes first, as it does without a service to list.
    pub version: bool,
    /// Where names come from; [`Numeric`] is `-n`.
    pub names: &'a dyn Names,
}

impl Default for Listing<'_> {
    /// As `ipvsadm -L -n`.
    fn default() -> Self {
        Self {
            columns: Columns::Plain,
            exact: false,
            sort: true,
            version: true,
            names: &Numeric,
        }
    }
}

impl<'a> Listing<'a> {
    /// The same with these columns.
    #[must_use]
    pub const fn with_columns(mut self, columns: Columns) -> Self {
        self.columns = columns;
        self
    }

    /// The same, with large counters in full or not.
    #[must_use]
    pub const fn with_exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }

    /// The same, sorted or not.
    #[must_use]
    pub const fn with_sort(mut self, sort: bool) -> Self {
        self.sort = sort;
        self
    }

    /// The same, with or without the version line.
    #[must_use]
    pub const fn with_version(mut self, version: bool) -> Self {
        self.version = version;
        self
    }

    /// The same with names.
    #[must_use]
    pub const fn with_names(mut self, names: &'a dyn Names) -> Self {
        self.names = names;
        self
    }
}

/// Writes a table as `ipvsadm -L` prints it.
///
/// # Errors
/// When `out` fails.
pub fn listing(
    options: &Listing<'_>,
    info: &Info,
    table: &[TableEntry],
    out: &mut impl Write,
) -> fmt::Result {
    head(options, options.columns, info, out)?;
    for (entry, destinations) in in_order(table, options.sort) {
        service_row(options, entry, out)?;
        for destination in destinations {
            destination_row(options, &entry.service.service, destination, out)?;
        }
    }
    Ok(())
}

/// Writes a table as `ipvsadm -L` prints it, from the little that its plain columns need.
///
/// The columns are [`Columns::Plain`] whatever the options say.
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use lb_ipvs::{Info, PlainEntry, Scheduler, Service, ServiceKey, Version};
/// use lb_ipvsadm::Listing;
///
/// let service = Service::new(ServiceKey::tcp("10.0.0.1:80".parse()?), Scheduler::RoundRobin);
/// let table = [PlainEntry { service, destinations: Vec::new() }];
/// let info = Info { version: Version::new(1, 2, 1), connection_table_size: 4096 };
/// let mut out = String::new();
/// lb_ipvsadm::plain_listing(&Listing::default(), &info, &table, &mut out)?;
/// assert_eq!(out.lines().last(), Some("TCP  10.0.0.1:80 rr"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plain_listing(
    options: &Listing<'_>,
    info: &Info,
    table: &[PlainEntry],
    out: &mut impl Write,
) -> fmt::Result {
    head(options, Columns::Plain, info, out)?;
    for (entry, destinations) in in_order(table, options.sort) {
        plain_service(options, &entry.service, out)?;
        for destination in destinations {
            destination_name(options, &entry.service, &destination.address, out)?;
            plain_columns(destination, out)?;
        }
    }
    Ok(())
}

fn head(options: &Listing<'_>, columns: Columns, info: &Info, out: &mut impl Write) -> fmt::Result {
    if options.version {
        let size = info.connection_table_size;
        writeln!(
            out,
            "IP Virtual Server version {} (size={size})",
            info.version
        )?;
    }
    title(columns, out)
}

fn title(columns: Columns, out: &mut impl Write) -> fmt::Result {
    const ADDRESS: &str = "Prot LocalAddress:Port";
    const REMOTE: &str = "  -> RemoteAddress:Port";
    fn counter_titles(out: &mut impl Write, [a, b, c, d, e]: [&str; 5]) -> fmt::Result {
        writeln!(
            out,
            "{ADDRESS:<33} {a:>8} {b:>8} {c:>8} {d:>8} {e:>8}
{REMOTE}"
        )
    }
    match columns {
        Columns::Plain => writeln!(
            out,
            "{ADDRESS} Scheduler Flags\n\
             {REMOTE}           Forward Weight ActiveConn InActConn"
        ),
        Columns::Tunnels => writeln!(
            out,
            "{ADDRESS} Scheduler Flags\n\
             {REMOTE}           Forward TunnelInfo    Weight ActiveConn InActConn"
        ),
        Columns::Stats => {
            counter_titles(out, ["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"])
        }
        Columns::Rates => counter_titles(out, ["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"]),
        Columns::Thresholds => {
            let [a, b, c, d] = ["Uthreshold", "Lthreshold", "ActiveConn", "InActConn"];
            writeln!(
                out,
                "{ADDRESS:<33} {a:<10} {b:<10} {c:<10} {d:<10}\n{REMOTE}"
            )
        }
        Columns::PersistentConnections => {
            let [a, b, c, d] = ["Weight", "PersistConn", "ActiveConn", "InActConn"];
            writeln!(
                out,
                "{ADDRESS:<33} {a:<9} {b:<11} {c:<10} {d:<10}\n{REMOTE}"
            )
        }
    }
}

fn service_row(options: &Listing<'_>, entry: &TableEntry, out: &mut impl Write) -> fmt::Result {
    let TableEntry { service, .. } = entry;
    match options.columns {
        Columns::Stats | Columns::Rates => {
            let name = service_name(options.names, &service.service.key);
            write!(out, "{name:<33}")?;
        }
        Columns::Plain
        | Columns::Thresholds
        | Columns::PersistentConnections
        | Columns::Tunnels => return plain_service(options, &service.service, out),
    }
    if options.columns == Columns::Stats {
        return totals(options, &service.stats, out);
    }
    let rates = &service.stats.rates;
    counters(
        options,
        [
            rates.connections,
            rates.incoming_packets,
            rates.outgoing_packets,
        ],
        out,
    )?;
    byte_rates(options, rates, out)
}

fn plain_service(options: &Listing<'_>, service: &Service, out: &mut impl Write) -> fmt::Result {
    let name = service_name(options.names, &service.key);
    write!(out, "{name} {}", service.scheduler)?;
    service_flags(service, out)?;
    writeln!(out)
}

fn totals(options: &Listing<'_>, stats: &Stats, out: &mut impl Write) -> fmt::Result {
    let values = [
        stats.connections,
        stats.incoming_packets,
        stats.outgoing_packets,
        stats.incoming_bytes,
        stats.outgoing_bytes,
    ];
    counters(options, values, out)?;
    writeln!(out)
}

fn byte_rates(options: &Listing<'_>, rates: &Rates, out: &mut impl Write) -> fmt::Result {
    counters(options, [rates.incoming_bytes, rates.outgoing_bytes], out)?;
    writeln!(out)
}

fn counters<const N: usize>(
    options: &Listing<'_>,
    values: [u64; N],
    out: &mut impl Write,
) -> fmt::Result {
    let exact = options.exact;
    for value in values {
        write!(out, "{}", Number { value, exact })?;
    }
    Ok(())
}

/// What follows the scheduler.
fn service_flags(service: &Service, out: &mut impl Write) -> fmt::Result {
    if let Some(flags) = scheduler_flags(&service.scheduler, service.flags) {
        write!(out, " ({flags})")?;
    }
    if let Some(persistence) = service.persistence {
        write!(out, " persistent {}", persistence.seconds())?;
        if !service.netmask.is_host() {
            write!(out, " mask {}", service.netmask)?;
        }
        if let Some(engine) = &service.persistence_engine {
            write!(out, " pe {engine}")?;
        }
    }
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        out.write_str(" ops")?;
    }
    Ok(())
}

fn destination_row(
    options: &Listing<'_>,
    service: &Service,
    entry: &DestinationEntry,
    out: &mut impl Write,
) -> fmt::Result {
    let destination = &entry.destination;
    destination_name(options, service, &destination.address, out)?;
    let (active, inactive) = (entry.connections.active, entry.connections.inactive);
    let (method, weight) = (destination.forwarding, destination.weight.get());
    match options.columns {
        Columns::Plain => plain_columns(&entry.into(), out),
        Columns::Tunnels => {
            let tunnel = tunnel_info(destination.forwarding);
            writeln!(
                out,
                " {method:<7} {tunnel:<13} {weight:<6} {active:<10} {inactive:<10}"
            )
        }
        Columns::Stats => totals(options, &entry.stats, out),
        Columns::Rates => {
            let rates = &entry.stats.rates;
            let [a, b, c] = [
                rates.connections,
                rates.incoming_packets,
                rates.outgoing_packets,
            ];
            write!(out, " {a:>8} {b:>8} {c:>8}")?;
            byte_rates(options, rates, out)
        }
        Columns::Thresholds => {
            let (upper, lower) = (destination.thresholds.upper, destination.thresholds.lower);
            writeln!(out, " {upper:<10} {lower:<10} {active:<10} {inactive:<10}")
        }
        Columns::PersistentConnections => {
            let persistent = entry.connections.persistent;
            writeln!(
                out,
                " {weight:<9} {persistent:<11} {active:<10} {inactive:<10}"
            )
        }
    }
}

fn destination_name(
    options: &Listing<'_>,
    service: &Service,
    address: &SocketAddr,
    out: &mut impl Write,
) -> fmt::Result {
    let name = endpoint(options.names, service.key.protocol(), address);
    let name = cut(name, AddressFamily::for_address(address), 28);
    write!(out, "  -> {name:<28}")
}

fn plain_columns(destination: &PlainDestination, out: &mut impl Write) -> fmt::Result {
    let PlainDestination {
        forwarding,
        weight,
        active,
        inactive,
        ..
    } = destination;
    let weight = weight.get();
    writeln!(
        out,
        " {forwarding:<7} {weight:<6} {active:<10} {inactive:<10}"
    )
}

/// `gue:6080:r+c` and the like.
fn tunnel_info(method: ForwardingMethod) -> String {
    let ForwardingMethod::Tunnel(Tunnel {
        kind, port, flags, ..
    }) = method
    else {
        return "n/a".to_owned();
    };
    let checksum = if flags.contains(TunnelFlags::REMOTE_CHECKSUM) {
        "r+c"
    } else if flags.contains(TunnelFlags::CHECKSUM) {
        "+c"
    } else {
        "-c"
    };
    match kind {
        TunnelKind::Ipip => "ipip".to_owned(),
        TunnelKind::Gue => format!("gue:{port}:{checksum}"),
        TunnelKind::Gre => format!("gre:{checksum}"),
        TunnelKind::Other(number) => format!("{number}:{port}:{checksum}"),
    }
}
