// SPDX-License-Identifier: MIT OR Apache-2.0
//! The processors that a thread may run on.

use std::fmt;
use std::io;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Processors by number, 0 to 1023.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Processors([u64; 16]);

impl Processors {
    /// The processors with these numbers; none if there is none, or one beyond 1023.
    pub fn new(numbers: impl IntoIterator<Item = u16>) -> Option<Self> {
        let mut words = [0; 16];
        let mut any = false;
        for number in numbers {
            let word = words.get_mut(usize::from(number / 64))?;
            *word |= 1_u64 << (number % 64);
            any = true;
        }
        any.then_some(Self(words))
    }

    /// The numbers, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            (0..64_usize)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| index * 64 + bit)
        })
    }

    /// Binds the calling thread to the processors.
    ///
    /// # Errors
    /// `EINVAL` when the machine has none of them.
    pub fn bind_thread(&self) -> io::Result<()> {
        let mut set = CpuSet::new();
        for number in self.iter() {
            set.set(number)?;
        }
        // Process 0 is the calling thread.
        Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
    }
}

impl fmt::Debug for Processors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_have_numbers() {
        let processors = |numbers: &[u16]| Processors::new(numbers.iter().copied());
        assert_eq!(processors(&[]), None);
        assert_eq!(processors(&[1024]), None);
        let some = processors(&[0, 3, 64, 1023]).unwrap();
        assert_eq!(some.iter().collect::<Vec<_>>(), [0, 3, 64, 1023]);
        assert_eq!(format!("{some:?}"), "[0, 3, 64, 1023]");
    }
}
