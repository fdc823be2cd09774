// SPDX-License-Identifier: MIT OR Apache-2.0
//! The address thread: the actuator, and the netlink monitor beside it, on a runtime of their own.
//!
//! An address has to be on its interface before it can be announced, and clients wait for the
//! announcement. So no other work of the program may stand before it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread;

use lb_host::rtnetlink::Watcher;
use netlink_sys::AsyncSocket as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

use super::actuator::Actuator;
use lb_host::{HostPlane, Rtnetlink};

use super::advert::Command;
use super::buffers::widen;
use super::error::Error;
use super::event::Event;
use super::host::OWNER;
use super::links::Interfaces;
use super::mailbox::Mailbox;
use super::monitor::{self, Monitor, Watched};
use super::routing::Watch;
use super::spec::Options;
use super::vmac;
use crate::NetlinkBuffers;

/// Hints that may wait for the actuator; the monitor waits when it is full.
const HINTS: usize = 64;

/// What the thread works with once the advert thread runs.
pub(super) struct Work {
    /// Without one, the kernel is changed over rtnetlink.
    pub(super) manager: Option<Box<dyn HostPlane>>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) watched: Watched,
    pub(super) table: watch::Sender<Interfaces>,
}

/// The thread with its sockets open, and nothing to do yet. It ends when this is dropped.
pub(super) struct Idle {
    work: blocking::SyncSender<Work>,
    ended: oneshot::Receiver<()>,
}

impl Idle {
    /// Starts the thread, in the network namespace of the caller's.
    pub(super) fn start(options: Options) -> Result<Self, Error> {
        let limit = options.limit;
        let (work, orders) = blocking::sync_channel(1);
        let (opened, outcome) = blocking::sync_channel(1);
        let (alive, ended) = oneshot::channel();
        thread::Builder::new()
            .name("vrrp-address".to_owned())
            .spawn(move || {
                options.scheduling.apply("vrrp-address");
                run(options.netlink, &opened, &orders);
                drop(alive);
            })
            .map_err(|source| Error::Thread { source })?;
        match outcome.recv_timeout(limit) {
            Ok(opened) => opened.map(|()| Self { work, ended }),
            Err(blocking::RecvTimeoutError::Timeout) => Err(Error::TimedOut {
                operation: "start",
                limit,
            }),
            Err(blocking::RecvTimeoutError::Disconnected) => Err(Error::Stopped),
        }
    }

    /// Gives it its work. What is returned completes when the advert thread has ended and no
    /// address is held any more.
    pub(super) fn begin(self, work: Work) -> oneshot::Receiver<()> {
        // If the thread has gone, so has the other end of `ended`.
        let _ = self.work.send(work);
        self.ended
    }
}

/// The sockets, registered with the runtime they were opened in.
struct Netlink {
    watcher: Watcher,
    handle: rtnetlink::Handle,
    watch: Watch,
}

fn run(
    buffers: NetlinkBuffers,
    opened: &blocking::SyncSender<Result<(), Error>>,
    orders: &blocking::Receiver<Work>,
) {
    let (runtime, netlink) = match open(buffers) {
        Ok(open) => open,
        Err(error) => {
            // Nobody waits any more if this fails.
            let _ = opened.send(Err(error));
            return;
        }
    };
    if opened.send(Ok(())).is_err() {
        return;
    }
    let Ok(work) = orders.recv() else {
        return;
    };
    let events = work.events.clone();
    let served = catch_unwind(AssertUnwindSafe(|| runtime.block_on(serve(netlink, work))));
    if served.is_err() {
        // A Master whose addresses nobody looks after must not go on; the owner of the driver
        // decides how to end.
        error!("address thread ended");
        let _ = events.blocking_send(Event::Stopped);
    }
}

fn open(buffers: NetlinkBuffers) -> Result<(Runtime, Netlink), Error> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Thread { source })?;
    let failed = |operation| move |source: io::Error| Error::Netlink { operation, source };
    let netlink = {
        let _inside = runtime.enter();
        let watcher = monitor::subscribe(buffers.monitor)
            .map_err(failed("subscribe to links and addresses"))?;
        let (mut connection, handle, _) = rtnetlink::new_connection().map_err(failed("connect"))?;
        widen(connection.socket_mut().socket_ref(), buffers.commands)
            .map_err(failed("set the buffer of a socket"))?;
        runtime.spawn(connection);
        let watch = Watch::open(buffers.monitor).map_err(failed("open a socket"))?;
        Netlink {
            watcher,
            handle,
            watch,
        }
    };
    Ok((runtime, netlink))
}

/// Runs the actuator to its end; the monitor goes with the runtime.
async fn serve(netlink: Netlink, work: Work) {
    let (hint_sender, hints) = mpsc::channel(HINTS);
    let manager = work
        .manager
        .unwrap_or_else(|| Box::new(Rtnetlink::new(netlink.handle.clone(), OWNER)));
    let actuator = Actuator::new(
        manager,
        work.mailbox,
        work.commands.clone(),
        hints,
        work.events,
    )
    .with_watch(netlink.watch)
    .with_table(work.table.subscribe())
    .with_links(Box::new(vmac::Rtnetlink::new(netlink.handle.clone())))
    .with_secondaries(Box::new(vmac::Rtnetlink::new(netlink.handle.clone())));
    let monitor = Monitor {
        watcher: netlink.watcher,
        handle: netlink.handle,
        watched: work.watched,
        table: work.table,
        commands: work.commands,
        hints: hint_sender,
    };
    tokio::spawn(monitor.run());
    actuator.run().await;
}
