// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of checks that are dialogues in text.

use super::Check;
use crate::config::keyword::row::{Table, Value};
use crate::config::level::Level;

/// Keywords of `SMTP_CHECK`, beside the common ones.
pub(in crate::config) static SMTP: Table<()> =
    Table::new(&[Level::Check], "SMTP_CHECK", &[SMTP_KEYWORDS]);

const SMTP_KEYWORDS: &[Check] = &[
    Check::new(
        "helo_name",
        "Sets the name in the greeting.",
        Value::Elsewhere("NAME"),
    )
    .tier(2)
    .default("smtpchecker.keepalived.org"),
    Check::new(
        "host",
        "Makes a check of its own with these common keywords; an older form.",
        Value::Elsewhere("{ … }"),
    )
    .tier(4),
    Check::new(
        "ehlo",
        "Greets by EHLO instead of HELO.",
        Value::Elsewhere("[on|off]"),
    )
    .default("off, on with starttls")
    .own(),
    TLS,
    START_TLS,
    SNI,
];

/// Keywords of the checks that may log in.
pub(in crate::config) static PROTOCOL: Table<()> = Table::new(
    &[Level::Check],
    "IMAP_CHECK, POP3_CHECK, FTP_CHECK, NNTP_CHECK, REDIS_CHECK",
    &[PROTOCOL_KEYWORDS],
);

const PROTOCOL_KEYWORDS: &[Check] = &[
    Check::new(
        "login",
        "Sets the user that the check logs in as, with password.",
        Value::Elsewhere("USER"),
    )
    .default("no login, REDIS_CHECK the default user")
    .own(),
    Check::new(
        "password",
        "Sets the password of the user.",
        Value::Elsewhere("PASSWORD"),
    )
    .own(),
    TLS,
    START_TLS,
    SNI,
];

/// Keywords of `SEND_EXPECT_CHECK`.
pub(in crate::config) static SEND_EXPECT: Table<()> = Table::new(
    &[Level::Check],
    "SEND_EXPECT_CHECK",
    &[SEND_EXPECT_KEYWORDS],
);

const SEND_EXPECT_KEYWORDS: &[Check] = &[
    Check::new(
        "send",
        r"Sends a text, in which \r, \n, \t, \\ and \xHH are escapes.",
        Value::Elsewhere("TEXT"),
    )
    .own(),
    Check::new("send_hex", "Sends bytes.", Value::Elsewhere(HEX)).own(),
    Check::new(
        "expect",
        "Waits for a text with escapes anywhere in the answer.",
        Value::Elsewhere("TEXT"),
    )
    .own(),
    Check::new(
        "expect_prefix",
        "Waits for an answer that begins with a text with escapes.",
        Value::Elsewhere("TEXT"),
    )
    .own(),
    Check::new(
        "expect_line",
        "Waits for a line that is a text with escapes.",
        Value::Elsewhere("TEXT"),
    )
    .own(),
    Check::new(
        "expect_hex",
        "Waits for bytes anywhere in the answer.",
        Value::Elsewhere(HEX),
    )
    .own(),
    Check::new(
        "expect_regex",
        "Waits for an answer that a regular expression of Rust's crate regex matches.",
        Value::Elsewhere("REGEX"),
    )
    .own(),
    Check::new(
        "expect_nothing",
        "Waits, and fails if an answer arrives.",
        Value::Elsewhere("SECONDS, 0.000001 to 60"),
    )
    .own(),
    Check::new(
        "expect_close",
        "Waits until the server closes the connection.",
        Value::Elsewhere(""),
    )
    .own(),
    Check::new(
        "close",
        "Ends the sending side of the connection.",
        Value::Elsewhere(""),
    )
    .own(),
    Check::new(
        "starttls",
        "Starts TLS on the plain connection.",
        Value::Elsewhere(""),
    )
    .own(),
    Check::new(
        "max_answer",
        "Limits the bytes of one answer.",
        Value::Elsewhere("NUMBER, 1 to 16384"),
    )
    .default("4096")
    .own(),
    TLS,
    SNI,
];

/// Keywords of `AGENT_CHECK`.
pub(in crate::config) static AGENT: Table<()> =
    Table::new(&[Level::Check], "AGENT_CHECK", &[AGENT_KEYWORDS]);

const AGENT_KEYWORDS: &[Check] = &[
    Check::new(
        "send",
        r"Sends a text first, in which \r, \n, \t, \\ and \xHH are escapes.",
        Value::Elsewhere("TEXT"),
    )
    .own(),
    Check::new(
        "optional",
        "Has an agent that does not answer be no failure.",
        Value::Elsewhere("[on|off]"),
    )
    .default("off")
    .own(),
];

const HEX: &str = "HEXADECIMAL DIGITS …";

const TLS: Check = Check::new(
    "tls",
    "Connects over TLS; no certificate is verified.",
    Value::Elsewhere("[on|off]"),
)
.default("off")
.own();

const START_TLS: Check = Check::new(
    "starttls",
    "Starts TLS by a command of the protocol; not for REDIS_CHECK.",
    Value::Elsewhere("[on|off]"),
)
.default("off")
.own();

const SNI: Check = Check::new(
    "sni",
    "Sets the server name of TLS.",
    Value::Elsewhere("a host name"),
)
.default("none is sent")
.own();
