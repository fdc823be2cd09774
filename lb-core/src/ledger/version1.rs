// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads a ledger of format 1, which earlier versions wrote, so that an upgrade loses no ownership.
//!
//! ```text
//! lb-ledger 1 boot=BOOT-ID netns=INODE lines=N
//! own tcp/192.168.1.50:80 wrr 192.168.1.61:80 direct,weight=1
//! drop tcp/192.168.1.50:80
//! sync master
//! ```
//! The configurations are not read: every object counts as owned and not confirmed.

use lb_ipvs::{AddressFamily, OwnedChange, Protocol, Record, ServiceKey, SyncState};

use super::{Contents, Fault, FormatError, Identity};

const MAGIC: &[u8] = b"lb-ledger 1 ";

pub(super) fn is_format(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads the whole file, or nothing: its lines have no checksum.
pub(super) fn read(bytes: &[u8]) -> Result<(Identity, Contents), FormatError> {
    let text = String::from_utf8_lossy(bytes);
    // the bytes behind the last newline are a line whose writing was cut short
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut lines = whole.lines().zip(1..);
    let fault = |line, fault| FormatError { line, fault };
    let header = lines.next().and_then(|(line, _)| parse_header(line));
    let (identity, expected) = header.ok_or_else(|| fault(1, Fault::Header))?;
    let mut contents = Contents::default();
    let mut count = 0;
    for (line, number) in lines {
        parse(line, &mut contents).ok_or_else(|| fault(number, Fault::Content))?;
        count += 1;
    }
    match expected.checked_sub(count) {
        None | Some(0) => Ok((identity, contents)),
        Some(missing) => Err(fault(count + 2, Fault::Truncated { missing })),
    }
}

fn parse_header(line: &str) -> Option<(Identity, usize)> {
    let mut words = line.split_ascii_whitespace().skip(2);
    let mut field = |name: &str| words.next()?.strip_prefix(name);
    let boot_id = field("boot=")?.to_owned();
    let namespace = field("netns=")?.parse().ok()?;
    let lines = field("lines=")?.parse().ok()?;
    Some((Identity { boot_id, namespace }, lines))
}

fn parse(line: &str, contents: &mut Contents) -> Option<()> {
    let mut words = line.split_ascii_whitespace();
    match words.next()? {
        "own" => {
            let key = parse_key(words.next()?)?;
            contents.owned.apply(OwnedChange::Service(key, None));
            let record = Some(Record::Unconfirmed);
            contents.owned.apply(OwnedChange::Service(key, record));
            words.next()?;
            while let Some(address) = words.next() {
                words.next()?;
                let address = address.parse().ok()?;
                let record = Some(Record::Unconfirmed);
                let step = OwnedChange::Destination(key, address, record);
                contents.owned.apply(step);
            }
        }
        "drop" => {
            let step = OwnedChange::Service(parse_key(words.next()?)?, None);
            contents.owned.apply(step);
        }
        "sync" => {
            let states = words.map(|word| match word {
                "master" => Some(SyncState::Master),
                "backup" => Some(SyncState::Backup),
                _ => None,
            });
            contents.sync = states.collect::<Option<_>>()?;
        }
        _ => return None,
    }
    Some(())
}

fn parse_key(word: &str) -> Option<ServiceKey> {
    let (kind, value) = word.split_once('/')?;
    let mark = |family| Some(ServiceKey::firewall_mark(value.parse().ok()?, family));
    let number = match kind {
        "fwmark-ipv4" => return mark(AddressFamily::Ipv4),
        "fwmark-ipv6" => return mark(AddressFamily::Ipv6),
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        number => number.parse().ok()?,
    };
    Some(ServiceKey::Address {
        protocol: Protocol::from_number(number),
        address: value.parse().ok()?,
    })
}
