// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;

#[test]
fn the_start_runs_checks_and_makes_services() {
    let mut director = Director::new(model([virtual_server([real(61), real(62)])]));
    let outputs = drain(&mut director);
    let checks: Vec<_> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::CheckAdded {
                id,
                suspended: false,
                ..
            } => Some(*id),
            _ => None,
        })
        .collect();
    assert_eq!(checks, [id(61, 0), id(62, 0)]);
    assert_eq!(
        outputs
            .iter()
            .filter(|output| matches!(output, Output::ServiceChanged(changed, Part::Whole) if *changed == key()))
            .count(),
        1
    );
    assert_eq!(pool(&director), [destination(61, 1), destination(62, 1)]);
    assert_eq!(
        director.check(&id(61, 0)).unwrap().probe.target,
        Target::new(address(61))
    );
    assert_eq!(director.check(&id(61, 1)), None);
}

#[test]
fn a_real_server_goes_and_comes_back() {
    let mut director = director(virtual_server([real(61), real(62)]));
    down(&mut director, 61);
    let outputs = drain(&mut director);
    let removed = outputs
        .iter()
        .find(|o| matches!(o, Output::RealServerRemoved { .. }))
        .unwrap();
    let expected = Output::RealServerRemoved {
        names: names(61),
        reason: "TCP_CHECK connection refused".to_owned(),
    };
    assert_eq!(*removed, expected);
    assert_eq!(removed.reason(), Some("TCP_CHECK connection refused"));
    assert_eq!(pool(&director), [destination(62, 1)]);
    up(&mut director, 61);
    assert_eq!(
        lines(&mut director),
        [
            "Adding service [192.168.1.61]:tcp:80 to VS [192.168.1.50]:tcp:80",
            "service TCP 192.168.1.50:80 is desired otherwise",
        ]
    );
    assert_eq!(pool(&director), [destination(61, 1), destination(62, 1)]);
}

#[test]
fn check_verdict_without_a_change_has_no_effect() {
    let mut director = director(virtual_server([real(61), real(62)]));
    up(&mut director, 61);
    down(&mut director, 62);
    drain(&mut director);
    up(&mut director, 61);
    down(&mut director, 62);
    director.handle_check(&id(61, 7), false, &Outcome::fail(Reason::L4Refused));
    director.handle_check(&id(99, 0), false, &Outcome::fail(Reason::L4Refused));
    assert_eq!(drain(&mut director), []);
}

#[test]
fn service_changed_waits_in_the_queue_once() {
    let mut director = director(virtual_server([real(61), real(62)]));
    down(&mut director, 61);
    down(&mut director, 62);
    let changed = |director: &mut Director| -> Vec<Part> {
        let outputs = drain(director).into_iter();
        let parts = outputs.filter_map(|output| match output {
            Output::ServiceChanged(changed, part) if changed == key() => Some(part),
            _ => None,
        });
        parts.collect()
    };
    // without its last real server the quorum is lost, and every destination may change
    assert_eq!(changed(&mut director), [Part::Whole]);
    up(&mut director, 61);
    assert_eq!(changed(&mut director), [Part::Whole]);
    up(&mut director, 62);
    down(&mut director, 61);
    let both = [address(61), address(62)].into();
    assert_eq!(changed(&mut director), [Part::Destinations(both)]);
    up(&mut director, 61);
    assert_eq!(changed(&mut director), [Part::destination(address(61))]);
}

#[test]
fn all_checks_must_pass() {
    let mut director = director(virtual_server([real(61).with_check(check(70)), real(62)]));
    let fail = Outcome::fail(Reason::L4Timeout);
    director.handle_check(&id(61, 0), false, &fail);
    director.handle_check(&id(61, 1), false, &fail);
    director.handle_check(&id(61, 0), true, &Outcome::pass());
    assert_eq!(pool(&director), [destination(62, 1)]);
    director.handle_check(&id(61, 1), true, &Outcome::pass());
    assert_eq!(pool(&director), [destination(61, 1), destination(62, 1)]);
}

#[test]
fn the_sorry_server_takes_over_and_steps_back() {
    let sorry = destination(63, 1);
    let mut director = director(virtual_server([real(61), real(62)]).with_sorry_server(sorry));
    down(&mut director, 61);
    drain(&mut director);
    down(&mut director, 62);
    assert_eq!(
        lines(&mut director),
        [
            "Removing service [192.168.1.62]:tcp:80 from VS [192.168.1.50]:tcp:80",
            "Lost quorum 1-0=1 > 0 for VS [192.168.1.50]:tcp:80",
            "Adding sorry server [192.168.1.63]:tcp:80 to VS [192.168.1.50]:tcp:80",
            "service TCP 192.168.1.50:80 is desired otherwise",
        ]
    );
    assert_eq!(pool(&director), [sorry]);
    up(&mut director, 61);
    assert_eq!(
        lines(&mut director),
        [
            "Adding service [192.168.1.61]:tcp:80 to VS [192.168.1.50]:tcp:80",
            "Gained quorum 1+0=1 <= 1 for VS [192.168.1.50]:tcp:80",
            "Removing sorry server [192.168.1.63]:tcp:80 from VS [192.168.1.50]:tcp:80",
            "Adding alive servers to the pool for VS [192.168.1.50]:tcp:80",
            "service TCP 192.168.1.50:80 is desired otherwise",
        ]
    );
    assert_eq!(pool(&director), [destination(61, 1)]);
}

#[test]
fn quorum_and_hysteresis() {
    // of 4: lost below 3 - 1, gained from 3 + 1 on
    let sorry = destination(70, 1);
    let servers = [real(61), real(62), real(63), real(64)];
    let mut director = director(
        virtual_server(servers)
            .with_quorum(3, 1)
            .with_sorry_server(sorry),
    );
    let is_sorry = |director: &Director| pool(director) == [sorry];
    down(&mut director, 61);
    down(&mut director, 62);
    assert!(!is_sorry(&director), "2 is not below 2");
    drain(&mut director);
    down(&mut director, 63);
    assert!(is_sorry(&director));
    assert_eq!(
        lines(&mut director).get(1..4).unwrap(),
        [
            "Lost quorum 3-1=2 > 1 for VS [192.168.1.50]:tcp:80",
            "Adding sorry server [192.168.1.70]:tcp:80 to VS [192.168.1.50]:tcp:80",
            "Removing alive servers from the pool for VS [192.168.1.50]:tcp:80",
        ]
    );
    up(&mut director, 61);
    up(&mut director, 62);
    assert!(is_sorry(&director), "3 is below 4");
    drain(&mut director);
    up(&mut director, 63);
    assert!(!is_sorry(&director));
    assert_eq!(
        lines(&mut director).get(1).unwrap(),
        "Gained quorum 3+1=4 <= 4 for VS [192.168.1.50]:tcp:80"
    );
}

#[test]
fn without_a_sorry_server_the_living_stay() {
    let mut director = director(virtual_server([real(61), real(62)]).with_quorum(2, 0));
    down(&mut director, 61);
    assert_eq!(
        lines(&mut director).get(1).unwrap(),
        "Lost quorum 2-0=2 > 1 for VS [192.168.1.50]:tcp:80"
    );
    assert_eq!(pool(&director), [destination(62, 1)]);
}

#[test]
fn an_inhibited_sorry_server_is_always_there() {
    let sorry = destination(63, 5);
    let mut director = director(
        virtual_server([real(61)])
            .with_sorry_server(sorry)
            .with_sorry_server_inhibit(true),
    );
    assert_eq!(pool(&director), [destination(61, 1), destination(63, 0)]);
    down(&mut director, 61);
    assert!(lines(&mut director).contains(
        &"Enabling sorry server [192.168.1.63]:tcp:80 of VS [192.168.1.50]:tcp:80".to_owned()
    ));
    assert_eq!(pool(&director), [sorry]);
    up(&mut director, 61);
    assert!(lines(&mut director).contains(
        &"Disabling sorry server [192.168.1.63]:tcp:80 of VS [192.168.1.50]:tcp:80".to_owned()
    ));
}

#[test]
fn a_sorry_server_that_is_a_real_server_is_one_destination() {
    let sorry = destination(61, 9);
    let mut director =
        director(virtual_server([real(61).with_inhibit_on_failure(true)]).with_sorry_server(sorry));
    assert_eq!(pool(&director), [destination(61, 1)]);
    down(&mut director, 61);
    assert_eq!(pool(&director), [sorry]);
}

#[test]
fn inhibit_on_failure_is_weight_0() {
    let mut director = director(virtual_server([
        real(61).with_inhibit_on_failure(true),
        real(62),
    ]));
    down(&mut director, 61);
    assert_eq!(
        lines(&mut director).first().unwrap(),
        "Disabling service [192.168.1.61]:tcp:80 of VS [192.168.1.50]:tcp:80"
    );
    assert_eq!(pool(&director), [destination(61, 0), destination(62, 1)]);
    up(&mut director, 61);
    assert_eq!(
        lines(&mut director).first().unwrap(),
        "Enabling service [192.168.1.61]:tcp:80 of VS [192.168.1.50]:tcp:80"
    );
}

#[test]
fn alpha_starts_down() {
    let alpha = |n| RealServer::new(destination(n, 1)).with_check(check(n).with_alpha(true));
    let sorry = destination(63, 1);
    let server = virtual_server([alpha(61), alpha(62)]).with_sorry_server(sorry);
    let mut director = Director::new(model([server]));
    let lines = lines(&mut director);
    assert!(
        lines.contains(&"Starting with quorum down for VS [192.168.1.50]:tcp:80: 0 of 1".into())
    );
    assert_eq!(pool(&director), [sorry]);
    up(&mut director, 62);
    assert_eq!(pool(&director), [destination(62, 1)]);
    // a first verdict that agrees with the start is no event; it ends the round of the mails
    drain(&mut director);
    down(&mut director, 61);
    assert!(matches!(drain(&mut director).as_slice(), [Output::Mail(_)]));
}

#[test]
fn checks_move_the_weight() {
    let server = RealServer::new(destination(61, 10))
        .with_check(check(61))
        .with_check(check(70));
    let mut director = director(virtual_server([server, real(62)]));
    director.handle_check(&id(61, 0), true, &Outcome::pass().with_weight(4));
    assert_eq!(
        lines(&mut director).first().unwrap(),
        "Changing weight from 10 to 4 for active service [192.168.1.61]:tcp:80 of VS [192.168.1.50]:tcp:80"
    );
    // two checks: each adds its difference
    director.handle_check(&id(61, 1), true, &Outcome::pass().with_weight(12));
    assert_eq!(pool(&director), [destination(61, 6), destination(62, 1)]);
    director.handle_check(&id(61, 1), true, &Outcome::pass().with_weight(0));
    assert_eq!(pool(&director), [destination(61, 0), destination(62, 1)]);
    // a weight is not remembered over a failure
    director.handle_check(&id(61, 1), false, &Outcome::fail(Reason::Script(1)));
    director.handle_check(&id(61, 1), true, &Outcome::pass());
    assert_eq!(pool(&director), [destination(61, 4), destination(62, 1)]);
}

#[test]
fn check_asks_for_a_part_of_the_weight() {
    let server = RealServer::new(destination(61, 10)).with_check(check(61));
    let mut director = director(virtual_server([server]));
    for (request, weight) in [
        (WeightRequest::Percent(50), 5),
        (WeightRequest::Percent(1), 1),
        (WeightRequest::Drain, 0),
        (WeightRequest::Percent(200), 20),
    ] {
        let outcome = Outcome::pass().with_weight_request(request);
        director.handle_check(&id(61, 0), true, &outcome);
        assert_eq!(pool(&director), [destination(61, weight)], "{request:?}");
    }
}

#[test]
fn a_weight_of_0_can_cost_the_quorum() {
    let sorry = destination(63, 1);
    let mut director = director(virtual_server([real(61)]).with_sorry_server(sorry));
    director.handle_check(&id(61, 0), true, &Outcome::pass().with_weight(0));
    assert_eq!(pool(&director), [sorry]);
}

#[test]
fn ha_suspend_follows_the_virtual_address() {
    let mut director = Director::new(model([
        virtual_server([real(61), real(62)]).with_ha_suspend(true)
    ]));
    let outputs = drain(&mut director);
    assert!(outputs.iter().any(|o| matches!(
        o,
        Output::CheckAdded {
            suspended: true,
            ..
        }
    )));
    let first = outputs.first().unwrap();
    assert!(
        matches!(first, Output::CheckAdded { suspended: true, names: of_check, .. } if *of_check == names(61))
    );
    assert_eq!(pool(&director).len(), 2, "the pool stays as it is");

    let here = BTreeSet::from([
        "192.168.1.50".parse().unwrap(),
        "127.0.0.1".parse().unwrap(),
    ]);
    director.handle_addresses(&here);
    assert_eq!(
        lines(&mut director),
        [
            "Activating healthchecker for service [192.168.1.61]:tcp:80 for VS [192.168.1.50]:tcp:80",
            "Activating healthchecker for service [192.168.1.62]:tcp:80 for VS [192.168.1.50]:tcp:80",
        ]
    );
    director.handle_addresses(&here);
    assert_eq!(drain(&mut director), []);
    down(&mut director, 61);
    assert_eq!(pool(&director), [destination(62, 1)]);
    drain(&mut director);
    director.handle_addresses(&BTreeSet::new());
    let outputs = drain(&mut director);
    assert_eq!(
        outputs.len(),
        2 + 1,
        "two checks rest, and the round they were in ends: {outputs:?}"
    );
    assert!(director.virtual_servers().next().unwrap().suspended);
}

/// Probes end just before their checks are suspended: no later probe reports the same verdict again.
#[test]
fn verdict_of_a_probe_that_ended_before_the_suspension_counts() {
    let here = BTreeSet::from(["192.168.1.50".parse().unwrap()]);
    for (alpha, first) in [
        (false, vec![destination(61, 1), destination(62, 1)]),
        (true, vec![]),
    ] {
        let servers = [61, 62].map(|n| real(n).with_alpha(alpha));
        let mut director = Director::new(model([virtual_server(servers).with_ha_suspend(true)]));
        director.handle_addresses(&here);
        drain(&mut director);
        assert_eq!(pool(&director), first);
        director.handle_addresses(&BTreeSet::new());
        drain(&mut director);
        down(&mut director, 61);
        up(&mut director, 62);
        assert_eq!(pool(&director), [destination(62, 1)]);
        let state = director.virtual_servers().next().unwrap();
        assert!(state.suspended);
        let known: Vec<Health> = state.real_servers.iter().map(|real| real.health).collect();
        assert_eq!(known, [Health::Down, Health::Up]);
        drain(&mut director);
        director.handle_addresses(&here);
        assert_eq!(pool(&director), [destination(62, 1)]);
        let resumed = drain(&mut director);
        let resumed = resumed
            .iter()
            .filter(|output| matches!(output, Output::CheckResumed { .. }));
        assert_eq!(resumed.count(), 2);
    }
}

/// The same with a scheduler, whose event is received after the address is gone.
#[cfg(feature = "daemon")]
#[tokio::test]
async fn event_of_a_suspended_check_is_not_lost_to_a_takeover() {
    use lb_check::{CheckEvent, Scheduler, SchedulerOptions, SubscriptionId};

    let here = BTreeSet::from(["192.168.1.50".parse().unwrap()]);
    let server = virtual_server([real(61)]).with_ha_suspend(true);
    let mut director = Director::new(model([server]));
    director.handle_addresses(&here);
    drain(&mut director);
    let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
    let subscription = SubscriptionId::new(1);
    // A listener that is gone: connections are refused.
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::new(refused.local_addr().unwrap());
    drop(refused);
    let policy = Policy::default()
        .with_interval(Duration::from_millis(20))
        .with_retries(0)
        .with_warmup(Duration::ZERO);
    let check = lb_check::TcpCheck::new(Duration::from_secs(5));
    let probe = lb_check::ProbeSpec::new(Arc::new(check), target, policy);
    scheduler.subscribe(subscription, probe).await.unwrap();
    while scheduler.stats().failed == 0 {
        tokio::task::yield_now().await;
    }
    director.handle_addresses(&BTreeSet::new());
    drain(&mut director);
    scheduler.suspend(subscription).await.unwrap();
    let event = events.recv().await.unwrap();
    let CheckEvent::Changed { up, outcome, .. } = event else {
        panic!("{event:?}");
    };
    director.handle_check(&id(61, 0), up, &outcome);
    // The takeover: further probes find the same, and report nothing.
    director.handle_addresses(&here);
    scheduler.resume(subscription).await.unwrap();
    let probed = scheduler.stats().failed;
    while scheduler.stats().failed < probed + 2 {
        tokio::task::yield_now().await;
    }
    while let Some(event) = events.try_recv().unwrap() {
        assert!(matches!(event, CheckEvent::Attempt { .. }), "{event:?}");
    }
    assert_eq!(pool(&director), []);
    scheduler.shutdown().await;
}

#[test]
fn what_is_known_of_a_real_server_is_never_more_than_its_checks_found() {
    fn known(director: &Director) -> (Health, Option<SystemTime>, String) {
        let server = director.virtual_servers().next().unwrap();
        let real = server.real_servers.into_iter().next().unwrap();
        (real.health, real.since, real.reason)
    }
    let unchecked = RealServer::new(destination(61, 1));
    let director_of = |real_server| director(virtual_server([real_server]));
    assert_eq!(
        known(&director_of(unchecked)),
        (Health::Unchecked, None, String::new())
    );

    let mut director = director_of(real(61));
    let (at, later) = (
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH + Duration::from_secs(9),
    );
    let pending = (Health::Unknown, None, "TCP_CHECK: no result yet".to_owned());
    assert_eq!(known(&director), pending);
    up(&mut director, 61);
    assert_eq!(known(&director), (Health::Up, None, String::new()));
    let error = |text: &str| LocalError::Other(text.to_owned());
    let unknown =
        |since, reason: &str| (Health::Unknown, Some(since), format!("TCP_CHECK: {reason}"));
    director.handle_check_error(&id(61, 0), &error("no source"), at);
    // A check runtime that was started again reports it again.
    director.handle_check_error(&id(61, 0), &error("no source"), later);
    assert_eq!(known(&director), unknown(at, "no source"));
    director.handle_check_error(&id(61, 0), &error("no descriptor"), later);
    assert_eq!(known(&director), unknown(later, "no descriptor"));
    assert_eq!(pool(&director), [destination(61, 1)], "the verdict stays");
    director.handle_check_runs(&id(61, 0));
    assert_eq!(known(&director), (Health::Up, None, String::new()));
    director.handle_check_error(&id(61, 0), &error("no source"), at);
    down(&mut director, 61);
    let (health, since, reason) = known(&director);
    assert_eq!((health, since), (Health::Down, None));
    assert!(reason.starts_with("TCP_CHECK: "), "{reason}");
}

#[test]
fn the_stop_tells_of_every_live_real_server() {
    let mut director = director(virtual_server([real(61), real(62)]));
    down(&mut director, 61);
    drain(&mut director);
    director.handle_stop();
    director.handle_stop();
    assert_eq!(
        lines(&mut director),
        ["Shutting down service [192.168.1.62]:tcp:80 from VS [192.168.1.50]:tcp:80"]
    );
    up(&mut director, 61);
    assert_eq!(drain(&mut director), []);
}

#[test]
fn status_tells_what_is_known() {
    let mut director = director(virtual_server([real(61), real(62)]));
    down(&mut director, 61);
    let state = director.virtual_servers().next().unwrap();
    assert!(state.up && !state.sorry);
    assert_eq!(state.quorum.weight, 1);
    let real_server = state.real_servers.first().unwrap();
    assert!(!real_server.up);
    let check = real_server.checks.first().unwrap();
    assert_eq!(
        (check.kind.as_str(), check.reason.as_str()),
        ("TCP_CHECK", "connection refused")
    );
    assert!(check.settled);
}
