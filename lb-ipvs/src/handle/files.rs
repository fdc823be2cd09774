// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel shows in files instead of by netlink, read in the handle's network namespace.

use std::{
    fs::File,
    io::{self, BufReader, Read as _},
    path::Path,
};

use super::IpvsHandle;
use crate::{
    connections::Connections,
    error::Error,
    modprobe::{self, Helper, ModuleAttempt},
    plain::PlainEntry,
    procfs::{Application, merge, parse_applications},
    status::Status,
    sysctl::{Sysctl, SysctlValue, Sysctls},
};

/// The files of the calling thread's network namespace.
const PROC_NET: &str = "/proc/thread-self/net";
/// How often a plain listing is tried before it is read the slow way.
const PLAIN_ATTEMPTS: u32 = 3;
/// The kernel writes a page at a time.
const BUFFER: usize = 16 << 10;

impl IpvsHandle {
    /// Reads what a plain listing shows, many times faster than [`IpvsHandle::snapshot`] and with
    /// a fraction of its system calls.
    ///
    /// Services come by netlink, destinations from `/proc/net/ip_vs`. Thresholds, kinds of tunnels,
    /// persistence templates and traffic counters are not in it; that is why it has types of its
    /// own. When the table changes between the two readings, or is resized by the kernel, both are
    /// repeated; after three times,
    /// or without `/proc`, this is a [`snapshot`](IpvsHandle::snapshot) with the rest left out.
    ///
    /// Equivalent to `ipvsadm -L -n --nosort`.
    ///
    /// # Errors
    /// When the kernel refuses, or the socket fails.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(mut ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// for entry in ipvs.plain_snapshot().await? {
    ///     let active: u32 = entry.destinations.iter().map(|destination| destination.active).sum();
    ///     println!("{} {active} active", entry.service.key);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn plain_snapshot(&mut self) -> Result<Vec<PlainEntry>, Error> {
        let mut text = Vec::new();
        for attempt in 1..=PLAIN_ATTEMPTS {
            let services = self.configured_services().await?;
            if let Err(error) = self.read_file("ip_vs", &mut text) {
                tracing::debug!(%error, "destinations by netlink");
                break;
            }
            if let Some(table) = merge(services, &text) {
                return Ok(table);
            }
            tracing::debug!(attempt, "table changed while it was read");
        }
        let table = self.snapshot().await?;
        Ok(table.into_iter().map(PlainEntry::from).collect())
    }

    /// Opens the table of connections, to be read one by one in little memory.
    ///
    /// The kernel looks at its table while the file is read, which blocks the calling thread for
    /// some milliseconds with 100 000 connections; what changes meanwhile may be seen or not.
    ///
    /// Equivalent to `ipvsadm -L -n -c`.
    ///
    /// # Errors
    /// [`Error::Procfs`] when the file cannot be opened.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut established = 0_u64;
    /// for connection in ipvs.connections()? {
    ///     established += u64::from(connection?.state == "ESTABLISHED");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn connections(&self) -> Result<Connections<BufReader<File>>, Error> {
        self.open_connections("ip_vs_conn")
    }

    /// As [`IpvsHandle::connections`], with the origin of each, and without what persistence
    /// engines remember.
    ///
    /// ipvsadm has no equivalent; it is `/proc/net/ip_vs_conn_sync`.
    ///
    /// # Errors
    /// [`Error::Procfs`] when the file cannot be opened.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::connections::Origin;
    /// # fn example(ipvs: lb_ipvs::IpvsHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut synced = 0_u64;
    /// for connection in ipvs.connections_with_origin()? {
    ///     synced += u64::from(connection?.origin == Some(Origin::Sync));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn connections_with_origin(&self) -> Result<Connections<BufReader<File>>, Error> {
        self.open_connections("ip_vs_conn_sync")
    }

    /// Reads the state of the kernel's hash tables and of the estimation of rates; `None` on kernels that
    /// do not show it, as Linux 6.1.
    ///
    /// That needs root. [`IpvsHandle::info`] has the size of the connection table on any kernel.
    ///
    /// ipvsadm has no equivalent; it is `/proc/net/ip_vs_status`.
    ///
    /// # Errors
    /// [`Error::Procfs`] when the file is there and cannot be read.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// if let Some(status) = ipvs.status()? {
    ///     println!("{:?} connections in {:?} buckets", status.connections.entries, status.connections.buckets);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn status(&self) -> Result<Option<Status>, Error> {
        let mut text = Vec::new();
        match self.read_file("ip_vs_status", &mut text) {
            Ok(()) => Ok(Some(Status::parse(&String::from_utf8_lossy(&text)))),
            Err(Error::Procfs { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Lists the application helpers that are loaded, such as `ftp`.
    ///
    /// ipvsadm has no equivalent; it is `/proc/net/ip_vs_app`.
    ///
    /// # Errors
    /// [`Error::Procfs`] when the file cannot be read.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// let ftp = ipvs.applications()?.iter().any(|helper| helper.name == "ftp");
    /// # Ok(())
    /// # }
    /// ```
    pub fn applications(&self) -> Result<Vec<Application>, Error> {
        const FILE: &str = "ip_vs_app";
        let mut text = Vec::new();
        self.read_file(FILE, &mut text)?;
        Ok(parse_applications(&String::from_utf8_lossy(&text))?)
    }

    /// Loads an application helper, if it is not there already.
    ///
    /// That needs root: `modprobe` is run, with ten seconds to end. The helper is there for all
    /// network namespaces from then on, and until its module is removed.
    ///
    /// Equivalent to `modprobe ip_vs_ftp`; ipvsadm has no command for it.
    ///
    /// # Errors
    /// [`Error::HelperNotLoaded`] with what was tried.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::{Helper, sysctl::{Sysctl, SysctlValue}};
    /// # async fn example(ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// // Active and passive FTP through a masquerading service on port 21.
    /// ipvs.load_helper(Helper::Ftp).await?;
    /// ipvs.set_sysctl(&Sysctl::Conntrack, &SysctlValue::Flag(true))?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn load_helper(&self, helper: Helper) -> Result<(), Error> {
        if self.has_helper(helper)? {
            return Ok(());
        }
        let program = modprobe::load(helper.module())
            .await
            .map_err(|attempt| Error::HelperNotLoaded { helper, attempt })?;
        if self.has_helper(helper)? {
            return Ok(());
        }
        let attempt = ModuleAttempt::Useless {
            module: helper.module(),
            program,
        };
        Err(Error::HelperNotLoaded { helper, attempt })
    }

    fn has_helper(&self, helper: Helper) -> Result<bool, Error> {
        let applications = self.applications()?;
        Ok(applications.iter().any(|one| one.name == helper.name()))
    }

    /// Reads the settings below `net.ipv4.vs`, unknown ones included.
    ///
    /// Equivalent to `sysctl net.ipv4.vs`; ipvsadm has no command for it.
    ///
    /// # Errors
    /// [`Error::Sysctl`] when they cannot be read.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// for (sysctl, value) in ipvs.sysctls()?.changed() {
    ///     println!("{sysctl} = {value}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn sysctls(&self) -> Result<Sysctls, Error> {
        Ok(self.inside(Sysctls::read)??)
    }

    /// Reads one setting below `net.ipv4.vs`.
    ///
    /// Equivalent to `sysctl net.ipv4.vs.NAME`; ipvsadm has no command for it.
    ///
    /// # Errors
    /// [`Error::Sysctl`], with errno `ENOENT` when this kernel does not have the setting.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::sysctl::Sysctl;
    /// # fn example(ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// println!("{}", ipvs.sysctl(&Sysctl::Conntrack)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn sysctl(&self, sysctl: &Sysctl) -> Result<SysctlValue, Error> {
        Ok(self.inside(|| sysctl.read())??)
    }

    /// Sets one setting below `net.ipv4.vs`.
    ///
    /// Equivalent to `sysctl net.ipv4.vs.NAME=VALUE`; ipvsadm has no command for it.
    ///
    /// # Errors
    /// [`Error::Sysctl`] with the kernel's errno; see [`Sysctl::write`].
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::sysctl::{Sysctl, SysctlValue};
    /// # fn example(ipvs: lb_ipvs::IpvsHandle) -> Result<(), lb_ipvs::Error> {
    /// ipvs.set_sysctl(&Sysctl::ExpireNodestConn, &SysctlValue::Flag(true))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_sysctl(&self, sysctl: &Sysctl, value: &SysctlValue) -> Result<(), Error> {
        Ok(self.inside(|| sysctl.write(value))??)
    }

    /// Runs `work` in the namespace of the handle.
    fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        match &self.namespace {
            Some(namespace) => Ok(namespace.run(work)?),
            None => Ok(work()),
        }
    }

    /// Opens a file below `/proc/net`, which stays with the namespace it was opened in.
    fn open_file(&self, file: &'static str) -> Result<File, Error> {
        let open = || File::open(Path::new(PROC_NET).join(file));
        self.inside(open)?
            .map_err(|source| Error::Procfs { file, source })
    }

    fn read_file(&self, file: &'static str, text: &mut Vec<u8>) -> Result<(), Error> {
        text.clear();
        text.reserve(BUFFER);
        self.open_file(file)?
            .read_to_end(text)
            .map(drop)
            .map_err(|source| Error::Procfs { file, source })
    }

    fn open_connections(&self, file: &'static str) -> Result<Connections<BufReader<File>>, Error> {
        let file = self.open_file(file)?;
        Ok(Connections::new(BufReader::with_capacity(BUFFER, file)))
    }
}
