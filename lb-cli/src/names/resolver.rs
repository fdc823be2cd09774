// SPDX-License-Identifier: MIT OR Apache-2.0
//! Look-ups that end in time.
//!
//! A resolver that does not answer must not hang a listing: each look-up runs in a thread of its
//! own, which is left behind when its time is up. One process spends at most [`BUDGET`] waiting;
//! what is not known by then is shown as a number.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::HashMap,
    fs,
    net::{IpAddr, Ipv4Addr, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use lb_ipvs::Protocol;
use lb_ipvsadm::command::LookUp;

use super::files;

/// Longest wait for one name.
const ONE: Duration = Duration::from_secs(5);
/// Longest wait for all names of one process.
const BUDGET: Duration = Duration::from_secs(15);

/// The names this system knows.
#[derive(Debug)]
pub(crate) struct SystemNames {
    services: OnceCell<String>,
    hosts: OnceCell<String>,
    found: RefCell<HashMap<IpAddr, Option<String>>>,
    left: Cell<Duration>,
}

impl SystemNames {
    /// Nothing is read before it is needed.
    pub(crate) fn new() -> Self {
        Self {
            services: OnceCell::new(),
            hosts: OnceCell::new(),
            found: RefCell::new(HashMap::new()),
            left: Cell::new(BUDGET),
        }
    }

    fn services(&self) -> &str {
        self.services.get_or_init(|| read("/etc/services"))
    }

    fn hosts(&self) -> &str {
        self.hosts.get_or_init(|| read("/etc/hosts"))
    }

    fn host_name(&self, address: IpAddr) -> Option<String> {
        if let Some(known) = self.found.borrow().get(&address) {
            return known.clone();
        }
        let name = files::host_of(self.hosts(), address).or_else(|| {
            self.within(move || {
                let name = dns_lookup::lookup_addr(&address).ok()?;
                // The resolver answers with the number when there is no name.
                name.parse::<IpAddr>().is_err().then_some(name)
            })
        });
        self.found.borrow_mut().insert(address, name.clone());
        name
    }

    /// Runs a look-up in a thread and takes its time off the budget.
    fn within<T: Send + 'static>(
        &self,
        look_up: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let wait = self.left.get().min(ONE);
        if wait.is_zero() {
            return None;
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let started = Instant::now();
        thread::Builder::new()
            .spawn(move || {
                // The receiver is gone when the time was up.
                let _ = sender.send(look_up());
            })
            .ok()?;
        let answer = receiver.recv_timeout(wait);
        self.left
            .set(self.left.get().saturating_sub(started.elapsed()));
        answer.ok().flatten()
    }
}

impl lb_ipvsadm::Names for SystemNames {
    fn host(&self, address: IpAddr) -> Option<String> {
        self.host_name(address)
    }

    fn port(&self, protocol: Protocol, port: u16) -> Option<String> {
        files::name_of(self.services(), port, protocol_name(protocol)?)
    }
}

impl LookUp for SystemNames {
    fn host(&self, name: &str) -> Option<Ipv4Addr> {
        files::address_of(self.hosts(), name).or_else(|| {
            let name = name.to_owned();
            self.within(move || {
                (name.as_str(), 0)
                    .to_socket_addrs()
                    .ok()?
                    .find_map(|address| match address.ip() {
                        IpAddr::V4(ip) => Some(ip),
                        IpAddr::V6(_) => None,
                    })
            })
        })
    }

    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        files::port_of(self.services(), name, protocol_name(protocol)?)
    }
}

fn protocol_name(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Tcp => Some("tcp"),
        Protocol::Udp => Some("udp"),
        Protocol::Sctp => Some("sctp"),
        _ => None,
    }
}

/// A missing file knows no names.
fn read(path: &str) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_up_that_hangs_is_left_behind_and_the_budget_ends() {
        let names = SystemNames::new();
        names.left.set(Duration::from_millis(50));
        let (_keep, never) = mpsc::channel::<()>();
        let started = Instant::now();
        assert_eq!(names.within(move || never.recv().ok()), None);
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(
            names.within(|| Some(1)),
            None,
            "nothing is left to wait with"
        );
    }

    #[test]
    fn the_loopback_address_has_no_need_of_a_resolver() {
        let names = SystemNames::new();
        names.hosts.set("127.0.0.1 localhost\n".to_owned()).unwrap();
        assert_eq!(LookUp::host(&names, "localhost"), Some(Ipv4Addr::LOCALHOST));
        assert_eq!(
            names.host_name(Ipv4Addr::LOCALHOST.into()).as_deref(),
            Some("localhost")
        );
        assert_eq!(names.left.get(), BUDGET);
    }
}
