// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs boot`: what Debian's init script of ipvsadm does, for `lbctl-ipvs.service`.

use std::{env, fs, io, path::PathBuf};

use clap::ValueEnum;
use lb_ipvs::{NetworkNamespace, Table};
use lb_ipvsadm::table;

use super::{
    super::{REFUSED, Session, block_on, refused},
    apply,
    file::{self, BAD_FILE},
};
use crate::{
    args::boot::{Defaults, KEYS},
    failure::Failure,
    names::SystemNames,
    output::complain,
};

/// Load, empty or save the table at boot and shutdown, as Debian's ipvsadm package does
///
/// The defaults file has lines of KEY=VALUE: AUTO=true|false, DAEMON=none|master|backup|both, IFACE,
/// SYNCID; variables of these names in the environment count before it. With AUTO=true `start` and
/// `reload` give the table the content of the rules file, all of it or nothing, and `stop` empties it;
/// `start` and `stop` also start and stop the sync daemons that DAEMON names. `save` writes the table
/// into the rules file, with any value of AUTO.
///
/// Exit status as of `lbctl ipvs apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    action: Action,
    /// The defaults file; it need not exist
    #[arg(long, value_name = "FILE", default_value = "/etc/default/ipvsadm")]
    defaults: PathBuf,
    /// The rules: what `ipvsadm -S` or `lbctl ipvs save --full` wrote
    #[arg(long, value_name = "FILE", default_value = "/etc/ipvsadm.rules")]
    rules: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Load the rules, start the sync daemons
    Start,
    /// Stop the sync daemons, empty the table
    Stop,
    /// Load the rules
    Reload,
    /// Write the rules
    Save,
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let defaults = defaults(args)?;
    let names = SystemNames::new();
    block_on(async {
        // Read the file before the session begins: a mistake in it is then the first error reported.
        let load = defaults.auto && matches!(args.action, Action::Start | Action::Reload);
        let rules = if load {
            Some(file::read(&args.rules)?)
        } else {
            None
        };
        let mut session = Session::connect("lbctl ipvs", &names, netns).await?;
        let not_done = |error| refused(&error, REFUSED);
        let actual = session.ipvs.table().await.map_err(not_done)?;
        match args.action {
            Action::Start | Action::Reload => {
                let mut desired = match &rules {
                    Some(file) => file.table().clone(),
                    None => actual.clone(),
                };
                if matches!(args.action, Action::Start) {
                    desired = with_daemons(desired, &actual, &defaults);
                } else if rules.is_none() {
                    let place = args.defaults.display();
                    complain(&format!(
                        "AUTO is not true in {place}: the rules are not loaded"
                    ));
                }
                let (path, file) = (&args.rules, rules.as_ref());
                apply::replace(&mut session, netns, &actual, &desired, path, file).await?;
            }
            Action::Stop => {
                let mut desired = actual.clone();
                if defaults.auto {
                    desired = Table::new();
                }
                let running = actual.sync_daemons().into_iter().flatten();
                let staying = running.filter(|daemon| !defaults.daemons.contains(&daemon.state));
                let desired = desired.with_sync_daemons(staying.cloned());
                apply::replace(&mut session, netns, &actual, &desired, &args.rules, None).await?;
            }
            Action::Save => {
                // The sync daemons are the defaults file's.
                let entries = session.ipvs.snapshot().await.map_err(not_done)?;
                let mut table: Table = entries.into_iter().collect();
                if let Some(timeouts) = actual.timeouts() {
                    table = table.with_timeouts(*timeouts);
                }
                let mut text = String::new();
                table::write(&table, &mut text)
                    .map_err(|error| Failure::from_error(REFUSED, &error))?;
                file::write(&args.rules, &text)?;
            }
        }
        Ok(0)
    })
}

/// With the sync daemons that the defaults file names, in place of others in the same state.
fn with_daemons(desired: Table, actual: &Table, defaults: &Defaults) -> Table {
    if defaults.daemons.is_empty() {
        return desired;
    }
    let others: Vec<_> = match desired.sync_daemons() {
        Some(daemons) => daemons.cloned().collect(),
        None => actual
            .sync_daemons()
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    };
    desired.with_sync_daemons(others.into_iter().chain(defaults.sync_daemons()))
}

/// The defaults file, and the environment before it.
fn defaults(args: &Args) -> Result<Defaults, Failure> {
    let place = args.defaults.display();
    let wrong = |text: String| Failure::new(BAD_FILE, text);
    let mut defaults = match fs::read(&args.defaults) {
        Ok(bytes) => Defaults::read(&String::from_utf8_lossy(&bytes))
            .map_err(|error| wrong(format!("{place}: {error}")))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Defaults::default(),
        Err(error) => return Err(wrong(format!("{place}: cannot read it: {error}"))),
    };
    for key in KEYS {
        if let Some(value) = env::var_os(key) {
            defaults
                .set(key, &value.to_string_lossy(), "environment")
                .map_err(|error| wrong(error.to_string()))?;
        }
    }
    Ok(defaults)
}
