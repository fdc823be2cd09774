// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts, files and processes, from where they are seen to the wire.

use std::fs;
use std::process::Command;
use std::time::Duration;

use lb_vrrp::State;
use lb_vrrp::spec::{
    Configuration, FileSource, ObjectSpec, ProcessSource, RouterSpec, ScriptSource,
};
use lb_vrrp::track::ProcessPattern;
use lb_vrrp::track::Weight;

use super::netns::{Lan, Node, wait_for};
use super::{quick_spec, vip};

fn tracks(priority: u8, objects: Vec<(ObjectSpec, Weight)>) -> Configuration {
    let mut router: RouterSpec = quick_spec(priority).with_virtual_addresses([vip(super::VIP)]);
    let mut specs = Vec::new();
    for (object, weight) in objects {
        router = router.with_tracked(object.id(), weight);
        specs.push(object);
    }
    Configuration::new(vec![router]).with_objects(specs)
}

fn script(name: &str, line: &str) -> ObjectSpec {
    let interval = Duration::from_millis(100);
    let source = ScriptSource::new(["/bin/sh", "-c", line]).with_interval(interval, interval * 50);
    ObjectSpec::new(name, source)
}

fn weight(weight: i32) -> Weight {
    Weight::new(weight).unwrap()
}

// shows vrrp_instance: track_script, track_file, track_process
#[testbed::host_test]
fn a_script_a_file_and_processes_move_the_address() {
    let lan = Lan::new();
    let directory = tempfile::tempdir().unwrap();
    let sick = directory.path().join("sick");
    let load = directory.path().join("load");
    let seconds = format!("6{:07}.5", std::process::id());
    let pattern = ProcessPattern::Exact(vec!["sleep".to_owned(), seconds.clone()]);
    let configuration = || {
        tracks(
            150,
            vec![
                (
                    script("health", &format!("test ! -e {}", sick.display())),
                    weight(-60),
                ),
                (ObjectSpec::new("load", FileSource::new(&load)), Weight::ONE),
                (
                    ObjectSpec::new("workers", ProcessSource::new(pattern.clone())),
                    Weight::FAULT,
                ),
            ],
        )
    };
    let mut worker = Command::new("sleep").arg(&seconds).spawn().unwrap();
    let a = Node::start(&lan.a, configuration());
    let b = Node::start(&lan.b, vec![quick_spec(100)]);
    a.wait_state(State::Master);

    // The script.
    fs::write(&sick, "").unwrap();
    b.wait_state(State::Master);
    a.wait_state(State::Backup);
    assert_eq!(a.status().routers[0].priority.get(), 90);
    fs::remove_file(&sick).unwrap();
    a.wait_state(State::Master);

    // The file: its number is added.
    fs::write(&load, "-70\n").unwrap();
    b.wait_state(State::Master);
    wait_for("priority 80", || {
        (a.status().routers[0].priority.get() == 80).then_some(())
    });
    // A reload keeps what is known.
    a.reload(configuration()).unwrap();
    assert_eq!(a.status().routers[0].priority.get(), 80);
    fs::write(&load, "0\n").unwrap();
    a.wait_state(State::Master);

    // The processes.
    worker.kill().unwrap();
    worker.wait().unwrap();
    a.wait_state(State::Fault);
    b.wait_state(State::Master);
    let mut worker = Command::new("sleep").arg(&seconds).spawn().unwrap();
    a.wait_state(State::Master);
    a.shutdown();
    b.wait_state(State::Master);
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[testbed::host_test]
fn a_router_waits_for_the_first_result_of_its_script_and_shares_it() {
    let lan = Lan::new();
    let directory = tempfile::tempdir().unwrap();
    let (ready, runs) = (
        directory.path().join("ready"),
        directory.path().join("runs"),
    );
    let line = format!(
        "echo run >>{}; until test -e {}; do sleep 0.05; done",
        runs.display(),
        ready.display()
    );
    let object = script("slow", &line);
    let routers: Vec<RouterSpec> = (0..20)
        .map(|number| {
            let spec = super::calm_spec(51 + number, 150);
            spec.with_virtual_addresses([])
                .with_tracked(object.id(), Weight::FAULT)
        })
        .collect();
    let a = Node::start(
        &lan.a,
        Configuration::new(routers).with_objects([object.clone()]),
    );
    wait_for("the first run", || runs.exists().then_some(()));
    let all = |state: State| {
        a.status()
            .routers
            .iter()
            .all(|router| router.state == state)
    };
    assert!(all(State::Initialize));
    fs::write(&ready, "").unwrap();
    wait_for("all master", || all(State::Master).then_some(()));
    // One script, however many routers: it starts ten times a second, 20 routers do not make 200.
    let count = || fs::read_to_string(&runs).unwrap().lines().count();
    let start = std::time::Instant::now();
    let before = count();
    wait_for("ten more runs", || (count() >= before + 10).then_some(()));
    let rate = (count() - before) as f64 / start.elapsed().as_secs_f64();
    assert!(rate < 15.0, "{rate} runs a second");
}
