// SPDX-License-Identifier: MIT OR Apache-2.0
//! Detects other drivers in the network namespace: their addresses carry the same mark as the stale
//! ones of a killed process.
//!
//! Each driver has an abstract socket, which is visible in its network namespace only. The kernel
//! closes it at the end of the process.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

const NAME: &str = "lb-vrrp/driver/";
/// Names tried: processes in different process id namespaces may have the same number.
const NAMES: u32 = 64;
/// Number of looks, and the pause between them: a process that was just killed may not have closed its
/// sockets yet.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Makes a driver visible to others until this is dropped.
#[derive(Debug)]
pub(super) struct Presence {
    name: String,
    _socket: UnixDatagram,
}

impl Presence {
    /// Announces a driver in the network namespace of the calling thread.
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

    /// Returns whether other drivers are present at each look.
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
    async fn two_drivers_see_each_other() {
        let first = Presence::announce().unwrap();
        let second = Presence::announce().unwrap();
        assert_ne!(first.name, second.name);
        assert!(first.has_others().await);
        assert!(second.has_others().await);
    }
}
