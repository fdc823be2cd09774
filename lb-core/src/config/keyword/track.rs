// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `vrrp_sync_group`, `vrrp_script`, `track_file` and `vrrp_track_process`.

use super::row::{Keyword, Table, Value};
use crate::config::command::arguments;
use crate::config::level::Level;
use crate::config::line::Context;
use crate::config::notify::{COMMAND, WEBHOOK, webhook};
use crate::config::runtime::does_not_run;
use crate::config::track::{self, GroupConfig, Kind};
use crate::config::tracked::{
    FileConfig, ObjectConfig, PROCESS_DELAY, ProcessConfig, ScriptConfig, Source, seconds,
};
use crate::config::tree::NodeId;
use crate::model::RouterEvent;

const MAX: u32 = i32::MAX.unsigned_abs();

type Group = Keyword<GroupConfig>;

pub(in crate::config) static SYNC_GROUP: Table<GroupConfig> =
    Table::new(&[Level::SyncGroup], "vrrp_sync_group", &[GROUP_KEYWORDS]);

const GROUP_KEYWORDS: &[Group] = &[
    Group::new(
        "group",
        "Lists the instances; must be given.",
        Value::Other("{ INSTANCE … }", |group, context, line| {
            context.names(line, &mut group.members);
        }),
    )
    .opens(Level::Words)
    .tier(1),
    Group::new(
        "sync_group_tracking_weight",
        "Lets members track with weights of their own.",
        Value::Other("", |group, context, line| {
            group.tracking_weight = context.flag(line).value;
        }),
    ),
    Group::new(
        "global_tracking",
        "Is an older name of sync_group_tracking_weight.",
        Value::Other("", |group, context, line| {
            group.tracking_weight = context.flag(line).value;
        }),
    )
    .tier(4),
    Group::new(
        "smtp_alert",
        "Mails changes of state.",
        Value::Boolean(|group| &mut group.smtp_alert),
    )
    .default("smtp_alert_vrrp")
    .tier(2),
    Group::new(
        "track_interface",
        "Lists interfaces that all members track.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |group, context, line| {
                track::list(context, line, Kind::Interface, &mut group.tracked);
            },
        ),
    )
    .opens(Level::Words)
    .tier(2),
    Group::new(
        "track_script",
        "Lists scripts that all members track.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |group, context, line| {
                track::list(context, line, Kind::Script, &mut group.tracked);
            },
        ),
    )
    .opens(Level::Words)
    .tier(2),
    Group::new(
        "track_file",
        "Lists files that all members track.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |group, context, line| {
                track::list(context, line, Kind::File, &mut group.tracked);
            },
        ),
    )
    .opens(Level::Words),
    Group::new(
        "track_process",
        "Lists processes that all members track.",
        Value::Other(
            "{ NAME [weight N [reverse]] … }",
            |group, context, line| {
                track::list(context, line, Kind::Process, &mut group.tracked);
            },
        ),
    )
    .opens(Level::Words),
    Group::new(
        "track_bfd",
        "Lists the BFD sessions that count for all members.",
        Value::Other("{ NAME [weight WEIGHT] … }", |_, context, line| {
            does_not_run(context, line);
        }),
    )
    .opens(Level::Words)
    .later(),
    Group::new(
        "notify",
        "Starts a script at each change of state, with kind, name, state and priority.",
        Value::Other(COMMAND, |group, context, line| {
            let event = RouterEvent::Any;
            group.notify.script(context, line, event);
        }),
    )
    .tier(2),
    Group::new(
        "notify_backup",
        "Starts a script on becoming backup.",
        Value::Other(COMMAND, |group, context, line| {
            let event = RouterEvent::Backup;
            group.notify.script(context, line, event);
        }),
    )
    .tier(2),
    Group::new(
        "notify_fault",
        "Starts a script on a fault.",
        Value::Other(COMMAND, |group, context, line| {
            let event = RouterEvent::Fault;
            group.notify.script(context, line, event);
        }),
    )
    .tier(2),
    Group::new(
        "notify_master",
        "Starts a script on becoming master.",
        Value::Other(COMMAND, |group, context, line| {
            let event = RouterEvent::Master;
            group.notify.script(context, line, event);
        }),
    )
    .tier(2),
    Group::new(
        "notify_priority_changes",
        "Writes changes of the priority of members to the FIFOs.",
        Value::Boolean(|group| &mut group.notify.priority_changes),
    )
    .default("vrrp_notify_priority_changes"),
    Group::new(
        "notify_stop",
        "Starts a script when the program stops.",
        Value::Other(COMMAND, |group, context, line| {
            let event = RouterEvent::Stop;
            group.notify.script(context, line, event);
        }),
    )
    .tier(2),
    Group::new(
        "notify_url",
        "Posts each change of state to a web server, as JSON.",
        Value::Other(WEBHOOK, |group, context, line| {
            webhook(context, line, &mut group.notify.webhook);
        }),
    )
    .default("that of global_defs")
    .own(),
];

type Script = Keyword<ScriptConfig>;

pub(in crate::config) static SCRIPT: Table<ScriptConfig> =
    Table::new(&[Level::Script], "vrrp_script", &[SCRIPT_KEYWORDS]);

const SCRIPT_KEYWORDS: &[Script] = &[
    Script::new(
        "script",
        "Sets the program and its arguments; must be given.",
        Value::Other("COMMAND", |script, context, line| {
            let value = arguments(context, line, "a command");
            context.set(line, &mut script.command, value);
        }),
    )
    .tier(1),
    Script::new(
        "user",
        "Sets user and group of the program.",
        Value::Other("USER [GROUP]", |script, context, line| {
            let value = arguments(context, line, "a user");
            context.set(line, &mut script.user, value);
        }),
    )
    .default("script_user")
    .tier(1),
    Script::new(
        "interval",
        "Sets the time between two starts.",
        Value::Other("SECONDS, above 0", |script, context, line| {
            let value = seconds(context, line);
            context.set(line, &mut script.interval, value);
        }),
    )
    .default("1")
    .tier(1),
    Script::new(
        "timeout",
        "Limits the time of one run.",
        Value::Other("SECONDS, above 0", |script, context, line| {
            let value = seconds(context, line);
            context.set(line, &mut script.timeout, value);
        }),
    )
    .default("interval")
    .tier(1),
    Script::new(
        "rise",
        "Sets how many successes in a row count as success.",
        Value::Number(1..=MAX, |script| &mut script.rise),
    )
    .default("1")
    .tier(1),
    Script::new(
        "fall",
        "Sets how many failures in a row count as failure.",
        Value::Number(1..=MAX, |script| &mut script.fall),
    )
    .default("1")
    .tier(1),
    Script::new(
        "init_fail",
        "Counts as failed before the first result.",
        Value::Flag(|script| &mut script.init_fail),
    )
    .tier(2),
    Script::new(
        "weight",
        "Sets what the state changes the priority by; 0 makes it a fault.",
        Value::Elsewhere("NUMBER [reverse], -253 to 253"),
    )
    .default("0")
    .tier(1),
];

type File = Keyword<FileConfig>;

pub(in crate::config) static TRACK_FILE: Table<FileConfig> =
    Table::new(&[Level::TrackFile], "track_file", &[FILE_KEYWORDS]);

const FILE_KEYWORDS: &[File] = &[
    File::new(
        "file",
        "Sets the file that holds a number; must be given.",
        Value::Text("a path", |file| &mut file.path),
    )
    .tier(2),
    File::new(
        "init_file",
        "Writes the file at start, if it is missing or with overwrite.",
        Value::Other("[NUMBER] [overwrite]", FileConfig::init),
    )
    .tier(2),
    File::new(
        "weight",
        "Sets the factor of the number.",
        Value::Elsewhere("NUMBER [reverse], -254 to 254"),
    )
    .default("1")
    .tier(2),
];

type Process = Keyword<ProcessConfig>;

pub(in crate::config) static PROCESS: Table<ProcessConfig> = Table::new(
    &[Level::TrackProcess],
    "vrrp_track_process",
    &[PROCESS_KEYWORDS],
);

const PROCESS_KEYWORDS: &[Process] = &[
    Process::new(
        "process",
        "Sets the name or command line of the processes; must be given.",
        Value::Other("COMMAND", ProcessConfig::words),
    )
    .tier(2),
    Process::new(
        "param_match",
        "Compares the parameters, too.",
        Value::Other("[initial|partial]", ProcessConfig::matching),
    ),
    Process::new(
        "full_command",
        "Compares the whole command line.",
        Value::Flag(|process| &mut process.full_command),
    ),
    Process::new(
        "quorum",
        "Sets the least number of processes.",
        Value::Number(1..=65535, |process| &mut process.quorum),
    )
    .default("1"),
    Process::new(
        "quorum_max",
        "Sets the largest number of processes.",
        Value::Number(0..=65535, |process| &mut process.quorum_max),
    )
    .default("none"),
    Process::new(
        "fork_delay",
        "Sets how long enough processes must run before they count.",
        Value::Seconds(PROCESS_DELAY, |process| &mut process.fork_delay),
    )
    .default("0"),
    Process::new(
        "terminate_delay",
        "Sets how long too few processes are tolerated.",
        Value::Seconds(PROCESS_DELAY, |process| &mut process.terminate_delay),
    )
    .default("0"),
    Process::new(
        "delay",
        "Sets fork_delay and terminate_delay.",
        Value::Other("SECONDS, 0.000001 to 3600", ProcessConfig::delay),
    ),
    Process::new(
        "weight",
        "Sets what the state changes the priority by; 0 makes it a fault.",
        Value::Elsewhere("NUMBER [reverse], -254 to 254"),
    )
    .default("0")
    .tier(2),
];

/// Reads one `vrrp_sync_group`; none if it has no name.
pub(super) fn sync_group(context: &mut Context<'_>, block: NodeId) -> Option<GroupConfig> {
    let mut group = GroupConfig::new(context.sole_name(block)?);
    for line in context.lines(block) {
        if !SYNC_GROUP.try_line(&mut group, context, line) {
            group.report_unknown(context, block, line);
        }
    }
    Some(group)
}

/// Reads one block of an object that can be tracked; none if it has no name.
pub(super) fn object(
    context: &mut Context<'_>,
    block: NodeId,
    source: Source,
) -> Option<ObjectConfig> {
    let mut object = ObjectConfig::new(context.name(block)?, source, block);
    for line in context.lines(block) {
        if context.keyword(line).0 == "weight" {
            object.weight(context, line);
            continue;
        }
        match &mut object.source {
            Source::Script(script) => SCRIPT.read_line(script, context, line),
            Source::File(file) => TRACK_FILE.read_line(file, context, line),
            Source::Process(process) => PROCESS.read_line(process, context, line),
        }
    }
    Some(object)
}
