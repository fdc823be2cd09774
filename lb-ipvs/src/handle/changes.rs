// SPDX-License-Identifier: MIT OR Apache-2.0
//! Watching the table, by reading it again and again: the kernel has no events for IPVS.

use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::time::{Interval, MissedTickBehavior};

use super::IpvsHandle;
use crate::{
    difference::{Aspects, Difference, difference},
    entry::TableEntry,
    error::Error,
};

/// After so many errors in a row the stream ends.
const ERRORS: u32 = 5;

/// What is kept from one reading to the next.
struct Watch<'a> {
    ipvs: &'a mut IpvsHandle,
    aspects: Aspects,
    interval: Interval,
    table: Option<Vec<TableEntry>>,
    errors: u32,
}

impl IpvsHandle {
    /// Watches the table: reads it every `interval` and yields the differences.
    ///
    /// The first item is the table as it is, as if all of it had just appeared, and comes even when
    /// it is empty. Each later item is what one reading found, never empty. A change that is undone
    /// within an interval is not seen. An error is an item too, after which the next reading
    /// compares with the last one that succeeded; after five errors in a row the stream ends.
    ///
    /// An interval of zero is taken for a millisecond. A whole table of 10 000 services takes some
    /// tenths of a second to read; choose the interval accordingly.
    ///
    /// ipvsadm has no equivalent; `watch ipvsadm -L -n` comes near.
    ///
    /// # Examples
    /// ```no_run
    /// use std::{pin::pin, time::Duration};
    /// use futures_util::StreamExt;
    /// use lb_ipvs::Aspects;
    ///
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) {
    /// let aspects = Aspects::CONFIGURATION | Aspects::CONNECTIONS;
    /// let mut changes = pin!(ipvs.changes(Duration::from_secs(1), aspects));
    /// while let Some(item) = changes.next().await {
    ///     match item {
    ///         Ok(differences) => differences.iter().for_each(|one| println!("{one}")),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn changes(
        &mut self,
        interval: Duration,
        aspects: Aspects,
    ) -> impl Stream<Item = Result<Vec<Difference>, Error>> + Send {
        let interval = interval.max(Duration::from_millis(1));
        let mut interval = tokio::time::interval(interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let watch = Watch {
            ipvs: self,
            aspects,
            interval,
            table: None,
            errors: 0,
        };
        stream::unfold(watch, |mut watch| async move {
            let item = watch.next().await?;
            Some((item, watch))
        })
    }
}

impl Watch<'_> {
    async fn next(&mut self) -> Option<Result<Vec<Difference>, Error>> {
        if self.errors >= ERRORS {
            return None;
        }
        loop {
            self.interval.tick().await;
            let new = match self.ipvs.snapshot().await {
                Ok(table) => table,
                Err(error) => {
                    self.errors += 1;
                    return Some(Err(error));
                }
            };
            self.errors = 0;
            let first = self.table.is_none();
            let old = self.table.take().unwrap_or_default();
            let found = difference(&old, &new, self.aspects);
            self.table = Some(new);
            if first || !found.is_empty() {
                return Some(Ok(found));
            }
        }
    }
}
