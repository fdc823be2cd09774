// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-R`: commands from standard input, one a line.
//!
//! Changes that follow each other go to the kernel in batches; everything looks as if they had gone
//! one by one. As in the original a refusal by the kernel is reported and the next line carried out, a
//! mistake in a line ends the run, and the exit status is that of the last line.

use std::io::BufRead;

use lb_ipvs::Change;
use lb_ipvsadm::command::{self, Request};

use super::{REFUSED, Session, refused, usage};
use crate::{failure::Failure, output::complain};

/// Changes kept back for one batch at most.
const PENDING: usize = 4096;

impl Session<'_> {
    pub(super) async fn restore(&mut self, mut input: impl BufRead) -> Result<(), Failure> {
        let mut pending = Vec::new();
        let mut last = Ok(());
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = input
                .read_until(b'\n', &mut line)
                .map_err(|error| Failure::new(1, format!("cannot read standard input: {error}")))?;
            if length == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let words = command::words(&text);
            if words.is_empty() {
                continue;
            }
            let request = match command::parse(&words, self.program, self.names) {
                Ok(request) => request,
                Err(error) => {
                    self.apply(&mut pending, &mut last).await?;
                    tell(last);
                    return Err(usage(error));
                }
            };
            match request.into_change() {
                Ok(change) => {
                    pending.push(change);
                    if pending.len() >= PENDING {
                        self.apply(&mut pending, &mut last).await?;
                    }
                }
                Err(request) => {
                    self.apply(&mut pending, &mut last).await?;
                    tell(std::mem::replace(&mut last, Ok(())));
                    let answers = matches!(request, Request::Help | Request::Version);
                    let ends_when_refused = matches!(
                        request,
                        Request::List(_) | Request::Save { .. } | Request::Restore
                    );
                    last = self.carry_out(request).await;
                    if answers || ends_when_refused && last.is_err() {
                        return last;
                    }
                }
            }
        }
        self.apply(&mut pending, &mut last).await?;
        last
    }

    /// Carries out what is pending; `last` becomes the result of the last of it.
    async fn apply(
        &mut self,
        pending: &mut Vec<Change>,
        last: &mut Result<(), Failure>,
    ) -> Result<(), Failure> {
        if pending.is_empty() {
            return Ok(());
        }
        let results = self
            .ipvs
            .apply(pending)
            .await
            .map_err(|error| refused(&error, REFUSED))?;
        pending.clear();
        for result in results {
            tell(std::mem::replace(
                last,
                result.map_err(|error| refused(&error, REFUSED)),
            ));
        }
        Ok(())
    }
}

/// Reports a failure at once; only the last result is returned.
fn tell(result: Result<(), Failure>) {
    if let Err(failure) = result {
        complain(&failure.to_string());
    }
}
