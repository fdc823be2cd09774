// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the errno of a refused operation means.

use std::io;

use crate::operation::Operation;

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const ENOMEM: i32 = 12;
const EEXIST: i32 = 17;
const EINVAL: i32 = 22;
const EMSGSIZE: i32 = 90;
const ENOPROTOOPT: i32 = 92;
const EOPNOTSUPP: i32 = 95;
const EAFNOSUPPORT: i32 = 97;

impl Operation {
    /// Explains an errno that the kernel answers this operation with: `ENOENT` of one operation means something
    /// else than of another. The words are those that ipvsadm prints; an errno without words of its own has the C
    /// library's.
    ///
    /// ```
    /// use lb_ipvs::Operation;
    /// assert_eq!(Operation::AddService.explain(17), "Service already exists");
    /// assert_eq!(Operation::AddDestination.explain(34), "Numerical result out of range");
    /// ```
    #[must_use]
    pub fn explain(self, errno: i32) -> String {
        let text = match (self, errno) {
            (Self::AddService, EEXIST) => "Service already exists",
            (Self::AddService | Self::EditService, ENOENT) => {
                "Scheduler or persistence engine not found"
            }
            (
                Self::EditService
                | Self::DeleteService
                | Self::Zero
                | Self::GetService
                | Self::ListServices
                | Self::ListDestinations,
                ESRCH,
            ) => "No such service",
            (Self::AddDestination | Self::EditDestination | Self::DeleteDestination, ESRCH) => {
                "Service not defined"
            }
            (Self::AddDestination, EEXIST) => "Destination already exists",
            (Self::EditDestination | Self::DeleteDestination, ENOENT) => "No such destination",
            (Self::StartSyncDaemon, EEXIST) => "Daemon has already run",
            (Self::StopSyncDaemon, ESRCH) => "No daemon is running",
            (_, EPERM) => "Permission denied (you must be root)",
            (_, EINVAL) => {
                "Invalid operation.  Possibly wrong module version, address not unicast, ..."
            }
            (_, ENOPROTOOPT) => "Protocol not available",
            (_, ENOMEM) => "Memory allocation problem",
            (_, EOPNOTSUPP) => "Operation not supported with IPv6",
            (_, EAFNOSUPPORT) => "Operation not supported with specified address family",
            (_, EMSGSIZE) => "Module is wrong version",
            _ => return system_text(errno),
        };
        text.to_owned()
    }
}

/// The C library's text for an errno.
fn system_text(errno: i32) -> String {
    let mut text = io::Error::from_raw_os_error(errno).to_string();
    if let Some(end) = text.rfind(" (os error ") {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_before_errno() {
        assert_eq!(Operation::DeleteService.explain(ESRCH), "No such service");
        assert_eq!(
            Operation::DeleteDestination.explain(ESRCH),
            "Service not defined"
        );
        assert_eq!(
            Operation::StopSyncDaemon.explain(ESRCH),
            "No daemon is running"
        );
        assert_eq!(
            Operation::EditDestination.explain(ENOENT),
            "No such destination"
        );
        assert_eq!(Operation::StartSyncDaemon.explain(19), "No such device");
        assert_eq!(
            Operation::Flush.explain(EPERM),
            "Permission denied (you must be root)"
        );
        assert_eq!(Operation::SetTimeouts.explain(ESRCH), "No such process");
    }
}
