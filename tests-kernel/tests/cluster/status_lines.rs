// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first lines of answers that HTTP_GET accepts are those that keepalived accepts.

use std::net::Ipv4Addr;

use tests_kernel::cluster::{Director, REAL_SERVERS, Software};
use tests_kernel::net::{Behaviour, HttpServer, Lan, wait_until};
use tests_kernel::tool::lbctl;

use crate::{DEADLINE, TestResult};

/// First lines, and whether keepalived 2.2.7 accepts them with the default status codes, 200 to 299.
const LINES: &[(&str, bool)] = &[
    ("HTTP/1.0 200 OK", true),
    ("HTTP/1.1 204 ", true),
    ("HTTP/1.1 204", false),
    ("http/1.0 200 OK", true),
    ("ICY 200 OK", true),
    ("HTTP/2 299 OK", true),
    ("X 200 OK", true),
    ("200 OK", false),
    (" 200 OK", true),
    ("  200 OK", false),
    ("HTTP/1.1  200 OK", false),
    ("HTTP/1.1\t200 OK", false),
    ("HTTP/1.1 \t200 OK", false),
    ("HTTP/1.1 200OK", false),
    ("HTTP/1.1 2000 OK", false),
    ("HTTP/1.1 0200 OK", false),
    ("HTTP/1.1 +200 OK", false),
    ("HTTP/1.1 20 OK", false),
    ("HTTP/1.1 404 200", false),
    ("HTTP/1.1 199 OK", false),
    ("HTTP/1.1 OK 200", false),
    ("HTTP/1.1", false),
    ("HTTP/1.1 ", false),
    ("", false),
    ("\nX 200 OK", true),
    ("X\r\nY: 200 OK", false),
];

/// Ours accepts a status line without a reason phrase: the server is well.
const OURS: &[&str] = &["HTTP/1.1 204"];

/// The digest of the page.
const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";

const FIRST_PORT: u16 = 8001;

/// Waits until each server has had two requests from this director: the first answer has been judged.
fn wait_for_rounds(director: &Director, servers: &[HttpServer]) -> TestResult {
    let address = director.host().address();
    wait_until("two rounds of checks", DEADLINE, || {
        let idle = servers
            .iter()
            .filter(|server| server.requests_from(address) < 2);
        match idle.count() {
            0 => Ok(()),
            idle => Err(format!("{idle} servers\n{}", director.log())),
        }
    })?;
    Ok(())
}

// shows real_server: HTTP_GET
// shows virtual_server: alpha
// shows HTTP_GET: url
// shows url: path
#[testbed::guest_test]
fn status_lines_are_judged_as_by_keepalived() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("s1", REAL_SERVERS[0])?;
    let ports = (FIRST_PORT..).zip(LINES);
    let mut servers = Vec::new();
    let mut text = "virtual_server 192.168.1.50 80 {\n    delay_loop 1\n    lb_algo rr\n    \
                    lb_kind NAT\n    protocol TCP\n    alpha\n"
        .to_owned();
    for (port, (line, _)) in ports.clone() {
        let server = HttpServer::start(host.netns(), port)?;
        let answer = format!("{line}\r\nServer: lab\r\n\r\nhello");
        server.set_behaviour(Behaviour::Raw(answer.into_bytes()));
        servers.push(server);
        text += &format!(
            "    real_server {} {port} {{\n        HTTP_GET {{\n            url {{\n                path /\n            \
             }}\n            connect_timeout 2\n            retry 0\n            warmup 0\n        }}\n    }}\n",
            REAL_SERVERS[0]
        );
    }
    text += "}\n";
    for (number, software) in [Software::Keepalived, Software::Lbctl]
        .into_iter()
        .enumerate()
    {
        let address = Ipv4Addr::new(192, 168, 1, 11 + u8::try_from(number)?);
        let host = lan.host(&format!("lb{number}"), address)?;
        let mut director = Director::new(host, software, &text)?;
        director.start()?;
        wait_for_rounds(&director, &servers)?;
        let (mut wrong, table) = (Vec::new(), director.table()?);
        for (port, (line, accepted)) in ports.clone() {
            let is_up = table.contains(&format!("{}:{port} ", REAL_SERVERS[0]));
            let is_ours = software == Software::Lbctl && OURS.contains(line);
            if is_up != (*accepted || is_ours) {
                wrong.push(format!("{line:?} is {}", if is_up { "up" } else { "down" }));
            }
        }
        assert!(
            wrong.is_empty(),
            "{software}: {wrong:#?}\n{}",
            director.log()
        );
        director.stop()?;
    }
    // The digest does not depend on the status.
    let client = lan.host("client", Ipv4Addr::new(192, 168, 1, 20))?;
    let lbctl = lbctl();
    for (port, (line, _)) in ports {
        let options = format!("-s {} -p {port} -u /", REAL_SERVERS[0]);
        let digests = [
            client.netns().run(&format!("genhash {options}"))?,
            client
                .netns()
                .run(&format!("{} genhash {options}", lbctl.display()))?,
        ];
        assert_eq!(digests[0], digests[1], "{line:?}");
        assert_eq!(digests[0].trim(), HELLO, "{line:?}");
    }
    Ok(())
}
