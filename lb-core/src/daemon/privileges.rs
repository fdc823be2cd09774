// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which capabilities the daemon needs for a model, and which of them are missing.

use caps::CapSet;
use lb_vrrp::driver::Capability;

use crate::model::Model;

/// Capabilities are missing.
#[derive(Debug, thiserror::Error)]
#[error(
    "missing {}: {why}; run as root or grant it (AmbientCapabilities= in the unit)",
    names(missing)
)]
#[non_exhaustive]
pub struct PrivilegeError {
    /// What is missing.
    pub missing: Vec<Capability>,
    /// What it is needed for.
    pub why: String,
}

fn names(missing: &[Capability]) -> String {
    missing
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}

const fn kernel(capability: Capability) -> caps::Capability {
    match capability {
        Capability::NetRaw => caps::Capability::CAP_NET_RAW,
        // `Capability` has no others.
        _ => caps::Capability::CAP_NET_ADMIN,
    }
}

/// What the daemon has to do with the kernel for `model`, as (capability, purpose).
fn needed(model: &Model) -> Vec<(Capability, &'static str)> {
    let mut needed = Vec::new();
    if !model.routers.is_empty() {
        needed.push((Capability::NetRaw, "VRRP sends and receives raw IP packets"));
        needed.push((
            Capability::NetAdmin,
            "VRRP adds and removes virtual addresses",
        ));
    }
    if !model.statics.is_empty() {
        needed.push((
            Capability::NetAdmin,
            "static addresses, routes and rules are the kernel's",
        ));
    }
    if !model.virtual_servers.is_empty() {
        needed.push((
            Capability::NetAdmin,
            "virtual servers change the IPVS table",
        ));
    }
    needed
}

/// Checks that this process may do what `model` asks of it, before anything is touched.
///
/// # Errors
/// [`PrivilegeError`] names each missing capability and what it is for.
pub(crate) fn check(model: &Model) -> Result<(), PrivilegeError> {
    check_against(model, |capability| {
        // If the set cannot be read, the kernel decides when the capability is used.
        caps::has_cap(None, CapSet::Effective, kernel(capability)).unwrap_or(true)
    })
}

fn check_against(model: &Model, has: impl Fn(Capability) -> bool) -> Result<(), PrivilegeError> {
    let lacking: Vec<_> = needed(model)
        .into_iter()
        .filter(|(c, _)| !has(*c))
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let mut missing: Vec<Capability> = Vec::new();
    let mut why: Vec<&str> = Vec::new();
    for (capability, purpose) in lacking {
        if !missing.contains(&capability) {
            missing.push(capability);
        }
        why.push(purpose);
    }
    Err(PrivilegeError {
        missing,
        why: why.join(", "),
    })
}
