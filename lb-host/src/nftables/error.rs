// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why packets to an address cannot be dropped.

use std::io;
use std::sync::Arc;

use nix::libc;

use crate::family::AddressFamily;

/// Why a change of a packet filter failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum FilterError {
    /// The table of another program has the name.
    #[error(
        "table {} {name} exists and has not the mark of this program: delete it, or choose another name",
        command_word(*.family)
    )]
    External { family: AddressFamily, name: String },
    /// The kernel has no nf_tables, not for this family, or not all that the rules need.
    #[error("the kernel has no nf_tables for {family}: {source}")]
    Unsupported {
        family: AddressFamily,
        source: Arc<io::Error>,
    },
    /// Other programs change the rule set all the time.
    #[error("other programs changed the rule set at each of {attempts} attempts")]
    Busy { attempts: u32 },
    /// Any other refusal of the kernel.
    #[error("nf_tables: {0}")]
    Refused(Arc<io::Error>),
}

impl FilterError {
    /// Classifies a refusal.
    pub(super) fn new(family: AddressFamily, source: io::Error) -> Self {
        let source = Arc::new(source);
        match source.raw_os_error() {
            // No netfilter, no nf_tables, no such family, no chains of its type.
            Some(
                libc::EPROTONOSUPPORT
                | libc::EAFNOSUPPORT
                | libc::EINVAL
                | libc::EOPNOTSUPP
                | libc::ENOENT,
            ) => Self::Unsupported { family, source },
            _ => Self::Refused(source),
        }
    }
}

/// The family, as `nft` writes it.
const fn command_word(family: AddressFamily) -> &'static str {
    match family {
        AddressFamily::Ipv4 => "ip",
        AddressFamily::Ipv6 => "ip6",
    }
}

impl From<FilterError> for io::Error {
    fn from(error: FilterError) -> Self {
        let kind = match &error {
            FilterError::External { .. } => io::ErrorKind::AlreadyExists,
            FilterError::Unsupported { .. } => io::ErrorKind::Unsupported,
            FilterError::Busy { .. } => io::ErrorKind::ResourceBusy,
            FilterError::Refused(source) => source.kind(),
        };
        Self::new(kind, error)
    }
}
