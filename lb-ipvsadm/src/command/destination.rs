// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-a` and `-e`: the whole destination, defaults included.

use std::net::SocketAddr;

use lb_ipvs::{
    AddressFamily, Destination, ForwardingMethod, Thresholds, Tunnel, TunnelFlags, Weight,
};

use super::{
    UsageError,
    draft::{Draft, Subject},
    legality::Legality,
    options::{Forward, OptionName},
};

/// Makes the destination `server` of `subject` out of the draft.
pub(crate) fn destination(
    draft: &Draft,
    subject: Subject,
    mut server: SocketAddr,
) -> Result<Destination, UsageError> {
    if draft.forward != Forward::Tunnel
        && AddressFamily::for_address(&server) != subject.key().family()
    {
        return Err(UsageError::FamilyMismatch);
    }
    let forwarding = match draft.forward {
        Forward::Tunnel => ForwardingMethod::Tunnel(tunnel(draft)?),
        _ if tunnel_options(draft).next().is_some() => {
            return Err(UsageError::TunnelWithoutForwarding);
        }
        Forward::DirectRouting => ForwardingMethod::DirectRouting,
        Forward::Masquerade => ForwardingMethod::Masquerade,
    };
    // Neither direct routing nor a tunnel changes the port, so it can only be the service's.
    if let (Subject::Address { port, .. }, Forward::DirectRouting | Forward::Tunnel) =
        (subject, draft.forward)
    {
        server.set_port(port.unwrap_or(0));
    }
    Ok(any_destination(draft, forwarding, server))
}

/// The same without a look at what ipvsadm allows.
pub(crate) fn any_destination(
    draft: &Draft,
    forwarding: ForwardingMethod,
    server: SocketAddr,
) -> Destination {
    let unsigned = |number: i64| u32::try_from(number).unwrap_or(0);
    Destination::new(server)
        .with_forwarding(forwarding)
        .with_weight(Weight::new(unsigned(draft.weight)).unwrap_or_default())
        .with_thresholds(Thresholds {
            upper: unsigned(draft.upper),
            lower: unsigned(draft.lower),
        })
}

const TUNNEL_OPTIONS: [OptionName; 5] = [
    OptionName::TunType,
    OptionName::TunPort,
    OptionName::TunNoCsum,
    OptionName::TunCsum,
    OptionName::TunRemCsum,
];

pub(crate) fn tunnel_options(draft: &Draft) -> impl Iterator<Item = OptionName> {
    TUNNEL_OPTIONS
        .into_iter()
        .filter(|option| draft.has(*option))
}

fn tunnel(draft: &Draft) -> Result<Tunnel, UsageError> {
    let name = match draft.tunnel_type.as_str() {
        "gue" => "gue",
        "gre" => "gre",
        _ => "ipip",
    };
    let mut checksum = None;
    for option in TUNNEL_OPTIONS {
        match (tunnel_legality(name, option), draft.has(option)) {
            (Legality::Required, false) => {
                return Err(UsageError::TunnelMissing {
                    option,
                    tunnel: name,
                });
            }
            (Legality::Illegal, true) => {
                return Err(UsageError::TunnelIllegal {
                    option,
                    tunnel: name,
                });
            }
            (Legality::OneOf, true) => {
                if let Some(earlier) = checksum.replace(option) {
                    return Err(UsageError::TunnelConflict {
                        later: option,
                        earlier,
                        tunnel: name,
                    });
                }
            }
            _ => {}
        }
    }
    let flags = match checksum {
        Some(OptionName::TunCsum) => TunnelFlags::CHECKSUM,
        Some(OptionName::TunRemCsum) => TunnelFlags::REMOTE_CHECKSUM,
        _ => TunnelFlags::empty(),
    };
    Ok(match name {
        "gue" => Tunnel::gue(u16::try_from(draft.tunnel_port).unwrap_or(0)),
        "gre" => Tunnel::gre(),
        _ => Tunnel::ipip(),
    }
    .with_flags(flags))
}

fn tunnel_legality(tunnel: &str, option: OptionName) -> Legality {
    match (tunnel, option) {
        (_, OptionName::TunType) => Legality::Optional,
        ("gue", OptionName::TunPort) => Legality::Required,
        ("gue", OptionName::TunNoCsum | OptionName::TunCsum | OptionName::TunRemCsum)
        | ("gre", OptionName::TunNoCsum | OptionName::TunCsum) => Legality::OneOf,
        _ => Legality::Illegal,
    }
}
