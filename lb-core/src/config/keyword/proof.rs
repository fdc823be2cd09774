// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `authentication` and `auth_hmac`.

use super::row::{Keyword, Table, Value};
use crate::config::hmac::{HmacBlock, report_unknown};
use crate::config::instance::InstanceConfig;
use crate::config::level::Level;
use crate::config::line::Context;
use crate::config::tree::NodeId;

type Authentication = Keyword<InstanceConfig>;

pub(in crate::config) static AUTHENTICATION: Table<InstanceConfig> = Table::new(
    &[Level::Authentication],
    "authentication",
    &[AUTHENTICATION_KEYWORDS],
);

const AUTHENTICATION_KEYWORDS: &[Authentication] = &[
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

pub(in crate::config) static AUTH_HMAC: Table<HmacBlock> =
    Table::new(&[Level::Hmac], "auth_hmac", &[HMAC_KEYWORDS]);

const HMAC_KEYWORDS: &[Hmac] = &[
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

/// Reads `authentication` of an instance.
pub(super) fn authentication(
    instance: &mut InstanceConfig,
    context: &mut Context<'_>,
    block: NodeId,
) {
    context.only_block(block);
    AUTHENTICATION.read(instance, context, block);
}

/// Reads `auth_hmac` of an instance.
pub(super) fn auth_hmac(instance: &mut InstanceConfig, context: &mut Context<'_>, block: NodeId) {
    context.only_block(block);
    let mut hmac = HmacBlock::new(context.tree.line_span(block));
    for line in context.lines(block) {
        if !AUTH_HMAC.try_line(&mut hmac, context, line) {
            report_unknown(context, line);
        }
    }
    instance.set_hmac(context, block, hmac);
}
