// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracked objects, and lists of them.

use std::ffi::OsString;

use lb_vrrp::track::{self, ObjectId, ProcessPattern, Weight};

use crate::model::{FileSource, ObjectSpec, ProcessSource, ScriptSource, Source};

use super::PrintError;
use super::page::Page;

pub(super) fn object(page: &mut Page, object: &ObjectSpec) {
    let name = object.name.as_str();
    match &object.source {
        Source::Script(source) => {
            page.open(["vrrp_script", name]);
            script(page, source);
        }
        Source::File(source) => {
            page.open(["track_file", name]);
            file(page, source);
        }
        Source::Process(source) => {
            page.open(["vrrp_track_process", name]);
            process(page, source);
        }
        _ => {
            let object = object.id();
            return page.fail(PrintError::Object { object });
        }
    }
    page.close();
}

fn script(page: &mut Page, source: &ScriptSource) {
    match redirection(&source.argv) {
        Some(path) => page.set("script", format!("< {path}")),
        None => page.command("script", &source.argv, None),
    }
    if let Some(account) = page.own_account(source.account) {
        let (user, group) = account.names();
        page.line(["user", &user, &group]);
    }
    page.seconds("interval", source.interval);
    if source.timeout != source.interval {
        page.seconds("timeout", source.timeout);
    }
    let track::Script {
        rise,
        fall,
        init_fail,
    } = source.script;
    for (keyword, count) in [("rise", rise), ("fall", fall)] {
        if count.get() != 1 {
            page.set(keyword, count);
        }
    }
    page.flag("init_fail", init_fail);
}

/// The file whose readability is the state, in the form in which `< PATH` is read.
fn redirection(argv: &[OsString]) -> Option<&str> {
    let words: Option<Vec<&str>> = argv.iter().map(|word| word.to_str()).collect();
    match words?.as_slice() {
        ["/bin/sh", "-c", ": <\"$0\"", path] if *path == path.trim() && !path.contains('"') => {
            Some(*path)
        }
        _ => None,
    }
}

fn file(page: &mut Page, source: &FileSource) {
    page.path("file", &source.path);
    if let Some(init) = source.init {
        let value = init.value.to_string();
        let overwrite = init.overwrite.then_some("overwrite");
        page.line(["init_file", &value].into_iter().chain(overwrite));
    }
}

fn process(page: &mut Page, source: &ProcessSource) {
    let name;
    let (words, matching): (&[String], Option<&[&str]>) = match &source.pattern {
        ProcessPattern::Name(only) => {
            name = [only.clone()];
            (&name, None)
        }
        ProcessPattern::Exact(words) => (words, Some(&["param_match"])),
        ProcessPattern::Initial(words) => (words, Some(&["param_match", "initial"])),
        ProcessPattern::Partial(words) => (words, Some(&["param_match", "partial"])),
        other => {
            let value = format!("{other:?}");
            let what = "the pattern";
            return page.fail(PrintError::Setting { what, value });
        }
    };
    let words = words.iter().map(String::as_str);
    page.line(std::iter::once("process").chain(words));
    if let Some(matching) = matching {
        page.line(matching);
    }
    let process = source.process;
    if process.quorum != 1 {
        page.set("quorum", process.quorum);
    }
    page.set_some("quorum_max", process.quorum_max);
    for (keyword, delay) in [
        ("fork_delay", process.fork_delay),
        ("terminate_delay", process.terminate_delay),
    ] {
        if !delay.is_zero() {
            page.seconds(keyword, delay);
        }
    }
}

/// Prints what a router or a sync group tracks. The order is kept.
pub(super) fn tracked(page: &mut Page, tracked: &[(ObjectId, Weight)]) {
    for same in tracked.chunk_by(|(one, _), (other, _)| list_of(one) == list_of(other)) {
        let Some((first, _)) = same.first() else {
            continue;
        };
        let Some(list) = list_of(first) else {
            let object = first.clone();
            page.fail(PrintError::Object { object });
            continue;
        };
        page.open([list]);
        for (object, weight) in same {
            let weight = weight.to_string();
            let name = [object.name(), "weight"].into_iter();
            page.line(name.chain(weight.split(' ')));
        }
        page.close();
    }
}

/// The keyword of the list that an object is in.
const fn list_of(object: &ObjectId) -> Option<&'static str> {
    match object {
        ObjectId::Interface(_) => Some("track_interface"),
        ObjectId::Script(_) => Some("track_script"),
        ObjectId::File(_) => Some("track_file"),
        ObjectId::Process(_) => Some("track_process"),
        _ => None,
    }
}
