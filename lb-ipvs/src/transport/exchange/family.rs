// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding the family `IPVS`, and the module behind it.

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NlasIterator, parse_u16,
};
use netlink_packet_generic::{
    GenlFamily, GenlHeader, GenlMessage,
    constants::CTRL_ATTR_FAMILY_ID,
    ctrl::{GenlCtrl, GenlCtrlCmd, nlas::GenlCtrlAttrs},
};
use nix::libc;

use super::{Transport, kernel_error};
use crate::{
    error::{DecodeError, Error},
    modprobe::{self, ModuleAttempt},
    operation::{Operation, Subject},
    wire::IpvsMessage,
};

/// The module behind the family.
const MODULE: &str = "ip_vs";

/// The number of the family in this kernel. Tries to load the module, once, if there is none.
pub(super) async fn find(transport: &mut Transport) -> Result<u16, Error> {
    if let Some(family) = resolve(transport).await? {
        return Ok(family);
    }
    let program = match modprobe::load(MODULE).await {
        Ok(program) => program,
        Err(attempt) => return Err(Error::ModuleNotLoaded { attempt }),
    };
    let useless = || Error::ModuleNotLoaded {
        attempt: ModuleAttempt::Useless {
            module: MODULE,
            program,
        },
    };
    resolve(transport).await?.ok_or_else(useless)
}

/// The number of the family, if it exists.
///
/// Reads only the number and skips everything else, whatever newer kernels add to the reply.
pub(in crate::transport) async fn resolve(transport: &mut Transport) -> Result<Option<u16>, Error> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK;
    let request = GenlMessage::from_payload(GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(
            IpvsMessage::family_name().to_owned(),
        )],
    });
    let mut bytes = Vec::new();
    let mut request = NetlinkMessage::new(header, request.into());
    transport.append(&mut request, &mut bytes);
    let operation = Operation::ResolveFamily;
    let mut family = None;
    let outcome = transport
        .foreign(operation, bytes, |payload| {
            family = family_id(payload)
                .map_err(DecodeError::malformed)?
                .or(family);
            Ok(())
        })
        .await?;
    match outcome {
        Ok(()) => {
            let missing = DecodeError::Missing {
                attribute: "CTRL_ATTR_FAMILY_ID",
            };
            family.map(Some).ok_or(Error::Decode {
                operation,
                source: missing,
            })
        }
        Err(libc::ENOENT) => Ok(None),
        Err(errno) => Err(kernel_error(operation, Subject::Table, errno, None)),
    }
}

/// The number of the family in a reply of the controller.
fn family_id(payload: &[u8]) -> Result<Option<u16>, netlink_packet_core::DecodeError> {
    let header = GenlHeader::parse(payload)?;
    let mut family = None;
    for attribute in NlasIterator::new(payload.get(header.buffer_len()..).unwrap_or(&[])) {
        let attribute = attribute?;
        if attribute.kind() == CTRL_ATTR_FAMILY_ID {
            family = Some(parse_u16(attribute.value())?);
        }
    }
    Ok(family)
}
