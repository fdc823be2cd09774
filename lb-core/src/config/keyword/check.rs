// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of checks. The factory of a check reads its own; the common ones are read where a check is
//! resolved.

use super::row::{Keyword, Table, Value};
use crate::config::level::Level;

type Check = Keyword<()>;

/// Keywords of all checks that connect.
pub(in crate::config) static COMMON: Table<()> = Table::new(
    &[Level::Http, Level::Check],
    "all checks",
    &[COMMON_KEYWORDS],
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

/// Keywords of `HTTP_GET` and `SSL_GET`, beside the common ones.
pub(in crate::config) static HTTP: Table<()> =
    Table::new(&[Level::Http], "HTTP_GET, SSL_GET", &[HTTP_KEYWORDS]);

const HTTP_KEYWORDS: &[Check] = &[
    Check::new(
        "url",
        "Adds a page to fetch; must be given.",
        Value::Elsewhere("{ … }"),
    )
    .opens(Level::Url),
    Check::new(
        "virtualhost",
        "Sets the host name of the request.",
        Value::Elsewhere("a host name"),
    )
    .default("that of the real server"),
    Check::new(
        "http_protocol",
        "Sets the version of the protocol.",
        Value::Elsewhere("1.0|1.0C|1.1"),
    )
    .default("1.0"),
    Check::new(
        "nb_get_retry",
        "Is an older name of retry.",
        Value::Elsewhere("NUMBER"),
    ),
    Check::new(
        "fast_recovery",
        "Has no effect: all pages are fetched in every round.",
        Value::Elsewhere(""),
    ),
    Check::new(
        "enable_sni",
        "SSL_GET: sends the host name as the server name of TLS.",
        Value::Elsewhere("[on|off]"),
    )
    .default("off"),
    Check::new(
        "sni_name",
        "SSL_GET: sends this server name, or without a name the host name.",
        Value::Elsewhere("[NAME]"),
    ),
    Check::new(
        "tls_compliant",
        "SSL_GET: ends TLS connections with close_notify.",
        Value::Elsewhere("[on|off]"),
    )
    .default("off"),
];

pub(in crate::config) static URL: Table<()> = Table::new(&[Level::Url], "url", &[URL_KEYWORDS]);

const URL_KEYWORDS: &[Check] = &[
    Check::new(
        "path",
        "Sets the path; must be given.",
        Value::Elsewhere("PATH"),
    ),
    Check::new(
        "digest",
        "Sets the MD5 digest of the page, as genhash prints it.",
        Value::Elsewhere("32 hexadecimal digits"),
    ),
    Check::new(
        "status_code",
        "Sets the accepted status codes.",
        Value::Elsewhere("NUMBER|NUMBER-NUMBER …"),
    )
    .default("200 to 299"),
    Check::new(
        "virtualhost",
        "Sets the host name of the request.",
        Value::Elsewhere("a host name"),
    )
    .default("that of the check"),
    Check::new(
        "regex",
        "Sets a regular expression that the page must match.",
        Value::Elsewhere("REGEX"),
    )
    .later(),
    Check::new(
        "regex_max_offset",
        "Sets where the last match may begin.",
        Value::Elsewhere("BYTES"),
    )
    .later(),
    Check::new(
        "regex_min_offset",
        "Sets where the first match may begin.",
        Value::Elsewhere("BYTES"),
    )
    .later(),
    Check::new(
        "regex_no_match",
        "Has the page not match.",
        Value::Elsewhere(""),
    )
    .later(),
    Check::new(
        "regex_options",
        "Sets options of the regular expression.",
        Value::Elsewhere("OPTION …"),
    )
    .later(),
    Check::new(
        "regex_stack",
        "Sets the stack of the regular expression.",
        Value::Elsewhere("BYTES BYTES"),
    )
    .later(),
    Check::new(
        "tls_compliant",
        "SSL_GET: ends TLS connections with close_notify.",
        Value::Elsewhere("[on|off]"),
    )
    .default("that of the check"),
];

/// Keywords of other checks, beside the common ones.
pub(in crate::config) static OTHER: Table<()> =
    Table::new(&[Level::Check], "other checks", &[OTHER_KEYWORDS]);

const OTHER_KEYWORDS: &[Check] = &[
    Check::new(
        "misc_path",
        "Sets the program and its arguments; must be given.",
        Value::Elsewhere("COMMAND"),
    ),
    Check::new(
        "misc_timeout",
        "Limits the time of the program.",
        Value::Elsewhere("SECONDS, whole, from 1"),
    )
    .default("delay_loop"),
    Check::new(
        "misc_dynamic",
        "Takes the exit status for a weight.",
        Value::Elsewhere(""),
    ),
    Check::new(
        "user",
        "Sets user and group of the program.",
        Value::Elsewhere("USER [GROUP]"),
    )
    .default("script_user"),
    Check::new(
        "helo_name",
        "Sets the name in the greeting of SMTP_CHECK.",
        Value::Elsewhere("NAME"),
    )
    .later(),
    Check::new(
        "host",
        "Sets another target of SMTP_CHECK.",
        Value::Elsewhere("{ … }"),
    )
    .later(),
    Check::new(
        "max_reply_length",
        "Sets the longest reply of UDP_CHECK.",
        Value::Elsewhere("NUMBER, 0 to 65535"),
    )
    .later(),
    Check::new(
        "min_reply_length",
        "Sets the shortest reply of UDP_CHECK.",
        Value::Elsewhere("NUMBER, 0 to 65535"),
    )
    .later(),
    Check::new(
        "name",
        "Sets the name that DNS_CHECK asks for, or the session of BFD_CHECK.",
        Value::Elsewhere("NAME"),
    )
    .later(),
    Check::new(
        "payload",
        "Sets what UDP_CHECK sends.",
        Value::Elsewhere("HEXADECIMAL DIGITS"),
    )
    .later(),
    Check::new(
        "require_reply",
        "Has UDP_CHECK fail without a reply.",
        Value::Elsewhere("[HEXADECIMAL DIGITS|X]"),
    )
    .later(),
    Check::new(
        "track_file",
        "Sets the file of FILE_CHECK.",
        Value::Elsewhere("NAME"),
    )
    .later(),
    Check::new(
        "type",
        "Sets the type of record that DNS_CHECK asks for.",
        Value::Elsewhere("TYPE"),
    )
    .later(),
    Check::new(
        "weight",
        "Sets the factor of the number in the file of FILE_CHECK.",
        Value::Elsewhere("NUMBER [reverse|noreverse]"),
    )
    .later(),
];
