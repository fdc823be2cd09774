// SPDX-License-Identifier: MIT OR Apache-2.0
//! `genhash` and `lbctl genhash` from outside, against a server on the loopback interface.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
};

use support::{Names, lbctl, result};

/// The page that Debian's Apache served for many years, and its digest by genhash.
const PAGE: &str = "<html><body><h1>It works!</h1>\n\
    <p>This is the default web page for this server.</p>\n\
    <p>The web server software is running but no content has been added, yet.</p>\n\
    </body></html>\n";
const DIGEST: &str = "21dde95d9d269cbb2fa6560309dca40c\n";

/// Answers one connection with `answer`; gives the request.
fn serve(answer: String) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            let length = connection.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "the request ended early");
            request.extend_from_slice(&buffer[..length]);
        }
        connection.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, server)
}

fn page() -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{PAGE}",
        PAGE.len()
    )
}

#[test]
fn the_digest_and_nothing_else() {
    assert_eq!(PAGE.len(), 177);
    let (address, server) = serve(page());
    let port = address.port().to_string();
    let output = lbctl(&["genhash", "-s", "127.0.0.1", "-p", &port, "-u", "/"])
        .output()
        .unwrap();
    assert_eq!(result(output), (DIGEST.to_owned(), String::new(), 0));
    let request = server.join().unwrap();
    assert!(request.starts_with("GET / HTTP/1.0\r\n"), "{request}");
}

#[test]
fn by_its_own_name_with_options() {
    let (address, server) = serve(page());
    let output = Names::new()
        .command("genhash")
        .args([
            "-s",
            "127.0.0.1",
            &format!("-p{}", address.port()),
            "--url=/index.html",
        ])
        .args(["-V", "www.example.net", "-P", "1.1", "-v"])
        .output()
        .unwrap();
    let (out, err, exit) = result(output);
    assert_eq!((err.as_str(), exit), ("", 0));
    assert!(out.contains(DIGEST), "{out}");
    assert!(out.contains("HTTP Header Ascii Buffer"), "{out}");
    assert!(
        out.contains("\nGlobal response time for [/index.html] = "),
        "{out}"
    );
    let request = server.join().unwrap();
    assert!(
        request.starts_with("GET /index.html HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("\r\nHost: www.example.net\r\n"),
        "{request}"
    );
}

#[test]
fn as_keepalived_it_must_be_asked_first() {
    let (address, server) = serve(page());
    let port = address.port().to_string();
    let output = Names::new()
        .command("keepalived")
        .args(["--genhash", "-s", "127.0.0.1", "-p", &port, "-u", "/"])
        .output()
        .unwrap();
    assert_eq!(result(output), (DIGEST.to_owned(), String::new(), 0));
    server.join().unwrap();
}

#[test]
fn a_page_that_cannot_be_fetched_is_no_failure() {
    let (address, server) = serve("nothing like HTTP".to_owned());
    let port = address.port().to_string();
    let output = lbctl(&["genhash", "-s", "127.0.0.1", "-p", &port, "-u", "/"])
        .output()
        .unwrap();
    assert_eq!(
        result(output),
        (
            String::new(),
            "no data received from remote webserver\n".to_owned(),
            0
        )
    );
    server.join().unwrap();

    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let (out, err, exit) = result(
        lbctl(&["genhash", "-s", "127.0.0.1", "-p", &free, "-u", "/"])
            .output()
            .unwrap(),
    );
    assert!(out.contains("refused"), "{out}");
    assert_eq!((err.as_str(), exit), ("", 0));
}

#[test]
fn wrong_command_line_is_a_failure() {
    for (line, message) in [
        (vec!["genhash"], "-s SERVER is missing"),
        (
            vec!["genhash", "-s", "www.example.net", "-p", "80", "-u", "/"],
            "www.example.net",
        ),
        (vec!["genhash", "-x"], "unknown option -x"),
    ] {
        let (out, err, exit) = result(lbctl(&line).output().unwrap());
        assert_eq!((out.as_str(), exit), ("", 1), "{line:?}");
        assert!(err.contains(message), "{line:?}: {err}");
    }
    let (out, err, exit) = result(lbctl(&["genhash", "-h"]).output().unwrap());
    assert_eq!((out.as_str(), exit), ("", 0));
    assert!(err.starts_with("Usage: lbctl genhash -s SERVER"), "{err}");
}
