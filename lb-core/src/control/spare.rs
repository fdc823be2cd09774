// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors that are kept for the connections of the control socket: a process that has no other one
//! left still answers.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;

/// Number of descriptors. Other parts of the process may take one that is released before the connection
/// is accepted; then the next is released.
const SPARES: usize = 4;

/// The kept descriptors.
#[derive(Debug, Default)]
pub(super) struct Spares(Vec<OwnedFd>);

impl Spares {
    /// Takes descriptors until there are enough, as far as the process has any; they are duplicates of
    /// `file`, because a duplicate needs no path.
    pub(super) fn refill(&mut self, file: impl AsFd) {
        while self.0.len() < SPARES
            && let Ok(spare) = file.as_fd().try_clone_to_owned()
        {
            self.0.push(spare);
        }
    }

    /// Whether all are there.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= SPARES
    }

    /// Closes one; returns whether there was one.
    pub(super) fn release(&mut self) -> bool {
        self.0.pop().is_some()
    }
}

/// Whether a call failed for lack of a descriptor, of the process or of the host.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spares_are_taken_and_released_one_by_one() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let mut spares = Spares::default();
        assert!(!spares.release());
        spares.refill(&file);
        assert!(spares.is_full());
        assert!(spares.release());
        assert!(!spares.is_full());
        spares.refill(&file);
        assert!(spares.is_full());
    }

    #[test]
    fn only_the_lack_of_descriptors_is_one() {
        for (errno, exhausted) in [
            (Errno::EMFILE, true),
            (Errno::ENFILE, true),
            (Errno::EPERM, false),
        ] {
            assert_eq!(is_exhausted(&errno.into()), exhausted);
        }
    }
}
