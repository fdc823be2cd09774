// SPDX-License-Identifier: MIT OR Apache-2.0
//! A running router as plain values, for the process that takes over from this one.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{
    Faults, Output, Reason, RouterConfig, RouterStats, State, Transition, VirtualRouter,
    timers::Wait,
};
use crate::{
    error::ConfigError,
    params::{AddressFamily, AdvertInterval, DownTimerAdverts, Priority, Version},
};

/// The state of a router at one moment. Times are durations from that moment on, so that they are
/// valid in another process. With feature `serde` it can be written and read.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use lb_vrrp::{RouterConfig, State, VirtualRouter, Vrid};
///
/// let config = RouterConfig::builder(Vrid::new(51)?)
///     .address("192.0.2.100".parse()?)
///     .build()?;
/// let mut old = VirtualRouter::new(config.clone(), "192.0.2.1".parse()?)?;
/// let start = Instant::now();
/// old.handle_startup(start);
///
/// let handed_over = old.handover_state(start + Duration::from_secs(1));
/// // Elsewhere, 20 ms later:
/// let gap = Duration::from_millis(20);
/// let new = VirtualRouter::from_handover(config, &handed_over, start, gap)?;
/// assert_eq!(new.state(), State::Backup);
/// assert_eq!(new.next_timeout(), Some(start + Duration::from_nanos(2_589_375_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct HandoverState {
    /// Virtual router identifier.
    pub vrid: u8,
    /// Version, 2 or 3.
    pub version: u8,
    /// The router's own address.
    pub primary: IpAddr,
    /// Its state.
    pub state: State,
    /// How long it has been in that state.
    #[cfg_attr(feature = "serde", serde(default))]
    pub age: Option<Duration>,
    /// The transition into that state.
    #[cfg_attr(feature = "serde", serde(default))]
    pub last_transition: Option<Transition>,
    /// Reasons for the state Fault.
    pub faults: Faults,
    /// Configured priority.
    pub configured_priority: u8,
    /// Priority after tracking.
    pub effective_priority: u8,
    /// The timer that runs.
    pub timer: Option<HandoverTimer>,
    /// The master's interval as a backup learned it, in centiseconds.
    pub learned_interval: Option<u16>,
    /// The master, as a backup received it last, and its priority.
    pub master: Option<(IpAddr, u8)>,
    /// Time since the last advertisement was sent.
    pub silent: Option<Duration>,
    /// Rest of the preemption delay.
    pub preempt_hold: Option<Duration>,
    /// Longest time that a sticky router still waits for a proof that it can receive.
    pub unproven: Option<Duration>,
    /// A master of lower priority that the router is going to preempt.
    #[cfg_attr(feature = "serde", serde(default))]
    pub disregarded: Option<(IpAddr, u8)>,
    /// Whether an operator asked it to step down.
    pub resigned: bool,
    /// Whether it is a member of a sync group.
    #[cfg_attr(feature = "serde", serde(default))]
    pub grouped: bool,
    /// Why a member of a sync group would be master, were it alone.
    #[cfg_attr(feature = "serde", serde(default))]
    pub candidacy: Option<Reason>,
    /// Last sequence number sent in an authentication header.
    pub ah_sent: u32,
    /// Highest sequence number received in an authentication header.
    pub ah_seen: u32,
    /// Last sequence sent in an HMAC trailer.
    pub hmac_sent: u64,
    /// Highest sequence of each sender of HMAC trailers.
    pub hmac_marks: Vec<(IpAddr, u64)>,
    /// The counters.
    pub stats: RouterStats,
}

/// The timer of a [`HandoverState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum HandoverTimer {
    /// `Adver_Timer`.
    Advertisement {
        /// Until the next advertisement is due.
        remaining: Duration,
    },
    /// `Master_Down_Timer`.
    MasterDown {
        /// Until the master is given up.
        remaining: Duration,
    },
    /// `Master_Down_Timer` after the master resigned.
    Resigned {
        /// Until this router takes over.
        remaining: Duration,
        /// The master that resigned.
        source: IpAddr,
    },
}

/// Why a router cannot be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandoverStateError {
    /// VRID, version or family differ: that is another router.
    #[error("handover of router {vrid} (VRRPv{version}, {family}) to another router")]
    Identity {
        /// VRID handed over.
        vrid: u8,
        /// Version handed over.
        version: u8,
        /// Family handed over.
        family: AddressFamily,
    },
    /// A value that no router has.
    #[error("handover with an impossible value: {0}")]
    Value(#[from] ConfigError),
    /// A state without its timer, or with another state's.
    #[error("handover in state {state} with the wrong timer")]
    Timer {
        /// State handed over.
        state: State,
    },
}

impl VirtualRouter {
    /// The router as plain values, for [`from_handover`](Self::from_handover) in another process. The old
    /// process must not drive the router any more after that, and not stop it either: it would
    /// resign.
    pub fn handover_state(&self, now: Instant) -> HandoverState {
        let left = |deadline: Instant| deadline.saturating_duration_since(now);
        let plain = |(address, priority): (IpAddr, Priority)| (address, priority.get());
        let advert = self.timers.advert(now);
        let timer = advert.map(|remaining| HandoverTimer::Advertisement { remaining });
        let timer = timer.or_else(|| {
            Some(match self.timers.master_down(now)? {
                (Wait::Advertisement, remaining) => HandoverTimer::MasterDown { remaining },
                (Wait::Resigned { source }, remaining) => {
                    HandoverTimer::Resigned { remaining, source }
                }
            })
        });
        HandoverState {
            vrid: self.config.vrid().get(),
            version: self.config.version().number(),
            primary: self.primary,
            state: self.state,
            age: self.since.map(|since| now.saturating_duration_since(since)),
            last_transition: self.last_transition,
            faults: self.faults,
            configured_priority: self.config.priority().get(),
            effective_priority: self.effective.get(),
            timer,
            learned_interval: self.learned.map(AdvertInterval::as_centis),
            master: self.master.map(plain),
            silent: self
                .last_sent
                .map(|sent| now.saturating_duration_since(sent)),
            preempt_hold: self.preempt_hold.map(left),
            unproven: self.unproven.map(left),
            disregarded: self.disregarded.map(plain),
            resigned: self.resigned,
            grouped: self.grouped,
            candidacy: self.candidacy,
            ah_sent: self.security.ah_sent,
            ah_seen: self.security.ah_seen,
            hmac_sent: self.security.hmac_sent,
            hmac_marks: self.security.marks.clone(),
            stats: self.stats,
        }
    }

    /// Continues a router of another process, `gap` after it was handed over. Peers see no
    /// transition: state, timers and sequences are kept, and a changed configuration takes effect
    /// as with [`reconfigure`](Self::reconfigure). A master asks for its addresses, which are there
    /// already unless the configuration added some, and announces nothing.
    ///
    /// A master that was silent for so long that the fastest backup may have taken over becomes
    /// backup, and asks for its addresses to be removed.
    ///
    /// The caller passes its own state to the new router again: [`handle_clock`](Self::handle_clock),
    /// [faults](Self::handle_fault), and [`set_grouped`](Self::set_grouped) where membership changed.
    ///
    /// # Errors
    ///
    /// [`HandoverStateError`] if the values are not those of a router with this configuration.
    pub fn from_handover(
        config: RouterConfig,
        from: &HandoverState,
        now: Instant,
        gap: Duration,
    ) -> Result<Self, HandoverStateError> {
        let family = AddressFamily::for_address(from.primary);
        let identity = (from.vrid, from.version, family);
        if identity
            != (
                config.vrid().get(),
                config.version().number(),
                config.family(),
            )
        {
            return Err(HandoverStateError::Identity {
                vrid: from.vrid,
                version: from.version,
                family,
            });
        }
        let mut router = Self::new(config, from.primary)?;
        if from.configured_priority == router.config.priority().get() {
            router.effective = Priority::new(from.effective_priority)?;
        }
        router.learned = from
            .learned_interval
            .filter(|_| router.config.version() == Version::V3)
            .map(AdvertInterval::from_centis)
            .transpose()?;
        let typed = |(address, priority)| Ok::<_, ConfigError>((address, Priority::new(priority)?));
        router.master = from.master.map(typed).transpose()?;
        router.disregarded = from.disregarded.map(typed).transpose()?;
        let later = |duration: Duration| now + duration.saturating_sub(gap);
        router.state = from.state;
        router.since = now.checked_sub(from.age.unwrap_or_default() + gap);
        router.last_transition = from.last_transition;
        router.faults = from.faults;
        router.preempt_hold = from.preempt_hold.map(later);
        router.unproven = from.unproven.map(later);
        router.resigned = from.resigned;
        router.grouped = from.grouped;
        router.candidacy = from.candidacy;
        router.security.ah_sent = from.ah_sent;
        router.security.ah_seen = from.ah_seen;
        router.security.hmac_sent = from.hmac_sent;
        router.security.marks.clone_from(&from.hmac_marks);
        router.stats = from.stats;
        let silent = from.silent.unwrap_or_default() + gap;
        router.last_sent = now.checked_sub(silent);
        let wrong = HandoverStateError::Timer { state: from.state };
        match (from.state, from.timer) {
            (State::Initialize | State::Fault, None) => {}
            (State::Backup, Some(HandoverTimer::MasterDown { remaining })) => {
                let remaining = remaining.saturating_sub(gap);
                router.timers.start_master_down(now, remaining);
            }
            (State::Backup, Some(HandoverTimer::Resigned { remaining, source })) => {
                let remaining = remaining.saturating_sub(gap);
                router.timers.start_skew_time(now, remaining, source);
            }
            (State::Master, Some(HandoverTimer::Advertisement { remaining })) => {
                let remaining = remaining.saturating_sub(gap);
                router.timers.start_advert(now, remaining);
                router.continue_as_master(now, silent);
            }
            _ => return Err(wrong),
        }
        Ok(router)
    }

    fn continue_as_master(&mut self, now: Instant, silent: Duration) {
        let fastest = self.config.interval().down_interval(
            DownTimerAdverts::DEFAULT.min(self.config.down_timer_adverts()),
            self.config.version(),
            Priority::OWNER,
        );
        if silent >= fastest {
            self.stats.stalls += 1;
            self.transition(now, State::Backup, Reason::Stalled { silent });
            return;
        }
        if !self.config.accept() {
            self.outputs.push_back(Output::ShieldAddresses);
        }
        self.outputs.push_back(Output::AddAddresses);
    }
}
