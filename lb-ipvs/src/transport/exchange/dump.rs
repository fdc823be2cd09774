// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists, which the kernel sends in parts.
//!
//! Between two parts the kernel remembers a number: how many entries it has sent. The next part begins
//! after as many entries of the list as it is then. So an entry is left out when one before it was deleted
//! meanwhile, and sent twice when one before it was added. Since Linux 7.2 the table of services is resized
//! while it is in use, which changes the order of all entries and does both to many of them. The kernel
//! sets `NLM_F_DUMP_INTR` for none of this (`ip_vs_genl_dump_services`, `ip_vs_genl_dump_dests`).

use std::collections::BTreeSet;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage};
use netlink_packet_generic::GenlMessage;
use tokio::time::sleep;

use super::{About, DUMP_ATTEMPTS, DUMP_PAUSE, Transport, can_be_asked_again};
use crate::transport::datagrams::SLOT;
use crate::{
    error::{DecodeError, Error},
    operation::{Operation, Subject},
    wire::IpvsMessage,
};

/// Free room at the end of a part that proves that the list ended there: twice the largest entry.
const FREE_ROOM: usize = 2 << 10;

/// How often a list in several parts is read at most.
const READINGS: u32 = 16;
/// How many consecutive readings must have nothing new while a list is changing.
const CALM_READINGS: u32 = 4;

/// What a list consists of.
pub(crate) struct List<T> {
    /// The entries, each once.
    pub(crate) items: Vec<T>,
    /// Entries that an earlier reading had and the last one had not: each was deleted meanwhile or left out.
    pub(crate) doubtful: Vec<T>,
}

/// The result of one reading of a list.
struct Reading<T> {
    items: Vec<T>,
    /// Whether it came in one part, so that no entry can be missing from it or be there twice.
    in_one_part: bool,
}

/// The parts in which a list came.
#[derive(Default)]
pub(super) struct Parts {
    count: usize,
    /// Bytes of the last one.
    last: usize,
}

impl Parts {
    pub(super) const fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.last = bytes;
    }

    /// Whether nothing came after the first part, not even what an entry that was deleted meanwhile hid. The
    /// kernel makes parts of the size of our buffer; only where it lacks the memory they are smaller.
    const fn is_one(&self) -> bool {
        self.count == 0 || (self.count == 1 && self.last <= SLOT - FREE_ROOM)
    }
}

impl Transport {
    /// Sends one request with `NLM_F_DUMP`, and returns the list of what `read` makes of the
    /// attributes of each reply.
    ///
    /// A list that came in several parts is read twice. Where the two readings differ, by `key`, or an entry
    /// came twice, the table is changing, and it is read until several consecutive readings have nothing
    /// new and nothing twice: where the table was resized and nothing else, as many entries are missing as
    /// are there twice. One reading that nothing disturbs is enough for a list without gaps. Without one, as
    /// when a program adds and deletes services without a pause, the same entries can be missing from all.
    pub(crate) async fn dump<T, K: Ord>(
        &mut self,
        operation: Operation,
        subject: Subject,
        message: IpvsMessage,
        read: impl Fn(&[u8], &mut Vec<T>) -> Result<(), DecodeError>,
        key: impl Fn(&T) -> K,
    ) -> Result<List<T>, Error> {
        let about = About { operation, subject };
        let mut message = self.dump_request(message);
        let mut earlier: Vec<T> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut is_changing = false;
        let mut nothing_new = 0;
        let mut number = 1;
        loop {
            let reading = self.read_list(about, &mut message, &read).await?;
            let mut items = reading.items;
            if reading.in_one_part {
                return Ok(List {
                    items,
                    doubtful: Vec::new(),
                });
            }
            let length = items.len();
            let mut keys = BTreeSet::new();
            items.retain(|item| keys.insert(key(item)));
            let is_repeated = items.len() < length;
            is_changing |= is_repeated || (number > 1 && keys != seen);
            let is_calm = !is_repeated && keys.is_subset(&seen);
            nothing_new = if is_calm { nothing_new + 1 } else { 0 };
            let enough = if is_changing { CALM_READINGS } else { 1 };
            if nothing_new == enough || number == READINGS {
                // Of an entry that several readings had, the latest is kept.
                let mut doubtful: Vec<T> = earlier.into_iter().rev().collect();
                doubtful.retain(|item| keys.insert(key(item)));
                return Ok(List { items, doubtful });
            }
            if is_changing {
                tracing::debug!(%operation, number, "list changed while it was read");
                sleep(DUMP_PAUSE).await;
            }
            earlier.extend(items);
            seen.extend(keys);
            number += 1;
        }
    }

    /// As [`Transport::dump`], read once: an entry may be missing or be there twice when the list changed
    /// meanwhile.
    pub(crate) async fn dump_once<T>(
        &mut self,
        operation: Operation,
        subject: Subject,
        message: IpvsMessage,
        read: impl Fn(&[u8], &mut Vec<T>) -> Result<(), DecodeError>,
    ) -> Result<Vec<T>, Error> {
        let about = About { operation, subject };
        let mut message = self.dump_request(message);
        let reading = self.read_list(about, &mut message, &read).await?;
        Ok(reading.items)
    }

    fn dump_request(&self, message: IpvsMessage) -> NetlinkMessage<GenlMessage<IpvsMessage>> {
        let mut message = GenlMessage::from_payload(message);
        message.set_resolved_family_id(self.family);
        let mut message = NetlinkMessage::new(NetlinkHeader::default(), message.into());
        message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        message
    }

    /// Reads a list. It is read again when the kernel reports that the list changed meanwhile, was busy, or
    /// dropped a part of it; a bounded number of times.
    async fn read_list<T>(
        &mut self,
        about: About,
        message: &mut NetlinkMessage<GenlMessage<IpvsMessage>>,
        read: &impl Fn(&[u8], &mut Vec<T>) -> Result<(), DecodeError>,
    ) -> Result<Reading<T>, Error> {
        let operation = about.operation;
        let mut items = Vec::new();
        let mut attempt = 1;
        loop {
            items.clear();
            let mut bytes = Vec::new();
            let sequence = self.append(message, &mut bytes);
            self.send(about, bytes, false).await?;
            let outcome = self
                .collect(about, sequence, |_, attributes| {
                    read(attributes, &mut items)
                })
                .await;
            let error = match outcome {
                Ok(collected) if !collected.interrupted => {
                    return Ok(Reading {
                        items,
                        in_one_part: collected.parts.is_one(),
                    });
                }
                Ok(_) => Error::Interrupted {
                    operation,
                    attempts: DUMP_ATTEMPTS,
                },
                Err(error) if can_be_asked_again(&error) => error,
                Err(error) => return Err(error),
            };
            if attempt == DUMP_ATTEMPTS {
                return Err(error);
            }
            tracing::debug!(%operation, attempt, %error, "list is read again");
            if !matches!(error, Error::Interrupted { .. }) {
                sleep(DUMP_PAUSE * attempt).await;
                // Whatever dump this socket is in the middle of ends by being read.
                self.unsettled = true;
            }
            attempt += 1;
        }
    }
}
