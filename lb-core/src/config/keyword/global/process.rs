// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `global_defs` about processes, reloads, dumps and files.

use super::super::row::{Keyword, Value};
use crate::config::global::GlobalConfig;
use crate::config::runtime::process_name;

type Global = Keyword<GlobalConfig>;

pub(super) const KEYWORDS: &[Global] = &[
    Global::new(
        "process_names",
        "Names the threads of virtual routers and checks keepalived_vrrp and keepalived_lvs.",
        Value::Flag(|global| &mut global.runtime.default_names),
    )
    .tier(2),
    Global::new(
        "process_name",
        "Names the main process.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.main_name, value);
        }),
    ),
    Global::new(
        "vrrp_process_name",
        "Names the thread that sends adverts.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.vrrp_name, value);
        }),
    ),
    Global::new(
        "checker_process_name",
        "Names the thread of the checks.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.checker_name, value);
        }),
    ),
    Global::new(
        "lvs_process_name",
        "Is an older name of checker_process_name.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.checker_name, value);
        }),
    )
    .tier(4),
    Global::new(
        "bfd_process_name",
        "Has no effect: BFD has no process of its own.",
        Value::Other("NAME, 1 to 15 bytes", |global, context, line| {
            let value = process_name(context, line);
            context.set(line, &mut global.runtime.bfd_name, value);
        }),
    ),
    Global::new(
        "umask",
        "Sets the mode bits that new files do not get.",
        Value::Other("NUMBER|IRUSR|…", |global, context, line| {
            global.runtime.umask(context, line);
        }),
    )
    .default("0177"),
    Global::new(
        "random_seed",
        "Has each ${_RANDOM} that follows be the same at each reading.",
        Value::Number(0..=u32::MAX, |global| &mut global.runtime.random_seed),
    )
    .default("other numbers each time"),
    Global::new(
        "reload_time_file",
        "Names the file with the time of the next reload.",
        Value::Text("a file", |global| &mut global.runtime.reload_time_file),
    ),
    Global::new(
        "reload_repeat",
        "Keeps that file after its reload.",
        Value::Flag(|global| &mut global.runtime.reload_repeat),
    ),
    Global::new(
        "reload_check_config",
        "Keeps the running configuration if the new one has an error, and logs its findings to a file.",
        Value::Other("[FILE]", |global, context, line| {
            global.runtime.reload_check(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "reload_file",
        "Names a file that exists while the configuration is read.",
        Value::Other("[FILE]", |global, context, line| {
            global.runtime.reload_file(context, line);
        }),
    ),
    Global::new(
        "state_dump_file",
        "Names the file of state dumps.",
        Value::Text("a file", |global| &mut global.runtime.state_dump),
    )
    .default("in /tmp"),
    Global::new(
        "state_dump_file_location",
        "Is another name of state_dump_file.",
        Value::Text("a file", |global| &mut global.runtime.state_dump),
    )
    .default("in /tmp"),
    Global::new(
        "stats_dump_file",
        "Names the file of counter dumps.",
        Value::Text("a file", |global| &mut global.runtime.stats_dump),
    )
    .default("in /tmp"),
    Global::new(
        "stats_dump_file_location",
        "Is another name of stats_dump_file.",
        Value::Text("a file", |global| &mut global.runtime.stats_dump),
    )
    .default("in /tmp"),
    Global::new(
        "json_dump_file",
        "Names the file of JSON dumps.",
        Value::Text("a file", |global| &mut global.runtime.json_dump),
    )
    .default("in /tmp"),
    Global::new(
        "json_dump_file_location",
        "Is another name of json_dump_file.",
        Value::Text("a file", |global| &mut global.runtime.json_dump),
    )
    .default("in /tmp"),
    Global::new(
        "json_version",
        "Sets the version of JSON dumps.",
        Value::Number(1..=2, |global| &mut global.runtime.json_version),
    )
    .default("1"),
    Global::new(
        "data_use_instance",
        "Puts network namespace and instance into the names of state dumps.",
        Value::Boolean(|global| &mut global.runtime.dumps_use_instance),
    )
    .default("off"),
    Global::new(
        "include_check",
        "Makes each `include` that follows insist on its files, as its variants do.",
        Value::Elsewhere("[[+|-]read] [[+|-]match] [[+|-]wildcard_match] [[+|-]brace_match]"),
    )
    .default("none"),
];
