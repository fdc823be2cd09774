// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings of the IPVS table as a whole: timeouts of connections, and deleting everything.
//!
//! The timeouts before the first change are in a file, written before the change: a process that was
//! killed, that left its table in place or that was replaced by another one has not restored them, and
//! the next stop does.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lb_host::file;
use lb_ipvs::{Error, NetworkNamespace, Timeouts};
use serde::{Deserialize, Serialize};

use super::report;
use crate::dataplane::connect;
use crate::ledger::Identity;
use crate::model::IpvsSettings;

/// Mode of the file.
const MODE: u32 = 0o600;

/// The table that the settings are for, and the file beside the ledger.
#[derive(Clone, Debug)]
pub(super) struct SettingsPlace {
    /// That of the daemon unless given.
    pub(super) namespace: Option<NetworkNamespace>,
    pub(super) identity: Identity,
    pub(super) file: PathBuf,
}

/// The settings that were made, and what they replaced.
#[derive(Debug)]
pub(super) struct TableSettings {
    place: SettingsPlace,
    made: Option<Timeouts>,
    /// The timeouts before, to be restored at the stop.
    before: Option<Timeouts>,
}

/// The content of the file, in seconds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    boot: String,
    netns: u64,
    tcp: u64,
    tcpfin: u64,
    udp: u64,
}

impl TableSettings {
    /// No settings of this process yet; those of an earlier one are known by its file.
    pub(super) fn new(place: SettingsPlace) -> Self {
        let before = match read(&place) {
            Ok(before) => before,
            Err(error) => {
                let path = place.file.display();
                tracing::warn!(%error, "the timeouts of IPVS before an earlier start are lost: {path}");
                None
            }
        };
        Self {
            place,
            made: None,
            before,
        }
    }

    /// Makes the settings of a start; a daemon that replaces a running one deletes nothing. An error is
    /// logged.
    pub(super) async fn start(&mut self, settings: &IpvsSettings, flush: bool) {
        if flush && settings.flush {
            match self.flush().await {
                Ok(()) => tracing::info!("deleted all IPVS services (lvs_flush)"),
                Err(error) => warn("delete all IPVS services", &error),
            }
        }
        self.set_timeouts(settings.timeouts).await;
    }

    /// Sets the timeouts of a reload; without any, those before the first ones are restored.
    pub(super) async fn set_timeouts(&mut self, timeouts: Option<Timeouts>) {
        // Without settings of its own, this process restores those that an earlier one has changed.
        if timeouts == self.made && (timeouts.is_some() || self.before.is_none()) {
            return;
        }
        let before = self.before;
        let result = async {
            let mut handle = connect(self.place.namespace.as_ref()).await?;
            let present = handle.timeouts().await?;
            let before = before.unwrap_or(present);
            if timeouts.is_some() {
                self.record(&before);
            }
            handle.set_timeouts(&timeouts.unwrap_or(before)).await?;
            Ok(before)
        };
        match result.await {
            Ok(before) => {
                self.before = timeouts.map(|_| before);
                self.made = timeouts;
                if timeouts.is_none() {
                    self.forget();
                }
            }
            Err(error) => warn("set the timeouts of IPVS", &error),
        }
    }

    /// Restores the timeouts, and deletes all services if `flush` is set.
    pub(super) async fn stop(mut self, flush: bool) {
        self.set_timeouts(None).await;
        if flush {
            match self.flush().await {
                Ok(()) => tracing::info!("deleted all IPVS services (lvs_flush_on_stop)"),
                Err(error) => warn("delete all IPVS services", &error),
            }
        }
    }

    async fn flush(&self) -> Result<(), Error> {
        let mut handle = connect(self.place.namespace.as_ref()).await?;
        handle.flush().await
    }

    /// Writes the timeouts that the stop is to restore.
    fn record(&self, before: &Timeouts) {
        let SettingsPlace { identity, file, .. } = &self.place;
        let record = Record {
            boot: identity.boot_id.clone(),
            netns: identity.namespace,
            tcp: before.tcp.as_secs(),
            tcpfin: before.tcp_fin.as_secs(),
            udp: before.udp.as_secs(),
        };
        let written = serde_json::to_vec(&record)
            .map_err(io::Error::from)
            .and_then(|bytes| file::replace(file, &bytes, MODE));
        if let Err(error) = written {
            let path = file.display();
            tracing::warn!(%error, "a start after a crash cannot restore the timeouts of IPVS: {path}");
        }
    }

    fn forget(&self) {
        match std::fs::remove_file(&self.place.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = self.place.file.display();
                tracing::warn!(%error, "cannot remove {path}");
            }
            _ => {}
        }
    }
}

/// The timeouts before those of an earlier process, for this table.
fn read(place: &SettingsPlace) -> io::Result<Option<Timeouts>> {
    let bytes = match file::read(&place.file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let record: Record = serde_json::from_slice(&bytes)?;
    let Identity { boot_id, namespace } = &place.identity;
    let is_same = record.boot == *boot_id && record.netns == *namespace;
    Ok(is_same.then(|| Timeouts {
        tcp: Duration::from_secs(record.tcp),
        tcp_fin: Duration::from_secs(record.tcpfin),
        udp: Duration::from_secs(record.udp),
    }))
}

fn warn(what: &str, error: &Error) {
    tracing::warn!("cannot {what}: {}", report::chain(error));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: PathBuf) -> SettingsPlace {
        SettingsPlace {
            namespace: None,
            identity: Identity {
                boot_id: "9d0a".to_owned(),
                namespace: 4_026_531_840,
            },
            file,
        }
    }

    #[test]
    fn the_timeouts_before_are_known_to_the_next_process_of_this_table_only() {
        let directory = tempfile::tempdir().unwrap();
        let place = place(directory.path().join("lb.sock.timeouts"));
        let settings = TableSettings::new(place.clone());
        assert_eq!(settings.before, None);
        let before = Timeouts {
            tcp: Duration::from_secs(900),
            tcp_fin: Duration::from_secs(120),
            udp: Duration::from_secs(300),
        };
        settings.record(&before);
        assert_eq!(TableSettings::new(place.clone()).before, Some(before));
        let mut other = place.clone();
        other.identity.boot_id = "other".to_owned();
        assert_eq!(TableSettings::new(other).before, None);
        settings.forget();
        assert_eq!(TableSettings::new(place).before, None);
        settings.forget();
    }

    #[test]
    fn a_damaged_file_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lb.sock.timeouts");
        for bytes in ["", "{", "{\"boot\":1}", "\0"] {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(
                TableSettings::new(place(file.clone())).before,
                None,
                "{bytes}"
            );
        }
    }
}
