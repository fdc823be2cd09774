// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts a daemon from a configuration; steps that can fail come first.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lb_ipvs::{NamespaceError, NetworkNamespace};
use lb_vrrp::driver;
use lb_vrrp::spec::Configuration;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::mpsc;

use crate::control::ControlServer;
use crate::dataplane::{IpvsPlane, Reconciler};
use crate::director::{Director, Known};
use crate::ledger::{Identity, Ledger, Opened};
use crate::mail::Mailer;
use crate::model::{Global, IpvsNamespace, Model, StaticItems, ViaPath};

use super::addresses::AddressMonitor;
use super::checks::Checks;
use super::error::RunError;
use super::handover::{Claim, OldProcess};
use super::lock::{ControlLock, LockError};
use super::notify::{Notifier, needs_notifier};
use super::plane::Plane;
use super::report::{self, LoggedFailures};
use super::routers::{Routers, States};
use super::running::{Parts, Running};
use super::supervise::supervised;
use super::table_settings::{SettingsPlace, TableSettings};
use super::via::{AcceptLocal, AcceptLocalPlace, ViaGates};
use super::{DaemonOptions, Source, privileges, stage, thread_names, vrrp};

/// Control requests that wait for the director.
const CONTROL_QUEUE: usize = 16;

/// Starts everything. Nothing is touched before the configuration, the privileges, the interfaces
/// and the control socket are found good.
pub(super) async fn start(mut source: Source, options: DaemonOptions) -> Result<Running, RunError> {
    let loaded = source.load().await?;
    let model = parts_of(loaded.model, &options);
    privileges::check(&model)?;
    let ipvs_namespace = ipvs_namespace(&model.global, &options)?;
    let startup = model.global.runtime.startup_script.clone();
    let mut lock = None;
    if startup.is_some() && !options.upgrade {
        // It may make the interfaces of virtual routers. A daemon that cannot start runs none.
        lock = Some(ControlLock::acquire(&options.control)?);
        stage::run("startup", startup.as_ref()).await;
    }
    let (routers, first_options) = (vrrp::configuration(&model), vrrp::first_options(&model));
    if !routers.is_empty() {
        driver::check(&routers).await?;
    }
    // Steps that can fail precede the end of the old process.
    let mailer = model.global.mail.clone().map(Mailer::start).transpose()?;
    raise_descriptor_limit();
    let mut checks = Checks::start(model.global.checks.scheduling).await?;
    let notifier = match needs_notifier(&model) {
        true => Some(Notifier::start().await?),
        false => None,
    };
    let claim = claim(&options, lock, &model, &routers).await?;
    if claim.routers.is_none() {
        driver::check_unclaimed(&routers).await?;
    }
    if options.upgrade && !claim.is_handover {
        stage::run("startup", startup.as_ref()).await;
    }

    let Claim { lock, server, .. } = claim;
    let listening = server.listening()?;
    log_findings(&source, &loaded.findings);
    if let Some(notifier) = &notifier {
        // No other daemon of this control socket uses them any more.
        notifier.take_over_fifos(claim.known.fifos.clone()).await;
        notifier.apply(&model.global).await;
    }

    let identity = match &ipvs_namespace {
        Some(namespace) => namespace.run(Identity::current)?,
        None => Identity::current(),
    };
    let identity = identity.map_err(RunError::Identity)?;
    let mut ledger = Some(open_ledger(&options, identity.clone())?);
    let mut accept_local = AcceptLocal::new(AcceptLocalPlace {
        identity: Identity::current().map_err(RunError::Identity)?,
        file: beside(&options.control, ".accept_local"),
    });
    let mut table_settings = TableSettings::new(SettingsPlace {
        namespace: ipvs_namespace.clone(),
        identity,
        file: beside(&options.control, ".timeouts"),
    });
    let needs_plane = needs_plane(&model, ledger.as_ref());
    let needs_addresses = needs_addresses(&model);
    let (known, down) = claim.known.real_servers();
    if known > 0 {
        tracing::info!(
            known,
            down,
            "restored the states of the real servers until their first check"
        );
    }
    let objects = model.objects.clone();
    checks.follow_files(&model);
    let ipvs = model.global.ipvs.clone();
    let mut director = Director::restored(model, &claim.known);
    let mut failures = LoggedFailures::default();
    let via = ViaGates::default();
    let plane = if needs_plane {
        table_settings.start(&ipvs, !claim.is_handover).await;
        let ledger = ledger.take().unwrap_or_else(Ledger::in_memory);
        let mut reconciler = Reconciler::new(IpvsPlane::connect_in(ipvs_namespace).await?, ledger);
        reconciler.enforce(director.global().checks.via_vip_marks);
        let report = reconciler.start(director.take_desired_table()).await?;
        report::log_report(&report, &mut failures);
        for service in director.via_services() {
            via.set(service.key, reconciler.is_in_place(&service.key));
        }
        Some(Plane::spawn(reconciler, via.clone()))
    } else {
        None
    };
    let mut states = States::default();
    if claim.routers.is_none() {
        // The tree of a configuration file and the first plan are many times larger than what remains of
        // them. The heap is locked meanwhile, therefore before the virtual routers run.
        lb_host::sys::trim_heap();
    }
    let routers = match claim.routers {
        Some(running) => {
            states = running.states().await;
            Some(running)
        }
        None if routers.is_empty() => {
            // Stale objects exist only after a crash, not after a handover; a daemon without virtual
            // routers leaves them to one with them.
            if options.routers && !claim.is_handover {
                remove_stale_objects().await;
            }
            None
        }
        None => Some(Routers::start(routers, first_options).await?),
    };
    for (router, (state, priority)) in &states.routers {
        director.restore_priority(router, *priority);
        director.restore_role(router, *state);
    }
    for (group, state) in &states.groups {
        director.restore_group(group, *state);
    }

    let mut addresses = None;
    if needs_addresses {
        // Stale virtual addresses of an earlier run have been removed before.
        let monitor = addresses.insert(AddressMonitor::start().await?);
        director.handle_addresses(&monitor.present());
    }

    accept_local.follow(&director);

    let (requests, control) = mpsc::channel(CONTROL_QUEUE);
    let serving = tokio::spawn(async move {
        let server = &server;
        supervised("control server", || server.serve(requests.clone())).await;
    });
    let parts = Parts {
        plane,
        ledger,
        checks,
        routers,
        mailer,
        notifier,
        control,
        addresses,
        lock,
        listening,
        serving,
        table_settings,
        via,
        accept_local,
    };
    let findings = loaded.findings;
    thread_names::apply(&director.global().runtime.names);
    let mut running = Running::new(source, options, director, findings, parts, failures);
    running.objects = objects;
    running.skipped = loaded.skipped;
    Ok(running)
}

/// Claims the control socket; replaces a running daemon there with `--upgrade`.
async fn claim(
    options: &DaemonOptions,
    mut lock: Option<ControlLock>,
    model: &Model,
    routers: &Configuration,
) -> Result<Claim, RunError> {
    if options.upgrade {
        match upgrade(options, model, routers).await {
            Ok(Some(claim)) => return Ok(claim),
            Ok(None) => tracing::info!("no daemon to take over from, starting as usual"),
            Err(error) => match acquire_soon(&options.control).await {
                Ok(free) => {
                    let error = report::chain(&error);
                    tracing::warn!(
                        "the running daemon ended during the upgrade, starting as usual: {error}"
                    );
                    lock = Some(free);
                }
                // The old process continues.
                Err(_) => return Err(error),
            },
        }
    }
    let lock = match lock {
        Some(lock) => lock,
        None if options.upgrade => acquire_soon(&options.control).await?,
        None => ControlLock::acquire(&options.control)?,
    };
    Ok(Claim {
        lock,
        server: ControlServer::bind(&options.control)?,
        routers: None,
        known: Known::default(),
        is_handover: false,
    })
}

/// Removes stale VRRP state; an error is logged and does not prevent the start.
async fn remove_stale_objects() {
    if let Err(error) = driver::remove_stale_objects().await {
        let error = report::chain(&error);
        tracing::warn!("cannot remove stale VRRP state: {error}");
    }
}

/// The lock of a process that may be about to end: a killed one closes its descriptors one after the
/// other, and the connection to it may break a moment before its lock is free.
async fn acquire_soon(control: &Path) -> Result<ControlLock, LockError> {
    const TRIES: u32 = 50;
    for _ in 1..TRIES {
        if let Ok(lock) = ControlLock::acquire(control) {
            return Ok(lock);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ControlLock::acquire(control)
}

/// Replaces the daemon on the control socket; `None` if there is none.
async fn upgrade(
    options: &DaemonOptions,
    model: &Model,
    routers: &Configuration,
) -> Result<Option<Claim>, RunError> {
    let Some(running) = OldProcess::request_handover(&options.control).await? else {
        return Ok(None);
    };
    if needs_plane(model, None) {
        // Checked before the handover begins.
        IpvsPlane::connect_in(ipvs_namespace(&model.global, options)?).await?;
    }
    let (routers, settings) = (routers.clone(), vrrp::options(model));
    let claim = running.replace(&options.control, routers, settings);
    claim.await.map(Some)
}

/// The model without the disabled parts.
pub(super) fn parts_of(mut model: Model, options: &DaemonOptions) -> Model {
    if !options.routers {
        model.routers.clear();
        model.groups.clear();
        model.objects = model.checked_files().cloned().collect();
        model.statics = StaticItems::default();
    }
    if !options.virtual_servers {
        model.virtual_servers.clear();
        model.global.sync_daemon = None;
        for router in &mut model.routers {
            router.sync_daemon_interface = None;
        }
    }
    model
}

/// Whether this model, or the ledger of an earlier run, needs the data plane.
pub(super) fn needs_plane(model: &Model, ledger: Option<&Ledger>) -> bool {
    let ours = ledger.is_some_and(|ledger| {
        ledger.owned().iter().next().is_some() || !ledger.sync_daemons().is_empty()
    });
    ours || !model.virtual_servers.is_empty()
        || model.global.sync_daemon.is_some()
        || model
            .routers
            .iter()
            .any(|router| router.sync_daemon_interface.is_some())
}

/// Whether anything in this model depends on the addresses of this host. Reading all of them after
/// each change is a lot of work where a takeover adds many.
pub(super) fn needs_addresses(model: &Model) -> bool {
    model.virtual_servers.iter().any(|server| server.ha_suspend)
        || !ViaPath::of_model(model).is_empty()
}

pub(super) fn log_findings(source: &Source, findings: &[String]) {
    for finding in findings {
        tracing::warn!("{finding}");
    }
    tracing::info!(findings = findings.len(), "configuration {}", source.name());
}

/// The network namespace of the IPVS table, if it is not that of the daemon.
pub(super) fn ipvs_namespace(
    global: &Global,
    options: &DaemonOptions,
) -> Result<Option<NetworkNamespace>, NamespaceError> {
    match &global.runtime.ipvs_namespace {
        IpvsNamespace::Own => Ok(None),
        IpvsNamespace::Initial => Ok(options.initial_namespace.clone()),
        IpvsNamespace::Named(name) => NetworkNamespace::find(name).map(Some),
    }
}

fn open_ledger(options: &DaemonOptions, identity: Identity) -> Result<Ledger, RunError> {
    let path = beside(&options.control, ".ledger");
    let (ledger, opened) = Ledger::open(&path, identity)?;
    match opened {
        Opened::Fresh | Opened::Foreign(_) => {}
        Opened::Loaded => {
            let services = ledger.owned().iter().count();
            tracing::info!(services, "adopting the services of an earlier run");
        }
        Opened::Damaged { copy, damage } => {
            let copy = copy.map(|path| path.display().to_string());
            tracing::error!(copy, "the ownership ledger is damaged: {damage}");
        }
        Opened::SetAside { path, error } => tracing::error!(
            "ownership ledger cannot be understood ({error}), set aside as {}; \
             services of an earlier run are adopted only where they are desired",
            path.display()
        ),
    }
    Ok(ledger)
}

pub(super) fn beside(control: &Path, suffix: &str) -> PathBuf {
    let mut name = control.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Raises the limit of descriptors to the hard limit: each check in flight needs one.
fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::debug!(%error, "descriptor limit not raised");
    }
}
