// SPDX-License-Identifier: MIT OR Apache-2.0
//! From configuration blocks to checks.

use std::time::Duration;

use lb_check::{ArgumentError, Arguments, BuiltCheck, CheckContext, Problem, Registry, Severity};

fn context() -> CheckContext {
    let mut context = CheckContext::new("192.0.2.61:80".parse().unwrap());
    context.connect_timeout = Duration::from_secs(3);
    context.delay_loop = Duration::from_secs(5);
    context
}

fn build(block: &Arguments) -> Result<BuiltCheck, Vec<ArgumentError>> {
    Registry::builtin()
        .get(&block.name)
        .unwrap()
        .build(block, &context())
}

fn line(name: &str, value: &str) -> Arguments {
    Arguments::line(name, value.split_whitespace()).with_raw(value)
}

fn messages(findings: &[ArgumentError]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn script_feature_alone_has_its_check() {
    assert!(Registry::builtin().names().any(|name| name == "MISC_CHECK"));
}

#[test]
fn misc_check_splits_its_command_and_keeps_its_times() {
    let block = Arguments::block(
        "MISC_CHECK",
        [
            line("misc_path", r#""/bin/sh -c 'exit 0' \"a\040b\"""#),
            line("misc_timeout", "7"),
            line("delay_loop", "3"),
        ],
    );
    let built = build(&block).unwrap();
    assert!(built.findings.is_empty(), "{:?}", built.findings);
    assert!(
        built
            .check
            .identity()
            .contains(r#"["/bin/sh", "-c", "exit 0", "a b"]"#),
        "{}",
        built.check.identity()
    );
    assert_eq!(built.deadline, Duration::from_millis(9500));
    assert_eq!(built.retries, 0);

    let default = build(&Arguments::block(
        "MISC_CHECK",
        [line("misc_path", "/bin/true")],
    ))
    .unwrap();
    assert_eq!(
        default.deadline,
        Duration::from_millis(7500),
        "misc_timeout = delay_loop"
    );
}

#[test]
fn misc_check_finds_what_is_wrong() {
    let none = build(&Arguments::block("MISC_CHECK", [])).unwrap_err();
    assert_eq!(messages(&none), ["MISC_CHECK needs 'misc_path'"]);

    let missing = Arguments::block(
        "MISC_CHECK",
        [line("misc_path", "/no/such/script").with_tag(9)],
    );
    let missing = build(&missing).unwrap_err();
    assert_eq!(
        (missing.len(), missing[0].severity, missing[0].tag),
        (1, Severity::Warning, 9)
    );
    assert!(matches!(missing[0].problem, Problem::NotExecutable { .. }));

    let unquoted = Arguments::block("MISC_CHECK", [line("misc_path", "/bin/true no-such-user")]);
    let unquoted = build(&unquoted).unwrap_err();
    assert_eq!(messages(&unquoted), ["unknown user 'no-such-user'"]);
    assert!(
        unquoted[0]
            .suggestion
            .as_deref()
            .unwrap()
            .ends_with("\"/bin/true no-such-user\"")
    );

    let open = Arguments::block("MISC_CHECK", [line("misc_path", "'/bin/true")]);
    assert_eq!(
        messages(&build(&open).unwrap_err()),
        [
            "'misc_path': unterminated quote '",
            "MISC_CHECK needs 'misc_path'"
        ]
    );

    let port = Arguments::block(
        "MISC_CHECK",
        [
            line("misc_path", "/bin/true"),
            line("connect_port", "80"),
            line("misc_timeout", "10s"),
        ],
    );
    let built = build(&port).unwrap();
    assert_eq!(
        messages(&built.findings),
        [
            "unknown keyword 'connect_port' in MISC_CHECK",
            "'10s' is not a number of seconds from 1"
        ]
    );
}

#[cfg(feature = "http")]
mod sockets {
    use super::*;

    #[test]
    fn tcp_check_takes_only_the_common_keywords() {
        let block = Arguments::block(
            "TCP_CHECK",
            [line("connect_timeout", "3"), line("connect_prot", "8")],
        );
        let built = build(&block).unwrap();
        assert_eq!(built.check.identity(), "TCP_CHECK timeout 3s");
        match &built.findings[..] {
            [
                ArgumentError {
                    problem:
                        Problem::UnknownKeyword {
                            keyword, expected, ..
                        },
                    ..
                },
            ] => {
                assert_eq!(keyword, "connect_prot");
                assert!(expected.contains(&"connect_port"));
            }
            other => panic!("{other:?}"),
        }
    }

    fn http(lines: impl IntoIterator<Item = Arguments>) -> Arguments {
        Arguments::block("HTTP_GET", lines)
    }

    fn url(lines: impl IntoIterator<Item = Arguments>) -> Arguments {
        Arguments::block("url", lines)
    }

    #[test]
    fn the_articles_block_is_understood() {
        let digest = "21dde95d9d269cbb2fa6560309dca40c";
        let block = http([
            url([line("path", "/"), line("digest", digest)]),
            line("connect_timeout", "3"),
            line("nb_get_retry", "3"),
            line("delay_before_retry", "3"),
        ]);
        let built = build(&block).unwrap();
        assert!(built.findings.is_empty(), "{:?}", built.findings);
        assert!(built.check.identity().contains(digest));
        assert_eq!(
            (built.retries, built.retry_delay),
            (1, Duration::from_secs(3))
        );
        assert!(built.down_waits_retry_delay);
        assert_eq!(built.deadline, Duration::from_millis(9500));
        assert_eq!(
            build(&block).unwrap().check.identity(),
            built.check.identity()
        );
    }

    #[test]
    fn wrong_lines_are_found_and_the_rest_holds() {
        let block = http([
            url([
                line("path", "/a"),
                line("digest", "21dd"),
                line("status_code", "200 2o4 300-399 600"),
                line("regex", "(works"),
                line("regex_options", "caseless"),
                line("regex_options", "alt_bsux"),
                line("regex_options", "anchored"),
                line("regex_min_offset", "-1"),
                line("regex_stack", "100"),
                line("pth", "/"),
            ]),
            url([line("virtualhost", "www.example.org")]),
            line("http_protocol", "2"),
        ]);
        let built = build(&block).unwrap();
        let found = messages(&built.findings);
        let expected = [
            "'21dd' is not an MD5 digest: an MD5 digest has 32 hexadecimal digits, this has 4",
            "'2o4' is not a status code of 100 to 599, or two of them with - between",
            "'600' is not a status code of 100 to 599, or two of them with - between",
            "'alt_bsux' is not an option that this version can set",
            "'anchored' is not an option of regular expressions",
            "'-1' is not a number of bytes, up to 2147483647",
            "'regex_stack' needs a number of bytes",
            "unknown keyword 'pth' in url",
            "'(works' is not a regular expression: missing closing parenthesis at offset 6",
            "url needs 'path'",
            "'2' is not 1.0, 1.0C or 1.1",
        ];
        assert_eq!(found, expected);
        assert!(
            built.check.identity().contains("200..=200, 300..=399"),
            "{}",
            built.check.identity()
        );
        assert_eq!(
            messages(&build(&http([])).unwrap_err()),
            ["HTTP_GET needs 'url'"]
        );
    }

    #[cfg(feature = "regex")]
    #[test]
    fn a_regular_expression_is_printed_as_it_is_read() {
        let words = |name: &str, values: &[&str]| Arguments::line(name, values.iter().copied());
        let pattern = Arguments::line("regex", [""; 0]).with_raw(r##""a b\\d\"#'$x""##);
        let block = http([url([
            line("path", "/"),
            pattern,
            words("regex_options", &["utf", "caseless", "utf"]),
            words("regex_no_match", &[]),
            words("regex_min_offset", &["3"]),
            words("regex_max_offset", &["30"]),
            words("regex_stack", &["32768", "65536"]),
        ])]);
        let built = build(&block).unwrap();
        assert!(built.findings.is_empty(), "{:?}", built.findings);
        let lines = built.check.lines().unwrap();
        let page = lines.iter().find(|line| line.name == "url").unwrap();
        let shown: Vec<_> = page
            .children
            .iter()
            .map(|line| match line.raw.as_str() {
                "" => format!("{} {}", line.name, line.values.join(" ")),
                raw => format!("{} {raw}", line.name),
            })
            .collect();
        let expected = [
            "path /",
            r##"regex "a b\134d\042#\047\044x""##,
            "regex_options caseless utf",
            "regex_no_match ",
            "regex_min_offset 3",
            "regex_max_offset 30",
            "regex_stack 32768 65536",
        ];
        assert_eq!(shown, expected);
        let again = build(&http(lines)).unwrap();
        assert_eq!(again.check.identity(), built.check.identity());
    }

    #[test]
    fn what_differs_in_the_block_differs_in_the_identity() {
        let page = |path: &str| url([line("path", path)]);
        let identities: std::collections::BTreeSet<_> = [
            http([page("/")]),
            http([page("/a")]),
            http([page("/"), page("/a")]),
            http([page("/"), line("virtualhost", "a.example.org")]),
            http([page("/"), line("http_protocol", "1.1")]),
        ]
        .iter()
        .map(|block| build(block).unwrap().check.identity())
        .collect();
        assert_eq!(identities.len(), 5);
    }
}
