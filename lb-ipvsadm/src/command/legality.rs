// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which option may stand with which command.

use super::options::{Command, OptionName};

/// Whether an option may, must or must not stand with a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Legality {
    /// Must be given.
    Required,
    /// May be given.
    Optional,
    /// May be given, but only one of its like.
    OneOf,
    /// Must not be given.
    Illegal,
}

/// Looks one pair up.
pub(crate) fn legality(command: Command, option: OptionName) -> Legality {
    use OptionName as O;
    match command {
        Command::AddService | Command::EditService => match option {
            O::Service => Legality::Required,
            O::Scheduler
            | O::Persistent
            | O::Netmask
            | O::OnePacket
            | O::PersistenceEngine
            | O::SchedFlags => Legality::Optional,
            _ => Legality::Illegal,
        },
        Command::DeleteService => match option {
            O::Service => Legality::Required,
            _ => Legality::Illegal,
        },
        Command::AddServer | Command::EditServer => match option {
            O::Service | O::RealServer => Legality::Required,
            O::Forward
            | O::Weight
            | O::UpperThreshold
            | O::LowerThreshold
            | O::TunType
            | O::TunPort
            | O::TunNoCsum
            | O::TunCsum
            | O::TunRemCsum => Legality::Optional,
            _ => Legality::Illegal,
        },
        Command::DeleteServer => match option {
            O::Service | O::RealServer => Legality::Required,
            _ => Legality::Illegal,
        },
        Command::List => match option {
            O::Service | O::Connection | O::Timeout | O::Daemon => Legality::OneOf,
            O::Numeric
            | O::Stats
            | O::Rate
            | O::Thresholds
            | O::PersistentConn
            | O::NoSort
            | O::SyncId
            | O::Exact
            | O::TunInfo => Legality::Optional,
            _ => Legality::Illegal,
        },
        Command::Save => match option {
            O::Numeric => Legality::Optional,
            _ => Legality::Illegal,
        },
        Command::Zero => match option {
            O::Service => Legality::Optional,
            _ => Legality::Illegal,
        },
        Command::StartDaemon => match option {
            O::McastInterface
            | O::SyncId
            | O::McastGroup
            | O::McastPort
            | O::McastTtl
            | O::SyncMaxLen => Legality::Optional,
            _ => Legality::Illegal,
        },
        Command::StopDaemon => match option {
            O::SyncId => Legality::Optional,
            _ => Legality::Illegal,
        },
        Command::Flush | Command::Restore | Command::Set | Command::Help | Command::Version => {
            Legality::Illegal
        }
    }
}
