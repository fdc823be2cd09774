// SPDX-License-Identifier: MIT OR Apache-2.0
//! Entries straight from the bytes of a reply: what the conversions of attributes give, without the
//! attributes in between, which cost a dozen allocations for each destination.

use netlink_packet_core::{NlaBuffer, NlasIterator, Parseable};

use super::{
    codec::parse_all,
    constants::*,
    convert::{DestinationParts, ServiceParts, daemon_of},
    daemon::DaemonAttribute,
    destination::DestinationAttribute,
    service::ServiceAttribute,
    stats::{Stats32Attribute, Stats64Attribute},
};
use crate::{
    entry::{DestinationEntry, ServiceEntry},
    error::DecodeError,
    service::{AddressFamily, Service},
    settings::SyncDaemon,
    stats::Stats,
};

type Attribute<'a> = NlaBuffer<&'a [u8]>;

/// Reads each nest of one kind in `attributes` by `read`, and collects the results.
fn each<T>(
    attributes: &[u8],
    kind: u16,
    found: &mut Vec<T>,
    read: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<(), DecodeError> {
    for attribute in NlasIterator::new(attributes) {
        let attribute: Attribute<'_> = attribute.map_err(DecodeError::malformed)?;
        if attribute.kind() == kind {
            found.push(read(attribute.value())?);
        }
    }
    Ok(())
}

/// Goes through the attributes of a nest. Counters are what a reply mostly consists of, twice: of
/// the two nests only the wider one is read, unless a kernel has no other.
fn go_through(
    nest: &[u8],
    [narrow, wide]: [u16; 2],
    mut take: impl FnMut(&Attribute<'_>) -> Result<(), DecodeError>,
) -> Result<Option<Stats>, DecodeError> {
    let mut counters: [Option<Attribute<'_>>; 2] = [None, None];
    for attribute in NlasIterator::new(nest) {
        let attribute: Attribute<'_> = attribute.map_err(DecodeError::malformed)?;
        match attribute.kind() {
            kind if kind == narrow => counters[0] = Some(attribute),
            kind if kind == wide => counters[1] = Some(attribute),
            _ => take(&attribute)?,
        }
    }
    match counters {
        [_, Some(wide)] => Stats64Attribute::stats_in(wide.value()).map(Some),
        [Some(narrow), None] => Stats32Attribute::stats_in(narrow.value()).map(Some),
        [None, None] => Ok(None),
    }
    .map_err(DecodeError::malformed)
}

fn service(nest: &[u8]) -> Result<ServiceEntry, DecodeError> {
    let mut parts = ServiceParts::default();
    let counters = [IPVS_SVC_ATTR_STATS, IPVS_SVC_ATTR_STATS64];
    parts.stats64 = go_through(nest, counters, |attribute| {
        parts.take(&ServiceAttribute::parse(attribute).map_err(DecodeError::malformed)?);
        Ok(())
    })?;
    parts.entry()
}

fn destination(nest: &[u8], family: AddressFamily) -> Result<DestinationEntry, DecodeError> {
    let mut parts = DestinationParts::default();
    let counters = [IPVS_DEST_ATTR_STATS, IPVS_DEST_ATTR_STATS64];
    parts.stats64 = go_through(nest, counters, |attribute| {
        parts.take(&DestinationAttribute::parse(attribute).map_err(DecodeError::malformed)?);
        Ok(())
    })?;
    parts.entry(family)
}

/// The services in the attributes of a reply.
pub(crate) fn services(
    attributes: &[u8],
    found: &mut Vec<ServiceEntry>,
) -> Result<(), DecodeError> {
    each(attributes, IPVS_CMD_ATTR_SERVICE, found, service)
}

/// The services in the attributes of a reply, without their counters.
pub(crate) fn configured_services(
    attributes: &[u8],
    found: &mut Vec<Service>,
) -> Result<(), DecodeError> {
    each(attributes, IPVS_CMD_ATTR_SERVICE, found, |nest| {
        let mut parts = ServiceParts::default();
        for attribute in NlasIterator::new(nest) {
            let attribute: Attribute<'_> = attribute.map_err(DecodeError::malformed)?;
            if !matches!(
                attribute.kind(),
                IPVS_SVC_ATTR_STATS | IPVS_SVC_ATTR_STATS64
            ) {
                parts.take(&ServiceAttribute::parse(&attribute).map_err(DecodeError::malformed)?);
            }
        }
        parts.entry().map(|entry| entry.service)
    })
}

/// The destinations in the attributes of a reply about a service of `family`.
pub(crate) fn destinations(
    attributes: &[u8],
    family: AddressFamily,
    found: &mut Vec<DestinationEntry>,
) -> Result<(), DecodeError> {
    each(attributes, IPVS_CMD_ATTR_DEST, found, |nest| {
        destination(nest, family)
    })
}

/// The sync daemons in the attributes of a reply.
pub(crate) fn daemons(attributes: &[u8], found: &mut Vec<SyncDaemon>) -> Result<(), DecodeError> {
    each(attributes, IPVS_CMD_ATTR_DAEMON, found, |nest| {
        daemon_of(&parse_all::<DaemonAttribute>(nest).map_err(DecodeError::malformed)?)
    })
}
