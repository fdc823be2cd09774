// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts and FIFO lines of virtual routers: call by call those of keepalived, in one story.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use socket2::{Domain, Protocol, Socket, Type};
use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Host, Lan, wait_until};

use super::{BOTH, DEADLINE, TestResult, runs_scripts};

const GLOBAL: &str = "\
global_defs {
    script_user root
    notify_fifo @DIR@/first
    vrrp_notify_fifo @DIR@/second
    vrrp_notify_priority_changes
}
vrrp_script chk {
    script \"/usr/bin/test ! -e @DIR@/low\"
    interval 1
    weight 20
}
";

/// A group with all of its scripts, and its members with the general one.
const GROUP: &str = "\
vrrp_sync_group VG {
    group {
        VI_2
        VI_3
    }
    notify \"@DIR@/tell G any\"
    notify_master \"@DIR@/tell G master 'a  b' c\"
    notify_backup \"@DIR@/tell G backup\"
    notify_fault \"@DIR@/tell G fault\"
    notify_stop \"@DIR@/streams G stop\" root root
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 62
    @COMMON@
    virtual_ipaddress {
        192.168.1.52
    }
    notify \"@DIR@/tell 2 any\"
}
vrrp_instance VI_3 {
    interface d0
    virtual_router_id 63
    @COMMON@
    virtual_ipaddress {
        192.168.3.53
    }
    notify @DIR@/tell
}
";

/// Instances that a reload removes: with `notify_deleted`, and without.
const REMOVED: &str = "\
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 61
    @COMMON@
    track_script {
        chk
    }
    virtual_ipaddress {
        192.168.1.51
    }
    notify_master_rx_lower_pri \"@DIR@/tell 1 lower\"
    notify_priority_changes
    notify \"@DIR@/tell 1 any\"
    notify_master \"@DIR@/tell 1 master\"
    notify_backup \"@DIR@/tell 1 backup\"
    notify_fault \"@DIR@/tell 1 fault\"
    notify_stop \"@DIR@/tell 1 stop\"
    notify_deleted \"@DIR@/tell 1 deleted\"
}
vrrp_instance VI_4 {
    interface d0
    virtual_router_id 64
    @COMMON@
    virtual_ipaddress {
        192.168.3.54
    }
    notify \"@DIR@/tell 4 any\"
    notify_fault \"@DIR@/tell 4 fault\"
}
";

/// The FIFO for all lines, which the test creates, and the one for one kind, which the daemon creates.
const FIRST: &str = "first";
const SECOND: &str = "second";

const COMMON: &str = "priority 100\n    advert_int 0.5\n    version 3";

/// What one step of the story brings about: calls of scripts, sorted, because keepalived starts them at
/// once; lines of the FIFO, in order for each object.
pub(crate) type Step = (Vec<String>, BTreeMap<String, Vec<String>>);

/// A step as it is written: name, calls, lines.
pub(crate) type Expected = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const STORY: &[Expected] = &[
    (
        "start",
        &[
            "1 any INSTANCE VI_1 BACKUP 100",
            "1 any INSTANCE VI_1 MASTER 120",
            "1 backup",
            "1 master",
            "2 any INSTANCE VI_2 BACKUP 100",
            "2 any INSTANCE VI_2 MASTER 100",
            "4 any INSTANCE VI_4 BACKUP 100",
            "4 any INSTANCE VI_4 MASTER 100",
            "G any GROUP VG BACKUP 0",
            "G any GROUP VG MASTER 0",
            "G backup",
            "G master a  b c",
            "INSTANCE VI_3 BACKUP 100",
            "INSTANCE VI_3 MASTER 100",
        ],
        &[
            "GROUP \"VG\" BACKUP 0",
            "GROUP \"VG\" MASTER 0",
            "INSTANCE \"VI_1\" BACKUP 100",
            "INSTANCE \"VI_1\" BACKUP_PRIORITY 120",
            "INSTANCE \"VI_1\" MASTER 120",
            "INSTANCE \"VI_2\" BACKUP 100",
            "INSTANCE \"VI_2\" MASTER 100",
            "INSTANCE \"VI_3\" BACKUP 100",
            "INSTANCE \"VI_3\" MASTER 100",
            "INSTANCE \"VI_4\" BACKUP 100",
            "INSTANCE \"VI_4\" MASTER 100",
        ],
    ),
    (
        "a tracked script fails",
        &[],
        &["INSTANCE \"VI_1\" MASTER_PRIORITY 100"],
    ),
    (
        "it succeeds again",
        &[],
        &["INSTANCE \"VI_1\" MASTER_PRIORITY 120"],
    ),
    (
        "adverts of lower priority",
        &["1 lower"],
        &[
            "INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 120",
            "INSTANCE \"VI_2\" MASTER_RX_LOWER_PRI 100",
        ],
    ),
    (
        "the cable is out",
        &[
            "1 any INSTANCE VI_1 FAULT 120",
            "1 fault",
            "2 any INSTANCE VI_2 FAULT 100",
            "G any GROUP VG FAULT 0",
            "G fault",
            "INSTANCE VI_3 FAULT 100",
        ],
        &[
            "GROUP \"VG\" FAULT 0",
            "INSTANCE \"VI_1\" FAULT 120",
            "INSTANCE \"VI_2\" FAULT 100",
            "INSTANCE \"VI_3\" FAULT 100",
        ],
    ),
    (
        "the cable is in",
        &[
            "1 any INSTANCE VI_1 BACKUP 120",
            "1 any INSTANCE VI_1 MASTER 120",
            "1 backup",
            "1 master",
            "2 any INSTANCE VI_2 BACKUP 100",
            "2 any INSTANCE VI_2 MASTER 100",
            "G any GROUP VG BACKUP 0",
            "G any GROUP VG MASTER 0",
            "G backup",
            "G master a  b c",
            "INSTANCE VI_3 BACKUP 100",
            "INSTANCE VI_3 MASTER 100",
        ],
        &[
            "GROUP \"VG\" BACKUP 0",
            "GROUP \"VG\" MASTER 0",
            "INSTANCE \"VI_1\" BACKUP 120",
            "INSTANCE \"VI_1\" MASTER 120",
            "INSTANCE \"VI_2\" BACKUP 100",
            "INSTANCE \"VI_2\" MASTER 100",
            "INSTANCE \"VI_3\" BACKUP 100",
            "INSTANCE \"VI_3\" MASTER 100",
        ],
    ),
    (
        "a reload without two instances",
        &[
            "1 any INSTANCE VI_1 DELETED 120",
            "1 deleted",
            "4 any INSTANCE VI_4 FAULT 100",
        ],
        &[
            "INSTANCE \"VI_1\" DELETED 120",
            "INSTANCE \"VI_4\" FAULT 100",
        ],
    ),
    (
        "stop",
        &[
            "2 any INSTANCE VI_2 STOP 100",
            "G any GROUP VG STOP 0",
            "G stop /dev/null /dev/null leader",
            "INSTANCE VI_3 STOP 100",
        ],
        &[
            "GROUP \"VG\" STOP 0",
            "INSTANCE \"VI_2\" STOP 100",
            "INSTANCE \"VI_3\" STOP 100",
        ],
    ),
];

/// A daemon with scripts and FIFOs, and what they have recorded.
pub(crate) struct Scene {
    pub(crate) director: Director,
    pub(crate) directory: PathBuf,
    /// The steps to come.
    story: &'static [Expected],
    fifos: Vec<File>,
    calls: usize,
    /// Text of the FIFO for all lines that no step has taken yet.
    text: String,
}

impl Scene {
    pub(crate) fn new(
        software: Software,
        lan: &Lan,
        story: &'static [Expected],
    ) -> TestResult<Self> {
        let host = lan.host("one", [192, 168, 1, 11].into())?;
        host.netns().ip("link add d0 type veth peer name d1")?;
        host.netns().ip("link set d1 up")?;
        host.netns().ip("addr add 192.168.3.11/24 dev d0")?;
        host.netns().ip("link set d0 up")?;
        let director = Director::new(host, software, "")?;
        let directory = director.configuration().with_file_name("notify");
        fs::create_dir_all(&directory)?;
        let log = directory.join("log");
        fs::write(&log, "")?;
        let first = directory.join(FIRST);
        mkfifo(&first, Mode::S_IRUSR | Mode::S_IWUSR)?;
        let log = log.display();
        script(
            &directory.join("tell"),
            &format!("printf '%s\\n' \"$*\" >>{log}"),
        )?;
        // Its streams, and whether it leads a process group.
        script(
            &directory.join("streams"),
            &format!(
                "read -r pid name state parent group rest </proc/self/stat
[ $$ = \"$group\" ] && leads=leader
printf '%s\\n' \"$* $(readlink /proc/$$/fd/0) $(readlink /proc/$$/fd/2) $leads\" >>{log}"
            ),
        )?;
        Ok(Self {
            director,
            directory,
            story,
            fifos: vec![open(&first)?],
            calls: 0,
            text: String::new(),
        })
    }

    pub(crate) fn configure(&self, parts: &[&str]) -> TestResult {
        let directory = self.directory.display().to_string();
        let text = parts.concat().replace("@DIR@", &directory);
        let text = text.replace("@COMMON@", COMMON);
        self.director.configure(&text)?;
        Ok(())
    }

    /// Opens the FIFO that the daemon creates: it gets the lines of one kind.
    pub(crate) fn open_second(&mut self) -> TestResult {
        let path = self.directory.join(SECOND);
        let found = wait_until(SECOND, DEADLINE, || {
            fs::symlink_metadata(&path).map_err(|_| self.director.log())
        })?;
        assert!(found.file_type().is_fifo());
        assert_eq!(found.permissions().mode() & 0o7777, 0o600);
        self.fifos.push(open(&path)?);
        Ok(())
    }

    /// Checks that the second FIFO has had the same lines as the first since the start. Not after a
    /// reload, for which keepalived makes another one.
    pub(crate) fn check_second(&mut self, steps: &[Expected]) -> TestResult {
        let mut second = self.fifos.pop().ok_or("no FIFO")?;
        let text = read_all(&mut second);
        let all = steps.iter().flat_map(|(_, _, lines)| *lines).copied();
        let mut expected: Vec<&str> = all.collect();
        let mut found: Vec<&str> = text.lines().collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{}", self.director.software());
        Ok(())
    }

    /// Checks that the end has removed the FIFO that the daemon had created, and not the other one.
    pub(crate) fn check_end(&self) {
        let software = self.director.software();
        assert!(self.directory.join(FIRST).exists(), "{software}");
        assert!(!self.directory.join(SECOND).exists(), "{software}");
    }

    /// All calls of scripts so far.
    fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn read(&mut self) {
        if let Some(fifo) = self.fifos.first_mut() {
            self.text.push_str(&read_all(fifo));
        }
    }

    /// Waits until a step has brought about as much as is expected of it, and returns all that is there.
    pub(crate) fn step(&mut self) -> TestResult<Step> {
        let ((name, calls, lines), rest) = self.story.split_first().ok_or("no such step")?;
        self.story = rest;
        let software = self.director.software();
        let awaited = format!("{software}: {name}");
        wait_until(&awaited, DEADLINE, || {
            self.read();
            let count = self.log().len() - self.calls;
            let done = count >= calls.len() && self.text.lines().count() >= lines.len();
            done.then_some(())
                .ok_or_else(|| format!("{:#?}\n{}\n{}", self.log(), self.text, self.director.log()))
        })?;
        let mut found: Vec<String> = self.log().drain(self.calls..).collect();
        self.calls += found.len();
        found.sort();
        let text = std::mem::take(&mut self.text);
        Ok((found, by_object(text.lines())))
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    options.open(path)
}

/// The lines that are there; keepalived ends those of servers with a NUL byte, too.
fn read_all(fifo: &mut File) -> String {
    let mut bytes = Vec::new();
    // EAGAIN ends it: nothing more is there.
    let _ = fifo.read_to_end(&mut bytes);
    bytes.retain(|byte| *byte != 0);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn script(path: &Path, body: &str) -> TestResult {
    fs::write(path, format!("#!/bin/sh\n{body}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn by_object<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, Vec<String>> {
    let mut objects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let object = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        objects.entry(object).or_default().push(line.to_owned());
    }
    objects
}

/// Sends one VRRPv3 advert.
fn advertise(host: &Host, vrid: u8, address: Ipv4Addr, priority: u8) -> TestResult {
    let source = host.address();
    let group = Ipv4Addr::new(224, 0, 0, 18);
    let mut message = vec![0x31, vrid, priority, 1, 0, 50, 0, 0];
    message.extend(address.octets());
    let length = u8::try_from(message.len())?;
    let pseudo = [source.octets(), group.octets(), [0, 112, 0, length]].concat();
    let words = pseudo.chunks(2).chain(message.chunks(2));
    let mut sum: u32 = words
        .map(|pair| {
            pair.iter()
                .fold(0, |word, byte| word << 8 | u32::from(*byte))
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !u16::try_from(sum)?;
    message.splice(6..8, checksum.to_be_bytes());
    host.netns().enter(|| -> std::io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112)))?;
        socket.set_multicast_ttl_v4(255)?;
        socket.set_multicast_if_v4(&source)?;
        socket.send_to(&message, &SocketAddrV4::new(group, 0).into())?;
        Ok(())
    })??;
    Ok(())
}

fn story(software: Software) -> TestResult<Vec<Step>> {
    let lan = Lan::new()?;
    let other = lan.host("two", [192, 168, 1, 12].into())?;
    let mut scene = Scene::new(software, &lan, STORY)?;
    scene.configure(&[GLOBAL, GROUP, REMOVED])?;
    scene.director.start()?;
    scene.open_second()?;
    let mut steps = vec![scene.step()?];
    let low = scene.directory.join("low");
    fs::write(&low, "")?;
    steps.push(scene.step()?);
    fs::remove_file(&low)?;
    steps.push(scene.step()?);
    advertise(&other, 61, [192, 168, 1, 51].into(), 50)?;
    advertise(&other, 62, [192, 168, 1, 52].into(), 50)?;
    steps.push(scene.step()?);
    scene.director.host().set_cable(false)?;
    steps.push(scene.step()?);
    scene.director.host().set_cable(true)?;
    steps.push(scene.step()?);
    scene.check_second(STORY.get(..6).unwrap_or_default())?;
    scene.configure(&[GLOBAL, GROUP])?;
    scene.director.reload()?;
    steps.push(scene.step()?);
    let (status, log) = scene.director.stop()?;
    assert!(status.success(), "{software}: {log}");
    steps.push(scene.step()?);
    scene.check_end();
    Ok(steps)
}

/// Compares what each program did with the story, step by step.
pub(crate) fn compare(story: &[Expected], played: Vec<Option<Vec<Step>>>) {
    let expected = story.iter().map(|(_, calls, lines)| -> Step {
        let calls = calls.iter().map(ToString::to_string).collect();
        (calls, by_object(lines.iter().copied()))
    });
    let expected: Vec<Step> = expected.collect();
    for (software, steps) in BOTH.iter().zip(played) {
        let steps = steps.into_iter().flatten().zip(&expected);
        for ((name, ..), (found, expected)) in story.iter().zip(steps) {
            assert_eq!(found, *expected, "{software}: {name}");
        }
    }
}

// shows global_defs: notify_fifo, vrrp_notify_fifo, vrrp_notify_priority_changes
// shows vrrp_instance: notify, notify_master, notify_backup, notify_fault, notify_stop, notify_deleted, notify_master_rx_lower_pri
// shows vrrp_instance: notify_priority_changes
// shows vrrp_sync_group: notify, notify_master, notify_backup, notify_fault, notify_stop
// shows vrrp_script: weight
#[testbed::namespace_test]
fn scripts_and_fifos_of_routers_are_those_of_keepalived() -> TestResult {
    let played = play_at_once(&BOTH, |&software| {
        if !runs_scripts(software, "notify scripts") {
            return Ok(None);
        }
        story(software).map(Some)
    })?;
    compare(STORY, played);
    Ok(())
}
