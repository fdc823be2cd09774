// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kinds of blocks.

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
    /// The kinds of blocks whose lines begin with keywords, in the order of their declaration.
    pub(super) const WITH_KEYWORDS: [Self; 16] = [
        Self::Root,
        Self::Global,
        Self::Instance,
        Self::Authentication,
        Self::Hmac,
        Self::Script,
        Self::TrackFile,
        Self::TrackProcess,
        Self::SyncGroup,
        Self::GarpGroup,
        Self::TrackGroup,
        Self::VirtualServer,
        Self::RealServer,
        Self::Http,
        Self::Url,
        Self::Check,
    ];

    /// The name of the block, for messages; none where there is no one name.
    pub(super) const fn name(self) -> Option<&'static str> {
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
}
