// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm's complaints about a command line, word for word, because scripts look at them.

use crate::args::{
    ipvs::{Command, OptionName},
    popt::Broken,
};

/// A command line that cannot be carried out. The kernel has not been asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("Try `{program} -h' or '{program} --help' for more information.")]
    NoCommand { program: String },
    #[error("{0}")]
    Broken(Broken),
    #[error("invalid option `{word}'")]
    SecondCommand { word: String },
    #[error("multiple '{}' options specified", option.name())]
    Repeated { option: OptionName },
    #[error("unexpected argument {word}")]
    UnexpectedWord { word: String },
    #[error("You need to supply the '{}' option for the '{}' command", option.name(), command.name())]
    Missing {
        option: OptionName,
        command: Command,
    },
    #[error("Illegal '{}' option with the '{}' command", option.name(), command.name())]
    Illegal {
        option: OptionName,
        command: Command,
    },
    #[error(
        "The option '{}' conflicts with the '{}' option in the '{}' command",
        later.name(), earlier.name(), command.name()
    )]
    Conflict {
        later: OptionName,
        earlier: OptionName,
        command: Command,
    },
    #[error("options conflicts in the list command")]
    ListConflict,
    #[error("You need to supply the '{}' option for the '{tunnel}' tunnel type", option.name())]
    TunnelMissing {
        option: OptionName,
        tunnel: &'static str,
    },
    #[error("Illegal '{}' option with the '{tunnel}' tunnel type", option.name())]
    TunnelIllegal {
        option: OptionName,
        tunnel: &'static str,
    },
    #[error(
        "The option '{}' conflicts with the '{}' option in the '{tunnel}' tunnel type",
        later.name(), earlier.name()
    )]
    TunnelConflict {
        later: OptionName,
        earlier: OptionName,
        tunnel: &'static str,
    },
    #[error("Tunnel options conflict with forward method")]
    TunnelWithoutForwarding,
    #[error("illegal virtual server address[:port] specified")]
    ServiceAddress,
    #[error("illegal real server address[:port] specified")]
    ServerAddress,
    #[error("invalid fwmark value `{value}' specified")]
    FirewallMark { value: String },
    #[error("-6 used before -f\n")]
    Ipv6BeforeMark,
    #[error("illegal virtual server persistent mask specified")]
    Netmask,
    #[error("illegal ipv6 netmask specified")]
    PrefixLength,
    #[error("invalid timeout value `{value}' specified")]
    TimeoutValue { value: String },
    #[error("--set option requires 3 timeout values")]
    TimeoutCount,
    #[error("Zero port specified for non-persistent service")]
    ZeroPort,
    #[error("One-Packet Scheduling is only for UDP virtual services")]
    OnePacketProtocol,
    #[error("invalid scheduler flag `{flag}'")]
    SchedulerFlag { flag: String },
    #[error("incompatible scheduler flag `{flag}'")]
    SchedulerFlagScheduler { flag: String },
    #[error("Different address family is allowed only for tunneling servers")]
    FamilyMismatch,
    #[error("illegal {what} specified")]
    Value { what: &'static str },
    #[error("invalid {family} mcast-group `{value}'")]
    McastGroup { family: &'static str, value: String },
}

impl UsageError {
    /// The exit status ipvsadm ends with: 255 where its option parser gave up, else 2.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoCommand { .. } | Self::Broken(_) => 255,
            _ => 2,
        }
    }
}
