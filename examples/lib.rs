// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the examples share: machines in network namespaces, and directors as threads in them.

#![allow(clippy::print_stdout, reason = "examples show what they do")]

use std::error::Error;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lb_core::daemon::{self, Command, DaemonOptions, RunError, Source};
use lb_core::ipvs::IpvsHandle;
use lb_core::model::{Model, RouterSpec};
use lb_core::vrrp::{AdvertInterval, Priority, RouterConfig, Version, Vrid};
use tempfile::TempDir;
use tests_kernel::net::{Client, Host, HttpServer, Lan, NetError, wait_until};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

/// What an example's parts yield; the errors may cross threads.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The virtual address.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
/// The real servers' addresses.
pub const REAL_SERVERS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(192, 168, 1, 61),
    Ipv4Addr::new(192, 168, 1, 62),
];
/// Ten times what anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// Ends the process with exit code 2 where the kernel has no IPVS for it, with the command that runs the
/// example in the lab.
pub fn need_ipvs(example: &str) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    if let Err(error) = runtime.block_on(IpvsHandle::connect()) {
        println!(
            "{example} needs root and a kernel with IPVS: {error}.\n\
             In the lab's kernel, without root and without installing anything:\n  \
             cargo xtask guest -- target/debug/examples/{example}"
        );
        std::process::exit(2);
    }
    Ok(())
}

/// The virtual router of one director: VRRPv3, ten advertisements a second.
pub fn router(priority: u8) -> Result<RouterSpec> {
    let config = RouterConfig::builder(Vrid::new(100)?)
        .version(Version::V3)
        .priority(Priority::new(priority)?)
        .interval(AdvertInterval::from_centis(10)?)
        .address(VIP.into())
        .build()?;
    Ok(RouterSpec::new("VI_1", "eth0", config))
}

/// Two directors, two real servers with a web server each, and a client, on one switch.
pub struct Cluster {
    /// Where the directors run: `lb1` and `lb2`.
    pub directors: [Host; 2],
    /// `rs1` and `rs2`.
    pub real_servers: [Host; 2],
    /// Where the client runs.
    pub client: Host,
    web: Client,
    // Removed when they are dropped.
    _servers: [HttpServer; 2],
    _switch: Lan,
}

impl Cluster {
    /// Makes the namespaces, plugs them into the switch and starts the web servers.
    pub fn new() -> Result<Self> {
        let lan = Lan::new()?;
        let host = |name: &str, address: [u8; 4]| lan.host(name, address.into());
        let [first, second] = REAL_SERVERS.map(|address| address.octets());
        let real_servers = [host("rs1", first)?, host("rs2", second)?];
        let client = host("client", [192, 168, 1, 100])?;
        let [rs1, rs2] = &real_servers;
        Ok(Self {
            directors: [
                host("lb1", [192, 168, 1, 11])?,
                host("lb2", [192, 168, 1, 12])?,
            ],
            web: Client::new(client.netns(), (VIP, 80).into()),
            _servers: [
                HttpServer::start(rs1.netns(), 80)?,
                HttpServer::start(rs2.netns(), 80)?,
            ],
            real_servers,
            client,
            _switch: lan,
        })
    }

    /// Waits until the director holds the virtual address and the client is served; how long it took.
    pub fn until_served_by(&self, director: &Host) -> Result<Duration> {
        let start = Instant::now();
        wait_until("service", DEADLINE, || {
            let look = || -> std::result::Result<_, NetError> {
                let addresses = director.netns().ip("-4 addr show dev eth0")?;
                self.web.get("/", Duration::from_millis(200))?;
                Ok(addresses)
            };
            match look() {
                Ok(addresses) if addresses.contains(&VIP.to_string()) => Ok(()),
                Ok(_) => Err("the virtual address is elsewhere".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })?;
        Ok(start.elapsed())
    }

    /// Makes connections, one after the other, prints who answered how many, and compares with what has
    /// to come out.
    pub fn expect_spread(&self, expected: [usize; 2]) -> Result<()> {
        let total: usize = expected.iter().sum();
        let spread = self.web.spread(total)?;
        let mut table = String::from("server  connections  share\n");
        for (server, connections) in &spread {
            let share = connections * 100 / total;
            writeln!(table, "{server:<7} {connections:>11}  {share:>4}%")?;
        }
        print!("{table}");
        let names = ["rs1", "rs2"].map(str::to_owned);
        if spread.into_iter().eq(names.into_iter().zip(expected)) {
            Ok(())
        } else {
            Err(format!("that should have been {expected:?}").into())
        }
    }
}

/// A running load balancer: a thread that entered a namespace and runs a model there.
pub struct Director {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<std::result::Result<(), RunError>>,
    _directory: TempDir,
}

impl Director {
    /// Starts it on this machine.
    pub fn start(host: &Host, model: Model) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let options = DaemonOptions::default().with_control(directory.path().join("lb.sock"));
        let (commands, receiver) = mpsc::channel(1);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let source = Source::Model(Box::new(model));
        let thread = host.netns().enter(move || {
            // A thread's children are in its namespace.
            thread::spawn(move || runtime.block_on(daemon::run(source, options, receiver)))
        })?;
        Ok(Self {
            commands,
            thread,
            _directory: directory,
        })
    }

    /// Stops it in order: priority 0, virtual address and IPVS services removed.
    pub fn stop(self) -> Result<()> {
        // If the thread has ended by itself, its error is returned below.
        let _ = self.commands.blocking_send(Command::Stop);
        self.thread.join().map_err(|_| "the director panicked")??;
        Ok(())
    }
}

/// The rest of the story: the master's cable is pulled, the other director serves on, both stop.
pub fn fail_over(cluster: &Cluster, running: [Director; 2], expected: [usize; 2]) -> Result<()> {
    let [lb1, lb2] = &cluster.directors;
    lb1.set_cable(false)?;
    let took = cluster.until_served_by(lb2)?;
    println!(
        "lb1's cable is pulled; lb2 serves after {} ms",
        took.as_millis()
    );
    cluster.expect_spread(expected)?;
    running.into_iter().try_for_each(Director::stop)?;
    println!("both directors stopped");
    Ok(())
}
