// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread that polls links, one round after the other.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc as blocking;

use lb_host::sys;
use lb_host::thread::Thread;
use nix::libc;
use socket2::{Domain, Socket, Type};
use tokio::sync::mpsc;

use crate::PollMethod;

/// Names, and the method to try first.
pub(super) type Order = Vec<(Arc<str>, PollMethod)>;
/// Answers by name; a missing interface has none.
pub(in crate::driver) type Answers = BTreeMap<Arc<str>, Answer>;

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::driver) struct Answer {
    pub(super) up: bool,
    /// The method that returned it.
    pub(super) method: PollMethod,
}

/// The channels of the thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) orders: blocking::SyncSender<Order>,
    pub(super) answers: mpsc::Receiver<Answers>,
}

impl Worker {
    /// Starts the thread, in the network namespace of the calling one.
    pub(super) fn start() -> io::Result<Self> {
        let mut poller = Poller::open()?;
        // One round at a time.
        let (orders, rounds) = blocking::sync_channel(1);
        let (sender, answers) = mpsc::channel(1);
        Thread::spawn("vrrp-links", move || {
            while let Ok(order) = rounds.recv() {
                if sender.blocking_send(poller.poll(order)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { orders, answers })
    }

    /// Starts a round; returns `false` while another one is in progress.
    pub(super) fn start_round(&self, order: Order) -> bool {
        // Where the thread has ended, the wait for its answers returns `None`.
        match self.orders.try_send(order) {
            Ok(()) | Err(blocking::TrySendError::Disconnected(_)) => true,
            Err(blocking::TrySendError::Full(_)) => false,
        }
    }

    pub(super) async fn answers(&mut self) -> Option<Answers> {
        self.answers.recv().await
    }
}

/// Reads the state of links from the kernel.
#[derive(Debug)]
pub(super) struct Poller {
    socket: Socket,
    /// For each link, the method to try first and the one that worked.
    methods: BTreeMap<Arc<str>, (PollMethod, PollMethod)>,
}

impl Poller {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new(Domain::IPV4, Type::DGRAM, None)?,
            methods: BTreeMap::new(),
        })
    }

    pub(super) fn poll(&mut self, order: Order) -> Answers {
        let names: Vec<_> = order.iter().map(|(name, _)| Arc::clone(name)).collect();
        self.methods.retain(|name, _| names.contains(name));
        let answers = order.into_iter().filter_map(|(name, first)| {
            let known = self.methods.get(&name).filter(|(known, _)| *known == first);
            let known = known.map(|(_, method)| *method);
            let Some(answer) = self.answer(&name, known, first) else {
                self.methods.remove(&name);
                return None;
            };
            self.methods
                .insert(Arc::clone(&name), (first, answer.method));
            Some((name, answer))
        });
        answers.collect()
    }

    fn answer(&self, name: &str, known: Option<PollMethod>, first: PollMethod) -> Option<Answer> {
        for method in known.into_iter().chain(methods(first)) {
            match self.link(name, method) {
                Ok(up) => return Some(Answer { up, method }),
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return None,
                Err(_) => {}
            }
        }
        None
    }

    fn link(&self, name: &str, method: PollMethod) -> io::Result<bool> {
        let link = match method {
            PollMethod::Mii => sys::read_mii_link(&self.socket, name)?,
            PollMethod::Ethtool => sys::read_driver_link(&self.socket, name)?,
            PollMethod::Flags => true,
        };
        // An interface that is set down has no link, whatever its PHY or driver reports.
        Ok(link && sys::is_running(&self.socket, name)?)
    }
}

/// The order in which methods are tried for an interface without a known one.
fn methods(first: PollMethod) -> impl Iterator<Item = PollMethod> {
    let all = [PollMethod::Mii, PollMethod::Ethtool, PollMethod::Flags];
    // The flags are always readable.
    let others = all
        .into_iter()
        .filter(move |method| *method != first && first != PollMethod::Flags);
    std::iter::once(first).chain(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_methods_follow_the_first() {
        use PollMethod::{Ethtool, Flags, Mii};
        let order = |first| methods(first).collect::<Vec<_>>();
        assert_eq!(order(Mii), [Mii, Ethtool, Flags]);
        assert_eq!(order(Ethtool), [Ethtool, Mii, Flags]);
        assert_eq!(order(Flags), [Flags]);
    }

    #[test]
    fn the_driver_of_the_loopback_answers_and_a_missing_interface_has_no_answer() {
        let mut poller = Poller::open().unwrap();
        let order = || {
            vec![
                (Arc::from("lo"), PollMethod::Mii),
                (Arc::from("no-such-one"), PollMethod::Mii),
            ]
        };
        let answers = poller.poll(order());
        assert_eq!(answers.len(), 1);
        assert_eq!(answers["lo"].method, PollMethod::Ethtool);
        assert_eq!(poller.poll(order()), answers);
        // Another first method discards the known one.
        let answers = poller.poll(vec![(Arc::from("lo"), PollMethod::Flags)]);
        assert_eq!(answers["lo"].method, PollMethod::Flags);
    }

    #[tokio::test]
    async fn the_thread_answers_each_round_and_ends_with_its_channel() {
        let mut worker = Worker::start().unwrap();
        for _ in 0..3 {
            assert!(worker.start_round(vec![(Arc::from("lo"), PollMethod::Mii)]));
            assert_eq!(worker.answers().await.unwrap().len(), 1);
        }
        let Worker {
            orders,
            mut answers,
        } = worker;
        drop(orders);
        assert_eq!(answers.recv().await, None);
    }
}
