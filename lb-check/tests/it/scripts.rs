// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts that really run.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lb_check::{
    Arguments, HealthCheck as _, Outcome, Reason, Script, ScriptRules, Target, Verdict,
    WeightRequest,
};
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(20);

fn target() -> Target {
    Target::new("192.0.2.1:80".parse().unwrap())
}

async fn run(script: Script) -> Outcome {
    script.check(&target()).await
}

fn shell(text: &str) -> Script {
    Script::new(["/bin/sh", "-c", text], LIMIT)
}

#[tokio::test]
async fn the_exit_status_is_the_verdict() {
    let outcome = run(shell("exit 0")).await;
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert_eq!(outcome.detail.as_deref(), Some("/bin/sh -c exit 0"));
    assert_eq!(
        run(shell("exit 1")).await.verdict,
        Verdict::Fail(Reason::Script(1))
    );
    assert_eq!(
        run(shell("kill -9 $$")).await.verdict,
        Verdict::Fail(Reason::ScriptSignal(9))
    );
    let weighed = run(shell("exit 12").with_dynamic_weight()).await;
    let ten = Some(WeightRequest::Absolute(10));
    assert_eq!((weighed.verdict, weighed.weight), (Verdict::Pass, ten));
}

#[tokio::test]
async fn arguments_are_arguments_not_shell() {
    let script = Script::new(
        ["/usr/bin/test", "$(exit 1) a  b", "=", "$(exit 1) a  b"],
        LIMIT,
    );
    assert_eq!(run(script).await.verdict, Verdict::Pass);
}

#[tokio::test]
async fn what_cannot_be_executed_fails() {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("plain");
    fs::write(&plain, "#!/bin/sh\nexit 0\n").unwrap();
    let missing = directory.path().join("missing");
    let (enoent, eacces) = (2, 13);
    for (path, errno) in [(&missing, enoent), (&plain, eacces)] {
        let outcome = run(Script::new([path], LIMIT)).await;
        assert_eq!(
            outcome.verdict,
            Verdict::Fail(Reason::ScriptNotExecutable(errno))
        );
    }
    let no_interpreter = directory.path().join("script");
    // Written by another process: a test that forks at the same moment would else hold it open
    // for writing, and it could not be executed for that.
    let write = format!(
        "echo '#!/no/such/interpreter' > {0}; chmod 755 {0}",
        no_interpreter.display()
    );
    assert_eq!(run(shell(&write)).await.verdict, Verdict::Pass);
    let outcome = run(Script::new([no_interpreter], LIMIT)).await;
    assert_eq!(
        outcome.verdict,
        Verdict::Fail(Reason::ScriptNotExecutable(enoent))
    );
}

/// Waits for a file that a script writes a process id to.
async fn process_id(file: &Path) -> u32 {
    let read = async {
        loop {
            match fs::read_to_string(file).map(|text| text.trim().parse()) {
                Ok(Ok(id)) => return id,
                _ => sleep(Duration::from_millis(5)).await,
            }
        }
    };
    timeout(LIMIT, read)
        .await
        .expect("the script writes its child's id")
}

/// Whether a process exists and is not just waiting to be reaped.
fn alive(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .starts_with(" Z")
    })
}

async fn is_gone(id: u32) -> bool {
    let gone = async {
        while alive(id) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, gone).await.is_ok()
}

#[tokio::test]
async fn a_hanging_script_ends_with_its_children_by_term() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("id");
    let mut script = shell(&format!("sleep 600 & echo $! > {}; wait", file.display()));
    script.timeout = Duration::from_millis(500);
    let started = Instant::now();
    assert_eq!(
        run(script).await.verdict,
        Verdict::Fail(Reason::ScriptTimeout)
    );
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "TERM was enough"
    );
    assert!(is_gone(process_id(&file).await).await);
}

#[tokio::test]
async fn a_script_deaf_to_term_is_killed_with_its_children() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("id");
    let deaf = format!(
        "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > {}; while :; do sleep 1; done' & \
         while :; do sleep 1; done",
        file.display()
    );
    let mut script = shell(&deaf);
    script.timeout = Duration::from_millis(500);
    let started = Instant::now();
    assert_eq!(
        run(script).await.verdict,
        Verdict::Fail(Reason::ScriptTimeout)
    );
    assert!(
        started.elapsed() >= Duration::from_millis(2500),
        "two seconds of grace"
    );
    assert!(is_gone(process_id(&file).await).await);
}

#[tokio::test]
async fn a_cancelled_script_is_killed_with_its_children() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("id");
    let script = shell(&format!("sleep 600 & echo $! > {}; wait", file.display()));
    let probe = tokio::spawn(run(script));
    let child = process_id(&file).await;
    assert!(alive(child));
    probe.abort();
    assert!(is_gone(child).await);
}

#[tokio::test]
async fn it_runs_in_a_group_of_its_own_without_input_and_output() {
    // Fields 1 and 5 of stat: process and group.
    let group = "read pid name state ppid group rest < /proc/self/stat; test $pid = $group";
    // `read` is done by the shell itself, so /proc/self is the shell.
    assert_eq!(run(shell(group)).await.verdict, Verdict::Pass);
    assert_eq!(
        run(shell("test -z \"$(cat)\"")).await.verdict,
        Verdict::Pass
    );
    assert_eq!(
        run(shell("test ! -t 1 && echo lost")).await.verdict,
        Verdict::Pass
    );
}

#[tokio::test]
async fn an_account_has_the_groups_that_it_is_given() {
    let script = shell("test \"$(id -u):$(id -g):$(id -G)\" = '65534:65534:65534 4001 4002'")
        .with_account(lb_check::Account::new(65534, 65534))
        .with_groups([4001, 4002]);
    let outcome = run(script).await;
    let root = nix::unistd::Uid::effective().is_root();
    match root && outside_user_namespace() {
        true => assert_eq!(outcome.verdict, Verdict::Pass, "{outcome}"),
        false => assert!(matches!(outcome.verdict, Verdict::Local(_)), "{outcome}"),
    }
}

#[test]
fn the_groups_of_an_account_are_those_that_the_machine_has() {
    let groups = |user: &str| -> Option<Vec<u32>> {
        let output = Command::new("id").args(["-G", user]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let numbers = text
            .split_whitespace()
            .map(|number| number.parse().unwrap());
        output.status.success().then(|| numbers.collect())
    };
    let mut compared = 0;
    for user in ["root", "daemon", "nobody", "bin", "mail"] {
        let Some(mut expected) = groups(user) else {
            continue;
        };
        let account = lb_check::Account::find(user, None).unwrap();
        let mut found = account.supplementary_groups();
        found.push(account.gid);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{user}");
        // What a file asks for reaches its scripts.
        let line = |name: &str, value: &str| {
            Arguments::line(name, value.split_whitespace()).with_raw(value)
        };
        for all in [true, false] {
            let rules = ScriptRules::new(None, false).with_supplementary_groups(all);
            let (script, _) = Script::from_lines(
                &line("misc_path", "/bin/true"),
                Some(&line("user", user)),
                &rules,
                LIMIT,
            );
            let expected = if all {
                account.supplementary_groups()
            } else {
                Vec::new()
            };
            assert_eq!(script.unwrap().program.groups, expected, "{user}");
        }
        compared += 1;
    }
    assert!(compared > 0, "no user is known");
    assert!(
        lb_check::Account::new(3_999_999_999, 7)
            .supplementary_groups()
            .is_empty()
    );
}

/// Whether groups can be set at all.
fn outside_user_namespace() -> bool {
    fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow")
}

#[tokio::test]
async fn another_account_needs_the_privilege() {
    let script = shell("test $(id -u):$(id -g):$(id -G) = 65534:65534:65534")
        .with_account(lb_check::Account::new(65534, 65534));
    let outcome = run(script).await;
    let uid = fs::metadata("/proc/self").map(|data| std::os::unix::fs::MetadataExt::uid(&data));
    match uid.unwrap() {
        0 => assert_eq!(outcome.verdict, Verdict::Pass, "{outcome}"),
        65534 => {}
        _ => assert!(matches!(outcome.verdict, Verdict::Local(_)), "{outcome}"),
    }
}
