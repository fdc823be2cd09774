// SPDX-License-Identifier: MIT OR Apache-2.0
//! Log messages of the daemon about virtual routers: one for each event of the VRRP driver.
//!
//! Messages about a virtual router are in a span `vrrp` with its `instance` and `vrid`.

use lb_vrrp::driver::{Event, HostNote, LinkProblem, TrackingNote};
use lb_vrrp::track::{ObjectId, ScriptOutcome, Verdict};
use lb_vrrp::{Notice, Priority, Reason, State, Transition};
use tracing::{Span, debug, error, info, info_span, warn};

use crate::dump::state_name;

/// Logs an event, in keepalived's words where keepalived has some.
pub(super) fn log(event: &Event) {
    let _span = span(event).entered();
    match event {
        Event::Transitioned {
            router,
            transition,
            priority,
            ..
        } => log_transition(router, *transition, *priority),
        Event::Rejected {
            router,
            source,
            reason,
            suppressed,
            others,
            ..
        } => warn!(
            suppressed = left_out(*suppressed),
            others = left_out(*others),
            "({router}) packet from {source} discarded: {reason}"
        ),
        // Each advert of another router can cause one.
        Event::Noticed {
            router,
            notice: notice @ Notice::LosingAdvertisement { .. },
            ..
        } => debug!("({router}) {notice}"),
        Event::Noticed {
            router,
            notice,
            suppressed,
            others,
            ..
        } => warn!(
            suppressed = left_out(*suppressed),
            others = left_out(*others),
            "({router}) {notice}"
        ),
        Event::LinkChanged {
            router,
            interface,
            problem,
            ..
        } => log_link(router, interface, *problem),
        Event::PriorityChanged {
            router, from, to, ..
        } => info!("({router}) Changing effective priority from {from} to {to}"),
        Event::ObjectChanged {
            object, verdict, ..
        } => log_object(object, *verdict),
        Event::TrackingNoted { object, note, .. } => log_tracking(object, note),
        Event::HostNoted { note, .. } => log_note(note),
        Event::GroupChanged {
            group, from, to, ..
        } => {
            let (from, to) = (state_name(*from), state_name(*to));
            info!(from, "VRRP_Group({group}) Syncing instances to {to} state");
        }
        Event::StaticChanged { item, problem, .. } => match problem {
            Some(problem) => warn!("static {item} is missing: {problem}"),
            None => info!("static {item} is present again"),
        },
        Event::StaticRestored {
            item, suppressed, ..
        } => warn!(suppressed, "static {item} was missing and is added again"),
        Event::UnknownRouter {
            interface,
            vrid,
            source,
            suppressed,
            others,
            ..
        } => info!(
            ifname = %interface, %vrid, %source,
            suppressed = left_out(*suppressed), others = left_out(*others),
            "advert of an unknown virtual router"
        ),
        Event::SocketFailed {
            interface,
            family,
            error,
            ..
        } => error!(ifname = %interface, %family, %error, "cannot open a raw socket, trying again"),
        Event::StaleFound { object, .. } => info!("removing stale {object}"),
        Event::RemovalFailed {
            change,
            is_stale: true,
            error,
            ..
        } => error!(%error, "cannot {change}, which is stale, trying again"),
        Event::RemovalFailed { change, error, .. } => {
            error!(%error, "cannot {change} of a static item, trying again");
        }
        Event::Stopped { .. } => error!("VRRP stopped"),
        other => log_host(other),
    }
}

/// Logs an event about addresses, routes, interfaces and packets of one virtual router.
fn log_host(event: &Event) {
    match event {
        Event::AddressFailed { router, error, .. } => error!(
            ifname = error.interface, address = %error.address, operation = %error.operation,
            error = %error.source,
            "({router}) cannot change a virtual address, trying again"
        ),
        Event::ShieldsUnavailable { family, error, .. } => warn!(
            %error,
            "packets to {family} virtual addresses are accepted although an instance has `no_accept` or \
             strict mode"
        ),
        Event::ExternalAddress {
            router,
            interface,
            address,
            ..
        } => warn!(
            ifname = %interface, %address,
            "({router}) another program added the virtual address to the interface: it stays there in \
             each state"
        ),
        Event::AddressRestored {
            router,
            address,
            interface,
            suppressed,
            ..
        } => warn!(
            ifname = %interface, %address, suppressed,
            "({router}) virtual address was deleted by another program and is added again"
        ),
        Event::RouteFailed { router, error, .. } => warn!(
            error = %error.source,
            "({router}) {error}, trying again"
        ),
        Event::RouteRestored {
            router,
            entry,
            suppressed,
            ..
        } => {
            warn!(
                suppressed,
                "({router}) {entry} was missing and is added again"
            );
        }
        Event::ChangeRecovered { router, change, .. } => {
            info!(%change, "({router}) change that had failed has succeeded");
        }
        Event::InterfaceFailed { router, error, .. } => warn!(
            ifname = error.interface, operation = %error.operation, error = %error.source,
            "({router}) cannot change a virtual interface, trying again"
        ),
        Event::InterfaceRestored {
            router,
            interface,
            suppressed,
            ..
        } => warn!(
            ifname = %interface, suppressed,
            "({router}) virtual interface was deleted by another program and is added again"
        ),
        Event::SettingFailed {
            router,
            change,
            error,
            ..
        } if change.is_add() => warn!(
            %error,
            "({router}) cannot {change}, trying again: neighbours may receive other MAC addresses than \
             the virtual one, or secondary addresses may be lost"
        ),
        Event::SettingFailed {
            router,
            change,
            error,
            ..
        } => warn!(%error, "({router}) cannot {change}, trying again"),
        Event::AddressesExcluded {
            router,
            interface,
            excluded,
            ..
        } => warn!(
            ifname = %interface, excluded,
            "({router}) more addresses than an advert has room for on this interface: the last ones \
             are held but not advertised"
        ),
        Event::SendFailed {
            router,
            interface,
            error,
            ..
        } => warn!(ifname = %interface, %error, "({router}) advert not sent"),
        other => tracing::debug!(?other, "vrrp"),
    }
}

/// The span of the virtual router of an event; none for events of no single router.
fn span(event: &Event) -> Span {
    match event {
        Event::AddressFailed { router, vrid, .. }
        | Event::AddressRestored { router, vrid, .. }
        | Event::AddressesExcluded { router, vrid, .. }
        | Event::ChangeRecovered { router, vrid, .. }
        | Event::ExternalAddress { router, vrid, .. }
        | Event::InterfaceFailed { router, vrid, .. }
        | Event::InterfaceRestored { router, vrid, .. }
        | Event::LinkChanged { router, vrid, .. }
        | Event::Noticed { router, vrid, .. }
        | Event::PriorityChanged { router, vrid, .. }
        | Event::Rejected { router, vrid, .. }
        | Event::RouteFailed { router, vrid, .. }
        | Event::RouteRestored { router, vrid, .. }
        | Event::SendFailed { router, vrid, .. }
        | Event::SettingFailed { router, vrid, .. }
        | Event::Transitioned { router, vrid, .. } => {
            info_span!("vrrp", instance = &**router, vrid = vrid.get())
        }
        _ => Span::none(),
    }
}

/// A number of events without a log line, if there are any.
fn left_out(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}

fn log_link(router: &str, interface: &str, problem: Option<LinkProblem>) {
    match problem {
        Some(problem) => warn!("({router}) {interface}: {problem}"),
        None => info!("({router}) {interface}: usable"),
    }
}

fn log_object(object: &ObjectId, verdict: Verdict) {
    match (object, verdict) {
        (ObjectId::Script(name), Verdict::Well(true)) => {
            info!("VRRP_Script({name}) succeeded");
        }
        (ObjectId::Script(name), Verdict::Well(false)) => {
            info!("VRRP_Script({name}) failed");
        }
        (ObjectId::Process(name), Verdict::Well(true)) => {
            info!("quorum gained for tracked process {name}");
        }
        (ObjectId::Process(name), Verdict::Well(false)) => {
            info!("quorum lost for tracked process {name}");
        }
        (ObjectId::Interface(name), Verdict::Well(up)) => {
            info!("{name} is {}", if up { "up" } else { "down" });
        }
        (ObjectId::Static(name), Verdict::Well(well)) => {
            let so = if well { "present" } else { "missing" };
            info!("tracked static {name} is {so}");
        }
        (ObjectId::File(name), Verdict::Value(value)) => {
            info!("Track file {name}: now {value}");
        }
        _ => tracing::debug!(%object, ?verdict, "tracked"),
    }
}

/// Logs a condition of a tracked object.
fn log_tracking(object: &ObjectId, note: &TrackingNote) {
    let name = object.name();
    match note {
        TrackingNote::StillRunning => {
            info!("Track script {name} is already running, expect idle - skipping run");
        }
        TrackingNote::Ended(ScriptOutcome::Exited(status)) => {
            info!("Script `{name}` now returning {status}");
        }
        TrackingNote::Ended(ScriptOutcome::Killed(signal)) => {
            info!("Script `{name}` now ended by signal {signal}");
        }
        TrackingNote::Ended(ScriptOutcome::TimedOut) => info!("Script `{name}` now timing out"),
        TrackingNote::Ended(ScriptOutcome::NotStarted) => warn!("Script `{name}` cannot be run"),
        TrackingNote::RunnerStuck => {
            error!("Script `{name}`: its runner did not end in time and was dropped")
        }
        TrackingNote::Panicked { message } => {
            error!(%object, "{message}; starting again, please report this");
        }
        other => tracing::debug!(%object, ?other, "tracked"),
    }
}

/// Logs a condition of the host, or of the driver as a whole.
fn log_note(note: &HostNote) {
    match note {
        HostNote::ProcessesNotListed { error } => {
            warn!(%error, "cannot list processes, trying again every second");
        }
        HostNote::ProcessesListed => info!("processes can be listed again"),
        HostNote::ClaimOccupied { router, uid, pid } => warn!(
            pid,
            uid,
            "({router}) an unprivileged process uses the name of this virtual router; other instances \
             that run the router will not be detected"
        ),
        HostNote::ClaimFailed { router, error } => warn!(
            %error,
            "({router}) cannot register the virtual router; other instances that run it will not be detected"
        ),
        HostNote::PacketSocketFailed { interface, error } => {
            error!(ifname = %interface, %error, "cannot open a packet socket");
        }
        HostNote::LinksNotRead { error } => {
            error!(%error, "cannot read links and addresses, trying again");
        }
        HostNote::NotificationsLost => {
            warn!("netlink notifications lost, reading links and addresses again");
        }
        HostNote::NotificationCut => warn!("cannot decode a netlink notification"),
        HostNote::NetlinkFailed { error } => error!(%error, "netlink socket failed, trying again"),
        HostNote::StaleKept => info!(
            "another lb-vrrp instance runs in this network namespace; stale objects are not removed"
        ),
        HostNote::StaleRoutingKept => info!(
            "another program runs VRRP in this network namespace; stale routes and rules are not removed"
        ),
        HostNote::Stale(stale) => match &stale.error {
            Some(error) => warn!(%error, "{stale}"),
            None => info!("{stale}"),
        },
        HostNote::ChangeFailed { change, error } => {
            warn!(%error, "cannot {change} before the virtual routers start");
        }
        other => tracing::debug!(?other, "vrrp"),
    }
}

fn log_transition(router: &str, transition: Transition, own: Priority) {
    let Transition {
        from, to, reason, ..
    } = transition;
    let why = match reason {
        Reason::HigherPriority { source, priority } => {
            format!(": {source} advertises priority {priority}, ours {own}")
        }
        Reason::Startup => " (init)".to_owned(),
        other => format!(": {other}"),
    };
    if to == State::Initialize {
        info!("({router}) Stopped{why}");
    } else {
        let from = state_name(from);
        info!(from, "({router}) Entering {} STATE{why}", state_name(to));
    }
}
