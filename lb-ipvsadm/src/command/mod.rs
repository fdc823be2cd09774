// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm's command line: what is typed, and what `-S` writes and `-R` reads.
//!
//! [`parse`] turns the words of one line into a [`Request`], or into a [`UsageError`] with
//! ipvsadm's text and exit status. Nothing is looked up but names, and those only by the
//! [`LookUp`] that the caller brings ([`Numeric`](super::Numeric) knows none); the kernel is not
//! asked.
//!
//! The grammar is that of ipvsadm 1.31 with popt's habits: options bundle, the first must be a
//! command, and their order matters where it matters there.
//!
//! # Examples
//! ```
//! use lb_ipvsadm::{Numeric, command::{self, Request}};
//! use lb_ipvs::{Change, Protocol};
//!
//! // A line of `ipvsadm -S -n`.
//! let words = command::words("-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1");
//! let request = command::parse(&words, "ipvsadm", &Numeric)?;
//! let Ok(Change::AddDestination(key, destination)) = request.into_change() else {
//!     panic!("it adds a destination");
//! };
//! assert_eq!(key.protocol(), Some(Protocol::Tcp));
//! assert_eq!(destination.weight.get(), 1);
//!
//! let mistake = command::parse(&command::words("-A -t 10.0.0.1"), "ipvsadm", &Numeric).unwrap_err();
//! assert_eq!(mistake.to_string(), "Zero port specified for non-persistent service");
//! assert_eq!(mistake.exit_code(), 2);
//! # Ok::<(), command::UsageError>(())
//! ```

mod address;
mod destination;
mod draft;
mod error;
mod legality;
mod line;
mod options;
mod popt;
mod request;
mod service;
mod values;

#[cfg(test)]
mod tests;

pub use address::LookUp;
pub use error::UsageError;
pub use options::{Command, OptionName};
pub use popt::{Broken, BrokenKind};
pub use request::{ListRequest, Request, parse, words};

pub(crate) use {
    destination::{any_destination, destination, tunnel_options},
    draft::{Draft, MAX_TIMEOUT, Subject},
    line::{LowArgs, NoCommand, parse as parse_line},
    options::Word,
    request::{check, sync_state, timeouts},
    service::{any_service, scheduler_flags, service},
};
