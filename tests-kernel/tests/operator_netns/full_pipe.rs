// SPDX-License-Identifier: MIT OR Apache-2.0
//! A log that does not accept data: standard error is a pipe that is full from the start on.

use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Advert, Capture, Lan, inject, wait_until};
use tests_kernel::process;
use tests_kernel::tool::lbctl;

use super::{DEADLINE, TestResult, VIP, instance, wait_for_adverts};

/// Interval of the adverts.
const INTERVAL: Duration = Duration::from_millis(300);
/// A backup takes over after three intervals and the skew time, which is shorter than one.
const MASTER_DOWN: Duration = INTERVAL.saturating_mul(4);
/// A second for the last messages, and what the stop takes.
const STOP: Duration = Duration::from_secs(4);
/// The longest that `lbctl status` takes.
const STATUS: Duration = Duration::from_secs(5);

/// A daemon whose output is not collected; killed on drop.
struct Daemon(Child);

impl Daemon {
    fn signal(&self, signal: Signal) -> TestResult {
        Ok(kill(Pid::from_raw(i32::try_from(self.0.id())?), signal)?)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program with a full pipe as its standard error.
fn start_with_full_pipe(mut command: Command) -> TestResult<(Daemon, PipeReader)> {
    let (reader, mut writer) = io::pipe()?;
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty()))?;
    let child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(writer)
        .spawn()?;
    Ok((Daemon(child), reader))
}

/// The longest time without an advert since `begin`.
fn longest_gap(capture: &Capture, director: &Director, begin: Instant) -> Duration {
    let source = director.host().address();
    let adverts = capture.adverts();
    let own = adverts
        .iter()
        .filter(|(at, advert)| *at >= begin && advert.source == source && advert.priority > 0)
        .map(|(at, _)| *at);
    let times: Vec<Instant> = [begin]
        .into_iter()
        .chain(own)
        .chain([Instant::now()])
        .collect();
    let gaps = times.windows(2).map(|pair| pair[1].duration_since(pair[0]));
    gaps.max().unwrap_or_default()
}

/// Adverts that cause a warning each: their address lists differ from ours, and from each other.
fn flood(lan: &Lan, advert: &Advert) -> TestResult {
    let mut advert = advert.clone();
    advert.priority = 1;
    for number in 0..2000_u16 {
        let [high, low] = number.to_be_bytes();
        advert.source = std::net::Ipv4Addr::new(192, 168, 1, 100 + low % 100);
        advert.addresses = vec![std::net::Ipv4Addr::new(10, 0, high, low)];
        inject(lan.switch(), "br0", &advert.frame())?;
    }
    Ok(())
}

/// With standard error blocked, adverts are sent in time during start, takeover, a flood of warnings
/// and a reload; the daemon answers `lbctl status`, and a stop ends in time.
#[testbed::host_test]
fn a_log_that_accepts_no_data_delays_neither_adverts_nor_the_stop() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("r1", std::net::Ipv4Addr::new(192, 168, 1, 11))?;
    let text = |more: &str| instance(150, "0.3", more);
    let director = Director::new(host, Software::Lbctl, &text(""))?;
    let capture = Capture::start(lan.switch(), "br0")?;

    let mut command = director.command(lbctl());
    command.arg("run").arg("-f").arg(director.configuration());
    command.arg("--control").arg(director.control());
    command.env("RUST_LOG", "debug");
    let (mut daemon, mut log) = start_with_full_pipe(command)?;
    wait_until("master", DEADLINE, || {
        director
            .has_address(VIP)
            .then_some(())
            .ok_or_else(|| "not".to_owned())
    })?;
    let master_since = Instant::now();
    wait_for_adverts(&capture, &director, 2)?;

    let advert = capture.adverts().last().map(|(_, advert)| advert.clone());
    flood(&lan, &advert.ok_or("no advert")?)?;
    director.configure(&text("garp_master_refresh 1"))?;
    daemon.signal(Signal::SIGHUP)?;
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2] {
        daemon.signal(signal)?;
    }
    wait_for_adverts(&capture, &director, 5)?;
    let gap = longest_gap(&capture, &director, master_since);
    assert!(gap < MASTER_DOWN, "{gap:?} without an advert");

    let mut status = director.host().netns().command(lbctl());
    status
        .arg("status")
        .arg("--control")
        .arg(director.control());
    let status = process::run(&mut status, STATUS)?;
    assert!(status.contains("master"), "{status}");

    let begin = Instant::now();
    daemon.signal(Signal::SIGTERM)?;
    wait_until("end of the daemon", DEADLINE, || {
        let ended = daemon.0.try_wait().map_err(|error| error.to_string())?;
        ended.ok_or_else(|| "it runs".to_owned())
    })?;
    let took = begin.elapsed();
    assert!(took < STOP, "the stop took {took:?}");
    assert!(!director.has_address(VIP));

    // Nothing but what filled the pipe was ever written.
    drop(daemon);
    let mut text = String::new();
    log.read_to_string(&mut text)?;
    assert!(text.trim_matches('.').is_empty(), "{text}");
    Ok(())
}

/// A reader that continues after a while gets the messages that waited, in their order.
#[testbed::host_test]
fn a_log_that_accepts_data_again_gets_what_waited() -> TestResult {
    let lan = Lan::new()?;
    let host = lan.host("r1", std::net::Ipv4Addr::new(192, 168, 1, 11))?;
    let director = Director::new(host, Software::Lbctl, &instance(150, "0.3", ""))?;
    let mut command = director.command(lbctl());
    command.arg("run").arg("-f").arg(director.configuration());
    command.arg("--control").arg(director.control());
    let (mut daemon, mut log) = start_with_full_pipe(command)?;
    wait_until("master", DEADLINE, || {
        director
            .has_address(VIP)
            .then_some(())
            .ok_or_else(|| "not".to_owned())
    })?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).map(|_| text)
    });
    daemon.signal(Signal::SIGTERM)?;
    wait_until("end of the daemon", DEADLINE, || {
        let ended = daemon.0.try_wait().map_err(|error| error.to_string())?;
        ended.ok_or_else(|| "it runs".to_owned())
    })?;
    drop(daemon);
    let text = reader.join().map_err(|_| "the reader panicked")??;
    let places = ["Entering BACKUP STATE", "Entering MASTER STATE", "stopped"]
        .map(|message| text.find(message));
    assert!(places.iter().all(Option::is_some), "{text}");
    assert!(places.is_sorted(), "{text}");
    Ok(())
}
