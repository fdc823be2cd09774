// SPDX-License-Identifier: MIT OR Apache-2.0
//! The settings below `/proc/sys/net/ipv4/vs`, which each network namespace has for itself.
//!
//! Every user may read them; root of the namespace may write most of them.
//!
//! # Examples
//! ```no_run
//! use lb_ipvs::sysctl::{Sysctl, SysctlValue, Sysctls};
//!
//! for (sysctl, value) in Sysctls::read()?.iter() {
//!     println!("{sysctl} = {value}");
//! }
//! // Equivalent to `sysctl net.ipv4.vs.expire_nodest_conn=1`.
//! Sysctl::ExpireNodestConn.write(&SysctlValue::Flag(true))?;
//! # Ok::<(), lb_ipvs::sysctl::SysctlError>(())
//! ```

mod error;
mod name;
mod value;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

pub use error::SysctlError;
pub use name::{Sysctl, SysctlKind, SysctlName, SysctlNameError};
pub use value::{SyncThreshold, SysctlValue, SysctlValueError};

/// Where they are, for the network namespace of the calling thread.
const DIRECTORY: &str = "/proc/sys/net/ipv4/vs";
/// More than the longest value has.
const VALUE_LEN: u64 = 64 << 10;

/// All settings of a network namespace at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sysctls {
    values: BTreeMap<Sysctl, SysctlValue>,
}

impl Sysctls {
    /// Reads all settings of the calling thread's network namespace, unknown ones included.
    ///
    /// Those that only root may read are left out for others.
    ///
    /// Equivalent to `sysctl net.ipv4.vs`; ipvsadm has no command for it.
    ///
    /// # Errors
    /// [`SysctlError::Directory`] when the kernel has no IPVS, [`SysctlError::Read`] when a setting
    /// that exists cannot be read.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::sysctl::{Sysctl, SysctlValue, Sysctls};
    /// let sysctls = Sysctls::read()?;
    /// assert_eq!(sysctls.get(&Sysctl::Conntrack), Some(&SysctlValue::Flag(false)));
    /// # Ok::<(), lb_ipvs::sysctl::SysctlError>(())
    /// ```
    pub fn read() -> Result<Self, SysctlError> {
        Self::read_below(Path::new(DIRECTORY))
    }

    fn read_below(directory: &Path) -> Result<Self, SysctlError> {
        let listed = |source| SysctlError::Directory {
            path: directory.to_owned(),
            source,
        };
        let mut values = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(listed)? {
            let name = entry.map_err(listed)?.file_name();
            let Some(sysctl) = name.to_str().and_then(|name| name.parse::<Sysctl>().ok()) else {
                continue;
            };
            match sysctl.read_below(directory) {
                Ok(value) => {
                    values.insert(sysctl, value);
                }
                Err(SysctlError::Read { source, .. })
                    if matches!(
                        source.kind(),
                        io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { values })
    }

    /// One of them, if this kernel has it.
    #[must_use]
    pub fn get(&self, sysctl: &Sysctl) -> Option<&SysctlValue> {
        self.values.get(sysctl)
    }

    /// All of them, those known to this crate first, in the order of [`Sysctl::known`].
    pub fn iter(&self) -> impl Iterator<Item = (&Sysctl, &SysctlValue)> {
        self.values.iter()
    }

    /// Those that differ from what a kernel has after boot.
    ///
    /// ```no_run
    /// use lb_ipvs::sysctl::Sysctls;
    /// for (sysctl, value) in Sysctls::read()?.changed() {
    ///     println!("{sysctl} = {value}: {}", sysctl.description());
    /// }
    /// # Ok::<(), lb_ipvs::sysctl::SysctlError>(())
    /// ```
    pub fn changed(&self) -> impl Iterator<Item = (&Sysctl, &SysctlValue)> {
        self.iter().filter(|(sysctl, value)| {
            sysctl
                .default_value()
                .is_some_and(|default| default != **value)
        })
    }
}

impl Sysctl {
    /// Reads the setting of the calling thread's network namespace.
    ///
    /// Equivalent to `sysctl net.ipv4.vs.NAME`; ipvsadm has no command for it.
    ///
    /// # Errors
    /// [`SysctlError::Read`], with `ENOENT` when this kernel does not have the setting.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::sysctl::Sysctl;
    /// println!("{}", Sysctl::SyncThreshold.read()?);
    /// # Ok::<(), lb_ipvs::sysctl::SysctlError>(())
    /// ```
    pub fn read(&self) -> Result<SysctlValue, SysctlError> {
        self.read_below(Path::new(DIRECTORY))
    }

    /// Sets it in the calling thread's network namespace.
    ///
    /// Equivalent to `sysctl net.ipv4.vs.NAME=VALUE`; ipvsadm has no command for it.
    ///
    /// # Errors
    /// [`SysctlError::Write`] with the kernel's errno: `EINVAL` for what it does not take, `EACCES`
    /// or `EPERM` without the right, `ENOENT` when it does not have the setting.
    /// [`SysctlError::Kind`] when the value is of another kind than the setting; nothing was written.
    ///
    /// # Examples
    /// ```no_run
    /// use lb_ipvs::sysctl::{SyncThreshold, Sysctl, SysctlValue};
    /// let every_tenth = SyncThreshold { threshold: 3, period: 10 };
    /// Sysctl::SyncThreshold.write(&SysctlValue::SyncThreshold(every_tenth))?;
    /// # Ok::<(), lb_ipvs::sysctl::SysctlError>(())
    /// ```
    pub fn write(&self, value: &SysctlValue) -> Result<(), SysctlError> {
        self.write_below(Path::new(DIRECTORY), value)
    }

    fn path(&self, directory: &Path) -> PathBuf {
        directory.join(self.name())
    }

    fn read_below(&self, directory: &Path) -> Result<SysctlValue, SysctlError> {
        let mut bytes = Vec::new();
        fs::File::open(self.path(directory))
            .and_then(|file| file.take(VALUE_LEN).read_to_end(&mut bytes))
            .map_err(|source| SysctlError::Read {
                sysctl: self.clone(),
                source,
            })?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(SysctlValue::reported(self.kind(), text.trim_end()))
    }

    fn write_below(&self, directory: &Path, value: &SysctlValue) -> Result<(), SysctlError> {
        if !value.suits(self.kind()) {
            return Err(SysctlError::Kind {
                sysctl: self.clone(),
                value: value.clone(),
            });
        }
        // The kernel wants the whole value in one write.
        OpenOptions::new()
            .write(true)
            .open(self.path(directory))
            .and_then(|mut file| file.write_all(value.to_string().as_bytes()))
            .map_err(|source| SysctlError::Write {
                sysctl: self.clone(),
                value: value.clone(),
                source,
            })
    }
}

#[cfg(test)]
mod tests;
