// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of `global_defs` about the IPVS table and checks.

use super::super::row::{Keyword, Value};
use crate::config::global::GlobalConfig;
use crate::config::runtime::mark_range;
use crate::config::scheduling::{RTTIME, nice, processors, realtime_limit};

type Global = Keyword<GlobalConfig>;

pub(super) const KEYWORDS: &[Global] = &[
    Global::new(
        "lvs_sync_daemon",
        "Runs the connection sync daemon of IPVS.",
        Value::Other(
            "INTERFACE [[inst] INSTANCE] [id N] [maxlen BYTES] [port N] [ttl N] [group ADDRESS]",
            GlobalConfig::sync_daemon,
        ),
    )
    .tier(2),
    Global::new(
        "lvs_timeouts",
        "Sets the timeouts of connections at the start; the stop restores them.",
        Value::Other(
            "[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]",
            |global, context, line| {
                global.runtime.timeouts(context, line);
            },
        ),
    )
    .tier(2),
    Global::new(
        "lvs_flush",
        "Deletes all IPVS services at the start, also those of other programs.",
        Value::Flag(|global| &mut global.runtime.flush),
    )
    .tier(2),
    Global::new(
        "lvs_flush_on_stop",
        "Deletes all IPVS services at the stop; with VS only our own, which is the default.",
        Value::Other("[VS]", |global, context, line| {
            global.runtime.flush_on_stop(context, line);
        }),
    )
    .tier(2),
    Global::new(
        "lvs_flush_onstop",
        "Is another name of lvs_flush_on_stop.",
        Value::Other("[VS]", |global, context, line| {
            global.runtime.flush_on_stop(context, line);
        }),
    )
    .tier(4),
    Global::new(
        "nftables_ipvs",
        "Has no effect: a group has an IPVS service for each address.",
        Value::Ignored("[TABLE]"),
    ),
    Global::new(
        "nftables_ipvs_priority",
        "Has no effect: a group has an IPVS service for each address.",
        Value::Ignored("NUMBER"),
    ),
    Global::new(
        "nftables_ipvs_start_fwmark",
        "Has no effect: a group has an IPVS service for each address.",
        Value::Ignored("NUMBER"),
    ),
    Global::new(
        "checker_log_all_failures",
        "Logs each failed attempt of a check, not only the one that decides.",
        Value::Boolean(|global| &mut global.log_all_failures),
    )
    .default("off")
    .tier(2),
    Global::new(
        "via_vip_marks",
        "Sets the firewall marks of checks at the virtual address: the first and the last one.",
        Value::Other("NUMBER NUMBER, from 1", |global, context, line| {
            let value = mark_range(context, line);
            context.set(line, &mut global.runtime.via_vip_marks, value);
        }),
    )
    .default("65536 131071")
    .own(),
    Global::new(
        "checker_priority",
        "Sets the nice value of the thread of the checks.",
        Value::Other("NUMBER, -20 to 19", |global, context, line| {
            let value = nice(context, line);
            context.set(line, &mut global.runtime.check_scheduling.nice, value);
        }),
    )
    .tier(2),
    Global::new(
        "checker_rt_priority",
        "Runs the checks in real time with this priority.",
        Value::Number(1..=99, |global| {
            &mut global.runtime.check_scheduling.priority
        }),
    ),
    Global::new(
        "checker_no_swap",
        "Locks the memory of the checks.",
        Value::Flag(|global| &mut global.runtime.check_scheduling.no_swap),
    )
    .tier(2),
    Global::new(
        "checker_cpu_affinity",
        "Sets the processors of the checks.",
        Value::Other("NUMBER …, 0 to 1023", |global, context, line| {
            let value = processors(context, line);
            context.set(line, &mut global.runtime.check_scheduling.processors, value);
        }),
    )
    .default("all"),
    Global::new(
        "checker_rlimit_rttime",
        "Limits the time that the real-time thread of the checks runs without blocking.",
        Value::Other(RTTIME, |global, context, line| {
            let value = realtime_limit(context, line);
            context.set(line, &mut global.runtime.check_scheduling.limit, value);
        }),
    ),
    Global::new(
        "checker_rlimit_rtime",
        "Is an older name of checker_rlimit_rttime.",
        Value::Other(RTTIME, |global, context, line| {
            let value = realtime_limit(context, line);
            context.set(line, &mut global.runtime.check_scheduling.limit, value);
        }),
    )
    .tier(4),
];
