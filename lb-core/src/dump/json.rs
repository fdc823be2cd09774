// SPDX-License-Identifier: MIT OR Apache-2.0
//! `keepalived.json`: one line, with `/` escaped as json-c does.

use std::fmt::{self, Write as _};
use std::time::Duration;

use lb_vrrp::track::{ObjectId, Verdict};
use lb_vrrp::{Authentication, State};

use super::{MASK, Moment, RouterMoment, item};
use crate::model::{ObjectSpec, RouterEvent, Source};

/// The layout of the document (keepalived's `json_version`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonVersion {
    /// An array of virtual routers.
    #[default]
    V1,
    /// An object with the virtual routers and the tracked processes.
    V2,
}

/// The virtual routers with their counters, one line with a newline at its end; `None` without virtual
/// routers: keepalived writes no file then.
#[must_use]
pub fn json(moment: &Moment<'_>, version: JsonVersion) -> Option<String> {
    if moment.routers.is_empty() {
        return None;
    }
    let routers = array(moment.routers.iter().map(|router| element(moment, router)));
    let text = match version {
        JsonVersion::V1 => routers,
        JsonVersion::V2 => {
            let objects = moment.objects.iter();
            let processes = objects.filter_map(|object| process(moment, object));
            let mut document = Object::new();
            document.raw("vrrp", routers);
            document.raw("track_process", array(processes));
            document.finish()
        }
    };
    Some(text + "\n")
}

fn element(moment: &Moment<'_>, router: &RouterMoment<'_>) -> String {
    let mut element = Object::new();
    element.raw("data", data(moment, router));
    element.raw("stats", stats(router));
    element.finish()
}

fn data(moment: &Moment<'_>, router: &RouterMoment<'_>) -> String {
    let spec = &router.instance.spec;
    let config = &spec.config;
    let announcements = &spec.announcements;
    let interval = Seconds(config.interval().as_duration());
    let own = router.state == State::Master;
    let master_priority = router.master_priority.filter(|_| !own);
    let mut data = Object::new();
    data.text("iname", &spec.name);
    data.raw("dont_track_primary", u8::from(spec.ignores_interface));
    // Address lists that differ are always accepted: there is no such check to skip.
    data.raw("skip_check_adv_addr", 0);
    data.raw("strict_mode", u8::from(config.strict()));
    data.text("vmac_ifname", router.vmac.as_deref().unwrap_or_default());
    data.text("ifp_ifname", router.interface());
    data.raw(
        "master_priority",
        master_priority.map_or(0, |priority| priority.get()),
    );
    data.raw("last_transition", Microseconds(router.since));
    data.raw("garp_delay", announcements.delay.as_secs());
    data.raw(
        "garp_refresh",
        announcements.refresh.unwrap_or_default().as_secs(),
    );
    data.raw("garp_rep", announcements.repeat);
    data.raw("garp_refresh_rep", announcements.refresh_repeat);
    let lower_delay = announcements.lower_delay.unwrap_or(announcements.delay);
    data.raw("garp_lower_prio_delay", lower_delay.as_secs());
    let lower_repeat = announcements.lower_repeat.unwrap_or(announcements.repeat);
    data.raw("garp_lower_prio_rep", lower_repeat);
    data.raw("lower_prio_no_advert", u8::from(!config.answer_losing()));
    data.raw("higher_prio_send_advert", u8::from(config.farewell()));
    data.raw("vrid", config.vrid().get());
    data.raw("base_priority", config.priority().get());
    data.raw("effective_priority", router.priority.get());
    data.raw("vipset", own);
    data.raw("promote_secondaries", spec.promotes_secondaries);
    data.raw("adver_int", interval);
    data.raw("master_adver_int", interval);
    data.raw("accept", u8::from(config.accept()));
    data.raw("nopreempt", !config.preempt());
    data.raw("preempt_delay", Seconds(config.preempt_delay()));
    data.raw("state", state_number(router.state));
    data.raw("wantstate", state_number(router.state));
    data.raw("version", config.version().number());
    data.raw("smtp_alert", router.instance.smtp_alert);
    let notify = &router.instance.notify;
    data.raw("notify_deleted", notify.reports_deletion);
    for (key, event) in [
        ("script_backup", RouterEvent::Backup),
        ("script_master", RouterEvent::Master),
        ("script_fault", RouterEvent::Fault),
        ("script_stop", RouterEvent::Stop),
        ("script_deleted", RouterEvent::Deleted),
        ("script", RouterEvent::Any),
        ("script_master_rx_lower_pri", RouterEvent::LosingAdvert),
    ] {
        if let Some(script) = notify.scripts.get(&event) {
            data.text(key, &item::command(&script.argv));
        }
    }
    let (advertised, excluded) = item::addresses(router);
    data.list("vips", &advertised);
    data.list("evips", &excluded);
    data.list("vroutes", &item::routes(router));
    data.list("vrules", &item::rules(router));
    data.list("track_ifp", &tracked(router, interface_name));
    let script = |id: &ObjectId| script_command(moment, id);
    data.list("track_script", &tracked(router, script));
    data.list("track_process", &tracked(router, process_name));
    let authentication = authentication_type(config.authentication());
    data.raw("auth_type", authentication);
    if authentication > 0 {
        data.text("auth_data", MASK);
    }
    data.finish()
}

fn stats(router: &RouterMoment<'_>) -> String {
    let counters = &router.stats;
    let mut stats = Object::new();
    for (key, count) in [
        ("advert_rcvd", counters.advertisements_received),
        ("advert_sent", counters.advertisements_sent),
        ("become_master", counters.master_transitions),
        ("release_master", counters.master_released),
        ("packet_len_err", counters.packet_length_errors),
        ("advert_interval_err", counters.interval_errors),
        ("ip_ttl_err", counters.ip_ttl_errors),
        ("invalid_type_rcvd", counters.invalid_type_packets_received),
        ("addr_list_err", counters.address_list_errors),
        ("invalid_authtype", counters.invalid_authentication_type),
        ("authtype_mismatch", counters.authentication_type_mismatch),
        ("auth_failure", counters.authentication_failures),
        ("auth_ext_missing", counters.hmac_missing),
        ("auth_ext_malformed", counters.hmac_malformed),
        ("auth_ext_unknown_key", counters.hmac_unknown_key),
        ("auth_ext_invalid_hmac", counters.hmac_invalid),
        ("auth_ext_stale", counters.hmac_stale),
        ("auth_ext_replay", counters.replays),
        ("pri_zero_rcvd", counters.priority_zero_received),
        ("pri_zero_sent", counters.priority_zero_sent),
    ] {
        stats.raw(key, count);
    }
    stats.finish()
}

/// A tracked process of version 2.
fn process(moment: &Moment<'_>, (object, verdict): &(&ObjectSpec, Verdict)) -> Option<String> {
    let Source::Process(source) = &object.source else {
        return None;
    };
    let mut process = Object::new();
    process.text("process", &object.name);
    process.raw("have_quorum", *verdict == Verdict::Well(true));
    let count = moment.counts.get(&object.id()).copied();
    process.raw("current_processes", count.unwrap_or_default());
    process.raw("min_processes", source.process.quorum);
    process.raw(
        "max_processes",
        source.process.quorum_max.map_or(u32::MAX, u32::from),
    );
    Some(process.finish())
}

/// keepalived's number of a state.
const fn state_number(state: State) -> u8 {
    match state {
        State::Initialize => 0,
        State::Backup => 1,
        State::Master => 2,
        State::Fault => 3,
    }
}

/// keepalived's number of an authentication type: none, password, authentication header.
const fn authentication_type(authentication: &Authentication) -> u8 {
    match authentication {
        Authentication::Password(_) => 1,
        Authentication::Ah(_) => 2,
        _ => 0,
    }
}

/// The names of the objects that the router tracks, of one kind.
fn tracked(router: &RouterMoment<'_>, name: impl Fn(&ObjectId) -> Option<String>) -> Vec<String> {
    let tracked = router.instance.spec.tracked.iter();
    tracked.filter_map(|(id, _)| name(id)).collect()
}

fn interface_name(id: &ObjectId) -> Option<String> {
    match id {
        ObjectId::Interface(name) => Some(name.to_string()),
        _ => None,
    }
}

fn process_name(id: &ObjectId) -> Option<String> {
    match id {
        ObjectId::Process(name) => Some(name.to_string()),
        _ => None,
    }
}

fn script_command(moment: &Moment<'_>, id: &ObjectId) -> Option<String> {
    if !matches!(id, ObjectId::Script(_)) {
        return None;
    }
    let mut objects = moment.objects.iter();
    let (object, _) = objects.find(|(object, _)| object.id() == *id)?;
    match &object.source {
        Source::Script(script) => Some(item::command(&script.argv)),
        _ => None,
    }
}

/// Seconds as json-c writes a number: no decimals where there are none.
#[derive(Clone, Copy)]
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs_f64())
    }
}

/// Seconds with six decimals.
struct Microseconds(Duration);

impl fmt::Display for Microseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

fn array(elements: impl Iterator<Item = String>) -> String {
    let elements: Vec<String> = elements.collect();
    format!("[{}]", elements.join(","))
}

/// An object while it is written.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".to_owned())
    }

    /// A value that is valid as it is displayed.
    fn raw(&mut self, key: &str, value: impl fmt::Display) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        // Writing to a string cannot fail.
        let _ = write!(self.0, "\"{key}\":{value}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, Text(value));
    }

    /// An array of texts, left out if there is none.
    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            let values = values.iter().map(|value| Text(value).to_string());
            self.raw(key, array(values));
        }
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A text with its quotes.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' | '/' => write!(f, "\\{character}")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                control if control.is_control() && control.is_ascii() => {
                    write!(f, "\\u{:04x}", u32::from(control))?;
                }
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}
