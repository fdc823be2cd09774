// SPDX-License-Identifier: MIT OR Apache-2.0
//! `reload_time_file`: a reload at the time that a file contains.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, ZonedDateTime};
use lb_host::file;

use crate::model::ReloadSettings;

/// Time between two looks at the file and at the clock.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// The time of the next reload.
#[derive(Debug, Default)]
pub(super) struct ReloadTime {
    /// What the file contained at the last look.
    text: Option<String>,
    at: Option<Timestamp>,
}

impl ReloadTime {
    /// Reads the file and returns whether its time has come; then the file is removed, unless
    /// `reload_repeat` is set.
    pub(super) fn is_due(&mut self, settings: &ReloadSettings, now: &ZonedDateTime) -> bool {
        let Some(path) = &settings.time_file else {
            return false;
        };
        let text = read(path);
        if text != self.text {
            self.at = text.as_deref().and_then(|text| schedule(text, path, now));
            self.text = text;
        }
        if self.at.is_none_or(|at| at > now.timestamp()) {
            return false;
        }
        tracing::info!("the time of {} has come", path.display());
        self.at = None;
        if settings.repeat {
            // A time without a date comes again tomorrow.
            self.at = self.text.as_deref().and_then(|text| parse(text, now));
        } else {
            self.text = None;
            if let Err(error) = std::fs::remove_file(path) {
                tracing::warn!(%error, "cannot remove {}", path.display());
            }
        }
        true
    }
}

/// The text of the file; none if there is no file.
fn read(path: &Path) -> Option<String> {
    match file::read(path) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        // An empty text is no time, which is logged once.
        Err(_) => Some(String::new()),
    }
}

/// The time of a text, which is logged.
fn schedule(text: &str, path: &Path, now: &ZonedDateTime) -> Option<Timestamp> {
    let at = parse(text, now);
    let path = path.display();
    match at {
        Some(at) => tracing::info!(%at, "reload scheduled by {path}"),
        None => tracing::warn!("{path} contains no time in the future: no reload is scheduled"),
    }
    at
}

/// `HH:MM:SS`, or `YYYY-MM-DD HH:MM:SS`, or `YY-MM-DD HH:MM:SS`; in local time, or in UTC with a `Z` at the
/// end. None for another text and for a time in the past; a time without a date that has passed today is
/// that of tomorrow.
fn parse(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let (text, zone) = match text.strip_suffix('Z') {
        Some(text) => (text, TimeZone::UTC),
        None => (text, now.time_zone().clone()),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let (date, time) = match words.as_slice() {
        [time] => (None, *time),
        [date, time] => (Some(parse_date(date)?), *time),
        _ => return None,
    };
    let time = parse_time(time)?;
    let at = |date: Date| zone.to_timestamp(date.to_datetime(time)).ok();
    let is_future = |at: &Timestamp| *at > now.timestamp();
    match date {
        Some(date) => at(date).filter(is_future),
        None => {
            let today = now.with_time_zone(zone.clone()).date();
            let today_at = at(today).filter(is_future);
            today_at.or_else(|| at(today.checked_add(1.day()).ok()?))
        }
    }
}

fn parse_date(text: &str) -> Option<Date> {
    let [year, month, day] = numbers(text, '-')?;
    let year = if year < 100 { 2000 + year } else { year };
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn parse_time(text: &str) -> Option<Time> {
    let [hour, minute, second] = numbers(text, ':')?;
    let [hour, minute, second] = [hour, minute, second].map(i8::try_from);
    Time::new(hour.ok()?, minute.ok()?, second.ok()?, 0).ok()
}

/// Three numbers with a separator between them.
fn numbers(text: &str, separator: char) -> Option<[i16; 3]> {
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<&str> = text.split(separator).filter(is_number).collect();
    let [first, second, third] = words.as_slice() else {
        return None;
    };
    Some([
        first.parse().ok()?,
        second.parse().ok()?,
        third.parse().ok()?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 November 2026, 12:00 in a zone one hour ahead of UTC.
    fn noon() -> ZonedDateTime {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let noon = jiff::civil::date(2026, 11, 10).at(12, 0, 0, 0);
        zone.to_zoned_datetime(noon).unwrap()
    }

    #[test]
    fn times_are_local_or_utc_and_in_the_future() {
        for (text, expected) in [
            ("12:00:01", Some("2026-11-10T11:00:01Z")),
            ("12:00:00", Some("2026-11-11T11:00:00Z")),
            ("03:04:05", Some("2026-11-11T02:04:05Z")),
            ("12:00:00Z", Some("2026-11-10T12:00:00Z")),
            ("2027-01-02 03:04:05", Some("2027-01-02T02:04:05Z")),
            ("27-01-02 03:04:05Z", Some("2027-01-02T03:04:05Z")),
            ("2026-11-10 11:59:59", None),
            ("2026-02-30 01:00:00", None),
            ("24:00:00", None),
            ("12:00", None),
            ("12:00:+1", None),
            ("noon", None),
            ("", None),
        ] {
            let at = parse(text, &noon()).map(|at| at.to_string());
            assert_eq!(at.as_deref(), expected, "{text}");
        }
    }

    /// Settings of a configuration with this file.
    fn settings(path: &Path, word: &str) -> ReloadSettings {
        let text = format!(
            "global_defs {{\nreload_time_file {}\n{word}\n}}\n",
            path.display()
        );
        let parsed = crate::config::parse(&text, "t.conf", &lb_check::Registry::builtin());
        let model = parsed.into_model(crate::config::Mode::Strict).unwrap();
        model.global.runtime.reload
    }

    #[test]
    fn the_file_is_removed_at_its_time_unless_it_repeats() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("time");
        let later = |seconds: i64| &noon() + seconds.seconds();
        for (word, repeats) in [("", false), ("reload_repeat", true)] {
            let settings = settings(&path, word);
            let mut time = ReloadTime::default();
            assert!(!time.is_due(&settings, &noon()));
            std::fs::write(&path, "12:00:10\n").unwrap();
            assert!(!time.is_due(&settings, &later(5)));
            assert!(time.is_due(&settings, &later(10)));
            assert!(!time.is_due(&settings, &later(11)));
            assert_eq!(path.exists(), repeats);
            assert_eq!(time.is_due(&settings, &later(86_410)), repeats);
        }
    }

    #[test]
    fn a_changed_file_replaces_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("time");
        let settings = settings(&path, "");
        let mut time = ReloadTime::default();
        std::fs::write(&path, "12:00:10").unwrap();
        assert!(!time.is_due(&settings, &noon()));
        std::fs::write(&path, "banana").unwrap();
        assert!(!time.is_due(&settings, &(&noon() + 20.seconds())));
        assert!(path.exists());
    }
}
