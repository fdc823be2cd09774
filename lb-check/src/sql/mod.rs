// SPDX-License-Identifier: MIT OR Apache-2.0
//! Databases: `MYSQL_CHECK` and `PGSQL_CHECK`. They make the handshake of the protocol and send no query.

mod mysql;
mod pgsql;

use crate::Reason;
use crate::outcome::Failure;

pub use self::mysql::MysqlCheck;
pub(crate) use self::mysql::MysqlFactory;
pub use self::pgsql::PgsqlCheck;
pub(crate) use self::pgsql::PgsqlFactory;

const fn fail(reason: Reason) -> Failure {
    Failure::Target(reason)
}

/// The bytes up to the first zero, and the bytes after it; `None` without a zero.
fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}
