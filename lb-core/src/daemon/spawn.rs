// SPDX-License-Identifier: MIT OR Apache-2.0
//! The daemon starts the new process of an upgrade itself.

use std::process::Stdio;

use tokio::process::Command;

use crate::control::Started;

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
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
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
