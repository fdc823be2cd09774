// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a daemon does to its own process: namespace, mode mask, limits.

use lb_ipvs::NetworkNamespace;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};

use super::FATAL;
use crate::{args::run::RunOptions, failure::Failure};

/// Enters the namespace and sets the mode mask. Must come before any thread is started.
pub(super) fn prepare(options: &RunOptions) -> Result<(), Failure> {
    if let Some(mask) = options.umask {
        umask(Mode::from_bits_truncate(mask));
    }
    if options.core_dump {
        allow_core_dump();
    }
    if let Some(name) = &options.namespace {
        let namespace = NetworkNamespace::find(name);
        let entered = namespace.and_then(|namespace| namespace.enter());
        entered.map_err(|error| Failure::from_error(FATAL, &error))?;
    }
    Ok(())
}

/// Raises the limit of core files, as far as this process may.
fn allow_core_dump() {
    let raised = setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY);
    if raised.is_err()
        && let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CORE)
    {
        // Lower than the hard limit never fails.
        let _ = setrlimit(Resource::RLIMIT_CORE, hard, hard);
    }
}
