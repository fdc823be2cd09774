// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/net/ip_vs_status`: the hash tables of a network namespace and the estimation of rates.

use std::{collections::BTreeMap, str::FromStr};

/// The hash tables and the estimation of rates of one network namespace, as `/proc/net/ip_vs_status`
/// of Linux 7.2 shows them.
///
/// A number that the kernel does not show is `None`; lines that this crate does not know are kept.
///
/// ipvsadm has no equivalent but the `size=` in the first line of `ipvsadm -L`.
///
/// # Examples
/// ```
/// use lb_ipvs::Status;
///
/// let status = Status::parse(
///     "Conns:\t320\n\
///      Conn buckets:\t4096 (12 bits, lfactor -4)\n\
///      Conn buckets empty:\t3504 (85%)\n\
///      Conn buckets len-1:\t592 (100%)\n\
///      Services:\t40\n\
///      Something new:\t7\n",
/// );
/// assert_eq!(status.connections.entries, Some(320));
/// assert_eq!(status.connections.buckets, Some(4096));
/// assert_eq!(status.connections.load_factor, Some(-4));
/// assert_eq!(status.connections.longest_chain(), Some(1));
/// assert_eq!(status.services.entries, Some(40));
/// assert_eq!(status.services.buckets, None);
/// assert_eq!(status.other, ["Something new:\t7"]);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The table of connections (`Conns`, `Conn buckets`). The kernel makes it with the first service.
    pub connections: HashTable,
    /// The table of services (`Services`, `Service buckets`), which exists while there are services.
    pub services: HashTable,
    /// The threads that estimate rates (`Stats …`).
    pub estimation: Estimation,
    /// The lines that this crate does not know, as they are.
    pub other: Vec<String>,
}

/// A hash table that the kernel resizes while it is in use.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct HashTable {
    /// Connections or services.
    pub entries: Option<u64>,
    /// Buckets, a power of two; 0 while there is no table.
    pub buckets: Option<u64>,
    /// Load factor: the table grows when there are more entries than buckets times two to the power of this.
    /// It is that of `conn_lfactor` or `svc_lfactor` when the table was made.
    pub load_factor: Option<i32>,
    /// Buckets without entries. The kernel counts them only while there are entries.
    pub empty: Option<u64>,
    /// Buckets by the number of their entries, from 1 to 7, where 7 stands for 7 and more. A connection of a
    /// masquerading service has two entries.
    pub chains: BTreeMap<u32, u64>,
}

impl HashTable {
    /// The number of entries in the fullest bucket, where 7 stands for 7 and more; `None` where the kernel
    /// counts none.
    #[must_use]
    pub fn longest_chain(&self) -> Option<u32> {
        self.chains.keys().next_back().copied()
    }
}

/// The kernel threads that estimate the rates of services and destinations.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Estimation {
    /// Places for threads in use (`Stats thread slots`).
    pub threads: Option<u64>,
    /// Threads at most, from the number of processors in `est_cpulist`.
    pub max_threads: Option<u64>,
    /// Estimators in one chain at most (`Stats chain max len`), from a measurement of the processor.
    pub max_chain_length: Option<u64>,
    /// Estimators of one thread at most (`Stats thread ests`).
    pub max_estimators: Option<u64>,
}

impl Status {
    /// Reads the text of the file. A line that is not as expected is kept in [`Status::other`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut status = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if status.take(line).is_none() {
                status.other.push(line.to_owned());
            }
        }
        status
    }

    /// Takes a line in; `None` when it is not known, and nothing is changed.
    fn take(&mut self, line: &str) -> Option<()> {
        let (name, value) = line.split_once(':')?;
        let mut words = value.split_whitespace();
        match name {
            "Conns" => self.connections.entries = Some(number(words.next()?)?),
            "Services" => self.services.entries = Some(number(words.next()?)?),
            "Stats thread slots" => {
                let threads = number(words.next()?)?;
                let max_threads = match (words.next(), words.next()) {
                    (Some("(max"), Some(max)) => Some(number(max.strip_suffix(')')?)?),
                    _ => None,
                };
                self.estimation.threads = Some(threads);
                self.estimation.max_threads = max_threads;
            }
            "Stats chain max len" => {
                self.estimation.max_chain_length = Some(number(words.next()?)?)
            }
            "Stats thread ests" => self.estimation.max_estimators = Some(number(words.next()?)?),
            _ => {
                let (table, what) = name.split_once(" buckets")?;
                let table = match table {
                    "Conn" => &mut self.connections,
                    "Service" => &mut self.services,
                    _ => return None,
                };
                return table.take(what, value);
            }
        }
        Some(())
    }
}

impl HashTable {
    /// Takes what stands behind "Conn buckets" or "Service buckets".
    fn take(&mut self, what: &str, value: &str) -> Option<()> {
        let mut words = value.split_whitespace();
        let count = number(words.next()?)?;
        match what {
            "" => {
                self.buckets = Some(count);
                let mut words = words.skip_while(|word| *word != "lfactor").skip(1);
                self.load_factor = words
                    .next()
                    .and_then(|word| number(word.strip_suffix(')')?));
            }
            " empty" => self.empty = Some(count),
            _ => {
                let length = number(what.strip_prefix(" len-")?)?;
                self.chains.insert(length, count);
            }
        }
        Some(())
    }
}

fn number<T: FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The recorded file without the line that tells where it is from.
    fn recorded() -> &'static str {
        let file = include_str!("../tests/data/ip_vs_status.txt");
        file.split_once('\n').unwrap().1
    }

    #[test]
    fn a_recorded_file() {
        let expected = Status {
            connections: HashTable {
                entries: Some(320),
                buckets: Some(4096),
                load_factor: Some(-4),
                empty: Some(3504),
                chains: [(1, 547), (2, 42), (3, 3)].into(),
            },
            services: HashTable {
                entries: Some(40),
                buckets: Some(512),
                load_factor: Some(-3),
                empty: Some(473),
                chains: [(1, 38), (2, 1)].into(),
            },
            estimation: Estimation {
                threads: Some(1),
                max_threads: Some(4),
                max_chain_length: Some(3958),
                max_estimators: Some(9_499_200),
            },
            other: Vec::new(),
        };
        let status = Status::parse(recorded());
        assert_eq!(status, expected);
        let longest = |table: &HashTable| table.longest_chain();
        assert_eq!(longest(&status.connections), Some(3));
        assert_eq!(longest(&status.services), Some(2));
        assert_eq!(longest(&HashTable::default()), None);
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let lines = [
            "Conns:\tmany",
            "Conn buckets:\t",
            "Conn buckets len-x:\t1 (1%)",
            "Conn buckets full:\t1",
            "Real servers:\t7",
            "Real server buckets:\t16 (4 bits, lfactor 1)",
            "Stats thread slots:\t1 (max many)",
            "a line without a colon",
        ];
        let text = lines.join("\n\n");
        let status = Status::parse(&text);
        assert_eq!(status.other, lines);
        let other = Status {
            other: status.other.clone(),
            ..Status::default()
        };
        assert_eq!(status, other);
        // A kernel that shows less of a line that is known.
        let status = Status::parse("Conn buckets:\t256\nStats thread slots:\t2\n");
        assert_eq!(status.connections.buckets, Some(256));
        assert_eq!(status.connections.load_factor, None);
        assert_eq!(status.estimation.threads, Some(2));
        assert_eq!(status.estimation.max_threads, None);
    }

    proptest! {
        #[test]
        fn never_panics(at in 0..recorded().len(), with in "\\PC{0,3}") {
            let mut text = recorded().to_owned();
            text.replace_range(at..at, &with);
            let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
            prop_assert!(Status::parse(&text).other.len() <= lines);
        }
    }
}
