// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread that asks for links, one round after the other.

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

/// Names, and how to ask first.
pub(super) type Order = Vec<(Arc<str>, PollMethod)>;
/// By name; one that is not there has none.
pub(in crate::driver) type Answers = BTreeMap<Arc<str>, Answer>;

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::driver) struct Answer {
    pub(super) up: bool,
    /// Who gave it.
    pub(super) method: PollMethod,
}

/// The near end of the thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) orders: blocking::SyncSender<Order>,
    pub(super) answers: mpsc::Receiver<Answers>,
}

impl Worker {
    /// Starts it, in the network namespace of the calling thread.
    pub(super) fn start() -> io::Result<Self> {
        let mut asker = Asker::open()?;
        // One round at a time.
        let (orders, rounds) = blocking::sync_channel(1);
        let (sender, answers) = mpsc::channel(1);
        Thread::spawn("vrrp-links", move || {
            while let Ok(order) = rounds.recv() {
                if sender.blocking_send(asker.ask(order)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { orders, answers })
    }

    /// Begins a round; whether it could.
    pub(super) fn ask(&self, order: Order) -> bool {
        // Where the thread has gone, the wait for its answers ends and says so.
        match self.orders.try_send(order) {
            Ok(()) | Err(blocking::TrySendError::Disconnected(_)) => true,
            Err(blocking::TrySendError::Full(_)) => false,
        }
    }

    pub(super) async fn answers(&mut self) -> Option<Answers> {
        self.answers.recv().await
    }
}

/// Asks the kernel.
#[derive(Debug)]
pub(super) struct Asker {
    socket: Socket,
    /// What each has answered to: first asked by, and then.
    methods: BTreeMap<Arc<str>, (PollMethod, PollMethod)>,
}

impl Asker {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new(Domain::IPV4, Type::DGRAM, None)?,
            methods: BTreeMap::new(),
        })
    }

    pub(super) fn ask(&mut self, order: Order) -> Answers {
        let names: Vec<_> = order.iter().map(|(name, _)| Arc::clone(name)).collect();
        self.methods.retain(|name, _| names.contains(name));
        let answers = order.into_iter().filter_map(|(name, first)| {
            let known = self.methods.get(&name).filter(|(of, _)| *of == first);
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
        // Whoever says that there is a link, an interface that is set down has none.
        Ok(link && sys::is_running(&self.socket, name)?)
    }
}

/// In which order an interface is asked whose answer is not known yet.
fn methods(first: PollMethod) -> impl Iterator<Item = PollMethod> {
    let all = [PollMethod::Mii, PollMethod::Ethtool, PollMethod::Flags];
    // Of a link nobody was to be asked for, the flags tell as much.
    let others = all
        .into_iter()
        .filter(move |method| *method != first && first != PollMethod::Flags);
    std::iter::once(first).chain(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_does_not_answer_is_asked_otherwise() {
        use PollMethod::{Ethtool, Flags, Mii};
        let of = |first| methods(first).collect::<Vec<_>>();
        assert_eq!(of(Mii), [Mii, Ethtool, Flags]);
        assert_eq!(of(Ethtool), [Ethtool, Mii, Flags]);
        assert_eq!(of(Flags), [Flags]);
    }

    #[test]
    fn the_loopback_is_asked_by_its_driver_and_what_is_not_there_has_no_answer() {
        let mut asker = Asker::open().unwrap();
        let order = || {
            vec![
                (Arc::from("lo"), PollMethod::Mii),
                (Arc::from("no-such-one"), PollMethod::Mii),
            ]
        };
        let answers = asker.ask(order());
        assert_eq!(answers.len(), 1);
        assert_eq!(answers["lo"].method, PollMethod::Ethtool);
        assert_eq!(asker.ask(order()), answers);
        // Asked otherwise it begins anew.
        let answers = asker.ask(vec![(Arc::from("lo"), PollMethod::Flags)]);
        assert_eq!(answers["lo"].method, PollMethod::Flags);
    }

    #[tokio::test]
    async fn a_thread_answers_for_as_long_as_it_is_asked() {
        let mut worker = Worker::start().unwrap();
        for _ in 0..3 {
            assert!(worker.ask(vec![(Arc::from("lo"), PollMethod::Mii)]));
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
