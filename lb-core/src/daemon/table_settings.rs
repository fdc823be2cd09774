// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings of the IPVS table as a whole: timeouts of connections, and deleting everything.

use lb_ipvs::{Error, IpvsHandle, Timeouts};

use crate::model::IpvsSettings;

use super::report;

/// The settings that were made, and what they replaced.
#[derive(Debug, Default)]
pub(super) struct TableSettings {
    made: Option<Timeouts>,
    /// The timeouts before, to be restored at the stop.
    before: Option<Timeouts>,
}

impl TableSettings {
    /// Makes the settings of a start; a daemon that replaces a running one deletes nothing. An error is
    /// logged.
    pub(super) async fn start(settings: &IpvsSettings, flush: bool) -> Self {
        if flush && settings.flush {
            let result = async { IpvsHandle::connect().await?.flush().await }.await;
            match result {
                Ok(()) => tracing::info!("deleted all IPVS services (lvs_flush)"),
                Err(error) => warn("delete all IPVS services", &error),
            }
        }
        let mut made = Self::default();
        made.set_timeouts(settings.timeouts).await;
        made
    }

    /// Sets the timeouts of a reload; without any, those before the first ones are restored.
    pub(super) async fn set_timeouts(&mut self, timeouts: Option<Timeouts>) {
        if timeouts == self.made {
            return;
        }
        let before = self.before;
        let result = async {
            let mut handle = IpvsHandle::connect().await?;
            let present = handle.timeouts().await?;
            if let Some(wanted) = timeouts.or(before) {
                handle.set_timeouts(&wanted).await?;
            }
            Ok(present)
        };
        match result.await {
            Ok(present) => {
                self.before = timeouts.map(|_| before.unwrap_or(present));
                self.made = timeouts;
            }
            Err(error) => warn("set the timeouts of IPVS", &error),
        }
    }

    /// Restores the timeouts, and deletes all services if `flush` is set.
    pub(super) async fn stop(mut self, flush: bool) {
        self.set_timeouts(None).await;
        if flush {
            let result = async { IpvsHandle::connect().await?.flush().await }.await;
            match result {
                Ok(()) => tracing::info!("deleted all IPVS services (lvs_flush_on_stop)"),
                Err(error) => warn("delete all IPVS services", &error),
            }
        }
    }
}

fn warn(what: &str, error: &Error) {
    tracing::warn!("cannot {what}: {}", report::chain(error));
}
