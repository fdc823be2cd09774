// SPDX-License-Identifier: MIT OR Apache-2.0
//! Version, time-outs, sync daemons.

use super::IpvsHandle;
use crate::{
    error::{Error, InvalidRequest},
    operation::{Operation, Subject},
    settings::{Info, SyncDaemon, SyncState, Timeouts},
    wire::{
        Command, IpvsAttribute, IpvsMessage, config_attributes, daemon_attributes,
        daemon_state_attributes, info_of, reader, timeouts_of,
    },
};

/// Bytes of an interface's name, without the terminating NUL (`IP_VS_IFNAME_MAXLEN`).
const INTERFACE_NAME_LEN: usize = 15;

impl IpvsHandle {
    /// Asks for the version of IPVS and the size of its connection table.
    ///
    /// Equivalent to the first line of `ipvsadm -L`.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// println!("{}", ipvs.info().await?.connection_table_size);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn info(&mut self) -> Result<Info, Error> {
        let operation = Operation::GetInfo;
        let message = IpvsMessage::new(Command::GetInfo, Vec::new());
        let replies = self
            .transport
            .question(operation, Subject::Table, message)
            .await?;
        match replies.first() {
            Some(IpvsMessage::Info(attributes)) => {
                info_of(attributes).map_err(|source| Error::Decode { operation, source })
            }
            _ => Err(Error::EmptyReply { operation }),
        }
    }

    /// Asks for the time-outs of connections.
    ///
    /// Equivalent to `ipvsadm -L --timeout`.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// println!("{} s", ipvs.timeouts().await?.tcp.as_secs());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn timeouts(&mut self) -> Result<Timeouts, Error> {
        let operation = Operation::GetTimeouts;
        let message = IpvsMessage::new(Command::GetConfig, Vec::new());
        let replies = self
            .transport
            .question(operation, Subject::Table, message)
            .await?;
        match replies.first() {
            Some(IpvsMessage::Common { attributes, .. }) => Ok(timeouts_of(attributes)),
            _ => Err(Error::EmptyReply { operation }),
        }
    }

    /// Sets the time-outs of connections; those that are zero stay as they are.
    ///
    /// Whole seconds; a fraction of a second is cut off, but not down to zero.
    ///
    /// Equivalent to `ipvsadm --set TCP TCPFIN UDP`.
    ///
    /// # Errors
    /// With errno `EINVAL` when one is too large for the kernel's clock.
    ///
    /// # Examples
    /// ```no_run
    /// use std::time::Duration;
    /// use lb_ipvs::Timeouts;
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// ipvs.set_timeouts(&Timeouts { tcp: Duration::from_secs(7200), ..Timeouts::default() }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), Error> {
        let message = IpvsMessage::new(Command::SetConfig, config_attributes(timeouts));
        self.command(Operation::SetTimeouts, Subject::Table, message)
            .await
    }

    /// Lists the sync daemons that run, the master first.
    ///
    /// Equivalent to `ipvsadm -L --daemon`.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// for daemon in ipvs.sync_daemons().await? {
    ///     println!("{} on {}", daemon.state, daemon.interface);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sync_daemons(&mut self) -> Result<Vec<SyncDaemon>, Error> {
        let message = IpvsMessage::new(Command::GetDaemon, Vec::new());
        let operation = Operation::ListSyncDaemons;
        self.transport
            .dump_once(operation, Subject::Table, message, reader::daemons)
            .await
    }

    /// Starts a sync daemon.
    ///
    /// Equivalent to `ipvsadm --start-daemon STATE`.
    ///
    /// # Errors
    /// With errno `EEXIST` when a daemon of that state runs, `ENODEV` when there is no such
    /// interface, `EINVAL` while a service has destinations of another address family.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::{SyncDaemon, SyncId, SyncState};
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// let daemon = SyncDaemon::new(SyncState::Master, "eth0", SyncId::new(100));
    /// ipvs.start_sync_daemon(&daemon).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start_sync_daemon(&mut self, daemon: &SyncDaemon) -> Result<(), Error> {
        let (operation, subject) = (
            Operation::StartSyncDaemon,
            Subject::SyncDaemon(daemon.state),
        );
        let name = &daemon.interface;
        if name.is_empty() || name.len() > INTERFACE_NAME_LEN || name.contains('\0') {
            let reason = InvalidRequest::InterfaceName;
            return Err(Error::Invalid {
                operation,
                subject,
                reason,
            });
        }
        let attributes = vec![IpvsAttribute::Daemon(daemon_attributes(daemon))];
        let message = IpvsMessage::new(Command::NewDaemon, attributes);
        self.command(operation, subject, message).await
    }

    /// Stops a sync daemon, which can take some seconds.
    ///
    /// Equivalent to `ipvsadm --stop-daemon STATE`.
    ///
    /// # Errors
    /// With errno `ESRCH` when no daemon of that state runs.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// ipvs.stop_sync_daemon(lb_ipvs::SyncState::Master).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stop_sync_daemon(&mut self, state: SyncState) -> Result<(), Error> {
        let attributes = vec![IpvsAttribute::Daemon(daemon_state_attributes(state))];
        let message = IpvsMessage::new(Command::DeleteDaemon, attributes);
        self.command(
            Operation::StopSyncDaemon,
            Subject::SyncDaemon(state),
            message,
        )
        .await
    }
}
