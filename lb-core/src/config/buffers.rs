// SPDX-License-Identifier: MIT OR Apache-2.0
//! The receive buffers of VRRP's sockets.

use lb_vrrp::{NetlinkBuffer, NetlinkBuffers, ReceiveBuffer};

use super::Diagnostic;
use super::line::{At, Context};
use super::tree::NodeId;

/// The kernel takes an int, and doubles it.
pub(super) const LARGEST: u32 = i32::MAX.unsigned_abs() / 2;
/// `vrrp_rx_bufs_multiplier` unless given.
const MULTIPLIER: u32 = 3;

/// `vrrp_rx_bufs_policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Mtu,
    Advert,
    Bytes(u32),
}

#[derive(Debug, Default)]
pub(super) struct BuffersConfig {
    pub(super) policy: Option<At<Policy>>,
    pub(super) multiplier: Option<At<u32>>,
    pub(super) commands: NetlinkConfig,
    pub(super) monitor: NetlinkConfig,
}

#[derive(Debug, Default)]
pub(super) struct NetlinkConfig {
    pub(super) bytes: Option<At<u32>>,
    pub(super) force: Option<At<bool>>,
}

impl BuffersConfig {
    /// The receive buffer of a router without a setting of its own.
    pub(super) fn policy(&self) -> Option<ReceiveBuffer> {
        let count = self.multiplier.map_or(MULTIPLIER, |at| at.value);
        self.policy.map(|at| match at.value {
            Policy::Mtu => ReceiveBuffer::Packets(count),
            Policy::Advert => ReceiveBuffer::Adverts(count),
            Policy::Bytes(bytes) => ReceiveBuffer::Bytes(bytes),
        })
    }

    /// Those of the netlink sockets.
    pub(super) fn netlink(&self, context: &mut Context<'_>) -> NetlinkBuffers {
        let counts = !matches!(
            self.policy,
            Some(At {
                value: Policy::Mtu | Policy::Advert,
                ..
            })
        );
        if let Some(at) = self.multiplier.filter(|_| counts) {
            let message =
                "`vrrp_rx_bufs_multiplier` goes with `vrrp_rx_bufs_policy` MTU or ADVERT only";
            let finding = Diagnostic::warning(at.span, message);
            context.findings.push(finding.label("ignored"));
        }
        NetlinkBuffers::default()
            .with_commands(self.commands.buffer(context, "vrrp_netlink_cmd_rcv_bufs"))
            .with_monitor(
                self.monitor
                    .buffer(context, "vrrp_netlink_monitor_rcv_bufs"),
            )
    }
}

impl NetlinkConfig {
    fn buffer(&self, context: &mut Context<'_>, keyword: &str) -> Option<NetlinkBuffer> {
        let force = self.force.filter(|at| at.value);
        let Some(bytes) = self.bytes else {
            if let Some(at) = force {
                let message = format!("`{keyword}_force` goes with `{keyword}` only");
                let finding = Diagnostic::warning(at.span, message);
                context.findings.push(finding.label("ignored"));
            }
            return None;
        };
        Some(NetlinkBuffer::new(bytes.value, force.is_some()))
    }
}

/// `MTU`, `ADVERT` or a number of bytes.
pub(super) fn policy(context: &mut Context<'_>, line: NodeId) -> Option<At<Policy>> {
    let text = context.value(line, "MTU, ADVERT or a number of bytes")?;
    let policy = match text.value {
        "MTU" => Policy::Mtu,
        "ADVERT" => Policy::Advert,
        _ => Policy::Bytes(context.number_in(line, text, 1..=LARGEST)?.value),
    };
    Some(At::new(policy, text.span))
}
