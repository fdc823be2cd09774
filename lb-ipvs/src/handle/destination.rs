// SPDX-License-Identifier: MIT OR Apache-2.0
//! Destinations.

use std::net::SocketAddr;

use super::IpvsHandle;
use crate::{
    change::Change,
    destination::Destination,
    entry::DestinationEntry,
    error::Error,
    operation::{Operation, Subject},
    service::ServiceKey,
    wire::{Command, IpvsAttribute, IpvsMessage, key_attributes, reader},
};

/// How often a list with doubtful entries is read again as a whole.
const READINGS: u32 = 3;

impl IpvsHandle {
    /// Lists the destinations of a service with their counters, the newest first.
    ///
    /// The kernel does not tell a service that is missing from one without destinations: the list
    /// is empty for both. A long list is read again where it may have gaps, as that of
    /// [`IpvsHandle::services`], with the same limit.
    ///
    /// Equivalent to the destination lines of `ipvsadm -L -n --nosort -t ADDRESS`.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = lb_ipvs::ServiceKey::tcp("192.168.1.50:80".parse()?);
    /// for entry in ipvs.destinations(&key).await? {
    ///     println!("{} {} active", entry.destination.address, entry.connections.active);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn destinations(&mut self, key: &ServiceKey) -> Result<Vec<DestinationEntry>, Error> {
        let (subject, family) = (Subject::Service(*key), key.family());
        let mut readings = 1;
        loop {
            let message = IpvsMessage::new(
                Command::GetDestination,
                vec![IpvsAttribute::Service(key_attributes(key))],
            );
            let list = self
                .transport
                .dump(
                    Operation::ListDestinations,
                    subject,
                    message,
                    |attributes, found| reader::destinations(attributes, family, found),
                    |entry| entry.destination.address,
                )
                .await?;
            // The kernel has no request for one destination, so that a doubtful one cannot be looked up.
            if list.doubtful.is_empty() || readings == READINGS {
                let mut destinations = list.items;
                destinations.extend(list.doubtful);
                return Ok(destinations);
            }
            readings += 1;
        }
    }

    /// Gives a service a destination.
    ///
    /// Equivalent to `ipvsadm -a`.
    ///
    /// # Errors
    /// With errno `ESRCH` when there is no such service, `EEXIST` when it has the destination,
    /// `ERANGE` when the lower threshold is above the upper.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::{Destination, ForwardingMethod, ServiceKey, Weight};
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
    /// let destination = Destination::new("192.168.1.61:80".parse()?)
    ///     .with_forwarding(ForwardingMethod::Masquerade)
    ///     .with_weight(Weight::ONE);
    /// ipvs.add_destination(&key, &destination).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn add_destination(
        &mut self,
        key: &ServiceKey,
        destination: &Destination,
    ) -> Result<(), Error> {
        self.change(Change::AddDestination(*key, *destination))
            .await
    }

    /// Replaces the configuration of a destination, all of it; its connections stay.
    ///
    /// Equivalent to `ipvsadm -e`.
    ///
    /// # Errors
    /// With errno `ESRCH` when there is no such service, `ENOENT` when it does not have the
    /// destination, `ERANGE` when the lower threshold is above the upper.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::{ServiceKey, Weight};
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
    /// for entry in ipvs.destinations(&key).await? {
    ///     // Let the connections end and take no new ones.
    ///     ipvs.edit_destination(&key, &entry.destination.with_weight(Weight::ZERO)).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn edit_destination(
        &mut self,
        key: &ServiceKey,
        destination: &Destination,
    ) -> Result<(), Error> {
        self.change(Change::EditDestination(*key, *destination))
            .await
    }

    /// Takes a destination from a service; packets of its connections are dropped from then on.
    ///
    /// Equivalent to `ipvsadm -d`.
    ///
    /// # Errors
    /// With errno `ESRCH` when there is no such service, `ENOENT` when it does not have the
    /// destination.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = lb_ipvs::ServiceKey::tcp("192.168.1.50:80".parse()?);
    /// ipvs.delete_destination(&key, "192.168.1.61:80".parse()?).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete_destination(
        &mut self,
        key: &ServiceKey,
        address: SocketAddr,
    ) -> Result<(), Error> {
        self.change(Change::DeleteDestination(*key, address)).await
    }
}
