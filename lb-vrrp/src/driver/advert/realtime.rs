// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real time and locked memory for the advert thread, where its routers need them.

use std::time::Duration;

use tracing::{info, warn};

use super::super::router::Router;
use super::AdvertThread;
use crate::spec::Realtime;

impl AdvertThread {
    /// Requests `SCHED_RR` if the routers need it and the thread does not have it.
    pub(super) fn ask_for_realtime(&mut self) {
        let short =
            |router: &Router| router.spec.config.interval().as_duration() < Duration::from_secs(1);
        let wanted = match self.options.scheduling.realtime {
            Realtime::Auto => self.routers.values().any(short),
            Realtime::Always => true,
            Realtime::Never => false,
        };
        if !wanted || self.realtime {
            self.apply_to_process();
            return;
        }
        let scheduling = self.options.scheduling;
        let priority = i32::from(scheduling.priority);
        match lb_host::scheduling::set_round_robin(priority) {
            Ok(()) => {
                self.realtime = true;
                self.mailbox.enable_realtime(scheduling.address_priority());
                info!(priority, "advert thread runs under SCHED_RR");
            }
            Err(error) => warn!(
                %error,
                "advert thread not scheduled in real time: it needs CAP_SYS_NICE or RLIMIT_RTPRIO, \
                 and a control group with real-time runtime; under load adverts will be late, and \
                 with intervals below a second a backup may take over from a master that still runs"
            ),
        }
        self.apply_to_process();
    }

    /// Locks memory and sets limits at the first call, and again once the thread runs in real time.
    fn apply_to_process(&mut self) {
        if self.settled != Some(self.realtime) {
            self.settled = Some(self.realtime);
            self.options.scheduling.apply_to_process(self.realtime);
        }
    }
}
