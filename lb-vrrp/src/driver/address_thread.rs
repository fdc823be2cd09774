// SPDX-License-Identifier: MIT OR Apache-2.0
//! The address thread: the actuator and the netlink monitor, on a runtime of their own.
//!
//! An address must be on its interface before it can be announced, and clients wait for the
//! announcement. Therefore no other work of the program shares this thread.

use std::io;
use std::sync::Arc;

use lb_host::rtnetlink::Watcher;
use lb_host::thread::{Thread, catch_future};
use netlink_sys::AsyncSocket as _;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

use super::actuator::Actuator;
use lb_host::{HostPlane, Rtnetlink};

use super::advert::Command;
use super::buffers::widen;
use super::error::Error;
use super::event::{Event, EventSender};
use super::host::OWNER;
use super::links::Interfaces;
use super::mailbox::Mailbox;
use super::monitor::{self, Monitor, Watched};
use super::options::DriverOptions;
use super::routing::Watch;
use crate::NetlinkBuffers;

/// Capacity of the channel for hints; the monitor waits when it is full.
const HINTS: usize = 64;

/// The parts that the thread receives once the advert thread runs.
pub(super) struct Work {
    /// `None`: the kernel is changed over rtnetlink.
    pub(super) manager: Option<Box<dyn HostPlane>>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) events: EventSender,
    pub(super) watched: Watched,
    pub(super) table: watch::Sender<Interfaces>,
}

/// The thread with open sockets and no work yet. The thread ends when this is dropped.
pub(super) struct Idle {
    work: oneshot::Sender<Work>,
    thread: Thread,
}

impl Idle {
    /// Starts the thread in the network namespace of the calling thread; the future resolves when
    /// the sockets are open.
    pub(super) fn start(options: DriverOptions) -> impl Future<Output = Result<Self, Error>> {
        let starting = Thread::start_runtime("vrrp-address", options.limit, async move || {
            options.scheduling.apply("vrrp-address");
            let netlink = open(options.netlink)?;
            let (work, orders) = oneshot::channel();
            Ok((work, run(netlink, orders)))
        });
        async {
            let (thread, work) = starting.ready().await?;
            Ok(Self { work, thread })
        }
    }

    /// Sends the work to the thread. The returned thread ends when the advert thread has ended and no
    /// address is held any more.
    pub(super) fn begin(self, work: Work) -> Thread {
        // Fails if the thread has ended; the join returns why.
        let _ = self.work.send(work);
        self.thread
    }
}

/// The sockets, registered with the runtime in which they were opened.
struct Netlink {
    watcher: Watcher,
    handle: rtnetlink::Handle,
    watch: Watch,
}

async fn run(netlink: Netlink, orders: oneshot::Receiver<Work>) {
    let Ok(work) = orders.await else {
        return;
    };
    let events = work.events.clone();
    if let Err(panic) = catch_future(serve(netlink, work)).await {
        // A Master whose addresses are not kept in order must not continue; the owner of the driver
        // decides how to end.
        error!("{panic}; please report this");
        events.deliver(Event::Stopped).await;
    }
}

/// Opens the sockets. Must be called on the runtime that uses them.
fn open(buffers: NetlinkBuffers) -> Result<Netlink, Error> {
    let failed = |operation| move |source: io::Error| Error::Netlink { operation, source };
    let watcher =
        monitor::subscribe(buffers.monitor).map_err(failed("subscribe to links and addresses"))?;
    let (mut connection, handle, _) = rtnetlink::new_connection().map_err(failed("connect"))?;
    widen(connection.socket_mut().socket_ref(), buffers.commands)
        .map_err(failed("set the buffer of a socket"))?;
    tokio::spawn(connection);
    let watch = Watch::open(buffers.monitor).map_err(failed("open a socket"))?;
    Ok(Netlink {
        watcher,
        handle,
        watch,
    })
}

/// Runs the actuator to its end; the monitor ends with the runtime.
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
        work.events.clone(),
    )
    .with_watch(netlink.watch)
    .with_table(work.table.subscribe());
    let monitor = Monitor {
        watcher: netlink.watcher,
        handle: netlink.handle,
        watched: work.watched,
        table: work.table,
        commands: work.commands,
        hints: hint_sender,
        events: work.events,
    };
    tokio::spawn(monitor.run());
    actuator.run().await;
}
