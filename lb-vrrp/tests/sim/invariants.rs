// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold on every LAN, whatever happens to it.
//!
//! - I1: when nothing has happened for the longest master down interval and two round trips,
//!   every group of routers has exactly one master, and no preempting router with a higher
//!   priority.
//! - I2: while nothing happens, two masters receive each other's adverts within an interval and a
//!   round trip.
//! - I3, I4: a backup takes over exactly when its timer, computed by an [oracle], fires.
//! - I5: after I1 holds there is no further transition.
//! - I6: the router holds the addresses that is master; outputs come in the order of effect.
//! - I7: then every host sends to the master, except for what was lost on the way.
//! - I8: every packet is counted once, as accepted or as rejected.
//! - I9: a resignation never moves a deadline away (checked in [`Lan`]).
//! - I10: the same configuration again has no visible effect (checked in [`Lan::reload`]).
//! - I11: a master that was paused beyond three intervals announces again when it resumes
//!   (checked in [`Lan::resume`]).
//! - I12: the members of a sync group are in the same state, after every step (checked in
//!   [`groups`](crate::groups)).
//! - I13: a process that continues the router of another one has its state and deadline, and
//!   sends nothing because of that (checked in [`Lan`]).
//!
//! [oracle]: crate::node::Oracle

use std::{collections::HashMap, time::Duration};

use lb_vrrp::{Output, Reason, State, Transition};

use crate::lan::{Accepted, Lan};

/// How exactly a clock that runs fast or slow can be set.
const TICK: Duration = Duration::from_nanos(2);

#[derive(Debug, Default)]
pub struct Invariants {
    /// Since when a router is master.
    master_since: HashMap<usize, Duration>,
    last_transition: Option<(Duration, usize)>,
    /// How often a LAN was found settled; a test that never settles proves nothing.
    pub settled: u64,
}

impl Invariants {
    pub fn note_transition(&mut self, now: Duration, router: usize, to: State) {
        self.last_transition = Some((now, router));
        match to {
            State::Master => drop(self.master_since.insert(router, now)),
            State::Initialize | State::Backup | State::Fault => {
                self.master_since.remove(&router);
            }
        }
    }

    pub fn check(&mut self, lan: &Lan) -> Result<(), String> {
        each_router(lan)?;
        if !lan.network.one_way.is_empty() || lan.nodes.iter().any(|node| node.paused) {
            return Ok(());
        }
        self.masters_meet(lan)?;
        let settled_at = lan.disturbed_at + settling_time(lan);
        if lan.now <= settled_at {
            return Ok(());
        }
        self.settled += 1;
        if lan.nodes.iter().any(|node| node.grouped) {
            // Who is master, and when, is for all LANs together to say.
            return Ok(());
        }
        one_master_each(lan)?;
        hosts_send_to_the_master(lan)?;
        match self.last_transition {
            Some((at, router)) if at > settled_at => Err(format!(
                "I5: r{router} changed its state at {at:?} although nothing happened"
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// I2.
    fn masters_meet(&self, lan: &Lan) -> Result<(), String> {
        let longest = lan
            .routers()
            .map(|router| lan.nodes[router].config.interval().as_duration())
            .max()
            .unwrap_or_default();
        // Clocks that run slow.
        let longest = longest + longest / 1000;
        let masters = lan.masters();
        for &a in &masters {
            for &b in masters
                .iter()
                .filter(|&&b| b > a && lan.network.together(a, b))
            {
                let since = |router| self.master_since.get(&router).copied().unwrap_or_default();
                let both = since(a).max(since(b)).max(lan.disturbed_at);
                if lan.now > both + longest + 2 * lan.network.max_latency() {
                    return Err(format!("I2: r{a} and r{b} are both master since {both:?}"));
                }
            }
        }
        Ok(())
    }
}

/// How long a LAN takes to settle after the last disturbance.
pub fn settling_time(lan: &Lan) -> Duration {
    // A backup waits by the interval it learned, though its master may have a shorter one by now.
    let intervals = lan.nodes.iter();
    let slowest = intervals
        .map(|node| node.config.interval().max(node.oracle.expects()))
        .max();
    let waits = lan.nodes.iter().filter_map(|node| {
        Some(slowest?.master_down_interval(node.config.version(), node.priority()))
    });
    let mut wait = waits.max().unwrap_or_default();
    let owners = lan.nodes.iter();
    if owners
        .filter(|node| node.config.priority().is_owner())
        .count()
        > 1
    {
        // Two owners decide at the next advertisement who yields, and the other waits from then on.
        wait += slowest.unwrap_or_default().as_duration();
    }
    // Clocks that run slow.
    wait + wait / 1000 + 4 * lan.network.max_latency()
}

/// I3, I6 and I8 for each router.
fn each_router(lan: &Lan) -> Result<(), String> {
    for (n, node) in lan.nodes.iter().enumerate() {
        if node.holds_addresses != node.is_master() {
            return Err(format!(
                "I6: r{n} is {} with addresses {}",
                node.state(),
                node.holds_addresses
            ));
        }
        if let Some(router) = &node.router {
            let stats = router.stats();
            if stats.packets_received != stats.advertisements_received + stats.rejected {
                return Err(format!("I8: r{n}: {stats:?}"));
            }
        }
        let late = node.local(lan.now).saturating_sub(TICK);
        if !node.paused && !node.grouped && node.oracle.due.is_some_and(|due| due < late) {
            return Err(format!(
                "I3: r{n} had to take over at {:?}",
                node.oracle.due
            ));
        }
    }
    Ok(())
}

/// I3 and I4: a takeover happens at the time computed beside the engine; later only after a pause.
pub fn on_time(lan: &Lan, router: usize, transition: &Transition) {
    if (transition.from, transition.to) != (State::Backup, State::Master) {
        return;
    }
    let node = &lan.nodes[router];
    let (oracle, now) = (&node.oracle, node.local(lan.now));
    let on_time = match oracle.due {
        // It may have waited for the other members of its group.
        Some(due) if oracle.was_paused() || node.grouped => due <= now,
        Some(due) => due <= now && now <= due + TICK,
        None => false,
    };
    if !on_time {
        lan.fail(&format!("I3: r{router} takes over, due {:?}", oracle.due));
    }
}

/// I1: a master yields to a better one only, by priority, then by address.
pub fn to_a_better_one(
    lan: &Lan,
    router: usize,
    transition: &Transition,
    accepted: Option<&Accepted<'_>>,
) {
    if (transition.from, transition.to) != (State::Master, State::Backup)
        || matches!(
            transition.reason,
            Reason::SyncGroup | Reason::Stalled { .. }
        )
    {
        return;
    }
    let node = &lan.nodes[router];
    let own = (node.priority().get(), node.address);
    let better = accepted.is_some_and(|accepted| {
        let theirs = accepted.advertisement.priority.get();
        match transition.reason {
            // An owner that receives another one's adverts, but not the reverse, ends the conflict.
            Reason::OwnerConflict { .. } => (own.0, theirs) == (255, 255),
            _ => (theirs, accepted.source) > own,
        }
    });
    if !better {
        lan.fail(&format!("I1: r{router} yields to {accepted:?}"));
    }
}

/// I1.
fn one_master_each(lan: &Lan) -> Result<(), String> {
    for router in lan
        .routers()
        .filter(|&router| lan.nodes[router].takes_part())
    {
        let masters: Vec<_> = lan
            .masters()
            .into_iter()
            .filter(|&master| lan.network.together(master, router))
            .collect();
        let [master] = masters[..] else {
            return Err(format!("I1: masters {masters:?} around r{router}"));
        };
        let (node, master_node) = (&lan.nodes[router], &lan.nodes[master]);
        if node.preempts() && node.priority() > master_node.priority() {
            return Err(format!("I1: r{router} does not preempt r{master}"));
        }
    }
    Ok(())
}

/// I7. A host may be wrong where the master's last announcement missed it, where the router it
/// sends to could not tell the master that it yields, is master elsewhere, or died as one.
pub fn hosts_send_to_the_master(lan: &Lan) -> Result<(), String> {
    for (host, &cache) in lan.caches.iter().enumerate() {
        let station = lan.nodes.len() + host;
        for master in lan.masters() {
            let informed = lan.network.together(master, station)
                && !lan.nodes[master].not_announced.contains(&station);
            let excused = cache.is_some_and(|other| {
                let other = &lan.nodes[other];
                other.died_as_master || other.is_master() || other.uninformed.contains(&master)
            });
            if informed && cache != Some(master) && !excused {
                return Err(format!(
                    "I7: host {host} sends to {cache:?}, master is r{master}"
                ));
            }
        }
    }
    Ok(())
}

/// I6: advertisement, addresses, announcement, transition; on leaving, advertisement, removal,
/// transition.
pub fn order_of_effect(outputs: &[Output]) -> Result<(), &'static str> {
    let at = |wanted: fn(&Output) -> bool| outputs.iter().position(wanted);
    let Some(transitioned) = at(|output| matches!(output, Output::Transitioned(_))) else {
        let moved = at(|o| matches!(o, Output::AddAddresses | Output::RemoveAddresses));
        return if moved.is_none() {
            Ok(())
        } else {
            Err("I6: addresses without a transition")
        };
    };
    let Some(Output::Transitioned(Transition { from, to, .. })) = outputs.get(transitioned) else {
        return Err("unreachable");
    };
    let effects = &outputs[..transitioned];
    let effects: Vec<_> = effects
        .iter()
        .filter(|output| !matches!(output, Output::Noticed(_)))
        .collect();
    let right = match (from, to) {
        (_, State::Master) => matches!(
            effects[..],
            [
                Output::SendAdvertisement(_),
                Output::AddAddresses,
                Output::Announce { .. }
            ]
        ),
        (State::Master, _) => matches!(
            effects[..],
            [Output::SendAdvertisement(_), Output::RemoveAddresses] | [Output::RemoveAddresses]
        ),
        _ => effects.is_empty(),
    };
    if right {
        Ok(())
    } else {
        Err("I6: wrong order")
    }
}
