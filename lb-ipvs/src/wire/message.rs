// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of the family: a command and its top-level attributes (`IPVS_CMD_ATTR_*`).

use netlink_packet_core::{DecodeError, Emitable, ErrorContext, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};

use super::{
    codec::{Codec, HostU32, Nested, attributes, parse_all},
    command::Command,
    constants::*,
    daemon::DaemonAttribute,
    destination::DestinationAttribute,
    service::ServiceAttribute,
};

attributes! {
    /// A top-level attribute of a message (`IPVS_CMD_ATTR_*`).
    pub enum IpvsAttribute {
        /// A service.
        Service(Vec<ServiceAttribute>) = IPVS_CMD_ATTR_SERVICE as Nested<ServiceAttribute>,
        /// A destination.
        Destination(Vec<DestinationAttribute>)
            = IPVS_CMD_ATTR_DEST as Nested<DestinationAttribute>,
        /// A sync daemon.
        Daemon(Vec<DaemonAttribute>) = IPVS_CMD_ATTR_DAEMON as Nested<DaemonAttribute>,
        /// Seconds until an idle TCP connection is forgotten.
        TimeoutTcp(u32) = IPVS_CMD_ATTR_TIMEOUT_TCP as HostU32,
        /// Seconds until a TCP connection is forgotten after a FIN.
        TimeoutTcpFin(u32) = IPVS_CMD_ATTR_TIMEOUT_TCP_FIN as HostU32,
        /// Seconds until an idle UDP flow is forgotten.
        TimeoutUdp(u32) = IPVS_CMD_ATTR_TIMEOUT_UDP as HostU32,
    }
}

attributes! {
    /// A top-level attribute of [`Command::SetInfo`] (`IPVS_INFO_ATTR_*`), whose numbers overlap
    /// with those of [`IpvsAttribute`].
    pub enum InfoAttribute {
        /// Version of IPVS, `0x010201` for 1.2.1.
        Version(u32) = IPVS_INFO_ATTR_VERSION as HostU32,
        /// Buckets of the connection table.
        ConnectionTableSize(u32) = IPVS_INFO_ATTR_CONN_TAB_SIZE as HostU32,
    }
}

/// A message of the family.
///
/// ```
/// use lb_ipvs::wire::{Command, IpvsMessage};
///
/// let message = IpvsMessage::new(Command::GetInfo, Vec::new());
/// let bytes = message.to_bytes();
/// assert_eq!(bytes, [15, 1, 0, 0]);
/// assert_eq!(IpvsMessage::from_bytes(&bytes)?, message);
/// # Ok::<(), lb_ipvs::DecodeError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IpvsMessage {
    /// The kernel's reply to [`Command::GetInfo`].
    Info(Vec<InfoAttribute>),
    /// Any other message.
    Common {
        /// The request, or the kind of the reply.
        command: Command,
        /// Its attributes.
        attributes: Vec<IpvsAttribute>,
    },
}

impl IpvsMessage {
    /// A message other than [`IpvsMessage::Info`].
    #[must_use]
    pub const fn new(command: Command, attributes: Vec<IpvsAttribute>) -> Self {
        Self::Common {
            command,
            attributes,
        }
    }

    /// Reads a message: the generic netlink header and the attributes behind it.
    ///
    /// # Errors
    /// When the header or an attribute is too short, or the value of an attribute has another length than its type.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, crate::DecodeError> {
        GenlHeader::parse(bytes)
            .and_then(|header| {
                let attributes = bytes.get(header.buffer_len()..).unwrap_or_default();
                Self::parse_with_param(attributes, header)
            })
            .map_err(crate::DecodeError::malformed)
    }

    /// Writes the message: the generic netlink header and the attributes behind it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let message = GenlMessage::from_payload(self.clone());
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    /// The command, [`Command::SetInfo`] for [`IpvsMessage::Info`].
    #[must_use]
    pub const fn command(&self) -> Command {
        match self {
            Self::Info(_) => Command::SetInfo,
            Self::Common { command, .. } => *command,
        }
    }
}

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        IPVS_GENL_NAME
    }

    fn command(&self) -> u8 {
        Self::command(self).into()
    }

    fn version(&self) -> u8 {
        IPVS_GENL_VERSION
    }
}

impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        match self {
            Self::Info(attributes) => attributes.as_slice().buffer_len(),
            Self::Common { attributes, .. } => attributes.as_slice().buffer_len(),
        }
    }

    fn emit(&self, buffer: &mut [u8]) {
        match self {
            Self::Info(attributes) => attributes.as_slice().emit(buffer),
            Self::Common { attributes, .. } => attributes.as_slice().emit(buffer),
        }
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(buffer: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        match Command::from(header.cmd) {
            Command::SetInfo => parse_all(buffer).map(Self::Info),
            command => parse_all(buffer).map(|attributes| Self::new(command, attributes)),
        }
    }
}
