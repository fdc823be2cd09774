// SPDX-License-Identifier: MIT OR Apache-2.0
//! Services.

use nix::libc;

use super::IpvsHandle;
use crate::{
    change::Change,
    entry::ServiceEntry,
    error::Error,
    operation::{Operation, Subject},
    service::{Service, ServiceKey},
    wire::{Command, IpvsAttribute, IpvsMessage, key_attributes, reader, service_of},
};

impl IpvsHandle {
    /// Lists all services with their counters, in the kernel's order.
    ///
    /// A service that is in the table all the time is in the list once, while others come and go; one that is
    /// made or removed meanwhile may be in it or not. The kernel alone promises less, so a list that does not
    /// fit into one message is read twice, and up to sixteen times where the readings differ. A service can
    /// still be missing when others are added and deleted without a pause, so that no reading is undisturbed.
    ///
    /// Since Linux 7.2 the order is another one in each network namespace and whenever the kernel resizes
    /// its table, as it does some time after services were added or removed.
    ///
    /// Equivalent to the service lines of `ipvsadm -L -n --stats --nosort`.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// for entry in ipvs.services().await? {
    ///     println!("{} {} connections", entry.service.key, entry.stats.connections);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn services(&mut self) -> Result<Vec<ServiceEntry>, Error> {
        let list = self
            .transport
            .dump(
                Operation::ListServices,
                Subject::Table,
                IpvsMessage::new(Command::GetService, Vec::new()),
                reader::services,
                |entry| entry.service.key,
            )
            .await?;
        let mut services = list.items;
        for entry in list.doubtful {
            match self.service(&entry.service.key).await {
                Ok(entry) => services.push(entry),
                Err(error) if error.errno() == Some(libc::ESRCH) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(services)
    }

    /// As [`IpvsHandle::services`], without counters, whose reading takes longest, and read only once:
    /// where the table changes meanwhile, one may be missing or be there twice.
    pub(super) async fn configured_services(&mut self) -> Result<Vec<Service>, Error> {
        let message = IpvsMessage::new(Command::GetService, Vec::new());
        self.transport
            .dump_once(
                Operation::ListServices,
                Subject::Table,
                message,
                reader::configured_services,
            )
            .await
    }

    /// Looks up one service.
    ///
    /// Equivalent to the service line of `ipvsadm -L -n -t ADDRESS`.
    ///
    /// # Errors
    /// With errno `ESRCH` when there is no such service.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = lb_ipvs::ServiceKey::tcp("192.168.1.50:80".parse()?);
    /// println!("{}", ipvs.service(&key).await?.service.scheduler);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn service(&mut self, key: &ServiceKey) -> Result<ServiceEntry, Error> {
        let operation = Operation::GetService;
        let message = IpvsMessage::new(
            Command::GetService,
            vec![IpvsAttribute::Service(key_attributes(key))],
        );
        let replies = self
            .transport
            .question(operation, Subject::Service(*key), message)
            .await?;
        for reply in &replies {
            if let IpvsMessage::Common { attributes, .. } = reply {
                for attribute in attributes {
                    if let IpvsAttribute::Service(service) = attribute {
                        return service_of(service)
                            .map_err(|source| Error::Decode { operation, source });
                    }
                }
            }
        }
        Err(Error::EmptyReply { operation })
    }

    /// Makes a service.
    ///
    /// Equivalent to `ipvsadm -A`.
    ///
    /// # Errors
    /// With errno `EEXIST` when there is such a service, `ENOENT` when the kernel does not know
    /// the scheduler or the persistence engine.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::{Scheduler, Service, ServiceKey};
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
    /// ipvs.add_service(&Service::new(key, Scheduler::WeightedRoundRobin)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn add_service(&mut self, service: &Service) -> Result<(), Error> {
        self.change(Change::AddService(service.clone())).await
    }

    /// Replaces the configuration of a service, all of it; its destinations stay.
    ///
    /// Equivalent to `ipvsadm -E`.
    ///
    /// # Errors
    /// With errno `ESRCH` when there is no such service, `ENOENT` when the kernel does not know
    /// the scheduler or the persistence engine.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::{Scheduler, ServiceKey};
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
    /// let mut service = ipvs.service(&key).await?.service;
    /// service.scheduler = Scheduler::Maglev;
    /// ipvs.edit_service(&service).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn edit_service(&mut self, service: &Service) -> Result<(), Error> {
        self.change(Change::EditService(service.clone())).await
    }

    /// Removes a service and its destinations; their connections stay until they time out.
    ///
    /// Equivalent to `ipvsadm -D`.
    ///
    /// # Errors
    /// With errno `ESRCH` when there is no such service.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// ipvs.delete_service(&lb_ipvs::ServiceKey::tcp("192.168.1.50:80".parse()?)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete_service(&mut self, key: &ServiceKey) -> Result<(), Error> {
        self.change(Change::DeleteService(*key)).await
    }

    /// Removes all services.
    ///
    /// Equivalent to `ipvsadm -C`.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// ipvs.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush(&mut self) -> Result<(), Error> {
        let message = IpvsMessage::new(Command::Flush, Vec::new());
        self.command(Operation::Flush, Subject::Table, message)
            .await
    }

    /// Zeroes the counters of a service and its destinations, or of all and the global ones.
    ///
    /// Equivalent to `ipvsadm -Z`.
    ///
    /// # Errors
    /// With errno `ESRCH` when there is no such service.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// ipvs.zero(None).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn zero(&mut self, key: Option<&ServiceKey>) -> Result<(), Error> {
        let (subject, attributes) = match key {
            Some(key) => (
                Subject::Service(*key),
                vec![IpvsAttribute::Service(key_attributes(key))],
            ),
            None => (Subject::Table, Vec::new()),
        };
        self.command(
            Operation::Zero,
            subject,
            IpvsMessage::new(Command::Zero, attributes),
        )
        .await
    }
}
