// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether other drivers live in a network namespace: what they hold carries the same mark as what
//! a crash has left.
//!
//! Each has an abstract socket, which is seen in its network namespace only and goes with its
//! process, whatever way that ends.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

const NAME: &str = "lb-vrrp/driver/";
/// Names tried; another process may have the same number, where process ids are of a namespace.
const NAMES: u32 = 64;
/// How often, and how long after each other, it looks: a process that was killed a moment ago may
/// still be about to close its sockets.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// A driver that lives, until this is dropped.
#[derive(Debug)]
pub(super) struct Presence {
    name: String,
    _socket: UnixDatagram,
}

impl Presence {
    /// Of a driver in the network namespace of the calling thread.
    pub(super) fn announce() -> io::Result<Self> {
        let mut taken = io::Error::from(io::ErrorKind::AddrInUse);
        for number in 0..NAMES {
            let name = format!("{NAME}{}/{number}", process::id());
            let address = SocketAddr::from_abstract_name(&name)?;
            match UnixDatagram::bind_addr(&address) {
                Ok(socket) => {
                    let _socket = socket;
                    return Ok(Self { name, _socket });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken = error,
                Err(error) => return Err(error),
            }
        }
        Err(taken)
    }

    /// Whether there are others, and stay.
    pub(super) async fn has_others(&self) -> bool {
        for _ in 0..LOOKS {
            if !self.sees_others() {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        true
    }

    fn sees_others(&self) -> bool {
        let sockets = fs::read_to_string("/proc/thread-self/net/unix").unwrap_or_default();
        let names = sockets.lines().filter_map(|line| line.split_once('@'));
        let mut drivers = names.filter(|(_, name)| name.starts_with(NAME));
        drivers.any(|(_, name)| name != self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_driver_is_seen_as_long_as_it_lives() {
        let first = Presence::announce().unwrap();
        let second = Presence::announce().unwrap();
        assert_ne!(first.name, second.name);
        assert!(first.has_others().await);
        assert!(second.has_others().await);
    }
}
