// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each program does: one request after the other, results to standard output.

pub(crate) mod check;
mod control;
mod daemon;
pub(crate) mod genhash;
pub(crate) mod ipvs;
pub(crate) mod resign;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod upgrade;
