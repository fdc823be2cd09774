// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listings with connections: a client, a director, real servers, and the traffic of the goldens
//! 100 to 110.
//!
//! Counters and times move between two runs, so ours runs between two runs of the original. What
//! is the same in both must be the same in ours; the seconds to expiry may lie between theirs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use tests_kernel::net::filter::{self, TcpPorts};
use tests_kernel::net::{NetError, Netns};
use tests_kernel::process::pause;

use super::order::Order;
use super::{Folder, Shown, Tally, TestResult, Who};

/// Tries until the original prints the same before and after ours.
const TRIES: u32 = 40;
/// The kernel counts every two seconds.
const TICK: Duration = Duration::from_millis(2500);

const SERVICES: &str = "\
-A -t 10.9.0.100:80 -s rr
-a -t 10.9.0.100:80 -r 10.10.0.11:8080 -m
-a -t 10.9.0.100:80 -r 10.10.0.12:8080 -m
-A -t 10.9.0.100:81 -s rr -p 300 -M 255.255.255.0
-a -t 10.9.0.100:81 -r 10.10.0.11:8080 -m
-a -t 10.9.0.100:81 -r 10.10.0.12:8080 -m
-A -t 10.9.0.100:82 -s rr
-a -t 10.9.0.100:82 -r 10.10.0.99:8080 -m
-A -t 10.9.0.100:83 -s rr
-a -t 10.9.0.100:83 -r 10.10.0.11:8080 -m -x 2 -y 1
-A -t [fd09::100]:80 -s rr
-a -t [fd09::100]:80 -r [fd10::11]:8086 -m
-a -t [fd09::100]:80 -r [fd10::12]:8086 -m
-A -u 10.9.0.100:53 -s rr
-a -u 10.9.0.100:53 -r 10.10.0.11:8080 -m
-a -u 10.9.0.100:53 -r 10.10.0.12:8080 -m
-A -u 10.9.0.100:54 -s rr -o
-a -u 10.9.0.100:54 -r 10.10.0.11:8080 -m
-A -u 10.9.0.100:5060 -s rr -p 60 --pe sip
-a -u 10.9.0.100:5060 -r 10.10.0.11:5060 -m
-a -u 10.9.0.100:5060 -r 10.10.0.12:5060 -m
-A -f 5 -s rr -p 60
-a -f 5 -r 10.10.0.11 -m
-a -f 5 -r 10.10.0.12 -m
";

/// What is listed; of the connections all are there.
const LISTINGS: [&str; 38] = [
    "ipvsadm",
    "ipvsadm -L",
    "ipvsadm -Ln",
    "ipvsadm -Ln --nosort",
    "ipvsadm -L --stats",
    "ipvsadm -Ln --stats",
    "ipvsadm -Ln --stats --exact",
    "ipvsadm -L --rate",
    "ipvsadm -Ln --rate",
    "ipvsadm -Ln --rate -X",
    "ipvsadm -Ln --thresholds",
    "ipvsadm -Ln --thresholds --exact",
    "ipvsadm -L --persistent-conn",
    "ipvsadm -Ln --persistent-conn",
    "ipvsadm -Ln --persistent-conn --nosort",
    "ipvsadm -Ln --tun-info",
    "ipvsadm -Ln -t 10.9.0.100:80",
    "ipvsadm -Ln -t 10.9.0.100:81 --persistent-conn",
    "ipvsadm -Ln -t 10.9.0.100:83 --thresholds",
    "ipvsadm -Ln -t 10.9.0.100:83 --stats --exact",
    "ipvsadm -Ln -t [fd09::100]:80 --stats",
    "ipvsadm -Ln -u 10.9.0.100:53 --stats",
    "ipvsadm -Ln -u 10.9.0.100:54 --rate",
    "ipvsadm -L -u 10.9.0.100:5060 --stats",
    "ipvsadm -Ln -f 5 --stats",
    "ipvsadm -Ln -f 5 --persistent-conn",
    "ipvsadm -S",
    "ipvsadm -Sn",
    "ipvsadm-save -n",
    "ipvsadm -L -c",
    "ipvsadm -Lc",
    "ipvsadm -Lcn",
    "ipvsadm -L -c -n",
    "ipvsadm -L -n -c --nosort",
    "ipvsadm -Lcn --exact",
    "ipvsadm -L -c --persistent-conn",
    "ipvsadm -Lcn --persistent-conn",
    "ipvsadm --list --connection --numeric --persistent-conn --sort",
];

/// What is done to the table then, each followed by some listings: as in the goldens 107 and 109.
const CHANGES: [&str; 4] = [
    "ipvsadm -e -t 10.9.0.100:80 -r 10.10.0.11:8080 -m -w 0",
    "ipvsadm -d -t 10.9.0.100:80 -r 10.10.0.11:8080",
    "ipvsadm -Z -t 10.9.0.100:81",
    "ipvsadm -D -t 10.9.0.100:83",
];
const AFTER: [&str; 4] = [
    "ipvsadm -Ln",
    "ipvsadm -Ln --stats",
    "ipvsadm -Ln --persistent-conn",
    "ipvsadm -Lcn --persistent-conn",
];

/// The hosts, and what is open on them.
struct Lab {
    director: Netns,
    client: Netns,
    _server: Netns,
    _listeners: (Vec<TcpListener>, Vec<UdpSocket>),
}

impl Lab {
    fn new() -> TestResult<Self> {
        let [director, client, server] = ["lb", "client", "rs"].map(Netns::new);
        let (director, client, server) = (director?, client?, server?);
        for (device, host) in [("c0", &client), ("s0", &server)] {
            let peer = host.name();
            director.ip(&format!(
                "link add {device} type veth peer name eth0 netns {peer}"
            ))?;
            host.ip("link set eth0 up")?;
            director.ip(&format!("link set {device} up"))?;
        }
        let add = |netns: &Netns, device: &str, address: &str| {
            // Duplicate address detection would take a second.
            let nodad = if address.contains(':') { "nodad" } else { "" };
            netns.ip(&format!("addr add {address} dev {device} {nodad}"))
        };
        for address in [
            "10.9.0.1/24",
            "10.9.0.100/32",
            "fd09::1/64",
            "fd09::100/128",
        ] {
            add(&director, "c0", address)?;
        }
        for address in ["10.10.0.1/24", "fd10::1/64"] {
            add(&director, "s0", address)?;
        }
        for address in ["10.9.0.2/24", "fd09::2/64"] {
            add(&client, "eth0", address)?;
        }
        for address in [
            "10.10.0.11/24",
            "10.10.0.12/24",
            "fd10::11/64",
            "fd10::12/64",
        ] {
            add(&server, "eth0", address)?;
        }
        server.ip("route add default via 10.10.0.1")?;
        server.ip("-6 route add default via fd10::1")?;
        director.sysctl("net/ipv4/ip_forward", "1")?;
        director.sysctl("net/ipv6/conf/all/forwarding", "1")?;
        let marked = TcpPorts::new(Ipv4Addr::new(10, 9, 0, 100), 90..=91);
        filter::mark_tcp(&director, "c0", &marked, 5)?;
        // The kernel completes connections to a listener that never accepts.
        let listeners = server.enter(|| -> io::Result<_> {
            let tcp: io::Result<Vec<_>> = ["0.0.0.0:8080", "[::]:8086", "0.0.0.0:90", "0.0.0.0:91"]
                .map(TcpListener::bind)
                .into_iter()
                .collect();
            let udp: io::Result<Vec<_>> = ["0.0.0.0:8080", "0.0.0.0:5060"]
                .map(UdpSocket::bind)
                .into_iter()
                .collect();
            Ok((tcp?, udp?))
        })??;
        Ok(Self {
            director,
            client,
            _server: server,
            _listeners: listeners,
        })
    }

    /// Talks to all services; the connections that stay open.
    fn traffic(&self) -> TestResult<Vec<TcpStream>> {
        let streams = self.client.enter(|| -> io::Result<_> {
            const PATIENCE: Duration = Duration::from_secs(10);
            let connect = |target: &str| {
                let target: SocketAddr = target.parse().map_err(io::Error::other)?;
                TcpStream::connect_timeout(&target, PATIENCE)
            };
            let mut open = Vec::new();
            for (target, count) in [
                ("10.9.0.100:80", 4),
                ("10.9.0.100:81", 3),
                ("10.9.0.100:83", 2),
                ("[fd09::100]:80", 3),
                ("10.9.0.100:90", 2),
                ("10.9.0.100:91", 2),
            ] {
                for _ in 0..count {
                    open.push(connect(target)?);
                }
            }
            // The upper threshold is reached.
            if connect("10.9.0.100:83").is_ok() {
                return Err(io::Error::other("connected beyond the threshold"));
            }
            // No server answers there; a half-open connection remains.
            let silent = "10.9.0.100:82".parse().map_err(io::Error::other)?;
            if TcpStream::connect_timeout(&silent, Duration::from_millis(200)).is_ok() {
                return Err(io::Error::other("connected without a server"));
            }
            for _ in 0..2 {
                drop(connect("10.9.0.100:80")?);
            }
            for port in [53, 54] {
                for _ in 0..4 {
                    UdpSocket::bind("10.9.0.2:0")?.send_to(b"hello", ("10.9.0.100", port))?;
                }
            }
            for call in ["abc123@host", "abc123@host", "zzz999@host"] {
                let text = format!("INVITE sip:lab SIP/2.0\r\nCall-ID: {call}\r\n\r\n");
                UdpSocket::bind("10.9.0.2:0")?.send_to(text.as_bytes(), "10.9.0.100:5060")?;
            }
            Ok(open)
        })?;
        Ok(streams.map_err(|source| NetError::System {
            what: "traffic".to_owned(),
            source,
        })?)
    }
}

/// Compares all of them.
pub(crate) fn compare(tally: &mut Tally) -> TestResult {
    let folder = Folder::new("traffic")?;
    let lab = Lab::new()?;
    let restore = format!("printf '%s' '{SERVICES}' | ipvsadm -R");
    let restored = folder.line(&lab.director, Who::Ours, &restore)?;
    assert_eq!((restored.err.as_str(), restored.exit.as_str()), ("", "0"));
    let _open = lab.traffic()?;
    pause(TICK);
    assert_there(&folder, &lab)?;
    for line in LISTINGS {
        between(tally, &folder, &lab, line)?;
    }
    for change in CHANGES {
        let changed = folder.line(&lab.director, Who::Ours, change)?;
        assert_eq!((changed.err.as_str(), changed.exit.as_str()), ("", "0"));
        for line in AFTER {
            between(tally, &folder, &lab, line)?;
        }
    }
    Ok(())
}

/// What is compared must be there to be seen.
fn assert_there(folder: &Folder, lab: &Lab) -> TestResult {
    let connections = folder.line(
        &lab.director,
        Who::Original,
        "ipvsadm -Lcn --persistent-conn",
    )?;
    for wanted in [
        "ESTABLISHED",
        "SYN_RECV",
        "ASSURED",
        "UDP",
        "0.0.0.5:0",
        "10.9.0.0:0 ",
        "[fd09::2]",
        "sip                abc123@host",
        "sip                zzz999@host",
    ] {
        assert!(
            connections.out.contains(wanted),
            "{wanted}: {connections:#?}"
        );
    }
    let counters = folder.line(&lab.director, Who::Original, "ipvsadm -Ln --stats --exact")?;
    let counted = counters.out.lines().filter(|line| {
        let packets = line.split_whitespace().nth(3);
        packets.is_some_and(|packets| packets.parse::<u64>().is_ok_and(|packets| packets > 0))
    });
    assert!(counted.count() >= 14, "{counters:#?}");
    Ok(())
}

/// Ours between two runs of the original.
fn between(tally: &mut Tally, folder: &Folder, lab: &Lab, line: &str) -> TestResult {
    for _ in 0..TRIES {
        let [before, ours, after] = folder.between(&lab.director, line)?;
        let (Some(first), Some(mut middle), Some(last)) = (
            Timed::parse(&before),
            Timed::parse(&ours),
            Timed::parse(&after),
        ) else {
            return Err(format!("{line}: no time in a row: {before:?} {ours:?}").into());
        };
        if first.timeless != last.timeless {
            // It moved under us: a counter, a rate, a state.
            continue;
        }
        let rows = first.expires.iter().zip(&last.expires);
        if middle.expires.len() == first.expires.len()
            && rows
                .zip(&middle.expires)
                .all(|((first, last), ours)| (last..=first).contains(&ours))
        {
            middle.expires.clone_from(&first.expires);
        }
        if middle == first {
            tally.judge(line, &first.timeless, &middle.timeless, Order::Matters);
        } else {
            // The message has the times, too.
            tally.judge(line, &before, &ours, Order::Matters);
        }
        return Ok(());
    }
    Err(format!("{line}: the original never said the same twice").into())
}

/// What a line showed, the times to expiry apart.
#[derive(Debug, PartialEq)]
struct Timed {
    timeless: Shown,
    /// Seconds, row by row.
    expires: Vec<u32>,
}

impl Timed {
    fn parse(shown: &Shown) -> Option<Self> {
        let mut timeless = shown.clone();
        let mut expires = Vec::new();
        if shown.out.starts_with("IPVS connection entries\n") {
            timeless.out.clear();
            for (number, line) in shown.out.lines().enumerate() {
                // "TCP 14:57  ESTABLISHED …", below two lines of heading.
                match line.get(4..9) {
                    Some(time) if number >= 2 => {
                        let (minutes, seconds) = time.split_once(':')?;
                        let minutes: u32 = minutes.parse().ok()?;
                        let seconds: u32 = seconds.parse().ok()?;
                        expires.push(minutes * 60 + seconds);
                        timeless.out.push_str(&line.replacen(time, "**:**", 1));
                    }
                    _ => timeless.out.push_str(line),
                }
                timeless.out.push('\n');
            }
        }
        Some(Self { timeless, expires })
    }
}
