// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cluster of the article: two directors, two real servers, a client, a mail server; the
//! directors run keepalived or ours, in any combination.
//!
//! Addresses: directors .11 and .12, virtual address .50, real servers .61 and .62, sorry server
//! .63, mail .16, client .100, all in 192.168.1.0/24. With masquerading the client is
//! 172.16.0.100 on the same wire, and the real servers' default gateway is the virtual address,
//! so that answers pass the master.

mod director;
mod failover;
mod privileges;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::net::{Capture, Client, Host, HttpServer, Lan, NetError, Poller, SmtpSink, wait_until};

pub use director::{Director, Software};
pub use failover::{Failed, Failure, Measurement, come_back, fail, measure, wait_for_takeover};
pub use privileges::{privileged, runs_scripts};

/// The virtual address.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
/// The directors' addresses, the preferred master's first.
pub const DIRECTORS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(192, 168, 1, 11),
    Ipv4Addr::new(192, 168, 1, 12),
];
/// The real servers' addresses.
pub const REAL_SERVERS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(192, 168, 1, 61),
    Ipv4Addr::new(192, 168, 1, 62),
];
/// The sorry server's address.
pub const SORRY_SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 63);
/// The mail server's address.
pub const MAIL: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 16);
/// lb1's configuration, as in the article.
pub const CONFIGURATION: &str = include_str!("../../data/cluster.conf");

/// How often the client asks.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// When the client gives one attempt up: below TCP's first retransmission, so that an attempt
/// stands for its moment.
pub const POLL_TIMEOUT: Duration = Duration::from_millis(800);

/// How packets get from the director to the real servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forwarding {
    /// By the real server's hardware address.
    DirectRouting,
    /// By rewriting addresses, both ways.
    Masquerade,
    /// Wrapped in another IP packet.
    Tunnel,
}

impl Forwarding {
    /// ipvsadm's long option.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::DirectRouting => "--gatewaying",
            Self::Masquerade => "--masquerading",
            Self::Tunnel => "--ipip",
        }
    }

    /// The word in ipvsadm's listing.
    #[must_use]
    pub fn listed(self) -> &'static str {
        match self {
            Self::DirectRouting => "Route",
            Self::Masquerade => "Masq",
            Self::Tunnel => "Tunnel",
        }
    }

    /// keepalived's `lb_kind`.
    #[must_use]
    pub fn lb_kind(self) -> &'static str {
        match self {
            Self::DirectRouting => "DR",
            Self::Masquerade => "NAT",
            Self::Tunnel => "TUN",
        }
    }
}

/// The cluster's machines, all running but the directors' daemons.
#[derive(Debug)]
pub struct Cluster {
    /// The preferred master and the other.
    pub directors: [Director; 2],
    /// The real servers' web servers, `rs1` and `rs2`.
    pub servers: Vec<HttpServer>,
    /// The sorry server's web server, `sorry`.
    pub sorry: HttpServer,
    /// The mail server.
    pub mail: SmtpSink,
    /// What passes the switch.
    pub wire: Capture,
    /// The client's side.
    pub client: Client,
    /// The client's machine.
    pub client_host: Host,
    /// The segment; inject frames in its switch's namespace at `br0`.
    pub lan: Lan,
    forwarding: Forwarding,
    /// The machines of `servers`, then others.
    hosts: Vec<Host>,
}

impl Cluster {
    /// Builds the machines; `software` is what each director will run, `edit` changes the
    /// article's file (called once per director with that director's version).
    ///
    /// # Errors
    ///
    /// When a part cannot be set up.
    pub fn new(
        software: [Software; 2],
        forwarding: Forwarding,
        edit: impl Fn(&str) -> String,
    ) -> Result<Self, NetError> {
        let lan = Lan::new()?;
        let wire = Capture::start(lan.switch(), "br0")?;
        let client_host = lan.host("client", Ipv4Addr::new(192, 168, 1, 100))?;
        let mut hosts = Vec::new();
        let mut server = |name, address| -> Result<HttpServer, NetError> {
            let host = lan.host(name, address)?;
            match forwarding {
                Forwarding::DirectRouting => host.prepare_direct_routing(VIP)?,
                Forwarding::Tunnel => host.prepare_tunnel(VIP)?,
                Forwarding::Masquerade => host.prepare_masquerade(VIP)?,
            }
            let server = HttpServer::start(host.netns(), 80)?;
            hosts.push(host);
            Ok(server)
        };
        let servers = vec![
            server("rs1", REAL_SERVERS[0])?,
            server("rs2", REAL_SERVERS[1])?,
        ];
        let sorry = server("sorry", SORRY_SERVER)?;
        let mail_host = lan.host("mail", MAIL)?;
        let mail = SmtpSink::start(mail_host.netns())?;
        hosts.push(mail_host);

        let article =
            CONFIGURATION.replace("lb_kind DR", &format!("lb_kind {}", forwarding.lb_kind()));
        let other = article
            .replace("router_id lb1", "router_id lb2")
            .replace("state MASTER", "state BACKUP")
            .replace("priority 100", "priority 50");
        let first = lan.host("lb1", DIRECTORS[0])?;
        let second = lan.host("lb2", DIRECTORS[1])?;
        if forwarding == Forwarding::Masquerade {
            move_outside(&client_host)?;
            for director in [&first, &second] {
                director.netns().sysctl("net/ipv4/ip_forward", "1")?;
                director.netns().ip("route add 172.16.0.0/24 dev eth0")?;
            }
        }
        let directors = [
            Director::new(first, software[0], &edit(&article))?,
            Director::new(second, software[1], &edit(&other))?,
        ];
        let client = Client::new(client_host.netns(), (VIP, 80).into());
        Ok(Self {
            directors,
            servers,
            sorry,
            mail,
            wire,
            client,
            client_host,
            lan,
            forwarding,
            hosts,
        })
    }

    /// A client on a machine of its own, beside [`client`](Self::client); `number` is the end of
    /// its address.
    ///
    /// # Errors
    ///
    /// When the machine cannot be set up.
    pub fn another_client(&self, label: &str, number: u8) -> Result<(Host, Client), NetError> {
        let host = self.lan.host(label, Ipv4Addr::new(192, 168, 1, number))?;
        if self.forwarding == Forwarding::Masquerade {
            move_outside(&host)?;
        }
        let client = Client::new(host.netns(), (VIP, 80).into());
        Ok((host, client))
    }

    /// The machine of a real server, in the order of [`REAL_SERVERS`].
    #[must_use]
    pub fn real_server(&self, index: usize) -> &Host {
        &self.hosts[index]
    }

    /// Starts both daemons, the preferred master first, and waits until that is master, the
    /// other is not, and both have the real servers in their tables.
    ///
    /// # Errors
    ///
    /// When it does not come about.
    pub fn start(&mut self) -> Result<(), NetError> {
        self.directors[0].start()?;
        self.wait_for_master(0, Duration::from_secs(40))?;
        self.directors[1].start()?;
        for director in &self.directors {
            director.wait_for_table(&REAL_SERVERS, Duration::from_secs(40))?;
        }
        self.wait_for_master(0, Duration::from_secs(40))
    }

    /// Waits until the director has the virtual address and the other has not.
    ///
    /// # Errors
    ///
    /// [`NetError::Awaited`].
    pub fn wait_for_master(&self, index: usize, deadline: Duration) -> Result<(), NetError> {
        let awaited = format!("{} alone has {VIP}", self.directors[index].name());
        wait_until(&awaited, deadline, || {
            let holders: Vec<bool> = self
                .directors
                .iter()
                .map(|director| director.has_address(VIP))
                .collect();
            let right = holders
                .iter()
                .enumerate()
                .all(|(at, &holds)| holds == (at == index));
            if right {
                Ok(())
            } else {
                Err(format!("holders: {holders:?}"))
            }
        })
    }

    /// Starts a client that asks every [`POLL_INTERVAL`], and waits until it is served steadily.
    ///
    /// # Errors
    ///
    /// When it is not within 20 s.
    pub fn poll(&self) -> Result<Poller, NetError> {
        let poller = Poller::start(&self.client, POLL_INTERVAL, POLL_TIMEOUT)?;
        wait_for_service(&poller, Duration::from_secs(20))?;
        Ok(poller)
    }

    /// The first advertisement after `since` that the director sent with its own priority.
    ///
    /// # Errors
    ///
    /// [`NetError::Awaited`].
    pub fn first_advert(
        &self,
        index: usize,
        since: Instant,
        deadline: Duration,
    ) -> Result<Instant, NetError> {
        let director = &self.directors[index];
        let awaited = format!("an advertisement of {}", director.name());
        let source = director.host().address();
        let found = self
            .wire
            .wait_for_advert(&awaited, since, deadline, |advert| {
                advert.source == source && advert.priority != 0
            })?;
        Ok(found.0)
    }
}

/// Gives a client an address in another subnet: with masquerading, answers must pass a director.
fn move_outside(host: &Host) -> Result<(), NetError> {
    let [.., number] = host.address().octets();
    host.netns().ip("addr flush dev eth0")?;
    host.netns()
        .ip(&format!("addr add 172.16.0.{number}/24 dev eth0"))?;
    host.netns().ip("route add 192.168.1.0/24 dev eth0")?;
    Ok(())
}

/// Waits until a second's attempts all succeeded, after the call and as late as can be judged:
/// the fate of younger attempts is not settled before [`POLL_TIMEOUT`].
///
/// # Errors
///
/// [`NetError::Awaited`] with the first failure in that second.
pub fn wait_for_service(poller: &Poller, deadline: Duration) -> Result<(), NetError> {
    const WINDOW: Duration = Duration::from_secs(1);
    let begin = Instant::now();
    wait_until("a second of steady service", deadline, || {
        let settled = begin.elapsed().checked_sub(POLL_TIMEOUT + POLL_INTERVAL);
        let Some(since) = settled.and_then(|settled| settled.checked_sub(WINDOW)) else {
            return Err("not observed for a second yet".to_owned());
        };
        let window = begin + since..begin + since + WINDOW;
        let attempts = poller.attempts();
        let judged: Vec<_> = attempts
            .iter()
            .filter(|attempt| window.contains(&attempt.start))
            .collect();
        let failed = judged.iter().find(|attempt| attempt.result.is_err());
        match (judged.len() >= 10, failed) {
            (true, None) => Ok(()),
            _ => Err(format!("{} attempts, failed: {failed:?}", judged.len())),
        }
    })
}

/// Waits until ten attempts in a row that began after `since` were answered.
///
/// # Errors
///
/// [`NetError::Awaited`] with the last attempt.
pub fn wait_for_answers(
    poller: &Poller,
    since: Instant,
    deadline: Duration,
) -> Result<(), NetError> {
    const ENOUGH: usize = 10;
    wait_until("ten answers in a row", deadline, || {
        let attempts = poller.attempts();
        let young = attempts.iter().rev();
        let good = young
            .take_while(|attempt| attempt.start > since && attempt.result.is_ok())
            .count();
        if good >= ENOUGH {
            Ok(())
        } else {
            Err(format!("last attempt: {:?}", attempts.last()))
        }
    })
}

/// Where a test leaves what is worth reading afterwards; the run's directory in the guest.
#[must_use]
pub fn results() -> PathBuf {
    std::env::var_os("LAB_RESULTS").map_or_else(std::env::temp_dir, PathBuf::from)
}
