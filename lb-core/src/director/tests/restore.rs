// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;

/// The state for another process, through its text form.
fn handed_over(director: &Director) -> Known {
    let document = serde_json::to_string(&director.known()).unwrap();
    serde_json::from_str(&document).unwrap()
}

/// Another process's director for this model; its first outputs are drained.
fn restored(
    director: &Director,
    virtual_servers: impl IntoIterator<Item = VirtualServer>,
) -> Director {
    let mut director = Director::restored(model(virtual_servers), &handed_over(director));
    drain(&mut director);
    director
}

#[test]
fn the_desired_table_is_the_same_at_once() {
    let sorry = destination(70, 1);
    let weighted = RealServer::new(destination(63, 10)).with_check(check(63));
    let server = || {
        virtual_server([real(61), real(62), weighted.clone()])
            .with_sorry_server(sorry)
            .with_quorum(3, 1)
    };
    let mut old = director(server());
    down(&mut old, 61);
    up(&mut old, 62);
    old.handle_check(&id(63, 0), true, &Outcome::pass().with_weight(4));
    assert_eq!(pool(&old), [destination(62, 1), destination(63, 4)]);

    let mut new = Director::restored(model([server()]), &handed_over(&old));
    assert_eq!(new.desired_table(), old.desired_table());
    assert_eq!(new.known(), old.known());
    let outputs = drain(&mut new);
    assert!(
        !outputs
            .iter()
            .any(|output| matches!(output, Output::Mail(_))),
        "{outputs:?}"
    );
    let checks = |output: &&Output| {
        matches!(
            output,
            Output::CheckAdded {
                suspended: false,
                ..
            }
        )
    };
    assert_eq!(outputs.iter().filter(checks).count(), 3);
    assert_eq!(new.desired_table(), old.desired_table());
}

#[test]
fn restored_down_server_stays_down_until_its_check_passes() {
    let server = || virtual_server([real(61).with_smtp_alert(true), real(62)]);
    let mut old = director(server());
    down(&mut old, 61);
    assert_eq!(mails(&mut old).len(), 0, "the round is not over");
    up(&mut old, 62);
    assert_eq!(mails(&mut old).len(), 1);

    let mut new = restored(&old, [server()]);
    // Restored states are not reported again, not even at the end of the round.
    down(&mut new, 61);
    up(&mut new, 62);
    new.end_first_round();
    assert_eq!(drain(&mut new), []);
    assert_eq!(pool(&new), [destination(62, 1)]);
    up(&mut new, 61);
    assert_eq!(pool(&new), [destination(61, 1), destination(62, 1)]);
    assert_eq!(mails(&mut new).len(), 1);
}

/// A second upgrade before the checks have run, or while they are suspended.
#[test]
fn restored_state_is_passed_on() {
    let server = || virtual_server([real(61), real(62)]).with_ha_suspend(true);
    let mut old = Director::new(model([server()]));
    old.handle_addresses(&BTreeSet::from(["192.168.1.50".parse().unwrap()]));
    down(&mut old, 61);
    old.handle_addresses(&BTreeSet::new());
    let second = restored(&old, [server()]);
    assert!(second.virtual_servers().next().unwrap().suspended);
    let mut third = restored(&second, [server()]);
    assert_eq!(pool(&third), [destination(62, 1)]);
    third.handle_addresses(&BTreeSet::from(["192.168.1.50".parse().unwrap()]));
    assert_eq!(pool(&third), [destination(62, 1)]);
    up(&mut third, 61);
    assert_eq!(pool(&third), [destination(61, 1), destination(62, 1)]);
}

/// Between `quorum - hysteresis` and `quorum + hysteresis` both are right: it stays what it was.
#[test]
fn a_quorum_that_was_lost_has_to_be_gained() {
    let sorry = destination(70, 1);
    let server = || {
        virtual_server([real(61), real(62), real(63), real(64)])
            .with_quorum(3, 1)
            .with_sorry_server(sorry)
    };
    let mut old = director(server());
    for n in [61, 62] {
        down(&mut old, n);
    }
    let kept = restored(&old, [server()]);
    assert_eq!(pool(&kept), [destination(63, 1), destination(64, 1)]);
    down(&mut old, 63);
    up(&mut old, 61);
    up(&mut old, 62);
    assert_eq!(pool(&old), [sorry], "3 is below 4");

    let mut lost = restored(&old, [server()]);
    assert_eq!(pool(&lost), [sorry]);
    up(&mut lost, 63);
    let all = [61, 62, 63, 64].map(|n| destination(n, 1));
    assert_eq!(pool(&lost), all);
}

#[test]
fn alpha_that_was_found_live_stays_in() {
    let alpha = |n| RealServer::new(destination(n, 1)).with_check(check(n).with_alpha(true));
    let server = || virtual_server([alpha(61), alpha(62)]).with_sorry_server(destination(70, 1));
    let mut old = director(server());
    up(&mut old, 61);
    let mut new = Director::restored(model([server()]), &handed_over(&old));
    let said = lines(&mut new);
    assert!(
        !said
            .iter()
            .any(|line| line.contains("quorum") || line.contains("sorry")),
        "{said:?}"
    );
    assert_eq!(pool(&new), [destination(61, 1)]);
}

/// What is new in the file starts as at a start, and what is another check as at a reload.
#[test]
fn another_model_is_like_a_reload() {
    let alpha = |n| RealServer::new(destination(n, 1)).with_check(check(n).with_alpha(true));
    let mut old = director(virtual_server([real(61), real(62), real(64)]));
    down(&mut old, 61);
    let more = real(61).with_check(check(71));
    let still_up = real(62).with_check(check(72).with_alpha(true));
    let changed = || [more.clone(), still_up.clone(), real(63), alpha(65)];

    let mut new = restored(&old, [virtual_server(changed())]);
    assert_eq!(pool(&new), [destination(62, 1), destination(63, 1)]);
    // A new check of a real server that is down has to pass once, too.
    up(&mut new, 61);
    assert_eq!(pool(&new).len(), 2);
    new.handle_check(&id(61, 1), true, &Outcome::pass());
    assert_eq!(pool(&new).len(), 3);

    old.replace_model(model([virtual_server(changed())]));
    assert_eq!(
        old.desired_table(),
        restored(&old, [virtual_server(changed())]).desired_table()
    );
    // A verdict follows its check to another position.
    let swapped = |first, second| {
        virtual_server([RealServer::new(destination(61, 1))
            .with_check(check(first))
            .with_check(check(second))])
    };
    let mut old = director(swapped(80, 81));
    old.handle_check(&id(61, 0), false, &Outcome::fail(Reason::L4Refused));
    let mut new = restored(&old, [swapped(81, 80)]);
    new.handle_check(&id(61, 0), true, &Outcome::pass());
    assert_eq!(pool(&new), []);
    new.handle_check(&id(61, 1), true, &Outcome::pass());
    assert_eq!(pool(&new), [destination(61, 1)]);
}

/// A mark can be a service of each family, under one name in logs.
#[test]
fn services_of_one_name_are_distinguished() {
    use lb_ipvs::AddressFamily::{Ipv4, Ipv6};
    let marked = |family, server: &str| {
        let key = ServiceKey::FirewallMark {
            mark: 1.try_into().unwrap(),
            family,
        };
        let address = server.parse().unwrap();
        let real = RealServer::new(Destination::new(address)).with_check(CheckSpec::new(
            Arc::new(Unused),
            Target::new(address),
            Policy::default(),
        ));
        VirtualServer::new(Service::new(key, Scheduler::WeightedRoundRobin)).with_real_server(real)
    };
    let both = || [marked(Ipv4, "192.168.1.61:0"), marked(Ipv6, "[fd00::61]:0")];
    let mut old = Director::new(model(both()));
    let checks = drain(&mut old);
    let first = checks.iter().find_map(|output| match output {
        Output::CheckAdded { id, .. } => Some(*id),
        _ => None,
    });
    old.handle_check(&first.unwrap(), false, &Outcome::fail(Reason::L4Refused));
    let old_table = old.desired_table();
    assert_eq!(restored(&old, both()).desired_table(), old_table);
    let is_empty = |service: &&TableService| service.destinations().len() == 0;
    assert_eq!(old_table.services().filter(is_empty).count(), 1);
}

#[test]
fn restored_roles_are_not_mailed_again() {
    let router = || {
        let config = lb_vrrp::RouterConfig::builder(lb_vrrp::Vrid::new(100).unwrap())
            .address("192.168.1.50".parse().unwrap())
            .build()
            .unwrap();
        let mut router = VrrpInstance::new(lb_vrrp::spec::RouterSpec::new("VI_1", "eth0", config));
        router.smtp_alert = true;
        router.sync_daemon_interface = Some("eth0".to_owned());
        Model::builder().router(router).build().unwrap()
    };
    let mut old = Director::new(router());
    old.handle_role("VI_1", State::Master);
    assert_eq!(mails(&mut old).len(), 1);

    let mut new = Director::restored(router(), &handed_over(&old));
    new.restore_role("VI_1", State::Master);
    assert_eq!(mails(&mut new).len(), 0);
    assert_eq!(new.desired_sync_daemons(), old.desired_sync_daemons());
    new.handle_role("VI_1", State::Backup);
    assert_eq!(mails(&mut new).len(), 1);
}
