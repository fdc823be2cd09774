// SPDX-License-Identifier: MIT OR Apache-2.0
//! Error codes that servers answer with.

use std::fmt;

/// The code of an error that a server answered with.
///
/// ```
/// use lb_check::AnswerCode;
///
/// assert_eq!(AnswerCode::Ldap(49).to_string(), "LDAP result 49 (invalidCredentials)");
/// assert_eq!(AnswerCode::Grpc(12).to_string(), "gRPC status 12 (UNIMPLEMENTED)");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AnswerCode {
    /// The result code of LDAP (RFC 4511 §4.1.9).
    Ldap(u32),
    /// The number of an error of MySQL or MariaDB.
    MySql(u16),
    /// The SQLSTATE of an error of PostgreSQL.
    SqlState([u8; 5]),
    /// The status of a gRPC call.
    Grpc(u32),
    /// A serving status of `grpc.health.v1` other than SERVING.
    GrpcHealth(u32),
}

impl fmt::Display for AnswerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ldap(code) => named(f, "LDAP result", *code, ldap_name(*code)),
            Self::MySql(number) => write!(f, "MySQL error {number}"),
            Self::SqlState(state) => write!(f, "SQLSTATE {}", state.escape_ascii()),
            Self::Grpc(status) => named(f, "gRPC status", *status, grpc_name(*status)),
            Self::GrpcHealth(status) => named(f, "health", *status, health_name(*status)),
        }
    }
}

fn named(f: &mut fmt::Formatter<'_>, what: &str, code: u32, name: &str) -> fmt::Result {
    write!(f, "{what} {code}")?;
    match name {
        "" => Ok(()),
        name => write!(f, " ({name})"),
    }
}

/// The name of RFC 4511, appendix A; empty for another code.
const fn ldap_name(code: u32) -> &'static str {
    match code {
        0 => "success",
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        14 => "saslBindInProgress",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        80 => "other",
        _ => "",
    }
}

/// The name of the gRPC documentation; empty for another status.
const fn grpc_name(status: u32) -> &'static str {
    match status {
        0 => "OK",
        1 => "CANCELLED",
        2 => "UNKNOWN",
        3 => "INVALID_ARGUMENT",
        4 => "DEADLINE_EXCEEDED",
        5 => "NOT_FOUND",
        6 => "ALREADY_EXISTS",
        7 => "PERMISSION_DENIED",
        8 => "RESOURCE_EXHAUSTED",
        9 => "FAILED_PRECONDITION",
        10 => "ABORTED",
        11 => "OUT_OF_RANGE",
        12 => "UNIMPLEMENTED",
        13 => "INTERNAL",
        14 => "UNAVAILABLE",
        15 => "DATA_LOSS",
        16 => "UNAUTHENTICATED",
        _ => "",
    }
}

/// The name in `grpc.health.v1`; empty for another status.
const fn health_name(status: u32) -> &'static str {
    match status {
        0 => "UNKNOWN",
        1 => "SERVING",
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "",
    }
}
