// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `authentication` and `auth_hmac`.

use super::{Keyword, Value};
use crate::config::hmac::HmacBlock;
use crate::config::instance::InstanceConfig;

type Authentication = Keyword<InstanceConfig>;

pub(in crate::config) const AUTHENTICATION: &[Authentication] = &[
    Authentication::new(
        "auth_type",
        "Sets the kind of authentication.",
        Value::Other("PASS|AH", InstanceConfig::auth_type),
    ),
    Authentication::new(
        "auth_pass",
        "Sets the password; at most 8 bytes.",
        Value::Text("a password", |instance| &mut instance.auth_pass),
    ),
];

type Hmac = Keyword<HmacBlock>;

pub(in crate::config) const AUTH_HMAC: &[Hmac] = &[
    Hmac::new(
        "key",
        "Adds a key.",
        Value::Other("ID SECRET|hex:DIGITS|file:PATH", HmacBlock::key),
    ),
    Hmac::new(
        "active_key",
        "Sets the key that signs adverts; must be given.",
        Value::Number(1..=255, |block| &mut block.active),
    ),
    Hmac::new(
        "anti_replay",
        "Sets how repeated adverts are recognised.",
        Value::Other("time|monotonic", HmacBlock::anti_replay),
    )
    .default("time"),
    Hmac::new(
        "time_window",
        "Sets how far the clocks of the routers may differ.",
        Value::WholeSeconds(1..=300, |block| &mut block.window),
    )
    .default("three intervals, at least 5"),
    Hmac::new(
        "mode",
        "Sets whether adverts without a valid trailer are accepted.",
        Value::Other("enforce|permissive|receive-only", HmacBlock::mode),
    )
    .default("enforce"),
];
