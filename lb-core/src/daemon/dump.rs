// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the files of [`dump`](crate::dump) on a signal.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use lb_host::file;
use lb_vrrp::status::{DriverStatus, RouterStatus};
use lb_vrrp::track::Verdict;
use lb_vrrp::{RouterStats, State};
use tokio::task::JoinHandle;

use super::Dump;
use super::dump_file::File;
use super::running::Running;
use crate::dump::{self, JsonVersion, Moment, RouterMoment};
use crate::model::VrrpInstance;

/// Mode of the files: for the user of the daemon alone, as keepalived's.
const MODE: u32 = 0o600;

/// What the daemon keeps between two dumps.
#[derive(Debug, Default)]
pub(super) struct Dumps {
    /// The counters of each router when they were cleared.
    cleared: BTreeMap<String, RouterStats>,
    /// The files that are being written.
    writing: Option<JoinHandle<()>>,
}

impl Running {
    /// Writes the files of a dump. The director does not wait for the disk.
    pub(super) async fn dump(&mut self, dump: Dump) {
        if dump == Dump::Status {
            return self.log_status().await;
        }
        let driver = self.driver_status().await;
        let moment = self.moment(driver.as_ref());
        let files = match dump {
            Dump::Data => {
                let mut files = vec![(File::Parent, dump::global_data(&moment))];
                if !moment.routers.is_empty() {
                    files.push((File::Routers, dump::vrrp_data(&moment)));
                }
                if !moment.virtual_servers.is_empty() {
                    files.push((File::Servers, dump::check_data(&moment)));
                }
                files
            }
            Dump::Json => {
                let version = match moment.global.runtime.dumps.json_version {
                    2 => JsonVersion::V2,
                    _ => JsonVersion::V1,
                };
                let text = dump::json(&moment, version);
                text.map(|text| (File::Json, text)).into_iter().collect()
            }
            _ if moment.routers.is_empty() => Vec::new(),
            _ => vec![(File::Stats, dump::stats(&moment))],
        };
        let directory = &self.options.dump_directory;
        let runtime = &moment.global.runtime;
        let files = files
            .into_iter()
            .map(|(file, text)| (file.path(directory, runtime), text))
            .collect();
        self.write_files(files);
        if dump == Dump::StatsAndClear {
            let routers = driver.iter().flat_map(|driver| &driver.routers);
            self.dumps.cleared = routers
                .map(|router| (router.name.to_string(), router.counters.stats))
                .collect();
        }
    }

    /// Writes the data dump to the log.
    pub(super) async fn log_data(&self) {
        let driver = self.driver_status().await;
        let moment = self.moment(driver.as_ref());
        let text = dump::vrrp_data(&moment) + &dump::check_data(&moment);
        for line in text.lines() {
            tracing::info!("{line}");
        }
    }

    async fn log_status(&mut self) {
        match serde_json::to_string(&self.status().await) {
            Ok(status) => tracing::info!("status {status}"),
            Err(error) => tracing::error!(%error, "status cannot be written"),
        }
    }

    /// Writes the files, behind those of the dump before.
    fn write_files(&mut self, files: Vec<(PathBuf, String)>) {
        let before = self.dumps.writing.take();
        self.dumps.writing = Some(tokio::spawn(async move {
            if let Some(before) = before {
                // A panic is logged where it happens.
                let _ = before.await;
            }
            let written = tokio::task::spawn_blocking(move || write_all(&files));
            let _ = written.await;
        }));
    }

    fn moment<'a>(&'a self, driver: Option<&DriverStatus>) -> Moment<'a> {
        let routers = self.director.routers().iter();
        let state_of_group = |name: &str| {
            let mut groups = driver.iter().flat_map(|driver| &driver.groups);
            let group = groups.find(|group| *group.name == *name);
            group.map_or(State::Initialize, |group| group.state)
        };
        let verdict_of = |id: &lb_vrrp::track::ObjectId| {
            let mut objects = driver.iter().flat_map(|driver| &driver.objects);
            let object = objects.find(|object| object.object == *id);
            object.map_or(Verdict::Unknown, |object| object.verdict)
        };
        let groups = self.director.groups().iter();
        let objects = self.objects.iter();
        Moment {
            routers: routers
                .map(|instance| self.router_moment(instance, driver))
                .collect(),
            groups: groups
                .map(|group| (group, state_of_group(&group.spec.name)))
                .collect(),
            objects: objects
                .map(|object| (object, verdict_of(&object.id())))
                .collect(),
            virtual_servers: self.director.configured_virtual_servers().collect(),
            ..Moment::new(self.director.global())
        }
    }

    fn router_moment<'a>(
        &self,
        instance: &'a VrrpInstance,
        driver: Option<&DriverStatus>,
    ) -> RouterMoment<'a> {
        let name = instance.spec.name.as_str();
        let mut moment = RouterMoment::new(instance);
        let mut routers = driver.iter().flat_map(|driver| &driver.routers);
        match routers.find(|router| *router.name == *name) {
            Some(router) => {
                update(&mut moment, router);
                if let Some(cleared) = self.dumps.cleared.get(name) {
                    moment.stats = since(moment.stats, cleared);
                }
            }
            None => {
                let state = self.director.roles().get(name).copied();
                moment.state = state.unwrap_or(State::Initialize);
            }
        }
        moment
    }
}

fn update(moment: &mut RouterMoment<'_>, router: &RouterStatus) {
    moment.since = router
        .since
        .and_then(|since| since.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    moment.state = router.state;
    moment.priority = router.priority;
    moment.master_priority = router.master.map(|master| master.priority);
    moment.faults = router.faults.iter().count();
    moment.source = router.source;
    moment.vmac = router.vmac.as_ref().map(ToString::to_string);
    moment.stats = router.counters.stats;
}

/// The counters since they were cleared. Counters below those of that time are those of a router that
/// was made since.
fn since(mut stats: RouterStats, cleared: &RouterStats) -> RouterStats {
    if stats.advertisements_sent < cleared.advertisements_sent
        || stats.packets_received < cleared.packets_received
    {
        return stats;
    }
    macro_rules! subtract {
        ($($field:ident)*) => {
            $(stats.$field = stats.$field.saturating_sub(cleared.$field);)*
        };
    }
    subtract!(
        advertisements_received
        advertisements_sent
        master_transitions
        master_released
        packet_length_errors
        interval_errors
        ip_ttl_errors
        invalid_type_packets_received
        address_list_errors
        invalid_authentication_type
        authentication_type_mismatch
        authentication_failures
        hmac_missing
        hmac_malformed
        hmac_unknown_key
        hmac_invalid
        hmac_stale
        replays
        priority_zero_received
        priority_zero_sent
    );
    stats
}

fn write_all(files: &[(PathBuf, String)]) {
    for (path, text) in files {
        if let Err(error) = write(path, text) {
            tracing::error!("cannot write {}: {error}", path.display());
        }
    }
}

/// Writes a file so that a reader never sees a part of it. Programs that wait for the file watch for the
/// end of a write under its name, which a rename is not: so the file is opened and closed once more.
fn write(path: &Path, text: &str) -> io::Result<()> {
    file::replace(path, text.as_bytes(), MODE)?;
    file::open_for_writing(path, MODE).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn counters_begin_from_zero_when_they_are_cleared() {
        let mut cleared = RouterStats::default();
        (cleared.advertisements_sent, cleared.packets_received) = (5, 7);
        let mut now = cleared;
        (now.advertisements_sent, now.packets_received) = (8, 9);
        assert_eq!(since(now, &cleared).advertisements_sent, 3);
        now.packets_received = 1;
        assert_eq!(since(now, &cleared).advertisements_sent, 8);
    }

    #[test]
    fn a_file_is_for_its_owner_alone_and_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keepalived.json");
        for text in ["one\n", "two\n"] {
            write(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
