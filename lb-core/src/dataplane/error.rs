// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a data plane answers when it does not do as asked.

use std::error::Error;
use std::io;

use lb_ipvs::{Change, SyncState};

/// A data plane did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataPlaneError {
    /// One change was refused; the others are not affected.
    #[error("cannot {change}")]
    Refused {
        /// The change.
        change: Box<Change>,
        /// The data plane's reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection broke: it is not known which changes were made.
    #[error("the outcome of the changes is not known")]
    Lost {
        /// What broke.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The table cannot be read.
    #[error("cannot read the table")]
    Read {
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A sync daemon was not started or stopped.
    #[error("cannot {action} the {state} sync daemon")]
    SyncDaemon {
        /// `start` or `stop`.
        action: &'static str,
        /// Which one.
        state: SyncState,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl DataPlaneError {
    /// The reason of the data plane, without the change that it is about.
    pub(crate) fn reason(&self) -> String {
        let (Self::Refused { source, .. }
        | Self::Lost { source }
        | Self::Read { source }
        | Self::SyncDaemon { source, .. }) = self;
        let mut text = source.to_string();
        let mut next = source.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }

    /// The error number of a refused change or of an I/O error behind it.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        let (Self::Refused { source, .. }
        | Self::Lost { source }
        | Self::Read { source }
        | Self::SyncDaemon { source, .. }) = self;
        let source: &(dyn Error + 'static) = &**source;
        let mut next = Some(source);
        while let Some(error) = next {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return io.raw_os_error();
            }
            next = error.source();
        }
        None
    }

    /// The change that was refused.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Refused { change, .. } => Some(change),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use lb_ipvs::ServiceKey;

    use super::*;

    #[test]
    fn errno_and_change_are_found() {
        let change = Change::DeleteService(ServiceKey::tcp("192.168.1.50:80".parse().unwrap()));
        let refused = DataPlaneError::Refused {
            change: Box::new(change.clone()),
            source: io::Error::from_raw_os_error(3).into(),
        };
        assert_eq!(refused.errno(), Some(3));
        assert_eq!(refused.change(), Some(&change));
        assert_eq!(
            refused.to_string(),
            "cannot delete service TCP 192.168.1.50:80"
        );
        let lost = DataPlaneError::Lost {
            source: io::Error::from_raw_os_error(105).into(),
        };
        assert_eq!(lost.errno(), Some(105));
        assert_eq!(lost.change(), None);
    }
}
