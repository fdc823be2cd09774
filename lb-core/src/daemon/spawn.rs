// SPDX-License-Identifier: MIT OR Apache-2.0
//! The daemon starts the new process of an upgrade itself.

use std::process::Stdio;

use tokio::process::Command;
use tokio::runtime::Handle;

use crate::control::Started;

use super::report;
use super::running::Running;

impl Running {
    /// Starts the process that is to replace this one.
    pub(super) fn start_upgrade(&self) -> Result<Started, String> {
        if self.handover.is_some() {
            return Err("another upgrade is in progress".to_owned());
        }
        let Some((program, words)) = self.options.upgrade_command.split_first() else {
            return Err(
                "this daemon cannot start a new process with its own arguments; start one \
                        with 'lbctl run --upgrade'"
                    .to_owned(),
            );
        };
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null());
        // The new process enters the network namespace of the configuration by itself.
        let child = match &self.options.initial_namespace {
            Some(initial) => {
                let runtime = Handle::current();
                let spawn = || {
                    let _entered = runtime.enter();
                    command.spawn()
                };
                initial.run(spawn).map_err(|error| report::chain(&error))?
            }
            None => command.spawn(),
        };
        let mut child =
            child.map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let pid = child.id().ok_or("the new process ended at once")?;
        tracing::info!(pid, "started the new process of an upgrade");
        tokio::spawn(async move {
            // If it takes over, this process ends first.
            match child.wait().await {
                Ok(status) => {
                    tracing::error!(pid, "the new process ended without taking over: {status}")
                }
                Err(error) => tracing::error!(pid, %error, "cannot wait for the new process"),
            }
        });
        Ok(Started {
            pid,
            from: std::process::id(),
        })
    }
}
