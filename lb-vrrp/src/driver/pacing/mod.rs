// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paced announcements: at most one per interval, interface and family.

mod pacer;

use std::sync::Arc;
use std::time::Duration;

pub(super) use self::pacer::Pacer;
use crate::{AddressFamily, Pacing};

/// An interface or group of interfaces whose announcements are sent one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) name: Arc<str>,
    pub(super) family: AddressFamily,
    pub(super) interval: Duration,
}

impl Lane {
    /// The lane of an interface and family; none where nothing is paced.
    pub(super) fn new(pacing: &Pacing, interface: &str, family: AddressFamily) -> Option<Self> {
        let (name, interval) = pacing.lane(interface, family)?;
        Some(Self {
            name,
            family,
            interval,
        })
    }
}
