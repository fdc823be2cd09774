// SPDX-License-Identifier: MIT OR Apache-2.0
//! Claims virtual routers: two processes of a network namespace cannot run the same one.
//!
//! A claim is an abstract socket, whose name contains interface, family and VRID. Such names are
//! those of a network namespace, whatever files its processes see, and the kernel releases them at the end of
//! the process. A handover passes the sockets on.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{Backlog, getsockopt, listen};
use nix::unistd::Uid;
use socket2::{Domain, SockAddr, Socket, Type};

use super::error::Error;
use super::event::EventSender;
use super::key::RouterKey;
use super::note::HostNote;
use crate::AddressFamily;
use crate::spec::RouterSpec;

const NAME: &str = "lb-vrrp/router/";
/// Attempts to claim a router, and the pause between them: a process that was just killed may not have
/// closed its sockets yet.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// The claimed routers.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<RouterKey, OwnedFd>);

/// Why a router was not claimed.
#[derive(Debug)]
enum Refusal {
    /// Another process runs it; its PID, unless that is in another PID namespace.
    Taken(Option<u32>),
    /// A process without the privileges of a driver uses the name.
    Occupied { uid: Uid, pid: i32 },
    /// The socket could not be opened.
    System(io::Error),
}

impl Refusal {
    /// The condition of a router that runs without a claim.
    fn into_note(self, router: &str) -> HostNote {
        let router = Arc::from(router);
        match self {
            Self::Occupied { uid, pid } => HostNote::ClaimOccupied {
                router,
                uid: uid.as_raw(),
                pid,
            },
            Self::System(error) => HostNote::ClaimFailed {
                router,
                error: Arc::new(error),
            },
            Self::Taken(_) => HostNote::ClaimFailed {
                router,
                error: Arc::new(io::ErrorKind::AddrInUse.into()),
            },
        }
    }
}

impl Claims {
    /// The claims of another process, whose sockets were received.
    pub(super) const fn from_handover(received: BTreeMap<RouterKey, OwnedFd>) -> Self {
        Self(received)
    }

    /// Claims these routers in the network namespace of the calling thread. None of them is claimed if
    /// another process runs one.
    ///
    /// # Errors
    ///
    /// [`Error::RouterTaken`]. A failure to open a socket is sent as an event only.
    pub(super) fn claim(
        &mut self,
        specs: &[RouterSpec],
        events: Option<&EventSender>,
    ) -> Result<(), Error> {
        let mut claimed = BTreeMap::new();
        for spec in specs {
            let key = RouterKey::for_spec(spec);
            if self.0.contains_key(&key) {
                continue;
            }
            match claim(&key) {
                Ok(socket) => {
                    claimed.insert(key, socket);
                }
                Err(Refusal::Taken(pid)) => {
                    return Err(Error::RouterTaken {
                        router: spec.name.clone(),
                        interface: spec.interface.clone(),
                        family: key.family,
                        vrid: key.vrid,
                        pid,
                    });
                }
                Err(refusal) => {
                    if let Some(events) = events {
                        events.note_host(refusal.into_note(&spec.name));
                    }
                }
            }
        }
        self.0.append(&mut claimed);
        Ok(())
    }

    /// The same, with some patience.
    pub(super) async fn claim_patiently(
        &mut self,
        specs: &[RouterSpec],
        events: Option<&EventSender>,
    ) -> Result<(), Error> {
        for _ in 1..ATTEMPTS {
            if self.claim(specs, events).is_ok() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.claim(specs, events)
    }

    /// Releases all other routers.
    pub(super) fn retain(&mut self, keep: impl Fn(&RouterKey) -> bool) {
        self.0.retain(|key, _| keep(key));
    }

    /// Appends duplicates of the sockets to `sockets`, and returns their routers.
    pub(super) fn share(&self, sockets: &mut Vec<OwnedFd>) -> io::Result<Vec<RouterKey>> {
        let mut keys = Vec::with_capacity(self.0.len());
        for (key, socket) in &self.0 {
            sockets.push(socket.try_clone()?);
            keys.push(key.clone());
        }
        Ok(keys)
    }

    /// Makes this process the one that others see on its sockets, instead of the one that opened them.
    pub(super) fn sign(&self) {
        for socket in self.0.values() {
            // The claim is valid without that.
            let _ = listen(socket, Backlog::MAXCONN);
        }
    }
}

/// Claims a router.
fn claim(key: &RouterKey) -> Result<OwnedFd, Refusal> {
    let name = name_of(key);
    let address = SocketAddr::from_abstract_name(&name).map_err(Refusal::System)?;
    match UnixListener::bind_addr(&address) {
        Ok(listener) => Ok(listener.into()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(inspect(&name)),
        Err(error) => Err(Refusal::System(error)),
    }
}

fn name_of(key: &RouterKey) -> String {
    let family = match key.family {
        AddressFamily::Ipv4 => 4,
        AddressFamily::Ipv6 => 6,
    };
    format!("{NAME}{}/{family}/{}", key.interface, key.vrid)
}

/// Inspects the process that has a name.
fn inspect(name: &str) -> Refusal {
    let connected = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Otherwise this would wait for room in the queue of the listener.
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(format!("\0{name}"))?)?;
        let credentials = getsockopt(&socket.as_fd(), PeerCredentials)?;
        Ok::<_, io::Error>(credentials)
    };
    let Ok(credentials) = connected() else {
        return Refusal::Taken(None);
    };
    let (uid, pid) = (Uid::from_raw(credentials.uid()), credentials.pid());
    // Any user can open a socket of any name.
    if uid.is_root() || uid == Uid::effective() {
        Refusal::Taken(u32::try_from(pid).ok().filter(|pid| *pid != 0))
    } else {
        Refusal::Occupied { uid, pid }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::process;

    use super::*;
    use crate::{RouterConfig, Vrid};

    fn spec(interface: &str, vrid: u8) -> RouterSpec {
        let config = RouterConfig::builder(Vrid::new(vrid).unwrap())
            .address(Ipv4Addr::new(192, 0, 2, 100).into())
            .build()
            .unwrap();
        RouterSpec::new("VI_1", interface, config)
    }

    /// A name that no other test has.
    fn interface(test: &str) -> String {
        format!("{test}{}", process::id())
    }

    #[test]
    fn a_router_is_claimed_once_and_the_refusal_names_the_process() {
        let eth0 = interface("a");
        let (mut first, mut second) = (Claims::default(), Claims::default());
        first
            .claim(&[spec(&eth0, 1), spec(&eth0, 2)], None)
            .unwrap();
        first.claim(&[spec(&eth0, 1)], None).unwrap();
        let error = second
            .claim(&[spec(&eth0, 3), spec(&eth0, 2)], None)
            .unwrap_err();
        let expected = format!(
            "router VI_1: VRID 2 (IPv4) on {eth0} is run by another process in this network namespace, \
             PID {}",
            process::id()
        );
        assert_eq!(error.to_string(), expected);
        // Nothing of a refused set remains claimed.
        first.claim(&[spec(&eth0, 3)], None).unwrap();
        first.retain(|key| key.vrid.get() != 2);
        second.claim(&[spec(&eth0, 2)], None).unwrap();
    }

    #[test]
    fn a_shared_claim_holds_until_both_have_ended() {
        let eth0 = interface("b");
        let mut old = Claims::default();
        old.claim(&[spec(&eth0, 1)], None).unwrap();
        let mut sockets = Vec::new();
        let keys = old.share(&mut sockets).unwrap();
        let mut new = Claims::from_handover(keys.into_iter().zip(sockets).collect());
        new.claim(&[spec(&eth0, 1)], None).unwrap();
        new.sign();
        drop(old);
        let mut third = Claims::default();
        assert!(third.claim(&[spec(&eth0, 1)], None).is_err());
        drop(new);
        third.claim(&[spec(&eth0, 1)], None).unwrap();
    }

    #[tokio::test]
    async fn a_process_that_is_ending_is_awaited() {
        let eth0 = interface("c");
        let mut old = Claims::default();
        old.claim(&[spec(&eth0, 1)], None).unwrap();
        let mut new = Claims::default();
        let specs = [spec(&eth0, 1)];
        let ((), claimed) = tokio::join!(
            async {
                tokio::task::yield_now().await;
                drop(old);
            },
            new.claim_patiently(&specs, None)
        );
        claimed.unwrap();
    }
}
