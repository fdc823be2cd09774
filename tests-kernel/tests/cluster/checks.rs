// SPDX-License-Identifier: MIT OR Apache-2.0
//! The other checks: TCP_CHECK and MISC_CHECK, put into the running cluster by reloads.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tests_kernel::cluster::{CONFIGURATION, Director, Forwarding, REAL_SERVERS, Software};
use tests_kernel::net::{Behaviour, HttpServer, Lan, wait_until};

use crate::{DEADLINE, TestResult, fast, start, wait_for_log};

/// The article's file with another check of the real servers.
fn with_check(check: impl Fn(&str) -> String) -> String {
    let (head, _) = CONFIGURATION.split_once("    real_server").unwrap();
    let mut text = fast(head);
    for server in REAL_SERVERS.map(|server| server.to_string()) {
        let check = check(&server);
        text += &format!("    real_server {server} 80 {{\n        weight 1\n{check}\n    }}\n");
    }
    text + "}\n"
}

fn tcp_check(_: &str) -> String {
    "        TCP_CHECK {
            connect_timeout 1
            connect_port 8080
            retry 1
            delay_before_retry 1
        }"
    .to_owned()
}

fn misc_check(script: &Path, server: &str) -> String {
    format!(
        "        MISC_CHECK {{
            misc_path \"{} {server} 'two words'\"
            misc_timeout 2
            retry 1
            delay_before_retry 1
        }}",
        script.display()
    )
}

// shows real_server: TCP_CHECK, MISC_CHECK
// shows all checks: connect_port, retry
// shows other checks: misc_path
#[testbed::guest_test]
fn tcp_and_script_checks() -> TestResult {
    let mut cluster = start(Forwarding::DirectRouting, fast)?;
    let others: Vec<HttpServer> = (0..2)
        .map(|index| HttpServer::start(cluster.real_server(index).netns(), 8080))
        .collect::<Result<_, _>>()?;
    let master = &mut cluster.directors[0];
    master.configure(&with_check(tcp_check))?;
    master.reload()?;
    wait_for_log(master, &["Removing healthchecker for service"])?;
    // The port that counts is the check's, not the real server's.
    cluster.servers[1].set_behaviour(Behaviour::Hang);
    others[0].set_behaviour(Behaviour::Refuse);
    master.wait_for_table(&REAL_SERVERS[1..], DEADLINE)?;
    let failed = "TCP_CHECK on service [192.168.1.61]:tcp:80 failed after 1 retry.";
    wait_for_log(master, &[failed])?;
    others[0].set_behaviour(Behaviour::Serve);
    master.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    wait_for_log(
        master,
        &["TCP connection to [192.168.1.61]:tcp:80 success."],
    )?;

    let folder = std::env::temp_dir().join(format!("misc-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let script = folder.join("check");
    let text = format!(
        "#!/bin/sh\n[ \"$2\" = 'two words' ] && [ $# = 2 ] && [ ! -e {}/$1 ]\n",
        folder.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    master.configure(&with_check(|server| misc_check(&script, server)))?;
    master.reload()?;
    others[1].set_behaviour(Behaviour::Refuse);
    let down = folder.join(REAL_SERVERS[1].to_string());
    fs::write(&down, "")?;
    master.wait_for_table(&REAL_SERVERS[..1], DEADLINE)?;
    let failed = "MISC_CHECK on service [192.168.1.62]:tcp:80 failed after 1 retry.";
    wait_for_log(master, &[failed])?;
    fs::remove_file(&down)?;
    master.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The groups that a MISC_CHECK tells; its real server is in the table then.
fn groups_of_a_check(software: Software, keyword: &str) -> Result<String, Box<dyn Error>> {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = Director::new(host, software, "")?;
    let folder = director.configuration().with_file_name("open");
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
    let (script, report) = (folder.join("tell"), folder.join("groups"));
    fs::write(&script, format!("#!/bin/sh\nid -G >{}\n", report.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    director.configure(&format!(
        "global_defs {{\n {keyword}\n script_user lbscript\n}}
virtual_server 192.168.1.50 80 {{
    delay_loop 1
    alpha
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 192.168.1.61 80 {{
        MISC_CHECK {{
            misc_path {}
            misc_timeout 5
        }}
    }}
}}
",
        script.display()
    ))?;
    let users = "root:x:0:0:root:/root:/bin/sh\nlbscript:x:4321:4321::/:/bin/sh\n";
    director.cover("/etc/passwd", users)?;
    let groups = "root:x:0:\nlbscript:x:4321:\none:x:5001:lbscript\ntwo:x:5002:root,lbscript\n";
    director.cover("/etc/group", &format!("{groups}three:x:5003:root\n"))?;
    director.start()?;
    let seen = wait_until("groups", DEADLINE, || {
        let seen = fs::read_to_string(&report).unwrap_or_default();
        let whole = seen.strip_suffix('\n').map(str::to_owned);
        whole.ok_or_else(|| director.log())
    })?;
    director.wait_for_table(&REAL_SERVERS[..1], DEADLINE)?;
    let (status, log) = director.stop()?;
    assert!(status.success(), "{software}: {log}");
    Ok(seen)
}

/// Neither keepalived 2.2.7 nor 2.3.4 has such a keyword.
// shows global_defs: script_user, set_supplementary_groups
#[testbed::guest_test]
fn a_script_check_is_in_the_groups_of_its_user_where_that_is_asked_for() -> TestResult {
    let ours = |keyword| groups_of_a_check(Software::Lbctl, keyword);
    assert_eq!(ours("set_supplementary_groups")?, "4321 5001 5002");
    assert_eq!(ours("set_supplementary_groups off")?, "4321");
    assert_eq!(ours("")?, "4321");
    assert_eq!(groups_of_a_check(Software::Keepalived, "")?, "4321");
    Ok(())
}
