// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs diff`

use std::path::PathBuf;

use lb_ipvs::{Change, NetworkNamespace, Subject, Table, TableChange, plan_table};
use lb_ipvsadm::table::{self, change_line};
use serde_json::{Value, json};

use super::{
    super::{Session, block_on, refused},
    file::{self, Keep},
};
use crate::{failure::Failure, names::SystemNames, output::print};

/// There is a difference.
const DIFFERENT: u8 = 1;
/// The table cannot be read.
const TROUBLE: u8 = 2;

/// Show what `apply` would change, as lines with `+`, `-` and `~`
///
/// Exit status: 0 nothing, 1 something, 2 the file is wrong or the table cannot be read.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file, as `save --full` or `ipvsadm -S` writes it; `-` for standard input
    file: PathBuf,
    /// Print the changes as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keep: Keep,
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let file = file::read(&args.file)?;
    let names = SystemNames::new();
    block_on(async {
        let mut session = Session::connect("lbctl ipvs", &names, netns).await?;
        let read = session.ipvs.table().await;
        let actual = read.map_err(|error| refused(&error, TROUBLE))?;
        let desired = args.keep.desired(&file, &actual);
        let changes = plan_table(&actual, &desired);
        show(&actual, &desired, &changes, args.json.then_some(false))?;
        Ok(if changes.is_empty() { 0 } else { DIFFERENT })
    })
}

/// Prints changes as text, or as JSON with a member for whether they were made.
pub(super) fn show(
    actual: &Table,
    desired: &Table,
    changes: &[TableChange],
    json: Option<bool>,
) -> Result<(), Failure> {
    let mut text = String::new();
    match json {
        Some(made) => text = document(actual, desired, changes, made),
        None => table::difference(actual, desired, changes, &mut text)
            .map_err(|error| Failure::from_error(TROUBLE, &error))?,
    }
    print(&text)
}

fn document(actual: &Table, desired: &Table, changes: &[TableChange], made: bool) -> String {
    let changes: Vec<Value> = changes
        .iter()
        .map(|change| {
            let deletes = matches!(
                change,
                TableChange::Entry(Change::DeleteService(_) | Change::DeleteDestination(..))
                    | TableChange::StopSyncDaemon(_)
            );
            let edits = matches!(
                change,
                TableChange::Entry(Change::EditService(_) | Change::EditDestination(..))
                    | TableChange::SetTimeouts(_)
            );
            let (service, destination) = match change.subject() {
                Subject::Service(key) => (Some(key), None),
                Subject::Destination(key, address) => (Some(key), Some(address)),
                _ => (None, None),
            };
            json!({
                "operation": change.operation().to_string(),
                "service": service.map(|key| key.to_string()),
                "destination": destination.map(|address| address.to_string()),
                "line": (!deletes).then(|| change_line(desired, change)),
                "was": (deletes || edits).then(|| change_line(actual, change)),
            })
        })
        .collect();
    let document = json!({ "schema": "lbctl.ipvs/1", "made": made, "changes": changes });
    format!("{document:#}\n")
}
