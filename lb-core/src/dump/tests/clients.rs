// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files as programs read them that watch keepalived.

use lb_vrrp::RouterStats;
use testbed::readers::{ExportedRouter, read_counters, read_data};

use super::*;

const CONFIGURATION: &str = "vrrp_script chk_web {
    script \"/bin/true a\"
    weight 2
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 150
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        192.168.1.50/24 dev eth0
        192.168.1.51/24
    }
    virtual_ipaddress_excluded {
        10.0.0.1/32 dev lo
    }
    track_script {
        chk_web
    }
}
vrrp_instance VI_2 {
    interface eth1
    virtual_router_id 52
    virtual_ipaddress {
        192.168.2.50
    }
}
";

#[test]
fn exporter_of_mehdy_reads_the_data_file() {
    let model = model(CONFIGURATION);
    let director = Director::new(model.clone());
    let text = vrrp_data(&moment(&model, &director, State::Backup));
    let (routers, scripts) = read_data(&text);
    let entry = |address: &str, interface: &str| (address.to_owned(), interface.to_owned());
    assert_eq!(
        routers[0],
        ExportedRouter {
            name: "VI_1".to_owned(),
            state: "BACKUP".to_owned(),
            wantstate: "BACKUP".to_owned(),
            interface: "eth0".to_owned(),
            garp_delay: Some(5),
            vrid: Some(51),
            addresses: vec![
                entry("192.168.1.50/24", "eth0"),
                entry("192.168.1.51/24", "eth0")
            ],
            excluded: vec![entry("10.0.0.1", "lo")],
        }
    );
    assert_eq!((routers.len(), routers[1].name.as_str()), (2, "VI_2"));
    let script = ["chk_web", "GOOD", "idle"].map(ToOwned::to_owned);
    assert_eq!(scripts, [script]);
    // The number of instances must be that of the counters.
    let stats = stats(&moment(&model, &director, State::Backup));
    assert_eq!(stats.matches("VRRP Instance: ").count(), routers.len());

    // The same reader finds the same in the original's file.
    let (originals, _) = read_data(&read("2.2.7/keepalived.data"));
    assert_eq!(originals[0].addresses, [entry("192.168.1.50/24", "eth0")]);
    assert_eq!(originals[0].vrid, Some(51));
}

#[test]
fn probe_of_openshift_finds_an_instance() {
    let model = model(CONFIGURATION);
    let director = Director::new(model.clone());
    let text = vrrp_data(&moment(&model, &director, State::Fault));
    assert!(text.contains("VRRP Instance"), "{text}");
}

#[test]
fn yawol_reads_the_counters_as_yaml() {
    let model = model(CONFIGURATION);
    let director = Director::new(model.clone());
    let mut moment = moment(&model, &director, State::Master);
    let mut counters = RouterStats::default();
    counters.advertisements_received = 1;
    counters.advertisements_sent = 2;
    counters.master_transitions = 3;
    counters.master_released = 4;
    counters.packet_length_errors = 5;
    counters.ip_ttl_errors = 6;
    counters.invalid_type_packets_received = 7;
    counters.interval_errors = 8;
    counters.address_list_errors = 9;
    counters.invalid_authentication_type = 10;
    counters.authentication_type_mismatch = 11;
    counters.authentication_failures = 12;
    counters.priority_zero_received = 13;
    counters.priority_zero_sent = 14;
    moment.routers[0].stats = counters;
    let instances = read_counters(&stats(&moment)).unwrap();
    assert_eq!(instances.len(), 2);
    for (key, count) in [
        ("Advertisements/Received", 1),
        ("Advertisements/Sent", 2),
        ("Became master", 3),
        ("Released master", 4),
        ("Packet Errors/Length", 5),
        ("Packet Errors/TTL", 6),
        ("Packet Errors/Invalid Type", 7),
        ("Packet Errors/Advertisement Interval", 8),
        ("Packet Errors/Address List", 9),
        ("Authentication Errors/Invalid Type", 10),
        ("Authentication Errors/Type Mismatch", 11),
        ("Authentication Errors/Failure", 12),
        ("Priority Zero/Received", 13),
        ("Priority Zero/Sent", 14),
    ] {
        assert_eq!(instances[0].counts.get(key), Some(&count), "{key}");
        assert_eq!(instances[1].counts.get(key), Some(&0), "{key}");
    }
    let original = read_counters(&read("2.2.7/keepalived.stats")).unwrap();
    assert!(
        original[0]
            .keys
            .iter()
            .all(|key| instances[0].keys.contains(key))
    );
}

/// Checkmk takes the first line only, and makes a metric of each counter, which must be an integer;
/// the exporter of gen2brain reads the same fields.
#[test]
fn checkmk_and_gen2brain_read_the_json() {
    let model = model(CONFIGURATION);
    let director = Director::new(model.clone());
    let text = json(&moment(&model, &director, State::Master), JsonVersion::V1).unwrap();
    let document: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let routers = document.as_array().unwrap();
    assert_eq!(routers.len(), 2);
    for router in routers {
        let data = &router["data"];
        assert!(data["iname"].is_string());
        assert!(data["last_transition"].is_f64());
        assert_eq!((&data["state"], &data["wantstate"]), (&2.into(), &2.into()));
        for key in ["vrid", "base_priority", "effective_priority", "garp_delay"] {
            assert!(data[key].is_u64(), "{key}");
        }
        let counters = router["stats"].as_object().unwrap();
        assert_eq!(counters.len(), 20);
        assert!(counters.values().all(Value::is_u64), "{counters:?}");
    }
    assert_eq!(
        routers[0]["data"]["vips"][0],
        "192.168.1.50/24 dev eth0 scope global set"
    );
    assert_eq!(routers[0]["data"]["track_script"][0], "'/bin/true' 'a'");
    assert_eq!(routers[1]["data"]["ifp_ifname"], "eth1");
}
