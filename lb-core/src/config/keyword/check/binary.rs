// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of the checks of binary protocols and of tracked files.

use super::Check;
use crate::config::keyword::row::{Table, Value};
use crate::config::level::Level;

/// Keywords of `FILE_CHECK`.
pub(in crate::config) static FILE: Table<()> =
    Table::new(&[Level::Check], "FILE_CHECK", &[FILE_KEYWORDS]);

const FILE_KEYWORDS: &[Check] = &[
    Check::new(
        "track_file",
        "Sets the file, by the name of its block; must be given.",
        Value::Elsewhere("NAME"),
    ),
    Check::new(
        "weight",
        "Sets the factor of the number, which is added to the weight; with 0 another number than 0 means down.",
        Value::Elsewhere("NUMBER [reverse|noreverse], any sign"),
    )
    .default("that of the track_file"),
];

/// Keywords of `LDAP_CHECK`.
pub(in crate::config) static LDAP: Table<()> =
    Table::new(&[Level::Check], "LDAP_CHECK", &[LDAP_KEYWORDS]);

const LDAP_KEYWORDS: &[Check] = &[
    Check::new(
        "base",
        "Sets the entry that must be there.",
        Value::Elsewhere("NAME"),
    )
    .default("that of the server itself")
    .own(),
    Check::new(
        "login",
        "Sets the name to bind with.",
        Value::Elsewhere("NAME"),
    )
    .default("anonymous")
    .own(),
    Check::new("password", PASSWORD, Value::Elsewhere("TEXT")).own(),
    Check::new("tls", TLS, Value::Elsewhere("[on|off]")).own(),
    Check::new("starttls", START_TLS, Value::Elsewhere("[on|off]")).own(),
    Check::new("sni_name", SERVER_NAME, Value::Elsewhere("NAME")).own(),
];

/// Keywords of `MYSQL_CHECK`.
pub(in crate::config) static MYSQL: Table<()> =
    Table::new(&[Level::Check], "MYSQL_CHECK", &[MYSQL_KEYWORDS]);

const MYSQL_KEYWORDS: &[Check] = &[
    Check::new(
        "login",
        "Sets the user that logs in; without one the greeting of the server is enough.",
        Value::Elsewhere("NAME"),
    )
    .own(),
    Check::new("password", PASSWORD, Value::Elsewhere("TEXT")).own(),
    Check::new("starttls", START_TLS, Value::Elsewhere("[on|off]")).own(),
    Check::new("sni_name", SERVER_NAME, Value::Elsewhere("NAME")).own(),
];

/// Keywords of `PGSQL_CHECK`.
pub(in crate::config) static PGSQL: Table<()> =
    Table::new(&[Level::Check], "PGSQL_CHECK", &[PGSQL_KEYWORDS]);

const PGSQL_KEYWORDS: &[Check] = &[
    Check::new(
        "login",
        "Sets the user that starts a session; must be given.",
        Value::Elsewhere("NAME"),
    )
    .own(),
    Check::new("database", "Sets the database.", Value::Elsewhere("NAME"))
        .default("that of the name of the user")
        .own(),
    Check::new("starttls", START_TLS, Value::Elsewhere("[on|off]")).own(),
    Check::new("sni_name", SERVER_NAME, Value::Elsewhere("NAME")).own(),
];

/// Keywords of `GRPC_CHECK`.
pub(in crate::config) static GRPC: Table<()> =
    Table::new(&[Level::Check], "GRPC_CHECK", &[GRPC_KEYWORDS]);

const GRPC_KEYWORDS: &[Check] = &[
    Check::new(
        "service",
        "Sets the service whose health is asked for.",
        Value::Elsewhere("NAME"),
    )
    .default("the server as a whole")
    .own(),
    Check::new(
        "virtualhost",
        "Sets the authority of the request.",
        Value::Elsewhere("NAME"),
    )
    .default("that of the real server, else its address")
    .own(),
    Check::new("tls", TLS, Value::Elsewhere("[on|off]")).own(),
    Check::new("sni_name", SERVER_NAME, Value::Elsewhere("NAME")).own(),
];

const PASSWORD: &str = "Sets the password of the login.";
const TLS: &str = "Connects over TLS.";
const START_TLS: &str = "Starts TLS before the login.";
const SERVER_NAME: &str = "Sets the server name that TLS sends.";
