// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm.
//!
//! The command line is read before a request is sent to the kernel, so mistakes are reported and help
//! is printed without IPVS, too; the original initializes first.

mod line;
mod list;
mod own;
mod owner;
mod restore;

use lb_ipvs::{Error, IpvsHandle, ModuleAttempt, NetworkNamespace};
use lb_ipvsadm::command::{self, Request, UsageError};

use crate::{
    failure::{Failure, chain},
    names::SystemNames,
    output::{ipvs_help, print},
    program::Call,
};

/// The kernel refused a change.
const REFUSED: u8 = 255;
/// There is no IPVS, or no permission.
const NOT_INITIALIZED: u8 = 2;
/// The line cannot be carried out.
const USAGE: u8 = 2;

/// `lbctl ipvs`: a verb of ours, else ipvsadm's grammar and what we have beyond it.
pub(crate) fn lbctl(call: &Call) -> Result<u8, Failure> {
    let (netns, call) = line::in_namespace(call)?;
    if own::is_meant(&call) {
        return own::run(&call, netns.as_ref());
    }
    let names = SystemNames::new();
    let (json, request) = request(&call, &names)?;
    match request {
        Request::Help => return print(&(ipvs_help::help(&call.name) + &own::help())).map(|()| 0),
        Request::Version => return print(&ipvs_help::version()).map(|()| 0),
        _ => {}
    }
    let touched = owner::touched(&request);
    block_on(async {
        let mut session = Session::connect(&call.name, &names, netns.as_ref()).await?;
        match request {
            Request::Restore => session.restore(std::io::stdin().lock()).await?,
            Request::List(list) if json => session.list_json(list).await?,
            request => session.carry_out(request).await?,
        }
        if let Some(touched) = touched {
            owner::tell(touched, netns.as_ref()).await;
        }
        Ok(0)
    })
}

/// Reads ipvsadm's words, and whether `--json` is among them.
fn request(call: &Call, names: &SystemNames) -> Result<(bool, Request), Failure> {
    let (json, words) = line::json(call);
    let request = command::parse(&words, &call.name, names).map_err(usage)?;
    match request {
        Request::Help | Request::Version | Request::List(_) => {}
        _ if json => {
            return Err(Failure::new(
                USAGE,
                "the option '--json' is for the listings of '-L'",
            ));
        }
        _ => {}
    }
    Ok((json, request))
}

/// `ipvsadm`
pub(crate) fn ipvsadm(call: &Call) -> Result<(), Failure> {
    let names = SystemNames::new();
    let request = command::parse(&call.texts(), &call.name, &names).map_err(usage)?;
    match request {
        Request::Help => print(&ipvs_help::help(&call.name)),
        Request::Version => print(&ipvs_help::version()),
        request => block_on(async {
            let mut session = Session::connect(&call.name, &names, None).await?;
            match request {
                Request::Restore => session.restore(std::io::stdin().lock()).await,
                request => session.carry_out(request).await,
            }
        }),
    }
}

/// `ipvsadm-save`: `ipvsadm -S`, with `-n` or without.
pub(crate) fn save(call: &Call) -> Result<(), Failure> {
    let numeric = match call.texts().as_slice() {
        [] => false,
        [option] if option == "-n" => true,
        _ => return Err(Failure::new(1, format!("Usage: {} [-n]", call.name))),
    };
    let names = SystemNames::new();
    block_on(async {
        Session::connect(&call.name, &names, None)
            .await?
            .carry_out(Request::Save { numeric })
            .await
    })
}

/// `ipvsadm-restore`: empties the table, then carries out the lines of standard input, without
/// those that begin with `#`.
pub(crate) fn restore(call: &Call) -> Result<(), Failure> {
    if !call.arguments.is_empty() {
        return Err(Failure::new(1, format!("Usage: {} < RULES", call.name)));
    }
    let mut rules = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut rules)
        .map_err(|error| Failure::new(1, format!("cannot read standard input: {error}")))?;
    let rules: Vec<&[u8]> = rules
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"#"))
        .collect();
    let names = SystemNames::new();
    block_on(async {
        let mut session = Session::connect("ipvsadm", &names, None).await?;
        session.carry_out(Request::Flush).await?;
        session.restore(rules.concat().as_slice()).await
    })
}

/// Reads a line of `lbctl ipvs` or of `ipvsadm` and does nothing.
#[cfg(test)]
pub(crate) fn read(call: &Call) -> Result<(), Failure> {
    let names = SystemNames::new();
    match call.name.as_str() {
        "lbctl ipvs" => request(call, &names).map(drop),
        name => command::parse(&call.texts(), name, &names)
            .map(drop)
            .map_err(usage),
    }
}

#[cfg(test)]
pub(crate) use own::read as read_own;

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(1, format!("cannot start: {error}")))?
        .block_on(work)
}

fn usage(error: UsageError) -> Failure {
    Failure::new(error.exit_code(), error.to_string())
}

/// One connection to the kernel, and what is needed to talk about it.
struct Session<'a> {
    ipvs: IpvsHandle,
    program: &'a str,
    names: &'a SystemNames,
}

impl<'a> Session<'a> {
    /// Connects to the table of a network namespace, or of the one we are in.
    async fn connect(
        program: &'a str,
        names: &'a SystemNames,
        netns: Option<&NetworkNamespace>,
    ) -> Result<Self, Failure> {
        let connected = match netns {
            Some(netns) => IpvsHandle::connect_in(netns).await,
            None => IpvsHandle::connect().await,
        };
        match connected {
            Ok(ipvs) => Ok(Self {
                ipvs,
                program,
                names,
            }),
            Err(error) => Err(not_initialized(&error)),
        }
    }

    async fn carry_out(&mut self, request: Request) -> Result<(), Failure> {
        let ipvs = &mut self.ipvs;
        match request {
            Request::AddService(service) => ipvs.add_service(&service).await,
            Request::EditService(service) => ipvs.edit_service(&service).await,
            Request::DeleteService(key) => ipvs.delete_service(&key).await,
            Request::AddServer(key, server) => ipvs.add_destination(&key, &server).await,
            Request::EditServer(key, server) => ipvs.edit_destination(&key, &server).await,
            Request::DeleteServer(key, address) => ipvs.delete_destination(&key, address).await,
            Request::Flush => ipvs.flush().await,
            Request::Zero(key) => ipvs.zero(key.as_ref()).await,
            Request::SetTimeouts(timeouts) => ipvs.set_timeouts(&timeouts).await,
            Request::StartDaemon(daemon) => ipvs.start_sync_daemon(&daemon).await,
            Request::StopDaemon(state) => ipvs.stop_sync_daemon(state).await,
            Request::List(list) => return self.list(list).await,
            Request::Save { numeric } => return self.save(numeric).await,
            // Both are answered before there is a session; inside `-R` the help ends it.
            Request::Help => return print(&ipvs_help::help(self.program)),
            Request::Version => return print(&ipvs_help::version()),
            Request::Restore => {
                return Err(usage(UsageError::NoCommand {
                    program: self.program.to_owned(),
                }));
            }
        }
        .map_err(|error| refused(&error, REFUSED))
    }
}

/// The message of ipvsadm when the kernel refuses a request; the full chain of other errors.
fn refused(error: &Error, code: u8) -> Failure {
    match (error, error.operation(), error.errno()) {
        (Error::Kernel { .. } | Error::PermissionDenied { .. }, Some(operation), Some(errno)) => {
            Failure::new(code, operation.explain(errno))
        }
        _ => Failure::from_error(code, error),
    }
}

fn not_initialized(error: &Error) -> Failure {
    let (detail, reason) = match error {
        Error::ModuleNotLoaded { attempt } => {
            let detail = match attempt {
                ModuleAttempt::Failed { output, .. } => output.trim_end().to_owned(),
                other => chain(other),
            };
            (format!("{detail}\n"), "Protocol not available".to_owned())
        }
        Error::PermissionDenied { .. } => {
            (String::new(), refused(error, NOT_INITIALIZED).to_string())
        }
        _ => (String::new(), chain(error)),
    };
    Failure::new(
        NOT_INITIALIZED,
        format!(
            "{detail}Can't initialize ipvs: {reason}\n\
             Are you sure that IP Virtual Server is built in the kernel or as module?"
        ),
    )
}
