// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes into a reconciler and what it reports.

use std::io;

use crate::object::HostObject;
use crate::plan::Change;

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Applied {
    /// The object was not there before and is now.
    Created,
    /// The object was there already.
    AlreadyPresent,
    /// The object is not there any more.
    Removed,
}

/// An object that a claimant desires, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Desired {
    /// The object.
    pub object: HostObject,
    /// The claimant waits for [`Report::Ready`]. Such addresses, and such links, are added before other
    /// addresses.
    pub is_awaited: bool,
    /// An object that was there before counts as external: it stays when the claim ends.
    pub keeps_existing: bool,
    /// The object is added again when another program deletes it.
    pub is_restored: bool,
}

impl Desired {
    /// An object that is restored, that nothing waits for, and that is removed when the claim ends.
    #[must_use]
    pub const fn new(object: HostObject) -> Self {
        Self {
            object,
            is_awaited: false,
            keeps_existing: false,
            is_restored: true,
        }
    }

    /// Sets whether the claimant waits for the object.
    #[must_use]
    pub fn with_awaited(mut self, is_awaited: bool) -> Self {
        self.is_awaited = is_awaited;
        self
    }

    /// Sets whether an object that was there before stays.
    #[must_use]
    pub fn with_existing_kept(mut self, keeps_existing: bool) -> Self {
        self.keeps_existing = keeps_existing;
        self
    }

    /// Sets whether the object is added again when another program deletes it.
    #[must_use]
    pub fn with_restored(mut self, is_restored: bool) -> Self {
        self.is_restored = is_restored;
        self
    }
}

/// An object that another process added.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Adopted {
    /// The object.
    pub object: HostObject,
    /// A claim of this generation was acknowledged by the other process.
    pub generation: u64,
    /// The object was there before the other process, and stays.
    pub is_external: bool,
    /// The object is known to be there; otherwise it is added again if it is desired.
    pub is_seen: bool,
}

impl Adopted {
    /// An object that is known to be there, of generation 0.
    #[must_use]
    pub const fn new(object: HostObject) -> Self {
        Self {
            object,
            generation: 0,
            is_external: false,
            is_seen: true,
        }
    }

    /// Sets the generation of the claim that was acknowledged.
    #[must_use]
    pub fn with_generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// Sets whether the object stays when it is no longer desired.
    #[must_use]
    pub fn with_external(mut self, is_external: bool) -> Self {
        self.is_external = is_external;
        self
    }

    /// Sets whether the object is known to be there.
    #[must_use]
    pub fn with_seen(mut self, is_seen: bool) -> Self {
        self.is_seen = is_seen;
        self
    }
}

/// What became of an object.
#[derive(Debug)]
#[non_exhaustive]
pub enum Report<C> {
    /// An awaited object is there. Reported once for each generation of the first claimant, and again
    /// after the object was added again.
    #[non_exhaustive]
    Ready {
        /// The first claimant that waits for the object.
        claimant: C,
        /// The generation of its claim.
        generation: u64,
        /// The object.
        object: HostObject,
        /// The object was there before and stays when the claim ends.
        is_external: bool,
    },
    /// Another program had deleted the object, and it was added again.
    #[non_exhaustive]
    Restored {
        /// The first claimant.
        claimant: C,
        /// The object.
        object: HostObject,
    },
    /// A change failed; it is tried again until it succeeds or is no longer needed. Reported once until
    /// then.
    #[non_exhaustive]
    Failed {
        /// The first claimant, or the last one of an object that is no longer desired; `None` for a
        /// stale object.
        claimant: Option<C>,
        /// The change.
        change: Change,
        /// The answer of the kernel.
        error: io::Error,
    },
    /// A change that had failed has succeeded.
    #[non_exhaustive]
    Recovered {
        /// As in [`Failed`](Self::Failed).
        claimant: Option<C>,
        /// The change.
        change: Change,
    },
}
