// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which kernel table a ledger is about.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

/// The boot and the network namespace a ledger is about: each pair has one IPVS table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a table has exactly these two coordinates"
)]
pub struct Identity {
    /// `/proc/sys/kernel/random/boot_id`: one word.
    pub boot_id: String,
    /// Inode number of the network namespace (`/proc/thread-self/ns/net`).
    pub namespace: u64,
}

impl Identity {
    /// The identity of the table the calling thread would change.
    ///
    /// # Errors
    /// When `/proc` is not mounted or not readable.
    pub fn current() -> io::Result<Self> {
        Ok(Self {
            boot_id: fs::read_to_string("/proc/sys/kernel/random/boot_id")?
                .trim()
                .to_owned(),
            namespace: fs::metadata("/proc/thread-self/ns/net")?.ino(),
        })
    }
}
