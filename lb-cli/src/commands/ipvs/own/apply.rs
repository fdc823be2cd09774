// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs apply`

use std::path::{Path, PathBuf};

use lb_ipvs::{
    Change, Error, NetworkNamespace, Refused, ReplaceError, Table, TableChange, plan_table,
};
use lb_ipvsadm::table::TableFile;

use super::{
    super::{NOT_INITIALIZED, REFUSED, Session, block_on, owner, refused},
    diff::show,
    file::{self, Keep},
};
use crate::{failure::Failure, names::SystemNames};

/// A running daemon owns what would be changed; nothing was.
const OWNED: u8 = 1;
/// The table has neither its previous content nor that of the file.
const TORN: u8 = 3;

/// Give the table the content of a file, by the fewest changes: all of them or none
///
/// The whole file is checked before the first change. Services and destinations that are not in it
/// are deleted; sync daemons only when its first line marks it as complete about them; time-outs
/// stay without a --set line. When the kernel refuses a change, what was changed before is put back.
///
/// Exit status: 0 done, 1 a running daemon owns what would be changed (nothing was), 2 the file is wrong
/// or there is no IPVS (nothing was changed), 255 the kernel refused a change (the table is as
/// before), 3 the kernel refused, and the table could not be put back: what is missing is listed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file, as `save --full` or `ipvsadm -S` writes it; `-` for standard input
    file: PathBuf,
    /// Only show what would be changed
    #[arg(long)]
    dry_run: bool,
    /// Print the changes as JSON
    #[arg(long)]
    json: bool,
    /// Change also what a running daemon owns
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    keep: Keep,
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let file = file::read(&args.file)?;
    let names = SystemNames::new();
    block_on(async {
        let mut session = Session::connect("lbctl ipvs", &names, netns).await?;
        let read = session.ipvs.table().await;
        let actual = read.map_err(|error| refused(&error, NOT_INITIALIZED))?;
        let desired = args.keep.desired(&file, &actual);
        let changes = plan_table(&actual, &desired);
        if !args.force {
            free(&changes, netns, ", or use --force").await?;
        }
        if !args.dry_run {
            let outcome = session.ipvs.replace_from(&actual, &desired).await;
            outcome.map_err(|error| failed(&error, &args.file, Some(&file)))?;
        }
        if args.dry_run || args.json {
            show(
                &actual,
                &desired,
                &changes,
                args.json.then_some(!args.dry_run),
            )?;
        }
        Ok(0)
    })
}

/// Replaces the table by another one, unless a running daemon owns what would be changed.
pub(super) async fn replace(
    session: &mut Session<'_>,
    netns: Option<&NetworkNamespace>,
    actual: &Table,
    desired: &Table,
    path: &Path,
    file: Option<&TableFile>,
) -> Result<(), Failure> {
    free(&plan_table(actual, desired), netns, "").await?;
    let outcome = session.ipvs.replace_from(actual, desired).await;
    outcome
        .map(drop)
        .map_err(|error| failed(&error, path, file))
}

/// Refuses when a running daemon owns one of the services that would be edited or deleted, or a
/// destination of one; `way_out` is what else can be done.
async fn free(
    changes: &[TableChange],
    netns: Option<&NetworkNamespace>,
    way_out: &str,
) -> Result<(), Failure> {
    let Some(ownership) = owner::ownership(None, netns).await else {
        return Ok(());
    };
    let mut keys: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            TableChange::Entry(Change::AddService(_)) => None,
            TableChange::Entry(change) => Some(change.key()),
            _ => None,
        })
        .filter(|key| ownership.owned.get(key).is_some())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let Some(first) = keys.first() else {
        return Ok(());
    };
    let others = match keys.len() - 1 {
        0 => String::new(),
        1 => " and 1 other service".to_owned(),
        count => format!(" and {count} other services"),
    };
    Err(Failure::new(
        OWNED,
        format!(
            "{} owns {first}{others}, which would be changed; nothing was. Change its \
             configuration and reload it{way_out}",
            owner::name(&ownership)
        ),
    ))
}

/// What went wrong, with the line of the file that the kernel refused.
pub(super) fn failed(error: &ReplaceError, path: &Path, file: Option<&TableFile>) -> Failure {
    let refused = |refused: &Refused| {
        let line = file.and_then(|file| file.line_of(&refused.change.subject()));
        let place = match line {
            Some(line) => format!("{}: line {line}: ", file::name(path)),
            None => String::new(),
        };
        format!("{place}{refused}: {}", reason(&refused.source))
    };
    match error {
        ReplaceError::Unread(error) => super::super::refused(error, NOT_INITIALIZED),
        ReplaceError::Undone(change) => {
            Failure::new(REFUSED, format!("{}; {error}", refused(change)))
        }
        ReplaceError::NotUndone {
            refused: change,
            left,
        } => {
            let mut text = format!("{}; {error}:", refused(change));
            for change in left {
                text.push_str(&format!("\n  {change}"));
            }
            Failure::new(TORN, text)
        }
        ReplaceError::Unknown {
            refused: change, ..
        } => Failure::new(TORN, format!("{}; {error}", refused(change))),
        other => Failure::from_error(TORN, other),
    }
}

/// ipvsadm's words for what the kernel said.
fn reason(error: &Error) -> String {
    refused(error, REFUSED).to_string()
}

#[cfg(test)]
mod tests {
    use lb_ipvs::{
        IpvsHandle,
        testing::{ScriptedKernel, ScriptedReply},
    };
    use lb_ipvsadm::{Numeric, table};

    use super::*;

    /// A kernel that refuses the first change, with `EINVAL`, and everything after it for good.
    fn refusing() -> IpvsHandle {
        let kernel = ScriptedKernel::new(|requests| {
            let refused = |sequence| ScriptedReply::Error {
                sequence,
                errno: 22,
                text: None,
            };
            requests
                .iter()
                .map(|request| refused(request.sequence))
                .collect()
        });
        IpvsHandle::scripted(kernel)
    }

    #[tokio::test]
    async fn a_table_that_cannot_be_put_back_is_exit_status_3() {
        let text = "# rules\n-A -t 10.0.0.1:80 -s rr\n";
        let file = table::read(text, &Numeric).unwrap();
        let outcome = refusing().replace_from(&Table::new(), file.table()).await;
        let failure = failed(&outcome.unwrap_err(), Path::new("rules"), Some(&file));
        assert_eq!(failure.code(), 3);
        assert_eq!(
            failure.to_string(),
            "rules: line 2: cannot add service TCP 10.0.0.1:80 (rr): Invalid operation.  Possibly \
             wrong module version, address not unicast, ...; it is unknown what the table holds \
             now: it cannot be read (cannot list services (the table))"
        );
    }

    #[test]
    fn what_is_left_is_listed() {
        let file = table::read("-A -f 1 -s twos\n", &Numeric).unwrap();
        let changes = plan_table(&Table::new(), file.table());
        let refused = || {
            Box::new(Refused::new(
                changes[0].clone(),
                Error::PermissionDenied {
                    operation: changes[0].operation(),
                    subject: changes[0].subject(),
                },
            ))
        };
        let error = ReplaceError::NotUndone {
            refused: refused(),
            left: changes.clone(),
        };
        let failure = failed(&error, Path::new("-"), Some(&file));
        assert_eq!(failure.code(), 3);
        assert_eq!(
            failure.to_string(),
            "standard input: line 1: cannot add service FWM 1 (twos): Permission denied (you must be \
             root); the table could not be put back: 1 change would be left to do:\n  \
             add service FWM 1 (twos)"
        );
        let failure = failed(&ReplaceError::Undone(refused()), Path::new("r"), None);
        assert_eq!(failure.code(), 255);
        assert_eq!(
            failure.to_string(),
            "cannot add service FWM 1 (twos): Permission denied (you must be root); the table is as \
             it was before"
        );
    }
}
