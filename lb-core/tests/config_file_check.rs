// SPDX-License-Identifier: MIT OR Apache-2.0
//! `FILE_CHECK`: the number in a tracked file as a check.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is the failure"
)]

use lb_check::Registry;
use lb_core::config::{self, Mode, Parsed};

fn parse(text: &str) -> Parsed {
    config::parse(text, "lb.conf", &Registry::builtin())
}

fn text(files: &str, block: &str) -> String {
    format!(
        "{files}\nvirtual_server 10.0.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n \
         delay_loop 7\n retry 3\n real_server 10.0.0.2 80 {{\n{block}\n}}\n}}\n"
    )
}

fn messages(parsed: &Parsed) -> Vec<String> {
    let findings = parsed.diagnostics().iter();
    findings.map(|finding| finding.message.clone()).collect()
}

const FILES: &str = "track_file load {\n file /run/load\n weight -3 reverse\n}\n\
                     track_file health {\n file /run/health\n}";

#[test]
fn file_check_follows_its_track_file() {
    for (block, identity) in [
        (
            "FILE_CHECK {\n track_file load\n}",
            "FILE_CHECK track_file load weight -3 reverse",
        ),
        (
            "FILE_CHECK {\n track_file load\n weight 2\n}",
            "FILE_CHECK track_file load weight 2",
        ),
        (
            "FILE_CHECK {\n track_file load\n weight 0 reverse\n}",
            "FILE_CHECK track_file load weight 0 reverse",
        ),
        (
            "FILE_CHECK {\n track_file health\n}",
            "FILE_CHECK track_file health weight 1",
        ),
    ] {
        let parsed = parse(&text(FILES, block));
        let model = parsed.into_model(Mode::Lenient).unwrap();
        let check = &model.virtual_servers[0].real_servers[0].checks[0];
        assert_eq!(check.probe.check.identity(), identity);
        // Neither the schedule nor the retries of the virtual server hold for it.
        assert_eq!(check.probe.policy.retries, 0);
        assert_eq!(check.probe.policy.warmup, Some(std::time::Duration::ZERO));
        // The file of the check is kept, the other one is left out.
        let names: Vec<_> = model
            .objects
            .iter()
            .map(|object| object.name.as_str())
            .collect();
        assert_eq!(names.len(), 1);
        assert!(identity.contains(names[0]), "{names:?}");
        // What is printed reads to the same model.
        let printed = config::print(&model).unwrap();
        let again = parse(&printed).into_model(Mode::Strict).unwrap();
        assert_eq!(again.virtual_servers, model.virtual_servers, "{printed}");
        assert_eq!(again.objects, model.objects, "{printed}");
    }
}

#[test]
fn mistakes_in_file_check_are_reported() {
    for (block, message) in [
        ("FILE_CHECK {\n}", "`FILE_CHECK` needs `track_file`"),
        (
            "FILE_CHECK {\n track_file lod\n}",
            "`lod` is not a track_file that is defined",
        ),
        (
            "FILE_CHECK {\n track_file load\n retry 2\n}",
            "unknown keyword `retry`",
        ),
        (
            "FILE_CHECK {\n track_file load\n alpha\n}",
            "unknown keyword `alpha`",
        ),
        (
            "FILE_CHECK {\n track_file load\n connect_port 2\n}",
            "unknown keyword `connect_port`",
        ),
        (
            "FILE_CHECK {\n track_file load\n weight x\n}",
            "`x` is not a number of -2147483647 to 2147483647",
        ),
        (
            "FILE_CHECK {\n track_file load\n weight 1 back\n}",
            "`back` is not reverse or noreverse",
        ),
    ] {
        let parsed = parse(&text(FILES, block));
        let found = messages(&parsed);
        assert!(
            found.iter().any(|found| found == message),
            "{block}: {found:?}"
        );
    }
}

#[test]
fn a_tracked_file_that_is_defined_below_is_found() {
    let block = "FILE_CHECK {\n track_file load\n}";
    let parsed = parse(&format!("{}{FILES}", text("", block)));
    assert_eq!(
        messages(&parsed),
        ["`load` is defined below", "`health` is not tracked"]
    );
    let model = parsed.into_model(Mode::Lenient).unwrap();
    assert_eq!(model.virtual_servers[0].real_servers[0].checks.len(), 1);
}
