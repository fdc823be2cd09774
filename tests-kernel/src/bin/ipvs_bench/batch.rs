// SPDX-License-Identifier: MIT OR Apache-2.0
//! The floor: requests are bytes in a file, and all that is done is send them and look at the
//! answers. What a restore takes beyond this is reading the rules and making the requests.

use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recvmsg, sendmsg,
    setsockopt, socket, sockopt,
};

use super::Outcome;
use super::rules::{Rule, rules};

/// Requests of one send. A table that is empty gives no errors, so the receive buffer is no limit.
const BATCH: usize = 1000;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLMSG_ERROR: u16 = 2;
const GENL_ID_CTRL: u16 = 16;
const NESTED: u16 = 0x8000;

/// Writes the requests that make a table, a batch after the other, each behind its length.
pub(crate) fn prepare(services: u32, file: &Path) -> Outcome {
    let family = family()?;
    let mut requests: Vec<Vec<u8>> = Vec::new();
    for rule in rules(services) {
        let key = key(&rule);
        let service = [
            key.clone(),
            attribute(6, b"wrr\0"),
            attribute(7, &[0_u32.to_ne_bytes(), u32::MAX.to_ne_bytes()].concat()),
            attribute(8, &0_u32.to_ne_bytes()),
            attribute(9, &[255; 4]),
        ]
        .concat();
        requests.push(message(family, 1, &attribute(1 | NESTED, &service)));
        for destination in &rule.destinations {
            let destination = [
                address(1, *destination),
                attribute(2, &Rule::port().to_be_bytes()),
                attribute(3, &0_u32.to_ne_bytes()),
                attribute(4, &1_u32.to_ne_bytes()),
                attribute(5, &0_u32.to_ne_bytes()),
                attribute(6, &0_u32.to_ne_bytes()),
                attribute(11, &2_u16.to_ne_bytes()),
            ]
            .concat();
            let attributes = [
                attribute(1 | NESTED, &key),
                attribute(2 | NESTED, &destination),
            ];
            requests.push(message(family, 5, &attributes.concat()));
        }
    }
    let mut bytes = Vec::new();
    for batch in requests.chunks_mut(BATCH) {
        if let Some(last) = batch.last_mut() {
            ask_for_acknowledgement(last);
        }
        let batch = batch.concat();
        bytes.extend(u32::try_from(batch.len())?.to_ne_bytes());
        bytes.extend(batch);
    }
    fs::write(file, bytes)?;
    Ok(())
}

/// Sends what is in the file; the first error ends it.
pub(crate) fn send(file: &Path) -> Outcome {
    let bytes = fs::read(file)?;
    let mut rest = bytes.as_slice();
    let socket = open()?;
    let mut answer = vec![0; 1 << 16];
    while let Some((length, more)) = rest.split_first_chunk() {
        let length = usize::try_from(u32::from_ne_bytes(*length))?;
        let (batch, more) = more.split_at_checked(length).ok_or("file cut short")?;
        exchange(&socket, batch, &mut answer)?;
        let errno = answer.get(16..20).ok_or("short answer")?.try_into()?;
        match i32::from_ne_bytes(errno) {
            0 => rest = more,
            errno => return Err(format!("errno {errno}").into()),
        }
    }
    Ok(())
}

fn open() -> Outcome<OwnedFd> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkGeneric,
    )?;
    setsockopt(&socket, sockopt::SndBuf, &(1 << 20))?;
    Ok(socket)
}

/// Sends, and receives one datagram; its length.
fn exchange(socket: &OwnedFd, bytes: &[u8], answer: &mut [u8]) -> Outcome<usize> {
    let kernel = NetlinkAddr::new(0, 0);
    let fd = socket.as_raw_fd();
    let flags = MsgFlags::empty();
    sendmsg(fd, &[IoSlice::new(bytes)], &[], flags, Some(&kernel))?;
    let mut buffers = [IoSliceMut::new(answer)];
    Ok(recvmsg::<NetlinkAddr>(fd, &mut buffers, None, flags)?.bytes)
}

/// The number of the family, by `CTRL_CMD_GETFAMILY`.
fn family() -> Outcome<u16> {
    let socket = open()?;
    let mut answer = vec![0; 1 << 16];
    let request = message(GENL_ID_CTRL, 3, &attribute(2, b"IPVS\0"));
    let length = exchange(&socket, &request, &mut answer)?;
    let answer = answer.get(..length).unwrap_or_default();
    let kind = answer.get(4..6).unwrap_or_default();
    if kind == NLMSG_ERROR.to_ne_bytes() {
        return Err("no family IPVS".into());
    }
    let mut rest = answer.get(20..).unwrap_or_default();
    while let [low, high, kind_low, kind_high, ..] = *rest {
        let length = usize::from(u16::from_ne_bytes([low, high])).max(4);
        if u16::from_ne_bytes([kind_low, kind_high]) == 1 {
            let value = rest.get(4..6).ok_or("short family")?.try_into()?;
            return Ok(u16::from_ne_bytes(value));
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Err("no number of the family".into())
}

fn key(rule: &Rule) -> Vec<u8> {
    [
        attribute(1, &2_u16.to_ne_bytes()),
        attribute(2, &6_u16.to_ne_bytes()),
        address(3, rule.service),
        attribute(4, &Rule::port().to_be_bytes()),
    ]
    .concat()
}

fn address(kind: u16, address: Ipv4Addr) -> Vec<u8> {
    let mut bytes = [0; 16];
    if let Some(start) = bytes.first_chunk_mut() {
        *start = address.octets();
    }
    attribute(kind, &bytes)
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(family: u16, command: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(20 + attributes.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(family.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([command, 1, 0, 0]);
    bytes.extend(attributes);
    bytes
}

fn ask_for_acknowledgement(message: &mut [u8]) {
    if let Some(flags) = message.get_mut(6..8) {
        flags.copy_from_slice(&(NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    }
}
