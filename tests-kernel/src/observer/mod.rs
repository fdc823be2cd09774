// SPDX-License-Identifier: MIT OR Apache-2.0
//! An observer that shares no code with what it observes.
//!
//! [`Tap`] records every frame that enters or leaves a switch, with its port and the kernel's
//! time stamp. [`read`] tells apart the kinds of frames: an advertisement, an announcement of an address,
//! what a kernel sends of its own accord, or nothing known. [`audit`] goes through a whole
//! recording and holds everything one virtual router sent against its [`Profile`]: each field of
//! each frame, the spacing of its advertisements, what may be announced when. A frame that no
//! rule explains is counted, and the count must be zero.

mod advert;
mod audit;
mod frame;
mod pcap;
mod profile;
mod reign;
#[cfg(test)]
mod spoil;
mod sums;
mod tap;

pub use advert::{Advert, AuthenticationHeader, Sum};
pub use audit::{Account, audit};
pub use frame::{Announcement, Chore, Reading, read};
pub use pcap::pcap;
pub use profile::{Authentication, Profile};
pub use reign::{End, Reign};
pub use tap::{Frame, Tap, Way};

pub use crate::net::now;
