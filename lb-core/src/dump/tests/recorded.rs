// SPDX-License-Identifier: MIT OR Apache-2.0
//! Comparisons with the files of keepalived 2.2.7 and 2.4.3.

use std::collections::BTreeSet;

use super::*;

#[test]
fn json_is_that_of_the_original() {
    let model = recorded_model();
    let director = Director::new(model.clone());
    let text = json(&recorded_moment(&model, &director), JsonVersion::V1).unwrap();
    // The differences: a master that yields sends one last advert by default, and a script with a
    // weight counts for a member of a sync group too.
    let theirs = read("2.4.3/keepalived.json")
        .replace(
            "\"higher_prio_send_advert\":0",
            "\"higher_prio_send_advert\":1",
        )
        .replace(
            "\"track_process\":",
            "\"track_script\":[\"'\\/bin\\/true'\"],\"track_process\":",
        );
    assert_eq!(text.trim_end(), theirs.trim_end());
}

#[test]
fn json_has_all_fields_of_the_older_version() {
    let model = recorded_model();
    let director = Director::new(model.clone());
    let ours = json(&recorded_moment(&model, &director), JsonVersion::V1).unwrap();
    let (ours, theirs) = (parse(&ours), read("2.2.7/keepalived.json"));
    let theirs: Value = serde_json::from_str(&theirs).unwrap();
    let of_router = |document: &Value, number: usize, part: &str| -> BTreeSet<String> {
        let part = document[number][part].as_object().unwrap();
        part.keys().cloned().collect()
    };
    for number in [0, 1] {
        for part in ["data", "stats"] {
            let missing: Vec<_> = of_router(&theirs, number, part)
                .difference(&of_router(&ours, number, part))
                .cloned()
                .collect();
            assert!(missing.is_empty(), "{part} of {number}: {missing:?}");
        }
    }
}

#[test]
fn json_of_version_2_is_an_object_with_the_tracked_processes() {
    let model = recorded_model();
    let director = Director::new(model.clone());
    let mut moment = recorded_moment(&model, &director);
    let id = ObjectId::Process("web".into());
    moment.counts.insert(id, 3);
    let first = parse(&json(&moment, JsonVersion::V1).unwrap());
    let second = parse(&json(&moment, JsonVersion::V2).unwrap());
    assert_eq!(second["vrrp"], first);
    let process = &second["track_process"][0];
    assert_eq!(process["process"], "web");
    assert_eq!(process["have_quorum"], false);
    assert_eq!(process["current_processes"], 3);
    assert_eq!(process["min_processes"], 1);
    let text = json(&moment, JsonVersion::V2).unwrap();
    let fields = [
        "process",
        "have_quorum",
        "current_processes",
        "min_processes",
        "max_processes",
    ];
    let places = fields.map(|field| text.rfind(&format!("\"{field}\":")).unwrap());
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn stats_are_those_of_the_original() {
    let model = recorded_model();
    let director = Director::new(model.clone());
    let mut moment = recorded_moment(&model, &director);
    for router in &mut moment.routers {
        router.stats.advertisements_sent = 7;
    }
    assert_eq!(stats(&moment), read("2.4.3/keepalived.stats"));
}

/// Lines of the original's data file that have no counterpart here: of its sockets, and of parts of
/// its own work.
const WITHOUT_COUNTERPART: [&str; 6] = [
    "fd_in",
    "Flags of interface faults",
    "Number of track scripts init",
    "Read timeout",
    "Master down timer",
    "Last advert sent",
];

/// The part of the data file about routers, without those lines and without the readable time.
fn topology(text: &str) -> Vec<String> {
    let begin = text.find("------< VRRP Topology").unwrap();
    let rest = &text[begin..];
    let end = rest
        .find("------< VRRP Sockpool")
        .or_else(|| rest.find("------< VRRP Sync"));
    let lines = rest[..end.unwrap()].lines();
    lines
        .filter(|line| {
            let mut words = WITHOUT_COUNTERPART.iter();
            !words.any(|word| line.trim_start().starts_with(word))
        })
        .map(|line| match line.split_once(" (Mon") {
            Some((line, _)) => line.to_owned(),
            // The index of the interface.
            None => line.split(", ifindex").next().unwrap().to_owned(),
        })
        .collect()
}

#[test]
fn routers_in_the_data_file_are_those_of_the_original() {
    let model = recorded_model();
    let director = Director::new(model.clone());
    let ours = vrrp_data(&recorded_moment(&model, &director));
    // The differences are those of the JSON.
    let theirs = read("2.4.3/keepalived.data")
        .replace(
            "higher priority advert = false",
            "higher priority advert = true",
        )
        .replace(
            "   Tracked processes :",
            "   Tracked scripts :\n     chk_ok weight 2\n   Tracked processes :",
        );
    assert_eq!(topology(&ours).join("\n"), topology(&theirs).join("\n"));
}

/// Each line of ours about settings, virtual servers and checks has one of the original's with the
/// same name.
#[test]
fn other_lines_of_the_data_files_have_the_names_of_the_original() {
    let model = recorded_model();
    let director = Director::new(model.clone());
    let moment = recorded_moment(&model, &director);
    let name = |line: &str| line.split(" = ").next().unwrap().trim().to_owned();
    for (file, ours) in [
        ("keepalived_check.data", check_data(&moment)),
        ("keepalived_parent.data", global_data(&moment)),
    ] {
        let theirs = ["2.2.7", "2.4.3"].map(|version| read(&format!("{version}/{file}")));
        let known: BTreeSet<String> = theirs
            .iter()
            .flat_map(|text| text.lines())
            .map(name)
            .collect();
        let unknown: Vec<_> = ours
            .lines()
            .filter(|line| line.contains(" = ") && !known.contains(&name(line)))
            // A host name, a result and a user, which the recording has in other words.
            .filter(|line| !line.contains("Last result") && !line.contains("Default script user"))
            .collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn passwords_are_in_no_file() {
    let model = recorded_model();
    let director = Director::new(model.clone());
    let moment = recorded_moment(&model, &director);
    let json = json(&moment, JsonVersion::V1).unwrap();
    for text in [vrrp_data(&moment), stats(&moment), json] {
        assert!(!text.contains("secret"), "{text}");
    }
}

/// Items with everything that a line can have; the texts are those of keepalived 2.2.7.
#[test]
fn addresses_routes_and_rules_are_written_as_the_original_does() {
    let model = model(
        "vrrp_instance VI_1 {
            interface eth0
            virtual_router_id 51
            virtual_ipaddress {
                192.168.1.50/24 brd 192.168.1.255 scope site label eth0:vip
                192.168.1.60/32 peer 192.168.1.61 dev eth1
                192.168.1.62/24 brd + no_track
            }
            virtual_ipaddress_excluded {
                192.168.1.55/32 dev eth1
                fd00:1::51/64 home -nodad mngtmpaddr
                fd00:1::52/64 preferred_lft 600
            }
            virtual_routes {
                10.1.0.0/16 via 192.168.1.1 dev eth0 src 192.168.1.50 table 100 metric 5
                default via 192.168.1.1
                blackhole 10.9.0.0/16
                10.2.0.0/16 scope link dev eth1 mtu lock 1400 onlink
            }
            virtual_rules {
                from 192.168.1.50 table 100 priority 1000
                to 10.0.0.0/8 fwmark 0x10/0xff iif eth0 table 7 priority 20
            }
        }",
    );
    let director = Director::new(model.clone());
    let text = json(&moment(&model, &director, State::Master), JsonVersion::V1).unwrap();
    let document = parse(&text);
    let data = &document[0]["data"];
    let list = |key: &str| -> Vec<&str> {
        let list = data[key].as_array().unwrap().iter();
        list.map(|text| text.as_str().unwrap()).collect()
    };
    assert_eq!(
        list("vips"),
        [
            "192.168.1.50/24 brd 192.168.1.255 dev eth0 scope site label eth0:vip set",
            "192.168.1.60 dev eth1 scope global peer 192.168.1.61/32 set",
            "192.168.1.62/24 brd 192.168.1.255 dev eth0 scope global no_track set",
        ]
    );
    assert_eq!(
        list("evips"),
        [
            "192.168.1.55 dev eth1 scope global set",
            "fd00:1::51/64 dev eth0 scope global home -nodad mngtmpaddr preferred_lft forever set",
            "fd00:1::52/64 dev eth0 scope global preferred_lft 600 set",
        ]
    );
    assert_eq!(
        list("vroutes"),
        [
            "prepend 10.1.0.0/16 src 192.168.1.50 via inet 192.168.1.1 dev eth0 table 100 proto 18 metric 5",
            "prepend 0.0.0.0/0 via inet 192.168.1.1 proto 18 no_track",
            "add blackhole 10.9.0.0/16 proto 18 no_track",
            "prepend 10.2.0.0/16 dev eth1 proto 18 scope 253 onlink mtu lock 1400",
        ]
    );
    assert_eq!(
        list("vrules"),
        [
            "from 192.168.1.50 priority 1000 tos 0x0 protocol 18 lookup 100",
            "from all to 10.0.0.0/8 priority 20 tos 0x0 fwmark 0x10/0xff iif eth0 protocol 18 lookup 7",
        ]
    );
}

/// The texts are those of keepalived 2.2.7.
#[test]
fn notify_scripts_are_written_as_the_original_does() {
    let model = model(
        "global_defs {
            script_user root
        }
        vrrp_instance VI_1 {
            interface eth0
            virtual_router_id 51
            virtual_ipaddress {
                192.168.1.50/24
            }
            notify_master \"/bin/true m\"
            notify_backup \"/bin/true b\"
            notify_deleted \"/bin/true d\"
            notify_master_rx_lower_pri \"/bin/true r\"
            notify \"/bin/true n\"
            notify_priority_changes
        }",
    );
    let director = Director::new(model.clone());
    let moment = moment(&model, &director, State::Backup);
    let text = json(&moment, JsonVersion::V1).unwrap();
    let expected = "\"notify_deleted\":true,\"script_backup\":\"'\\/bin\\/true' 'b'\",\
         \"script_master\":\"'\\/bin\\/true' 'm'\",\"script_deleted\":\"'\\/bin\\/true' 'd'\",\
         \"script\":\"'\\/bin\\/true' 'n'\",\
         \"script_master_rx_lower_pri\":\"'\\/bin\\/true' 'r'\",\"vips\"";
    assert!(text.contains(expected), "{text}");
    let text = vrrp_data(&moment);
    let expected = "   Notify deleted = Deleted
   Backup state transition script = '/bin/true' 'b', uid:gid 0:0
   Master state transition script = '/bin/true' 'm', uid:gid 0:0
   Deleted state transition script = '/bin/true' 'd', uid:gid 0:0
   Generic state transition script = '/bin/true' 'n', uid:gid 0:0
   Master rx lower pri state transition script = '/bin/true' 'r', uid:gid 0:0
   Notify priority changes = true
";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn without_routers_there_is_no_json() {
    let global = Global::new("lb1");
    assert_eq!(json(&Moment::new(&global), JsonVersion::V1), None);
    assert_eq!(json(&Moment::new(&global), JsonVersion::V2), None);
}
