// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracked objects, who tracks them, and sync groups.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use lb_check::{FileWeight, Problem, Script as Program, Severity};
use lb_vrrp::track::{Object, ObjectId, Process, Script, Weight};

use super::{Config, notify};
use crate::config::Diagnostic;
use crate::config::line::{At, Context};
use crate::config::source::Span;
use crate::config::track::{Kind, TrackConfig};
use crate::config::tracked::{ObjectConfig, ScriptConfig, Source};
use crate::config::tree::NodeId;
use crate::config::vocabulary::nearest;
use crate::model::{
    FileSource, GroupSpec, ObjectSpec, ProcessSource, ScriptSource, SyncGroup, VirtualServer,
    VrrpInstance,
};

/// Interval of a script.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is defined, with the weight that counts where no other is given.
#[derive(Debug, Default)]
pub(super) struct Known {
    objects: BTreeMap<ObjectId, (ObjectSpec, Weight)>,
    /// Where they are defined: the block, in the order of reading, and the name.
    places: BTreeMap<ObjectId, (NodeId, Span)>,
    /// Whether an instance or a group names it, be it one that is left out.
    named: BTreeMap<ObjectId, bool>,
}

fn id(kind: Kind, name: &str) -> ObjectId {
    match kind {
        Kind::Interface => ObjectId::Interface(name.into()),
        Kind::Script => ObjectId::Script(name.into()),
        Kind::File => ObjectId::File(name.into()),
        Kind::Process => ObjectId::Process(name.into()),
    }
}

/// What is defined and can be tracked; the rest has been reported.
pub(super) fn known(context: &mut Context<'_>, config: &Config) -> Known {
    let mut known = Known::default();
    for object in &config.objects {
        let (kind, name) = (object.kind(), &object.name.value);
        let key = id(kind, name);
        let first = config
            .objects
            .iter()
            .find(|other| other.kind() == kind && other.name.value == *name);
        if let Some(first) = first.filter(|first| !std::ptr::eq(*first, object)) {
            let message = format!("a second `{} {name}`", kind.keyword());
            let finding = Diagnostic::error(object.name.span, message)
                .note_at(first.name.span, "the first one holds, this one is skipped");
            context.findings.push(finding);
            continue;
        }
        let Some(tracked) = tracked_object(context, config, object) else {
            // Known, so that a router that tracks it is not reported as well.
            known.named.insert(key, true);
            continue;
        };
        let weight = object.weight.map_or(
            if kind == Kind::File {
                Weight::ONE
            } else {
                Weight::FAULT
            },
            |written| {
                let weight = Weight::new(written.weight).unwrap_or_default();
                weight.reversed(written.reverse == Some(true))
            },
        );
        known.named.insert(key.clone(), false);
        let place = (object.block, object.name.span);
        known.places.insert(key.clone(), place);
        known.objects.insert(key, (tracked, weight));
    }
    let instances = config
        .instances
        .iter()
        .flat_map(|instance| &instance.tracked);
    let groups = config.groups.iter().flat_map(|group| &group.tracked);
    for written in instances.chain(groups) {
        if let Some(named) = known.named.get_mut(&id(written.kind, &written.name.value)) {
            *named = true;
        }
    }
    known
}

fn tracked_object(
    context: &mut Context<'_>,
    config: &Config,
    object: &ObjectConfig,
) -> Option<ObjectSpec> {
    let name = object.name.value.as_str();
    let missing = |what: &str| {
        let message = format!("`{} {name}` has no `{what}`", object.kind().keyword());
        Diagnostic::error(object.name.span, message).note("it is left out")
    };
    match &object.source {
        Source::Script(written) => {
            if written.command.is_none() {
                context.findings.push(missing("script"));
            }
            let script = script(context, config, written)?;
            Some(ObjectSpec::new(name, script))
        }
        Source::File(file) => {
            let Some(path) = file.path() else {
                context.findings.push(missing("file"));
                return None;
            };
            let mut source = FileSource::new(path);
            source.init = file.init.map(|at| at.value);
            Some(ObjectSpec::new(name, source))
        }
        Source::Process(process) => {
            let Some(pattern) = process.pattern() else {
                context.findings.push(missing("process"));
                return None;
            };
            let source = ProcessSource::new(pattern).with_process(process.process());
            Some(ObjectSpec::new(name, source))
        }
    }
}

fn script(
    context: &mut Context<'_>,
    config: &Config,
    written: &ScriptConfig,
) -> Option<ScriptSource> {
    let command = written.command.as_ref()?;
    let interval = written.interval.map_or(INTERVAL, |at| at.value);
    let timeout = written.timeout.map_or(interval, |at| at.value);
    let user = written.user.as_ref().map(|at| &at.value);
    let mut line = command.value.clone();
    let words = line.values.join(" ");
    let readable = words.strip_prefix('<').map(str::trim).map(str::to_owned);
    if readable.is_some() {
        line.raw = String::new();
        line.values = vec!["/bin/sh".to_owned()];
    }
    let rules = &config.global.script_rules;
    let (program, errors) = Program::from_lines(&line, user, rules, timeout);
    for error in errors {
        let message = error.problem.to_string();
        let place = command.span;
        let mut finding = match error.severity {
            Severity::Warning => Diagnostic::warning(place, message),
            _ => Diagnostic::error(place, message),
        };
        if program.is_none() {
            finding = finding.note("the script is left out");
        }
        let silent = matches!(
            error.problem,
            Problem::ShellSyntax { .. } | Problem::Insecure { .. }
        );
        if silent {
            finding = finding.silent();
        }
        finding = error.suggestion.into_iter().fold(finding, Diagnostic::note);
        context.findings.push(finding);
    }
    let program = program?.program;
    let argv = match readable {
        // A redirection: whether the file can be read.
        Some(path) => ["/bin/sh", "-c", ": <\"$0\"", &path]
            .map(OsString::from)
            .into(),
        None => program.argv,
    };
    let mut script = ScriptSource::new(argv)
        .with_interval(interval, timeout)
        .with_groups(program.groups)
        .with_script(written.script());
    script.account = program.account.map(|account| (account.uid, account.gid));
    Some(script)
}

/// What an instance or a group tracks.
pub(super) fn tracked(
    context: &mut Context<'_>,
    known: &Known,
    list: &[TrackConfig],
    own_interface: Option<&str>,
    owner: bool,
) -> Vec<(ObjectId, Weight)> {
    let mut tracked: Vec<(ObjectId, Weight)> = Vec::new();
    for written in list {
        let name = &written.name;
        let id = id(written.kind, &name.value);
        let default = if written.kind == Kind::Interface {
            let finding =
                Diagnostic::warning(name.span, "its own interface is tracked in any case");
            if own_interface == Some(name.value.as_str()) {
                context.findings.push(finding.label("ignored"));
                continue;
            }
            Weight::FAULT
        } else {
            let Some((_, default)) = known.objects.get(&id) else {
                unknown(context, known, written, &id);
                continue;
            };
            warn_of_order(context, known, written, &id);
            *default
        };
        let weight = match written.weight {
            None => default,
            Some(own) => {
                let reverse = own.reverse.unwrap_or_else(|| default.is_reversed());
                Weight::new(own.weight)
                    .unwrap_or_default()
                    .reversed(reverse)
            }
        };
        if owner && !weight.is_fault() {
            let place = written.weight.map_or(name.span, |weight| weight.span);
            let message = "the priority of an address owner never changes";
            let finding = Diagnostic::warning(place, message).label("ignored");
            context.findings.push(finding);
            continue;
        }
        if tracked.iter().any(|(first, _)| *first == id) {
            let message = format!("`{}` is tracked twice", name.value);
            context
                .findings
                .push(Diagnostic::warning(name.span, message).label("ignored"));
            continue;
        }
        tracked.push((id, weight));
    }
    tracked
}

/// Warns where an object is defined below the list that names it, which keepalived then ignores.
fn warn_of_order(context: &mut Context<'_>, known: &Known, written: &TrackConfig, id: &ObjectId) {
    let name = &written.name;
    if let Some((block, place)) = known.places.get(id)
        && *block >= written.line
    {
        warn_defined_below(context, At::new(&name.value, name.span), *place);
    }
}

/// Warns about a name whose definition at `place` comes later.
pub(super) fn warn_defined_below(context: &mut Context<'_>, name: At<&str>, place: Span) {
    let message = format!("`{}` is defined below", name.value);
    let finding = Diagnostic::warning(name.span, message);
    let finding = finding.label("keepalived does not track it then");
    context
        .findings
        .push(finding.note_at(place, "it is defined here"));
}

fn unknown(context: &mut Context<'_>, known: &Known, written: &TrackConfig, id: &ObjectId) {
    if known.named.contains_key(id) {
        return; // It was left out, which has been reported.
    }
    let name = &written.name;
    let same_kind = known
        .objects
        .keys()
        .filter(|known| std::mem::discriminant(*known) == std::mem::discriminant(id));
    let names: Vec<&str> = same_kind.map(|known| &**known.name()).collect();
    let message = format!("no `{} {}`", written.kind.keyword(), name.value);
    let finding = Diagnostic::error(name.span, message).suggest(nearest(&name.value, names));
    context.findings.push(finding);
}

/// Keeps the files that checks may name, with their places and the factors that hold where a check has
/// none.
pub(super) fn keep_files(context: &mut Context<'_>, known: &Known) {
    let mut files = BTreeMap::new();
    for (id, (_, weight)) in &known.objects {
        if let ObjectId::File(name) = id {
            let weight = FileWeight::new(i32::from(weight.get()), weight.is_reversed());
            files.insert(name.to_string(), weight);
            if let Some(place) = known.places.get(id) {
                context.checks.file_places.insert(name.to_string(), *place);
            }
        }
    }
    context.checks.files = Arc::new(files);
}

/// The files that checks follow.
pub(super) fn checked_files(virtual_servers: &[VirtualServer]) -> BTreeSet<ObjectId> {
    let files = virtual_servers
        .iter()
        .flat_map(VirtualServer::checked_files);
    files.map(|name| ObjectId::File(name.into())).collect()
}

/// Those that are tracked; the others are left out, and reported where no block names them.
pub(super) fn objects(
    context: &mut Context<'_>,
    config: &Config,
    known: &Known,
    routers: &[VrrpInstance],
    groups: &[SyncGroup],
    checked: &BTreeSet<ObjectId>,
) -> Vec<ObjectSpec> {
    let routers = routers.iter().flat_map(|router| &router.spec.tracked);
    let groups = groups.iter().flat_map(|group| &group.spec.tracked);
    let tracked = routers.chain(groups).map(|(object, _)| object);
    let tracked: BTreeSet<&ObjectId> = tracked.chain(checked).collect();
    let mut objects: Vec<ObjectSpec> = Vec::new();
    for written in &config.objects {
        let key = id(written.kind(), &written.name.value);
        let Some((object, _)) = known.objects.get(&key) else {
            continue;
        };
        if objects.iter().any(|object| object.id() == key) {
            continue; // A second one by this name has been reported.
        }
        if tracked.contains(&key) {
            objects.push(object.clone());
        } else if known.named.get(&key) != Some(&true) {
            let message = format!("`{}` is not tracked", written.name.value);
            let finding = Diagnostic::warning(written.name.span, message)
                .label("left out")
                .silent();
            context.findings.push(finding);
        }
    }
    objects
}

/// Warns about weights that have no effect in a sync group, whose members must stay together.
fn warn_of_weights(
    context: &mut Context<'_>,
    config: &Config,
    group: &GroupSpec,
    routers: &[VrrpInstance],
) {
    let routers = routers.iter().map(|router| &router.spec);
    let members = routers.filter(|router| group.members.contains(&router.name));
    let lists = members.filter_map(|router| {
        let mut written = config.instances.iter();
        let written = written.find(|instance| instance.name.value == router.name)?;
        Some((router.tracked.as_slice(), written.tracked.as_slice()))
    });
    for (tracked, written) in lists {
        for (object, weight) in tracked.iter().filter(|(_, weight)| !weight.is_fault()) {
            let kind = match object {
                ObjectId::Interface(_) => Object::Interface,
                ObjectId::File(_) => Object::File,
                ObjectId::Process(_) => Object::Process(Process::default()),
                _ => Object::Script(Script::default()),
            };
            let label = match weight.in_sync_group(kind, false) {
                None => "not tracked",
                Some(_) => "taken as 0: a fault",
            };
            let Some(entry) = written
                .iter()
                .find(|entry| id(entry.kind, &entry.name.value) == *object)
            else {
                continue;
            };
            let place = entry.weight.map_or(entry.name.span, |weight| weight.span);
            let message = format!("{object} has a weight in the sync group {}", group.name);
            let finding = Diagnostic::warning(place, message).label(label);
            let note = "`sync_group_tracking_weight` lets it count";
            context.findings.push(finding.note(note));
        }
    }
}

/// Sync groups. A member that is unknown, or in another group already, is reported and left out.
pub(super) fn groups(
    context: &mut Context<'_>,
    config: &Config,
    known: &Known,
    routers: &[VrrpInstance],
) -> Vec<SyncGroup> {
    let mut taken = BTreeMap::new();
    let mut groups: Vec<SyncGroup> = Vec::new();
    for written in &config.groups {
        let name = &written.name;
        if groups.iter().any(|group| group.spec.name == name.value) {
            let message = format!("a second `vrrp_sync_group {}`", name.value);
            let finding = Diagnostic::error(name.span, message);
            context
                .findings
                .push(finding.note("the first one holds, this one is skipped"));
            continue;
        }
        let mut group = GroupSpec::new(name.value.as_str(), Vec::<String>::new());
        for member in &written.members {
            let names = || routers.iter().map(|router| router.spec.name.as_str());
            if !names().any(|name| name == member.value) {
                let message = format!("no `vrrp_instance {}`", member.value);
                let finding = Diagnostic::error(member.span, message);
                context
                    .findings
                    .push(finding.suggest(nearest(&member.value, names())));
            } else if let Some(first) = taken.insert(member.value.as_str(), member.span) {
                let message = format!("`{}` is in two sync groups", member.value);
                let finding = Diagnostic::error(member.span, message);
                context
                    .findings
                    .push(finding.note_at(first, "it stays in the one here"));
            } else {
                group.members.push(member.value.clone());
            }
        }
        if group.members.is_empty() {
            if !written.misplaced_members {
                let finding = Diagnostic::error(name.span, "a sync group without a member");
                context.findings.push(finding.note("it is left out"));
            }
            continue;
        }
        if let [only] = group.members.as_slice() {
            let message = format!("`{only}` is the only member");
            context.warning(name.span, message);
        }
        group.tracked = tracked(context, known, &written.tracked, None, false);
        group.tracking_weight = written.tracking_weight;
        if !group.tracking_weight {
            warn_of_weights(context, config, &group, routers);
        }
        let alert = config.global.alerts_of_routers(written.smtp_alert);
        let notify = notify::group(context, &config.global, &written.notify);
        let group = SyncGroup::new(group).with_smtp_alert(alert);
        groups.push(group.with_notify(notify));
    }
    groups
}
