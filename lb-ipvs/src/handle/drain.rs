// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taking destinations out without breaking their connections.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior};

use super::IpvsHandle;
use crate::{
    change::Change,
    destination::{Destination, Weight},
    drain::{DrainDelete, DrainEnd, DrainEvent, DrainOptions, DrainResult, DrainStep},
    entry::{Connections, DestinationEntry},
    error::Error,
    service::ServiceKey,
};

/// A destination on its way out.
struct Leaving {
    key: ServiceKey,
    before: Destination,
    /// The connections last reported.
    reported: Option<Connections>,
    end: Option<DrainEnd>,
    deleted: bool,
}

impl Leaving {
    const fn event(&self, step: DrainStep) -> DrainEvent {
        DrainEvent::new(self.key, self.before.address, step)
    }
}

impl IpvsHandle {
    /// Finds a real server in all services: on one port, or on any.
    ///
    /// Equivalent to `ipvsadm -L -n` and a search for the address.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// for (key, entry) in ipvs.find_destinations("192.168.1.61".parse()?, None).await? {
    ///     println!("{key} has it with weight {}", entry.destination.weight);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn find_destinations(
        &mut self,
        address: IpAddr,
        port: Option<u16>,
    ) -> Result<Vec<(ServiceKey, DestinationEntry)>, Error> {
        let meant = |found: &SocketAddr| {
            found.ip() == address && port.is_none_or(|port| port == found.port())
        };
        let table = self.snapshot().await?;
        Ok(table
            .into_iter()
            .flat_map(|entry| {
                let key = entry.service.service.key;
                entry.destinations.into_iter().map(move |one| (key, one))
            })
            .filter(|(_, entry)| meant(&entry.destination.address))
            .collect())
    }

    /// Drains destinations: gives them weight 0, waits until their connections have ended, then
    /// deletes them.
    ///
    /// All of a destination's configuration but the weight stays as it is. `progress` is called with every
    /// step. Active and inactive connections are waited for; persistence templates are not: they
    /// expire by themselves, and a client that comes after the deletion is scheduled again. While the
    /// destination is there with weight 0, though, remembered clients still get to it with new
    /// connections, unless the setting `expire_quiescent_template` is 1; so persistent services want
    /// that setting or a time-out.
    ///
    /// When the future is dropped, destinations are left as they are, with weight 0; the events have their
    /// weights before. A destination whose weight another program sets meanwhile is left alone.
    ///
    /// ipvsadm has no equivalent; it takes `ipvsadm -e … -w 0`, looking at `ipvsadm -L -n` now and then,
    /// and `ipvsadm -d …`.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails. What was quiesced until then stays so.
    ///
    /// # Examples
    /// ```no_run
    /// use std::time::Duration;
    /// use lb_ipvs::DrainOptions;
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let targets = ipvs.find_destinations("192.168.1.61".parse()?, Some(80)).await?;
    /// let options = DrainOptions::default().with_timeout(Duration::from_secs(300));
    /// let results = ipvs.drain(&targets, &options, |event| println!("{event}")).await?;
    /// assert!(results.iter().all(|result| result.is_drained()), "some connections did not end");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn drain(
        &mut self,
        targets: &[(ServiceKey, DestinationEntry)],
        options: &DrainOptions,
        mut progress: impl FnMut(&DrainEvent),
    ) -> Result<Vec<DrainResult>, Error> {
        let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
        let mut leaving = self.quiesce(targets, &mut progress).await?;
        let mut interval = tokio::time::interval(options.interval.max(Duration::from_millis(1)));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.count(&mut leaving, &mut progress).await?;
            if options.delete != DrainDelete::Never {
                self.delete(&mut leaving, &mut progress).await?;
            }
            if leaving.iter().all(|one| one.end.is_some()) {
                break;
            }
            // The first tick is at once.
            let in_time = match deadline {
                Some(deadline) => tokio::time::timeout_at(deadline, interval.tick())
                    .await
                    .is_ok_and(|_| Instant::now() < deadline),
                None => {
                    interval.tick().await;
                    true
                }
            };
            if !in_time {
                time_is_up(&mut leaving, &mut progress);
                if options.delete == DrainDelete::Always {
                    self.delete(&mut leaving, &mut progress).await?;
                }
                break;
            }
        }
        Ok(leaving
            .into_iter()
            .filter_map(|one| {
                Some(DrainResult {
                    key: one.key,
                    before: one.before,
                    end: one.end?,
                    deleted: one.deleted,
                })
            })
            .collect())
    }

    /// Gives all of them weight 0.
    async fn quiesce(
        &mut self,
        targets: &[(ServiceKey, DestinationEntry)],
        progress: &mut impl FnMut(&DrainEvent),
    ) -> Result<Vec<Leaving>, Error> {
        let mut leaving: Vec<Leaving> = targets
            .iter()
            .map(|(key, entry)| Leaving {
                key: *key,
                before: entry.destination,
                reported: None,
                end: None,
                deleted: false,
            })
            .collect();
        let changes: Vec<Change> = leaving
            .iter()
            .map(|one| Change::EditDestination(one.key, one.before.with_weight(Weight::ZERO)))
            .collect();
        let outcomes = self.apply(&changes).await?;
        let mut refused = None;
        for (one, outcome) in leaving.iter_mut().zip(outcomes) {
            let before = one.before;
            match outcome {
                Ok(()) => progress(&one.event(DrainStep::Quiesced { before })),
                Err(error) if is_missing(&error) => gone(one, progress),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused.map_or(Ok(leaving), Err)
    }

    /// Counts the connections of those that are not at their end.
    async fn count(
        &mut self,
        leaving: &mut [Leaving],
        progress: &mut impl FnMut(&DrainEvent),
    ) -> Result<(), Error> {
        let mut read: Option<(ServiceKey, Vec<DestinationEntry>)> = None;
        for one in leaving.iter_mut().filter(|one| one.end.is_none()) {
            // Targets come grouped by service.
            let known = read.take().filter(|(key, _)| *key == one.key);
            let (_, entries) = read.insert(match known {
                Some(known) => known,
                None => (one.key, self.destinations(&one.key).await?),
            });
            let found = entries
                .iter()
                .find(|entry| entry.destination.address == one.before.address);
            match found {
                None => gone(one, progress),
                Some(entry) => look(one, entry, progress),
            }
        }
        Ok(())
    }

    /// Deletes the destinations that are drained or timed out.
    async fn delete(
        &mut self,
        leaving: &mut [Leaving],
        progress: &mut impl FnMut(&DrainEvent),
    ) -> Result<(), Error> {
        let due = leaving.iter_mut().filter(|one| {
            !one.deleted && matches!(one.end, Some(DrainEnd::Drained | DrainEnd::TimedOut(_)))
        });
        for one in due {
            match self.delete_destination(&one.key, one.before.address).await {
                Ok(()) => {
                    one.deleted = true;
                    progress(&one.event(DrainStep::Deleted));
                }
                Err(error) if is_missing(&error) => gone(one, progress),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Compares the kernel's entry of a destination with the last one, and reports what changed.
fn look(one: &mut Leaving, entry: &DestinationEntry, progress: &mut impl FnMut(&DrainEvent)) {
    let (weight, connections) = (entry.destination.weight, entry.connections);
    let step = if weight != Weight::ZERO {
        one.end = Some(DrainEnd::Reweighted(weight));
        DrainStep::Reweighted(weight)
    } else if connections.active == 0 && connections.inactive == 0 {
        one.end = Some(DrainEnd::Drained);
        DrainStep::Drained
    } else if one.reported == Some(connections) {
        return;
    } else {
        one.reported = Some(connections);
        DrainStep::Waiting(connections)
    };
    progress(&one.event(step));
}

fn gone(one: &mut Leaving, progress: &mut impl FnMut(&DrainEvent)) {
    one.end = Some(DrainEnd::Gone);
    progress(&one.event(DrainStep::Gone));
}

fn time_is_up(leaving: &mut [Leaving], progress: &mut impl FnMut(&DrainEvent)) {
    for one in leaving.iter_mut().filter(|one| one.end.is_none()) {
        let connections = one.reported.unwrap_or_default();
        one.end = Some(DrainEnd::TimedOut(connections));
        progress(&one.event(DrainStep::TimedOut(connections)));
    }
}

/// Whether the service or the destination is not there.
fn is_missing(error: &Error) -> bool {
    matches!(
        error.errno(),
        Some(nix::libc::ENOENT) | Some(nix::libc::ESRCH)
    )
}
