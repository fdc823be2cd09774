// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the successor gets to know, at the moment at which the routers change hands.

use std::time::Duration;

use lb_host::RoutingEntry;
use serde::{Deserialize, Serialize};

use crate::driver::timer::Lateness;
use crate::track::Verdict;
use crate::{AddressFamily, HandOver, StaticItems, VirtualAddress};
use lb_host::Link;

/// All of it.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct Estate {
    /// `CLOCK_MONOTONIC` when it was written.
    pub(in crate::driver) at: Duration,
    pub(in crate::driver) routers: Vec<RouterEstate>,
    pub(in crate::driver) objects: Vec<ObjectEstate>,
    /// What is there whoever is Master; some may be missing. Their track groups count no more.
    #[serde(default)]
    pub(in crate::driver) statics: StaticItems,
    pub(in crate::driver) ports: Vec<PortEstate>,
    pub(in crate::driver) lateness: Lateness,
}

/// A router; VRID and family are the engine's.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct RouterEstate {
    pub(in crate::driver) interface: String,
    pub(in crate::driver) engine: HandOver,
    /// Name and MAC address of its macvlan.
    pub(in crate::driver) vmac: Option<(String, [u8; 6])>,
    /// Those of macvlans for single addresses.
    #[serde(default)]
    pub(in crate::driver) address_vmacs: Vec<(String, [u8; 6])>,
    /// The addresses that it has put on interfaces and that are there.
    pub(in crate::driver) held: Vec<HeldAddress>,
    /// The routes and rules that it wants to be there; a few may be missing.
    pub(in crate::driver) routing: Vec<RoutingEntry>,
    pub(in crate::driver) send_failures: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct HeldAddress {
    pub(in crate::driver) link: Link,
    pub(in crate::driver) address: VirtualAddress,
    /// It was there before, and stays: the address owner's.
    pub(in crate::driver) keep: bool,
}

/// What is known of a tracked object.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct ObjectEstate {
    /// Kind and name.
    pub(in crate::driver) object: String,
    /// The command line of a script.
    pub(in crate::driver) line: Option<String>,
    pub(in crate::driver) verdict: Verdict,
}

/// What arrived on an interface for nobody.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct PortEstate {
    pub(in crate::driver) interface: String,
    pub(in crate::driver) family: AddressFamily,
    pub(in crate::driver) unknown_vrid: u64,
    pub(in crate::driver) malformed: u64,
}
