// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of all checks that connect.

use super::Check;
use super::policy::POLICY_KEYWORDS;
use crate::config::keyword::row::{Table, Value};
use crate::config::level::Level;
use crate::config::via_vip::VIA_VIP;

/// Keywords of all checks that connect.
pub(in crate::config) static COMMON: Table<()> = Table::new(
    &[Level::Http, Level::Check],
    "all checks",
    &[COMMON_KEYWORDS, POLICY_KEYWORDS],
);

const COMMON_KEYWORDS: &[Check] = &[
    Check::new(
        "connect_ip",
        "Sets the address that is checked.",
        Value::Elsewhere("ADDRESS"),
    )
    .default("that of the real server"),
    Check::new(
        "connect_port",
        "Sets the port that is checked.",
        Value::Elsewhere("NUMBER, 1 to 65535"),
    )
    .default("that of the real server"),
    Check::new(
        "bindto",
        "Sets the source address of the check.",
        Value::Elsewhere("ADDRESS"),
    ),
    Check::new(
        "bind_port",
        "Sets the source port of the check.",
        Value::Elsewhere("NUMBER, 1 to 65535"),
    ),
    Check::new(
        "bind_if",
        "Sets the interface of the check.",
        Value::Elsewhere("INTERFACE"),
    ),
    Check::new(
        "fwmark",
        "Sets the mark of the packets of the check.",
        Value::Elsewhere("NUMBER"),
    )
    .default("0"),
    Check::new(
        "via_vip",
        "Checks at the virtual address, through the forwarding method: direct routing or a tunnel.",
        Value::Elsewhere(VIA_VIP),
    )
    .default("that of the real server")
    .own(),
    Check::new(
        "log_all_failures",
        "Logs each failed attempt, not only the one that decides.",
        Value::Elsewhere("[on|off]"),
    )
    .default("checker_log_all_failures"),
    Check::new(
        "alpha",
        "Has the real server start down until this check has passed.",
        Value::Elsewhere("[on|off]"),
    )
    .default("that of the real server"),
    Check::new(
        "connect_timeout",
        "Limits the time to connect.",
        Value::Elsewhere("SECONDS, from 0.000001"),
    )
    .default("that of the real server"),
    Check::new(
        "delay_loop",
        "Sets the period.",
        Value::Elsewhere("SECONDS, from 0.000001"),
    )
    .default("that of the real server"),
    Check::new(
        "retry",
        "Sets the number of further attempts before the check counts as failed.",
        Value::Elsewhere("NUMBER"),
    )
    .default("that of the real server"),
    Check::new(
        "delay_before_retry",
        "Sets the time between two attempts.",
        Value::Elsewhere("SECONDS"),
    )
    .default("that of the real server"),
    Check::new(
        "warmup",
        "Sets the longest random delay of the first check.",
        Value::Elsewhere("SECONDS"),
    )
    .default("that of the real server"),
];
