// SPDX-License-Identifier: MIT OR Apache-2.0
//! One size of table, and one life of a daemon with it.

use std::fmt::{self, Write as _};
use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, Netns, wait_until};
use tests_kernel::process::pause;
use tests_kernel::usage::{Memory, processor_seconds};

use super::Outcome;
use super::server::Server;

/// Real servers of a virtual server.
const REAL_SERVERS: u32 = 4;
/// Ten times what the slower program takes to start.
const DEADLINE: Duration = Duration::from_secs(600);
/// How long after a change the daemon has no work left but its checks.
const REST: Duration = Duration::from_secs(5);
/// One address of each virtual server or real server: `10.NETWORK+i/250.i%250.LAST`.
const VIRTUAL: u32 = 100;
const REAL: u32 = 150;

/// How many virtual servers, and the check of their real servers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) virtual_servers: u32,
    pub(crate) check: Option<Check>,
}

/// A check of all real servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Tcp,
    Http,
}

impl Check {
    const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP_CHECK",
            Self::Http => "HTTP_GET",
        }
    }

    /// Seconds between two checks of a real server: this guest can make so many.
    const fn delay_loop(self) -> u32 {
        match self {
            Self::Tcp => 10,
            Self::Http => 40,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Tcp => "    TCP_CHECK {\n      connect_timeout 3\n    }\n",
            Self::Http => {
                "    HTTP_GET {\n      url {\n        path /\n        status_code 200\n      }\n      \
                 connect_timeout 3\n    }\n"
            }
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {REAL_SERVERS}, ", self.virtual_servers)?;
        match self.check {
            Some(check) => write!(f, "`{}`", check.name()),
            None => f.write_str("no checks"),
        }
    }
}

/// The figures of one life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Seconds until the table of the kernel is complete, and of processors until then.
    pub(crate) start: f64,
    pub(crate) start_cpu: f64,
    /// Bytes of all processes once all checks have run.
    pub(crate) resident: f64,
    pub(crate) anonymous: f64,
    /// Seconds of processors for a reload with one changed weight, and until the kernel has it.
    pub(crate) reload_cpu: f64,
    pub(crate) reload: f64,
    /// Seconds until the processes have ended, and what they left in the table.
    pub(crate) stop: f64,
    pub(crate) left: f64,
}

impl Found {
    pub(crate) fn medians(all: &[Self]) -> Self {
        let median = |value: fn(&Self) -> f64| {
            let mut values: Vec<f64> = all.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Self {
            start: median(|found| found.start),
            start_cpu: median(|found| found.start_cpu),
            resident: median(|found| found.resident),
            anonymous: median(|found| found.anonymous),
            reload_cpu: median(|found| found.reload_cpu),
            reload: median(|found| found.reload),
            stop: median(|found| found.stop),
            left: median(|found| found.left),
        }
    }
}

impl Case {
    /// Starts a daemon in a namespace of its own, and measures its life.
    pub(crate) fn measure(self, software: Software) -> Outcome<Found> {
        let lan = Lan::new()?;
        let host = lan.host("director", Ipv4Addr::new(192, 0, 2, 1))?;
        host.netns().ip("route add local 10.0.0.0/8 dev lo")?;
        let _server = Server::start(host.netns(), self.check)?;
        let netns = host.netns().clone();
        let mut daemon = Director::new(host, software, &self.configuration(1))?;

        let begin = Instant::now();
        daemon.start()?;
        let rows = self.virtual_servers * (1 + REAL_SERVERS);
        wait_until("the table is complete", DEADLINE, || {
            let found = table_rows(&netns, "").map_err(|error| error.to_string())?;
            if found == rows {
                Ok(())
            } else {
                Err(format!("{found} of {rows} rows; {}", daemon.log()))
            }
        })?;
        let start = begin.elapsed().as_secs_f64();
        let start_cpu = processor_seconds(&netns)?;
        if let Some(check) = self.check {
            pause(Duration::from_secs(u64::from(check.delay_loop()) * 2));
        }
        pause(REST);
        let resident = Memory::Resident.of_processes(&netns)?;
        let anonymous = Memory::Anonymous.of_processes(&netns)?;

        daemon.configure(&self.configuration(2))?;
        let idle = processor_seconds(&netns)?;
        pause(REST);
        let before = processor_seconds(&netns)?;
        let begin = Instant::now();
        daemon.reload()?;
        // Weight 2 in the column of weights: `  -> ADDRESS  Forward Weight …`.
        wait_until(
            "the kernel has the new weight",
            DEADLINE,
            || match table_rows(&netns, "2").map_err(|error| error.to_string())? {
                1 => Ok(()),
                found => Err(format!("{found} rows; {}", daemon.log())),
            },
        )?;
        let reload = begin.elapsed().as_secs_f64();
        pause(REST);
        let periods = 1.0 + reload / REST.as_secs_f64();
        let checks = (before - idle) * periods;
        let reload_cpu = (processor_seconds(&netns)? - before - checks).max(0.0);

        let begin = Instant::now();
        daemon.stop()?;
        let stop = begin.elapsed().as_secs_f64();
        let left = f64::from(table_rows(&netns, "")?);
        Ok(Found {
            start,
            start_cpu,
            resident,
            anonymous,
            reload_cpu,
            reload,
            stop,
            left,
        })
    }

    /// The weight is that of the first real server; all others have 1.
    fn configuration(self, weight: u32) -> String {
        let mut text = String::from("global_defs {\n  router_id bench\n}\n");
        let check = self.check.map_or("", Check::text);
        let delay_loop = self.check.map_or(10, Check::delay_loop);
        for number in 0..self.virtual_servers {
            let (high, low) = (number / 250, number % 250);
            let _ = write!(
                text,
                "virtual_server 10.{}.{low}.1 80 {{\n  delay_loop {delay_loop}\n  lb_algo wrr\n  lb_kind \
                 DR\n  protocol TCP\n",
                VIRTUAL + high
            );
            for real in 0..REAL_SERVERS {
                let weight = if (number, real) == (0, 0) { weight } else { 1 };
                let _ = write!(
                    text,
                    "  real_server 10.{}.{low}.{} 80 {{\n    weight {weight}\n{check}  }}\n",
                    REAL + high,
                    real + 10
                );
            }
            text += "}\n";
        }
        text
    }
}

/// Counts services and destinations in the kernel's table, or destinations of one weight.
fn table_rows(netns: &Netns, weight: &str) -> Outcome<u32> {
    let text = netns.enter(|| fs::read_to_string("/proc/thread-self/net/ip_vs"))??;
    // Version, and the heads of services and destinations.
    let rows = text.lines().skip(3).filter(|line| {
        weight.is_empty()
            || line.trim_start().starts_with("->") && line.split_whitespace().nth(3) == Some(weight)
    });
    Ok(u32::try_from(rows.count())?)
}
