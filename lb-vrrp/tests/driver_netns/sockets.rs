// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sockets that fail: one that cannot be opened is opened when it can be, and what a full one did
//! not tell is found.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lb_vrrp::driver::{Driver, DriverOptions, Event, LinkProblem};
use lb_vrrp::{ReceiveBuffer, State};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use nix::sys::socket::{getsockopt, setsockopt};
use nix::unistd::Pid;

use super::netns::{Injector, Lan, Node, wait_for};
use super::{Killed, VIP, calm_spec, quick_spec};

/// The router of the test below, in a process whose descriptors run out while a file is there.
#[test]
fn child_without_descriptors() {
    let Some(directory) = std::env::var_os("LB_VRRP_STARVED") else {
        return;
    };
    let file = Path::new(&directory).join("starve");
    let mut events_file = File::create(Path::new(&directory).join("events")).unwrap();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (_handle, mut events) = Driver::start(vec![quick_spec(150)], DriverOptions::default())
            .await
            .unwrap();
        loop {
            // Those that are open stay open.
            let limit = if file.exists() { 3 } else { soft };
            setrlimit(Resource::RLIMIT_NOFILE, limit, hard).unwrap();
            while let Ok(Some(event)) = events.try_recv() {
                if let Event::LinkChanged { problem, .. } = event {
                    writeln!(events_file, "{problem:?}").unwrap();
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[testbed::host_test]
fn a_socket_that_could_not_be_opened_is_opened_later() {
    let lan = Lan::new();
    let directory = tempfile::tempdir().unwrap();
    let starve = directory.path().join("starve");
    let child = Killed(lan.a.run(|| {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sockets::child_without_descriptors",
                "--nocapture",
            ])
            .env("LB_VRRP_STARVED", directory.path())
            .spawn()
            .unwrap()
    }));
    wait_for("the address", || lan.a.holds(VIP).then_some(()));

    std::fs::write(&starve, "").unwrap();
    wait_for("the limit of descriptors", || {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.0.id())).unwrap();
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        (line.unwrap().split_whitespace().nth(3) == Some("3")).then_some(())
    });
    lan.bridge.ip("link del pa");
    lan.connect("pa", &lan.a);
    lan.a.ip("addr add 192.0.2.1/24 dev eth0");
    let events = directory.path().join("events");
    wait_for("a socket that cannot be opened", || {
        let events = std::fs::read_to_string(&events).unwrap();
        let last = format!("{:?}", Some(LinkProblem::NoSocket));
        (events.lines().last() == Some(&last)).then_some(())
    });
    assert!(!lan.a.holds(VIP), "without a socket");

    // Nothing happens to any interface from here on.
    std::fs::remove_file(&starve).unwrap();
    wait_for("the address again", || lan.a.holds(VIP).then_some(()));
}

/// The buffer that the kernel grants for a size: twice the size, for an ordinary user in a namespace
/// at most `net.core.rmem_max`.
fn granted(bytes: usize) -> usize {
    let socket = UnixDatagram::unbound().unwrap();
    if setsockopt(&socket, RcvBufForce, &bytes).is_ok() {
        return 2 * bytes;
    }
    setsockopt(&socket, RcvBuf, &bytes).unwrap();
    getsockopt(&socket, RcvBuf).unwrap()
}

// shows vrrp_instance: kernel_rx_buf_size
#[testbed::host_test]
fn a_receive_buffer_is_as_large_as_it_is_wanted() {
    let lan = Lan::new();
    let first = |bytes: u32| calm_spec(51, 100).with_receive_buffer(bytes);
    let second = |bytes: u32| {
        let mut spec = calm_spec(52, 100).with_receive_buffer(bytes);
        spec.name = "VI_2".to_owned();
        spec.with_virtual_addresses([])
    };
    let node = Node::start(&lan.a, vec![first(3_000_000), second(20_000_000)]);
    let buffer = || node.status().interfaces.first().unwrap().receive_buffer;
    let wait = |bytes: usize| {
        let granted = granted(bytes);
        let there = || (buffer() == granted).then_some(());
        wait_for("a buffer of this size", there);
    };
    wait(23_000_000);
    node.reload(vec![first(3_000_000), second(4_000_000)])
        .unwrap();
    wait(7_000_000);
    // So many packets of the interface, whose size changes.
    let packets = calm_spec(51, 100).with_receive_buffer(ReceiveBuffer::Packets(1000));
    node.reload(vec![packets]).unwrap();
    wait(1_500_000);
    lan.a.ip("link set eth0 mtu 1000");
    wait(1_000_000);
    // Less than what there is anyway is no less.
    node.reload(vec![first(4096)]).unwrap();
    wait_for("the usual buffer", || {
        let bytes = buffer();
        (bytes > 200_000 && bytes <= 2 * 512 * 1024).then_some(())
    });
}

/// Calls a function when it is dropped.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// More packets than one turn of the advert thread reads.
const BURST: u64 = 600;

#[testbed::host_test]
fn all_packets_of_a_burst_are_read_and_a_flood_does_not_stop_adverts() {
    let lan = Lan::new();
    let node = Node::start(&lan.a, vec![calm_spec(51, 150)]);
    node.wait_state(State::Master);
    let injector = Injector::new(&lan.b);
    let send = || injector.send([192, 0, 2, 2], 255, &[0x31, 77, 100, 0, 0, 10, 0, 0]);
    let counted = || {
        let interfaces = node.status().interfaces;
        interfaces.first().map_or(0, |first| first.unknown_vrid)
    };
    // The bridge does not forward at first.
    wait_for("a packet through the bridge", || {
        send();
        (counted() > 0).then_some(())
    });
    // A packet without a VRID follows all those that are still on their way.
    injector.send([192, 0, 2, 2], 255, &[0x31]);
    wait_for("the last packet before the burst", || {
        let interfaces = node.status().interfaces;
        (interfaces.first()?.malformed == 1).then_some(())
    });
    let before = counted();
    for _ in 0..BURST {
        send();
    }
    // No packet follows that would make the socket readable again.
    wait_for("all packets of the burst", || {
        (counted() == before + BURST).then_some(())
    });

    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                send();
            }
        });
        // Ends the flood also when the wait fails.
        let _end = OnDrop(|| ended.store(true, Ordering::Relaxed));
        node.wait_sent(6);
    });
    assert!(counted() > before + BURST);
    assert_eq!(node.state(), State::Master);
}

#[testbed::host_test]
fn what_was_lost_with_notifications_is_found() {
    let lan = Lan::new();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("batch");
    let child = Killed(lan.a.run(|| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_router", "--nocapture"])
            .env("LB_VRRP_CHILD", "150")
            .spawn()
            .unwrap()
    }));
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    let pid = Pid::from_raw(child.0.id().try_into().unwrap());

    // It is stopped while more notifications arrive than its socket holds, the last for its address.
    kill(pid, Signal::SIGSTOP).unwrap();
    let mut batch = String::new();
    for number in 0..4000 {
        let address = format!("10.{}.{}.1/32", number / 250, number % 250);
        writeln!(
            batch,
            "addr add {address} dev lo\naddr del {address} dev lo"
        )
        .unwrap();
    }
    std::fs::write(&file, batch).unwrap();
    lan.a.ip(&format!("-batch {}", file.display()));
    lan.a.ip(&format!("addr del {VIP}/24 dev eth0"));
    assert!(!lan.a.holds(VIP));
    let sockets = std::fs::read_to_string(format!("/proc/{pid}/net/netlink")).unwrap();
    let drops = |line: &str| line.split_whitespace().nth(8)?.parse::<u64>().ok();
    let lost: u64 = sockets.lines().filter_map(drops).sum();
    assert!(lost > 0, "nothing was lost: {sockets}");
    kill(pid, Signal::SIGCONT).unwrap();
    wait_for("the address again", || lan.a.holds(VIP).then_some(()));
}
