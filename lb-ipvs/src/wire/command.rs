// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands of the family (`IPVS_CMD_*`).

use super::constants::*;

macro_rules! commands {
    ($( $(#[$doc:meta])* $variant:ident = $constant:ident, )+) => {
        /// A command of the family (`IPVS_CMD_*`).
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Command {
            $( $(#[$doc])* #[doc = concat!("(`", stringify!($constant), "`)")] $variant, )+
            /// A number this crate does not know.
            Other(u8),
        }

        impl From<u8> for Command {
            fn from(number: u8) -> Self {
                match number {
                    $( $constant => Self::$variant, )+
                    other => Self::Other(other),
                }
            }
        }

        impl From<Command> for u8 {
            fn from(command: Command) -> Self {
                match command {
                    $( Command::$variant => $constant, )+
                    Command::Other(other) => other,
                }
            }
        }
    };
}

commands! {
    /// Add a service; also what a reply about a service carries.
    NewService = IPVS_CMD_NEW_SERVICE,
    /// Edit a service.
    SetService = IPVS_CMD_SET_SERVICE,
    /// Delete a service.
    DeleteService = IPVS_CMD_DEL_SERVICE,
    /// Get one service, or dump all.
    GetService = IPVS_CMD_GET_SERVICE,
    /// Add a destination; also what a reply about a destination carries.
    NewDestination = IPVS_CMD_NEW_DEST,
    /// Edit a destination.
    SetDestination = IPVS_CMD_SET_DEST,
    /// Delete a destination.
    DeleteDestination = IPVS_CMD_DEL_DEST,
    /// Dump the destinations of a service.
    GetDestination = IPVS_CMD_GET_DEST,
    /// Start a sync daemon; also what a reply about a daemon carries.
    NewDaemon = IPVS_CMD_NEW_DAEMON,
    /// Stop a sync daemon.
    DeleteDaemon = IPVS_CMD_DEL_DAEMON,
    /// Dump the sync daemons.
    GetDaemon = IPVS_CMD_GET_DAEMON,
    /// Set time-outs; also what the reply to a question for them carries.
    SetConfig = IPVS_CMD_SET_CONFIG,
    /// Get time-outs.
    GetConfig = IPVS_CMD_GET_CONFIG,
    /// What the reply to [`Command::GetInfo`] carries.
    SetInfo = IPVS_CMD_SET_INFO,
    /// Get version and table size.
    GetInfo = IPVS_CMD_GET_INFO,
    /// Zero counters of one service or of all.
    Zero = IPVS_CMD_ZERO,
    /// Remove all services.
    Flush = IPVS_CMD_FLUSH,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for number in 0..=u8::MAX {
            assert_eq!(u8::from(Command::from(number)), number);
        }
        assert_eq!(Command::from(17), Command::Flush);
        assert_eq!(Command::from(18), Command::Other(18));
    }
}
