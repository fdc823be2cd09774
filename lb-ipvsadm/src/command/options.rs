// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every option of ipvsadm, with its spellings.

use super::popt::{Arity, Definition};

/// What an ipvsadm line is to do.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Command {
    /// `-A`
    AddService,
    /// `-E`
    EditService,
    /// `-D`
    DeleteService,
    /// `-C`
    Flush,
    /// `-L`, `-l`
    List,
    /// `-a`
    AddServer,
    /// `-d`
    DeleteServer,
    /// `-e`
    EditServer,
    /// `--set`
    Set,
    /// `--start-daemon`
    StartDaemon,
    /// `--stop-daemon`
    StopDaemon,
    /// `-R`
    Restore,
    /// `-S`
    Save,
    /// `-Z`
    Zero,
    /// `-h`
    Help,
    /// `-v`
    Version,
}

impl Command {
    /// The name in error messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AddService => "add-service",
            Self::EditService => "edit-service",
            Self::DeleteService => "delete-service",
            Self::Flush => "flush",
            Self::List => "list",
            Self::AddServer => "add-server",
            Self::DeleteServer => "delete-server",
            Self::EditServer => "edit-server",
            Self::Set => "set",
            Self::StartDaemon => "start-daemon",
            Self::StopDaemon => "stop-daemon",
            Self::Restore => "restore",
            Self::Save => "save",
            Self::Zero => "zero",
            Self::Help => "help",
            Self::Version => "version",
        }
    }
}

/// How a service is named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ServiceKind {
    /// `-t`
    Tcp,
    /// `-u`
    Udp,
    /// `--sctp-service`
    Sctp,
    /// `-f`
    FirewallMark,
}

/// How packets reach a real server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Forward {
    /// `-g`
    DirectRouting,
    /// `-i`
    Tunnel,
    /// `-m`
    Masquerade,
}

/// An option as error messages name it. Several spellings share one (`-t` and `-f` are both
/// `service-address`). The order is that of the checks: of two violations the earlier is reported.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum OptionName {
    /// `-n`
    Numeric,
    /// `-c`
    Connection,
    /// `-t`, `-u`, `--sctp-service`, `-f`
    Service,
    /// `-s`
    Scheduler,
    /// `-p`
    Persistent,
    /// `-M`
    Netmask,
    /// `-r`
    RealServer,
    /// `-g`, `-i`, `-m`
    Forward,
    /// `-w`
    Weight,
    /// `-x`
    UpperThreshold,
    /// `-y`
    LowerThreshold,
    /// `--mcast-interface`
    McastInterface,
    /// `--timeout`
    Timeout,
    /// `--daemon`
    Daemon,
    /// `--stats`
    Stats,
    /// `--rate`
    Rate,
    /// `--thresholds`
    Thresholds,
    /// `--persistent-conn`
    PersistentConn,
    /// `--nosort`
    NoSort,
    /// `--syncid`
    SyncId,
    /// `-X`
    Exact,
    /// `-o`
    OnePacket,
    /// `--pe`
    PersistenceEngine,
    /// `-b`
    SchedFlags,
    /// `--mcast-group`
    McastGroup,
    /// `--mcast-port`
    McastPort,
    /// `--mcast-ttl`
    McastTtl,
    /// `--sync-maxlen`
    SyncMaxLen,
    /// `--tun-info`
    TunInfo,
    /// `--tun-type`
    TunType,
    /// `--tun-port`
    TunPort,
    /// `--tun-nocsum`
    TunNoCsum,
    /// `--tun-csum`
    TunCsum,
    /// `--tun-remcsum`
    TunRemCsum,
}

impl OptionName {
    /// All, in the order of the checks.
    pub(super) const ALL: [Self; 34] = [
        Self::Numeric,
        Self::Connection,
        Self::Service,
        Self::Scheduler,
        Self::Persistent,
        Self::Netmask,
        Self::RealServer,
        Self::Forward,
        Self::Weight,
        Self::UpperThreshold,
        Self::LowerThreshold,
        Self::McastInterface,
        Self::Timeout,
        Self::Daemon,
        Self::Stats,
        Self::Rate,
        Self::Thresholds,
        Self::PersistentConn,
        Self::NoSort,
        Self::SyncId,
        Self::Exact,
        Self::OnePacket,
        Self::PersistenceEngine,
        Self::SchedFlags,
        Self::McastGroup,
        Self::McastPort,
        Self::McastTtl,
        Self::SyncMaxLen,
        Self::TunInfo,
        Self::TunType,
        Self::TunPort,
        Self::TunNoCsum,
        Self::TunCsum,
        Self::TunRemCsum,
    ];

    /// The name in error messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Connection => "connection",
            Self::Service => "service-address",
            Self::Scheduler => "scheduler",
            Self::PersistenceEngine => "pe",
            Self::Persistent => "persistent",
            Self::Netmask => "netmask",
            Self::RealServer => "real-server",
            Self::Forward => "forwarding-method",
            Self::Weight => "weight",
            Self::UpperThreshold => "u-threshold",
            Self::LowerThreshold => "l-threshold",
            Self::McastInterface => "mcast-interface",
            Self::Timeout => "timeout",
            Self::Daemon => "daemon",
            Self::Stats => "stats",
            Self::Rate => "rate",
            Self::Thresholds => "thresholds",
            Self::PersistentConn => "persistent-conn",
            Self::NoSort => "nosort",
            Self::SyncId => "syncid",
            Self::Exact => "exact",
            Self::OnePacket => "ops",
            Self::TunType => "tun-type",
            Self::TunPort => "tun-port",
            Self::TunNoCsum => "tun-nocsum",
            Self::TunCsum => "tun-csum",
            Self::TunRemCsum => "tun-remcsum",
            Self::TunInfo => "tun-info",
            Self::SchedFlags => "sched-flags",
            Self::SyncMaxLen => "sync-maxlen",
            Self::McastGroup => "mcast-group",
            Self::McastPort => "mcast-port",
            Self::McastTtl => "mcast-ttl",
        }
    }
}

/// One spelled option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Word {
    /// A command; only legal as the first option.
    Command(Command),
    /// A service address or mark.
    Service(ServiceKind),
    /// `-6`: the mark before it is of an IPv6 service.
    Ipv6,
    /// `-g`, `-i`, `-m`
    Forward(Forward),
    /// `--sort`, which does nothing.
    Sort,
    /// Any other option, which has one spelling.
    Plain(OptionName),
}

const fn flag(short: Option<char>, long: &'static str, id: Word) -> Definition<Word> {
    Definition {
        short,
        long,
        arity: Arity::None,
        id,
    }
}

const fn valued(short: Option<char>, long: &'static str, id: Word) -> Definition<Word> {
    Definition {
        short,
        long,
        arity: Arity::Required,
        id,
    }
}

/// The whole grammar.
pub(super) const KNOWN: &[Definition<Word>] = &[
    flag(Some('A'), "add-service", Word::Command(Command::AddService)),
    flag(
        Some('E'),
        "edit-service",
        Word::Command(Command::EditService),
    ),
    flag(
        Some('D'),
        "delete-service",
        Word::Command(Command::DeleteService),
    ),
    flag(Some('C'), "clear", Word::Command(Command::Flush)),
    flag(Some('L'), "list", Word::Command(Command::List)),
    flag(Some('l'), "list", Word::Command(Command::List)),
    flag(Some('a'), "add-server", Word::Command(Command::AddServer)),
    flag(
        Some('d'),
        "delete-server",
        Word::Command(Command::DeleteServer),
    ),
    flag(Some('e'), "edit-server", Word::Command(Command::EditServer)),
    flag(None, "set", Word::Command(Command::Set)),
    valued(None, "start-daemon", Word::Command(Command::StartDaemon)),
    valued(None, "stop-daemon", Word::Command(Command::StopDaemon)),
    flag(Some('R'), "restore", Word::Command(Command::Restore)),
    flag(Some('S'), "save", Word::Command(Command::Save)),
    flag(Some('Z'), "zero", Word::Command(Command::Zero)),
    flag(Some('h'), "help", Word::Command(Command::Help)),
    flag(Some('v'), "version", Word::Command(Command::Version)),
    valued(Some('t'), "tcp-service", Word::Service(ServiceKind::Tcp)),
    valued(Some('u'), "udp-service", Word::Service(ServiceKind::Udp)),
    valued(None, "sctp-service", Word::Service(ServiceKind::Sctp)),
    valued(
        Some('f'),
        "fwmark-service",
        Word::Service(ServiceKind::FirewallMark),
    ),
    flag(Some('6'), "ipv6", Word::Ipv6),
    valued(Some('s'), "scheduler", Word::Plain(OptionName::Scheduler)),
    Definition {
        short: Some('p'),
        long: "persistent",
        arity: Arity::Optional,
        id: Word::Plain(OptionName::Persistent),
    },
    valued(Some('M'), "netmask", Word::Plain(OptionName::Netmask)),
    valued(None, "pe", Word::Plain(OptionName::PersistenceEngine)),
    flag(Some('o'), "ops", Word::Plain(OptionName::OnePacket)),
    valued(
        Some('b'),
        "sched-flags",
        Word::Plain(OptionName::SchedFlags),
    ),
    valued(
        Some('r'),
        "real-server",
        Word::Plain(OptionName::RealServer),
    ),
    flag(
        Some('g'),
        "gatewaying",
        Word::Forward(Forward::DirectRouting),
    ),
    flag(Some('i'), "ipip", Word::Forward(Forward::Tunnel)),
    flag(
        Some('m'),
        "masquerading",
        Word::Forward(Forward::Masquerade),
    ),
    valued(Some('w'), "weight", Word::Plain(OptionName::Weight)),
    valued(
        Some('x'),
        "u-threshold",
        Word::Plain(OptionName::UpperThreshold),
    ),
    valued(
        Some('y'),
        "l-threshold",
        Word::Plain(OptionName::LowerThreshold),
    ),
    valued(None, "tun-type", Word::Plain(OptionName::TunType)),
    valued(None, "tun-port", Word::Plain(OptionName::TunPort)),
    flag(None, "tun-nocsum", Word::Plain(OptionName::TunNoCsum)),
    flag(None, "tun-csum", Word::Plain(OptionName::TunCsum)),
    flag(None, "tun-remcsum", Word::Plain(OptionName::TunRemCsum)),
    flag(Some('n'), "numeric", Word::Plain(OptionName::Numeric)),
    flag(Some('c'), "connection", Word::Plain(OptionName::Connection)),
    flag(None, "timeout", Word::Plain(OptionName::Timeout)),
    flag(None, "daemon", Word::Plain(OptionName::Daemon)),
    flag(None, "stats", Word::Plain(OptionName::Stats)),
    flag(None, "rate", Word::Plain(OptionName::Rate)),
    flag(None, "thresholds", Word::Plain(OptionName::Thresholds)),
    flag(
        None,
        "persistent-conn",
        Word::Plain(OptionName::PersistentConn),
    ),
    flag(None, "tun-info", Word::Plain(OptionName::TunInfo)),
    flag(Some('X'), "exact", Word::Plain(OptionName::Exact)),
    flag(None, "nosort", Word::Plain(OptionName::NoSort)),
    flag(None, "sort", Word::Sort),
    valued(
        None,
        "mcast-interface",
        Word::Plain(OptionName::McastInterface),
    ),
    valued(None, "syncid", Word::Plain(OptionName::SyncId)),
    valued(None, "sync-maxlen", Word::Plain(OptionName::SyncMaxLen)),
    valued(None, "mcast-group", Word::Plain(OptionName::McastGroup)),
    valued(None, "mcast-port", Word::Plain(OptionName::McastPort)),
    valued(None, "mcast-ttl", Word::Plain(OptionName::McastTtl)),
];
