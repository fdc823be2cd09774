// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel's table has of each virtual server over time.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tests_kernel::net::{NetError, Netns};
use tests_kernel::process::pause;

/// Time between two looks at the table.
const PERIOD: Duration = Duration::from_millis(100);

/// The destinations of a virtual server: `61=1 62=0`, by the last part of the address, with the weight.
pub(crate) type Pool = String;

/// A change of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) at: Instant,
    pub(crate) pool: Pool,
}

type Changes = BTreeMap<u16, Vec<Change>>;

/// The pools of one table, by the port of the virtual server, from its start until it is dropped.
#[derive(Debug)]
pub(crate) struct Series {
    changes: Arc<Mutex<Changes>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Series {
    /// Begins to look at the table of a namespace.
    pub(crate) fn start(netns: &Netns) -> Result<Self, NetError> {
        let changes = Arc::<Mutex<Changes>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = netns.enter(|| {
            let (changes, stop) = (Arc::clone(&changes), Arc::clone(&stop));
            // A thread is in the namespace of the thread that starts it.
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    record(&changes);
                    pause(PERIOD);
                }
            })
        })?;
        Ok(Self {
            changes,
            stop,
            thread: Some(thread),
        })
    }

    /// The changes of one virtual server; the first is its first appearance in the table.
    pub(crate) fn of_port(&self, port: u16) -> Vec<Change> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.get(&port).cloned().unwrap_or_default()
    }

    /// The pool of one virtual server now; none if there is no such virtual server.
    pub(crate) fn now(&self, port: u16) -> Option<Pool> {
        Some(self.of_port(port).pop()?.pool)
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Adds the pools that have changed.
fn record(changes: &Mutex<Changes>) {
    // Without the module there is no such file.
    let table = fs::read_to_string("/proc/thread-self/net/ip_vs").unwrap_or_default();
    let at = Instant::now();
    let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
    for (port, pool) in pools(&table) {
        let known = changes.entry(port).or_default();
        if known.last().map(|change| &change.pool) != Some(&pool) {
            known.push(Change { at, pool });
        }
    }
}

/// The pools of a table as `/proc/net/ip_vs` shows it, where addresses and ports are hexadecimal.
fn pools(table: &str) -> BTreeMap<u16, Pool> {
    let mut pools: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    let mut service = None;
    for line in table.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["TCP" | "UDP", address, ..] => {
                service = port_of(address);
                if let Some(port) = service {
                    pools.entry(port).or_default();
                }
            }
            ["->", address, _, weight, ..] => {
                let host = address.split(':').next().and_then(|ip| ip.get(6..8));
                let host = host.and_then(|part| u8::from_str_radix(part, 16).ok());
                if let (Some(port), Some(host)) = (service, host) {
                    pools
                        .entry(port)
                        .or_default()
                        .push(format!("{host}={weight}"));
                }
            }
            // A service of a firewall mark.
            ["FWM", ..] => service = None,
            _ => {}
        }
    }
    let sorted = pools.into_iter().map(|(port, mut pool)| {
        pool.sort();
        (port, pool.join(" "))
    });
    sorted.collect()
}

fn port_of(address: &str) -> Option<u16> {
    u16::from_str_radix(address.split(':').nth(1)?, 16).ok()
}

#[test]
fn pools_are_read_from_the_file_of_the_kernel() {
    let table = "IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0A80132:1F40 rr  
  -> C0A8013E:1F40      Masq    0      0          0         
  -> C0A8013D:1F40      Masq    12     0          0         
UDP  C0A80132:1F41 rr  
";
    let expected = [(8000, "61=12 62=0".to_owned()), (8001, String::new())];
    assert_eq!(pools(table), BTreeMap::from(expected));
}
