// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drops packets to addresses, over nf_tables.
//!
//! A table of this program has sets of addresses, and rules that drop packets to and from them. It is
//! made with the first address and deleted with the last one, each by one batch that takes effect as a
//! whole. Processes of this program in one network namespace share a table: its comment is the mark.

mod element;
mod error;
mod layout;
mod mark;
mod plan;
mod rule;
mod socket;
mod wire;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use netlink_packet_netfilter::NetfilterProtoFamily;
use netlink_packet_netfilter::nftables::{
    GenAttribute, GenMessage, NfTablesMessage, SetElementList, SetElementMessage, TableAttribute,
    TableMessage,
};
use nix::libc;

use self::element::{ADDRESSES, Element, LINK_LOCAL};
use self::error::FilterError;
use self::plan::{Found, Held, Removal};
use self::socket::Socket;
use self::wire::{Ending, Request};
use crate::family::AddressFamily;
use crate::filter::FilterTable;
use crate::object::Shield;
use crate::reconcile::Applied;
use crate::stale::StaleObject;

/// Attempts to change a rule set that other programs change meanwhile.
const ATTEMPTS: u32 = 8;
/// Shields that one batch adds or removes: the buffer of a socket has room for their elements.
const GROUP: usize = 512;
/// `ERESTART` of the kernel: the rule set has changed since its generation was read.
const ERESTART: i32 = 85;
/// The release of the kernel.
const RELEASE: &str = "/proc/sys/kernel/osrelease";
/// The table of a check, which the kernel never makes.
const CHECKED: &str = "lb_check";

/// Checks whether the kernel can drop packets to addresses of a family, and changes nothing.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`] if the kernel has no nf_tables for the family, or what else it
/// refuses.
pub async fn check(family: AddressFamily) -> io::Result<()> {
    let table = FilterTable::new(CHECKED);
    let release = std::fs::read_to_string(RELEASE).unwrap_or_default();
    let release = release.trim_end();
    if !mark::is_kept_by(release) {
        let release = release.to_owned();
        return Err(FilterError::Unmarked { release }.into());
    }
    let failed = |source| io::Error::from(FilterError::new(family, source));
    let mut socket = Socket::open().map_err(failed)?;
    let requests = layout::table(&table, family, "");
    let checked = socket.batch(None, requests, Ending::Check).await;
    checked.map_err(failed)
}

/// Changes the packet filter of a network namespace.
pub(crate) struct Filter {
    socket: Option<Socket>,
    mark: &'static str,
    held: Held,
}

impl Filter {
    /// A filter whose tables carry this mark. The socket is opened with the first change, in the network
    /// namespace of the calling thread at that time.
    pub(crate) fn new(mark: &'static str) -> Self {
        Self {
            socket: None,
            mark,
            held: Held::default(),
        }
    }

    /// Has packets to these addresses dropped; returns a result for each.
    pub(crate) async fn add(&mut self, shields: &[&Shield]) -> Vec<io::Result<Applied>> {
        let results = self.change(shields, true).await;
        for (shield, result) in shields.iter().zip(&results) {
            if result.is_ok() {
                self.held.insert(shield);
            }
        }
        results
    }

    /// Has packets to these addresses accepted again; returns a result for each.
    pub(crate) async fn remove(&mut self, shields: &[&Shield]) -> Vec<io::Result<Applied>> {
        let results = self.change(shields, false).await;
        for (shield, result) in shields.iter().zip(&results) {
            if result.is_ok() {
                self.held.remove(shield);
            }
        }
        results
    }

    /// Changes the tables of all shields, neighbours of one table and family at once.
    async fn change(&mut self, shields: &[&Shield], is_add: bool) -> Vec<io::Result<Applied>> {
        let mut results = Vec::with_capacity(shields.len());
        let of_one_table =
            |one: &&Shield, next: &&Shield| one.table == next.table && family(one) == family(next);
        for group in shields.chunk_by(of_one_table) {
            for group in group.chunks(GROUP) {
                let Some(first) = group.first() else {
                    continue;
                };
                let (table, family) = (Arc::clone(&first.table), family(first));
                let result = self.change_table(&table, family, group, is_add).await;
                results.extend(group.iter().map(|_| Ok(result.clone()?)));
            }
        }
        results
    }

    async fn change_table(
        &mut self,
        table: &FilterTable,
        family: AddressFamily,
        shields: &[&Shield],
        is_add: bool,
    ) -> Result<Applied, FilterError> {
        let failed = |source| FilterError::new(family, source);
        for _ in 0..ATTEMPTS {
            let socket = self.open().map_err(failed)?;
            let generation = generation(socket).await.map_err(failed)?;
            let found = self.find(&table.name, family).await.map_err(failed)?;
            let requests = if is_add {
                self.addition(table, family, shields, found)?
            } else {
                let removal = self.removal(table, family, shields, found).await;
                removal.map_err(failed)?
            };
            if requests.is_empty() {
                return Ok(Applied::Removed);
            }
            let socket = self.open().map_err(failed)?;
            match socket.batch(generation, requests, Ending::Commit).await {
                Ok(()) if is_add => return Ok(Applied::Created),
                Ok(()) => return Ok(Applied::Removed),
                Err(error) if error.raw_os_error() == Some(ERESTART) => {}
                Err(error) => {
                    // Answers that are still to come are those of an earlier exchange.
                    self.socket = None;
                    return Err(failed(error));
                }
            }
        }
        Err(FilterError::Busy { attempts: ATTEMPTS })
    }

    fn open(&mut self) -> io::Result<&mut Socket> {
        match &mut self.socket {
            Some(socket) => Ok(socket),
            none => Ok(none.insert(Socket::open()?)),
        }
    }

    fn addition(
        &self,
        table: &FilterTable,
        family: AddressFamily,
        shields: &[&Shield],
        found: Found,
    ) -> Result<Vec<Request>, FilterError> {
        let mut requests = match found {
            Found::External => {
                let name = table.name.clone();
                return Err(FilterError::External { family, name });
            }
            Found::Own => Vec::new(),
            Found::Absent => layout::table(table, family, self.mark),
        };
        let added: BTreeSet<Element> = shields
            .iter()
            .map(|shield| Element::new(shield.key()))
            .collect();
        let added: Vec<Element> = added.into_iter().collect();
        requests.extend(layout::add(&table.name, family, &added));
        Ok(requests)
    }

    async fn removal(
        &mut self,
        table: &FilterTable,
        family: AddressFamily,
        shields: &[&Shield],
        found: Found,
    ) -> io::Result<Vec<Request>> {
        if found != Found::Own {
            return Ok(Vec::new());
        }
        let released = self.held.released(&table.name, shields);
        let present = elements(self.open()?, &table.name, family).await?;
        Ok(match plan::removal(&present, &released) {
            Removal::Nothing => Vec::new(),
            Removal::Elements(removed) => layout::remove(&table.name, family, &removed),
            Removal::Table => vec![deletion(&table.name, family)],
        })
    }

    /// Looks for a table.
    async fn find(&mut self, name: &str, family: AddressFamily) -> io::Result<Found> {
        let mark = self.mark;
        let request = Request::new(
            family,
            NfTablesMessage::GetTable(TableMessage {
                attributes: vec![TableAttribute::Name(name.to_owned())],
            }),
        );
        let messages = match self.open()?.ask(request).await {
            Ok(messages) => messages,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(Found::Absent),
            Err(error) => return Err(error),
        };
        let is_own = messages
            .iter()
            .any(|(_, message)| marked_table(message, mark).is_some_and(|found| found == name));
        Ok(if is_own { Found::Own } else { Found::External })
    }

    /// Deletes all tables with the mark: what a killed process left. Reports each of them.
    pub(crate) async fn remove_stale(&mut self, stale: &mut Vec<StaleObject>) -> io::Result<()> {
        let request = Request::dump(
            None,
            NfTablesMessage::GetTable(TableMessage {
                attributes: Vec::new(),
            }),
        );
        let mark = self.mark;
        let socket = self.open()?;
        for (protocol, message) in socket.ask(request).await? {
            let family = match protocol {
                NetfilterProtoFamily::IPv4 => AddressFamily::Ipv4,
                NetfilterProtoFamily::IPv6 => AddressFamily::Ipv6,
                _ => continue,
            };
            let Some(table) = marked_table(&message, mark) else {
                continue;
            };
            let object = format!("{family} packet filter {table}");
            let requests = vec![deletion(table, family)];
            stale.push(match socket.batch(None, requests, Ending::Commit).await {
                Ok(_) => StaleObject::removed(object),
                Err(error) => StaleObject::stuck(object, error),
            });
        }
        Ok(())
    }
}

fn family(shield: &Shield) -> AddressFamily {
    AddressFamily::for_address(shield.address)
}

fn deletion(table: &str, family: AddressFamily) -> Request {
    Request::new(
        family,
        NfTablesMessage::DeleteTable(TableMessage {
            attributes: vec![TableAttribute::Name(table.to_owned())],
        }),
    )
}

/// The name of a table with the mark.
fn marked_table<'a>(message: &'a NfTablesMessage, mark: &str) -> Option<&'a str> {
    let NfTablesMessage::NewTable(table) = message else {
        return None;
    };
    let is_marked = table.attributes.iter().any(|attribute| match attribute {
        TableAttribute::UserData(data) => mark::matches(data, mark),
        _ => false,
    });
    let name = table.attributes.iter().find_map(|attribute| {
        if let TableAttribute::Name(name) = attribute {
            Some(name.as_str())
        } else {
            None
        }
    });
    name.filter(|_| is_marked)
}

/// The generation of the rule set: each change raises it.
async fn generation(socket: &mut Socket) -> io::Result<Option<u32>> {
    let request = Request::without_family(NfTablesMessage::GetGen(GenMessage {
        attributes: Vec::new(),
    }));
    let messages = socket.ask(request).await?;
    let attributes = messages.iter().filter_map(|(_, message)| match message {
        NfTablesMessage::NewGen(generation) => Some(&generation.attributes),
        _ => None,
    });
    Ok(attributes.flatten().find_map(|attribute| match attribute {
        GenAttribute::Id(id) => Some(*id),
        _ => None,
    }))
}

/// The elements in the sets of addresses of a table.
async fn elements(
    socket: &mut Socket,
    table: &str,
    family: AddressFamily,
) -> io::Result<BTreeSet<Element>> {
    let sets: &[&str] = match family {
        AddressFamily::Ipv4 => &[ADDRESSES],
        AddressFamily::Ipv6 => &[ADDRESSES, LINK_LOCAL],
    };
    let mut found = BTreeSet::new();
    for set in sets {
        let request = Request::dump(
            Some(family),
            NfTablesMessage::GetSetElement(SetElementMessage {
                attributes: vec![
                    SetElementList::Table(table.to_owned()),
                    SetElementList::Set((*set).to_owned()),
                ],
            }),
        );
        for (_, message) in socket.ask(request).await? {
            if let NfTablesMessage::NewSetElement(message) = &message {
                found.extend(wire::keys(message).filter_map(|key| Element::parse(set, key)));
            }
        }
    }
    Ok(found)
}
