// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ipvlan of an instance.

use std::net::IpAddr;

use lb_vrrp::IpvlanMode;

use super::line::{At, Context};
use super::tree::NodeId;
use super::vmac::{no_effect, value};

#[derive(Debug, Default)]
pub(super) struct IpvlanConfig {
    pub(super) name: Option<At<String>>,
    pub(super) mode: IpvlanMode,
    /// The source of adverts and its prefix length.
    pub(super) address: Option<At<(IpAddr, u8)>>,
}

impl IpvlanConfig {
    /// `use_ipvlan [[name] IFNAME] [ADDRESS[/PREFIX]] [bridge|private|vepa] [group G]`.
    pub(super) fn read(context: &mut Context<'_>, line: NodeId) -> Self {
        context.no_block(line);
        let mut config = Self::default();
        let mut words = context.arguments(line).iter();
        while let Some(word) = words.next() {
            let option = At::new(context.text(word), word.span);
            match option.value {
                "bridge" => config.mode = IpvlanMode::Bridge,
                "private" => config.mode = IpvlanMode::Private,
                "vepa" => config.mode = IpvlanMode::Vepa,
                "name" => {
                    if let Some(name) = value(context, option, words.next()) {
                        config.name = context.interface(name);
                    }
                }
                "group" => {
                    value(context, option, words.next());
                    no_effect(context, option, "the interface stays in the default group");
                }
                text => match address(text) {
                    Some(address) => config.address = Some(At::new(address, option.span)),
                    None if config.name.is_none() => config.name = context.interface(option),
                    None => {
                        let message = format!("unknown option `{text}` of `use_ipvlan`");
                        context.error(option.span, message);
                    }
                },
            }
        }
        config
    }
}

/// An address with the length of its prefix, that of the whole address unless given.
fn address(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    Some((address, length.unwrap_or(whole)))
}
