// SPDX-License-Identifier: MIT OR Apache-2.0
//! The unit file of docs/upgrade.md under a real systemd: the first process of a process namespace,
//! with a directory of units of its own.

use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};
use tests_kernel::process::{Background, run};
use tests_kernel::tool::lbctl;

use crate::{DEADLINE, TestResult};

const UNIT: &str = "lb.service";
const DOCUMENT: &str = include_str!("../../../docs/upgrade.md");
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 51);
/// There are no units but those of the test, which the defaults would ask for.
const HERE: &str = "[Unit]
DefaultDependencies=no
[Service]
StandardOutput=append:/run/lb.log
StandardError=inherit
";
/// The units are the first argument.
const SYSTEMD: &str = "mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
    exec env --ignore-environment container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    SYSTEMD_UNIT_PATH=\"$0\" SYSTEMD_LOG_TARGET=kmsg \
    /usr/lib/systemd/systemd --system --unit=lab.target";

fn file(addresses: &[Ipv4Addr]) -> String {
    let lines: Vec<String> = addresses
        .iter()
        .map(|address| format!("{address}/24"))
        .collect();
    format!(
        "vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 51
    advert_int 1
    virtual_ipaddress {{
        {}
    }}
}}
",
        lines.join("\n        ")
    )
}

/// The unit file as the document has it, with the paths of this place.
fn unit(director: &Director) -> Option<String> {
    let (_, unit) = DOCUMENT.split_once("```ini\n")?;
    let (unit, _) = unit.split_once("```")?;
    let (program, file) = ("/usr/sbin/lbctl", "/etc/lb/lb.conf");
    let here = format!(
        "{} --control {}",
        director.configuration().display(),
        director.control().display()
    );
    let whole = unit.contains(program) && unit.contains(file);
    whole.then(|| {
        let unit = unit.replace(program, &lbctl().display().to_string());
        unit.replace(file, &here)
    })
}

/// A director whose daemon a systemd of its own runs.
struct Service {
    director: Director,
    /// The first process of its process namespace, as seen from here.
    first: String,
    _systemd: Background,
}

impl Service {
    fn new(director: Director) -> TestResult<Self> {
        let units = director.configuration().with_file_name("units");
        let write = |name: &str, text: &str| {
            let path = units.join(name);
            fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("/")))?;
            fs::write(path, text)
        };
        write("lab.target", "[Unit]\nDefaultDependencies=no\n")?;
        write(
            UNIT,
            &unit(&director).ok_or("no unit file in the document")?,
        )?;
        write(&format!("{UNIT}.d/here.conf"), HERE)?;
        let mut command = director.command("unshare");
        command
            .args(["--mount", "--pid", "--cgroup", "--fork", "--kill-child"])
            .args(["--mount-proc", "sh", "-c", SYSTEMD])
            .arg(&units);
        let systemd = Background::spawn(&mut command)?;
        let first = wait_until("first process", DEADLINE, || {
            let mut child = Command::new("pgrep");
            let parent = systemd.pid().to_string();
            child.args(["--exact", "--parent", &parent, "systemd"]);
            let child = run(&mut child, DEADLINE).map_err(|error| error.to_string())?;
            Ok(child.trim().to_owned())
        })?;
        let service = Self {
            director,
            first,
            _systemd: systemd,
        };
        wait_until("systemd", DEADLINE, || {
            let running = service.systemctl(&["is-system-running"]);
            running.map(drop).map_err(|error| error.to_string())
        })?;
        Ok(service)
    }

    /// A program where the daemon is: systemd answers only whom it sees, and `lbctl upgrade` looks
    /// whether the new process lives.
    fn inside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--all", "--target", &self.first, "--"]);
        command.arg(program);
        command
    }

    fn systemctl(&self, words: &[&str]) -> TestResult<String> {
        Ok(run(self.inside("systemctl").args(words), DEADLINE)?)
    }

    fn lbctl(&self, words: &[&str]) -> TestResult<String> {
        let mut command = self.inside(lbctl());
        command.args(words);
        command.arg("--control").arg(self.director.control());
        Ok(run(&mut command, DEADLINE)?)
    }

    fn status(&self) -> TestResult<serde_json::Value> {
        Ok(serde_json::from_str(&self.lbctl(&["status", "--json"])?)?)
    }

    /// A property of the unit.
    fn property(&self, name: &str) -> TestResult<String> {
        let value = self.systemctl(&["show", "--value", "--property", name, UNIT])?;
        Ok(value.trim().to_owned())
    }

    /// State and main process.
    fn state(&self) -> TestResult<(String, String)> {
        let active = self.property("ActiveState")?;
        Ok((active, self.property("MainPID")?))
    }

    /// The process id that the daemon itself tells.
    fn pid(&self) -> TestResult<String> {
        Ok(self.status()?["pid"].to_string())
    }

    fn log(&self) -> String {
        let log = self.director.control().with_file_name("lb.log");
        fs::read_to_string(log).unwrap_or_default()
    }

    fn wait_for_addresses(&self, there: &[Ipv4Addr]) -> TestResult {
        wait_until("addresses", DEADLINE, || {
            let all = there
                .iter()
                .all(|address| self.director.has_address(*address));
            all.then_some(()).ok_or_else(|| self.log())
        })?;
        Ok(())
    }

    /// Waits until systemd's main process is the one that the daemon reports, and a new one.
    fn wait_for_another(&self, than: &str) -> TestResult<String> {
        let pid = wait_until("another main process", DEADLINE, || {
            let look = || -> TestResult<_> { Ok((self.state()?, self.pid()?)) };
            let ((active, main), reported) = look().map_err(|error| error.to_string())?;
            let is = active == "active" && main == reported && main != than;
            is.then_some(main.clone())
                .ok_or_else(|| format!("{active} {main} {reported}\n{}", self.log()))
        })?;
        Ok(pid)
    }
}

#[testbed::guest_test]
fn systemd_follows_from_process_to_process() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let director = Director::new(host, Software::Lbctl, &file(&[VIP]))?;
    let service = Service::new(director)?;

    // systemd's start ends when the daemon reports that it is ready.
    service.systemctl(&["start", UNIT])?;
    let (active, first) = service.state()?;
    assert_eq!(active, "active");
    assert_eq!(first, service.pid()?);
    service.wait_for_addresses(&[VIP])?;

    service.director.configure(&file(&[VIP, OTHER]))?;
    service.systemctl(&["reload", UNIT])?;
    service.wait_for_addresses(&[VIP, OTHER])?;
    assert_eq!(service.state()?, ("active".to_owned(), first.clone()));

    // Each process reports the next one.
    let mut main = first;
    for _ in 0..2 {
        let text = service.lbctl(&["upgrade"]);
        let text = text.map_err(|error| format!("{error}\n{}", service.log()))?;
        let next = service.wait_for_another(&main)?;
        assert_eq!(text, format!("PID {next} has taken over from PID {main}\n"));
        main = next;
        service.systemctl(&["reload", UNIT])?;
    }
    let status = service.status()?;
    let router = &status["routers"][0];
    assert_eq!(router["state"], "master");
    assert_eq!(router["counters"]["master_transitions"], 1);
    assert!(service.director.has_address(VIP) && service.director.has_address(OTHER));
    assert_eq!(service.property("NRestarts")?, "0", "{}", service.log());

    // It is the one whose death counts.
    service.systemctl(&["kill", "--kill-who=main", "--signal=KILL", UNIT])?;
    service.wait_for_another(&main)?;
    assert_eq!(service.property("NRestarts")?, "1");
    service.wait_for_addresses(&[VIP, OTHER])?;

    service.systemctl(&["stop", UNIT])?;
    assert_eq!(service.state()?, ("inactive".to_owned(), "0".to_owned()));
    assert_eq!(service.property("Result")?, "success", "{}", service.log());
    assert!(!service.director.has_address(VIP) && !service.director.has_address(OTHER));
    assert!(!service.director.control().exists());
    Ok(())
}
