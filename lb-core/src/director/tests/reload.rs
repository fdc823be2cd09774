// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;

fn reload(director: &mut Director, server: VirtualServer) -> Vec<Output> {
    director.replace_model(model([server]));
    drain(director)
}

#[test]
fn the_same_model_is_silent() {
    let server = || virtual_server([real(61), real(62)]).with_sorry_server(destination(63, 1));
    let mut director = director(server());
    down(&mut director, 61);
    drain(&mut director);
    assert_eq!(reload(&mut director, server()), []);
    assert_eq!(pool(&director), [destination(62, 1)], "the state is kept");
}

#[test]
fn a_new_real_server_joins_and_nothing_else_happens() {
    let mut director = director(virtual_server([real(61), real(62)]));
    down(&mut director, 61);
    drain(&mut director);
    director.replace_model(model([virtual_server([real(64), real(61), real(62)])]));
    let outputs = drain(&mut director);
    let added = outputs.first().unwrap();
    assert!(
        matches!(added, Output::CheckAdded { id: new, suspended: false, .. } if *new == id(64, 0))
    );
    assert!(
        matches!(outputs.get(1), Some(Output::RealServerAdded { names: added, .. }) if *added == names(64))
    );
    assert_eq!(
        outputs.get(2).unwrap(),
        &Output::ServiceChanged(key(), Part::Whole)
    );
    assert_eq!(outputs.len(), 3);
    assert_eq!(pool(&director), [destination(64, 1), destination(62, 1)]);
}

#[test]
fn a_new_alpha_real_server_starts_down() {
    let mut director = director(virtual_server([real(61)]));
    let outputs = reload(
        &mut director,
        virtual_server([real(61), real(62).with_alpha(true)]),
    );
    assert_eq!(outputs.len(), 1, "only a check to run: {outputs:?}");
    assert_eq!(pool(&director), [destination(61, 1)]);
    up(&mut director, 62);
    assert_eq!(pool(&director).len(), 2);
}

#[test]
fn what_is_gone_is_removed() {
    let mut director = director(virtual_server([real(61), real(62)]));
    director.replace_model(model([virtual_server([real(61)])]));
    assert_eq!(
        lines(&mut director),
        [
            "Removing healthchecker for service [192.168.1.62]:tcp:80 for VS [192.168.1.50]:tcp:80",
            "service [192.168.1.62]:tcp:80 of VS [192.168.1.50]:tcp:80 no longer exists",
            "Removing service [192.168.1.62]:tcp:80 from VS [192.168.1.50]:tcp:80",
            "service TCP 192.168.1.50:80 is desired otherwise",
        ]
    );
    // a late verdict of what is gone is nothing
    down(&mut director, 62);
    assert_eq!(drain(&mut director), []);

    director.replace_model(model([]));
    let lines = lines(&mut director);
    assert_eq!(
        lines.first().unwrap(),
        "Removing Virtual Server [192.168.1.50]:tcp:80"
    );
    assert_eq!(
        lines.last().unwrap(),
        "service TCP 192.168.1.50:80 is desired otherwise"
    );
    assert_eq!(director.desired(&key()), None);
    assert_eq!(director.keys().count(), 0);
}

#[test]
fn an_unchanged_check_keeps_its_name_and_state_wherever_it_stands() {
    let with = |checks: &[u8]| {
        let server = RealServer::new(destination(61, 1));
        let server = checks
            .iter()
            .fold(server, |server, n| server.with_check(check(*n)));
        virtual_server([server, real(62)])
    };
    let mut director = director(with(&[61, 70]));
    director.handle_check(&id(61, 1), false, &Outcome::fail(Reason::L4Refused));
    drain(&mut director);
    // the first check goes, the second moves up, a third is new
    let outputs = reload(&mut director, with(&[70, 71]));
    assert!(
        matches!(outputs.first(), Some(Output::CheckRemoved { id: old, .. }) if *old == id(61, 0))
    );
    assert!(
        matches!(outputs.get(1), Some(Output::CheckAdded { id: new, .. }) if *new == id(61, 2))
    );
    assert_eq!(outputs.len(), 2, "{outputs:?}");
    assert_eq!(
        director.check(&id(61, 1)).unwrap().probe.target,
        Target::new(address(70))
    );
    // the new one of a real server that is down has to pass as well
    director.handle_check(&id(61, 1), true, &Outcome::pass());
    assert_eq!(pool(&director), [destination(62, 1)]);
    director.handle_check(&id(61, 2), true, &Outcome::pass());
    assert_eq!(pool(&director).len(), 2);
}

#[test]
fn one_of_two_equal_checks_can_go() {
    let server = |count: usize| {
        let server = RealServer::new(destination(61, 1));
        virtual_server([(0..count).fold(server, |server, _| server.with_check(check(61)))])
    };
    let mut director = director(server(2));
    let outputs = reload(&mut director, server(1));
    assert!(
        matches!(outputs.as_slice(), [Output::CheckRemoved { id: old, .. }] if *old == id(61, 1))
    );
    assert_eq!(reload(&mut director, server(2)).len(), 1);
    assert!(
        director.check(&id(61, 2)).is_some(),
        "an index is not used again"
    );
}

#[test]
fn a_new_check_of_a_live_real_server_counts_as_passed() {
    let mut director = director(virtual_server([real(61)]));
    let outputs = reload(
        &mut director,
        virtual_server([real(61).with_check(check(70))]),
    );
    assert!(
        matches!(outputs.as_slice(), [Output::CheckAdded { .. }]),
        "{outputs:?}"
    );
    assert_eq!(pool(&director), [destination(61, 1)]);
}

#[test]
fn a_real_server_that_only_a_removed_check_kept_down_comes_up() {
    let both = || virtual_server([real(61).with_check(check(70)), real(62)]);
    let mut director = director(both());
    director.handle_check(&id(61, 1), false, &Outcome::fail(Reason::L4Refused));
    drain(&mut director);
    let outputs = reload(&mut director, virtual_server([real(61), real(62)]));
    assert!(
        outputs
            .iter()
            .any(|o| matches!(o, Output::RealServerAdded { .. })),
        "{outputs:?}"
    );
    assert_eq!(pool(&director).len(), 2);
}

#[test]
fn weights_and_quorum_are_taken_over() {
    let mut director = director(virtual_server([real(61), real(62)]));
    let heavier = RealServer::new(destination(61, 3)).with_check(check(61));
    director.replace_model(model([virtual_server([heavier.clone(), real(62)])]));
    assert_eq!(
        lines(&mut director).first().unwrap(),
        "Changing weight from 1 to 3 for active service [192.168.1.61]:tcp:80 of VS [192.168.1.50]:tcp:80"
    );
    assert_eq!(pool(&director), [destination(61, 3), destination(62, 1)]);

    down(&mut director, 61);
    drain(&mut director);
    let sorry = destination(63, 1);
    director.replace_model(model([virtual_server([heavier, real(62)])
        .with_quorum(2, 0)
        .with_sorry_server(sorry)]));
    assert_eq!(
        lines(&mut director).first().unwrap(),
        "Lost quorum 2-0=2 > 1 for VS [192.168.1.50]:tcp:80"
    );
    assert_eq!(pool(&director), [sorry]);
}

#[test]
fn another_sorry_server_takes_over_from_the_first() {
    let server = |n| virtual_server([real(61)]).with_sorry_server(destination(n, 1));
    let mut director = director(server(63));
    down(&mut director, 61);
    drain(&mut director);
    director.replace_model(model([server(64)]));
    assert_eq!(
        lines(&mut director),
        [
            "Removing sorry server [192.168.1.63]:tcp:80 from VS [192.168.1.50]:tcp:80",
            "Adding sorry server [192.168.1.64]:tcp:80 to VS [192.168.1.50]:tcp:80",
            "service TCP 192.168.1.50:80 is desired otherwise",
        ]
    );
}

#[test]
fn ha_suspend_can_be_turned_on_and_off() {
    let mut director = director(virtual_server([real(61)]));
    let outputs = reload(
        &mut director,
        virtual_server([real(61)]).with_ha_suspend(true),
    );
    assert!(
        matches!(outputs.as_slice(), [Output::CheckSuspended { .. }]),
        "{outputs:?}"
    );
    let outputs = reload(&mut director, virtual_server([real(61)]));
    assert!(
        matches!(outputs.as_slice(), [Output::CheckResumed { .. }]),
        "{outputs:?}"
    );
}
