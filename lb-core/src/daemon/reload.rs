// SPDX-License-Identifier: MIT OR Apache-2.0
//! Another configuration for a running daemon.

use std::error::Error;

use lb_ipvs::Table;
use sd_notify::NotifyState;

use crate::dataplane::{IpvsPlane, Reconciler};
use crate::ledger::Ledger;
use crate::mail::Mailer;
use crate::model::RuntimeSettings;

use super::addresses::AddressMonitor;
use super::notify::{Notifier, needs_notifier};
use super::plane::Plane;
use super::reload_files::{Marker, write_findings};
use super::routers::Routers;
use super::running::{Running, systemd};
use super::stop::LAST_MAILS;
use super::{privileges, report, start, thread_names, vrrp};

impl Running {
    /// Reads the configuration again and applies the difference; with a new error nothing changes.
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
        let settings = &self.director.global().runtime.reload;
        let marker = Marker::create(settings.file.as_ref());
        let loaded = self.source.reload(&self.skipped).await;
        drop(marker);
        let loaded = loaded.map_err(|error| report::findings_of(&error));
        if let Some(log) = &settings.check_log {
            let findings = loaded.as_ref().map(|loaded| &loaded.findings);
            write_findings(log, findings.unwrap_or_else(|findings| findings));
        }
        let mut loaded = loaded?;
        let mut model = start::parts_of(loaded.model, &self.options);
        let line = |error: &dyn Error| vec![report::chain(error)];
        let had_any = !self.director.routers().is_empty() || self.director.keys().next().is_some();
        if had_any && model.routers.is_empty() && model.virtual_servers.is_empty() {
            // As in keepalived; a file that is being written may be empty for a moment.
            let name = self.source.name();
            loaded.findings.push(format!(
                "{name}: no virtual router and no virtual server, all that ran are removed"
            ));
        }
        privileges::check(&model).map_err(|error| line(&error))?;
        if self.parts.plane.is_none() && start::needs_plane(&model, None) {
            // As of the start: a reload does not change it.
            let namespace = start::ipvs_namespace(self.director.global(), &self.options);
            let namespace = namespace.map_err(|error| line(&error))?;
            let plane = IpvsPlane::connect_in(namespace).await;
            let plane = plane.map_err(|error| line(&error))?;
            let ledger = self.parts.ledger.take().unwrap_or_else(Ledger::in_memory);
            let mut reconciler = Reconciler::new(plane, ledger);
            let report = reconciler
                .start(Table::new())
                .await
                .map_err(|error| line(&error))?;
            report::log_report(&report, &mut self.failures);
            let gates = self.parts.via.clone();
            self.parts.plane = Some(Plane::spawn(reconciler, gates));
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
            notifier.apply(&model.global).await;
        }
        // Virtual routers may have started.
        thread_names::apply(&model.global.runtime.names);
        keep_names(&self.director.global().runtime, &mut model.global.runtime);
        self.objects.clone_from(&model.objects);
        self.parts.checks.follow_files(&model);
        self.director.replace_model(model);
        self.parts.via.retain(self.director.via_services());
        self.parts.accept_local.follow(&self.director);
        self.director.write_states();
        start::log_findings(&self.source, &loaded.findings);
        self.findings = loaded.findings;
        self.skipped = loaded.skipped;
        Ok(())
    }
}

/// Keeps the names that a reload does not change: instance and network namespaces.
fn keep_names(old: &RuntimeSettings, new: &mut RuntimeSettings) {
    let is_same = old.instance == new.instance
        && old.network_namespace == new.network_namespace
        && old.ipvs_namespace == new.ipvs_namespace;
    if !is_same {
        tracing::warn!(
            "instance, net_namespace and net_namespace_ipvs change with a restart, not with a reload"
        );
        new.instance.clone_from(&old.instance);
        new.network_namespace.clone_from(&old.network_namespace);
        new.ipvs_namespace.clone_from(&old.ipvs_namespace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_keeps_the_instance() {
        let [mut old, mut new] = [RuntimeSettings::default(), RuntimeSettings::default()];
        old.instance = Some("one".to_owned());
        new.network_namespace = Some("blue".to_owned());
        new.pid_directory = true;
        keep_names(&old, &mut new);
        assert_eq!(new.instance.as_deref(), Some("one"));
        assert_eq!(new.network_namespace, None);
        assert!(new.pid_directory);
    }
}
