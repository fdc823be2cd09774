// SPDX-License-Identifier: MIT OR Apache-2.0
//! Flags of a service.

bitflags::bitflags! {
    /// Flags of a service (`IP_VS_SVC_F_*`).
    ///
    /// Two bits of the kernel are not here: `PERSISTENT` is
    /// [`Service::persistence`](crate::Service::persistence), and `HASHED` is the kernel's own
    /// book-keeping. Bits without a name are kept as the kernel reported them.
    ///
    /// The scheduler flags mean something to the schedulers `sh` and `mh` only: fallback to the
    /// next destination ([`Self::SCHED_1`]) and the source port in the hash ([`Self::SCHED_2`]).
    ///
    /// Equivalent to `ipvsadm -o` and `ipvsadm -b`.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
    pub struct ServiceFlags: u32 {
        /// Every packet is scheduled on its own (`IP_VS_SVC_F_ONEPACKET`); for UDP.
        const ONE_PACKET = 0x0004;
        /// First scheduler flag (`IP_VS_SVC_F_SCHED1`): `sh-fallback`, `mh-fallback`, `flag-1`.
        const SCHED_1 = 0x0008;
        /// Second scheduler flag (`IP_VS_SVC_F_SCHED2`): `sh-port`, `mh-port`, `flag-2`.
        const SCHED_2 = 0x0010;
        /// Third scheduler flag (`IP_VS_SVC_F_SCHED3`): `flag-3`.
        const SCHED_3 = 0x0020;

        const _ = !0;
    }
}

/// `IP_VS_SVC_F_PERSISTENT`
pub(crate) const PERSISTENT: u32 = 0x0001;
/// `IP_VS_SVC_F_HASHED`
pub(crate) const HASHED: u32 = 0x0002;

impl ServiceFlags {
    /// The flags in the bits that the kernel reports: all but `IP_VS_SVC_F_PERSISTENT`, which
    /// [`Service::persistence`](crate::Service::persistence) stands for, and `IP_VS_SVC_F_HASHED`, which the kernel sets.
    #[must_use]
    pub const fn from_kernel(bits: u32) -> Self {
        Self::from_bits_retain(bits & !(PERSISTENT | HASHED))
    }
}
