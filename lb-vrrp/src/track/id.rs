// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of tracked objects.

use std::fmt;
use std::sync::Arc;

/// A tracked object. Each kind has names of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ObjectId {
    /// An interface, by its name (`track_interface`). The driver watches it.
    Interface(Arc<str>),
    /// A script (`vrrp_script`).
    Script(Arc<str>),
    /// A file with a number in it (`track_file`).
    File(Arc<str>),
    /// A number of processes (`vrrp_track_process`).
    Process(Arc<str>),
    /// A BFD session (`bfd_instance`). Another part of the program runs it and reports
    /// its state by `Driver::report`.
    Bfd(Arc<str>),
    /// A static address, route or rule, by its [name](crate::StaticItems::names) (`track_group`).
    /// The driver watches it.
    Static(Arc<str>),
}

impl ObjectId {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        match self {
            Self::Interface(name)
            | Self::Script(name)
            | Self::File(name)
            | Self::Process(name)
            | Self::Bfd(name)
            | Self::Static(name) => name,
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Interface(_) => "interface",
            Self::Script(_) => "script",
            Self::File(_) => "file",
            Self::Process(_) => "process",
            Self::Bfd(_) => "bfd session",
            Self::Static(_) => "static",
        };
        write!(f, "{kind} {}", self.name())
    }
}
