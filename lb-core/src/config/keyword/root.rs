// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords at the top of a file.

use lb_check::ScriptRules;

use super::global::GLOBAL;
use super::group::{garp_group, track_group};
use super::instance::INSTANCE;
use super::row::{Keyword, Table, Value};
use super::track::{object, sync_group};
use crate::config::instance::InstanceConfig;
use crate::config::level::Level;
use crate::config::line::{At, Context};
use crate::config::links;
use crate::config::pending;
use crate::config::root::Config;
use crate::config::runtime::first_text;
use crate::config::source::Span;
use crate::config::ssl;
use crate::config::statics::StaticKind;
use crate::config::tracked::{FileConfig, ProcessConfig, ScriptConfig, Source};
use crate::config::tree::NodeId;

type Root = Keyword<Config>;

pub(in crate::config) static ROOT: Table<Config> = Table::new(&[Level::Root], "", &[KEYWORDS]);

const KEYWORDS: &[Root] = &[
    Root::new(
        "global_defs",
        "Holds the global settings; several blocks are merged.",
        Value::Other("{ … }", |config, context, line| {
            context.only_block(line);
            GLOBAL.read(&mut config.global, context, line);
        }),
    )
    .opens(Level::Global)
    .tier(1),
    Root::new(
        "garp_group",
        "Paces the announcements of several interfaces together.",
        Value::Other("{ … }", |config, context, line| {
            let known = &config.global.garp_groups;
            let group = garp_group(context, line, known);
            config.global.garp_groups.extend(group);
        }),
    )
    .opens(Level::GarpGroup),
    Root::new(
        "vrrp_instance",
        "Adds a virtual router.",
        Value::Other("NAME { … }", instance),
    )
    .opens(Level::Instance)
    .tier(1),
    Root::new(
        "vrrp_sync_group",
        "Has virtual routers be master together.",
        Value::Other("NAME { … }", |config, context, line| {
            config.groups.extend(sync_group(context, line));
        }),
    )
    .opens(Level::SyncGroup)
    .tier(1),
    Root::new(
        "vrrp_script",
        "Defines a script that can be tracked.",
        Value::Other("NAME { … }", |config, context, line| {
            let source = Source::Script(ScriptConfig::default());
            config.objects.extend(object(context, line, source));
        }),
    )
    .opens(Level::Script)
    .tier(1),
    Root::new(
        "track_file",
        "Defines a file that can be tracked.",
        Value::Other("NAME { … }", |config, context, line| {
            let source = Source::File(FileConfig::default());
            config.objects.extend(object(context, line, source));
        }),
    )
    .opens(Level::TrackFile)
    .tier(2),
    Root::new(
        "vrrp_track_file",
        "Is an older name of track_file.",
        Value::Other("NAME { … }", |config, context, line| {
            let source = Source::File(FileConfig::default());
            config.objects.extend(object(context, line, source));
        }),
    )
    .opens(Level::TrackFile)
    .tier(4),
    Root::new(
        "vrrp_track_process",
        "Defines processes that can be tracked.",
        Value::Other("NAME { … }", |config, context, line| {
            let source = Source::Process(ProcessConfig::default());
            config.objects.extend(object(context, line, source));
        }),
    )
    .opens(Level::TrackProcess)
    .tier(2),
    Root::new(
        "static_ipaddress",
        "Lists addresses that are installed independently of the VRRP state.",
        Value::Other("{ ADDRESS … }", |config, _, line| {
            config.statics.block(StaticKind::Addresses, line);
        }),
    )
    .opens(Level::Words)
    .tier(2),
    Root::new(
        "static_routes",
        "Lists routes that are installed independently of the VRRP state.",
        Value::Other("{ ROUTE … }", |config, _, line| {
            config.statics.block(StaticKind::Routes, line);
        }),
    )
    .opens(Level::Words)
    .tier(2),
    Root::new(
        "static_rules",
        "Lists rules that are installed independently of the VRRP state.",
        Value::Other("{ RULE … }", |config, _, line| {
            config.statics.block(StaticKind::Rules, line);
        }),
    )
    .opens(Level::Words)
    .tier(2),
    Root::new(
        "track_group",
        "Has instances be in fault while a static item is missing.",
        Value::Other("NAME { … }", |config, context, line| {
            if let Some(group) = track_group(context, line) {
                config.statics.add_group(context, group);
            }
        }),
    )
    .opens(Level::TrackGroup),
    Root::new(
        "interface_up_down_delays",
        "Lists how long changes of the carrier of interfaces must last before they count.",
        Value::Other("{ INTERFACE DOWN [UP] … }", |config, context, line| {
            links::delays(context, line, &mut config.delays);
        }),
    )
    .opens(Level::Words),
    Root::new(
        "linkbeat_interfaces",
        "Lists interfaces whose link is polled.",
        Value::Other(
            "{ INTERFACE [MII|ETHTOOL|IOCTL] … }",
            |config, context, line| {
                links::polls(context, line, &mut config.polls);
            },
        ),
    )
    .opens(Level::Words),
    Root::new(
        "linkbeat_use_polling",
        "Polls the links of all interfaces of instances.",
        Value::Flag(|config| &mut config.polls_every),
    ),
    Root::new(
        "virtual_server",
        "Adds an IPVS service.",
        Value::Other(
            "ADDRESS [PORT]|fwmark MARK|group NAME { … }",
            |config, _, line| config.servers.push(line),
        ),
    )
    .opens(Level::VirtualServer)
    .tier(1),
    Root::new(
        "virtual_server_group",
        "Defines IPVS services that share real servers.",
        Value::Other(
            "NAME { ADDRESS[-LAST|/LENGTH] [PORT]|fwmark MARK [inet|inet6] … }",
            Config::server_group,
        ),
    )
    .opens(Level::Words)
    .tier(2),
    Root::new(
        "include",
        "Reads the files that match a pattern.",
        Value::Elsewhere("PATTERN"),
    ),
    Root::new(
        "includer",
        "Reads the files that match a pattern; it is an error if a file cannot be read.",
        Value::Elsewhere("PATTERN"),
    ),
    Root::new(
        "includem",
        "Reads the files that match a pattern; it is an error if a file cannot be read or none matches.",
        Value::Elsewhere("PATTERN"),
    ),
    Root::new(
        "includew",
        "Reads the files that match a pattern; it is an error if a file cannot be read, or none matches, also with a wildcard.",
        Value::Elsewhere("PATTERN"),
    ),
    Root::new(
        "includeb",
        "Reads the files that match a pattern; it is an error if a file cannot be read, or a part of a pattern with braces matches none.",
        Value::Elsewhere("PATTERN"),
    ),
    Root::new(
        "includea",
        "Reads the files that match a pattern; it is an error if any of these is the case.",
        Value::Elsewhere("PATTERN"),
    ),
    Root::new(
        "instance",
        "Names this program among several on a host.",
        Value::Other("a name", |config, context, line| {
            first_text(context, line, "a name", &mut config.global.runtime.instance);
        }),
    )
    .tier(2),
    Root::new(
        "net_namespace",
        "Runs the program in a network namespace.",
        Value::Other("a network namespace", |config, context, line| {
            let namespace = &mut config.global.runtime.network_namespace;
            first_text(context, line, "a network namespace", namespace);
        }),
    )
    .tier(2),
    Root::new(
        "net_namespace_ipvs",
        "Uses the IPVS table of another network namespace; alone, of the one the program was started in.",
        Value::Other("[NAME]", |config, context, line| {
            config.global.runtime.ipvs_namespace(context, line);
        }),
    )
    .default("that of the program"),
    Root::new(
        "use_pid_dir",
        "Puts pid files into a directory of their own.",
        Value::Flag(|config| &mut config.global.runtime.pid_directory),
    ),
    Root::new(
        "child_wait_time",
        "Sets how long a stop waits for the mail server, at most also for the takeover of a backup and for scripts.",
        Value::WholeSeconds(0..=u32::MAX, |config| &mut config.global.runtime.child_wait),
    )
    .default("5"),
    Root::new(
        "namespace_with_ipsets",
        "Has no effect: the packet filter uses nftables.",
        Value::Ignored(""),
    ),
    Root::new(
        "SSL",
        "Sets the certificate that SSL_GET shows to servers.",
        Value::Other("{ … }", |_, context, line| {
            ssl::read(context, line);
        }),
    )
    .opens(Level::Words),
    Root::new(
        "bfd_instance",
        "Defines a BFD session.",
        Value::Other("NAME { … }", |_, context, line| pending::bfd(context, line)),
    )
    .opens(Level::Words)
    .tier(2)
    .later(),
];

/// Reads the whole tree. The blocks `virtual_server` are kept for later.
pub(in crate::config) fn read(context: &mut Context<'_>) -> Config {
    let mut config = Config::default();
    for line in context.tree.roots() {
        ROOT.read_line(&mut config, context, line);
    }
    let global = &mut config.global;
    let user = global.script_user.as_ref().map(|at| at.value.clone());
    let all_groups = global.supplementary_groups.is_some_and(|at| at.value);
    global.script_rules =
        ScriptRules::new(user, global.script_security).with_supplementary_groups(all_groups);
    config
}

/// Reads one `vrrp_instance`; one without a name is read for further mistakes.
fn instance(config: &mut Config, context: &mut Context<'_>, block: NodeId) {
    let name = context.sole_name(block);
    let has_name = name.is_some();
    let name = name.unwrap_or_else(|| At::new(String::new(), Span::START));
    let mut instance = InstanceConfig::new(name, block, context.tree.line_span(block));
    INSTANCE.read(&mut instance, context, block);
    if has_name {
        config.add_instance(context, instance);
    }
}
