// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of keywords, one for each kind of block, and the functions that read a block by its table.
//! Reading a line, suggestions, `lbctl check --explain` and `KEYWORDS.md` use them.
//!
//! A table knows the type that its block is read into, and the tables of the blocks inside. A type of a
//! block knows no table.

mod check;
mod global;
mod group;
mod instance;
mod policy;
mod proof;
mod real;
mod root;
mod row;
mod server;
mod track;

use lb_check::Registry;

use self::row::Definitions;
use super::vocabulary::Vocabulary;

pub use self::row::{KeywordEffect, KeywordHelp};

pub(super) use self::root::read as read_file;
pub(super) use self::server::virtual_server as read_virtual_server;

/// All tables, in the order in which they are explained.
static TABLES: [&dyn Definitions; 27] = [
    &root::ROOT,
    &global::GLOBAL,
    &instance::INSTANCE,
    &proof::AUTHENTICATION,
    &proof::AUTH_HMAC,
    &track::SYNC_GROUP,
    &track::SCRIPT,
    &track::TRACK_FILE,
    &track::PROCESS,
    &group::GARP_GROUP,
    &group::TRACK_GROUP,
    &server::VIRTUAL_SERVER,
    &real::REAL_SERVER,
    &check::COMMON,
    &check::HTTP,
    &check::URL,
    &check::HTTP_CHECK,
    &check::SMTP,
    &check::PROTOCOL,
    &check::SEND_EXPECT,
    &check::AGENT,
    &check::OTHER,
    &check::FILE,
    &check::LDAP,
    &check::MYSQL,
    &check::PGSQL,
    &check::GRPC,
];

/// What the keywords of all tables mean, block by block.
pub(super) fn help() -> impl Iterator<Item = KeywordHelp> {
    TABLES.iter().flat_map(|table| table.help())
}

/// The names of all tables, and of the checks of a registry.
pub(super) fn vocabulary(registry: &Registry) -> Vocabulary<'_> {
    Vocabulary::new(TABLES.iter().flat_map(|table| table.names()), registry)
}

#[cfg(test)]
mod tests {
    use super::super::level::Level;
    use super::*;

    #[test]
    fn nearest_is_what_was_meant() {
        let registry = Registry::builtin();
        let vocabulary = vocabulary(&registry);
        for (typed, meant) in [
            ("lb_alog", Some("lb_algo")),
            ("vitrual_server", None),
            ("delayloop", Some("delay_loop")),
            ("PROTOCOL", Some("protocol")),
            ("banana", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(
                vocabulary.nearest(Level::VirtualServer, typed),
                meant,
                "{typed}"
            );
        }
        assert_eq!(
            vocabulary.nearest(Level::Root, "vitrual_server"),
            Some("virtual_server")
        );
    }

    #[test]
    fn a_block_is_valid_where_its_keyword_is_known() {
        let registry = Registry::builtin();
        let vocabulary = vocabulary(&registry);
        let names: Vec<_> = TABLES.iter().flat_map(|table| table.names()).collect();
        let blocks = names.iter().filter(|name| name.opens.is_some());
        assert!(blocks.clone().count() > 50);
        for name in blocks {
            assert_eq!(vocabulary.block(name.level, name.keyword), name.opens);
            assert!(vocabulary.knows(name.level, name.keyword));
        }
        assert_eq!(
            vocabulary.home("real_server").as_deref(),
            Some("`real_server` is valid in `virtual_server`")
        );
        assert_eq!(vocabulary.home("nonsense"), None);
    }

    #[test]
    fn a_form_with_braces_opens_a_block() {
        for table in TABLES {
            let names: Vec<_> = table.names().collect();
            for help in table.help().filter(|help| help.name != "host") {
                let mut own = names.iter().filter(|name| name.keyword == help.name);
                assert!(
                    own.all(|name| name.opens.is_some() == help.argument.contains('{')),
                    "{}",
                    help.name
                );
            }
        }
    }
}
