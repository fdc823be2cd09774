// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables written and read back, rules of ipvsadm read, and the errors of malformed lines.

use lb_ipvs::{
    Destination, ForwardingMethod, Scheduler, Service, ServiceKey, Subject, SyncState, Table,
    plan_table, testing::tables,
};
use proptest::prelude::*;

use super::*;
use crate::{
    Numeric,
    command::{self, Request},
};

fn written(table: &Table) -> String {
    let mut out = String::new();
    write(table, &mut out).unwrap();
    out
}

fn table_of(text: &str) -> Table {
    read(text, &Numeric)
        .unwrap_or_else(|errors| panic!("{errors}\n{text}"))
        .into_table()
}

fn errors(text: &str) -> Vec<String> {
    match read(text, &Numeric) {
        Ok(file) => panic!("accepted: {file:?}"),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_written_is_read(table in tables()) {
        let text = written(&table);
        let file = read(&text, &Numeric).map_err(|errors| {
            TestCaseError::fail(format!("{errors}\n{text}"))
        })?;
        prop_assert_eq!(file.table(), &table, "{}", text);
        prop_assert_eq!(written(file.table()), text);
    }

    #[test]
    fn a_line_without_our_own_options_is_ipvsadms(table in tables()) {
        for line in written(&table).lines().skip(1).filter(|line| !line.contains("--lb-")) {
            let request = command::parse(&command::words(line), "ipvsadm", &Numeric);
            let request = request.map_err(|error| TestCaseError::fail(format!("{line}: {error}")))?;
            match request {
                Request::AddService(service) => {
                    prop_assert_eq!(table.service(&service.key).unwrap().service(), &service);
                }
                Request::AddServer(key, destination) => {
                    // A line for a service of ours names the service by an option of ours.
                    let service = table.service(&key).unwrap();
                    let ours = service.destination(destination.address);
                    prop_assert_eq!(ours, Some(&destination));
                }
                Request::SetTimeouts(timeouts) => {
                    prop_assert_eq!(table.timeouts(), Some(&timeouts));
                }
                Request::StartDaemon(daemon) => {
                    let mut daemons = table.sync_daemons().unwrap();
                    prop_assert!(daemons.any(|ours| *ours == daemon));
                }
                other => prop_assert!(false, "{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn no_text_is_too_strange(text in any::<String>()) {
        let _ = read(&text, &Numeric);
    }

    #[test]
    fn no_words_are_too_strange(
        lines in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    Just("-A".to_owned()), Just("-a".to_owned()), Just("--set".to_owned()),
                    Just("--start-daemon".to_owned()), Just("-t".to_owned()), Just("-p".to_owned()),
                    Just("10.0.0.1:80".to_owned()), Just("-r".to_owned()), Just("-f".to_owned()),
                    "--lb-(service|scheduler|pe|flags|netmask|forwarding|tunnel|tcp|group|port)=[0-9x:/%]{0,9}",
                    "[0-9]{0,4}", "[-!-~]{0,5}",
                ],
                0..8,
            ),
            0..4,
        ),
    ) {
        let text: Vec<String> = lines.iter().map(|words| words.join(" ")).collect();
        if let Err(errors) = read(&text.join("\n"), &Numeric) {
            for error in &errors {
                let line = &text[error.line - 1];
                if let Some((column, word)) = &error.word {
                    let found: String = line.chars().skip(column - 1).take(word.chars().count()).collect();
                    prop_assert_eq!(&found, word, "{}: {}", line, error);
                }
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}

/// The rules of the goldens, as `ipvsadm -S -n` prints them.
#[test]
fn saved_rules_are_read() {
    let text = "\
# ipvsadm.rules
-A -t 10.0.0.1:80 -s sh -p 300 -M 255.255.255.0 -b sh-fallback,sh-port
-a -t 10.0.0.1:80 -r 10.0.1.1:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
\t
  # indented
ipvsadm -A -f 3000000000 -6 -s rr
-a -f 3000000000 -6 -r [fd00::1]:0 -m -w 0\r
";
    let file = read(text, &Numeric).unwrap();
    let table = file.table();
    assert_eq!(table.services().len(), 2);
    assert!(table.timeouts().is_none() && table.sync_daemons().is_none());
    let key = ServiceKey::tcp("10.0.0.1:80".parse().unwrap());
    let address = "10.0.1.1:80".parse().unwrap();
    assert_eq!(file.line_of(&Subject::Service(key)), Some(2));
    assert_eq!(file.line_of(&Subject::Destination(key, address)), Some(3));
    assert_eq!(file.line_of(&Subject::Table), None);
}

#[test]
fn header_names_the_parts_that_the_file_has_in_full() {
    let daemons = |text| table_of(text).sync_daemons().map(|daemons| daemons.len());
    assert_eq!(
        daemons("# IPVS table, format 1: services, daemons\n"),
        Some(0)
    );
    assert_eq!(daemons("# IPVS table, format 1: services\n"), None);
    assert_eq!(daemons("# IPVS table, format 1\n"), None);
    assert_eq!(daemons("--start-daemon backup\n"), Some(1));
    assert_eq!(
        daemons("-A -f 1\n# IPVS table, format 9: more\n"),
        None,
        "a comment"
    );
    assert_eq!(
        errors("# IPVS table, format 2: services\n"),
        ["line 1: this is format 2; known is 1"]
    );
    assert_eq!(
        errors("# IPVS table, format 1: services, hooks\n"),
        ["line 1: the header names hooks, which is not known"]
    );
}

#[test]
fn every_wrong_line_is_reported() {
    let text = "\
-A -t 10.0.0.1:80 -s rr
-A -t 10.0.0.1:80
-a -t 10.0.0.1:80 -r 10.0.1.1 -w -1
-a -t 10.0.0.1:80 -r 10.0.1.256:80
-a -t 10.0.0.1:80 -r 10.0.1.1
-a -t 10.0.0.1:80 -r 10.0.1.1:8080 -i
-a -t 10.0.0.2:80 -r 10.0.1.1
-D -t 10.0.0.1:80
80 -A
-C
-A -f 0
-A -t 10.0.0.1:81 -q
-A -t 10.0.0.1:81 -b rr-flag
-a -t 10.0.0.1:80 -r 10.0.1.9 -g -m
-a -t 10.0.0.1:80 -r [fd00::1]:80 -g
--set 1 2
--set 1 2 3
--set 1 2 3
--start-daemon both
--start-daemon master --mcast-group 10.0.0.1
--start-daemon master --syncid 256
-A -t 10.0.0.1:82 extra
-A -f 5 --lb-flags=3
-A -f 6 --lb-tunnel=1:2:0x3
-A -f 6 -s rr --lb-scheduler=x
-A -f 6 --lb-nonsense=1
-a -f 1 -r 10.0.0.1 --lb-forwarding=3
-a -t 10.0.0.1:80 -r 10.0.1.7 --lb-forwarding=local --tun-type gre
--lb-flags=0x40
";
    assert_eq!(
        errors(text),
        [
            "line 2: TCP 10.0.0.1:80 is on line 1 already",
            "line 3, column 34, -1: illegal weight specified",
            "line 4, column 22, 10.0.1.256:80: illegal real server address[:port] specified",
            "line 6: 10.0.1.1:80 of TCP 10.0.0.1:80 is on line 5 already",
            "line 7: there is no -A line before it for TCP 10.0.0.2:80",
            "line 8, column 1, -D: delete-service does not describe a table; \
             -A, -a, --set and --start-daemon do",
            "line 9, column 1, 80: unexpected argument 80",
            "line 10, column 1, -C: flush does not describe a table; \
             -A, -a, --set and --start-daemon do",
            "line 11, column 7, 0: invalid fwmark value `0' specified",
            "line 12, column 19, -q: -q: unknown option",
            "line 13, column 22, rr-flag: invalid scheduler flag `rr-flag'",
            "line 14, column 34, -m: multiple 'forwarding-method' options specified",
            "line 15, column 22, [fd00::1]:80: \
             Different address family is allowed only for tunneling servers",
            "line 16: --set option requires 3 timeout values",
            "line 18: the time-outs are on line 17 already",
            "line 19: illegal start-daemon parameter specified",
            "line 20, column 37, 10.0.0.1: invalid IPv4 mcast-group `10.0.0.1'",
            "line 21, column 32, 256: illegal syncid specified",
            "line 22, column 19, extra: unexpected argument extra",
            "line 23, column 9, --lb-flags=3: the value is not flags such as 0x40, without 0x1 and 0x2",
            "line 24, column 9, --lb-tunnel=1:2:0x3: the option does not go with add-service",
            "line 25, column 15, --lb-scheduler=x: the option conflicts with another one",
            "line 26, column 9, --lb-nonsense=1: unknown option",
            "line 27, column 21, --lb-forwarding=3: the value is not masquerade, direct-routing, \
             local, bypass or a number above 4",
            "line 28, column 64, gre: the option conflicts with another one",
            "line 29, column 1, --lb-flags=0x40: \
             the line does not begin with -A, -a, --set or --start-daemon",
        ]
    );
}

/// One line for each option of the format's own.
#[test]
fn what_ipvsadm_cannot_say() {
    let text = "\
# IPVS table, format 1: services, daemons
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.0.1.1:80 --lb-forwarding=local -w 1 --lb-u-threshold=4294967295
-a -t 10.0.0.1:80 -r 10.0.1.1:81 --lb-forwarding=direct-routing -w 1
-a -t 10.0.0.1:80 -r 10.0.1.2:80 --lb-tunnel=9:80:0x3 -w 1
-a -t 10.0.0.1:80 -r [fd00::1]:80 --lb-forwarding=masquerade -w 1
-A -t 10.0.0.2:80 -s none --lb-flags=0x44
-A --lb-service=6/10.0.0.3:0 --lb-scheduler=a%20b
-a --lb-service=6/10.0.0.3:0 -r 10.0.1.1:0 -m -w 1
-A --lb-service=50/[fd00::1]:0 -s rr --lb-persistent=0 --lb-netmask=0
-A -f 3000000000 -6 -s rr -p 10 --lb-netmask=255.0.0.0 --pe sip
--set 0 120 300 --lb-tcp=42949671
--start-daemon master --lb-interface=a%20b --lb-syncid=300 --lb-maxlen=65535 --lb-group=10.0.0.1 --lb-port=0 --lb-ttl=0
";
    let table = table_of(text);
    assert_eq!(written(&table), text);
    let key = ServiceKey::tcp("10.0.0.1:80".parse().unwrap());
    let entry = table.service(&key).unwrap();
    assert_eq!(
        entry
            .destination("10.0.1.1:80".parse().unwrap())
            .unwrap()
            .forwarding,
        ForwardingMethod::Local
    );
}

#[test]
fn a_difference_shows_lines() {
    let before = table_of(
        "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m\n\
         -A -f 1 -s rr\n-a -f 1 -r 10.0.1.1:80 -m\n--set 900 120 300\n--start-daemon backup\n",
    );
    let desired = table_of(
        "# IPVS table, format 1: services, daemons\n\
         -A -t 10.0.0.1:80 -s wrr\n-a -t 10.0.0.1:80 -r 10.0.1.2:80 -m\n--set 900 120 60\n",
    );
    let mut out = String::new();
    difference(&before, &desired, &plan_table(&before, &desired), &mut out).unwrap();
    assert_eq!(
        out,
        "\
- --start-daemon backup --mcast-interface eth0 --syncid 0
+ -a -t 10.0.0.1:80 -r 10.0.1.2:80 -m -w 1
~ -A -t 10.0.0.1:80 -s wrr
  was -A -t 10.0.0.1:80 -s rr
- -a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 1
- -A -f 1 -s rr
- -a -f 1 -r 10.0.1.1:80 -m -w 1
~ --set 900 120 60
  was --set 900 120 300
"
    );
    assert_eq!(
        before.sync_daemons().unwrap().next().unwrap().state,
        SyncState::Backup
    );
}

#[test]
fn an_error_count_is_that_of_the_lines() {
    let text = "-x\n".repeat(1000);
    assert_eq!(errors(&text).len(), 1000);
}

#[test]
fn a_service_is_enough() {
    let mut table = Table::new();
    let key = ServiceKey::tcp("10.0.0.1:80".parse().unwrap());
    table
        .add_service(Service::new(key, Scheduler::RoundRobin))
        .unwrap();
    table
        .add_destination(&key, Destination::new("10.0.1.1:80".parse().unwrap()))
        .unwrap();
    assert_eq!(
        written(&table),
        "# IPVS table, format 1: services\n-A -t 10.0.0.1:80 -s rr\n\
         -a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1\n"
    );
}
