// SPDX-License-Identifier: MIT OR Apache-2.0
//! Another configuration for a running daemon.

use std::error::Error;

use lb_ipvs::Table;
use sd_notify::NotifyState;

use crate::dataplane::{IpvsPlane, Reconciler};
use crate::ledger::Ledger;
use crate::mail::Mailer;

use super::addresses::AddressMonitor;
use super::notify::{Notifier, needs_notifier};
use super::plane::Plane;
use super::routers::Routers;
use super::running::{Running, systemd};
use super::stop::LAST_MAILS;
use super::{privileges, report, start, vrrp};

impl Running {
    /// Reads the configuration again and applies the difference; with errors nothing changes.
    pub(super) async fn reload(&mut self) -> Result<(), Vec<String>> {
        systemd(&[NotifyState::Reloading]);
        let result = self.try_reload().await;
        systemd(&[NotifyState::Ready]);
        if let Err(findings) = &result {
            for finding in findings {
                tracing::error!("{finding}");
            }
            tracing::error!("reload refused, nothing was changed");
        }
        result
    }

    async fn try_reload(&mut self) -> Result<(), Vec<String>> {
        tracing::info!("reloading {}", self.source.name());
        let loaded = self
            .source
            .load(true)
            .await
            .map_err(|error| report::findings_of(&error))?;
        let model = start::parts_of(loaded.model, &self.options);
        let line = |error: &dyn Error| vec![report::chain(error)];
        privileges::check(&model).map_err(|error| line(&error))?;
        if self.parts.plane.is_none() && start::needs_plane(&model, None) {
            let plane = IpvsPlane::connect().await.map_err(|error| line(&error))?;
            let ledger = self.parts.ledger.take().unwrap_or_else(Ledger::in_memory);
            let mut reconciler = Reconciler::new(plane, ledger);
            let report = reconciler
                .start(Table::new())
                .await
                .map_err(|error| line(&error))?;
            report::log_report(&report, &mut self.failures);
            self.parts.plane = Some(Plane::spawn(reconciler));
        }
        if self.parts.addresses.is_none() && start::needs_addresses(&model) {
            let monitor = AddressMonitor::start().await;
            let mut monitor = monitor.map_err(|error| line(&error))?;
            self.director.handle_addresses(&monitor.present());
            self.parts.addresses = Some(monitor);
        }
        // Steps that can fail come first, so that a failure changes nothing.
        let mailer = if self.director.global().mail == model.global.mail {
            None
        } else {
            let mailer = model.global.mail.clone().map(Mailer::start).transpose();
            Some(mailer.map_err(|error| line(&error))?)
        };
        if self.parts.notifier.is_none() && needs_notifier(&model) {
            let notifier = Notifier::start().await;
            self.parts.notifier = Some(notifier.map_err(|error| line(&error))?);
        }
        let specs = vrrp::configuration(&model);
        match &self.parts.routers {
            Some(routers) => routers
                .driver
                .reload(specs)
                .await
                .map_err(|error| line(&error))?,
            None if specs.is_empty() => {}
            None => {
                let routers = Routers::start(specs, vrrp::options(&model)).await;
                self.parts.routers = Some(routers.map_err(|error| line(&error))?);
            }
        }
        if let Some(mailer) = mailer
            && let Some(old) = std::mem::replace(&mut self.parts.mailer, mailer)
        {
            tokio::spawn(old.shutdown(LAST_MAILS));
        }
        if self.parts.plane.is_some() {
            let timeouts = model.global.ipvs.timeouts;
            self.parts.table_settings.set_timeouts(timeouts).await;
        }
        if let Some(notifier) = &self.parts.notifier {
            notifier.set_fifos(model.global.fifos.clone()).await;
        }
        self.objects.clone_from(&model.objects);
        self.director.replace_model(model);
        self.director.write_states();
        start::log_findings(&self.source, &loaded.findings);
        self.findings = loaded.findings;
        Ok(())
    }
}
