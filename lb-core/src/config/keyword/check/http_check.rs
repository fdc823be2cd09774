// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `HTTP_CHECK`.

use super::Check;
use crate::config::keyword::row::{Table, Value};
use crate::config::level::Level;

/// Keywords of `HTTP_CHECK`, beside the common ones.
pub(in crate::config) static HTTP_CHECK: Table<()> =
    Table::new(&[Level::Check], "HTTP_CHECK", &[HTTP_CHECK_KEYWORDS]);

const HTTP_CHECK_KEYWORDS: &[Check] = &[
    Check::new(
        "path",
        "Sets the path, with a query if any; must be given.",
        Value::Elsewhere("PATH"),
    )
    .own(),
    Check::new(
        "method",
        "Sets the method of the request.",
        Value::Elsewhere("METHOD"),
    )
    .own()
    .default("GET"),
    Check::new(
        "virtualhost",
        "Sets the host name of the request.",
        Value::Elsewhere("a host name"),
    )
    .own()
    .default("that of the real server"),
    Check::new(
        "header",
        "Adds a header to the request.",
        Value::Elsewhere("NAME VALUE"),
    )
    .own(),
    Check::new(
        "body",
        "Sets the body of the request.",
        Value::Elsewhere("TEXT"),
    )
    .own()
    .default("none"),
    Check::new(
        "http_protocol",
        "Sets the version of the protocol; 2 over TLS by ALPN, else with prior knowledge.",
        Value::Elsewhere("1.0|1.1|2"),
    )
    .own()
    .default("1.1"),
    Check::new(
        "status_code",
        "Sets the accepted status codes.",
        Value::Elsewhere("NUMBER|NUMBER-NUMBER …"),
    )
    .own()
    .default("200 to 299"),
    Check::new(
        "expect_header",
        "Demands a header of the answer, with its whole value if given.",
        Value::Elsewhere("NAME [VALUE]"),
    )
    .own(),
    Check::new(
        "text",
        "Demands a text in the first 256 KiB of the body.",
        Value::Elsewhere("TEXT"),
    )
    .own(),
    Check::new(
        "digest",
        "Sets the MD5 digest of the decoded body.",
        Value::Elsewhere("32 hexadecimal digits"),
    )
    .own(),
    Check::new(
        "sha256",
        "Sets the SHA-256 digest of the decoded body.",
        Value::Elsewhere("64 hexadecimal digits"),
    )
    .own(),
    Check::new(
        "regex",
        "Sets a regular expression that the body must match.",
        Value::Elsewhere("REGEX"),
    )
    .own(),
    Check::new(
        "regex_max_offset",
        "Sets where the last match may begin.",
        Value::Elsewhere("BYTES, up to 2147483647"),
    )
    .own(),
    Check::new(
        "regex_min_offset",
        "Sets where the first match may begin.",
        Value::Elsewhere("BYTES, up to 2147483647"),
    )
    .own()
    .default("0"),
    Check::new(
        "regex_no_match",
        "Has the body not match.",
        Value::Elsewhere(""),
    )
    .own(),
    Check::new(
        "regex_options",
        "Sets options of the regular expression.",
        Value::Elsewhere("OPTION …"),
    )
    .own(),
    Check::new(
        "regex_stack",
        "Compiles the regular expression for the machine, with a stack of this size at first and at most.",
        Value::Elsewhere("BYTES BYTES"),
    )
    .own(),
    Check::new(
        "tls",
        "Checks over TLS.",
        Value::Elsewhere("[on|off]"),
    )
    .own()
    .default("off"),
    Check::new(
        "verify",
        "Verifies the certificate of the server.",
        Value::Elsewhere("[on|off]"),
    )
    .own()
    .default("on"),
    Check::new(
        "ca",
        "Sets the file with the trusted certificates.",
        Value::Elsewhere("FILE"),
    )
    .own()
    .default("those of the system"),
    Check::new(
        "certificate",
        "Sets the file with the certificate that is shown to the server.",
        Value::Elsewhere("FILE"),
    )
    .own()
    .default("none"),
    Check::new(
        "key",
        "Sets the file with the key of the certificate.",
        Value::Elsewhere("FILE"),
    )
    .own()
    .default("that of the certificate"),
    Check::new(
        "sni_name",
        "Sets the name that is sent and verified.",
        Value::Elsewhere("NAME"),
    )
    .own()
    .default("the host name"),
    Check::new(
        "certificate_warning",
        "Warns from this number of days before the certificate of the server expires.",
        Value::Elsewhere("DAYS, 1 to 3650"),
    )
    .own()
    .default("no warning"),
    Check::new(
        "timeout",
        "Limits the time of the whole check.",
        Value::Elsewhere("SECONDS, 0.001 to 3600"),
    )
    .own()
    .default("three times connect_timeout"),
];
