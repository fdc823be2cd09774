// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the table there is to the table there shall be: all of it, or nothing.

use std::collections::HashSet;

use super::IpvsHandle;
use crate::{
    change::Change,
    error::Error,
    operation::Subject,
    plan::plan_table,
    service::ServiceKey,
    table::{Table, TableChange},
};

/// How often the way back is tried.
const ROUNDS: usize = 3;

/// A change that was not made.
#[derive(Debug, thiserror::Error)]
#[error("cannot {change}")]
#[non_exhaustive]
pub struct Refused {
    /// The change.
    pub change: TableChange,
    /// Why not.
    pub source: Error,
}

impl Refused {
    /// A change and why it was not made.
    #[must_use]
    pub const fn new(change: TableChange, source: Error) -> Self {
        Self { change, source }
    }
}

/// Why a table could not be replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The table could not be read. Nothing was changed.
    #[error("the table cannot be read, and nothing was changed")]
    Unread(#[source] Box<Error>),
    /// A change was refused, and everything made before it was undone.
    #[error("the table is as it was before")]
    Undone(#[source] Box<Refused>),
    /// A change was refused, and what was made before it could not be undone, or not all of it.
    #[error("the table could not be put back: {} would be left to do", changes(left.len()))]
    NotUndone {
        /// The change that was refused.
        #[source]
        refused: Box<Refused>,
        /// The changes that would put the table back.
        left: Vec<TableChange>,
    },
    /// A change was refused, and the table cannot be read any more: what it holds is unknown.
    #[error("it is unknown what the table holds now: it cannot be read ({unread})")]
    Unknown {
        /// The change that was refused.
        #[source]
        refused: Box<Refused>,
        /// Why the table cannot be read.
        unread: Box<Error>,
    },
}

fn changes(count: usize) -> String {
    match count {
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    }
}

impl IpvsHandle {
    /// Reads all that is configured: services, destinations, time-outs, sync daemons.
    ///
    /// ipvsadm has no equivalent; `lbctl ipvs save --full` writes it.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut text = String::new();
    /// lb_ipvsadm::table::write(&ipvs.table().await?, &mut text)?;
    /// println!("{text}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn table(&mut self) -> Result<Table, Error> {
        let entries = self.snapshot().await?;
        let timeouts = self.timeouts().await?;
        let daemons = self.sync_daemons().await?;
        let table: Table = entries.into_iter().collect();
        Ok(table.with_timeouts(timeouts).with_sync_daemons(daemons))
    }

    /// Makes the table be `desired`, by no more changes than needed, or leaves it as it is.
    ///
    /// The kernel has no transactions. So the changes are made in the order of [`plan_table`], in
    /// batches, and when one is refused the table is read again and what was changed is put back:
    /// a service or destination that was deleted meanwhile has lost its counters then. Nothing that
    /// is equal in both is touched, whatever else is changed.
    ///
    /// Returns the changes that were made.
    ///
    /// ipvsadm has no equivalent; `-C` and `-R` come near, and leave what there is when a line fails.
    /// It is `lbctl ipvs apply`.
    ///
    /// # Errors
    /// [`ReplaceError::Undone`] when the kernel refused a change and all is as before; the other
    /// variants tell what is not.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvsadm::{Numeric, table};
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let file = table::read(&std::fs::read_to_string("/etc/ipvsadm.rules")?, &Numeric)?;
    /// for change in ipvs.replace(file.table()).await? {
    ///     println!("{change}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn replace(&mut self, desired: &Table) -> Result<Vec<TableChange>, ReplaceError> {
        let read = self.table().await;
        let before = read.map_err(|error| ReplaceError::Unread(Box::new(error)))?;
        self.replace_from(&before, desired).await
    }

    /// [`IpvsHandle::replace`] where the table was read before, by [`IpvsHandle::table`], and
    /// `before` is what to go back to.
    ///
    /// ipvsadm has no equivalent.
    ///
    /// # Errors
    /// As [`IpvsHandle::replace`].
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let before = ipvs.table().await?;
    /// let desired = before.clone();
    /// assert!(ipvs.replace_from(&before, &desired).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn replace_from(
        &mut self,
        before: &Table,
        desired: &Table,
    ) -> Result<Vec<TableChange>, ReplaceError> {
        let plan = plan_table(before, desired);
        match self.carry_out(&plan).await.into_iter().next() {
            None => Ok(plan),
            Some(refused) => Err(self.put_back(before, &plan, Box::new(refused)).await),
        }
    }

    /// Undoes the changes of a plan that were made, and returns the outcome.
    async fn put_back(
        &mut self,
        before: &Table,
        plan: &[TableChange],
        refused: Box<Refused>,
    ) -> ReplaceError {
        let concerned = Concerned::by(plan);
        let mut round = 0;
        loop {
            let now = match self.table().await {
                Ok(now) => now,
                Err(error) => {
                    return ReplaceError::Unknown {
                        refused,
                        unread: Box::new(error),
                    };
                }
            };
            // Others may have changed something else meanwhile, which is theirs.
            let mut left = plan_table(&now, before);
            left.retain(|change| concerned.has(change));
            if left.is_empty() {
                return ReplaceError::Undone(refused);
            }
            if round == ROUNDS {
                return ReplaceError::NotUndone { refused, left };
            }
            round += 1;
            let mut rest = left.as_slice();
            // One that is refused must not keep the others from being undone.
            while !rest.is_empty() {
                let made = self.carry_out_some(rest).await.0;
                rest = rest.get(made.max(1)..).unwrap_or_default();
            }
        }
    }

    /// Makes changes until one is refused; returns those that were, of the last batch.
    async fn carry_out(&mut self, changes: &[TableChange]) -> Vec<Refused> {
        let mut rest = changes;
        while !rest.is_empty() {
            let (made, refused) = self.carry_out_some(rest).await;
            if !refused.is_empty() {
                return refused;
            }
            rest = rest.get(made.max(1)..).unwrap_or_default();
        }
        Vec::new()
    }

    /// Makes the first change, or a batch of them; returns how many were tried and what was
    /// refused.
    async fn carry_out_some(&mut self, changes: &[TableChange]) -> (usize, Vec<Refused>) {
        let batch: Vec<Change> = changes
            .iter()
            .take(self.batch_limit())
            .map_while(|change| match change {
                TableChange::Entry(change) => Some(change.clone()),
                _ => None,
            })
            .collect();
        let refused = |index: usize, source| {
            let change = changes.get(index).cloned();
            change.map(|change| Refused { change, source })
        };
        if batch.is_empty() {
            let outcome = match changes.first() {
                Some(TableChange::SetTimeouts(timeouts)) => self.set_timeouts(timeouts).await,
                Some(TableChange::StartSyncDaemon(daemon)) => self.start_sync_daemon(daemon).await,
                Some(TableChange::StopSyncDaemon(state)) => self.stop_sync_daemon(*state).await,
                Some(TableChange::Entry(_)) | None => Ok(()),
            };
            let error = outcome.err().and_then(|error| refused(0, error));
            return (1, error.into_iter().collect());
        }
        match self.apply(&batch).await {
            Err(error) => (batch.len(), refused(0, error).into_iter().collect()),
            Ok(outcomes) => {
                let errors = outcomes.into_iter().enumerate();
                let errors = errors.filter_map(|(index, outcome)| refused(index, outcome.err()?));
                (batch.len(), errors.collect())
            }
        }
    }
}

/// What a plan touches.
struct Concerned {
    subjects: HashSet<Subject>,
    deleted: HashSet<ServiceKey>,
}

impl Concerned {
    fn by(plan: &[TableChange]) -> Self {
        let deleted = plan.iter().filter_map(|change| match change {
            TableChange::Entry(Change::DeleteService(key)) => Some(*key),
            _ => None,
        });
        Self {
            subjects: plan.iter().map(TableChange::subject).collect(),
            deleted: deleted.collect(),
        }
    }

    /// Whether a change on the way back is about the same. The destinations of a service that was
    /// deleted are.
    fn has(&self, change: &TableChange) -> bool {
        let of_deleted = match change {
            TableChange::Entry(change) => self.deleted.contains(&change.key()),
            _ => false,
        };
        of_deleted || self.subjects.contains(&change.subject())
    }
}
