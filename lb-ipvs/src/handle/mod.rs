// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client: what ipvsadm does, as functions.

mod apply;
mod changes;
mod destination;
mod drain;
mod files;
mod replace;
mod service;
mod settings;
mod settle;
#[cfg(test)]
mod tests;

pub use replace::{Refused, ReplaceError};

use std::{fmt, os::fd::BorrowedFd};

#[cfg(any(test, feature = "test-util"))]
use crate::transport::scripted::ScriptedKernel;
use crate::{
    NetworkNamespace,
    entry::TableEntry,
    error::Error,
    operation::{Operation, Subject},
    transport::{Link, Transport},
    wire::IpvsMessage,
};

/// A connection to the kernel's IPVS of one network namespace.
///
/// It has one socket and one request at a time, hence `&mut self`. All functions are cancel-safe
/// in that the handle stays usable; whether a request whose future was dropped has been carried
/// out is unknown. They need a tokio runtime with I/O and time enabled.
///
/// The kernel carries requests out while they are sent, on the calling thread; only starting and
/// stopping of sync daemons, which can take seconds, happens on another.
///
/// # Examples
/// ```no_run
/// use lb_ipvs::{Destination, IpvsHandle, Scheduler, Service, ServiceKey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut ipvs = IpvsHandle::connect().await?;
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// ipvs.add_service(&Service::new(key, Scheduler::WeightedRoundRobin)).await?;
/// ipvs.add_destination(&key, &Destination::new("192.168.1.61:80".parse()?)).await?;
/// for entry in ipvs.snapshot().await? {
///     println!("{} has {} destinations", entry.service.service.key, entry.destinations.len());
/// }
/// # Ok(())
/// # }
/// ```
pub struct IpvsHandle {
    transport: Transport,
    /// The namespace in which the socket was opened, for reading files; `None` without `/proc`.
    namespace: Option<NetworkNamespace>,
}

impl IpvsHandle {
    /// Connects to the IPVS of the network namespace this thread is in.
    ///
    /// When the kernel has no IPVS and the process is root, `modprobe -- ip_vs` is run, once.
    /// Asks for the version, so that a lack of permission shows here.
    ///
    /// Equivalent to what every call of `ipvsadm` does first.
    ///
    /// # Errors
    /// [`Error::ModuleNotLoaded`] without IPVS in the kernel, [`Error::PermissionDenied`] without
    /// `CAP_NET_ADMIN` in the initial user namespace, [`Error::Socket`] without netlink.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example() -> Result<(), lb_ipvs::Error> {
    /// let mut ipvs = lb_ipvs::IpvsHandle::connect().await?;
    /// println!("IPVS {}", ipvs.info().await?.version);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect() -> Result<Self, Error> {
        Self::over(Link::open()?, NetworkNamespace::current().ok()).await
    }

    /// Connects to the IPVS of a network namespace. The calling thread stays where it is.
    ///
    /// Everything about the handle is of that namespace then: the table, the sync daemons, the
    /// connections, the settings.
    ///
    /// Equivalent to `ip netns exec NAME ipvsadm`.
    ///
    /// # Errors
    /// As [`IpvsHandle::connect`], and [`Error::Namespace`] when the namespace cannot be entered,
    /// which needs `CAP_SYS_ADMIN`.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::{IpvsHandle, NetworkNamespace};
    /// # async fn example() -> Result<(), lb_ipvs::Error> {
    /// let mut blue = IpvsHandle::connect_in(&NetworkNamespace::named("blue")?).await?;
    /// let mut green = IpvsHandle::connect_in(&NetworkNamespace::named("green")?).await?;
    /// println!("{} {}", blue.services().await?.len(), green.services().await?.len());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect_in(namespace: &NetworkNamespace) -> Result<Self, Error> {
        let runtime = tokio::runtime::Handle::current();
        let link = namespace.run(|| {
            let _entered = runtime.enter();
            Link::open()
        })??;
        Self::over(link, Some(namespace.clone())).await
    }

    async fn over(link: Link, namespace: Option<NetworkNamespace>) -> Result<Self, Error> {
        let mut handle = Self {
            transport: Transport::open(link).await?,
            namespace,
        };
        handle.info().await?;
        Ok(handle)
    }

    /// A handle to a scripted kernel, for tests.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn scripted(kernel: ScriptedKernel) -> Self {
        Self {
            transport: kernel.into_transport(),
            namespace: None,
        }
    }

    /// How many changes [`IpvsHandle::apply`] puts into one batch at most.
    ///
    /// It is 500, or as many as can fail without a loss of errors if the receive buffer is small.
    ///
    /// ipvsadm has no equivalent: it sends one change at a time.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(ipvs: lb_ipvs::IpvsHandle) {
    /// assert!((1..=500).contains(&ipvs.batch_limit()));
    /// # }
    /// ```
    #[must_use]
    pub const fn batch_limit(&self) -> usize {
        self.transport.batch_limit()
    }

    /// The netlink socket, for its options; `None` for a scripted kernel.
    ///
    /// ipvsadm has no equivalent.
    ///
    /// # Examples
    /// ```no_run
    /// use std::os::fd::AsRawFd;
    /// # fn example(ipvs: lb_ipvs::IpvsHandle) {
    /// println!("{:?}", ipvs.socket().map(|socket| socket.as_raw_fd()));
    /// # }
    /// ```
    #[must_use]
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.transport.socket()
    }

    /// Reads the whole table: all services with their destinations, in the kernel's order.
    ///
    /// The kernel offers no consistent view: what changes meanwhile may be seen half. What does not change
    /// is there, once, within the limit that [`IpvsHandle::services`] names; the order is that of its list.
    /// [`IpvsHandle::plain_snapshot`] has less in it and is faster.
    ///
    /// Equivalent to `ipvsadm -L -n --stats --nosort`, and all the other columns.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// let destinations: usize = ipvs.snapshot().await?.iter().map(|e| e.destinations.len()).sum();
    /// # Ok(())
    /// # }
    /// ```
    pub async fn snapshot(&mut self) -> Result<Vec<TableEntry>, Error> {
        let services = self.services().await?;
        let mut table = Vec::with_capacity(services.len());
        for service in services {
            let destinations = self.destinations(&service.service.key).await?;
            table.push(TableEntry {
                service,
                destinations,
            });
        }
        Ok(table)
    }

    /// Sends one request that has no reply but an acknowledgement.
    async fn command(
        &mut self,
        operation: Operation,
        subject: Subject,
        message: IpvsMessage,
    ) -> Result<(), Error> {
        self.transport
            .request(operation, subject, message)
            .await
            .map(drop)
    }
}

impl fmt::Debug for IpvsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IpvsHandle")
            .field("batch_limit", &self.batch_limit())
            .finish()
    }
}
