// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every keyword of keepalived 2.4.3 and the blocks in which it is valid.
//!
//! A keyword that is known elsewhere gets a note of its place; one that is not known is an error.
//! The names are those of the tables of [`Keyword`]s.

use super::keyword::{
    AUTH_HMAC, AUTHENTICATION, COMMON, GARP_GROUP, GLOBAL, HTTP, INSTANCE, Keyword, KeywordHelp,
    OTHER, PROCESS, REAL_SERVER, ROOT, SCRIPT, SYNC_GROUP, TRACK_FILE, TRACK_GROUP, URL,
    VIRTUAL_SERVER,
};

/// What kind of block a line stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The top of a file.
    Root,
    /// `global_defs`.
    Global,
    /// `vrrp_instance`.
    Instance,
    /// `authentication`.
    Authentication,
    /// `auth_hmac`.
    Hmac,
    /// `vrrp_script`.
    Script,
    /// `track_file`.
    TrackFile,
    /// `vrrp_track_process`.
    TrackProcess,
    /// `vrrp_sync_group`.
    SyncGroup,
    /// `garp_group`.
    GarpGroup,
    /// `track_group`.
    TrackGroup,
    /// `virtual_server`.
    VirtualServer,
    /// `real_server`.
    RealServer,
    /// `HTTP_GET` and `SSL_GET`.
    Http,
    /// `url`.
    Url,
    /// Another check of keepalived.
    Check,
    /// A check that only the registry knows: its blocks are its own business.
    Custom,
    /// Lines without keywords, such as addresses.
    Words,
    /// A block that is skipped whole.
    Opaque,
}

impl Level {
    /// The level inside a block of this name; none if no block of this name is valid here.
    pub(super) fn block(self, keyword: &str) -> Option<Self> {
        Some(match (self, keyword) {
            (Self::Root, "global_defs") => Self::Global,
            (Self::Root, "vrrp_instance") => Self::Instance,
            (Self::Root, "vrrp_script") => Self::Script,
            (Self::Root, "track_file" | "vrrp_track_file") => Self::TrackFile,
            (Self::Root, "vrrp_track_process") => Self::TrackProcess,
            (Self::Root, "vrrp_sync_group") => Self::SyncGroup,
            (
                Self::SyncGroup,
                "group" | "track_interface" | "track_script" | "track_file" | "track_process"
                | "track_bfd",
            ) => Self::Words,
            (Self::Root, "garp_group") => Self::GarpGroup,
            (Self::GarpGroup, "interfaces") => Self::Words,
            (Self::Root, "interface_up_down_delays" | "linkbeat_interfaces") => Self::Words,
            (Self::Root, "virtual_server") => Self::VirtualServer,
            (Self::Root, "SSL" | "bfd_instance") => Self::Words,
            (Self::Root, "virtual_server_group") => Self::Words,
            (Self::Root, "static_ipaddress" | "static_routes" | "static_rules") => Self::Words,
            (Self::Root, "track_group") => Self::TrackGroup,
            (Self::TrackGroup, "group") => Self::Words,
            (Self::Global, "notification_email") => Self::Words,
            (Self::Instance, "authentication") => Self::Authentication,
            (
                Self::Instance,
                "virtual_ipaddress"
                | "virtual_ipaddress_excluded"
                | "virtual_routes"
                | "virtual_rules"
                | "track_interface"
                | "track_script"
                | "track_file"
                | "track_process"
                | "track_bfd"
                | "unicast_peer",
            ) => Self::Words,
            (Self::Instance, "auth_hmac") => Self::Hmac,
            (Self::VirtualServer, "real_server") => Self::RealServer,
            (Self::RealServer, "HTTP_GET" | "SSL_GET") => Self::Http,
            (
                Self::RealServer,
                "TCP_CHECK" | "MISC_CHECK" | "SMTP_CHECK" | "DNS_CHECK" | "PING_CHECK"
                | "UDP_CHECK" | "BFD_CHECK" | "FILE_CHECK",
            ) => Self::Check,
            (Self::Http, "url") => Self::Url,
            _ => return None,
        })
    }

    /// The keywords that are valid here.
    pub(super) fn keywords(self) -> Box<dyn Iterator<Item = &'static str>> {
        fn names<T>(table: &'static [Keyword<T>]) -> Box<dyn Iterator<Item = &'static str>> {
            Box::new(table.iter().map(|keyword| keyword.name))
        }
        match self {
            Self::Root => names(ROOT),
            Self::Global => names(GLOBAL),
            Self::Instance => names(INSTANCE),
            Self::Authentication => names(AUTHENTICATION),
            Self::Hmac => names(AUTH_HMAC),
            Self::Script => names(SCRIPT),
            Self::TrackFile => names(TRACK_FILE),
            Self::TrackProcess => names(PROCESS),
            Self::SyncGroup => names(SYNC_GROUP),
            Self::GarpGroup => names(GARP_GROUP),
            Self::TrackGroup => names(TRACK_GROUP),
            Self::VirtualServer => names(VIRTUAL_SERVER),
            Self::RealServer => names(REAL_SERVER),
            Self::Http => Box::new(names(HTTP).chain(names(COMMON))),
            Self::Url => names(URL),
            Self::Check => Box::new(names(OTHER).chain(names(COMMON))),
            Self::Custom | Self::Words | Self::Opaque => Box::new(std::iter::empty()),
        }
    }

    /// What the keywords of all tables mean, block by block.
    pub(super) fn help() -> Vec<KeywordHelp> {
        fn all<'a, T>(
            level: Level,
            table: &'static [Keyword<T>],
        ) -> impl Iterator<Item = KeywordHelp> + 'a {
            let block = match level {
                Level::Http => "HTTP_GET, SSL_GET",
                Level::Check => "other checks",
                level => level.name().unwrap_or_default(),
            };
            table.iter().map(move |keyword| keyword.help(block))
        }
        all(Self::Root, ROOT)
            .chain(all(Self::Global, GLOBAL))
            .chain(all(Self::Instance, INSTANCE))
            .chain(all(Self::Authentication, AUTHENTICATION))
            .chain(all(Self::Hmac, AUTH_HMAC))
            .chain(all(Self::SyncGroup, SYNC_GROUP))
            .chain(all(Self::Script, SCRIPT))
            .chain(all(Self::TrackFile, TRACK_FILE))
            .chain(all(Self::TrackProcess, PROCESS))
            .chain(all(Self::GarpGroup, GARP_GROUP))
            .chain(all(Self::TrackGroup, TRACK_GROUP))
            .chain(all(Self::VirtualServer, VIRTUAL_SERVER))
            .chain(all(Self::RealServer, REAL_SERVER))
            .chain(COMMON.iter().map(|keyword| keyword.help("all checks")))
            .chain(all(Self::Http, HTTP))
            .chain(all(Self::Url, URL))
            .chain(all(Self::Check, OTHER))
            .collect()
    }

    /// Whether keepalived knows this keyword here.
    pub(super) fn knows(self, keyword: &str) -> bool {
        self.keywords().any(|known| known == keyword)
    }

    /// The name of the block, for messages; none where there is no one name.
    fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Global => "global_defs",
            Self::Instance => "vrrp_instance",
            Self::Authentication => "authentication",
            Self::Hmac => "auth_hmac",
            Self::Script => "vrrp_script",
            Self::TrackFile => "track_file",
            Self::TrackProcess => "vrrp_track_process",
            Self::SyncGroup => "vrrp_sync_group",
            Self::GarpGroup => "garp_group",
            Self::TrackGroup => "track_group",
            Self::VirtualServer => "virtual_server",
            Self::RealServer => "real_server",
            Self::Http => "HTTP_GET",
            Self::Url => "url",
            Self::Root | Self::Check | Self::Custom | Self::Words | Self::Opaque => return None,
        })
    }

    /// Whether a word may be a misspelt keyword of this level.
    pub(super) fn is_near(self, word: &str) -> bool {
        nearest(word, self.keywords()).is_some()
    }

    /// The keyword of this level that is for all instances what the other one is for one of them:
    /// `vrrp_garp_master_delay` and `garp_master_delay`.
    pub(super) fn same_of(self, keyword: &str) -> Option<&'static str> {
        let bare = |name: &str| name.strip_prefix("vrrp_").unwrap_or(name).to_owned();
        let pair = matches!(self, Self::Global | Self::Instance);
        let mut names = self.keywords().filter(|_| pair);
        names.find(|name| bare(name) == bare(keyword))
    }

    /// The place where a keyword is valid, for a note about one in the wrong place.
    pub(super) fn home_of(keyword: &str) -> Option<String> {
        if Self::Root.knows(keyword) {
            return Some(format!(
                "`{keyword}` is valid at the top of the file, in no block"
            ));
        }
        [
            Self::Global,
            Self::Instance,
            Self::Authentication,
            Self::Hmac,
            Self::Script,
            Self::TrackFile,
            Self::TrackProcess,
            Self::SyncGroup,
            Self::GarpGroup,
            Self::VirtualServer,
            Self::RealServer,
            Self::Http,
            Self::Url,
        ]
        .into_iter()
        .find(|level| level.knows(keyword))
        .and_then(Self::name)
        .map(|home| format!("`{keyword}` is valid in `{home}`"))
    }
}

/// Whether this check of keepalived knows this keyword, beside those that are read for every check.
pub(super) fn check_knows(check: &str, keyword: &str) -> bool {
    let own = match check {
        "MISC_CHECK" => "misc_path misc_timeout misc_dynamic user",
        "SMTP_CHECK" => "helo_name host",
        "DNS_CHECK" => "type name",
        "UDP_CHECK" => "payload require_reply min_reply_length max_reply_length",
        "BFD_CHECK" => "name",
        "FILE_CHECK" => "track_file weight",
        _ => "",
    };
    own.split_ascii_whitespace().any(|known| known == keyword)
}

/// The word of `known` nearest to `word`, if it is near enough to have been meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    let limit = 1.max(length / 4);
    let lower = word.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(length) <= limit)
        .map(|candidate| {
            // A different case alone is the nearest of all.
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len().max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_what_was_meant() {
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
                nearest(typed, Level::VirtualServer.keywords()),
                meant,
                "{typed}"
            );
        }
        assert_eq!(
            nearest("vitrual_server", Level::Root.keywords()),
            Some("virtual_server")
        );
    }

    #[test]
    fn a_block_is_valid_where_its_keyword_is_known() {
        for level in [
            Level::Root,
            Level::Global,
            Level::Instance,
            Level::VirtualServer,
        ] {
            for keyword in level.keywords() {
                if level.block(keyword).is_some() {
                    assert!(level.knows(keyword));
                }
            }
        }
        assert_eq!(
            Level::home_of("real_server").as_deref(),
            Some("`real_server` is valid in `virtual_server`")
        );
        assert_eq!(Level::home_of("nonsense"), None);
    }
}
