// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl resign`: a virtual router steps down; prints which router takes over.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use lb_core::control::{self, ClientError, RouterStatus};
use lb_core::vrrp::State;
use serde_json::json;

use super::daemon::{self, FAILED};
use crate::{cli::ResignArgs, failure::Failure, output::print};

/// Pause between two requests for the status.
const LOOK: Duration = Duration::from_millis(50);
/// Time to wait for a new master beyond the master down interval.
const MARGIN: Duration = Duration::from_secs(2);

/// Sends the request to the daemon and prints the result.
pub(crate) fn resign(args: &ResignArgs) -> Result<u8, Failure> {
    let socket = &daemon::socket(args.control.as_deref());
    let text = daemon::converse(async {
        let text = if args.undo {
            undo(socket, args).await
        } else {
            step_down(socket, args).await
        };
        text.map_err(|error| Failure::from_error(FAILED, &error))
    })?;
    print(&text).map(|()| 0)
}

async fn step_down(socket: &Path, args: &ResignArgs) -> Result<String, ClientError> {
    let outcome = control::resign(socket, &args.instance).await?;
    let patience = Duration::from_millis(outcome.patience_ms);
    let mut instances = Vec::new();
    for name in &outcome.resigned {
        let seen = if args.no_wait {
            None
        } else {
            wait_for_master(socket, name, patience + MARGIN).await?
        };
        instances.push((name, seen));
    }
    if args.json {
        let instances: Vec<_> = instances
            .iter()
            .map(|(name, seen)| {
                json!({
                    "name": name,
                    "state": seen.as_ref().map_or(State::Backup, |seen| seen.state).to_string(),
                    "master": seen.as_ref().and_then(|seen| seen.master),
                })
            })
            .collect();
        let document = json!({"instances": instances, "patience_ms": outcome.patience_ms});
        return Ok(format!("{document:#}\n"));
    }
    let lines = instances.iter();
    Ok(lines
        .map(|(name, seen)| line(name, seen.as_ref(), args.no_wait, patience))
        .collect())
}

/// Waits until the instance knows a master; gives up after `limit`.
async fn wait_for_master(
    socket: &Path,
    name: &str,
    limit: Duration,
) -> Result<Option<RouterStatus>, ClientError> {
    let start = Instant::now();
    loop {
        let status = control::status(socket).await?;
        let router = status
            .routers
            .into_iter()
            .find(|router| *router.name == *name);
        if router.as_ref().is_none_or(|router| router.master.is_some()) || start.elapsed() > limit {
            return Ok(router);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The line about an instance.
fn line(name: &str, seen: Option<&RouterStatus>, no_wait: bool, patience: Duration) -> String {
    let again = format!("{:.1} s", patience.as_secs_f64());
    match seen {
        None if no_wait => {
            format!("{name} resigned; it is master again in {again} if no router takes over\n")
        }
        None => format!("{name} resigned\n"),
        Some(seen) => match seen.master {
            Some(master) if master.own => {
                format!("{name} resigned and is master again: no router took over within {again}\n")
            }
            Some(master) => format!(
                "{name} is {} now; master is {} (priority {}), and stays it until \
                 'lbctl resign --undo {name}'\n",
                seen.state, master.address, master.priority
            ),
            None => format!(
                "{name} is {} now; no router has taken over yet\n",
                seen.state
            ),
        },
    }
}

async fn undo(socket: &Path, args: &ResignArgs) -> Result<String, ClientError> {
    let outcome = control::resume(socket, &args.instance).await?;
    if args.json {
        let document = json!({"name": args.instance, "resumed": outcome.resumed});
        return Ok(format!("{document:#}\n"));
    }
    let name = &args.instance;
    Ok(if outcome.resumed {
        format!("{name} preempts again as it is configured to\n")
    } else {
        format!("{name} had not been asked to resign, or is master again: nothing to undo\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(document: &str) -> RouterStatus {
        serde_json::from_str(document).unwrap()
    }

    #[test]
    fn line_names_the_master() {
        let printed = |document| {
            line(
                "VI_1",
                Some(&seen(document)),
                false,
                Duration::from_millis(3609),
            )
        };
        let taken = r#"{"name": "VI_1", "interface": "eth0", "vrid": 1, "state": "backup",
            "priority": 150, "master": {"address": "192.0.2.2", "priority": 100, "own": false}}"#;
        assert_eq!(
            printed(taken),
            "VI_1 is backup now; master is 192.0.2.2 (priority 100), and stays it until \
             'lbctl resign --undo VI_1'\n"
        );
        let alone = r#"{"name": "VI_1", "interface": "eth0", "vrid": 1, "state": "master",
            "priority": 150, "master": {"address": "192.0.2.1", "priority": 150, "own": true}}"#;
        assert_eq!(
            printed(alone),
            "VI_1 resigned and is master again: no router took over within 3.6 s\n"
        );
    }
}
