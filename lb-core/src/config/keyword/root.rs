// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords at the top of a file.

use super::{Keyword, Value};
use crate::config::announcements;
use crate::config::links;
use crate::config::pending;
use crate::config::resolve::Config;
use crate::config::runtime::skip_words;
use crate::config::statics::StaticKind;
use crate::config::track::GroupConfig;
use crate::config::tracked::{FileConfig, ProcessConfig, ScriptConfig, Source};

type Root = Keyword<Config>;

pub(in crate::config) const ROOT: &[Root] = &[
    Root::new(
        "global_defs",
        "Holds the global settings; several blocks are merged.",
        Value::Other("{ … }", |config, context, line| {
            config.global.read(context, line);
        }),
    )
    .tier(1),
    Root::new(
        "garp_group",
        "Paces the announcements of several interfaces together.",
        Value::Other("{ … }", |config, context, line| {
            let known = &config.global.garp_groups;
            let group = announcements::group(context, line, known);
            config.global.garp_groups.extend(group);
        }),
    ),
    Root::new(
        "vrrp_instance",
        "Adds a virtual router.",
        Value::Other("NAME { … }", Config::instance),
    )
    .tier(1),
    Root::new(
        "vrrp_sync_group",
        "Has virtual routers be master together.",
        Value::Other("NAME { … }", |config, context, line| {
            config.groups.extend(GroupConfig::read(context, line));
        }),
    )
    .tier(1),
    Root::new(
        "vrrp_script",
        "Defines a script that can be tracked.",
        Value::Other("NAME { … }", |config, context, line| {
            let source = Source::Script(ScriptConfig::default());
            config.object(context, line, source);
        }),
    )
    .tier(1),
    Root::new(
        "track_file",
        "Defines a file that can be tracked.",
        Value::Other("NAME { … }", |config, context, line| {
            let source = Source::File(FileConfig::default());
            config.object(context, line, source);
        }),
    )
    .tier(2),
    Root::new(
        "vrrp_track_file",
        "Is an older name of track_file.",
        Value::Other("NAME { … }", |config, context, line| {
            let source = Source::File(FileConfig::default());
            config.object(context, line, source);
        }),
    )
    .tier(4),
    Root::new(
        "vrrp_track_process",
        "Defines processes that can be tracked.",
        Value::Other("NAME { … }", |config, context, line| {
            let source = Source::Process(ProcessConfig::default());
            config.object(context, line, source);
        }),
    )
    .tier(2),
    Root::new(
        "static_ipaddress",
        "Lists addresses that are installed independently of the VRRP state.",
        Value::Other("{ ADDRESS … }", |config, _, line| {
            config.statics.block(StaticKind::Addresses, line);
        }),
    )
    .tier(2),
    Root::new(
        "static_routes",
        "Lists routes that are installed independently of the VRRP state.",
        Value::Other("{ ROUTE … }", |config, _, line| {
            config.statics.block(StaticKind::Routes, line);
        }),
    )
    .tier(2),
    Root::new(
        "static_rules",
        "Lists rules that are installed independently of the VRRP state.",
        Value::Other("{ RULE … }", |config, _, line| {
            config.statics.block(StaticKind::Rules, line);
        }),
    )
    .tier(2),
    Root::new(
        "track_group",
        "Has instances be in fault while a static item is missing.",
        Value::Other("NAME { … }", |config, context, line| {
            config.statics.group(context, line);
        }),
    ),
    Root::new(
        "interface_up_down_delays",
        "Lists how long changes of the carrier of interfaces must last before they count.",
        Value::Other("{ INTERFACE DOWN [UP] … }", |config, context, line| {
            links::delays(context, line, &mut config.delays);
        }),
    ),
    Root::new(
        "linkbeat_interfaces",
        "Lists interfaces whose link is polled.",
        Value::Other(
            "{ INTERFACE [MII|ETHTOOL|IOCTL] … }",
            |config, context, line| {
                links::polls(context, line, &mut config.polls);
            },
        ),
    ),
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
    .tier(1),
    Root::new(
        "virtual_server_group",
        "Defines IPVS services that share real servers.",
        Value::Other(
            "NAME { ADDRESS[-LAST|/LENGTH] [PORT]|fwmark MARK [inet|inet6] … }",
            Config::server_group,
        ),
    )
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
        Value::Text("a name", |config| &mut config.global.runtime.instance),
    )
    .tier(2),
    Root::new(
        "net_namespace",
        "Runs the program in a network namespace.",
        Value::Text("a network namespace", |config| &mut config.global.runtime.network_namespace),
    )
    .tier(2),
    Root::new(
        "net_namespace_ipvs",
        "Uses the IPVS table of another network namespace; alone, of the one the program was started in.",
        Value::Other("[NAME]", |config, context, line| {
            config.global.runtime.ipvs_namespace(context, line);
        }),
    )
    .default("that of the program")
    .later(),
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
        Value::Other("", |_, context, line| skip_words(context, line)),
    ),
    Root::new(
        "SSL",
        "Sets the certificate of SSL_GET.",
        Value::Other("{ … }", |_, context, line| pending::ssl(context, line)),
    )
    .later(),
    Root::new(
        "bfd_instance",
        "Defines a BFD session.",
        Value::Other("NAME { … }", |_, context, line| pending::bfd(context, line)),
    )
    .tier(2)
    .later(),
];
