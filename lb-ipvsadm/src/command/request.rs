// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an ipvsadm command line asks for.

use std::{net::SocketAddr, time::Duration};

use lb_ipvs::{
    Change, Destination, Service, ServiceFlags, ServiceKey, SyncDaemon, SyncState, Timeouts,
};

use super::{
    UsageError,
    address::LookUp,
    destination::destination,
    draft::{self, Draft},
    legality::{Legality, legality},
    line::{self, LowArgs},
    options::{Command, OptionName},
    service::{self, service},
};
use crate::Columns;

/// One command, validated.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "ipvsadm's grammar; who carries requests out must know them all"
)]
pub enum Request {
    /// `-A`
    AddService(Service),
    /// `-E`: the whole service, as it shall be.
    EditService(Service),
    /// `-D`
    DeleteService(ServiceKey),
    /// `-C`
    Flush,
    /// `-L`
    List(ListRequest),
    /// `-a`
    AddServer(ServiceKey, Destination),
    /// `-e`: the whole destination, as it shall be.
    EditServer(ServiceKey, Destination),
    /// `-d`
    DeleteServer(ServiceKey, SocketAddr),
    /// `--set`; a zero keeps what is set.
    SetTimeouts(Timeouts),
    /// `--start-daemon`
    StartDaemon(SyncDaemon),
    /// `--stop-daemon`
    StopDaemon(SyncState),
    /// `-R`
    Restore,
    /// `-S`
    Save {
        /// `-n`
        numeric: bool,
    },
    /// `-Z`: one service, or everything.
    Zero(Option<ServiceKey>),
    /// `-h`
    Help,
    /// `-v`
    Version,
}

impl Request {
    /// The change of the table that this is, which can go into a batch.
    ///
    /// # Errors
    /// The request itself, when it is none.
    pub fn into_change(self) -> Result<Change, Self> {
        Ok(match self {
            Self::AddService(service) => Change::AddService(service),
            Self::EditService(service) => Change::EditService(service),
            Self::DeleteService(key) => Change::DeleteService(key),
            Self::AddServer(key, server) => Change::AddDestination(key, server),
            Self::EditServer(key, server) => Change::EditDestination(key, server),
            Self::DeleteServer(key, address) => Change::DeleteDestination(key, address),
            other => return Err(other),
        })
    }
}

/// What `-L` lists.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "ipvsadm's grammar; who lists must know them all"
)]
pub enum ListRequest {
    /// Services and destinations.
    Table {
        /// Only this service.
        service: Option<ServiceKey>,
        /// `--stats`, `--rate`, `--thresholds`, `--persistent-conn`, `--tun-info`
        columns: Columns,
        /// `-n`
        numeric: bool,
        /// `-X`
        exact: bool,
        /// Not `--nosort`.
        sort: bool,
    },
    /// `-c`
    Connections {
        /// `-n`
        numeric: bool,
        /// `--persistent-conn`
        persistence: bool,
    },
    /// `--timeout`
    Timeouts,
    /// `--daemon`
    Daemons,
}

/// The words of one line of `-R`: what is between blanks, without the word `ipvsadm`. There is no
/// quoting.
///
/// ```
/// use lb_ipvsadm::command::words;
/// assert_eq!(words("ipvsadm -A\t-t 10.0.0.1:80\r\n"), ["-A", "-t", "10.0.0.1:80"]);
/// ```
#[must_use]
pub fn words(line: &str) -> Vec<String> {
    line.split([' ', '\t', '\r', '\n'])
        .filter(|word| !word.is_empty() && *word != "ipvsadm")
        .map(str::to_owned)
        .collect()
}

/// Reads the words behind the program's name; `program` is how it was called, for the hint.
///
/// No words at all are `-L`.
///
/// # Errors
/// The first [`UsageError`] in ipvsadm's order of checks.
///
/// # Examples
/// ```
/// use lb_ipvsadm::{Numeric, command::{Request, parse}};
/// let words = ["-C".to_owned()];
/// assert_eq!(parse(&words, "ipvsadm", &Numeric)?, Request::Flush);
/// # Ok::<(), lb_ipvsadm::command::UsageError>(())
/// ```
pub fn parse(
    arguments: &[String],
    program: &str,
    names: &dyn LookUp,
) -> Result<Request, UsageError> {
    let no_command = || UsageError::NoCommand {
        program: program.to_owned(),
    };
    let args = line::parse(arguments).map_err(|line::NoCommand| no_command())?;
    // Help and version come first, with any other words in the line.
    match args.command {
        Command::Help => return Ok(Request::Help),
        Command::Version => return Ok(Request::Version),
        _ => {}
    }
    let state = sync_state(&args)?;
    let draft = Draft::read(&args, names)?;
    let timeouts = timeouts(&args)?;
    let flags = service::scheduler_flags(&draft)?;
    check(&draft, args.command)?;
    build(&draft, args.command, state, timeouts, flags, no_command)
}

fn build(
    draft: &Draft,
    command: Command,
    state: Option<SyncState>,
    timeouts: Timeouts,
    flags: ServiceFlags,
    no_command: impl Fn() -> UsageError,
) -> Result<Request, UsageError> {
    // `check` has seen to it that both are there where they are needed.
    let subject = || {
        draft.subject.ok_or(UsageError::Missing {
            option: OptionName::Service,
            command,
        })
    };
    let server = || {
        draft.server.ok_or(UsageError::Missing {
            option: OptionName::RealServer,
            command,
        })
    };
    Ok(match command {
        Command::AddService => Request::AddService(service(draft, subject()?, flags)?),
        Command::EditService => Request::EditService(service(draft, subject()?, flags)?),
        Command::DeleteService => Request::DeleteService(subject()?.key()),
        Command::Flush => Request::Flush,
        Command::List => Request::List(list(draft)),
        Command::AddServer => {
            Request::AddServer(subject()?.key(), destination(draft, subject()?, server()?)?)
        }
        Command::EditServer => {
            Request::EditServer(subject()?.key(), destination(draft, subject()?, server()?)?)
        }
        Command::DeleteServer => Request::DeleteServer(subject()?.key(), server()?),
        Command::Set => Request::SetTimeouts(timeouts),
        Command::StartDaemon => {
            let mut daemon = draft.daemon.clone();
            daemon.state = state.ok_or_else(no_command)?;
            Request::StartDaemon(daemon)
        }
        Command::StopDaemon => Request::StopDaemon(state.ok_or_else(no_command)?),
        Command::Restore => Request::Restore,
        Command::Save => Request::Save {
            numeric: draft.has(OptionName::Numeric),
        },
        Command::Zero => Request::Zero(draft.subject.map(draft::Subject::key).filter(names_one)),
        Command::Help => Request::Help,
        Command::Version => Request::Version,
    })
}

/// The all-zero address without a port names no service: ipvsadm then zeroes everything.
fn names_one(key: &ServiceKey) -> bool {
    key.address()
        .is_none_or(|address| !address.ip().is_unspecified() || address.port() != 0)
}

pub(crate) fn sync_state(args: &LowArgs) -> Result<Option<SyncState>, UsageError> {
    let what = match args.command {
        Command::StartDaemon => "start-daemon parameter",
        Command::StopDaemon => "start_daemon",
        _ => return Ok(None),
    };
    match args.command_value.as_deref() {
        Some("master") => Ok(Some(SyncState::Master)),
        Some("backup") => Ok(Some(SyncState::Backup)),
        _ => Err(UsageError::Value { what }),
    }
}

/// The three words behind `--set`; no other command takes words.
pub(crate) fn timeouts(args: &LowArgs) -> Result<Timeouts, UsageError> {
    let mut timeouts = Timeouts::default();
    let mut words = args.words.iter();
    if args.command == Command::Set {
        if words.len() < 3 {
            return Err(UsageError::TimeoutCount);
        }
        for field in [&mut timeouts.tcp, &mut timeouts.tcp_fin, &mut timeouts.udp] {
            let seconds = draft::timeout(words.next().map_or("", String::as_str), 0)?;
            *field = Duration::from_secs(seconds.unsigned_abs());
        }
    }
    match words.next() {
        Some(word) => Err(UsageError::UnexpectedWord { word: word.clone() }),
        None => Ok(timeouts),
    }
}

pub(crate) fn check(draft: &Draft, command: Command) -> Result<(), UsageError> {
    let mut one_of = None;
    for option in OptionName::ALL {
        match (legality(command, option), draft.has(option)) {
            (Legality::Required, false) => return Err(UsageError::Missing { option, command }),
            (Legality::Illegal, true) => return Err(UsageError::Illegal { option, command }),
            (Legality::OneOf, true) => {
                if let Some(earlier) = one_of.replace(option) {
                    return Err(UsageError::Conflict {
                        later: option,
                        earlier,
                        command,
                    });
                }
            }
            _ => {}
        }
    }
    if command == Command::List {
        use OptionName as O;
        let any = |options: &[O]| options.iter().any(|option| draft.has(*option));
        if any(&[O::Connection, O::Timeout, O::Daemon]) && any(&[O::Stats, O::Rate, O::Thresholds])
            || any(&[O::Timeout, O::Daemon]) && draft.has(O::PersistentConn)
        {
            return Err(UsageError::ListConflict);
        }
    }
    Ok(())
}

fn list(draft: &Draft) -> ListRequest {
    use OptionName as O;
    let numeric = draft.has(O::Numeric);
    if draft.has(O::Connection) {
        return ListRequest::Connections {
            numeric,
            persistence: draft.has(O::PersistentConn),
        };
    }
    if draft.has(O::Timeout) {
        return ListRequest::Timeouts;
    }
    if draft.has(O::Daemon) {
        return ListRequest::Daemons;
    }
    let columns = [
        (O::Stats, Columns::Stats),
        (O::Rate, Columns::Rates),
        (O::Thresholds, Columns::Thresholds),
        (O::PersistentConn, Columns::PersistentConnections),
        (O::TunInfo, Columns::Tunnels),
    ]
    .into_iter()
    .find_map(|(option, columns)| draft.has(option).then_some(columns));
    ListRequest::Table {
        service: draft.subject.map(draft::Subject::key),
        columns: columns.unwrap_or_default(),
        numeric,
        exact: draft.has(O::Exact),
        sort: !draft.has(O::NoSort),
    }
}
