// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs watch`

use std::{
    io::{self, Write as _},
    pin::pin,
    time::Duration,
};

use futures_util::StreamExt as _;
use lb_ipvs::{Aspects, Difference, NetworkNamespace};
use lb_ipvsadm::json;
use tokio::signal::unix::{SignalKind, signal};

use super::super::{Session, block_on, refused};
use crate::{failure::Failure, names::SystemNames, output::complain};

/// The table could not be read any more.
const FAILED: u8 = 1;

/// Print what changes in the table, as it happens
///
/// The first line is the size of the table; each further one is a difference between two readings. A change
/// that is undone between two readings is not seen. Ends at Ctrl-C or when standard output is closed, with
/// status 0; with 1 when the table could not be read five times in a row.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Time between two readings
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// End after so many differences
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Print counters too, every time they change
    #[arg(long)]
    stats: bool,
    /// Print each difference as a line of JSON
    #[arg(long)]
    json: bool,
}

/// Seconds, with a fraction or without.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|interval| *interval >= Duration::from_millis(1))
        .ok_or_else(|| "not a number of seconds from 0.001 on".to_owned())
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let names = SystemNames::new();
    block_on(async {
        let mut session = Session::connect("lbctl ipvs", &names, netns).await?;
        let failed = |error: io::Error| Failure::from_error(FAILED, &error);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            outcome = watch(args, &mut session) => outcome,
            _ = interrupt.recv() => Ok(0),
            _ = terminate.recv() => Ok(0),
        }
    })
}

async fn watch(args: &Args, session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut aspects = Aspects::CONFIGURATION | Aspects::CONNECTIONS;
    aspects.set(Aspects::COUNTERS, args.stats);
    let mut changes = pin!(session.ipvs.changes(args.interval, aspects));
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut begun = false;
    while left > 0 {
        let differences = match changes.next().await {
            Some(Ok(differences)) => differences,
            Some(Err(error)) => {
                complain(&refused(&error, FAILED).to_string());
                continue;
            }
            None => return Ok(FAILED),
        };
        let written = if begun {
            differences
                .iter()
                .take(usize::try_from(left).unwrap_or(usize::MAX))
                .try_for_each(|difference| {
                    left -= 1;
                    line(args.json, difference)
                })
        } else {
            begun = true;
            size(args.json, &differences)
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(error) => {
                let text = format!("cannot write to standard output: {error}");
                return Err(Failure::new(FAILED, text));
            }
            Ok(()) => {}
        }
    }
    Ok(0)
}

/// The first reading: all of the table has appeared.
fn size(as_json: bool, appeared: &[Difference]) -> io::Result<()> {
    let services = appeared
        .iter()
        .filter(|one| matches!(one, Difference::ServiceAppeared(_)))
        .count();
    let destinations = appeared.len() - services;
    put(|out| {
        if as_json {
            json::table_size(services, destinations, out)
        } else {
            writeln!(out, "{services} services, {destinations} destinations")
        }
    })
}

fn line(as_json: bool, difference: &Difference) -> io::Result<()> {
    put(|out| {
        if as_json {
            json::difference(difference, out)
        } else {
            writeln!(out, "{difference}")
        }
    })
}

/// Whole lines, at once.
fn put(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    write(&mut text)?;
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("2"), Ok(Duration::from_secs(2)));
        for wrong in ["0", "-1", "x", "", "NaN", "inf", "1e300"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
