// SPDX-License-Identifier: MIT OR Apache-2.0
//! Forwarding methods of virtual and real servers.

use lb_ipvs::{ForwardingMethod, Tunnel, TunnelFlags};

use super::Diagnostic;
use super::line::{At, Context};
use super::tree::NodeId;
use super::vocabulary::nearest;

/// What follows a keyword that sets a forwarding method.
pub(super) const METHOD: &str = "NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]";

/// `NAT`, `DR` or `TUN`, the latter with `type ipip|gue|gre [port N]` and `nocsum|csum|remcsum`.
pub(super) fn method(context: &mut Context<'_>, line: NodeId) -> Option<At<ForwardingMethod>> {
    let name = context.argument(line, 0, "NAT, DR or TUN")?;
    context.no_block(line);
    let choices = [
        ("NAT", ForwardingMethod::Masquerade),
        ("DR", ForwardingMethod::DirectRouting),
        ("TUN", ForwardingMethod::Tunnel(Tunnel::ipip())),
    ];
    let mut method = context.one_of(name, "a forwarding method", &choices)?;
    if let ForwardingMethod::Tunnel(_) = method.value {
        method.value = ForwardingMethod::Tunnel(tunnel(context, line, name)?);
    } else {
        context.extra(line, 1);
    }
    Some(method)
}

fn tunnel(context: &mut Context<'_>, line: NodeId, name: At<&str>) -> Option<Tunnel> {
    const OPTIONS: [&str; 5] = ["type", "port", "nocsum", "csum", "remcsum"];
    let mut kind = At::new("ipip", name.span);
    let mut port: Option<At<u32>> = None;
    let mut checksum: Option<At<TunnelFlags>> = None;
    let mut words = context.arguments(line).iter().skip(1);
    while let Some(word) = words.next() {
        let option = At::new(context.text(word), word.span);
        let mut value = || {
            let word = words.next()?;
            Some(At::new(context.text(word), word.span))
        };
        match option.value {
            "type" => kind = value().or_else(|| needs(context, option))?,
            "port" => {
                let value = value().or_else(|| needs(context, option))?;
                port = context.number_in(line, value, 1..=65535);
            }
            "nocsum" => checksum = None,
            "csum" => checksum = Some(At::new(TunnelFlags::CHECKSUM, option.span)),
            "remcsum" => checksum = Some(At::new(TunnelFlags::REMOTE_CHECKSUM, option.span)),
            unknown => {
                let finding = Diagnostic::error(option.span, format!("unknown option `{unknown}`"));
                context
                    .findings
                    .push(finding.suggest(nearest(unknown, OPTIONS)));
            }
        }
    }
    let number = port.and_then(|port| u16::try_from(port.value).ok());
    let tunnel = match (kind.value, number) {
        ("ipip", None) => Tunnel::ipip(),
        ("gre", None) => Tunnel::gre(),
        ("gue", Some(port)) => Tunnel::gue(port),
        ("gue", None) => {
            context.error(kind.span, "a `gue` tunnel needs a port");
            return None;
        }
        ("ipip" | "gre", Some(_)) => {
            context.error(
                port.map_or(kind.span, |port| port.span),
                "only `gue` has a port",
            );
            if kind.value == "gre" {
                Tunnel::gre()
            } else {
                Tunnel::ipip()
            }
        }
        _ => {
            let finding = context.not_a(
                kind,
                "a tunnel",
                nearest(kind.value, ["ipip", "gue", "gre"]),
            );
            context.findings.push(finding.note("one of ipip, gue, gre"));
            return None;
        }
    };
    let Some(flags) = checksum else {
        return Some(tunnel);
    };
    let impossible = kind.value == "ipip"
        || (kind.value == "gre" && flags.value == TunnelFlags::REMOTE_CHECKSUM);
    if impossible {
        context.error(flags.span, format!("`{}` has no such checksum", kind.value));
        return Some(tunnel);
    }
    Some(tunnel.with_flags(flags.value))
}

fn needs<T>(context: &mut Context<'_>, option: At<&str>) -> Option<T> {
    context.error(option.span, format!("`{}` needs a value", option.value));
    None
}
