// SPDX-License-Identifier: MIT OR Apache-2.0
//! The meaning of a data plane's answers.

use lb_ipvs::{Change, Note};

use super::super::DataPlaneError;
use super::ESRCH;

const ENOENT: i32 = 2;
const EEXIST: i32 = 17;

/// What the answer to a change means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The change was made.
    Done,
    /// The object to delete is absent.
    Moot,
    /// The table is not as the shadow has it.
    Stale,
    /// Refused for a reason that another reading does not change.
    Refused,
    /// The service itself cannot be as desired: the results of its destinations mean nothing.
    Hopeless,
}

impl Answer {
    pub(super) fn classify(change: &Change, result: &Result<(), DataPlaneError>) -> Self {
        let Err(error) = result else {
            return Self::Done;
        };
        let service = matches!(change, Change::AddService(_) | Change::EditService(_));
        match (change, error.errno()) {
            (Change::DeleteService(_), Some(ESRCH))
            | (Change::DeleteDestination(..), Some(ENOENT)) => Self::Moot,
            // for a service this is the kernel's word for a scheduler it does not have
            (_, Some(ENOENT)) if service => Self::Hopeless,
            (_, Some(EEXIST | ESRCH | ENOENT)) => Self::Stale,
            _ if matches!(error, DataPlaneError::Lost { .. }) => Self::Stale,
            _ if service => Self::Hopeless,
            _ => Self::Refused,
        }
    }
}

/// A desired object that was made externally since the shadow was taken is owned from now on.
pub(super) fn note_adoption(change: &Change, error: Option<&DataPlaneError>) -> Option<Note> {
    if error?.errno() != Some(EEXIST) {
        return None;
    }
    match change {
        Change::AddService(service) => Some(Note::ServiceAdopted(service.key)),
        Change::AddDestination(key, destination) => {
            Some(Note::DestinationAdopted(*key, destination.address))
        }
        _ => None,
    }
}

/// The failures of one service.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// The shadow or the record is not as the table.
    pub(super) stale: bool,
    /// The service itself was refused.
    pub(super) hopeless: bool,
    /// The first error.
    pub(super) error: Option<DataPlaneError>,
}
