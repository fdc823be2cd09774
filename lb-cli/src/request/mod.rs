// SPDX-License-Identifier: MIT OR Apache-2.0
//! From words to domain objects: what was asked for, validated, before anything is done.

pub(crate) mod address;
mod destination;
mod draft;
mod error;
mod ipvs;
mod service;
pub(crate) mod values;

#[cfg(test)]
mod tests;

pub(crate) use error::UsageError;
pub(crate) use ipvs::{ListRequest, Request, parse};
