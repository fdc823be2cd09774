// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracked objects.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::time::Duration;

use lb_core::model::{FileSource, ObjectSpec, ProcessSource, ScriptSource};
use lb_vrrp::track::{FileInit, Process, ProcessPattern, Script, Weight};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::micros;
use crate::notify::{account, argv};

fn file() -> impl Strategy<Value = FileSource> {
    let init = proptest::option::of((any::<i32>(), any::<bool>()));
    init.prop_map(|init| {
        let mut source = FileSource::new("/run/load");
        source.init = init.map(|(value, overwrite)| FileInit {
            value: value.into(),
            overwrite,
        });
        source
    })
}

fn process() -> impl Strategy<Value = ProcessSource> {
    let words = vec("[a-zA-Z0-9 #!$/-]{1,9}", 1..4).prop_filter("a reference", |words| {
        words.iter().all(|word| !word.contains("${"))
    });
    let pattern = prop_oneof![
        Just(ProcessPattern::Name("nginx".to_owned())),
        words.clone().prop_map(ProcessPattern::Exact),
        words.clone().prop_map(ProcessPattern::Initial),
        words.prop_map(ProcessPattern::Partial),
    ];
    let delays = (micros(1..3_000_000), micros(1..3_000_000));
    let counts = (1..100_u16, proptest::option::of(100..200_u16));
    (pattern, counts, delays).prop_map(|(pattern, (quorum, quorum_max), (fork, end))| {
        let process = Process {
            quorum,
            quorum_max,
            fork_delay: fork,
            terminate_delay: end,
        };
        ProcessSource::new(pattern).with_process(process)
    })
}

fn tracked_script() -> impl Strategy<Value = ScriptSource> {
    let readable = Just(
        ["/bin/sh", "-c", ": <\"$0\"", "/etc/a file"]
            .map(OsString::from)
            .to_vec(),
    );
    let argv = prop_oneof![4 => argv(), 1 => readable];
    let counts = (1..10_u32, 1..10_u32, any::<bool>());
    (
        argv,
        account(),
        micros(1..9_000_000),
        micros(1..9_000_000),
        counts,
    )
        .prop_map(
            |(argv, (uid, gid), interval, timeout, (rise, fall, init_fail))| {
                ScriptSource::new(argv)
                    .with_account(uid, gid)
                    .with_interval(interval, timeout.max(Duration::from_micros(1)))
                    .with_script(Script {
                        rise: NonZeroU32::new(rise).unwrap(),
                        fall: NonZeroU32::new(fall).unwrap(),
                        init_fail,
                    })
            },
        )
}

pub(crate) fn object(number: usize) -> impl Strategy<Value = ObjectSpec> {
    let name = move || format!("object{number}");
    prop_oneof![
        file().prop_map(move |source| ObjectSpec::new(name(), source)),
        process().prop_map(move |source| ObjectSpec::new(name(), source)),
        tracked_script().prop_map(move |source| ObjectSpec::new(name(), source)),
    ]
}

pub(crate) fn weight() -> impl Strategy<Value = Weight> {
    (-253..=253_i32, any::<bool>())
        .prop_map(|(weight, reverse)| Weight::new(weight).unwrap().reversed(reverse))
}
