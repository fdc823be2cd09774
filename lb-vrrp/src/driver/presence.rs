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

    /// Returns whether other programs that run VRRP, such as keepalived, are present at each look: their
    /// routes and rules carry the same mark as those of this driver.
    pub(super) async fn has_other_programs() -> bool {
        for _ in 0..LOOKS {
            let has_socket = ["/proc/thread-self/net/raw", "/proc/thread-self/net/raw6"]
                .into_iter()
                .any(|path| lists_vrrp(&fs::read_to_string(path).unwrap_or_default()));
            if !has_socket {
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

/// Whether a list of raw sockets, as in `/proc/net/raw`, has one for IP protocol 112. The protocol is
/// where the port of other sockets is.
fn lists_vrrp(sockets: &str) -> bool {
    let local = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    let mut local = sockets.lines().skip(1).filter_map(local);
    local.any(|local| local.ends_with(":0070"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_sockets_of_vrrp_are_found() {
        let head =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
        let icmp =
            "   1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000 0\n";
        let vrrp =
            " 112: 00000000:0070 00000000:0000 07 00000000:00000000 00:00000000 00000000 0\n";
        let ipv6 = " 112: 00000000000000000000000000000000:0070 \
                    00000000000000000000000000000000:0000 07 00000000:00000000\n";
        for (sockets, expected) in [
            (String::new(), false),
            (head.to_owned(), false),
            ([head, icmp].concat(), false),
            ([head, icmp, vrrp].concat(), true),
            ([head, ipv6].concat(), true),
        ] {
            assert_eq!(lists_vrrp(&sockets), expected, "{sockets}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_drivers_see_each_other() {
        let first = Presence::announce().unwrap();
        let second = Presence::announce().unwrap();
        assert_ne!(first.name, second.name);
        assert!(first.has_others().await);
        assert!(second.has_others().await);
    }
}
