// SPDX-License-Identifier: MIT OR Apache-2.0
//! The daemon starts its successor itself.

use std::process::Stdio;

use tokio::process::Command;

use crate::control::Started;

use super::running::Running;

impl Running {
    /// Starts the program that is to take this one's place.
    pub(super) fn start_successor(&self) -> Result<Started, String> {
        if self.successor.is_some() {
            return Err("another upgrade is under way".to_owned());
        }
        let Some((program, words)) = self.options.successor.split_first() else {
            return Err(
                "this daemon was started in a way in which no successor can be; start one \
                        with 'lbctl run --upgrade'"
                    .to_owned(),
            );
        };
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let pid = child.id().ok_or("the successor ended at once")?;
        tracing::info!(pid, "successor started");
        tokio::spawn(async move {
            // When it takes over this process ends before it.
            match child.wait().await {
                Ok(status) => tracing::error!(pid, "successor ended: {status}"),
                Err(error) => tracing::error!(pid, %error, "successor lost"),
            }
        });
        Ok(Started {
            pid,
            from: std::process::id(),
        })
    }
}
