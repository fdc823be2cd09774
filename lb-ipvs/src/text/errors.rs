// SPDX-License-Identifier: MIT OR Apache-2.0
//! What ipvsadm says when the kernel refuses.

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

/// What ipvsadm prints when the kernel refuses an operation with an errno.
///
/// The text depends on the operation first, then on the errno alone; what has no text of its own
/// gets the C library's.
///
/// ```
/// use lb_ipvs::{Operation, text::kernel_error};
/// assert_eq!(kernel_error(Operation::AddService, 17), "Service already exists");
/// assert_eq!(kernel_error(Operation::AddDestination, 34), "Numerical result out of range");
/// ```
#[must_use]
pub fn kernel_error(operation: Operation, errno: i32) -> String {
    let text = match (operation, errno) {
        (Operation::AddService, EEXIST) => "Service already exists",
        (Operation::AddService | Operation::EditService, ENOENT) => {
            "Scheduler or persistence engine not found"
        }
        (
            Operation::EditService
            | Operation::DeleteService
            | Operation::Zero
            | Operation::GetService
            | Operation::ListServices
            | Operation::ListDestinations,
            ESRCH,
        ) => "No such service",
        (
            Operation::AddDestination | Operation::EditDestination | Operation::DeleteDestination,
            ESRCH,
        ) => "Service not defined",
        (Operation::AddDestination, EEXIST) => "Destination already exists",
        (Operation::EditDestination | Operation::DeleteDestination, ENOENT) => {
            "No such destination"
        }
        (Operation::StartSyncDaemon, EEXIST) => "Daemon has already run",
        (Operation::StopSyncDaemon, ESRCH) => "No daemon is running",
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

/// The C library's text.
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
        assert_eq!(
            kernel_error(Operation::DeleteService, ESRCH),
            "No such service"
        );
        assert_eq!(
            kernel_error(Operation::DeleteDestination, ESRCH),
            "Service not defined"
        );
        assert_eq!(
            kernel_error(Operation::StopSyncDaemon, ESRCH),
            "No daemon is running"
        );
        assert_eq!(
            kernel_error(Operation::EditDestination, ENOENT),
            "No such destination"
        );
        assert_eq!(
            kernel_error(Operation::StartSyncDaemon, 19),
            "No such device"
        );
        assert_eq!(
            kernel_error(Operation::Flush, EPERM),
            "Permission denied (you must be root)"
        );
        assert_eq!(
            kernel_error(Operation::SetTimeouts, ESRCH),
            "No such process"
        );
    }
}
