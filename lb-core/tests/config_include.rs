// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that include files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lb_check::Registry;
use lb_core::config::{self, Mode, Parsed};
use tempfile::TempDir;

fn write(directory: &TempDir, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn load(path: &Path) -> Parsed {
    config::load(path, &Registry::builtin())
}

fn server(address: &str) -> String {
    format!(
        "virtual_server {address} 80 {{\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.0.0.1 80 {{ }}\n}}\n"
    )
}

/// Findings without the directory.
fn lines(parsed: &Parsed, directory: &TempDir) -> Vec<String> {
    let prefix = format!("{}/", directory.path().display());
    let text = parsed.diagnostics().to_string().replace(&prefix, "");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn names_are_relative_to_the_including_file_and_sorted() {
    let directory = TempDir::new().unwrap();
    write(
        &directory,
        &[
            (
                "main.conf",
                "include conf.d/*.conf\ninclude {x,y}.inc # both\n",
            ),
            ("conf.d/b.conf", "include more/c.inc\n"),
            ("conf.d/a.conf", &server("192.168.1.1")),
            ("conf.d/more/c.inc", &server("192.168.1.2")),
            ("x.inc", &server("192.168.1.3")),
            ("y.inc", &server("192.168.1.4")),
        ],
    );
    let parsed = load(&directory.path().join("main.conf"));
    assert_eq!(lines(&parsed, &directory), [""; 0]);
    let model = parsed.into_model(Mode::Strict).unwrap();
    let names: Vec<_> = model
        .virtual_servers
        .iter()
        .map(|server| server.name())
        .collect();
    let expected = ["1", "2", "3", "4"].map(|last| format!("[192.168.1.{last}]:tcp:80"));
    assert_eq!(names, expected);
}

#[test]
fn findings_name_the_included_file() {
    let directory = TempDir::new().unwrap();
    write(
        &directory,
        &[
            (
                "main.conf",
                "vrrp_instance VI_1 {\ninclude inside.conf\n}\n",
            ),
            (
                "inside.conf",
                "interface eth0\nvirtual_router_id 1\n  prioriti 5\nvirtual_ipaddress { 10.0.0.5 }\n",
            ),
        ],
    );
    let parsed = load(&directory.path().join("main.conf"));
    assert_eq!(
        lines(&parsed, &directory),
        ["inside.conf:3:3: error: unknown keyword `prioriti`; did you mean `priority`?"]
    );
    assert_eq!(
        parsed.into_model(Mode::Lenient).unwrap().routers[0]
            .spec
            .name,
        "VI_1"
    );
}

#[test]
fn what_is_no_configuration_is_skipped() {
    let directory = TempDir::new().unwrap();
    write(
        &directory,
        &[
            (
                "main.conf",
                "include *.sh\ninclude none.*\nincludem none.conf\n",
            ),
            ("a.sh", "x"),
        ],
    );
    let script = directory.path().join("a.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let parsed = load(&directory.path().join("main.conf"));
    assert_eq!(
        lines(&parsed, &directory),
        [
            "main.conf:1:9: warning: `a.sh` is executable and is skipped",
            "main.conf:2:9: warning: no file matches `none.*`",
            "main.conf:3:10: error: no file matches `none.conf`",
        ]
    );
    fs::set_permissions(
        directory.path().join("main.conf"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let parsed = load(&directory.path().join("main.conf"));
    assert_eq!(
        lines(&parsed, &directory),
        ["main.conf:1:1: error: the file is executable"]
    );
    assert!(parsed.into_model(Mode::Lenient).is_err());
}

#[test]
fn circles_and_absent_files_end() {
    let directory = TempDir::new().unwrap();
    write(
        &directory,
        &[
            ("main.conf", "include other.conf\n"),
            ("other.conf", "include main.conf\ninclude ./other.conf\n"),
        ],
    );
    let parsed = load(&directory.path().join("main.conf"));
    let found = lines(&parsed, &directory);
    assert_eq!(
        found,
        [
            "other.conf:1:9: error: `main.conf` includes itself; main.conf → other.conf → main.conf",
            "other.conf:2:9: error: `./other.conf` includes itself; other.conf → other.conf",
        ]
    );
    let parsed = load(&directory.path().join("absent.conf"));
    let found = lines(&parsed, &directory);
    assert!(
        found[0].starts_with("absent.conf:1:1: error: cannot read the file: "),
        "{found:?}"
    );
    assert!(parsed.into_model(Mode::Lenient).is_err());
}

#[test]
fn many_files_that_include_many_files_end() {
    let directory = TempDir::new().unwrap();
    for level in 0..20 {
        let next = format!("include l{}.conf\n", level + 1).repeat(4);
        write(&directory, &[(&format!("l{level}.conf"), &next)]);
    }
    let parsed = load(&directory.path().join("l0.conf"));
    assert!(parsed.diagnostics().has_errors());
    assert!(parsed.diagnostics().sources().len() <= 4096);
}

#[test]
fn bytes_that_are_not_text_are_found() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("main.conf");
    fs::write(&path, b"# caf\xe9\nglobal_defs {\n router_id caf\xe9\n}\n").unwrap();
    let parsed = load(&path);
    assert_eq!(
        lines(&parsed, &directory),
        ["main.conf:3:12: error: not valid UTF-8"]
    );
}

// shows global_defs: include_check
#[test]
fn include_check_makes_the_includes_that_follow_insist_on_their_files() {
    let directory = TempDir::new().unwrap();
    let status = |word: &str, line: &str| {
        let text = format!("global_defs {{\n {word}\n}}\n{line}\n");
        write(&directory, &[("main.conf", &text)]);
        let parsed = load(&directory.path().join("main.conf"));
        parsed.keepalived_status()
    };
    for line in ["include none", "include none*"] {
        assert_eq!(status("", line), 0, "{line}");
        assert_eq!(status("include_check read", line), 0, "{line}");
        assert_eq!(status("include_check", line), 6, "{line}");
    }
    assert_eq!(status("include_check match", "include none"), 6);
    assert_eq!(status("include_check match", "include none*"), 0);
    assert_eq!(status("include_check wildcard_match", "include none*"), 6);
    let taken_back = "include_check\n include_check -match -wildcard_match";
    assert_eq!(status(taken_back, "include none*"), 0);
}
