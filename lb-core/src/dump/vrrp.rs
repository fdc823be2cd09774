// SPDX-License-Identifier: MIT OR Apache-2.0
//! `keepalived.data`: virtual routers, sync groups and tracked objects.

use std::fmt::{self, Write as _};
use std::time::Duration;

use lb_vrrp::track::{ObjectId, ProcessPattern, Verdict, Weight};
use lb_vrrp::{AddressFamily, Authentication, State, Version};

use super::{MASK, Moment, RouterMoment, global_data, item, state_name};
use crate::model::{
    FileSource, ObjectSpec, ProcessSource, RouterEvent, RouterNotify, ScriptSource, Source,
};

/// Selects things of one kind.
type Filter<T> = fn(&T) -> bool;

/// Settings, virtual routers, sync groups and tracked objects.
#[must_use]
pub fn vrrp_data(moment: &Moment<'_>) -> String {
    let mut text = global_data(moment);
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, moment);
    text
}

fn write_all(text: &mut String, moment: &Moment<'_>) -> fmt::Result {
    if !moment.routers.is_empty() {
        text.push_str("------< VRRP Topology >------\n");
    }
    for router in &moment.routers {
        write_router(text, moment, router)?;
    }
    if !moment.groups.is_empty() {
        text.push_str("------< VRRP Sync groups >------\n");
    }
    for (group, state) in &moment.groups {
        writeln!(
            text,
            " VRRP Sync Group = {}, {}",
            group.spec.name,
            state_name(*state)
        )?;
        text.push_str("   VRRP member instances :\n");
        for member in &group.spec.members {
            writeln!(text, "     {member}")?;
        }
        writeln!(
            text,
            "   Using smtp notification = {}",
            yes_no(group.smtp_alert)
        )?;
    }
    write_objects(text, moment)
}

fn write_router(text: &mut String, moment: &Moment<'_>, router: &RouterMoment<'_>) -> fmt::Result {
    let spec = &router.instance.spec;
    let config = &spec.config;
    let state = state_name(router.state);
    writeln!(text, " VRRP Instance = {}", spec.name)?;
    writeln!(text, "   VRRP Version = {}", config.version().number())?;
    let groups = moment.groups.iter();
    for (group, _) in groups.filter(|(group, _)| group.spec.members.contains(&spec.name)) {
        writeln!(text, "   Sync group = {}", group.spec.name)?;
    }
    if config.family() == AddressFamily::Ipv6 {
        text.push_str("   Using Native IPv6\n");
    }
    writeln!(text, "   State = {state}")?;
    if config.peers().is_empty() {
        text.push_str("   Flags: none\n");
    } else {
        text.push_str("   Flags:\n     Using unicast\n");
    }
    writeln!(text, "   Wantstate = {state}")?;
    text.push_str("   Number of config faults = 0\n");
    writeln!(text, "   Number of tracker faults = {}", router.faults)?;
    writeln!(text, "   Last transition = {}", Timestamp(router.since))?;
    if router.state == State::Backup
        && let Some(priority) = router.master_priority
    {
        writeln!(text, "   Master priority = {}", priority.get())?;
    }
    let above = router.vmac.as_deref();
    if let (Some(name), Some(ipvlan)) = (above, &spec.ipvlan) {
        write!(text, "   Use IPVLAN, i/f {name}, is_up = true")?;
        if let Some((address, prefix_len)) = ipvlan.address {
            write!(text, ", i/f address = {address}")?;
            let whole = if address.is_ipv4() { 32 } else { 128 };
            if prefix_len != whole {
                write!(text, "/{prefix_len}")?;
            }
        }
        writeln!(text, ", type {}", ipvlan.mode)?;
    } else if let Some(vmac) = above {
        let base = spec
            .vmac
            .as_ref()
            .is_some_and(|vmac| vmac.transmit_from_base);
        writeln!(
            text,
            "   Use VMAC, i/f name {vmac}, is_up = true, xmit_base = {base}"
        )?;
    }
    write!(text, "   Interface = {}", router.interface())?;
    if above.is_some() {
        let kind = if spec.ipvlan.is_some() {
            "ipvlan"
        } else {
            "vmac"
        };
        write!(text, ", {kind} on {}", spec.interface)?;
    }
    text.push('\n');
    let ipvlan = spec.ipvlan.as_ref();
    let is_configured = ipvlan.map_or(spec.source, |ipvlan| {
        ipvlan.address.map(|(address, _)| address)
    });
    match (router.source, is_configured.is_some()) {
        (Some(source), true) => {
            writeln!(text, "   Using src_ip = {source} (from configuration)")?;
        }
        (Some(source), false) => writeln!(text, "   Using src_ip = {source}")?,
        (None, _) => text.push_str("   Using src_ip = (none)\n"),
    }
    if config.peers().is_empty() {
        writeln!(text, "   Multicast address {}", config.group())?;
    }
    write_settings(text, router)?;
    write_authentication(text, config.authentication(), config.version())?;
    write_items(text, router)?;
    if !config.peers().is_empty() {
        writeln!(
            text,
            "   Check unicast src : {}",
            yes_no(config.check_unicast_source())
        )?;
        text.push_str("   Unicast Peer :\n");
        for peer in config.peers() {
            let limits = &peer.hop_limits;
            writeln!(
                text,
                "     {} min_ttl {} max_ttl {}",
                peer.address,
                limits.start(),
                limits.end()
            )?;
        }
    }
    write_tracked(text, router)?;
    writeln!(
        text,
        "   Using smtp notification = {}",
        yes_no(router.instance.smtp_alert)
    )?;
    write_notifications(text, &router.instance.notify)
}

fn write_notifications(text: &mut String, notify: &RouterNotify) -> fmt::Result {
    let deleted = if notify.reports_deletion {
        "Deleted"
    } else {
        "Fault"
    };
    writeln!(text, "   Notify deleted = {deleted}")?;
    for (name, event) in [
        ("Backup", RouterEvent::Backup),
        ("Master", RouterEvent::Master),
        ("Fault", RouterEvent::Fault),
        ("Stop", RouterEvent::Stop),
        ("Deleted", RouterEvent::Deleted),
        ("Generic", RouterEvent::Any),
        ("Master rx lower pri", RouterEvent::LosingAdvert),
    ] {
        let Some(script) = notify.scripts.get(&event) else {
            continue;
        };
        let command = item::command(&script.argv);
        write!(text, "   {name} state transition script = {command}")?;
        if let Some((user, group)) = script.account {
            write!(text, ", uid:gid {user}:{group}")?;
        }
        text.push('\n');
    }
    writeln!(
        text,
        "   Notify priority changes = {}",
        notify.priority_changes
    )
}

fn write_settings(text: &mut String, router: &RouterMoment<'_>) -> fmt::Result {
    let spec = &router.instance.spec;
    let config = &spec.config;
    let announcements = &spec.announcements;
    let lower_delay = announcements.lower_delay.unwrap_or(announcements.delay);
    let lower_repeat = announcements.lower_repeat.unwrap_or(announcements.repeat);
    writeln!(
        text,
        "   Gratuitous ARP delay = {}",
        announcements.delay.as_secs()
    )?;
    writeln!(text, "   Gratuitous ARP repeat = {}", announcements.repeat)?;
    let refresh = announcements.refresh.unwrap_or_default().as_secs();
    writeln!(text, "   Gratuitous ARP refresh = {refresh}")?;
    writeln!(
        text,
        "   Gratuitous ARP refresh repeat = {}",
        announcements.refresh_repeat
    )?;
    writeln!(
        text,
        "   Gratuitous ARP lower priority delay = {}",
        lower_delay.as_secs()
    )?;
    writeln!(
        text,
        "   Gratuitous ARP lower priority repeat = {lower_repeat}"
    )?;
    writeln!(
        text,
        "   Down timer adverts = {}",
        config.down_timer_adverts().get()
    )?;
    writeln!(
        text,
        "   Send advert after receive lower priority advert = {}",
        config.answer_losing()
    )?;
    writeln!(
        text,
        "   Send advert after receive higher priority advert = {}",
        config.farewell()
    )?;
    writeln!(text, "   Virtual Router ID = {}", config.vrid().get())?;
    writeln!(text, "   Priority = {}", config.priority().get())?;
    writeln!(text, "   Effective priority = {}", router.priority.get())?;
    writeln!(text, "   Total priority = {}", router.priority.get())?;
    let interval = config.interval().as_duration();
    match config.version() {
        Version::V2 => writeln!(text, "   Advert interval = {} sec", interval.as_secs())?,
        _ => writeln!(
            text,
            "   Advert interval = {} milli-sec",
            interval.as_millis()
        )?,
    }
    writeln!(text, "   Accept = {}", enabled(config.accept()))?;
    writeln!(text, "   Preempt = {}", enabled(config.preempt()))?;
    if !config.preempt_delay().is_zero() {
        let delay = config.preempt_delay().as_secs_f64();
        writeln!(text, "   Preempt delay = {delay} secs")?;
    }
    writeln!(
        text,
        "   Promote_secondaries = {}",
        enabled(spec.promotes_secondaries)
    )
}

fn write_authentication(
    text: &mut String,
    authentication: &Authentication,
    version: Version,
) -> fmt::Result {
    let kind = match authentication {
        Authentication::None if version == Version::V2 => {
            return writeln!(text, "   Authentication type = none");
        }
        Authentication::Password(_) => "SIMPLE_PASSWORD",
        Authentication::Ah(_) => "IPSEC_AH",
        Authentication::Hmac(_) => "HMAC",
        _ => return Ok(()),
    };
    writeln!(text, "   Authentication type = {kind}")?;
    writeln!(text, "   Password = {MASK}")
}

fn write_items(text: &mut String, router: &RouterMoment<'_>) -> fmt::Result {
    let (advertised, excluded) = item::addresses(router);
    writeln!(text, "   Virtual IP ({}):", advertised.len())?;
    write_lines(text, &advertised)?;
    for (title, lines) in [
        ("Virtual IP Excluded", excluded),
        ("Virtual Routes", item::routes(router)),
        ("Virtual Rules", item::rules(router)),
    ] {
        if !lines.is_empty() {
            writeln!(text, "   {title} :")?;
            write_lines(text, &lines)?;
        }
    }
    Ok(())
}

fn write_lines(text: &mut String, lines: &[String]) -> fmt::Result {
    for line in lines {
        writeln!(text, "     {line}")?;
    }
    Ok(())
}

fn write_tracked(text: &mut String, router: &RouterMoment<'_>) -> fmt::Result {
    let kinds: [(&str, Filter<ObjectId>, &str); 4] = [
        (
            "interfaces",
            |id| matches!(id, ObjectId::Interface(_)),
            " weight",
        ),
        ("scripts", |id| matches!(id, ObjectId::Script(_)), " weight"),
        ("files", |id| matches!(id, ObjectId::File(_)), ", weight"),
        (
            "processes",
            |id| matches!(id, ObjectId::Process(_)),
            ", weight",
        ),
    ];
    for (title, is_of_kind, separator) in kinds {
        let tracked = router.instance.spec.tracked.iter();
        let mut tracked = tracked.filter(|(id, _)| is_of_kind(id)).peekable();
        if tracked.peek().is_some() {
            writeln!(text, "   Tracked {title} :")?;
        }
        for (id, weight) in tracked {
            writeln!(text, "     {}{separator} {weight}", id.name())?;
        }
    }
    Ok(())
}

fn write_objects(text: &mut String, moment: &Moment<'_>) -> fmt::Result {
    let mut last = "";
    let kinds: [(&str, Filter<Source>); 3] = [
        ("Scripts", |source| matches!(source, Source::Script(_))),
        ("Track files", |source| matches!(source, Source::File(_))),
        ("Track processes", |source| {
            matches!(source, Source::Process(_))
        }),
    ];
    for (title, is_of_kind) in kinds {
        for (object, verdict) in &moment.objects {
            if !is_of_kind(&object.source) {
                continue;
            }
            if last != title {
                writeln!(text, "------< VRRP {title} >------")?;
                last = title;
            }
            match &object.source {
                Source::Script(script) => write_script(text, object, script, *verdict)?,
                Source::File(file) => write_file(text, object, file, *verdict)?,
                Source::Process(process) => write_process(text, object, process, *verdict)?,
                _ => {}
            }
            write_users(text, moment, object)?;
            if matches!(object.source, Source::Script(_)) {
                text.push_str("   State = idle\n");
            }
        }
    }
    Ok(())
}

fn write_script(
    text: &mut String,
    object: &ObjectSpec,
    script: &ScriptSource,
    verdict: Verdict,
) -> fmt::Result {
    let status = match verdict {
        Verdict::Well(true) => "GOOD",
        Verdict::Well(false) => "BAD",
        _ => "INIT",
    };
    writeln!(text, " VRRP Script = {}", object.name)?;
    writeln!(text, "   Command = {}", item::command(&script.argv))?;
    writeln!(text, "   Interval = {} sec", script.interval.as_secs_f64())?;
    writeln!(text, "   Timeout = {} sec", script.timeout.as_secs_f64())?;
    writeln!(text, "   Rise = {}", script.script.rise)?;
    writeln!(text, "   Fall = {}", script.script.fall)?;
    writeln!(text, "   Insecure = no")?;
    writeln!(text, "   Status = {status}")?;
    if let Some((user, group)) = script.account {
        writeln!(text, "   Script uid:gid = {user}:{group}")?;
    }
    Ok(())
}

fn write_file(
    text: &mut String,
    object: &ObjectSpec,
    file: &FileSource,
    verdict: Verdict,
) -> fmt::Result {
    let value = match verdict {
        Verdict::Value(value) => value,
        _ => 0,
    };
    writeln!(text, " Track file = {}", object.name)?;
    writeln!(text, "   File = {}", file.path.display())?;
    writeln!(text, "   Status = {value}")
}

fn write_process(
    text: &mut String,
    object: &ObjectSpec,
    process: &ProcessSource,
    verdict: Verdict,
) -> fmt::Result {
    let (command, is_full) = match &process.pattern {
        ProcessPattern::Name(name) => (name.clone(), false),
        ProcessPattern::Exact(words)
        | ProcessPattern::Initial(words)
        | ProcessPattern::Partial(words) => (words.join(" "), true),
        _ => (String::new(), true),
    };
    writeln!(text, " VRRP Track process = {}", object.name)?;
    writeln!(text, "   Process = {command}")?;
    writeln!(text, "   Min processes = {}", process.process.quorum)?;
    if let Some(most) = process.process.quorum_max {
        writeln!(text, "   Max processes = {most}")?;
    }
    writeln!(text, "   Have quorum = {}", verdict == Verdict::Well(true))?;
    writeln!(
        text,
        "   Terminate delay = {:.6}s",
        process.process.terminate_delay.as_secs_f64()
    )?;
    writeln!(
        text,
        "   Fork delay = {:.6}s",
        process.process.fork_delay.as_secs_f64()
    )?;
    writeln!(text, "   Full command = {is_full}")
}

/// The routers that track an object.
fn write_users(text: &mut String, moment: &Moment<'_>, object: &ObjectSpec) -> fmt::Result {
    let id = object.id();
    text.push_str("   Tracking instances :\n");
    for router in &moment.routers {
        let spec = &router.instance.spec;
        let tracked: Option<Weight> = spec
            .tracked
            .iter()
            .find_map(|(tracked, weight)| (*tracked == id).then_some(*weight));
        if let Some(weight) = tracked {
            writeln!(text, "     {}, weight {weight}", spec.name)?;
        }
    }
    Ok(())
}

const fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

const fn enabled(value: bool) -> &'static str {
    if value { "enabled" } else { "disabled" }
}

/// A time as the number of seconds since the epoch.
struct Timestamp(Duration);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}
