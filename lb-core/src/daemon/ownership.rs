// SPDX-License-Identifier: MIT OR Apache-2.0
//! The owner of a service, for programs that change the table beside a running daemon.

use std::path::Path;
use std::time::Duration;

use lb_ipvs::Owned;
use tokio::net::UnixStream;

use super::start::beside;
use crate::ledger::{self, Identity};

/// The longest wait for the control socket.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running daemon and its entries in the table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ownership {
    /// Its process id, if the kernel reports it.
    pub pid: Option<i32>,
    /// Its services and destinations.
    pub owned: Owned,
}

/// Finds out what the daemon of a control socket owns in a table; `None` when no daemon runs there,
/// when it runs another table, or when its ledger cannot be read.
///
/// The daemon is not disturbed: an accepted connection shows that it runs, and its ledger, which is
/// only read, lists its entries.
///
/// # Examples
/// ```
/// use lb_core::{daemon, ledger::Identity};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let here = Identity::current()?;
/// assert!(daemon::ownership("/nowhere/lb.sock".as_ref(), &here).await.is_none());
/// # Ok(()) }
/// ```
pub async fn ownership(control: &Path, table: &Identity) -> Option<Ownership> {
    let connect = UnixStream::connect(control);
    let stream = tokio::time::timeout(PATIENCE, connect).await.ok()?.ok()?;
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
    match ledger::peek(&beside(control, ".ledger"), table) {
        Ok(owned) => owned.map(|owned| Ownership { pid, owned }),
        Err(error) => {
            tracing::debug!(%error, "cannot read the ledger of the daemon");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use lb_ipvs::{OwnedChange, Record, ServiceKey};

    use super::*;
    use crate::ledger::Ledger;

    #[tokio::test]
    async fn of_a_running_daemon_and_this_table_only() {
        let directory = tempfile::tempdir().unwrap();
        let control = directory.path().join("lb.sock");
        let here = Identity::current().unwrap();
        let key = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
        let path = beside(&control, ".ledger");
        let (mut ledger, _) = Ledger::open(&path, here.clone()).unwrap();
        ledger
            .record([OwnedChange::Service(key, Some(Record::Unconfirmed))])
            .unwrap();

        assert!(ownership(&control, &here).await.is_none(), "no daemon");
        let _daemon = tokio::net::UnixListener::bind(&control).unwrap();
        let found = ownership(&control, &here).await.unwrap();
        assert_eq!(found.pid, i32::try_from(std::process::id()).ok());
        assert!(found.owned.get(&key).is_some());
        let elsewhere = Identity {
            namespace: 1,
            ..here.clone()
        };
        assert!(ownership(&control, &elsewhere).await.is_none());

        std::fs::write(&path, "no ledger\n").unwrap();
        assert!(ownership(&control, &here).await.is_none());
        assert!(path.exists(), "it was left where it is");
        std::fs::remove_file(&path).unwrap();
        assert!(ownership(&control, &here).await.is_none());
    }
}
