// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of kernel modules' objects: schedulers and persistence engines.

use std::{fmt, str::FromStr};

/// Why a string cannot be the name of a scheduler or of a persistence engine.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The kernel looks up names of at least one byte.
    #[error("the name is empty")]
    Empty,
    /// The name does not fit the kernel's buffer.
    #[error("the name has {length} bytes, at most {limit} are possible")]
    TooLong {
        /// Bytes of the name.
        length: usize,
        /// The most bytes the kernel accepts, without the terminating NUL.
        limit: usize,
    },
    /// The name contains a NUL byte, which ends a string in the kernel.
    #[error("the name contains a NUL byte")]
    Nul,
}

fn check(name: &str, limit: usize) -> Result<(), NameError> {
    if name.is_empty() {
        Err(NameError::Empty)
    } else if name.len() > limit {
        Err(NameError::TooLong {
            length: name.len(),
            limit,
        })
    } else if name.contains('\0') {
        Err(NameError::Nul)
    } else {
        Ok(())
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $limit:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// The most bytes a name can have, without the terminating NUL.
            pub const MAX_LEN: usize = $limit;

            /// Checks and keeps a name.
            ///
            /// # Errors
            /// When the name is empty, has more than [`Self::MAX_LEN`] bytes or contains a NUL byte.
            pub fn new(name: &str) -> Result<Self, NameError> {
                check(name, Self::MAX_LEN)?;
                Ok(Self(name.into()))
            }

            /// The name as the kernel knows it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// What the kernel reported, which is kept whatever it is.
            #[cfg(feature = "netlink")]
            pub(crate) fn reported(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }
    };
}

name_type! {
    /// The name of a scheduler this crate has no variant for (`IP_VS_SCHEDNAME_MAXLEN`, 15 bytes).
    ///
    /// ```
    /// use lb_ipvs::SchedulerName;
    /// assert_eq!(SchedulerName::new("maglev2")?.as_str(), "maglev2");
    /// assert!(SchedulerName::new("longer-than-fifteen").is_err());
    /// # Ok::<(), lb_ipvs::NameError>(())
    /// ```
    SchedulerName, 15
}

name_type! {
    /// The name of a persistence engine, such as `sip` (`IP_VS_PENAME_MAXLEN`, 16 bytes).
    ///
    /// Equivalent to the argument of `ipvsadm --pe`.
    EngineName, 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(SchedulerName::new(""), Err(NameError::Empty));
        assert_eq!(SchedulerName::new("a\0b"), Err(NameError::Nul));
        assert!(SchedulerName::new("123456789012345").is_ok());
        assert_eq!(
            SchedulerName::new("1234567890123456"),
            Err(NameError::TooLong {
                length: 16,
                limit: 15
            })
        );
        assert!(EngineName::new("1234567890123456").is_ok());
    }
}
