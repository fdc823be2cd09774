// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of a ledger file.
//!
//! ```text
//! lb-ledger 1 boot=BOOT-ID netns=INODE lines=N
//! own tcp/192.168.1.50:80 wrr 192.168.1.61:80 direct,weight=1 192.168.1.62:80 direct,weight=1?
//! drop tcp/192.168.1.50:80
//! sync master
//! ```
//! The header counts the lines of the snapshot that follows it; whatever comes after them is the
//! journal, in which a later line about a service replaces an earlier one. `?` marks what the data
//! plane has not confirmed. A line counts only with its newline.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use lb_ipvs::{AddressFamily, Protocol, ServiceKey, SyncState};

use super::Identity;
use crate::plan::{OwnedService, Record};

const MAGIC: &str = "lb-ledger";
const VERSION: &str = "1";

/// Where and why a ledger file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
#[non_exhaustive]
pub struct FormatError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a line of a ledger file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The first line is not that of a ledger.
    #[error("not a ledger")]
    Header,
    /// Written by a version of this program that this one does not know.
    #[error("format version {found:?} is not known")]
    Version {
        /// The version in the file.
        found: String,
    },
    /// The file ends before all lines its header promises.
    #[error("the file is truncated, {missing} line(s) are missing")]
    Truncated {
        /// Lines that are missing.
        missing: usize,
    },
    /// Bytes that are not text.
    #[error("not text")]
    Encoding,
    /// A word that is not what belongs there.
    #[error("{word:?} is not {expected}")]
    Word {
        /// The word.
        word: String,
        /// What belongs there.
        expected: &'static str,
    },
}

/// One line after the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// This of the service is ours.
    Own(ServiceKey, OwnedService),
    /// Nothing of the service is ours any more.
    Drop(ServiceKey),
    /// These sync daemons are ours.
    Sync(Vec<SyncState>),
}

pub(super) fn write_header(text: &mut String, identity: &Identity, lines: usize) {
    put(
        text,
        format_args!(
            "{MAGIC} {VERSION} boot={} netns={} lines={lines}\n",
            identity.boot_id, identity.namespace
        ),
    );
}

pub(super) fn write_service(text: &mut String, key: &ServiceKey, service: Option<&OwnedService>) {
    let Some(service) = service else {
        text.push_str("drop ");
        write_key(text, key);
        text.push('\n');
        return;
    };
    text.push_str("own ");
    write_key(text, key);
    write_record(text, &service.service);
    for (address, record) in &service.destinations {
        put(text, format_args!(" {address}"));
        write_record(text, record);
    }
    text.push('\n');
}

pub(super) fn write_sync(text: &mut String, states: &[SyncState]) {
    text.push_str("sync");
    for state in states {
        put(text, format_args!(" {state}"));
    }
    text.push('\n');
}

fn write_key(text: &mut String, key: &ServiceKey) {
    match key {
        ServiceKey::Address { protocol, address } => match protocol {
            Protocol::Tcp => put(text, format_args!("tcp/{address}")),
            Protocol::Udp => put(text, format_args!("udp/{address}")),
            Protocol::Sctp => put(text, format_args!("sctp/{address}")),
            other => put(text, format_args!("{}/{address}", other.number())),
        },
        ServiceKey::FirewallMark { mark, family } => {
            let family = match family {
                AddressFamily::Ipv4 => "ipv4",
                AddressFamily::Ipv6 => "ipv6",
            };
            put(text, format_args!("fwmark-{family}/{mark}"));
        }
    }
}

fn write_record(text: &mut String, record: &Record) {
    let mark = if record.is_settled() { "" } else { "?" };
    put(text, format_args!(" {}{mark}", record.specification()));
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // writing to a String never fails
    let _ = text.write_fmt(arguments);
}

/// The identity and the number of snapshot lines in the header.
pub(super) fn parse_header(line: &str) -> Result<(Identity, usize), Fault> {
    let mut words = line.split_ascii_whitespace();
    if words.next() != Some(MAGIC) {
        return Err(Fault::Header);
    }
    match words.next() {
        Some(VERSION) => {}
        found => {
            return Err(Fault::Version {
                found: found.unwrap_or_default().to_owned(),
            });
        }
    }
    let mut field = |name: &str| {
        words
            .next()
            .and_then(|word| word.strip_prefix(name))
            .and_then(|word| word.strip_prefix('='))
    };
    let boot_id = field("boot").ok_or(Fault::Header)?.to_owned();
    let namespace = field("netns")
        .and_then(|word| word.parse().ok())
        .ok_or(Fault::Header)?;
    let lines = field("lines")
        .and_then(|word| word.parse().ok())
        .ok_or(Fault::Header)?;
    Ok((Identity { boot_id, namespace }, lines))
}

pub(super) fn parse_line(line: &str) -> Result<Line, Fault> {
    let mut words = line.split_ascii_whitespace();
    match words.next().unwrap_or_default() {
        "own" => {
            let key = parse_key(words.next().unwrap_or_default())?;
            let service = parse_record(words.next().unwrap_or_default())?;
            let mut destinations = BTreeMap::new();
            while let Some(word) = words.next() {
                let address: SocketAddr = word.parse().map_err(|_| Fault::Word {
                    word: word.to_owned(),
                    expected: "an address",
                })?;
                destinations.insert(address, parse_record(words.next().unwrap_or_default())?);
            }
            Ok(Line::Own(
                key,
                OwnedService {
                    service,
                    destinations,
                },
            ))
        }
        "drop" => Ok(Line::Drop(parse_key(words.next().unwrap_or_default())?)),
        "sync" => words
            .map(|word| match word {
                "master" => Ok(SyncState::Master),
                "backup" => Ok(SyncState::Backup),
                _ => Err(Fault::Word {
                    word: word.to_owned(),
                    expected: "a sync daemon",
                }),
            })
            .collect::<Result<_, _>>()
            .map(Line::Sync),
        word => Err(Fault::Word {
            word: word.to_owned(),
            expected: "own, drop or sync",
        }),
    }
}

fn parse_key(word: &str) -> Result<ServiceKey, Fault> {
    let bad = || Fault::Word {
        word: word.to_owned(),
        expected: "a service",
    };
    let (kind, value) = word.split_once('/').ok_or_else(bad)?;
    let family = match kind {
        "fwmark-ipv4" => Some(AddressFamily::Ipv4),
        "fwmark-ipv6" => Some(AddressFamily::Ipv6),
        _ => None,
    };
    if let Some(family) = family {
        let mark = value.parse().map_err(|_| bad())?;
        return Ok(ServiceKey::FirewallMark { mark, family });
    }
    let protocol = match kind {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        number => Protocol::from_number(number.parse().map_err(|_| bad())?),
    };
    Ok(ServiceKey::Address {
        protocol,
        address: value.parse().map_err(|_| bad())?,
    })
}

fn parse_record(word: &str) -> Result<Record, Fault> {
    if word.is_empty() {
        return Err(Fault::Word {
            word: String::new(),
            expected: "a specification",
        });
    }
    Ok(match word.strip_suffix('?') {
        Some(specification) => Record::new(specification, false),
        None => Record::new(word, true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(key: ServiceKey, service: Option<OwnedService>) {
        let mut text = String::new();
        write_service(&mut text, &key, service.as_ref());
        let line = text.strip_suffix('\n').unwrap();
        let expected = match service {
            Some(service) => Line::Own(key, service),
            None => Line::Drop(key),
        };
        assert_eq!(parse_line(line), Ok(expected), "{line}");
    }

    #[test]
    fn every_key_and_record_comes_back() {
        let address: SocketAddr = "[fd00::50]:80".parse().unwrap();
        let keys = [
            ServiceKey::tcp(address),
            ServiceKey::udp("192.168.1.50:53".parse().unwrap()),
            ServiceKey::Address {
                protocol: Protocol::Sctp,
                address,
            },
            ServiceKey::Address {
                protocol: Protocol::Other(50),
                address,
            },
            ServiceKey::FirewallMark {
                mark: 5.try_into().unwrap(),
                family: AddressFamily::Ipv4,
            },
            ServiceKey::FirewallMark {
                mark: u32::MAX.try_into().unwrap(),
                family: AddressFamily::Ipv6,
            },
        ];
        for key in keys {
            round_trip(key, None);
            let service = OwnedService {
                service: Record::new("wrr,flags=0x4", false),
                destinations: [
                    (address, Record::new("direct,weight=1", true)),
                    (
                        "192.168.1.61:80".parse().unwrap(),
                        Record::new("masquerade,weight=0", false),
                    ),
                ]
                .into(),
            };
            round_trip(key, Some(service));
        }
    }

    #[test]
    fn every_cut_of_a_line_is_an_error_or_shorter() {
        // a cut line never counts: the reader wants its newline. Cut words must not panic either.
        let line = "own tcp/192.168.1.50:80 wrr 192.168.1.61:80 direct,weight=1?";
        for end in 0..line.len() {
            let _ = parse_line(line.get(..end).unwrap());
        }
        assert!(parse_line("own tcp/192.168.1.50:80").is_err());
        assert!(parse_line("own tcp/192.168.1.50:80 wrr 192.168.1.61:80").is_err());
        assert!(parse_line("sync both").is_err());
        assert!(parse_line("").is_err());
    }
}
