// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole tables as files, on a real table: `lbctl ipvs save --full`, `diff`, `apply`, `boot`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests_kernel::net::{Netns, wait_until};
use tests_kernel::process::{self, Background};
use tests_kernel::tool::{Tool, lbctl};

type TestResult = Result<(), Box<dyn Error>>;

/// More than ten times what anything here takes.
const DEADLINE: Duration = Duration::from_secs(120);

/// Everything that a table of the lab's kernel can have. Options of ours stand for what ipvsadm
/// cannot say and the kernel takes.
const TABLE: &str = "\
# IPVS table, format 1: services, daemons
-A -t 10.0.0.1:80 -s sh -p 300 -M 255.255.255.0 -b sh-fallback,sh-port
-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 100 -x 5000 -y 4000
-a -t 10.0.0.1:80 -r 10.0.1.2:80 -i -w 0 --tun-type ipip
-a -t 10.0.0.1:80 -r 10.0.1.3:8080 -m -w 2147483647
-A -t 10.0.0.2:80 -s mh --lb-flags=0x104
-a -t 10.0.0.2:80 -r 10.0.1.1:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 10.0.0.2:80 -r 10.0.1.2:80 -i -w 1 --tun-type gue --tun-port 6081 --tun-nocsum -x 7
-a -t 10.0.0.2:80 -r 10.0.1.3:80 -i -w 1 --tun-type gre --tun-csum
-a -t 10.0.0.2:80 -r 10.0.1.4:80 --lb-tunnel=9:0:0x0 -w 1
-a -t 10.0.0.2:80 -r 10.0.1.5:81 --lb-forwarding=direct-routing -w 1
-a -t 10.0.0.2:80 -r 10.0.1.6:80 --lb-forwarding=local -w 1
-A -t [fd00::50]:443 -s wrr -p 60 -M 64
-a -t [fd00::50]:443 -r [fd00::61]:443 -m -w 3
-A -u 10.0.0.1:53 -s rr -o
-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip
-a -u 10.0.0.1:5060 -r 10.0.1.1:5060 -m -w 1
-A --sctp-service 10.0.0.1:9 -s none
-A --lb-service=50/10.0.0.9:0 -s wlc
-A -f 5 -s fo
-A -f 3000000000 -s rr
-a -f 3000000000 -r 10.0.1.1:8080 -g -w 1
-A -f 3000000000 -6 -s ovf
--set 901 121 301
";

/// The daemons are last: while one runs the kernel takes no destinations of another family, and
/// here it takes none anyway.
const DAEMONS: &str = "\
--start-daemon master --mcast-interface d0 --syncid 51 --sync-maxlen 1400 --mcast-group 224.0.0.99 --mcast-port 9999 --mcast-ttl 4
--start-daemon backup --mcast-interface d0 --lb-syncid=300 --sync-maxlen 1400 --mcast-group ff02::55 --mcast-port 65535 --mcast-ttl 1
";

/// A namespace with a link for sync daemons, and a folder for files.
struct Director {
    netns: Netns,
    folder: PathBuf,
}

impl Director {
    fn new(label: &str) -> Result<Self, Box<dyn Error>> {
        let netns = Netns::new(label)?;
        netns.ip("link add d0 type dummy")?;
        netns.ip("addr add 10.0.0.11/16 dev d0")?;
        netns.ip("link set d0 up multicast on")?;
        let folder = std::env::temp_dir().join(netns.name());
        fs::create_dir_all(&folder)?;
        Ok(Self { netns, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.path(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.netns.command(lbctl());
        command.arg("ipvs").args(words);
        command
    }

    fn output(&self, words: &[&str]) -> Result<Answer, Box<dyn Error>> {
        Ok(Answer::from(process::output(
            &mut self.command(words),
            DEADLINE,
        )?))
    }

    /// Must succeed without a word on standard error.
    fn run(&self, words: &[&str]) -> Result<String, Box<dyn Error>> {
        let answer = self.output(words)?;
        assert_eq!(
            (answer.code, answer.err.as_str()),
            (Some(0), ""),
            "{words:?}"
        );
        Ok(answer.out)
    }

    fn apply(&self, path: &Path) -> Result<Answer, Box<dyn Error>> {
        self.output(&["apply", path.to_str().unwrap_or_default()])
    }

    fn saved(&self) -> Result<String, Box<dyn Error>> {
        self.run(&["save", "--full"])
    }

    fn ipvsadm(&self, words: &str) -> Result<String, Box<dyn Error>> {
        Ok(Tool::Ipvsadm.run(&self.netns, words)?)
    }
}

impl Drop for Director {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Services with a destination each.
fn many(count: u32, weight: impl Fn(u32) -> u32) -> String {
    (0..count)
        .map(|index| {
            let [_, _, high, low] = index.to_be_bytes();
            let service = format!("-t 10.1.{high}.{low}:80");
            let weight = weight(index);
            format!("-A {service} -s rr\n-a {service} -r 10.0.1.1:80 -m -w {weight}\n")
        })
        .collect()
}

#[testbed::guest_test]
fn a_table_comes_back_byte_for_byte() -> TestResult {
    let director = Director::new("lossless")?;
    let whole = format!("{TABLE}{DAEMONS}");
    let file = director.file("table", &whole)?;
    let name = file.to_str().ok_or("path")?;
    assert_eq!(director.run(&["apply", name])?, "");
    assert_eq!(director.saved()?, whole);
    assert_eq!(director.run(&["diff", name])?, "", "nothing is left to do");

    let copy = director.path("copy");
    let copy_name = copy.to_str().ok_or("path")?;
    director.run(&["save", "--full", "-o", copy_name])?;
    director.ipvsadm("-C")?;
    director.ipvsadm("--stop-daemon master")?;
    director.ipvsadm("--stop-daemon backup")?;
    director.ipvsadm("--set 900 120 300")?;
    assert_eq!(director.ipvsadm("-Sn")?, "");
    director.run(&["apply", copy_name])?;
    assert_eq!(director.saved()?, whole);

    // Without the daemons in the header they are left alone.
    let services = TABLE.replacen("services, daemons", "services", 1);
    director.run(&[
        "apply",
        director
            .file("services", &services)?
            .to_str()
            .ok_or("path")?,
    ])?;
    assert_eq!(director.saved()?, whole);
    // With them they stop.
    director.run(&[
        "apply",
        director.file("daemonless", TABLE)?.to_str().ok_or("path")?,
    ])?;
    assert_eq!(director.ipvsadm("-L --daemon")?, "");
    assert_eq!(director.saved()?, TABLE);
    Ok(())
}

#[testbed::guest_test]
fn a_tunnel_to_another_family_and_daemons_exclude_each_other() -> TestResult {
    let director = Director::new("mixed")?;
    let mixed = "\
# IPVS table, format 1: services, daemons
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r [fd00::61]:80 -i -w 1 --tun-type ipip
--set 900 120 300
";
    let synced = format!(
        "# IPVS table, format 1: services, daemons\n--set 900 120 300\n{}",
        DAEMONS.lines().next().unwrap_or_default()
    ) + "\n";
    let (mixed_file, synced_file) = (
        director.file("mixed", mixed)?,
        director.file("synced", &synced)?,
    );
    // There and back: the daemon stops before and starts after.
    for _ in 0..2 {
        assert_eq!(director.apply(&mixed_file)?.code, Some(0));
        assert_eq!(director.saved()?, mixed);
        assert_eq!(director.apply(&synced_file)?.code, Some(0));
        assert_eq!(director.saved()?, synced);
    }
    // Both at once is refused by the kernel, and the daemon runs again.
    let both = mixed.to_owned() + DAEMONS.lines().next().unwrap_or_default();
    let answer = director.apply(&director.file("both", &both)?)?;
    assert_eq!(answer.code, Some(255), "{}", answer.err);
    assert_eq!(director.saved()?, synced);
    Ok(())
}

#[testbed::guest_test]
fn what_ipvsadm_saves_is_applied_and_what_we_save_it_restores() -> TestResult {
    let director = Director::new("ipvsadm")?;
    for line in [
        "-A -t 10.0.0.1:80 -s wrr -p 60",
        "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 3",
        "-a -t 10.0.0.1:80 -r 10.0.1.2:80 -i --tun-type gue --tun-port 6080 --tun-csum",
        "-A -f 7 -6 -s mh -b mh-port",
    ] {
        director.ipvsadm(line)?;
    }
    let rules = director.ipvsadm("-S -n")?;
    let file = director.file("rules", &rules)?;
    director.ipvsadm("-C")?;
    assert_eq!(director.apply(&file)?.code, Some(0));
    assert_eq!(director.ipvsadm("-S -n")?, rules);
    assert_eq!(director.ipvsadm("-S -n")?, director.run(&["save", "-n"])?);

    // The other way round, thresholds included.
    director.ipvsadm("-e -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 3 -x 9 -y 2")?;
    let full = director.saved()?;
    let file = director.file("full", &full)?;
    let mut restore = director.netns.command("sh");
    restore.args(["-c", &format!("ipvsadm-restore < {}", file.display())]);
    process::run(&mut restore, DEADLINE)?;
    assert_eq!(director.saved()?, full);
    Ok(())
}

#[testbed::guest_test]
fn a_refused_change_leaves_the_table_as_it_was() -> TestResult {
    let director = Director::new("refused")?;
    let whole = format!("{TABLE}{DAEMONS}");
    assert_eq!(
        director.apply(&director.file("table", &whole)?)?.code,
        Some(0)
    );
    let head = "\
# IPVS table, format 1: services, daemons
-A -t 10.0.0.1:80 -s wrr
-a -t 10.0.0.1:80 -r 10.0.1.9:80 -m -w 1
-A -f 9 -s rr
";
    // The scheduler is not in the lab's kernel; addresses that are not unicast; a lower mark above
    // the upper one; a link that is not there.
    for (line, reason) in [
        (
            "-A -t 10.0.0.3:80 -s twos",
            "cannot add service TCP 10.0.0.3:80 (twos): Scheduler or persistence engine not found",
        ),
        (
            "-a -f 9 -r 224.0.0.1:80 -m",
            "cannot add destination 224.0.0.1:80 of FWM 9 (Masq, weight 1): Invalid operation.  \
             Possibly wrong module version, address not unicast, ...",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1 -x 1 -y 2",
            "cannot edit destination 10.0.1.1:80 of TCP 10.0.0.1:80 (Route, weight 1): Numerical \
             result out of range",
        ),
        (
            "--start-daemon master --mcast-interface nolink",
            "cannot start sync daemon master (nolink, syncid 0): No such device",
        ),
    ] {
        let file = director.file("bad", &format!("{head}{line}\n"))?;
        let answer = director.apply(&file)?;
        assert_eq!(answer.code, Some(255), "{line}: {}", answer.err);
        let expected = format!(
            "{}: line 5: {reason}; the table is as it was before\n",
            file.display()
        );
        assert_eq!(answer.err, expected);
        assert_eq!(answer.out, "");
        assert_eq!(director.saved()?, whole, "{line}");
    }
    // A mistake in the file is found before the kernel is asked.
    let file = director.file("wrong", &format!("{head}-A -t 10.0.0.3\n-q\n"))?;
    let answer = director.apply(&file)?;
    assert_eq!(answer.code, Some(2));
    assert_eq!(answer.err.lines().count(), 2, "{}", answer.err);
    assert_eq!(director.saved()?, whole);
    Ok(())
}

#[testbed::guest_test]
fn diff_and_dry_run_show_and_change_nothing() -> TestResult {
    let director = Director::new("diff")?;
    let before = "\
# IPVS table, format 1: services, daemons
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 1
-a -t 10.0.0.1:80 -r 10.0.1.2:80 -m -w 1
-A -f 1 -s rr
--set 900 120 300
";
    let after = "\
# IPVS table, format 1: services, daemons
-A -t 10.0.0.1:80 -s wrr
-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 5
-a -t 10.0.0.1:80 -r 10.0.1.3:80 -m -w 1
--set 900 60 300
";
    assert_eq!(
        director.apply(&director.file("before", before)?)?.code,
        Some(0)
    );
    let file = director.file("after", after)?;
    let name = file.to_str().ok_or("path")?;
    let shown = "\
+ -a -t 10.0.0.1:80 -r 10.0.1.3:80 -m -w 1
~ -A -t 10.0.0.1:80 -s wrr
  was -A -t 10.0.0.1:80 -s rr
~ -a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 5
  was -a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 1
- -a -t 10.0.0.1:80 -r 10.0.1.2:80 -m -w 1
- -A -f 1 -s rr
~ --set 900 60 300
  was --set 900 120 300
";
    let answer = director.output(&["diff", name])?;
    assert_eq!(
        (answer.code, answer.out.as_str(), answer.err.as_str()),
        (Some(1), shown, "")
    );
    assert_eq!(director.run(&["apply", "--dry-run", name])?, shown);
    assert_eq!(director.saved()?, before);

    let answer = director.output(&["diff", "--json", name])?;
    let document: Value = serde_json::from_str(&answer.out)?;
    assert_eq!(document["made"], false);
    assert_eq!(document["changes"].as_array().map(Vec::len), Some(6));
    assert_eq!(document["changes"][0]["operation"], "add destination");
    assert_eq!(document["changes"][0]["destination"], "10.0.1.3:80");
    assert_eq!(document["changes"][0]["was"], Value::Null);
    assert_eq!(document["changes"][1]["was"], "-A -t 10.0.0.1:80 -s rr");

    // A careful change: nothing goes, weights stay.
    director.run(&["apply", "--keep-others", "--keep-weights", name])?;
    let careful = before
        .replace("-A -t 10.0.0.1:80 -s rr", "-A -t 10.0.0.1:80 -s wrr")
        .replace(
            "10.0.1.2:80 -m -w 1\n",
            "10.0.1.2:80 -m -w 1\n-a -t 10.0.0.1:80 -r 10.0.1.3:80 -m -w 1\n",
        )
        .replace("--set 900 120 300", "--set 900 60 300");
    assert_eq!(director.saved()?, careful);
    let made: Value = serde_json::from_str(&director.run(&["apply", "--json", name])?)?;
    assert_eq!(made["made"], true);
    assert_eq!(director.saved()?, after);
    Ok(())
}

#[testbed::guest_test]
fn an_apply_that_is_killed_is_completed_by_the_next() -> TestResult {
    let director = Director::new("many")?;
    let whole = director.file("whole", &many(10_000, |_| 1))?;
    let name = whole.to_str().ok_or("path")?;
    let mut killed = Background::spawn(&mut director.command(&["apply", name]))?;
    let services = || -> Result<usize, Box<dyn Error>> {
        let read = || fs::read_to_string("/proc/thread-self/net/ip_vs");
        Ok(director.netns.enter(read)??.matches("TCP ").count())
    };
    wait_until("the first services", DEADLINE, || match services() {
        Ok(count) if count > 0 => Ok(()),
        other => Err(format!("{other:?}")),
    })?;
    killed.signal(Signal::SIGKILL);
    killed.wait(DEADLINE)?;
    println!("killed with {} services of 10000", services()?);
    assert_eq!(director.apply(&whole)?.code, Some(0));
    let saved = director.run(&["save", "-n"])?;
    assert_eq!(saved, many(10_000, |_| 1));
    let one = many(10_000, |index| if index == 4711 { 7 } else { 1 });
    let one = director.file("one", &one)?;
    let made = director.run(&["apply", "--json", one.to_str().ok_or("path")?])?;
    let made: Value = serde_json::from_str(&made)?;
    assert_eq!(made["changes"].as_array().map(Vec::len), Some(1));
    Ok(())
}

/// Two changes in many services: beside what reads the table, one send with two requests.
#[testbed::guest_test]
fn only_the_difference_is_sent() -> TestResult {
    let director = Director::new("few")?;
    let before = director.file("before", &many(100, |_| 1))?;
    let after = director.file("after", &many(100, |index| 1 + u32::from(index == 47)))?;
    assert_eq!(director.apply(&before)?.code, Some(0));
    let sends = |words: &[&str]| -> Result<usize, Box<dyn Error>> {
        let trace = director.path("trace");
        let mut strace = director.netns.command("strace");
        strace
            .args(["-f", "-e", "trace=sendto,sendmsg", "-o"])
            .arg(&trace);
        strace.arg(lbctl()).arg("ipvs").args(words);
        process::output(&mut strace, DEADLINE)?;
        let sent = fs::read_to_string(&trace)?;
        Ok(sent
            .lines()
            .filter(|line| line.contains("nlmsg_type="))
            .count())
    };
    let after = after.to_str().ok_or("path")?;
    let reading = sends(&["diff", after])?;
    assert!(reading > 100, "{reading}: a dump for each service");
    assert_eq!(sends(&["apply", after])?, reading + 1);
    assert_eq!(sends(&["apply", after])?, reading, "nothing is left to do");
    Ok(())
}

/// The unit's commands, on files of the test's.
#[testbed::guest_test]
fn the_unit_loads_saves_and_empties_the_table() -> TestResult {
    let director = Director::new("boot")?;
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lb-cli/dist");
    let unit = fs::read_to_string(dist.join("lbctl-ipvs.service"))?;
    let shipped = fs::read_to_string(dist.join("ipvsadm.default"))?;
    let defaults = director.file("defaults", &shipped)?;
    let rules = director.path("rules");
    let exec = |key: &str| -> Result<Answer, Box<dyn Error>> {
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .ok_or("no such line")?;
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("/usr/sbin/lbctl"));
        let mut command = director.netns.command(lbctl());
        command
            .args(words)
            .arg("--defaults")
            .arg(&defaults)
            .arg("--rules")
            .arg(&rules);
        Ok(Answer::from(process::output(&mut command, DEADLINE)?))
    };
    let well = |answer: Answer| {
        assert_eq!(
            (answer.code, answer.out.as_str(), answer.err.as_str()),
            (Some(0), "", "")
        );
    };

    // As it is shipped it leaves the table alone.
    director.ipvsadm("-A -t 10.0.0.99:80 -s rr")?;
    well(exec("ExecStart")?);
    assert_eq!(director.ipvsadm("-Sn")?, "-A -t 10.0.0.99:80 -s rr\n");
    well(exec("ExecStop")?);
    assert_eq!(director.ipvsadm("-Sn")?, "-A -t 10.0.0.99:80 -s rr\n");

    // What was saved is there again, with the daemons that the defaults name.
    let plain = TABLE.replacen("services, daemons", "services", 1);
    fs::write(&rules, &plain)?;
    fs::write(
        &defaults,
        "AUTO=true\nDAEMON=\"both\"\t# all\nIFACE='d0'\nSYNCID=7\n",
    )?;
    well(exec("ExecStart")?);
    let daemons = "master sync daemon (mcast=d0, syncid=7, ";
    assert!(director.ipvsadm("-L --daemon")?.starts_with(daemons));
    assert!(
        director
            .saved()?
            .contains(TABLE.split_once('\n').ok_or("lines")?.1)
    );
    well(exec("ExecStart")?);
    fs::remove_file(&rules)?;
    let words = [
        "boot",
        "save",
        "--defaults",
        defaults.to_str().ok_or("path")?,
        "--rules",
        rules.to_str().ok_or("path")?,
    ];
    director.run(&words)?;
    assert_eq!(fs::read_to_string(&rules)?, plain);
    director.ipvsadm("-C")?;
    well(exec("ExecReload")?);
    assert!(
        director
            .saved()?
            .contains(TABLE.split_once('\n').ok_or("lines")?.1)
    );

    // An error is reported with its line, and nothing changes.
    let before = director.saved()?;
    fs::write(&rules, format!("{plain}-A -t 10.0.0.77\n"))?;
    let answer = exec("ExecReload")?;
    let line = plain.lines().count() + 1;
    assert_eq!(answer.code, Some(2));
    assert!(
        answer
            .err
            .contains(&format!("rules: line {line}, column 7, 10.0.0.77: ")),
        "{}",
        answer.err
    );
    fs::write(&rules, format!("{plain}-A -t 10.0.0.77:80 -s twos\n"))?;
    let answer = exec("ExecStart")?;
    assert_eq!(answer.code, Some(255), "{}", answer.err);
    assert!(
        answer.err.contains(&format!("rules: line {line}: ")),
        "{}",
        answer.err
    );
    assert_eq!(director.saved()?, before);

    well(exec("ExecStop")?);
    assert_eq!(director.ipvsadm("-Sn")?, "");
    assert_eq!(director.ipvsadm("-L --daemon")?, "");
    fs::write(&defaults, "AUTO=maybe\n")?;
    let answer = exec("ExecStart")?;
    assert_eq!(answer.code, Some(2));
    assert!(
        answer
            .err
            .ends_with("defaults: line 1: AUTO is \"maybe\", not true or false\n"),
        "{}",
        answer.err
    );
    Ok(())
}

const CONFIGURATION: &str = "\
virtual_server 10.0.0.50 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.0.0.61 80 {
        weight 1
    }
}
";

#[testbed::guest_test]
fn what_a_running_daemon_owns_is_changed_by_force_only() -> TestResult {
    let director = Director::new("owned")?;
    let configuration = director.file("lb.conf", CONFIGURATION)?;
    let file = director.file("table", "-A -t 10.0.0.1:80 -s rr\n")?;
    let name = file.to_str().ok_or("path")?;
    // A /run of its own, as on a machine of its own; the control socket is the usual one.
    let command = |words: &[&str]| {
        let mut command = director.netns.command("sh");
        command.args(["-c", "mount --bind \"$0\" /run && exec \"$@\""]);
        command.arg(&director.folder).arg(lbctl()).args(words);
        command
    };
    let run = |words: &[&str]| -> Result<Answer, Box<dyn Error>> {
        Ok(Answer::from(process::output(
            &mut command(words),
            DEADLINE,
        )?))
    };
    let mut daemon = Background::spawn(&mut command(&[
        "run",
        "-f",
        configuration.to_str().ok_or("path")?,
    ]))?;
    let service = "-A -t 10.0.0.50:80 -s rr\n";
    wait_until("the daemon's service", DEADLINE, || {
        let saved = director.ipvsadm("-Sn").map_err(|error| error.to_string())?;
        if saved.starts_with(service) && saved.contains("-r 10.0.0.61:80") {
            Ok(())
        } else {
            Err(saved)
        }
    })
    .map_err(|error| format!("{error}\n{}", daemon.text()))?;
    let before = director.saved()?;

    let answer = run(&["ipvs", "apply", name])?;
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    assert_eq!(
        answer.err,
        format!(
            "the running daemon (PID {}) owns TCP 10.0.0.50:80, which would be changed; nothing \
             was. Change its configuration and reload it, or use --force\n",
            daemon.pid()
        )
    );
    assert_eq!(director.saved()?, before);
    // What is not the daemon's can be changed beside it.
    assert_eq!(
        run(&["ipvs", "apply", "--keep-others", name])?.code,
        Some(0)
    );
    assert_eq!(director.ipvsadm("-Sn")?.matches("-A ").count(), 2);
    assert_eq!(run(&["ipvs", "apply", "--force", name])?.code, Some(0));
    assert_eq!(director.ipvsadm("-Sn")?, "-A -t 10.0.0.1:80 -s rr\n");

    daemon.signal(Signal::SIGTERM);
    daemon.wait(DEADLINE)?;
    Ok(())
}
