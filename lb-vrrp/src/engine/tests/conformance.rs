// SPDX-License-Identifier: MIT OR Apache-2.0
//! `CONFORMANCE.md`: which test stands for which clause. It is made here, and a test keeps it true;
//! `LB_BLESS=1 cargo test -p lb-vrrp conformance` writes it.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use super::cells::{CELLS, Cell};

/// How far a clause is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// By the engine or the wire formats.
    Engine,
    /// By the driver, on a real kernel.
    Driver,
    /// Not at all, or not by anything in this crate.
    NotYet,
}
use Status::{Driver, Engine, NotYet};

/// Clause, what it asks for, how far it is kept, and the tests.
type Clause = (&'static str, &'static str, Status, &'static [&'static str]);

const CLAUSES: &[Clause] = &[
    (
        "RFC 9568 5.1.1.1, 5.1.2.1",
        "source is the primary address of the interface, link-local for IPv6",
        Driver,
        &[
            "version_2_with_password_elects_advertises_announces_and_resigns",
            "ipv6_routers_elect_announce_and_resign_beside_ipv4_ones_of_the_same_vrid",
        ],
    ),
    (
        "RFC 9568 5.1.1.2, 5.1.2.2",
        "destination is 224.0.0.18 or ff02::12; anything else is discarded",
        Engine,
        &["family_and_destination"],
    ),
    (
        "RFC 9568 5.1.1.3, 5.1.2.3",
        "TTL or hop limit is 255; anything else is discarded",
        Engine,
        &["hop_limit"],
    ),
    (
        "RFC 9568 5.2.1",
        "version; another one is discarded",
        Engine,
        &["version"],
    ),
    (
        "RFC 9568 5.2.2",
        "type 1; another one is discarded",
        Engine,
        &["packet_type"],
    ),
    (
        "RFC 9568 5.2.3",
        "VRID 1–255; a VRID not configured is discarded",
        Engine,
        &["vrid"],
    ),
    (
        "RFC 9568 5.2.4",
        "priority 255 owner, 1–254 backup, 0 resigning",
        Engine,
        &["startup_as_owner_in_initialize", "resignation_in_backup"],
    ),
    (
        "RFC 9568 5.2.5, erratum 8299",
        "at least one address",
        Engine,
        &["no_address"],
    ),
    (
        "RFC 9568 5.2.6",
        "reserved bits are ignored",
        Engine,
        &["reserved_bits_of_version_3_are_ignored"],
    ),
    (
        "RFC 9568 5.2.7, erratum 8301",
        "interval 1–4095 centiseconds; 0 is discarded",
        Engine,
        &["interval", "what_a_header_cannot_carry_does_not_fit"],
    ),
    (
        "RFC 9568 5.2.8",
        "checksum over the message, for IPv6 with the pseudo-header; over IPv4 both readings are accepted and one is configured",
        Engine,
        &[
            "every_valid_vector_is_read_and_written_the_same",
            "checksum",
            "v3_checksum_both_dialects_accepted_difference_reported",
            "mirror_checksum_sends_the_received_dialect",
        ],
    ),
    (
        "RFC 9568 5.2.9, erratum 8300",
        "in strict mode the first IPv6 address is link-local; otherwise any, as in keepalived",
        Engine,
        &[
            "strict_mode_wants_a_link_local_address_first",
            "combinations_that_do_not_exist_are_refused",
        ],
    ),
    (
        "RFC 9568 6.1 Skew_Time",
        "(256 − priority) / 256 intervals; RFC 3768: of a second",
        Engine,
        &[
            "version_2_skews_by_a_fraction_of_a_second_whatever_the_interval",
            "version_3_skews_by_a_fraction_of_the_interval",
        ],
    ),
    (
        "RFC 9568 6.1 Active_Down_Interval",
        "three intervals of the master and the skew time",
        Engine,
        &[
            "a_backup_waits_three_intervals_and_the_skew_time",
            "a_version_3_backup_learns_the_masters_interval",
        ],
    ),
    (
        "RFC 9568 6.1 Preempt_Mode",
        "off: a lower master stays; the owner preempts all the same",
        Engine,
        &[
            "without_preemption_any_priority_is_a_master",
            "the_owner_preempts_whatever_the_setting",
        ],
    ),
    (
        "RFC 9568 6.1 Accept_Mode",
        "off: packets to the addresses are not accepted, unless by the owner; the engine asks for it",
        Engine,
        &["addresses_that_accept_nothing_are_shielded_before_they_are_there"],
    ),
    (
        "RFC 9568 6.4.2, 6.4.3 Accept_Mode",
        "packets are dropped",
        Driver,
        &[
            "a_master_that_does_not_accept_packets_drops_them",
            "an_address_owner_accepts_packets",
        ],
    ),
    (
        "RFC 9568 6.4.3",
        "a losing advertisement is answered at once; RFC 3768 and `strict`: discarded",
        Engine,
        &[
            "a_master_answers_a_losing_advertisement_and_announces",
            "strict_mode_allows_nothing_beside_the_rfc",
        ],
    ),
    (
        "RFC 9568 6.4.1, errata 7947 and 7949",
        "a gratuitous ARP for each IPv4 address",
        Engine,
        &["a_gratuitous_arp_is_what_keepalived_sends"],
    ),
    (
        "RFC 9568 6.4.1",
        "an unsolicited neighbour advertisement for each IPv6 address",
        Driver,
        &[
            "an_unsolicited_neighbour_advertisement_equals_the_vector",
            "ipv6_routers_elect_announce_and_resign_beside_ipv4_ones_of_the_same_vrid",
        ],
    ),
    (
        "RFC 9568 7.1",
        "length is that of the number of addresses",
        Engine,
        &["short_and_long", "no_prefix_of_a_valid_message_is_valid"],
    ),
    (
        "RFC 9568 7.1",
        "a packet that fails a check is counted, and does nothing else",
        Engine,
        &[
            "what_is_discarded_moves_no_sequence",
            "bad_packets_are_counted_and_change_nothing",
        ],
    ),
    (
        "RFC 9568 7.1, erratum 8298",
        "the owner processes advertisements, and may be configured not to",
        Engine,
        &[
            "owner_ignores_adverts_discards_all",
            "of_two_owners_the_one_with_the_lower_address_yields",
        ],
    ),
    (
        "RFC 9568 7.1",
        "another list of addresses is reported, and not discarded",
        Engine,
        &[
            "address_list_mismatch_is_accepted_and_reported",
            "an_address_that_has_no_room_in_our_adverts_is_ours",
            "the_order_of_addresses_does_not_matter",
        ],
    ),
    (
        "RFC 9568 7.1",
        "a list without any of our addresses is of another router, and discarded",
        Engine,
        &["a_list_without_any_of_our_addresses_is_of_another_router"],
    ),
    (
        "RFC 9568 7.1",
        "another interval is reported, and learned",
        Engine,
        &["a_version_3_backup_learns_the_masters_interval"],
    ),
    (
        "RFC 9568 7.2",
        "checksum, priority and addresses are of the moment of sending",
        Engine,
        &[
            "a_master_advertises_new_addresses_and_announces_only_those",
            "master_priority_drop_is_advertised_at_once",
        ],
    ),
    ("RFC 9568 7.3", "virtual MAC as source", NotYet, &[]),
    (
        "RFC 9568 8.1.2, 8.2.2",
        "ARP and ND answers with the virtual MAC",
        NotYet,
        &[],
    ),
    (
        "RFC 9568 8.2.3",
        "router advertisements of the master only",
        NotYet,
        &[],
    ),
    (
        "RFC 9568 8.4.2",
        "VRRPv2 and VRRPv3 at the same time",
        NotYet,
        &[],
    ),
    (
        "RFC 3768 7.1",
        "another interval is discarded (VRRPv2)",
        Engine,
        &["interval"],
    ),
    (
        "RFC 2338 5.3.6, 7.1",
        "authentication type 1: the password in the message",
        Engine,
        &["password", "fields_of_a_version_2_message"],
    ),
    (
        "RFC 2338 5.3.6.3, RFC 2402, RFC 2403",
        "authentication type 2 as keepalived makes it: digest, security parameter index, sequence",
        Engine,
        &[
            "a_captured_authentication_header_is_accepted_and_our_own_is_the_same",
            "an_authentication_header_must_be_right_in_every_part",
            "a_foreign_security_parameter_index_is_refused",
            "ah_sequence_new_master_continues_from_the_old",
            "types_do_not_mix",
        ],
    ),
    (
        "draft-cassen-vrrp-auth-hmac",
        "trailer: digest over pseudo header, message and trailer",
        Engine,
        &[
            "signed_vectors_are_read_and_written_the_same",
            "a_trailer_must_be_right_in_every_part",
        ],
    ),
    (
        "draft-cassen-vrrp-auth-hmac",
        "sequence of time and counter, freshness window, growth per sender",
        Engine,
        &[
            "a_sequence_is_the_time_of_day_and_always_grows",
            "a_trailer_of_another_time_is_refused",
            "without_a_window_only_growth_counts",
            "hmac_sender_with_clock_set_back_is_accepted_again",
            "the_fields_may_wrap",
        ],
    ),
    (
        "draft-cassen-vrrp-auth-hmac",
        "on a real kernel: elected by signature, recordings and forgeries counted",
        Driver,
        &["signed_adverts_elect_and_recordings_and_forgeries_do_nothing"],
    ),
    (
        "draft-cassen-vrrp-auth-hmac",
        "several keys, and modes for a change without a gap",
        Engine,
        &[
            "any_configured_key_is_accepted",
            "modes_let_a_group_change_over_without_a_gap",
        ],
    ),
    (
        "keepalived unicast_peer",
        "one packet a peer, bounds for TTL, sources",
        Engine,
        &[
            "each_peer_gets_its_advertisement",
            "distance_and_source_are_bounded_where_that_is_configured",
            "the_old_unicast_checksum_is_accepted_and_counted",
        ],
    ),
    (
        "keepalived mcast_dst_ip",
        "another group",
        Engine,
        &["another_group_replaces_the_protocols"],
    ),
    (
        "keepalived down_timer_adverts",
        "1–100 instead of three intervals",
        Engine,
        &["another_number_of_intervals_to_master_down"],
    ),
    (
        "keepalived preempt_delay",
        "from the first lower priority on",
        Engine,
        &[
            "a_delay_of_preemption_runs_from_the_first_lower_priority",
            "a_higher_priority_cancels_the_delay",
            "a_delay_does_not_hold_off_a_takeover",
        ],
    ),
    (
        "keepalived timer_expired_backup",
        "a master that was away too long yields",
        Engine,
        &["a_master_may_yield_after_a_stall_instead_of_announcing"],
    ),
    (
        "keepalived, two owners",
        "the better one gives way to one that never will",
        Engine,
        &["an_owner_that_does_not_yield_has_its_way"],
    ),
    (
        "beyond: farewell",
        "a master that yields lets the winner announce again",
        Engine,
        &[
            "the_farewell_can_be_switched_off",
            "without_a_farewell_hosts_stay_with_the_loser",
        ],
    ),
    (
        "beyond: resignations",
        "they only move the deadline earlier",
        Engine,
        &["repeated_resignations_do_not_hold_off_the_takeover"],
    ),
    (
        "beyond: answers",
        "limited, so that two masters make no storm",
        Engine,
        &["a_storm_of_losing_advertisements_is_answered_with_the_next_advertisement"],
    ),
    (
        "beyond: pace",
        "lateness does not add up",
        Engine,
        &["a_master_advertises_at_its_interval_without_drift"],
    ),
    (
        "beyond: stalls",
        "a master that was away announces again",
        Engine,
        &[
            "a_master_that_slept_three_intervals_announces_again",
            "frozen_master_announces_again_without_a_peer",
        ],
    ),
    (
        "beyond: stalls",
        "a backup that was away listens before it judges",
        Engine,
        &[
            "a_backup_that_overslept_listens_for_another_interval",
            "half_an_interval_late_is_in_time",
            "frozen_pair_keeps_its_states",
        ],
    ),
    (
        "beyond: sticky",
        "backup until something was received",
        Engine,
        &["a_sticky_router_stays_backup_until_it_has_received_something"],
    ),
    (
        "beyond: resign",
        "an operator's request, and the others' chance",
        Engine,
        &["an_operator_makes_a_master_step_down_and_the_others_have_their_chance"],
    ),
    (
        "beyond: handover",
        "another process continues the router, and peers see no transition",
        Engine,
        &[
            "peers_of_a_master_notice_nothing",
            "a_master_that_was_away_too_long_is_backup_without_addresses",
        ],
    ),
    (
        "beyond: faults",
        "a set of reasons; all must go",
        Engine,
        &["faults_last_one_cleared_restarts_the_router"],
    ),
    (
        "beyond: no room",
        "addresses without room are held and not advertised",
        Engine,
        &["addresses_without_room_are_held_but_not_advertised"],
    ),
];

fn markdown() -> String {
    let mut text = "# Conformance\n\nWritten by the test `conformance` from the tests themselves with `LB_BLESS=1 cargo test -p lb-vrrp conformance`;\nwithout `LB_BLESS` the test fails if this page is not current. Clauses are those of RFC 9568 (VRRPv3) with its errata,\nor of RFC 3768 (VRRPv2) where named.\n\n## The state table\n\nEach line is a test of its own, for both versions unless it learns an interval (VRRPv3). *Fault* is keepalived's;\nthe RFC has Initialize there. Own priority is 100 at 192.0.2.10.\n\n| row | clause | state | event | outputs, in order | state after | timer | test |\n|---|---|---|---|---|---|---|---|\n".to_owned();
    for cell in CELLS {
        line(&mut text, cell);
    }
    text.push_str("\n## Other clauses\n\n*engine*: in the wire formats or the state machine, without I/O. *driver*: on a real kernel. *not yet*: nowhere in this\ncrate.\n\n| clause | what | kept by | tests |\n|---|---|---|---|\n");
    for (clause, what, status, tests) in CLAUSES {
        let status = match status {
            Engine => "engine",
            Driver => "driver",
            NotYet => "**not yet**",
        };
        let tests: Vec<_> = tests.iter().map(|test| format!("`{test}`")).collect();
        let tests = tests.join(", ");
        writeln!(text, "| {clause} | {what} | {status} | {tests} |").unwrap();
    }
    text
}

fn line(text: &mut String, cell: &Cell) {
    let outputs = if cell.outputs.is_empty() {
        "–".to_owned()
    } else {
        cell.outputs.join("; ")
    };
    writeln!(
        text,
        "| {} | {} | {} | {:?} | {outputs} | {} | {:?} | `{}` |",
        cell.row, cell.clause, cell.state, cell.event, cell.after, cell.timer, cell.name
    )
    .unwrap();
}

/// Names of the functions in a folder, and below it.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let after = text.split("\nfn ").chain(text.split("    fn "));
            let after = after.chain(text.split("async fn ")).skip(1);
            names.extend(after.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
}

#[test]
fn conformance_is_as_written() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = crate_folder.join("CONFORMANCE.md");
    if std::env::var_os("LB_BLESS").is_some() {
        fs::write(&file, markdown()).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == markdown(),
        "CONFORMANCE.md is not what the tests are: LB_BLESS=1 cargo test -p lb-vrrp conformance"
    );
}

#[test]
fn conformance_names_tests_that_exist() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    functions(&crate_folder.join("src"), &mut names);
    functions(&crate_folder.join("tests"), &mut names);
    names.extend(CELLS.iter().map(|cell| cell.name.to_owned()));
    for (clause, what, status, tests) in CLAUSES {
        assert_eq!(tests.is_empty(), *status == NotYet, "{clause}: {what}");
        for test in *tests {
            assert!(names.contains(*test), "{clause}: no test {test}");
        }
    }
    assert_eq!(
        CELLS
            .iter()
            .map(|cell| cell.name)
            .collect::<BTreeSet<_>>()
            .len(),
        CELLS.len()
    );
}
