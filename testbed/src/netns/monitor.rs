// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ip monitor` in a namespace, from when it listens until all that happened has been printed.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::Netns;
use crate::Error;
use crate::process::{Background, ProcessError};
use crate::wait::poll_until;

/// What the addresses begin with that mark a moment in the output.
const MARK: &str = "127.77.";
/// Ten times what a mark takes from the kernel to the output; another one follows then.
const TURN: Duration = Duration::from_millis(200);
/// How many marks a monitor gets that was not ready for the first ones.
const TURNS: u32 = 200;

/// A running `ip monitor`, killed on drop.
#[derive(Debug)]
pub struct Monitor {
    program: Background,
    netns: Netns,
}

impl Monitor {
    /// Starts `ip monitor` for these kinds of objects, `address`, `route` or both among them, and
    /// waits until it prints what changes.
    ///
    /// # Errors
    ///
    /// When it cannot be started or prints nothing.
    pub fn start(netns: &Netns, objects: &str) -> Result<Self, Error> {
        let program = netns.spawn(&format!("ip monitor {objects}"))?;
        let netns = netns.clone();
        let monitor = Self { program, netns };
        monitor.mark()?;
        Ok(monitor)
    }

    /// Waits until everything that has changed so far is printed, and returns it.
    ///
    /// # Errors
    ///
    /// When it does not print what changes.
    pub fn stop(self) -> Result<String, Error> {
        self.mark()?;
        let mut text = String::new();
        let mut is_mark = false;
        for line in self.program.lines() {
            // The second line of an object is indented.
            is_mark = line.text.contains(MARK) || (is_mark && line.text.starts_with(' '));
            if !is_mark {
                text.push_str(&line.text);
                text.push('\n');
            }
        }
        Ok(text)
    }

    /// Adds an address to loopback and deletes it until both are printed. The kernel's messages
    /// have an order: what changed before is printed, too.
    fn mark(&self) -> Result<(), Error> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        for _ in 0..TURNS {
            let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            let address = format!("{MARK}{high}.{low}");
            self.netns.ip_all(&[
                format!("addr add {address}/32 dev lo"),
                format!("addr del {address}/32 dev lo"),
            ])?;
            let is_printed = || {
                let lines = self.program.lines();
                let mut lines = lines.iter().map(|line| &line.text);
                lines.any(|line| line.starts_with("Deleted") && line.contains(&address))
            };
            let step = Duration::from_millis(2);
            if poll_until(TURN, step, || is_printed().then_some(())).is_some() {
                return Ok(());
            }
        }
        Err(Error::Process(ProcessError::Awaited {
            command: "ip monitor".to_owned(),
            awaited: format!("deletion of an address in {MARK}0.0/16"),
            deadline: TURN * TURNS,
            output: self.program.text(),
        }))
    }
}
