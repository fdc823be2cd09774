// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a running daemon owns in the table that is changed by hand.

use std::path::Path;

use lb_core::{
    daemon::{self, Ownership},
    ledger::Identity,
};
use lb_ipvs::{NetworkNamespace, ServiceKey};
use lb_ipvsadm::command::Request;

use crate::{commands::daemon::socket, output::complain};

/// What a command changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touched {
    /// A service or a destination of it.
    Service(ServiceKey),
    /// Every service.
    Table,
}

/// What a request changes of what is there.
pub(super) fn touched(request: &Request) -> Option<Touched> {
    Some(match request {
        Request::EditService(service) => Touched::Service(service.key),
        Request::DeleteService(key)
        | Request::AddServer(key, _)
        | Request::EditServer(key, _)
        | Request::DeleteServer(key, _) => Touched::Service(*key),
        Request::Flush => Touched::Table,
        _ => return None,
    })
}

/// The part of a table that the daemon on a control socket owns; `None` without a daemon or without
/// an answer from one.
pub(super) async fn ownership(
    control: Option<&Path>,
    netns: Option<&NetworkNamespace>,
) -> Option<Ownership> {
    let identity = match netns {
        Some(netns) => netns.run(Identity::current).ok()?,
        None => Identity::current(),
    };
    let control = socket(control);
    daemon::ownership(&control, &identity.ok()?).await
}

/// `the running daemon (PID 42)`
pub(super) fn name(ownership: &Ownership) -> String {
    match ownership.pid {
        Some(pid) => format!("the running daemon (PID {pid})"),
        None => "the running daemon".to_owned(),
    }
}

/// Warns on standard error, in one line, that a running daemon owns the changed entries.
pub(super) async fn tell(touched: Touched, netns: Option<&NetworkNamespace>) {
    if let Some(ownership) = ownership(None, netns).await
        && let Some(line) = line(touched, &ownership)
    {
        complain(&line);
    }
}

fn line(touched: Touched, ownership: &Ownership) -> Option<String> {
    let what = match touched {
        Touched::Service(key) => {
            ownership.owned.get(&key)?;
            key.to_string()
        }
        Touched::Table => match ownership.owned.len() {
            0 => return None,
            1 => "a service of this table".to_owned(),
            count => format!("{count} services of this table"),
        },
    };
    Some(format!(
        "{} owns {what}; it leaves what was done by hand until a check or its configuration wants \
         something else of it",
        name(ownership)
    ))
}
