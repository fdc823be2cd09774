// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sync groups.

use crate::track::{ObjectId, Weight};

/// A sync group (`vrrp_sync_group` in keepalived); see [`crate::group`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupSpec {
    /// Name in logs, events and status.
    pub name: String,
    /// The names of its routers. A router is in one group at most.
    pub members: Vec<String>,
    /// Objects that all members track; takes precedence over a member's own weight of the same
    /// object.
    pub tracked: Vec<(ObjectId, Weight)>,
    /// Whether members may track with weights of their own (`sync_group_tracking_weight`). If not, see
    /// [`Weight::in_sync_group`].
    pub tracking_weight: bool,
}

impl GroupSpec {
    /// A group of these routers that tracks nothing by itself.
    pub fn new<M: Into<String>>(
        name: impl Into<String>,
        members: impl IntoIterator<Item = M>,
    ) -> Self {
        Self {
            name: name.into(),
            members: members.into_iter().map(Into::into).collect(),
            tracked: Vec::new(),
            tracking_weight: false,
        }
    }

    /// Adds an object that all members track.
    #[must_use]
    pub fn with_tracked(mut self, object: ObjectId, weight: Weight) -> Self {
        self.tracked.push((object, weight));
        self
    }

    /// Sets whether members may track with weights of their own.
    #[must_use]
    pub const fn with_tracking_weight(mut self, tracking_weight: bool) -> Self {
        self.tracking_weight = tracking_weight;
        self
    }
}
