// SPDX-License-Identifier: MIT OR Apache-2.0
//! The global settings.

use std::path::PathBuf;

use lb_core::model::{
    Global, GlobalSyncDaemon, IpvsNamespace, IpvsSettings, MailSettings, ReloadFile,
    RuntimeSettings, StageScript,
};
use lb_ipvs::{SyncDaemon, SyncId, SyncState, Timeouts};
use lb_vrrp::spec::{LockMemory, Processors, Realtime, Scheduling};
use lb_vrrp::{
    CarrierDelay, LinkPoll, NetlinkBuffer, NetlinkBuffers, Pacing, PacingGroup, PollMethod,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::notify::{fifos, script};
use crate::{micros, seconds};

prop_compose! {
    fn scheduling()(
        priority in proptest::option::of(1..=99_u8),
        nice in proptest::option::of(-20..=19_i8),
        processors in vec(0..1024_u16, 0..4),
        limit in proptest::option::of(micros(1..1_000_000)),
        no_swap in any::<bool>(),
    ) -> Scheduling {
        let mut scheduling = Scheduling::default()
            .with_nice(nice)
            .with_processors(Processors::new(processors))
            .with_limit(limit);
        if let Some(priority) = priority {
            scheduling = scheduling.with_realtime(Realtime::Always).with_priority(priority);
        }
        if no_swap {
            scheduling = scheduling.with_memory(LockMemory::Always);
        }
        scheduling
    }
}

fn name() -> impl Strategy<Value = Option<String>> {
    proptest::option::weighted(0.3, "[a-zA-Z_. #!-]{1,15}")
}

fn path() -> impl Strategy<Value = Option<PathBuf>> {
    let path = select(vec!["/run/a", "/tmp/a b", "/tmp/#x", "/tmp/a{b}"]);
    proptest::option::weighted(0.3, path.prop_map(PathBuf::from))
}

fn stage() -> impl Strategy<Value = Option<StageScript>> {
    let stage = (script(), seconds(1..1000)).prop_map(|(script, timeout)| {
        let mut stage = StageScript::new(script);
        stage.timeout = timeout;
        stage
    });
    proptest::option::weighted(0.3, stage)
}

prop_compose! {
    fn runtime()(
        (instance, namespace, names) in (name(), name(), (name(), name(), name(), name())),
        ipvs in prop_oneof![
            Just(IpvsNamespace::Own),
            Just(IpvsNamespace::Initial),
            Just(IpvsNamespace::Named("blue".to_owned())),
        ],
        (wait, umask, seed) in (seconds(0..100), proptest::option::of(0..=0o777_u32), proptest::option::of(any::<u32>())),
        flags in any::<[bool; 8]>(),
        (time_file, log, file) in (path(), path(), proptest::option::of(path())),
        (state, stats, json) in (path(), path(), path()),
        (startup, shutdown) in (stage(), stage()),
        timeouts in proptest::option::of((seconds(0..10_000), seconds(0..10_000), seconds(0..10_000))),
        scheduling in scheduling(),
    ) -> (RuntimeSettings, IpvsSettings, Scheduling) {
        let mut runtime = RuntimeSettings::default();
        (runtime.instance, runtime.network_namespace, runtime.ipvs_namespace) = (instance, namespace, ipvs);
        (runtime.names.main, runtime.names.vrrp, runtime.names.checker, runtime.names.bfd) = names;
        (runtime.child_wait, runtime.umask, runtime.random_seed) = (wait, umask, seed);
        (runtime.pid_directory, runtime.names.defaults) = (flags[0], flags[1]);
        (runtime.reload.time_file, runtime.reload.repeat) = (time_file, flags[2]);
        (runtime.reload.check, runtime.reload.check_log) = (flags[3] || log.is_some(), log);
        runtime.reload.file = file.map(|path| path.map_or(ReloadFile::Default, ReloadFile::Path));
        (runtime.dumps.state, runtime.dumps.stats, runtime.dumps.json) = (state, stats, json);
        runtime.dumps.json_version = 1 + u8::from(flags[4]);
        runtime.dumps.use_instance = flags[5];
        (runtime.startup_script, runtime.shutdown_script) = (startup, shutdown);
        let mut ipvs = IpvsSettings::default();
        ipvs.timeouts = timeouts.map(|(tcp, tcp_fin, udp)| Timeouts { tcp, tcp_fin, udp });
        (ipvs.flush, ipvs.flush_on_stop) = (flags[6], flags[7]);
        (runtime, ipvs, scheduling)
    }
}

prop_compose! {
    pub(crate) fn global()(
        mail in proptest::option::of((1..=65535_u16, seconds(1..4295), any::<bool>(), 1..4_usize)),
        no_fault_mails in any::<bool>(),
        daemon in proptest::option::of((any::<bool>(), any::<u8>(), proptest::option::of(1..=65507_u16), any::<bool>())),
        (startup, boot) in (proptest::option::of(micros(1000..9_000_000)), proptest::option::of(micros(1000..9_000_000))),
        flags in any::<[bool; 2]>(),
        (arp, neighbour, paced) in (micros(1..9_000_000), micros(1..9_000_000), any::<bool>()),
        (delay, poll) in (proptest::option::of((micros(0..9_000_000), micros(0..9_000_000))), proptest::option::of(0..3_usize)),
        scheduling in scheduling(),
        buffers in proptest::option::of((1..1_000_000_u32, any::<bool>())),
        (fifos, runtime, more) in (fifos().boxed(), runtime().boxed(), any::<[bool; 7]>()),
    ) -> Global {
        let mut global = Global::new("lb1");
        global.fifos = fifos;
        (global.runtime, global.ipvs, global.checks.scheduling) = runtime;
        // Scripts that name no user run as this one.
        global.scripts.user = Some("root".to_owned());
        let [group, counters, index] = [more[0], more[1], more[2]];
        global.scripts.group = group.then(|| "root".to_owned());
        global.packet_filter.table = more[3].then(|| "my table".to_owned());
        global.packet_filter.priority = more[3].then_some(-7);
        (global.packet_filter.counters, global.packet_filter.interface_index) = (counters, index);
        (global.checks.no_check_mails, global.notifies_added_servers) = (more[4], more[5]);
        if more[6] {
            global.checks.max_scripts = 100;
        }
        if let Some((port, timeout, helo, recipients)) = mail {
            let mut mail = MailSettings::new("192.0.2.25", "lb@example.net")
                .with_port(port)
                .with_timeout(timeout);
            for number in 0..recipients {
                mail = mail.with_recipient(format!("admin{number}@example.net"));
            }
            if helo {
                mail = mail.with_helo("lb1.example.net");
            }
            global = global.with_mail(mail);
        }
        global.no_fault_mails = no_fault_mails;
        if let Some((follows, id, length, options)) = daemon {
            let mut daemon = SyncDaemon::new(SyncState::Backup, "eth2", SyncId::new(id));
            daemon.max_length = length;
            if options {
                daemon.group = Some("224.0.0.82".parse().unwrap());
                daemon.port = Some(8849);
                daemon.ttl = Some(3);
            }
            let mut settings = GlobalSyncDaemon::new(daemon);
            if follows {
                settings = settings.following("VI_0");
            }
            global = global.with_sync_daemon(settings);
        }
        let vrrp = &mut global.vrrp;
        vrrp.startup_delay = startup;
        vrrp.delay_after_boot = boot;
        [vrrp.log_unknown_vrids, vrrp.dynamic_interfaces] = flags;
        vrrp.pacing = Pacing::default().with_intervals(arp, neighbour);
        if paced {
            let group = PacingGroup::new(["eth0", "eth1"], arp, neighbour);
            vrrp.pacing = vrrp.pacing.clone().with_group(group);
        }
        // On an interface without a router: a longer delay than its backups wait is reduced.
        vrrp.carrier_delays = delay.into_iter()
            .map(|(down, up)| CarrierDelay::new("eth5", down, up))
            .collect();
        let methods = [PollMethod::Mii, PollMethod::Ethtool, PollMethod::Flags];
        vrrp.link_polls = poll.into_iter()
            .map(|method| LinkPoll::new("eth0").with_method(methods[method]))
            .collect();
        vrrp.scheduling = scheduling;
        let buffer = buffers.map(|(bytes, force)| NetlinkBuffer::new(bytes, force));
        vrrp.netlink = NetlinkBuffers::default().with_commands(buffer).with_monitor(buffer);
        global
    }
}
