// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options of this format's own: one word each, `--lb-NAME=VALUE`.

use std::fmt;

use crate::command::{Command, OptionName};

/// An option of this format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Extension {
    Service,
    Scheduler,
    Engine,
    Flags,
    Persistent,
    Netmask,
    Forwarding,
    Tunnel,
    Upper,
    Lower,
    TimeoutTcp,
    TimeoutTcpFin,
    TimeoutUdp,
    Interface,
    SyncId,
    MaxLength,
    Group,
    Port,
    Ttl,
}

pub(super) const PREFIX: &str = "--lb-";

impl Extension {
    const ALL: [Self; 19] = [
        Self::Service,
        Self::Scheduler,
        Self::Engine,
        Self::Flags,
        Self::Persistent,
        Self::Netmask,
        Self::Forwarding,
        Self::Tunnel,
        Self::Upper,
        Self::Lower,
        Self::TimeoutTcp,
        Self::TimeoutTcpFin,
        Self::TimeoutUdp,
        Self::Interface,
        Self::SyncId,
        Self::MaxLength,
        Self::Group,
        Self::Port,
        Self::Ttl,
    ];

    /// Behind [`PREFIX`].
    const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Scheduler => "scheduler",
            Self::Engine => "pe",
            Self::Flags => "flags",
            Self::Persistent => "persistent",
            Self::Netmask => "netmask",
            Self::Forwarding => "forwarding",
            Self::Tunnel => "tunnel",
            Self::Upper => "u-threshold",
            Self::Lower => "l-threshold",
            Self::TimeoutTcp => "tcp",
            Self::TimeoutTcpFin => "tcpfin",
            Self::TimeoutUdp => "udp",
            Self::Interface => "interface",
            Self::SyncId => "syncid",
            Self::MaxLength => "maxlen",
            Self::Group => "group",
            Self::Port => "port",
            Self::Ttl => "ttl",
        }
    }

    /// The option of ipvsadm's that sets the same value and cannot stand beside this one.
    pub(super) const fn instead_of(self) -> Option<OptionName> {
        Some(match self {
            Self::Service => OptionName::Service,
            Self::Scheduler => OptionName::Scheduler,
            Self::Engine => OptionName::PersistenceEngine,
            Self::Persistent => OptionName::Persistent,
            Self::Netmask => OptionName::Netmask,
            Self::Forwarding | Self::Tunnel => OptionName::Forward,
            Self::Upper => OptionName::UpperThreshold,
            Self::Lower => OptionName::LowerThreshold,
            Self::Interface => OptionName::McastInterface,
            Self::SyncId => OptionName::SyncId,
            Self::MaxLength => OptionName::SyncMaxLen,
            Self::Group => OptionName::McastGroup,
            Self::Port => OptionName::McastPort,
            Self::Ttl => OptionName::McastTtl,
            // The flags add to those of `-o` and `-b`; `--set` has no options.
            Self::Flags | Self::TimeoutTcp | Self::TimeoutTcpFin | Self::TimeoutUdp => return None,
        })
    }

    pub(super) fn fits(self, command: Command) -> bool {
        match command {
            Command::AddService => matches!(
                self,
                Self::Service
                    | Self::Scheduler
                    | Self::Engine
                    | Self::Flags
                    | Self::Persistent
                    | Self::Netmask
            ),
            Command::AddServer => matches!(
                self,
                Self::Service | Self::Forwarding | Self::Tunnel | Self::Upper | Self::Lower
            ),
            Command::Set => matches!(
                self,
                Self::TimeoutTcp | Self::TimeoutTcpFin | Self::TimeoutUdp
            ),
            Command::StartDaemon => matches!(
                self,
                Self::Interface
                    | Self::SyncId
                    | Self::MaxLength
                    | Self::Group
                    | Self::Port
                    | Self::Ttl
            ),
            _ => false,
        }
    }

    /// Which it is, and its value.
    pub(super) fn read(word: &str) -> Option<(Self, &str)> {
        let (name, value) = word.strip_prefix(PREFIX)?.split_once('=')?;
        let extension = Self::ALL.into_iter().find(|known| known.name() == name)?;
        Some((extension, value))
    }

    pub(super) fn write(self, value: fmt::Arguments<'_>) -> String {
        format!("{PREFIX}{}={value}", self.name())
    }
}

/// Everything that could end a word, and `%` itself, as `%` and two hexadecimal digits.
pub(super) fn escape(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The name behind [`escape`].
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if *first == b'%' {
            let (digits, behind) = behind.split_at_checked(2)?;
            let digits = str::from_utf8(digits).ok()?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = behind;
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok()
}
