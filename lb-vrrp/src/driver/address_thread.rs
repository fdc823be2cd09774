// SPDX-License-Identifier: MIT OR Apache-2.0
//! The address thread: the actuator, and the netlink monitor beside it, on a runtime of their own.
//!
//! An address has to be on its interface before it can be announced, and clients wait for the
//! announcement. So no other work of the program may stand before it.

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
    pub(super) events: EventSender,
    pub(super) watched: Watched,
    pub(super) table: watch::Sender<Interfaces>,
}

/// The thread with its sockets open, and nothing to do yet. It ends when this is dropped.
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

    /// Gives the thread its work. What is returned ends when the advert thread has ended and no
    /// address is held any more.
    pub(super) fn begin(self, work: Work) -> Thread {
        // A thread that has ended shows when it is joined.
        let _ = self.work.send(work);
        self.thread
    }
}

/// The sockets, registered with the runtime they were opened in.
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

/// Must be called on the runtime that the sockets are used on.
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
