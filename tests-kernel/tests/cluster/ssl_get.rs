// SPDX-License-Identifier: MIT OR Apache-2.0
//! SSL_GET and genhash over TLS beside keepalived, on the same servers.

use std::net::Ipv4Addr;

use tests_kernel::cluster::{Director, REAL_SERVERS, Software};
use tests_kernel::net::{Behaviour, HttpServer, Lan, TlsBehaviour, TlsServer, wait_until};
use tests_kernel::tool::lbctl;

use crate::{DEADLINE, TestResult, wait_for_log};

const FIRST_PORT: u16 = 8443;
const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";
/// A port with a server that has no TLS.
const PLAIN: u16 = 8400;

fn page(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nServer: lab\r\n\r\n{body}").into_bytes()
}

/// What each server does, the lines of the check and of its `url`, and whether it is up.
fn cases() -> Vec<(TlsBehaviour, &'static str, &'static str, bool)> {
    let answer = |status, body| TlsBehaviour::Answer(page(status, body));
    let digest = "digest 5d41402abc4b2a76b9719d911017c592";
    let name = || "www.example.net".to_owned();
    let only = || TlsBehaviour::OnlyFor(name(), page("200 OK", "hello"));
    vec![
        (answer("200 OK", "hello"), "", digest, true),
        (answer("200 OK", "other"), "", digest, false),
        (answer("404 Not Found", ""), "", "", false),
        (answer("404 Not Found", ""), "", "status_code 404", true),
        (TlsBehaviour::Cut(page("200 OK", "hello")), "", digest, true),
        (answer("200 OK", "hello"), "tls_compliant", digest, true),
        (only(), "enable_sni\nvirtualhost www.example.net", "", true),
        (only(), "enable_sni", "virtualhost www.example.net", true),
        (
            only(),
            "enable_sni\nvirtualhost other.example.net",
            "",
            false,
        ),
        (only(), "virtualhost www.example.net", "", false),
        (TlsBehaviour::Reset, "", "", false),
        (TlsBehaviour::Silent, "", "", false),
        (TlsBehaviour::Close, "", "", false),
    ]
}

fn real_server(port: u16, check: &str, url: &str) -> String {
    format!(
        "    real_server {} {port} {{
        SSL_GET {{
            url {{
                path /
                {url}
            }}
            {check}
            connect_timeout 2
            retry 0
            delay_before_retry 1
            warmup 0
        }}
    }}
",
        REAL_SERVERS[0]
    )
}

/// The ports of the destinations in a table.
fn ports(director: &Director) -> Result<Vec<u16>, String> {
    let table = director.table().map_err(|error| error.to_string())?;
    let address = format!("{}:", REAL_SERVERS[0]);
    let mut ports: Vec<u16> = table
        .split_whitespace()
        .filter_map(|word| word.strip_prefix(&address)?.parse().ok())
        .collect();
    ports.sort_unstable();
    Ok(ports)
}

fn wait_for_ports(director: &Director, wanted: &[u16]) -> TestResult {
    wait_until("the table", DEADLINE, || {
        let ports = ports(director)?;
        let log = || format!("{ports:?}, not {wanted:?}\n{}", director.log());
        (ports == wanted).then_some(()).ok_or_else(log)
    })?;
    Ok(())
}

// shows real_server: SSL_GET
// shows virtual_server: delay_loop
// shows HTTP_GET: virtualhost, enable_sni, tls_compliant
// shows url: digest, status_code, virtualhost
#[testbed::guest_test]
fn ssl_get_judges_as_keepalived_does() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("s1", REAL_SERVERS[0])?;
    let mut text = "virtual_server 192.168.1.50 80 {\n    delay_loop 1\n    lb_algo rr\n    \
                    lb_kind NAT\n    protocol TCP\n    alpha\n"
        .to_owned();
    let (mut servers, mut up) = (Vec::new(), Vec::new());
    for (port, (behaviour, check, url, is_up)) in (FIRST_PORT..).zip(cases()) {
        servers.push(TlsServer::start(host.netns(), port, behaviour)?);
        text += &real_server(port, check, url);
        up.extend(is_up.then_some(port));
    }
    let plain = HttpServer::start(host.netns(), PLAIN)?;
    plain.set_behaviour(Behaviour::Raw(page("200 OK", "hello")));
    text += &real_server(PLAIN, "", "");
    text += "}\n";

    for (number, software) in [Software::Keepalived, Software::Lbctl]
        .into_iter()
        .enumerate()
    {
        let address = Ipv4Addr::new(192, 168, 1, 11 + u8::try_from(number)?);
        let director = lan.host(&format!("lb{number}"), address)?;
        let mut director = Director::new(director, software, &text)?;
        director.start()?;
        wait_until("three rounds of checks", DEADLINE, || {
            let idle = servers
                .iter()
                .filter(|server| server.connections_from(address) < 3);
            match idle.count() {
                0 => Ok(()),
                idle => Err(format!("{idle} servers\n{}", director.log())),
            }
        })?;
        wait_for_ports(&director, &up)?;

        // An outage and its end.
        servers[0].set_behaviour(TlsBehaviour::Close);
        wait_for_ports(&director, &up[1..])?;
        servers[0].set_behaviour(TlsBehaviour::Answer(page("200 OK", "hello")));
        wait_for_ports(&director, &up)?;
        let failed = "HTTP_CHECK on service [192.168.1.61]:tcp:8443 failed";
        let found = "Remote Web server [192.168.1.61]:tcp:8443 succeed on service.";
        wait_for_log(&director, &[failed, found])?;
        director.stop()?;
    }

    // The digest over TLS.
    let client = lan.host("client", Ipv4Addr::new(192, 168, 1, 20))?;
    let lbctl = lbctl();
    let run = |line: &str| client.netns().run(line);
    for (index, options, digest) in [
        (0, "", HELLO),
        (4, "", HELLO),
        (6, "-I -V www.example.net", HELLO),
        // The empty page of status 404.
        (6, "-V www.example.net", "d41d8cd98f00b204e9800998ecf8427e"),
    ] {
        let port = FIRST_PORT + index;
        let line = format!("genhash -S -s {} -p {port} -u / {options}", REAL_SERVERS[0]);
        let digests = [run(&line)?, run(&format!("{} {line}", lbctl.display()))?];
        assert_eq!(digests[0], digests[1], "{line}");
        assert_eq!(digests[0].trim(), digest, "{line}");
    }
    Ok(())
}
