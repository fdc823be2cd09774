// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `HTTP_GET` and `SSL_GET`.

use super::Check;
use crate::config::keyword::row::{Table, Value};
use crate::config::level::Level;

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
    Check::new(
        "certificate_warning",
        "SSL_GET: warns from this number of days before the certificate of the server expires.",
        Value::Elsewhere("DAYS, 1 to 3650"),
    )
    .own()
    .default("no warning"),
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
    ),
    Check::new(
        "regex_max_offset",
        "Sets where the last match may begin.",
        Value::Elsewhere("BYTES, up to 2147483647"),
    ),
    Check::new(
        "regex_min_offset",
        "Sets where the first match may begin.",
        Value::Elsewhere("BYTES, up to 2147483647"),
    ),
    Check::new(
        "regex_no_match",
        "Has the page not match.",
        Value::Elsewhere(""),
    ),
    Check::new(
        "regex_options",
        "Sets options of the regular expression.",
        Value::Elsewhere("OPTION …"),
    ),
    Check::new(
        "regex_stack",
        "Compiles the regular expression for the machine, with a stack of this size at first and at most.",
        Value::Elsewhere("BYTES BYTES"),
    ),
    Check::new(
        "tls_compliant",
        "SSL_GET: ends TLS connections with close_notify.",
        Value::Elsewhere("[on|off]"),
    )
    .default("that of the check"),
];
