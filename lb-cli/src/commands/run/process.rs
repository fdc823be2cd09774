// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a daemon does to its own process: namespace, mode mask, limits.

use lb_ipvs::{NamespaceError, NetworkNamespace};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};

use super::FATAL;
use crate::{args::run::RunOptions, failure::Failure};

/// Enters the namespace, sets the mode mask and names the process. Must come before any thread is started.
/// Returns the network namespace before, if it is another one.
pub(super) fn prepare(options: &RunOptions) -> Result<Option<NetworkNamespace>, Failure> {
    if let Some(mask) = options.umask {
        umask(Mode::from_bits_truncate(mask));
    }
    if let Some(name) = &options.process_name
        && let Err(error) = std::fs::write("/proc/self/comm", name)
    {
        let error = format!("cannot name the process {name}: {error}");
        return Err(Failure::new(FATAL, error));
    }
    if options.core_dump {
        allow_core_dump();
    }
    let Some(name) = &options.namespace else {
        return Ok(None);
    };
    let enter = || {
        let initial = NetworkNamespace::current()?;
        NetworkNamespace::find(name)?.enter()?;
        Ok(initial)
    };
    let initial = enter().map_err(|error: NamespaceError| Failure::from_error(FATAL, &error))?;
    Ok(Some(initial))
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
