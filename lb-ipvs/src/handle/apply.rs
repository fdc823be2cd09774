// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes in batches.

use super::IpvsHandle;
use crate::{
    change::Change,
    error::{Error, InvalidRequest},
    wire::{
        Command, IpvsAttribute, IpvsMessage, destination_attributes, destination_key_attributes,
        key_attributes, service_attributes,
    },
};

impl IpvsHandle {
    /// Makes changes in the order given, many in one `send`, and returns the outcome of each.
    ///
    /// Only the last change of a batch asks for an acknowledgement, so that a batch without errors
    /// costs two system calls. A change that is refused does not stop the following ones.
    ///
    /// When the kernel drops replies (`ENOBUFS`, after a flood of errors that the receive buffer
    /// could not hold), the services concerned are read again. A change whose result is there counts
    /// as made; every other one is sent again, alone, for the kernel to say why not.
    ///
    /// Equivalent to `ipvsadm -R`.
    ///
    /// # Errors
    /// The outer error is about the batch: the socket failed, or the kernel did not reply. Then any
    /// of the changes may have been made; read the table again. The inner errors are about one
    /// change each, and definite.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::{Change, Destination, Scheduler, Service, ServiceKey};
    ///
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
    /// let changes = [
    ///     Change::AddService(Service::new(key, Scheduler::WeightedRoundRobin)),
    ///     Change::AddDestination(key, Destination::new("192.168.1.61:80".parse()?)),
    ///     Change::AddDestination(key, Destination::new("192.168.1.62:80".parse()?)),
    /// ];
    /// for (change, outcome) in changes.iter().zip(ipvs.apply(&changes).await?) {
    ///     if let Err(error) = outcome {
    ///         eprintln!("{change}: {error}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn apply(&mut self, changes: &[Change]) -> Result<Vec<Result<(), Error>>, Error> {
        let mut outcomes = Vec::with_capacity(changes.len());
        let mut rest = changes;
        while let Some(first) = rest.first() {
            if let Err(error) = check(first) {
                outcomes.push(Err(error));
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let requests = rest
                .iter()
                .take_while(|change| check(change).is_ok())
                .map(|change| (change.operation(), change.subject(), message_of(change)));
            let batch = self.transport.batch(requests).await?;
            let (sent, others) = rest.split_at(batch.outcomes.len().min(rest.len()));
            rest = others;
            if batch.lost {
                outcomes.extend(self.settle(sent, batch.outcomes).await?);
            } else {
                outcomes.extend(batch.outcomes);
            }
        }
        Ok(outcomes)
    }

    /// Makes one change.
    pub(super) async fn change(&mut self, change: Change) -> Result<(), Error> {
        check(&change)?;
        match self.send_alone(&change).await {
            Err(Error::OutcomeUnknown { .. }) => {
                let outcomes = self.settle(&[change], vec![Ok(())]).await?;
                outcomes.into_iter().collect()
            }
            outcome => outcome,
        }
    }

    /// Sends one change with an acknowledgement.
    pub(super) async fn send_alone(&mut self, change: &Change) -> Result<(), Error> {
        self.command(change.operation(), change.subject(), message_of(change))
            .await
    }
}

/// Finds what a request cannot express.
fn check(change: &Change) -> Result<(), Error> {
    match change {
        Change::AddService(service) | Change::EditService(service)
            if service.netmask.family() != service.key.family() =>
        {
            Err(Error::Invalid {
                operation: change.operation(),
                subject: change.subject(),
                reason: InvalidRequest::NetmaskFamily,
            })
        }
        _ => Ok(()),
    }
}

fn message_of(change: &Change) -> IpvsMessage {
    let (command, service, destination) = match change {
        Change::AddService(service) => (Command::NewService, service_attributes(service), None),
        Change::EditService(service) => (Command::SetService, service_attributes(service), None),
        Change::DeleteService(key) => (Command::DeleteService, key_attributes(key), None),
        Change::AddDestination(key, destination) => (
            Command::NewDestination,
            key_attributes(key),
            Some(destination_attributes(destination)),
        ),
        Change::EditDestination(key, destination) => (
            Command::SetDestination,
            key_attributes(key),
            Some(destination_attributes(destination)),
        ),
        Change::DeleteDestination(key, address) => (
            Command::DeleteDestination,
            key_attributes(key),
            Some(destination_key_attributes(address)),
        ),
    };
    let mut attributes = vec![IpvsAttribute::Service(service)];
    attributes.extend(destination.map(IpvsAttribute::Destination));
    IpvsMessage::new(command, attributes)
}
