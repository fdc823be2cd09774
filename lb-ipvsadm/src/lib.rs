// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm's formats, byte for byte: listings, saved rules, connections, and the grammar of its
//! [command line](command), which is that of saved rules too.
//!
//! | ipvsadm | this crate |
//! |---|---|
//! | the command line, a line of `-R` | [`command::parse`] |
//! | `-L` | [`listing`]; [`plain_listing`] of what [`lb_ipvs::PlainEntry`] has |
//! | `-L -c` | [`connections`](mod@connections) |
//! | `-L --timeout`, `-L --daemon` | [`timeouts`], [`sync_daemons`] |
//! | `-S` | [`save`] |
//! | the text of a kernel's refusal | [`lb_ipvs::Operation::explain`] |
//! | none: the whole table as a file, and differences of tables | [`table`] |
//! | none: listings and events as JSON | `json` (feature `json`) |
//!
//! Everything here is pure: data in, text out. It follows ipvsadm 1.31, with these differences,
//! where the original is plainly wrong: marks above 2³¹ are printed unsigned; counters of
//! destinations have 64 bits; `flag-3` of the schedulers `sh` and `mh` is printed, not an empty
//! list. The order of a sorted list is the original's, with its signed comparisons.
//!
//! # Examples
//! ```
//! use lb_ipvs::{Info, Scheduler, Service, ServiceEntry, ServiceKey, Stats, TableEntry, Version};
//! use lb_ipvsadm::Listing;
//!
//! let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
//! let service = Service::new(key, Scheduler::WeightedRoundRobin);
//! let table = [TableEntry {
//!     service: ServiceEntry { service, stats: Stats::default() },
//!     destinations: Vec::new(),
//! }];
//! let info = Info { version: Version::new(1, 2, 1), connection_table_size: 4096 };
//! let mut out = String::new();
//! lb_ipvsadm::listing(&Listing::default(), &info, &table, &mut out)?;
//! assert_eq!(out.lines().last(), Some("TCP  192.168.1.50:80 wrr"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod command;
pub mod connections;
#[cfg(feature = "json")]
pub mod json;
mod listing;
mod names;
mod number;
mod save;
mod settings;
mod sort;
pub mod table;

pub use listing::{Columns, Listing, listing, plain_listing};
pub use names::{Names, Numeric};
pub use save::save;
pub use settings::{sync_daemons, timeouts};
