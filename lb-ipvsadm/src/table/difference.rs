// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes, as lines of the format.

use std::fmt::{self, Write};

use lb_ipvs::{Change, Table, TableChange};

use super::write::change_line;

/// Writes the changes from `actual` to `desired`, a line each: `+` what is new, `-` what goes, `~`
/// what is otherwise, below it the line as it was.
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use lb_ipvsadm::{Numeric, table};
///
/// let service = "-A -t 10.0.0.1:80 -s rr\n";
/// let old = table::read(&format!("{service}-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1\n"), &Numeric)?;
/// let new = table::read(&format!("{service}-a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 5\n"), &Numeric)?;
/// let changes = lb_ipvs::plan_table(old.table(), new.table());
/// let mut out = String::new();
/// table::difference(old.table(), new.table(), &changes, &mut out)?;
/// assert_eq!(out, "\
/// ~ -a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 5
///   was -a -t 10.0.0.1:80 -r 10.0.1.1:80 -g -w 1
/// ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn difference(
    actual: &Table,
    desired: &Table,
    changes: &[TableChange],
    out: &mut impl Write,
) -> fmt::Result {
    for change in changes {
        match change {
            TableChange::Entry(Change::AddService(_) | Change::AddDestination(..))
            | TableChange::StartSyncDaemon(_) => {
                writeln!(out, "+ {}", change_line(desired, change))?;
            }
            TableChange::Entry(Change::DeleteService(key)) => {
                writeln!(out, "- {}", change_line(actual, change))?;
                // Its destinations go with it.
                let entry = actual.service(key).into_iter();
                for destination in entry.flat_map(|entry| entry.destinations()) {
                    let change = Change::DeleteDestination(*key, destination.address);
                    let change = TableChange::Entry(change);
                    writeln!(out, "- {}", change_line(actual, &change))?;
                }
            }
            TableChange::Entry(Change::DeleteDestination(..)) | TableChange::StopSyncDaemon(_) => {
                writeln!(out, "- {}", change_line(actual, change))?;
            }
            TableChange::Entry(Change::EditService(_) | Change::EditDestination(..))
            | TableChange::SetTimeouts(_) => {
                writeln!(out, "~ {}", change_line(desired, change))?;
                writeln!(out, "  was {}", change_line(actual, change))?;
            }
        }
    }
    Ok(())
}
