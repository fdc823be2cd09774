// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole [`Table`](lb_ipvs::Table) as text, without loss.
//!
//! The lines are ipvsadm's own: `-A` for a service, `-a` for a destination of a service named
//! before, `--set` for the time-outs, `--start-daemon` for a sync daemon. So ipvsadm's
//! `ipvsadm-restore` reads what [`write()`] writes, and [`read`] reads what `ipvsadm -S` prints. Blank
//! lines and lines that begin with `#` are passed over.
//!
//! The first line is a header, `# IPVS table, format 1: services, daemons`. It names the version
//! of the format and what the file is complete about: services always; sync daemons when the header names
//! them, and then daemons that are not in the file shall not run. Without the header sync daemons are
//! left open unless there are lines for them. Time-outs are left open without a `--set` line.
//!
//! # What ipvsadm's options cannot say
//! The kernel takes more than ipvsadm offers. Such values are written as options of this format's
//! own, each one word, which ipvsadm refuses:
//!
//! | option | with | meaning |
//! |---|---|---|
//! | `--lb-service=NUMBER/ADDRESS:PORT` | `-A` `-a` | a service of another protocol, or without port and persistence |
//! | `--lb-scheduler=NAME` `--lb-pe=NAME` | `-A` | a name with blanks or the like, as `%20` |
//! | `--lb-flags=0xBITS` | `-A` | flags that have no name, or do not go with the protocol |
//! | `--lb-persistent=SECONDS` | `-A` | a time-out out of ipvsadm's range |
//! | `--lb-netmask=MASK` | `-A` | a mask out of range, or of the other address family |
//! | `--lb-forwarding=METHOD` | `-a` | `local`, `bypass` or a number; `masquerade` or `direct-routing` with a port or family that ipvsadm does not allow |
//! | `--lb-tunnel=TYPE:PORT:0xFLAGS` | `-a` | a tunnel, in the kernel's numbers |
//! | `--lb-u-threshold=N` `--lb-l-threshold=N` | `-a` | thresholds above 2147483647 |
//! | `--lb-tcp=SECONDS` `--lb-tcpfin=…` `--lb-udp=…` | `--set` | time-outs out of ipvsadm's range |
//! | `--lb-interface=NAME` `--lb-syncid=N` `--lb-maxlen=N` `--lb-group=ADDRESS` `--lb-port=N` `--lb-ttl=N` | `--start-daemon` | values that ipvsadm refuses |
//!
//! # Examples
//! ```
//! use lb_ipvsadm::{Numeric, table};
//!
//! let text = "# IPVS table, format 1: services, daemons
//! -A -t 192.168.1.50:80 -s wrr
//! -a -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 100 -x 5000 -y 4000
//! --set 900 120 300
//! --start-daemon master --mcast-interface eth0 --syncid 51
//! ";
//! let file = table::read(text, &Numeric)?;
//! assert_eq!(file.table().services().len(), 1);
//!
//! let mut out = String::new();
//! table::write(file.table(), &mut out)?;
//! assert_eq!(out, text);
//!
//! let errors = table::read("-A -t 192.168.1.50\n-a -t 10.0.0.1:80 -r 10.0.1.1\n", &Numeric).unwrap_err();
//! let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
//! assert_eq!(shown, [
//!     "line 1, column 7, 192.168.1.50: Zero port specified for non-persistent service",
//!     "line 2: there is no -A line before it for TCP 10.0.0.1:80",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod difference;
mod error;
mod extension;
mod read;
#[cfg(test)]
mod tests;
mod values;
mod write;

pub use difference::difference;
pub use error::{LineError, LineProblem, ReadErrors};
pub use read::{TableFile, read};
pub use write::{change_line, write};

/// The version of the format that is written.
pub const VERSION: u32 = 1;

const HEADER: &str = "# IPVS table, format ";
const DAEMONS: &str = "daemons";
const SERVICES: &str = "services";
