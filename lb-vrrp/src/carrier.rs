// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delays before a change of an interface's carrier takes effect: plain values, no I/O.

use std::time::Duration;

/// How long a change of an interface has to last before it affects routers, also when the interface
/// is set down (`interface_up_down_delays` in keepalived). Shorter changes are ignored.
///
/// Macvlans above it are delayed with it. An interface that is gone, or that was not there before,
/// is not delayed.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use lb_vrrp::CarrierDelay;
///
/// // Away for less than 3 s it was never away; it is back at once.
/// let delay = CarrierDelay::new("eth0", Duration::from_secs(3), Duration::ZERO);
/// assert_eq!(delay.down, Duration::from_secs(3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CarrierDelay {
    /// Its name.
    pub interface: String,
    /// Before it counts as down; zero: at once.
    pub down: Duration,
    /// Before it counts as up again; zero: at once.
    pub up: Duration,
}

impl CarrierDelay {
    /// The longest delay keepalived takes, 255 s. A master that notices later than its backups
    /// miss it is one of two: `down` ought to be well below the master down interval.
    pub const MAX: Duration = Duration::from_secs(255);

    /// Delays of an interface.
    pub fn new(interface: impl Into<String>, down: Duration, up: Duration) -> Self {
        Self {
            interface: interface.into(),
            down,
            up,
        }
    }
}
