// SPDX-License-Identifier: MIT OR Apache-2.0
//! An operator asks an instance to step down.

use lb_vrrp::driver;

use crate::control::{InstanceRefusal, Resignation, Resumption};

use super::report;
use super::running::Running;

impl Running {
    pub(super) async fn resign(&self, instance: &str) -> Result<Resignation, InstanceRefusal> {
        let routers = self.parts.routers.as_ref();
        let routers = routers.ok_or_else(|| none(instance))?;
        let outcome = routers.driver.resign(instance).await.map_err(refusal)?;
        let resigned: Vec<String> = outcome.routers.iter().map(ToString::to_string).collect();
        tracing::info!("asked to resign: {}", resigned.join(", "));
        Ok(Resignation {
            resigned,
            patience_ms: u64::try_from(outcome.patience.as_millis()).unwrap_or(u64::MAX),
        })
    }

    pub(super) async fn resume(&self, instance: &str) -> Result<Resumption, InstanceRefusal> {
        let routers = self.parts.routers.as_ref();
        let routers = routers.ok_or_else(|| none(instance))?;
        let resumed = routers.driver.resume(instance).await.map_err(refusal)?;
        if resumed {
            tracing::info!("{instance} preempts again as it is configured to");
        }
        Ok(Resumption { resumed })
    }
}

/// A daemon without virtual routers.
fn none(instance: &str) -> InstanceRefusal {
    refusal(driver::Error::UnknownRouter {
        router: instance.to_owned(),
        existing: Vec::new(),
    })
}

fn refusal(error: driver::Error) -> InstanceRefusal {
    let text = report::chain(&error);
    match error {
        driver::Error::UnknownRouter { .. } => InstanceRefusal::Unknown(text),
        driver::Error::NotMaster { .. } => InstanceRefusal::State(text),
        _ => InstanceRefusal::Unavailable(text),
    }
}
