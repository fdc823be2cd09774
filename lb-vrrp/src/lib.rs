// SPDX-License-Identifier: MIT OR Apache-2.0
//! lb-vrrp

#[cfg(feature = "driver")]
pub mod driver;
mod engine;
mod error;
mod params;
pub mod wire;

pub use pnet::util::MacAddr;

pub use self::{
    engine::{
        AnnounceReason, NewMasterReason, Notice, Output, Reason, Received, Rejected, RouterConfig,
        RouterConfigBuilder, RouterStats, State, Transition, Transmit, VirtualRouter,
    },
    error::{ConfigError, DecodeError},
    params::{
        AddressFamily, AddressList, AdvertInterval, AdvertisedPriority, Authentication, Password,
        Priority, Version, Vrid,
    },
};
