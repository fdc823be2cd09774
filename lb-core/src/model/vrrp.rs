// SPDX-License-Identifier: MIT OR Apache-2.0
//! What concerns all virtual routers together.

use std::time::Duration;

use lb_vrrp::spec::Scheduling;
use lb_vrrp::{CarrierDelay, LinkPoll, NetlinkBuffers, Pacing};

/// Settings of all virtual routers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VrrpSettings {
    /// How long after the start of the program no router takes part. keepalived:
    /// `vrrp_startup_delay`.
    pub startup_delay: Option<Duration>,
    /// The same from the boot of the machine on; the later of the two holds. keepalived:
    /// `vrrp_delay_after_boot`.
    pub delay_after_boot: Option<Duration>,
    /// Adverts of virtual routers that are not here are logged. keepalived: `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
    /// An instance whose interfaces are not there yet is in Fault until they come, instead of being
    /// an error. keepalived: `dynamic_interfaces`.
    pub dynamic_interfaces: bool,
    /// How far apart announcements are. keepalived: `vrrp_garp_interval`, `vrrp_gna_interval`,
    /// `garp_group`.
    pub pacing: Pacing,
    /// How long a change of an interface has to last before it counts. keepalived:
    /// `interface_up_down_delays`.
    pub carrier_delays: Vec<CarrierDelay>,
    /// Interfaces whose link is asked for its state. keepalived: `linkbeat_interfaces`,
    /// `linkbeat_use_polling`.
    pub link_polls: Vec<LinkPoll>,
    /// Scheduling of their threads. keepalived: `vrrp_rt_priority`, `vrrp_priority`,
    /// `vrrp_cpu_affinity`, `vrrp_rlimit_rttime`, `vrrp_no_swap`.
    pub scheduling: Scheduling,
    /// Buffers of their netlink sockets; of the start only. keepalived: `vrrp_netlink_cmd_rcv_bufs`,
    /// `vrrp_netlink_monitor_rcv_bufs` and those that end in `_force`.
    pub netlink: NetlinkBuffers,
}

impl VrrpSettings {
    /// How long to wait on a machine that has been up for so long.
    #[must_use]
    pub fn delay(&self, uptime: Duration) -> Option<Duration> {
        let boot = self
            .delay_after_boot
            .map(|delay| delay.saturating_sub(uptime));
        let delay = self.startup_delay.max(boot);
        delay.filter(|delay| !delay.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_delays_holds() {
        let second = Duration::from_secs;
        let settings = |start: Option<u64>, boot: Option<u64>| VrrpSettings {
            startup_delay: start.map(second),
            delay_after_boot: boot.map(second),
            ..VrrpSettings::default()
        };
        for (start, boot, uptime, delay) in [
            (None, None, 5, None),
            (Some(7), None, 5, Some(7)),
            (Some(7), Some(30), 5, Some(25)),
            (Some(7), Some(30), 29, Some(7)),
            (None, Some(30), 40, None),
        ] {
            assert_eq!(
                settings(start, boot).delay(second(uptime)),
                delay.map(second),
                "{start:?} {boot:?} {uptime}"
            );
        }
    }
}
