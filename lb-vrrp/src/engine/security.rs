// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sequence numbers: our own, and the highest ones received, which protect against replays.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::Rejected;
use crate::{
    params::{AntiReplay, HmacConfig, HmacMode},
    wire::HmacTrailer,
};

/// Senders remembered besides the unicast peers. Only a sender with a key gets an entry.
const SENDERS: usize = 8;

/// The proof of an accepted packet, remembered after all checks have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing to remember.
    None,
    /// Sequence number of an authentication header.
    Sequence(u32),
    /// Sequence of an HMAC trailer, and how far the sender's clock is behind ours.
    Trailer {
        sequence: u64,
        skew: Option<i32>,
        window: Option<u32>,
    },
    /// No trailer, in a mode that accepts that.
    Unsigned,
}

/// State of authentication.
#[derive(Debug, Default)]
pub(super) struct Security {
    /// Last sequence number sent in an authentication header.
    pub(super) ah_sent: u32,
    /// Highest one received from any sender.
    pub(super) ah_seen: u32,
    /// Last sequence sent in a trailer.
    pub(super) hmac_sent: u64,
    /// Highest sequence received from each sender; the last sender is the last entry.
    pub(super) marks: Vec<(IpAddr, u64)>,
    /// A moment, and what the time of day was then, since 1970.
    clock: Option<(Instant, Duration)>,
}

impl Security {
    pub(super) const fn set_clock(&mut self, now: Instant, utc: Duration) {
        self.clock = Some((now, utc));
    }

    /// Time of day, since 1970.
    fn utc(&self, now: Instant) -> Option<Duration> {
        let (then, utc) = self.clock?;
        Some(match now.checked_duration_since(then) {
            Some(passed) => utc + passed,
            None => utc.saturating_sub(then.saturating_duration_since(now)),
        })
    }

    /// The next sequence number of an authentication header. keepalived requires each number to
    /// exceed all that it has received or sent, so a new master continues from the old one's.
    pub(super) fn next_ah(&mut self) -> u32 {
        self.ah_sent = self.ah_sent.max(self.ah_seen).saturating_add(1);
        self.ah_sent
    }

    /// Whether a sequence number is new.
    pub(super) const fn check_sequence(&self, sequence: u32) -> Result<Proof, Rejected> {
        if sequence > self.ah_seen {
            return Ok(Proof::Sequence(sequence));
        }
        Err(Rejected::SequenceReplayed {
            sequence,
            last: self.ah_seen,
        })
    }

    /// The next sequence of a trailer: the time of day, or one more than the last. With a freshness
    /// window a sequence that a clock has left far behind is given up.
    pub(super) fn next_hmac(&mut self, now: Instant, anti_replay: AntiReplay) -> u64 {
        let clock = self.utc(now).map(sequence_at);
        let outside_window = |clock: u64| match anti_replay {
            AntiReplay::Time { window } => {
                skew(clock, self.hmac_sent).unsigned_abs() > seconds(window)
            }
            AntiReplay::Monotonic => false,
        };
        self.hmac_sent = match clock {
            Some(clock) if is_after(clock, self.hmac_sent) || outside_window(clock) => clock,
            Some(_) | None => self.hmac_sent.wrapping_add(1),
        };
        self.hmac_sent
    }

    /// Makes all checks of a trailer, the cheap ones first; they can only refuse.
    pub(super) fn check_trailer(
        &self,
        now: Instant,
        hmac: &HmacConfig,
        anti_replay: AntiReplay,
        trailer: Option<HmacTrailer>,
        message: &[u8],
        source: IpAddr,
    ) -> Result<Proof, Rejected> {
        let Some(trailer) = trailer else {
            return match hmac.mode() {
                HmacMode::Enforce => Err(Rejected::TrailerMissing),
                HmacMode::Permissive | HmacMode::ReceiveOnly => Ok(Proof::Unsigned),
            };
        };
        let HmacTrailer {
            kind,
            key_id: id,
            reserved,
            sequence,
            ..
        } = trailer;
        if kind != HmacTrailer::SHA256 || reserved != 0 {
            return Err(Rejected::TrailerMalformed { kind, reserved });
        }
        let (behind, window) = match anti_replay {
            AntiReplay::Time { window } => {
                let utc = self.utc(now).ok_or(Rejected::TrailerWithoutClock)?;
                let (behind, window) = (skew(sequence_at(utc), sequence), seconds(window));
                if behind.unsigned_abs() > window {
                    return Err(Rejected::TrailerStale {
                        skew: behind,
                        window,
                    });
                }
                (Some(behind), Some(window))
            }
            AntiReplay::Monotonic => (None, None),
        };
        let key = hmac.key(id).ok_or(Rejected::TrailerKey { id })?;
        let signed = message.get(..message.len().saturating_sub(HmacTrailer::LEN));
        if !trailer.verify(key, signed.unwrap_or_default(), source) {
            return Err(Rejected::TrailerInvalid { id });
        }
        let mark = self.marks.iter().find(|(sender, _)| *sender == source);
        if let Some(&(_, last)) = mark
            && !is_after(sequence, last)
            && !self.mark_outside_window(now, last, window)
        {
            return Err(Rejected::TrailerReplayed { sequence, last });
        }
        Ok(Proof::Trailer {
            sequence,
            skew: behind,
            window,
        })
    }

    /// Whether a mark is so far off our clock that the window refuses every replay below it: the
    /// sender's clock was set back.
    fn mark_outside_window(&self, now: Instant, last: u64, window: Option<u32>) -> bool {
        let (Some(window), Some(utc)) = (window, self.utc(now)) else {
            return false;
        };
        skew(sequence_at(utc), last).unsigned_abs() > window
    }

    /// Remembers the proof of an accepted packet.
    pub(super) fn remember(&mut self, source: IpAddr, peers: usize, proof: Proof) {
        match proof {
            Proof::None | Proof::Unsigned => {}
            Proof::Sequence(sequence) => self.ah_seen = sequence,
            Proof::Trailer { sequence, .. } => {
                self.marks.retain(|(sender, _)| *sender != source);
                if self.marks.len() >= SENDERS.max(peers) {
                    self.marks.remove(0);
                }
                self.marks.push((source, sequence));
            }
        }
    }
}

/// A time of day as a sequence with counter zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the field holds the low 32 bits of the seconds"
)]
fn sequence_at(utc: Duration) -> u64 {
    let fraction = (u64::from(utc.subsec_nanos()) << 16) / 1_000_000_000;
    u64::from(utc.as_secs() as u32) << 32 | fraction << 16
}

/// Serial number arithmetic (RFC 1982): the field may wrap.
const fn is_after(a: u64, b: u64) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

/// Seconds that `sequence` is behind `clock`.
const fn skew(clock: u64, sequence: u64) -> i32 {
    ((clock >> 32) as u32)
        .wrapping_sub((sequence >> 32) as u32)
        .cast_signed()
}

fn seconds(window: Duration) -> u32 {
    u32::try_from(window.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: AntiReplay = AntiReplay::Time {
        window: Duration::from_secs(5),
    };

    #[test]
    fn a_sequence_is_the_time_of_day_and_always_grows() {
        let start = Instant::now();
        let mut security = Security::default();
        assert_eq!(
            security.next_hmac(start, AntiReplay::Monotonic),
            1,
            "no clock"
        );
        security.set_clock(start, Duration::from_millis(0x6800_0000 * 1000 + 500));
        assert_eq!(security.next_hmac(start, WINDOW), 0x6800_0000_8000_0000);
        assert_eq!(security.next_hmac(start, WINDOW), 0x6800_0000_8000_0001);
        let later = start + Duration::from_millis(750);
        assert_eq!(security.next_hmac(later, WINDOW), 0x6800_0001_4000_0000);
        // The clock was set back by an hour: with a window, peers would refuse what is ahead.
        security.set_clock(later, Duration::from_secs(0x6800_0000 - 3600));
        assert_eq!(
            security.next_hmac(later, AntiReplay::Monotonic),
            0x6800_0001_4000_0001
        );
        assert_eq!(
            security.next_hmac(later, WINDOW),
            (0x6800_0000 - 3600) << 32
        );
    }

    #[test]
    fn the_fields_may_wrap() {
        assert!(is_after(0, u64::MAX));
        assert!(!is_after(u64::MAX, 0));
        assert_eq!(skew(0, 0xffff_ffff_0000_0000), 1);
        assert_eq!(skew(0xffff_ffff_0000_0000, 0), -1);
    }

    #[test]
    fn next_ah_continues_from_the_highest_received() {
        let mut security = Security::default();
        assert_eq!(security.next_ah(), 1);
        security.remember([192, 0, 2, 1].into(), 0, Proof::Sequence(77));
        assert_eq!(security.next_ah(), 78);
        assert_eq!(security.next_ah(), 79);
        assert!(
            security.check_sequence(78).is_ok(),
            "our own numbers do not count"
        );
        assert!(security.check_sequence(77).is_err());
    }

    #[test]
    fn senders_are_remembered_up_to_a_bound() {
        let mut security = Security::default();
        for n in 0..100 {
            let proof = Proof::Trailer {
                sequence: u64::from(n),
                skew: None,
                window: None,
            };
            security.remember([192, 0, 2, n].into(), 0, proof);
        }
        assert_eq!(security.marks.len(), SENDERS);
        assert_eq!(security.marks.last(), Some(&([192, 0, 2, 99].into(), 99)));
    }
}
