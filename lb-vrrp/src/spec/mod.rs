// SPDX-License-Identifier: MIT OR Apache-2.0
//! Description of virtual routers, sync groups, tracked objects and scheduling, as plain data.
//!
//! [`Configuration`] holds all parts. They need neither tokio nor the kernel: a configuration file or a
//! program writes them, [`check`] reports which rules they break, and the driver (feature `driver`) runs
//! them.
//!
//! ```
//! use lb_vrrp::spec::{Configuration, GroupSpec, RouterSpec};
//! use lb_vrrp::{RouterConfig, Vrid};
//!
//! let config = RouterConfig::builder(Vrid::new(51)?)
//!     .address("192.0.2.100".parse()?)
//!     .build()?;
//! let configuration = Configuration::new(vec![RouterSpec::new("VI_1", "eth0", config)])
//!     .with_groups([GroupSpec::new("VG", ["VI_1", "VI_2"])]);
//! let errors: Vec<String> = configuration.check().iter().map(ToString::to_string).collect();
//! assert_eq!(errors, ["sync group VG: unknown instance VI_2"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod configuration;
mod error;
mod group;
#[cfg_attr(
    not(feature = "driver"),
    expect(
        dead_code,
        reason = "only the driver chooses names and places addresses"
    )
)]
mod macvlan;
mod object;
mod router;
mod scheduling;
mod validate;

pub use self::configuration::Configuration;
pub use self::error::SpecError;
pub use self::group::GroupSpec;
pub use self::object::{FileSource, ObjectSpec, ProcessSource, ScriptSource, Source};
pub use self::router::RouterSpec;
pub use self::scheduling::{LockMemory, Processors, Realtime, Scheduling};
pub use self::validate::check;

pub(crate) use self::macvlan::Macvlan;
#[cfg(feature = "driver")]
pub(crate) use self::macvlan::{AddressMacvlan, Seat, mac_of, seat_of};
