// SPDX-License-Identifier: MIT OR Apache-2.0
//! All parts of a configuration together.

use lb_host::FilterTable;

use super::{GroupSpec, ObjectSpec, RouterSpec, SpecError, check};
use crate::{CarrierDelay, LinkPoll, Pacing, StaticItems};

/// Everything that a driver runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Configuration {
    /// The virtual routers.
    pub routers: Vec<RouterSpec>,
    /// Sync groups: routers that are Master together.
    pub groups: Vec<GroupSpec>,
    /// Tracked objects beside interfaces.
    pub objects: Vec<ObjectSpec>,
    /// Whether adverts of other virtual routers are logged, once for each
    /// (`log_unknown_vrids` in keepalived); they are counted in any case.
    pub log_unknown_vrids: bool,
    /// Whether a router with a missing interface is in Fault until the interface appears, instead of
    /// being an error (`dynamic_interfaces` in keepalived).
    pub dynamic_interfaces: bool,
    /// Distance in time between announcements.
    pub pacing: Pacing,
    /// Interfaces whose carrier changes only count after a delay.
    pub carrier_delays: Vec<CarrierDelay>,
    /// Interfaces whose link state is polled. Of several entries for one interface the first counts.
    pub link_polls: Vec<LinkPoll>,
    /// Static addresses, routes and rules; installed independently of the VRRP state.
    pub statics: StaticItems,
    /// The table of the packet filter for routers that do not accept packets to their addresses; `lb-vrrp`
    /// unless another is given.
    pub filter: FilterTable,
}

/// Without anything to run.
impl Default for Configuration {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Configuration {
    /// Routers without groups or tracked objects.
    #[must_use]
    pub fn new(routers: Vec<RouterSpec>) -> Self {
        Self {
            routers,
            groups: Vec::new(),
            objects: Vec::new(),
            log_unknown_vrids: false,
            dynamic_interfaces: false,
            pacing: Pacing::default(),
            carrier_delays: Vec::new(),
            link_polls: Vec::new(),
            statics: StaticItems::default(),
            filter: FilterTable::new("lb-vrrp"),
        }
    }

    /// Whether there is neither a router nor a static item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routers.is_empty() && self.statics.is_empty()
    }

    /// Returns every rule that the configuration breaks; see [`check`].
    #[must_use]
    pub fn check(&self) -> Vec<SpecError> {
        let routers: Vec<&RouterSpec> = self.routers.iter().collect();
        let groups: Vec<&GroupSpec> = self.groups.iter().collect();
        check(&routers, &groups, &self.objects, &self.statics)
    }

    /// Replaces the sync groups.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = GroupSpec>) -> Self {
        self.groups = groups.into_iter().collect();
        self
    }

    /// Sets whether adverts of other virtual routers are logged.
    #[must_use]
    pub const fn with_log_unknown_vrids(mut self, log: bool) -> Self {
        self.log_unknown_vrids = log;
        self
    }

    /// Sets whether interfaces may appear later than their routers.
    #[must_use]
    pub const fn with_dynamic_interfaces(mut self, dynamic: bool) -> Self {
        self.dynamic_interfaces = dynamic;
        self
    }

    /// Sets the distance in time between announcements.
    #[must_use]
    pub fn with_pacing(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// Replaces the delays of interfaces.
    #[must_use]
    pub fn with_carrier_delays(mut self, delays: impl IntoIterator<Item = CarrierDelay>) -> Self {
        self.carrier_delays = delays.into_iter().collect();
        self
    }

    /// Replaces the interfaces whose link state is polled.
    #[must_use]
    pub fn with_link_polls(mut self, polls: impl IntoIterator<Item = LinkPoll>) -> Self {
        self.link_polls = polls.into_iter().collect();
        self
    }

    /// Replaces the static items.
    #[must_use]
    pub fn with_statics(mut self, statics: StaticItems) -> Self {
        self.statics = statics;
        self
    }

    /// Replaces the table of the packet filter.
    #[must_use]
    pub fn with_filter(mut self, filter: FilterTable) -> Self {
        self.filter = filter;
        self
    }

    /// Replaces the tracked objects.
    #[must_use]
    pub fn with_objects(mut self, objects: impl IntoIterator<Item = ObjectSpec>) -> Self {
        self.objects = objects.into_iter().collect();
        self
    }
}

impl From<Vec<RouterSpec>> for Configuration {
    fn from(routers: Vec<RouterSpec>) -> Self {
        Self::new(routers)
    }
}
