// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the status reports of checks that cannot run, and of what the kernel has.

use std::net::Ipv4Addr;

use serde_json::Value;
use tests_kernel::cluster::{Director, REAL_SERVERS, Software};
use tests_kernel::net::{Behaviour, HttpServer, Lan, wait_until};
use tests_kernel::process::output;
use tests_kernel::tool::Tool;

use crate::{DEADLINE, TestResult};

/// The source of the checks, which the host does not have at first.
const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 99);

/// The kernel has no module for the second scheduler.
fn configuration() -> String {
    format!(
        "virtual_server 192.168.1.50 80 {{
    delay_loop 1
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 192.168.1.61 80 {{
        TCP_CHECK {{
            bindto {SOURCE}
            connect_timeout 1
            retry 0
        }}
    }}
    real_server 192.168.1.62 80 {{
    }}
}}
virtual_server 192.168.1.51 80 {{
    lb_algo twos
    lb_kind DR
    protocol TCP
    real_server 192.168.1.61 80 {{
    }}
}}
"
    )
}

fn status(director: &Director) -> TestResult<Value> {
    let text = director.lbctl(&["status", "--json"])?;
    Ok(serde_json::from_str(&text)?)
}

/// Waits until the document has these values at these places.
fn wait_for_status(director: &Director, wanted: &[(&str, Value)]) -> TestResult<Value> {
    let status = wait_until("the status", DEADLINE, || {
        let status = status(director).map_err(|error| error.to_string())?;
        for (place, value) in wanted {
            if status.pointer(place) != Some(value) {
                return Err(format!(
                    "{place} is not {value}: {status:#}\n{}",
                    director.log()
                ));
            }
        }
        Ok(status)
    })?;
    Ok(status)
}

const FIRST: &str = "/virtual_servers/0/real_servers/0";

fn at(field: &str) -> String {
    format!("{FIRST}/{field}")
}

#[testbed::guest_test]
fn status_reports_checks_that_cannot_run_and_what_the_kernel_has() -> TestResult {
    let lan = Lan::new()?;
    let server = lan.host("s1", REAL_SERVERS[0])?;
    let server = HttpServer::start(server.netns(), 80)?;
    let host = lan.host("lb", Ipv4Addr::new(192, 168, 1, 11))?;
    let mut director = Director::new(host, Software::Lbctl, &configuration())?;
    director.start()?;
    let (state, reason) = (at("state"), at("reason"));
    let lacks_source = "TCP_CHECK: bind: Cannot assign requested address (os error 99)";
    let status = wait_for_status(
        &director,
        &[
            (&state, "unknown".into()),
            (&reason, lacks_source.into()),
            // As keepalived has it: without a result it takes traffic.
            (&at("up"), true.into()),
            (&at("kernel_weight"), 1.into()),
            (
                "/virtual_servers/0/real_servers/1/state",
                "unchecked".into(),
            ),
            ("/virtual_servers/0/kernel/present", true.into()),
            (
                "/virtual_servers/0/kernel/differences",
                Value::Array(vec![]),
            ),
            // The kernel refused the scheduler.
            ("/virtual_servers/1/kernel/present", false.into()),
        ],
    )?;
    assert!(status.pointer(&at("since")).is_some_and(Value::is_string));
    let refused = status["virtual_servers"][1]["kernel"]["differences"][0].as_str();
    let refused = refused.unwrap_or_default();
    assert!(refused.starts_with("service missing: "), "{refused}");
    let text = director.lbctl(&["status"])?;
    let line = |name: &str, words: &[&str]| {
        let line = text.lines().find(|line| line.contains(name));
        let line = line.unwrap_or_default();
        assert!(
            words.iter().all(|word| line.contains(word)),
            "{words:?}: {text}"
        );
    };
    line("[192.168.1.51]:tcp:80", &["missing", "service missing: "]);
    line(
        "[192.168.1.61]:tcp:80",
        &["unknown", "since 20", lacks_source],
    );

    let netns = director.host().netns();
    netns.ip(&format!("addr add {SOURCE}/24 dev eth0"))?;
    wait_for_status(&director, &[(&state, "up".into())])?;
    server.set_behaviour(Behaviour::Refuse);
    wait_for_status(
        &director,
        &[
            (&state, "down".into()),
            (&reason, "TCP_CHECK: connection refused".into()),
            (&at("up"), false.into()),
        ],
    )?;
    assert!(
        self::status(&director)?
            .pointer(&at("kernel_weight"))
            .is_none()
    );
    server.set_behaviour(Behaviour::Serve);
    wait_for_status(&director, &[(&state, "up".into())])?;

    // No descriptor is free: the check cannot run, the status is answered.
    let pid = director.daemon()?.pid();
    let limit = |director: &Director, limits: &str| -> TestResult {
        let mut command = director.command("prlimit");
        command.arg(format!("--pid={pid}"));
        command.arg(format!("--nofile={limits}"));
        let done = output(&mut command, DEADLINE)?;
        assert!(done.status.success(), "{done:?}");
        Ok(())
    };
    // The spare descriptors have small numbers.
    let mut free = 0;
    while std::fs::symlink_metadata(format!("/proc/{pid}/fd/{free}")).is_ok() {
        free += 1;
    }
    limit(&director, &format!("{free}:4096"))?;
    let no_descriptor = "TCP_CHECK: socket: Too many open files (os error 24)";
    wait_for_status(
        &director,
        &[(&state, "unknown".into()), (&reason, no_descriptor.into())],
    )?;
    limit(&director, "4096:4096")?;
    wait_for_status(&director, &[(&state, "up".into())])?;

    // Another program takes the service away.
    let netns = director.host().netns();
    Tool::Ipvsadm.run(netns, "-e -t 192.168.1.50:80 -r 192.168.1.62:80 -g -w 0")?;
    let differs = Value::from(vec!["192.168.1.62:80 has weight 0 instead of 1"]);
    wait_for_status(
        &director,
        &[
            ("/virtual_servers/0/kernel/differences", differs),
            ("/virtual_servers/0/real_servers/1/kernel_weight", 0.into()),
        ],
    )?;
    Tool::Ipvsadm.run(netns, "-D -t 192.168.1.50:80")?;
    let status = wait_for_status(
        &director,
        &[
            ("/virtual_servers/0/kernel/present", false.into()),
            ("/virtual_servers/0/quorum", true.into()),
        ],
    )?;
    assert!(status.pointer(&at("kernel_weight")).is_none());

    let (status, log) = director.stop()?;
    assert!(status.success(), "{status}: {log}");
    let count = |text: &str| log.matches(text).count();
    assert_eq!(
        count("TCP_CHECK on service [192.168.1.61]:tcp:80 cannot run"),
        2,
        "{log}"
    );
    Ok(())
}
