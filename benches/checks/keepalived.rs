// SPDX-License-Identifier: MIT OR Apache-2.0
//! keepalived with a stub for IPVS.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tests_kernel::net::Netns;
use tests_kernel::process::{self, Background};
use tests_kernel::tool;

use super::Outcome;
use super::case::{Case, pinned, target};
use super::server::Kind;

const STUB: &str = include_str!("ipvs_stub.c");
const DEADLINE: Duration = Duration::from_secs(60);
/// Real servers of a virtual server.
const REAL_SERVERS: u32 = 50;

/// Starts keepalived's checker.
pub(crate) fn start(netns: &Netns, case: Case) -> Outcome<Background> {
    let folder = std::env::temp_dir();
    let configuration = folder.join("keepalived.conf");
    fs::write(&configuration, text(case))?;
    let stub = build_stub(&folder)?;
    let mut words = vec![
        "env".into(),
        format!("LD_PRELOAD={}", stub.display()).into(),
    ];
    words.extend(tool::keepalived());
    let mut command = pinned(netns, &words);
    command.args(["--check", "-n", "-f"]).arg(configuration);
    for (option, file) in [("-p", "parent.pid"), ("-c", "check.pid")] {
        command.arg(option).arg(folder.join(file));
    }
    Ok(Background::spawn(&mut command)?)
}

fn build_stub(folder: &Path) -> Outcome<PathBuf> {
    let (source, library) = (folder.join("ipvs_stub.c"), folder.join("ipvs_stub.so"));
    fs::write(&source, STUB)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-nostdlib", "-o"]);
    process::run(compiler.arg(&library).arg(source), DEADLINE)?;
    Ok(library)
}

fn text(case: Case) -> String {
    let mut text = String::from("global_defs {\n  router_id bench\n}\n");
    let check = match case.kind {
        Kind::Tcp => "TCP_CHECK {\n connect_timeout 3\n }",
        Kind::Http => "HTTP_GET {\n url {\n path /\n status_code 200\n }\n connect_timeout 3\n }",
        Kind::Https => "SSL_GET {\n url {\n path /\n status_code 200\n }\n connect_timeout 3\n }",
    };
    for number in 0..case.targets {
        if number % REAL_SERVERS == 0 {
            let end = if number == 0 { "" } else { "}\n" };
            let group = number / REAL_SERVERS;
            let (high, low) = (group / 250, group % 250 + 1);
            let _ = write!(
                text,
                "{end}virtual_server 10.0.{high}.{low} 80 {{\n delay_loop 1\n lb_algo rr\n lb_kind DR\n \
                 protocol TCP\n"
            );
        }
        let address = target(number, case.kind);
        let _ = write!(
            text,
            " real_server {} {} {{\n weight 1\n {check}\n }}\n",
            address.ip(),
            address.port()
        );
    }
    text + "}\n"
}
