// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the data plane has of the desired services, for the status.

use lb_ipvs::{Destination, ServiceKey, Table, TableService};

use super::super::{DataPlane, DataPlaneError};
use super::TableReconciler;

/// Differences of one service that are named; of further ones the number is.
const NAMED: usize = 8;

/// What the data plane has of a desired service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActualService {
    /// The service.
    pub key: ServiceKey,
    /// The service as it is; `None` when there is none.
    pub actual: Option<TableService>,
    /// What is not as desired, one phrase each; empty if all is.
    pub differences: Vec<String>,
}

impl<P: DataPlane> TableReconciler<P> {
    /// Reads the table, and compares it with the desired one. Nothing is changed, and drift is not noted.
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`DataPlaneError::Read`].
    pub async fn read_actual(&mut self) -> Result<Vec<ActualService>, DataPlaneError> {
        let table: Table = self.plane.snapshot().await?.into_iter().collect();
        Ok(self.compare(&table))
    }

    /// Compares the table as it was last read with the desired one: external changes since then are not
    /// in it.
    #[must_use]
    pub fn known_actual(&self) -> Vec<ActualService> {
        const EMPTY: &Table = &Table::new();
        self.compare(self.shadow.as_ref().unwrap_or(EMPTY))
    }

    fn compare(&self, table: &Table) -> Vec<ActualService> {
        let services = self.desired.services();
        services
            .map(|desired| {
                let key = desired.service().key;
                let actual = table.service(&key);
                let mut differences = differences(desired, actual);
                if let Some(error) = self.incomplete.get(&key)
                    && let Some(first) = differences.first_mut()
                {
                    first.push_str(": ");
                    first.push_str(error);
                }
                ActualService {
                    key,
                    actual: actual.cloned(),
                    differences,
                }
            })
            .collect()
    }
}

/// What of a service is not as desired, one phrase each.
fn differences(desired: &TableService, actual: Option<&TableService>) -> Vec<String> {
    let Some(actual) = actual else {
        return vec!["service missing".to_owned()];
    };
    let mut differences = Vec::new();
    if actual.service() != desired.service() {
        differences.push("service has other settings".to_owned());
    }
    for wanted in desired.destinations() {
        let address = wanted.address;
        differences.extend(match actual.destination(address) {
            None => Some(format!("{address} missing")),
            Some(found) => difference(wanted, found),
        });
    }
    let foreign = actual
        .destinations()
        .filter(|found| desired.destination(found.address).is_none());
    differences.extend(foreign.map(|found| format!("{} not desired", found.address)));
    let further = differences.len().saturating_sub(NAMED);
    if further > 0 {
        differences.truncate(NAMED);
        differences.push(format!("{further} further differences"));
    }
    differences
}

fn difference(wanted: &Destination, found: &Destination) -> Option<String> {
    let address = wanted.address;
    if wanted == found {
        None
    } else if wanted.weight == found.weight {
        Some(format!("{address} has other settings"))
    } else {
        let (found, wanted) = (found.weight, wanted.weight);
        Some(format!("{address} has weight {found} instead of {wanted}"))
    }
}
