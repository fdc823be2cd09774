// SPDX-License-Identifier: MIT OR Apache-2.0
//! What survives failovers: a download over one connection, and the persistence of clients to a
//! real server. The connection sync daemon carries both to the other director.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Cluster, Forwarding, REAL_SERVERS, Software, VIP, wait_for_answers};
use tests_kernel::net::{Client, Host, Poller};

use crate::connections::{Connection, source_port, wait_for_connections};
use crate::{DEADLINE, TestResult};

/// Longer than what happens meanwhile.
const DOWNLOAD: Duration = Duration::from_secs(45);
/// The longest the download may stand still: TCP sends again at intervals that double.
const STALL: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_millis(800);

/// Crash, return, orderly stop and return within one download.
pub(crate) fn story(forwarding: Forwarding) -> TestResult {
    let mut cluster = Cluster::new([Software::Lbctl; 2], forwarding, |text| {
        text.replace(
            "    protocol TCP\n",
            "    protocol TCP\n    persistence_timeout 300\n",
        )
    })?;
    cluster.start()?;
    let (host, client) = cluster.another_client("client2", 101)?;

    let download = cluster.client.download(DOWNLOAD, STALL)?;
    let port = source_port(&cluster.client_host)?;
    let clients = [
        Faithful::new(&cluster.client_host, &cluster.client)?,
        Faithful::new(&host, &client)?,
    ];
    for client in &clients {
        client.still_served(Instant::now())?;
    }
    assert_ne!(
        clients[0].server()?,
        clients[1].server()?,
        "weighted round robin gives each new client to the next"
    );
    let mut wanted: BTreeSet<Connection> = clients
        .iter()
        .map(Faithful::template)
        .collect::<Result<_, _>>()?;
    wanted.insert(Connection {
        port,
        ..clients[0].template()?
    });
    for director in &cluster.directors {
        wait_for_connections(director.host().netns(), &wanted)?;
    }

    let fails = Instant::now();
    cluster.directors[0].host().set_cable(false)?;
    cluster.directors[0].crash()?;
    served_by(&cluster, 1, fails, &clients)?;

    let back = Instant::now();
    cluster.directors[0].reboot(VIP)?;
    cluster.directors[0].host().set_cable(true)?;
    cluster.directors[0].start()?;
    served_by(&cluster, 0, back, &clients)?;
    cluster.wait_for_master(0, DEADLINE)?;

    let stops = Instant::now();
    let (status, log) = cluster.directors[0].stop()?;
    assert!(status.success(), "{status}: {log}");
    served_by(&cluster, 1, stops, &clients)?;

    let back = Instant::now();
    cluster.directors[0].start()?;
    served_by(&cluster, 0, back, &clients)?;
    cluster.wait_for_master(0, DEADLINE)?;

    assert!(!download.is_finished(), "the download was too short");
    let answer = download
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let lines = (0..DOWNLOAD.as_millis() / 100).map(|number| format!("{number:07}\n"));
    assert!(
        answer.body == lines.collect::<String>().into_bytes(),
        "the download is not what was sent"
    );
    assert_eq!(answer.server, clients[0].server()?);
    Ok(())
}

/// The director advertises, and then all clients are served by whom they always were.
fn served_by(cluster: &Cluster, index: usize, since: Instant, clients: &[Faithful]) -> TestResult {
    let first = cluster.first_advert(index, since, DEADLINE)?;
    for client in clients {
        client.still_served(first)?;
    }
    Ok(())
}

/// A client that asks all the time and must always land on the same real server.
struct Faithful {
    address: Ipv4Addr,
    poller: Poller,
}

impl Faithful {
    fn new(host: &Host, client: &Client) -> Result<Self, Box<dyn std::error::Error>> {
        let listing = host.netns().ip("-4 -o addr show dev eth0")?;
        let words = listing.split_whitespace();
        let address = words.skip_while(|word| *word != "inet").nth(1);
        let address = address.and_then(|address| address.split('/').next());
        Ok(Self {
            address: address.unwrap_or_default().parse()?,
            poller: Poller::start(client, POLL, TIMEOUT)?,
        })
    }

    fn still_served(&self, since: Instant) -> TestResult {
        wait_for_answers(&self.poller, since, DEADLINE)?;
        self.server()?;
        Ok(())
    }

    /// The only server it has ever had.
    fn server(&self) -> Result<String, String> {
        let attempts = self.poller.attempts();
        let servers: BTreeSet<_> = attempts
            .iter()
            .filter_map(|attempt| attempt.result.as_ref().ok())
            .collect();
        match servers.first() {
            Some(server) if servers.len() == 1 => Ok((*server).clone()),
            _ => Err(format!("{} was served by {servers:?}", self.address)),
        }
    }

    /// What keeps it there.
    fn template(&self) -> Result<Connection, String> {
        let server = self.server()?;
        let number = usize::from(server == "rs2");
        Ok(Connection {
            client: self.address,
            port: 0,
            server: REAL_SERVERS[number],
        })
    }
}
