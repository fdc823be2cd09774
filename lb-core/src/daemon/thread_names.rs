// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of threads, where keepalived names processes: `process_names`, `vrrp_process_name`,
//! `checker_process_name`.

use std::path::PathBuf;
use std::{fs, io};

use super::checks;
use crate::model::ProcessNames;

/// Name of the advert thread of the VRRP driver.
const ADVERTS: &str = "vrrp-advert";

/// Names the threads that have not been named by an earlier call. Errors are logged.
pub(super) fn apply(names: &ProcessNames) {
    let default = |name| names.defaults.then_some(name);
    let vrrp = names.vrrp.as_deref().or_else(|| default("keepalived_vrrp"));
    let checker = names
        .checker
        .as_deref()
        .or_else(|| default("keepalived_lvs"));
    for (thread, name) in [(ADVERTS, vrrp), (checks::NAME, checker)] {
        if let Some(name) = name
            && let Err(error) = rename(thread, name)
        {
            tracing::warn!(%error, thread, name, "cannot name the thread");
        }
    }
}

/// Renames the threads of this process that have a name.
fn rename(thread: &str, name: &str) -> io::Result<()> {
    for task in fs::read_dir("/proc/self/task")? {
        let comm: PathBuf = task?.path().join("comm");
        // A thread may end meanwhile.
        if fs::read_to_string(&comm).is_ok_and(|found| found.trim_end() == thread) {
            fs::write(&comm, name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::Builder;

    use super::*;

    #[test]
    fn a_thread_gets_its_name() {
        let (go, wait) = mpsc::channel::<()>();
        let body = move || {
            // The name is changed before the sender is dropped.
            let _ = wait.recv();
            fs::read_to_string("/proc/thread-self/comm").unwrap()
        };
        let thread = Builder::new().name("renamed-thread".to_owned());
        let thread = thread.spawn(body).unwrap();
        // The thread names itself as it starts.
        let is_there = || {
            let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
            let mut names = tasks.map(|task| fs::read_to_string(task.path().join("comm")));
            names.any(|name| name.is_ok_and(|name| name == "renamed-thread\n"))
        };
        while !is_there() {
            std::thread::yield_now();
        }
        rename("renamed-thread", "other").unwrap();
        drop(go);
        assert_eq!(thread.join().unwrap(), "other\n");
    }
}
