// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracking: turns the states of objects into a router's priority and faults.
//!
//! A [`Tracker`] knows objects – interfaces, scripts, files, processes, BFD sessions – and which
//! routers track them with which [`Weight`]. An object that many routers track is evaluated once.
//! It does no I/O and runs no script: the caller passes results, and takes the effects.
//!
//! The arithmetic is keepalived's. The changes of all objects are added to the configured
//! priority, and the sum is cut to 1–254; 255, the address owner, is never changed. With weight 0
//! an object makes the router faulty. The engine advertises a new priority at once only
//! if the priority of a master fell.
//!
//! ```
//! use std::time::Instant;
//!
//! use lb_vrrp::{Priority, track::{Object, Output, Script, ScriptOutcome, Tracker, Weight}};
//!
//! let now = Instant::now();
//! let mut tracker = Tracker::new();
//! tracker.set_object(now, "check_nginx", Object::Script(Script::default()));
//! tracker.set_router("VI_1", Priority::new(100)?);
//! tracker.subscribe("VI_1", "check_nginx", Weight::new(-30)?);
//!
//! tracker.handle_script(&"check_nginx", ScriptOutcome::TimedOut);
//! let expected = Output::Priority { router: "VI_1", priority: Priority::new(70)? };
//! assert_eq!(tracker.poll_output(), Some(expected));
//! assert_eq!(tracker.poll_output(), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod id;
mod object;
mod source;
mod tracker;
mod weight;

#[cfg(test)]
mod tests;

pub use self::{
    id::ObjectId,
    object::{Object, Process, Script, ScriptOutcome, Verdict},
    source::{FileInit, ProcessPattern},
    tracker::{Output, Tracker},
    weight::{Weight, WeightError},
};
