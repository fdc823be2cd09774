// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ipvsadm -L --timeout` and `ipvsadm -L --daemon`.

use std::fmt::{self, Write};

use lb_ipvs::{SyncDaemon, SyncState, Timeouts};

/// Writes time-outs as `ipvsadm -L --timeout` prints them.
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use lb_ipvs::Timeouts;
///
/// let [tcp, tcp_fin, udp] = [900, 120, 300].map(Duration::from_secs);
/// let mut out = String::new();
/// lb_ipvsadm::timeouts(&Timeouts { tcp, tcp_fin, udp }, &mut out)?;
/// assert_eq!(out, "Timeout (tcp tcpfin udp): 900 120 300\n");
/// # Ok::<(), std::fmt::Error>(())
/// ```
pub fn timeouts(timeouts: &Timeouts, out: &mut impl Write) -> fmt::Result {
    let [tcp, tcp_fin, udp] =
        [timeouts.tcp, timeouts.tcp_fin, timeouts.udp].map(|timeout| timeout.as_secs());
    writeln!(out, "Timeout (tcp tcpfin udp): {tcp} {tcp_fin} {udp}")
}

/// Writes sync daemons as `ipvsadm -L --daemon` prints them, the master first.
///
/// # Errors
/// When `out` fails.
///
/// # Examples
/// ```
/// use lb_ipvs::{SyncDaemon, SyncId, SyncState};
///
/// let mut out = String::new();
/// lb_ipvsadm::sync_daemons(&[SyncDaemon::new(SyncState::Backup, "eth0", SyncId::new(7))], &mut out)?;
/// assert_eq!(out, "backup sync daemon (mcast=eth0, syncid=7)\n");
/// # Ok::<(), std::fmt::Error>(())
/// ```
pub fn sync_daemons(daemons: &[SyncDaemon], out: &mut impl Write) -> fmt::Result {
    for state in [SyncState::Master, SyncState::Backup] {
        for daemon in daemons.iter().filter(|daemon| daemon.state == state) {
            let SyncDaemon {
                interface, sync_id, ..
            } = daemon;
            write!(
                out,
                "{state} sync daemon (mcast={interface}, syncid={sync_id}"
            )?;
            if let Some(length) = daemon.max_length {
                write!(out, ", maxlen={length}")?;
            }
            if let Some(group) = daemon.group {
                write!(out, ", group={group}")?;
            }
            if let Some(port) = daemon.port {
                write!(out, ", port={port}")?;
            }
            if let Some(ttl) = daemon.ttl {
                write!(out, ", ttl={ttl}")?;
            }
            writeln!(out, ")")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lb_ipvs::SyncId;

    /// Listed by ipvsadm 1.31 on kernel 6.1.176 after `--start-daemon` of both.
    #[test]
    fn both_daemons() {
        let mut master = SyncDaemon::new(SyncState::Master, "d0", SyncId::new(1));
        master.max_length = Some(1400);
        master.group = Some("224.0.0.99".parse().unwrap());
        master.port = Some(9999);
        master.ttl = Some(4);
        let mut backup = SyncDaemon::new(SyncState::Backup, "d0", SyncId::new(0));
        backup.max_length = Some(1452);
        backup.group = Some("ff02::55".parse().unwrap());
        backup.port = Some(65535);
        backup.ttl = Some(1);
        let mut out = String::new();
        sync_daemons(&[backup, master], &mut out).unwrap();
        assert_eq!(
            out,
            "master sync daemon (mcast=d0, syncid=1, maxlen=1400, group=224.0.0.99, port=9999, \
             ttl=4)\n\
             backup sync daemon (mcast=d0, syncid=0, maxlen=1452, group=ff02::55, port=65535, \
             ttl=1)\n"
        );
    }
}
