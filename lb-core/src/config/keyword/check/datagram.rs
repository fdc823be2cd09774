// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of the checks over datagrams.

use super::Check;
use crate::config::keyword::row::{Table, Value};
use crate::config::level::Level;

/// Keywords of `DNS_CHECK`.
pub(in crate::config) static DNS: Table<()> =
    Table::new(&[Level::Check], "DNS_CHECK", &[DNS_KEYWORDS]);

const DNS_KEYWORDS: &[Check] = &[
    Check::new(
        "type",
        "Sets the type of record that is asked for.",
        Value::Elsewhere("TYPE|TYPEnnn"),
    )
    .default("SOA"),
    Check::new(
        "name",
        "Sets the name that is asked for.",
        Value::Elsewhere("NAME"),
    )
    .default("the root"),
    Check::new(
        "tcp",
        "Asks over TCP, not only after a truncated answer.",
        Value::Elsewhere(""),
    )
    .own(),
    Check::new(
        "rcode",
        "Sets the response codes that pass.",
        Value::Elsewhere("NOERROR|NXDOMAIN|… …"),
    )
    .default("NOERROR")
    .own(),
    Check::new(
        "answer",
        "Requires a record with one of these contents: addresses, names or texts.",
        Value::Elsewhere("TEXT …"),
    )
    .own(),
];

/// Keywords of `UDP_CHECK`.
pub(in crate::config) static UDP: Table<()> =
    Table::new(&[Level::Check], "UDP_CHECK", &[UDP_KEYWORDS]);

const UDP_KEYWORDS: &[Check] = &[
    Check::new(
        "payload",
        "Sets what is sent.",
        Value::Elsewhere("HEXADECIMAL DIGITS"),
    )
    .default("16 bytes of text"),
    Check::new(
        "require_reply",
        "Has the check fail without a reply that begins with these bytes; X is any digit.",
        Value::Elsewhere("[HEXADECIMAL DIGITS|X]"),
    ),
    Check::new(
        "min_reply_length",
        "Sets the shortest reply that passes; needs digits in `require_reply`.",
        Value::Elsewhere("NUMBER, 0 to 65535"),
    )
    .default("0"),
    Check::new(
        "max_reply_length",
        "Sets the longest reply that passes; needs digits in `require_reply`.",
        Value::Elsewhere("NUMBER, 0 to 65535"),
    )
    .default("255"),
];

/// Keywords of `SIP_CHECK`.
pub(in crate::config) static SIP: Table<()> =
    Table::new(&[Level::Check], "SIP_CHECK", &[SIP_KEYWORDS]);

const SIP_KEYWORDS: &[Check] = &[
    Check::new(
        "login",
        "Sets the user that the request is for; `user` is the same.",
        Value::Elsewhere("USER|USER@HOST"),
    )
    .own(),
    Check::new("tcp", "Sends the request over TCP.", Value::Elsewhere("")).own(),
    Check::new(
        "status_code",
        "Sets the status codes that pass.",
        Value::Elsewhere("NUMBER|NUMBER-NUMBER …"),
    )
    .default("200")
    .own(),
];

/// Keywords of `RADIUS_CHECK`.
pub(in crate::config) static RADIUS: Table<()> =
    Table::new(&[Level::Check], "RADIUS_CHECK", &[RADIUS_KEYWORDS]);

const RADIUS_KEYWORDS: &[Check] = &[
    Check::new(
        "login",
        "Sets the user name; must be given; `user` is the same.",
        Value::Elsewhere("NAME"),
    )
    .own(),
    Check::new(
        "password",
        "Sets the password; `passwd` is the same.",
        Value::Elsewhere("TEXT"),
    )
    .default("empty")
    .own(),
    Check::new(
        "secret",
        "Sets the secret shared with the server; must be given.",
        Value::Elsewhere("TEXT"),
    )
    .own(),
    Check::new(
        "accept_reject",
        "Has the check pass when the server rejects the user.",
        Value::Elsewhere(""),
    )
    .own(),
];
