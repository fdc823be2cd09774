// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of checks. The factory of a check reads its own; the common ones are read where a check is
//! resolved.

mod common;
mod datagram;
mod http;
mod other;

use super::row::Keyword;

pub(in crate::config) use self::common::COMMON;
pub(in crate::config) use self::datagram::{DNS, RADIUS, SIP, UDP};
pub(in crate::config) use self::http::{HTTP, URL};
pub(in crate::config) use self::other::OTHER;

type Check = Keyword<()>;
