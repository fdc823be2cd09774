// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm's complaints about a command line, word for word, because scripts look at them.

use super::{
    options::{Command, OptionName},
    popt::Broken,
};

/// A command line that cannot be carried out, in ipvsadm's words. The kernel has not been asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// The first option is no command, or the command is not possible here.
    #[error("Try `{program} -h' or '{program} --help' for more information.")]
    NoCommand {
        /// How the program was called.
        program: String,
    },
    /// An option that could not be read.
    #[error("{0}")]
    Broken(Broken),
    /// A command behind the first.
    #[error("invalid option `{word}'")]
    SecondCommand {
        /// The word it is in.
        word: String,
    },
    /// An option twice.
    #[error("multiple '{}' options specified", option.name())]
    Repeated {
        /// The option.
        option: OptionName,
    },
    /// A word that is no option where none is taken.
    #[error("unexpected argument {word}")]
    UnexpectedWord {
        /// The word.
        word: String,
    },
    /// The command needs an option that is not there.
    #[error("You need to supply the '{}' option for the '{}' command", option.name(), command.name())]
    Missing {
        /// The option.
        option: OptionName,
        /// The command.
        command: Command,
    },
    /// The command does not take the option.
    #[error("Illegal '{}' option with the '{}' command", option.name(), command.name())]
    Illegal {
        /// The option.
        option: OptionName,
        /// The command.
        command: Command,
    },
    /// Two options of which the command takes one.
    #[error(
        "The option '{}' conflicts with the '{}' option in the '{}' command",
        later.name(), earlier.name(), command.name()
    )]
    Conflict {
        /// The one later in the order of checks.
        later: OptionName,
        /// The one before it.
        earlier: OptionName,
        /// The command.
        command: Command,
    },
    /// Options of `-L` that do not go together.
    #[error("options conflicts in the list command")]
    ListConflict,
    /// The kind of tunnel needs an option that is not there.
    #[error("You need to supply the '{}' option for the '{tunnel}' tunnel type", option.name())]
    TunnelMissing {
        /// The option.
        option: OptionName,
        /// The kind of tunnel.
        tunnel: &'static str,
    },
    /// The kind of tunnel does not take the option.
    #[error("Illegal '{}' option with the '{tunnel}' tunnel type", option.name())]
    TunnelIllegal {
        /// The option.
        option: OptionName,
        /// The kind of tunnel.
        tunnel: &'static str,
    },
    /// Two options of which the kind of tunnel takes one.
    #[error(
        "The option '{}' conflicts with the '{}' option in the '{tunnel}' tunnel type",
        later.name(), earlier.name()
    )]
    TunnelConflict {
        /// The one later in the order of checks.
        later: OptionName,
        /// The one before it.
        earlier: OptionName,
        /// The kind of tunnel.
        tunnel: &'static str,
    },
    /// Tunnel options without `-i`.
    #[error("Tunnel options conflict with forward method")]
    TunnelWithoutForwarding,
    /// The argument of `-t`, `-u` or `--sctp-service`.
    #[error("illegal virtual server address[:port] specified")]
    ServiceAddress,
    /// The argument of `-r`.
    #[error("illegal real server address[:port] specified")]
    ServerAddress,
    /// The argument of `-f`.
    #[error("invalid fwmark value `{value}' specified")]
    FirewallMark {
        /// What was given.
        value: String,
    },
    /// `-6` must follow `-f`.
    #[error("-6 used before -f\n")]
    Ipv6BeforeMark,
    /// The argument of `-M`, for IPv4.
    #[error("illegal virtual server persistent mask specified")]
    Netmask,
    /// The argument of `-M`, for IPv6.
    #[error("illegal ipv6 netmask specified")]
    PrefixLength,
    /// The argument of `-p`, or a word of `--set`.
    #[error("invalid timeout value `{value}' specified")]
    TimeoutValue {
        /// What was given.
        value: String,
    },
    /// Too few words behind `--set`.
    #[error("--set option requires 3 timeout values")]
    TimeoutCount,
    /// No port, and no persistence.
    #[error("Zero port specified for non-persistent service")]
    ZeroPort,
    /// `-o` with another protocol.
    #[error("One-Packet Scheduling is only for UDP virtual services")]
    OnePacketProtocol,
    /// A word of `-b` that is no flag.
    #[error("invalid scheduler flag `{flag}'")]
    SchedulerFlag {
        /// The word.
        flag: String,
    },
    /// A flag of another scheduler.
    #[error("incompatible scheduler flag `{flag}'")]
    SchedulerFlagScheduler {
        /// The flag.
        flag: String,
    },
    /// Service and real server are of different address families, and it is no tunnel.
    #[error("Different address family is allowed only for tunneling servers")]
    FamilyMismatch,
    /// The argument of another option.
    #[error("illegal {what} specified")]
    Value {
        /// What it is called.
        what: &'static str,
    },
    /// The argument of `--mcast-group`.
    #[error("invalid {family} mcast-group `{value}'")]
    McastGroup {
        /// `IPv4` or `IPv6`, by its looks.
        family: &'static str,
        /// What was given.
        value: String,
    },
}

impl UsageError {
    /// The exit status ipvsadm ends with: 255 where its option parser gave up, else 2.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoCommand { .. } | Self::Broken(_) => 255,
            _ => 2,
        }
    }

    /// The option it is about, or the word.
    pub(crate) fn about(&self) -> (Option<OptionName>, Option<&str>) {
        use OptionName as O;
        let option = match self {
            Self::Broken(broken) => return (None, Some(&broken.word)),
            Self::SecondCommand { word } | Self::UnexpectedWord { word } => {
                return (None, Some(word));
            }
            Self::TimeoutValue { value } => return (None, Some(value)),
            Self::Repeated { option }
            | Self::Illegal { option, .. }
            | Self::TunnelIllegal { option, .. } => *option,
            Self::Conflict { later, .. } | Self::TunnelConflict { later, .. } => *later,
            Self::TunnelMissing { .. } => O::TunType,
            Self::ServiceAddress | Self::FirewallMark { .. } | Self::ZeroPort => O::Service,
            Self::ServerAddress | Self::FamilyMismatch => O::RealServer,
            Self::Netmask | Self::PrefixLength => O::Netmask,
            Self::OnePacketProtocol => O::OnePacket,
            Self::SchedulerFlag { .. } | Self::SchedulerFlagScheduler { .. } => O::SchedFlags,
            Self::McastGroup { .. } => O::McastGroup,
            Self::Value { what } => match *what {
                "weight" => O::Weight,
                "u_threshold" => O::UpperThreshold,
                "l_threshold" => O::LowerThreshold,
                "tunnel type" => O::TunType,
                "tunnel port" => O::TunPort,
                "syncid" => O::SyncId,
                "sync-maxlen" => O::SyncMaxLen,
                "mcast-port" => O::McastPort,
                "mcast-ttl" => O::McastTtl,
                _ => return (None, None),
            },
            Self::NoCommand { .. }
            | Self::Missing { .. }
            | Self::ListConflict
            | Self::TunnelWithoutForwarding
            | Self::Ipv6BeforeMark
            | Self::TimeoutCount => return (None, None),
        };
        (Some(option), None)
    }
}
