// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events of draining and watching, one line each.

use std::{
    io::{self, Write},
    net::{IpAddr, SocketAddr},
};

use lb_ipvs::{Connections, Difference, DrainEvent, DrainStep, Stats};
use serde::Serialize;

use super::{
    SCHEMA,
    view::{
        ConnectionsView, DestinationConfiguration, KeyView, RatesView, ServiceConfiguration,
        StatsView,
    },
};

#[derive(Debug, Serialize)]
struct AddressView {
    address: IpAddr,
    port: u16,
}

impl From<SocketAddr> for AddressView {
    fn from(address: SocketAddr) -> Self {
        Self {
            address: address.ip(),
            port: address.port(),
        }
    }
}

#[derive(Debug, Serialize)]
struct DrainView {
    schema: &'static str,
    event: &'static str,
    service: KeyView,
    destination: AddressView,
    weight: Option<u32>,
    connections: Option<ConnectionsView>,
}

#[derive(Debug, Serialize)]
struct DifferenceView<'a> {
    schema: &'static str,
    event: &'static str,
    service: KeyView,
    destination: Option<AddressView>,
    old: Option<SideView<'a>>,
    new: Option<SideView<'a>>,
}

/// One side of a difference: the part that differs.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum SideView<'a> {
    Service(ServiceConfiguration<'a>),
    Destination(DestinationConfiguration),
    Connections(ConnectionsView),
    Counters { stats: StatsView, rates: RatesView },
}

impl From<&Connections> for SideView<'_> {
    fn from(connections: &Connections) -> Self {
        Self::Connections(connections.into())
    }
}

impl From<&Stats> for SideView<'_> {
    fn from(stats: &Stats) -> Self {
        Self::Counters {
            stats: stats.into(),
            rates: (&stats.rates).into(),
        }
    }
}

/// Writes a step of draining as one line.
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```no_run
/// use lb_ipvs::DrainOptions;
/// use lb_ipvsadm::json;
/// # #[cfg(feature = "netlink")]
/// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
/// let targets = ipvs.find_destinations("192.168.1.61".parse()?, None).await?;
/// let mut lines = Vec::new();
/// ipvs.drain(&targets, &DrainOptions::default(), |event| {
///     let _ = json::drain_event(event, &mut lines);
/// }).await?;
/// # Ok(())
/// # }
/// ```
pub fn drain_event(event: &DrainEvent, out: &mut impl Write) -> io::Result<()> {
    let (name, weight, connections) = match &event.step {
        DrainStep::Quiesced { before } => ("quiesced", Some(before.weight), None),
        DrainStep::Waiting(connections) => ("waiting", None, Some(connections)),
        DrainStep::Drained => ("drained", None, None),
        DrainStep::TimedOut(connections) => ("timed-out", None, Some(connections)),
        DrainStep::Reweighted(weight) => ("reweighted", Some(*weight), None),
        DrainStep::Gone => ("gone", None, None),
        DrainStep::Deleted => ("deleted", None, None),
    };
    let view = DrainView {
        schema: SCHEMA,
        event: name,
        service: (&event.key).into(),
        destination: event.address.into(),
        weight: weight.map(lb_ipvs::Weight::get),
        connections: connections.map(Into::into),
    };
    line(&view, out)
}

/// Writes a difference as one line.
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use lb_ipvs::{Difference, ServiceKey};
/// use lb_ipvsadm::json;
/// let gone = Difference::ServiceWent(ServiceKey::tcp("192.168.1.50:80".parse()?));
/// let mut out = Vec::new();
/// json::difference(&gone, &mut out)?;
/// assert!(out.starts_with(br#"{"schema":"lbctl.ipvs/1","event":"service-went""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn difference(difference: &Difference, out: &mut impl Write) -> io::Result<()> {
    let (event, old, new) = match difference {
        Difference::ServiceAppeared(new) => (
            "service-appeared",
            None,
            Some(SideView::Service(new.into())),
        ),
        Difference::ServiceChanged { old, new } => (
            "service-changed",
            Some(SideView::Service(old.into())),
            Some(SideView::Service(new.into())),
        ),
        Difference::ServiceWent(_) => ("service-went", None, None),
        Difference::DestinationAppeared(_, new) => (
            "destination-appeared",
            None,
            Some(SideView::Destination(new.into())),
        ),
        Difference::DestinationChanged { old, new, .. } => (
            "destination-changed",
            Some(SideView::Destination(old.into())),
            Some(SideView::Destination(new.into())),
        ),
        Difference::DestinationWent(..) => ("destination-went", None, None),
        Difference::Connections { old, new, .. } => {
            ("connections", Some(old.into()), Some(new.into()))
        }
        Difference::ServiceStats { old, new, .. } => {
            ("service-counters", Some(old.into()), Some(new.into()))
        }
        Difference::DestinationStats { old, new, .. } => {
            ("destination-counters", Some(old.into()), Some(new.into()))
        }
    };
    let view = DifferenceView {
        schema: SCHEMA,
        event,
        service: (&difference.key()).into(),
        destination: difference.address().map(Into::into),
        old,
        new,
    };
    line(&view, out)
}

/// Writes the first line of a watch: how large the table is.
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use lb_ipvsadm::json;
/// let mut out = Vec::new();
/// json::table_size(2, 8, &mut out)?;
/// assert_eq!(
///     out,
///     b"{\"schema\":\"lbctl.ipvs/1\",\"event\":\"table\",\"services\":2,\"destinations\":8}\n",
/// );
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn table_size(services: usize, destinations: usize, out: &mut impl Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct TableSize {
        schema: &'static str,
        event: &'static str,
        services: usize,
        destinations: usize,
    }
    let view = TableSize {
        schema: SCHEMA,
        event: "table",
        services,
        destinations,
    };
    line(&view, out)
}

fn line(view: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, view)?;
    out.write_all(b"\n")
}
