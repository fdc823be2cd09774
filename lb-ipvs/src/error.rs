// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors of the client.

use std::{io, time::Duration};

use crate::{
    NamespaceError,
    modprobe::{Helper, ModuleAttempt},
    operation::{Operation, Subject},
    procfs::ApplicationError,
    sysctl::SysctlError,
};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel has no IPVS, and loading the module `ip_vs` did not help.
    #[error("the kernel has no IPVS: {attempt}")]
    ModuleNotLoaded {
        /// What was tried.
        attempt: ModuleAttempt,
    },
    /// An application helper is not there, and loading its module did not help.
    #[error("the application helper {helper} is not there: {attempt}")]
    HelperNotLoaded {
        /// Which one.
        helper: Helper,
        /// What was tried.
        attempt: ModuleAttempt,
    },
    /// The kernel refused because of a missing capability (`EPERM`). Reading needs it as well.
    #[error("cannot {operation}: IPVS needs CAP_NET_ADMIN in the initial user namespace")]
    PermissionDenied {
        /// What was asked.
        operation: Operation,
        /// What it was about.
        subject: Subject,
    },
    /// The kernel refused; [`Operation::explain`] has the meaning of the errno.
    #[error("cannot {operation} ({subject}){}", extended(.message.as_deref()))]
    Kernel {
        /// What was asked.
        operation: Operation,
        /// What it was about.
        subject: Subject,
        /// The kernel's errno.
        source: io::Error,
        /// The kernel's own explanation, if it gave one (`NLMSGERR_ATTR_MSG`).
        message: Option<String>,
    },
    /// The request cannot be put into words the kernel understands; it was not sent.
    #[error("cannot {operation} ({subject}): {reason}")]
    Invalid {
        /// What was asked.
        operation: Operation,
        /// What it was about.
        subject: Subject,
        /// What is wrong.
        reason: InvalidRequest,
    },
    /// The kernel's reply could not be read.
    #[error("cannot read the reply to {operation}")]
    Decode {
        /// What was asked.
        operation: Operation,
        /// What is wrong with the reply.
        source: DecodeError,
    },
    /// A reply carries a sequence number that no request had.
    #[error("a reply to {operation} has sequence number {got}, expected {expected}")]
    SequenceMismatch {
        /// What was asked.
        operation: Operation,
        /// The sequence number of the (last) request.
        expected: u32,
        /// The sequence number of the reply.
        got: u32,
    },
    /// The kernel dropped replies (`ENOBUFS`): which requests were carried out is unknown.
    #[error("the outcome of {operation} is unknown: the kernel dropped replies")]
    OutcomeUnknown {
        /// What was asked; of a batch, its first change.
        operation: Operation,
    },
    /// The kernel did not reply: whether the request was carried out is unknown.
    #[error("no reply to {operation} within {} s", .deadline.as_secs())]
    Timeout {
        /// What was asked.
        operation: Operation,
        /// How long it was waited for.
        deadline: Duration,
    },
    /// A list changed while it was read, again and again (`NLM_F_DUMP_INTR`).
    #[error("{operation} was interrupted by changes {attempts} times in a row")]
    Interrupted {
        /// What was asked.
        operation: Operation,
        /// How often it was tried.
        attempts: u32,
    },
    /// The kernel ended its reply without what was asked for.
    #[error("the reply to {operation} is empty")]
    EmptyReply {
        /// What was asked.
        operation: Operation,
    },
    /// The network namespace cannot be used.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// A setting below `net.ipv4.vs` cannot be read or written.
    #[error(transparent)]
    Sysctl(#[from] SysctlError),
    /// A file below `/proc/net` cannot be read.
    #[error("cannot read /proc/net/{file}")]
    Procfs {
        /// Its name.
        file: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A file below `/proc/net` has another format than is known.
    #[error("cannot understand /proc/net/ip_vs_app")]
    Application(#[from] ApplicationError),
    /// The socket failed.
    #[error("netlink socket: cannot {action}")]
    Socket {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

fn extended(message: Option<&str>) -> String {
    message
        .map(|message| format!(": {message}"))
        .unwrap_or_default()
}

impl Error {
    /// The errno behind the error, if there is one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::PermissionDenied { .. } => Some(nix::libc::EPERM),
            Self::OutcomeUnknown { .. } => Some(nix::libc::ENOBUFS),
            Self::ModuleNotLoaded { .. } | Self::HelperNotLoaded { .. } => Some(nix::libc::ENOENT),
            Self::Kernel { source, .. }
            | Self::Socket { source, .. }
            | Self::Procfs { source, .. } => source.raw_os_error(),
            Self::Sysctl(error) => error.errno(),
            Self::Namespace(
                NamespaceError::Open { source, .. }
                | NamespaceError::Enter { source, .. }
                | NamespaceError::Thread { source, .. },
            ) => source.raw_os_error(),
            Self::Invalid { .. } => Some(nix::libc::EINVAL),
            _ => None,
        }
    }

    /// What was asked, if the error is about one operation.
    #[must_use]
    pub const fn operation(&self) -> Option<Operation> {
        match self {
            Self::ModuleNotLoaded { .. } => Some(Operation::ResolveFamily),
            Self::PermissionDenied { operation, .. }
            | Self::Kernel { operation, .. }
            | Self::Invalid { operation, .. }
            | Self::Decode { operation, .. }
            | Self::SequenceMismatch { operation, .. }
            | Self::OutcomeUnknown { operation }
            | Self::Timeout { operation, .. }
            | Self::Interrupted { operation, .. }
            | Self::EmptyReply { operation } => Some(*operation),
            Self::HelperNotLoaded { .. }
            | Self::Namespace(_)
            | Self::Sysctl(_)
            | Self::Procfs { .. }
            | Self::Application(_)
            | Self::Socket { .. } => None,
        }
    }

    /// Whether the kernel's table must be read again to know what it holds now.
    ///
    /// Everything but a definite refusal leaves open whether the request was carried out.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        !matches!(
            self,
            Self::ModuleNotLoaded { .. }
                | Self::HelperNotLoaded { .. }
                | Self::PermissionDenied { .. }
                | Self::Kernel { .. }
                | Self::Invalid { .. }
                | Self::Namespace(_)
                | Self::Sysctl(_)
                | Self::Procfs { .. }
                | Self::Application(_)
        )
    }
}

/// What is wrong with a request that was not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// [`Service::netmask`](crate::Service::netmask) is of another family than the key.
    #[error("the netmask is of another address family than the service")]
    NetmaskFamily,
    /// The name of an interface has 1 to 15 bytes, none of them NUL.
    #[error("the name of the interface does not have 1 to 15 bytes")]
    InterfaceName,
}

/// What is wrong with a reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A required attribute is missing, or too short for its family.
    #[error("{attribute} is missing")]
    Missing {
        /// The kernel's name of the attribute.
        attribute: &'static str,
    },
    /// An attribute has a value that means nothing.
    #[error("{attribute} has the value {value}")]
    Unexpected {
        /// The kernel's name of the attribute.
        attribute: &'static str,
        /// The value.
        value: u64,
    },
    /// The bytes are not a message.
    #[error(transparent)]
    Malformed(MalformedMessage),
}

impl DecodeError {
    pub(crate) fn malformed(error: netlink_packet_core::DecodeError) -> Self {
        Self::Malformed(MalformedMessage(error.into()))
    }
}

/// Why bytes are not a message: its text, and its sources if it has any.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct MalformedMessage(Box<dyn std::error::Error + Send + Sync>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_travel_between_threads() {
        fn check<T: std::error::Error + Send + Sync + 'static>() {}
        check::<Error>();
    }

    #[test]
    fn words() {
        let error = Error::PermissionDenied {
            operation: Operation::GetInfo,
            subject: Subject::Table,
        };
        assert_eq!(
            error.to_string(),
            "cannot get info: IPVS needs CAP_NET_ADMIN in the initial user namespace"
        );
        let error = Error::Kernel {
            operation: Operation::DeleteService,
            subject: Subject::Service(crate::ServiceKey::tcp("10.0.0.1:80".parse().unwrap())),
            source: io::Error::from_raw_os_error(3),
            message: Some("really not".to_owned()),
        };
        assert_eq!(
            error.to_string(),
            "cannot delete service (TCP 10.0.0.1:80): really not"
        );
        assert_eq!(error.errno(), Some(3));
        assert!(!error.is_outcome_unknown());
    }
}
