// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files as programs read them that watch keepalived: each parser is written here after the
//! description of what its program looks for.

use std::collections::BTreeMap;

use lb_vrrp::RouterStats;

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

/// What the Prometheus exporter of mehdy reads from the data file.
#[derive(Debug, Default, PartialEq)]
struct ExportedRouter {
    name: String,
    state: String,
    wantstate: String,
    interface: String,
    garp_delay: Option<u64>,
    vrid: Option<u8>,
    addresses: Vec<(String, String)>,
    excluded: Vec<(String, String)>,
}

/// Routers and scripts (name, status, state) of the data file.
fn export_data(text: &str) -> (Vec<ExportedRouter>, Vec<[String; 3]>) {
    let (mut routers, mut scripts) = (Vec::<ExportedRouter>::new(), Vec::<[String; 3]>::new());
    let mut list = "";
    for line in text.lines() {
        let word = line.trim();
        if let Some(name) = line.strip_prefix(" VRRP Instance = ") {
            routers.push(ExportedRouter {
                name: name.to_owned(),
                ..ExportedRouter::default()
            });
            list = "";
        } else if let Some(name) = line.strip_prefix(" VRRP Script = ") {
            scripts.push([name.to_owned(), String::new(), String::new()]);
            list = "script";
        } else if list == "script" {
            let script = scripts.last_mut().unwrap();
            if let Some(status) = word.strip_prefix("Status = ") {
                status.clone_into(&mut script[1]);
            } else if let Some(state) = word.strip_prefix("State = ") {
                state.clone_into(&mut script[2]);
            }
        } else if let Some(router) = routers.last_mut() {
            if line.starts_with("   Virtual IP (") {
                list = "addresses";
            } else if line.starts_with("   Virtual IP Excluded :") {
                list = "excluded";
            } else if line.starts_with("     ") {
                let mut words = word.split(' ');
                let address = words.next().unwrap().to_owned();
                let interface = words.skip_while(|word| *word != "dev").nth(1);
                let entry = (address, interface.unwrap_or_default().to_owned());
                match list {
                    "addresses" => router.addresses.push(entry),
                    "excluded" => router.excluded.push(entry),
                    _ => {}
                }
            } else if let Some((key, value)) = word.split_once(" = ") {
                list = "";
                match key {
                    "State" => value.clone_into(&mut router.state),
                    "Wantstate" => value.clone_into(&mut router.wantstate),
                    "Interface" | "Listening device" => value.clone_into(&mut router.interface),
                    "Gratuitous ARP delay" => router.garp_delay = value.parse().ok(),
                    "Virtual Router ID" => router.vrid = value.parse().ok(),
                    _ => {}
                }
            } else {
                list = "";
            }
        }
    }
    (routers, scripts)
}

#[test]
fn exporter_of_mehdy_reads_the_data_file() {
    let model = model(CONFIGURATION);
    let director = Director::new(model.clone());
    let text = vrrp_data(&moment(&model, &director, State::Backup));
    let (routers, scripts) = export_data(&text);
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
    let (originals, _) = export_data(&read("2.2.7/keepalived.data"));
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

/// The counters as yawol reads them: YAML of two levels, one document for each instance.
fn read_yaml(text: &str) -> Vec<BTreeMap<String, u64>> {
    let mut instances: Vec<BTreeMap<String, u64>> = Vec::new();
    let mut group = String::new();
    for line in text.lines() {
        let (key, value) = line.split_once(':').unwrap();
        let depth = key.len() - key.trim_start().len();
        assert!(depth % 2 == 0 && !line.contains('\t'), "{line}");
        match (depth, value.trim()) {
            (0, _) => instances.push(BTreeMap::new()),
            (2, "") => key.trim().clone_into(&mut group),
            (depth, value) => {
                let key = match depth {
                    2 => key.trim().to_owned(),
                    _ => format!("{group}/{}", key.trim()),
                };
                let counters = instances.last_mut().unwrap();
                assert_eq!(counters.insert(key, value.parse().unwrap()), None, "{line}");
            }
        }
    }
    instances
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
    let instances = read_yaml(&stats(&moment));
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
        assert_eq!(instances[0].get(key), Some(&count), "{key}");
        assert_eq!(instances[1].get(key), Some(&0), "{key}");
    }
    let original = read_yaml(&read("2.2.7/keepalived.stats"));
    assert!(original[0].keys().all(|key| instances[0].contains_key(key)));
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
