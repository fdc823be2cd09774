// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of checks. The factory of a check reads its own; the common ones are read where a check is
//! resolved.

mod binary;
mod common;
mod http;
mod http_check;
mod other;
mod policy;
mod text;

use super::row::Keyword;

pub(in crate::config) use self::binary::{FILE, GRPC, LDAP, MYSQL, PGSQL};
pub(in crate::config) use self::common::COMMON;
pub(in crate::config) use self::http::{HTTP, URL};
pub(in crate::config) use self::http_check::HTTP_CHECK;
pub(in crate::config) use self::other::OTHER;
pub(in crate::config) use self::text::{AGENT, PROTOCOL, SEND_EXPECT, SMTP};

type Check = Keyword<()>;
