// SPDX-License-Identifier: MIT OR Apache-2.0
//! The identities of routers and of their ports.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::spec::RouterSpec;
use crate::{AddressFamily, Vrid};

/// The identity of a router: two specifications with the same key are the same router with different
/// configurations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct RouterKey {
    pub(super) interface: Arc<str>,
    pub(super) family: AddressFamily,
    pub(super) vrid: Vrid,
}

impl RouterKey {
    /// The key of the router that a specification describes.
    pub(super) fn for_spec(spec: &RouterSpec) -> Self {
        Self {
            interface: Arc::from(spec.interface.as_str()),
            family: spec.config.family(),
            vrid: spec.config.vrid(),
        }
    }

    /// The port through which adverts are sent and received.
    pub(super) fn port(&self) -> PortKey {
        (Arc::clone(&self.interface), self.family)
    }
}

/// An interface by name, and the family of the routers on it.
pub(super) type PortKey = (Arc<str>, AddressFamily);

/// Who desires a host object. A static item is desired for good, so its attributes count where a router
/// desires the same object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Claimant {
    /// The static items of the configuration.
    Static,
    /// A router that is Master.
    Router(RouterKey),
    /// A router in any state: its macvlans, and the settings of interfaces.
    Links(RouterKey),
}

impl Claimant {
    /// The router; `None` for static items.
    pub(super) const fn router(&self) -> Option<&RouterKey> {
        match self {
            Self::Static => None,
            Self::Router(router) | Self::Links(router) => Some(router),
        }
    }
}
