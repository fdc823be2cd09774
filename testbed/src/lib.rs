// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tests share that need namespaces of the host or the guest kernel of the lab.
//!
//! * [`host_test`], [`guest_test`] and [`namespace_test`] (either) mark a test that runs only where it can: elsewhere it prints
//!   a line `SKIPPED: …`, which is a failure under `cargo xtask`.
//! * [`Netns`] is a network namespace with a name of its own, [`Monitor`] prints what changes in it.
//! * [`process`] runs programs with deadlines, [`program`] finds those of the host.
//! * [`FrameSocket`] receives frames with the time stamps of the kernel.
//! * [`ruleset`] lists the packet filters of a namespace.
//! * [`play_at_once`] plays cases of one test at the same time.
//! * [`Hogs`] keep processors busy beside what is tested.
//! * [`wait_until`] and [`poll_until`] wait for a condition; a test sleeps for no other reason.
//!
//! ```no_run
//! #[testbed::host_test]
//! fn a_link_is_set_up() -> Result<(), testbed::Error> {
//!     let netns = testbed::Netns::new("router")?;
//!     netns.ip("link add eth0 type veth peer name eth1")?;
//!     netns.ip("link set eth0 up")?;
//!     Ok(())
//! }
//! ```

mod error;
mod frames;
pub mod gate;
mod hogs;
mod netns;
mod parallel;
pub mod process;
mod program;
mod ruleset;
mod wait;

pub use error::Error;
pub use frames::{FrameSocket, Passed, instant, now};
pub use hogs::Hogs;
pub use netns::{Monitor, Netns};
pub use parallel::play_at_once;
pub use program::program;
pub use ruleset::{ruleset, table_marks};
pub use testbed_macros::{guest_test, host_test, namespace_test};
pub use wait::{pause, poll_until, wait_until};
