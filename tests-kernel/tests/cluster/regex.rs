// SPDX-License-Identifier: MIT OR Apache-2.0
//! Regular expressions of HTTP_GET match where keepalived's match.

use std::net::Ipv4Addr;

use tests_kernel::cluster::{Director, REAL_SERVERS, Software};
use tests_kernel::net::{Behaviour, HttpServer, Lan, wait_until};

use crate::{DEADLINE, TestResult};

const FIRST_PORT: u16 = 8001;

/// A body, the lines of its `url`, and whether keepalived 2.2.7 passes it.
const CASES: &[(&str, &str, bool)] = &[
    ("status: ok\n", "regex ok", true),
    ("status: down\n", "regex ok", false),
    ("status: ok\n", "regex ok\nregex_no_match", false),
    ("status: down\n", "regex ok\nregex_no_match", true),
    // The words are split, and the escapes decoded, once.
    ("a b", r#"regex "a b""#, true),
    ("a b", "regex 'a b'", true),
    ("a b", r"regex a\ b", true),
    ("a7b", r"regex a\db", false),
    ("a7b", r"regex a\\db", true),
    ("a7b", r#"regex "a\\db""#, true),
    ("adb", r#"regex "a\db""#, true),
    ("a\tb", r"regex a\tb", true),
    ("aAz", r"regex a\x41z", true),
    ("a|b", r#"regex "a\\|b""#, true),
    ("aab", r#"regex "a{2}b""#, true),
    // Anchors.
    ("a\nb\n", "regex ^b", false),
    ("a\nb\n", "regex ^b\nregex_options multiline", true),
    ("a\nb\nc", "regex b$\nregex_options multiline", true),
    ("a\nb\n", "regex ^HTTP", true),
    ("a\nb\n", r"regex b\\z", false),
    // Options.
    ("ABC", "regex abc", false),
    ("ABC", "regex abc\nregex_options caseless", true),
    ("a\nb", "regex a.b", false),
    ("a\nb", "regex a.b\nregex_options dotall", true),
    ("ab", r#"regex "a b # c""#, false),
    ("ab", "regex \"a b # c\"\nregex_options extended", true),
    ("a\nb", "regex b\nregex_options firstline", false),
    ("aéb", "regex a.b", false),
    ("aéb", "regex a.b\nregex_options utf", true),
    ("aéb", "regex a\\\\wb\nregex_options utf", false),
    ("aéb", "regex a\\\\wb\nregex_options utf ucp", true),
    ("caaad", r#"regex "c(a+)ad""#, true),
    (
        "ab",
        "regex \"(?<n>a)(?<n>b)\"\nregex_options dupnames",
        true,
    ),
    (
        "ab",
        "regex a\nregex_options caseless extended no_auto_possess no_start_optimize",
        true,
    ),
    ("ab", "regex (*UTF)a", true),
    // Offsets.
    ("abcd", "regex abc\nregex_min_offset 32", true),
    ("abcd", "regex abc\nregex_min_offset 33", false),
    ("abcd", "regex abc\nregex_max_offset 31", false),
    ("abcd", "regex abc\nregex_max_offset 32", true),
    ("abcd", "regex abc\nregex_max_offset 33", true),
    ("abcd", "regex (?<=a)bc\nregex_min_offset 33", true),
    (
        "abcd",
        "regex abc\nregex_min_offset 32\nregex_max_offset 32",
        true,
    ),
    (
        "abcd",
        "regex abc\nregex_min_offset 31\nregex_max_offset 32",
        true,
    ),
    ("abcd", "regex ^abc\nregex_min_offset 32", false),
    // Everything together.
    ("status: ok", "regex ok\nstatus_code 200", true),
    (
        "hello",
        "regex hello\ndigest 5d41402abc4b2a76b9719d911017c592",
        true,
    ),
    (
        "hello",
        "regex other\ndigest 5d41402abc4b2a76b9719d911017c592",
        false,
    ),
    (
        "hello",
        "regex hello\ndigest 00000000000000000000000000000000",
        false,
    ),
    (
        "hello",
        "regex Server\ndigest 5d41402abc4b2a76b9719d911017c592",
        true,
    ),
    ("", "regex x\nregex_no_match", true),
];

/// The parts in which an answer comes, the lines of its `url`, and whether keepalived and ours pass it.
type Answer = (Vec<String>, String, [bool; 2]);

/// All answers, with those that are longer than one read.
fn answers() -> Vec<Answer> {
    let head = "HTTP/1.0 200 OK\r\nServer: lab\r\n\r\n";
    assert_eq!(head.len(), 32);
    let page = |body: &str| vec![format!("{head}{body}")];
    let mut all: Vec<Answer> = CASES
        .iter()
        .map(|(body, lines, up)| (page(body), (*lines).to_owned(), [*up; 2]))
        .collect();
    let limited = |lines: &str, up| {
        let answer = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabcdef";
        (vec![answer.to_owned()], lines.to_owned(), [up; 2])
    };
    all.push(limited("regex abc", true));
    all.push(limited("regex def", true));
    // The header is searched, too.
    all.push((page("hello"), "regex Server".to_owned(), [true; 2]));
    // keepalived searches the header where the same read has a part of the body. Ours searches it always, so
    // that a verdict does not depend on how an answer is split.
    all.push((page(""), "regex Server".to_owned(), [false, true]));
    // Answers that come in parts: what of keepalived's verdict is chance is not compared.
    for (parts, lines, up) in [
        (vec![head, "hello"], "regex Server", true),
        (vec![head, "hello"], "regex hello", true),
        (vec![head, "hello"], r"regex \\nhel", true),
        (vec![head, "hello"], r"regex \\Ahello", false),
        (
            vec![head, "hello"],
            "regex hello\nregex_min_offset 32",
            true,
        ),
        (
            vec![head, "hello"],
            "regex hello\nregex_min_offset 33",
            false,
        ),
        (
            vec![head, "hello"],
            "regex hello\nregex_max_offset 31",
            false,
        ),
        (
            vec![head, "hello"],
            "regex hello\nregex_max_offset 32",
            true,
        ),
        (vec![head, "hel", "lo"], "regex hello", true),
        (vec![head, "hel", "lo"], "regex (?<=hel)lo", true),
        (
            vec![head, "hel", "lo"],
            "regex hello\ndigest 5d41402abc4b2a76b9719d911017c592",
            true,
        ),
        (
            vec![head, "hel", "lo"],
            "regex Server\ndigest 5d41402abc4b2a76b9719d911017c592",
            true,
        ),
        (
            vec![&head[..20], &head[20..], "hel", "lo"],
            "regex Server",
            true,
        ),
    ] {
        let parts = parts.into_iter().map(str::to_owned).collect();
        all.push((parts, lines.to_owned(), [up; 2]));
    }
    // Pages of more than one read.
    for length in [3000, 4000, 4090, 4096, 5000, 20_000, 100_000] {
        let body = format!("{}needle{}", "x".repeat(length), "y".repeat(5000));
        all.push((page(&body), "regex needle".to_owned(), [true; 2]));
        all.push((page(&body), "regex xneedley".to_owned(), [true; 2]));
        all.push((page(&body), r"regex \\Aneedle".to_owned(), [false; 2]));
    }
    all
}

// shows url: regex, regex_options, regex_no_match, regex_min_offset, regex_max_offset
#[testbed::guest_test]
fn regular_expressions_match_as_those_of_keepalived() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("s1", REAL_SERVERS[0])?;
    let cases = answers();
    let mut servers = Vec::new();
    let mut text = "virtual_server 192.168.1.50 80 {\n    delay_loop 1\n    lb_algo rr\n    \
                    lb_kind NAT\n    protocol TCP\n    alpha\n"
        .to_owned();
    for (port, (answer, lines, _)) in (FIRST_PORT..).zip(&cases) {
        let server = HttpServer::start(host.netns(), port)?;
        server.set_behaviour(Behaviour::Parts(
            answer
                .iter()
                .map(|part| part.clone().into_bytes())
                .collect(),
        ));
        servers.push(server);
        text += &format!(
            "    real_server {} {port} {{\n        HTTP_GET {{\n            url {{\n                path /\n{lines}\n            \
             }}\n            connect_timeout 2\n            retry 0\n            warmup 0\n        }}\n    }}\n",
            REAL_SERVERS[0]
        );
    }
    text += "}\n";
    let mut wrong = Vec::new();
    for (number, software) in [Software::Keepalived, Software::Lbctl]
        .into_iter()
        .enumerate()
    {
        let address = Ipv4Addr::new(192, 168, 1, 11 + u8::try_from(number)?);
        let host = lan.host(&format!("lb{number}"), address)?;
        let mut director = Director::new(host, software, &text)?;
        director.start()?;
        wait_until("two rounds of checks", DEADLINE, || {
            let idle = servers
                .iter()
                .filter(|server| server.requests_from(address) < 2);
            match idle.count() {
                0 => Ok(()),
                idle => Err(format!("{idle} servers\n{}", director.log())),
            }
        })?;
        let table = director.table()?;
        for (port, (answer, lines, passes)) in (FIRST_PORT..).zip(&cases) {
            let is_up = table.contains(&format!("{}:{port} ", REAL_SERVERS[0]));
            // Which parts keepalived reads at once, and so whether it searches the header, is chance.
            let is_chance = software == Software::Keepalived && answer.len() > 1;
            if Some(&is_up) != passes.get(number) && !is_chance {
                let (text, length) = (answer.join("|"), answer.concat().len());
                let body = text
                    .get(32..60)
                    .or_else(|| text.get(32..))
                    .unwrap_or_default();
                wrong.push(format!(
                    "{software}: {lines:?} is {is_up} for {body:?} ({length})"
                ));
            }
        }
        director.stop()?;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
