// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts, FIFOs and notifications.

use std::ffi::OsString;

use lb_core::model::{Fifo, NotifyFifos, NotifyScript, RouterEvent, RouterNotify, ServerNotify};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

/// A program that each machine has, with arguments of any characters but zero bytes.
pub(crate) fn argv() -> impl Strategy<Value = Vec<OsString>> {
    let argument = prop_oneof![
        "[a-z0-9-]{1,9}",
        "[ -~]{0,9}",
        any::<String>().prop_map(|text| text.replace('\0', "")),
    ];
    vec(argument, 0..4).prop_map(|arguments| {
        let arguments = arguments.into_iter().map(OsString::from);
        std::iter::once(OsString::from("/bin/true"))
            .chain(arguments)
            .collect()
    })
}

/// The account of a script: root, in its own group or in another.
pub(crate) fn account() -> impl Strategy<Value = (u32, u32)> {
    (Just(0), select(vec![0, 1, 4_294_967_001]))
}

pub(crate) fn script() -> impl Strategy<Value = NotifyScript> {
    (argv(), account())
        .prop_map(|(argv, (uid, gid))| NotifyScript::new(argv).with_account(uid, gid))
}

/// Notifications of an instance, or of a sync group, which has fewer.
pub(crate) fn notify(instance: bool) -> impl Strategy<Value = RouterNotify> {
    let mut events = vec![
        RouterEvent::Master,
        RouterEvent::Backup,
        RouterEvent::Fault,
        RouterEvent::Stop,
        RouterEvent::Any,
    ];
    if instance {
        events.extend([RouterEvent::Deleted, RouterEvent::LosingAdvert]);
    }
    let scripts = btree_map(select(events), script(), 0..4);
    let flags = any::<[bool; 2]>().prop_map(move |flags| flags.map(|flag| flag && instance));
    (scripts, flags).prop_map(|(scripts, [deletion, changes])| {
        let mut notify = RouterNotify::default();
        notify.reports_deletion = deletion || scripts.contains_key(&RouterEvent::Deleted);
        notify.scripts = scripts;
        notify.priority_changes = changes;
        notify
    })
}

pub(crate) fn server_notify() -> impl Strategy<Value = Option<ServerNotify>> {
    let one = || proptest::option::weighted(0.2, script());
    (one(), one()).prop_map(|(up, down)| {
        let mut notify = ServerNotify::default();
        let any = up.is_some() || down.is_some();
        (notify.up, notify.down) = (up, down);
        any.then_some(notify)
    })
}

pub(crate) fn fifos() -> impl Strategy<Value = NotifyFifos> {
    let one = |path: &'static str| {
        let script = proptest::option::of(script());
        let fifo = (proptest::option::of(account()), script).prop_map(move |(account, script)| {
            let mut fifo = Fifo::new(path);
            fifo.account = account;
            fifo.script = script;
            fifo
        });
        proptest::option::weighted(0.3, fifo)
    };
    let three = (one("/run/all"), one("/run/a path"), one("/run/lvs#1"));
    (three, any::<bool>()).prop_map(|((all, vrrp, servers), states)| {
        let mut fifos = NotifyFifos::default();
        (fifos.all, fifos.vrrp, fifos.servers) = (all, vrrp, servers);
        fifos.states_on_reload = states;
        fifos
    })
}
