// SPDX-License-Identifier: MIT OR Apache-2.0
//! The advertisement of both versions (RFC 3768 §5, RFC 9568 §5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{AuthField, ChecksumDialect, Header, HmacTrailer};
use crate::{
    error::DecodeError,
    params::{
        AddressFamily, AddressList, AdvertInterval, AdvertisedPriority, HmacKey, Version, Vrid,
    },
};

/// An advertisement.
///
/// It is read and written with source and destination of the packet: they give the address family,
/// and are part of most checksums.
///
/// ```
/// use lb_vrrp::{wire::Advertisement, AddressFamily, multicast_group};
///
/// let source = "192.0.2.1".parse()?;
/// let group = multicast_group(AddressFamily::Ipv4);
/// // Sent by keepalived 2.2.7: VRID 51, priority 100, one second, 192.0.2.100.
/// let message = b"\x21\x33\x64\x01\x00\x01\xb8\x65\xc0\x00\x02\x64\0\0\0\0\0\0\0\0";
/// let advertisement = Advertisement::parse(message, source, group)?;
/// assert_eq!(advertisement.vrid.get(), 51);
/// assert_eq!(advertisement.to_vec(source, group), message);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the fields of the packet")]
pub struct Advertisement {
    /// Protocol version.
    pub version: Version,
    /// Virtual router identifier.
    pub vrid: Vrid,
    /// Priority of the sender, or its resignation.
    pub priority: AdvertisedPriority,
    /// Advertisement interval of the sender. One that the version's header cannot carry (see
    /// [`AdvertInterval::fits`]) is sent as the nearest below.
    pub interval: AdvertInterval,
    /// Virtual addresses.
    pub addresses: AddressList,
    /// Authentication; VRRPv2 always has the field (`None` is sent as type 0), VRRPv3 never.
    pub auth: Option<AuthField>,
    /// How the checksum is made; of VRRPv3 over IPv4 only, the others have one way each.
    pub checksum: ChecksumDialect,
}

impl Advertisement {
    /// Reads an advertisement from a packet of `source` to `destination`.
    ///
    /// `bytes` is what follows the IP header, cut at the length in that header (Ethernet pads
    /// short frames). Reserved bits are ignored.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] names the first thing wrong.
    pub fn parse(bytes: &[u8], source: IpAddr, destination: IpAddr) -> Result<Self, DecodeError> {
        let header = Header::parse(bytes)?;
        let length = header.message_len(source, destination)?;
        header.expect_len(length, bytes.len())?;
        Self::parse_parts(&header, bytes, bytes, source, destination)
    }

    /// Reads an advertisement that may have an HMAC trailer; without one it is as
    /// [`parse`](Self::parse) has it. The digest is not looked at.
    ///
    /// Over IPv4 the checksum covers the message, over IPv6 the trailer too: there the kernel makes
    /// it of all that follows the IP header.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_signed(
        bytes: &[u8],
        source: IpAddr,
        destination: IpAddr,
    ) -> Result<(Self, Option<HmacTrailer>), DecodeError> {
        let header = Header::parse(bytes)?;
        let length = header.message_len(source, destination)?;
        let (message, trailer) = bytes.split_at(length.min(bytes.len()));
        let Ok(trailer) = trailer.try_into().map(HmacTrailer::parse) else {
            return Ok((Self::parse(bytes, source, destination)?, None));
        };
        let summed = if source.is_ipv6() { bytes } else { message };
        let advertisement = Self::parse_parts(&header, message, summed, source, destination)?;
        Ok((advertisement, Some(trailer)))
    }

    /// Reads a `message` of the right length whose checksum covers `summed`.
    fn parse_parts(
        header: &Header,
        message: &[u8],
        summed: &[u8],
        source: IpAddr,
        destination: IpAddr,
    ) -> Result<Self, DecodeError> {
        let Header {
            version,
            vrid,
            priority,
            count,
            parameters,
            ..
        } = *header;
        let family = AddressFamily::for_address(source);
        let checksum = find_dialect(summed, header, source, destination)?;
        let (interval, kind) = match (version, parameters) {
            (Version::V2, [kind, seconds]) => (AdvertInterval::from_secs(seconds), Some(kind)),
            (Version::V3, parameters) => {
                let centis = u16::from_be_bytes(parameters) & AdvertInterval::MAX_CENTIS;
                (AdvertInterval::from_centis(centis), None)
            }
        };
        let body = message.get(Header::LEN..).unwrap_or_default();
        let addresses = match (version, count) {
            // An IPv6 source would make it VRRPv3.
            (Version::V2, 0) if family == AddressFamily::Ipv4 => AddressList::none(),
            _ => AddressList::new(parse_addresses(body, family, count))
                .map_err(|_| DecodeError::NoAddress)?,
        };
        let interval = interval.map_err(|_| DecodeError::IntervalZero)?;
        let auth = kind.map(|kind| AuthField {
            kind,
            data: message.last_chunk().copied().unwrap_or_default(),
        });
        Ok(Self {
            version,
            vrid,
            priority,
            interval,
            addresses,
            auth,
            checksum,
        })
    }

    /// Bytes of the message.
    #[must_use]
    pub fn buffer_len(&self) -> usize {
        Header::len_with(self.version, self.addresses.family(), self.count())
    }

    /// Writes the message into the first [`buffer_len`](Self::buffer_len) bytes of `buffer`.
    ///
    /// # Panics
    ///
    /// If `buffer` is shorter than that.
    #[expect(
        clippy::indexing_slicing,
        reason = "the documented panic on a short buffer"
    )]
    pub fn emit(&self, buffer: &mut [u8], source: IpAddr, destination: IpAddr) {
        let message = &mut buffer[..self.buffer_len()];
        let (header, body) = message.split_at_mut(Header::LEN);
        header[0] = self.version.number() << 4 | Header::ADVERTISEMENT;
        header[1] = self.vrid.get();
        header[2] = self.priority.get();
        header[3] = self.count();
        header[4..6].copy_from_slice(&self.parameters());
        let mut rest = body;
        for address in self.addresses.as_slice() {
            let (field, tail) =
                rest.split_at_mut(AddressFamily::for_address(*address).address_len());
            match address {
                IpAddr::V4(address) => field.copy_from_slice(&address.octets()),
                IpAddr::V6(address) => field.copy_from_slice(&address.octets()),
            }
            rest = tail;
        }
        if self.version == Version::V2 {
            rest.copy_from_slice(&self.auth.unwrap_or(AuthField::NONE).data);
        }
        let dialect =
            ChecksumDialect::fixed(self.version, self.addresses.family()).unwrap_or(self.checksum);
        dialect.write(message, source, destination);
    }

    /// The message in a vector of its own; see [`emit`](Self::emit).
    #[must_use]
    pub fn to_vec(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let mut message = vec![0; self.buffer_len()];
        self.emit(&mut message, source, destination);
        message
    }

    /// The message with an HMAC trailer behind it.
    #[must_use]
    pub fn to_signed_vec(
        &self,
        source: IpAddr,
        destination: IpAddr,
        key: &HmacKey,
        sequence: u64,
    ) -> Vec<u8> {
        let mut bytes = self.to_vec(source, destination);
        let trailer = HmacTrailer::sign(key, sequence, &bytes, source);
        bytes.extend(trailer.to_bytes());
        if source.is_ipv6() {
            ChecksumDialect::PseudoHeader.write(&mut bytes, source, destination);
        }
        bytes
    }

    /// The count field.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an address list holds at most 255"
    )]
    fn count(&self) -> u8 {
        self.addresses.as_slice().len() as u8
    }

    /// Bytes 4 and 5: authentication type and seconds, or centiseconds.
    fn parameters(&self) -> [u8; 2] {
        let centis = self.interval.as_centis();
        match self.version {
            Version::V2 => {
                let seconds = u8::try_from(centis / 100).unwrap_or(u8::MAX).max(1);
                [self.auth.unwrap_or(AuthField::NONE).kind, seconds]
            }
            Version::V3 => centis.min(AdvertInterval::MAX_CENTIS).to_be_bytes(),
        }
    }
}

/// The dialect in which the checksum is right.
fn find_dialect(
    bytes: &[u8],
    header: &Header,
    source: IpAddr,
    destination: IpAddr,
) -> Result<ChecksumDialect, DecodeError> {
    let family = AddressFamily::for_address(source);
    let fixed = ChecksumDialect::fixed(header.version, family);
    let candidates: &[ChecksumDialect] = match &fixed {
        Some(dialect) => std::slice::from_ref(dialect),
        None if destination == crate::multicast_group(family) => {
            &[ChecksumDialect::PseudoHeader, ChecksumDialect::MessageOnly]
        }
        None => &[
            ChecksumDialect::PseudoHeader,
            ChecksumDialect::MessageOnly,
            ChecksumDialect::GroupPseudoHeader,
        ],
    };
    candidates
        .iter()
        .copied()
        .find(|dialect| dialect.verify(bytes, source, destination))
        .ok_or(DecodeError::Checksum {
            checksum: header.checksum,
        })
}

/// The addresses at the head of `body`.
fn parse_addresses(
    body: &[u8],
    family: AddressFamily,
    count: u8,
) -> impl Iterator<Item = IpAddr> + '_ {
    body.chunks_exact(family.address_len())
        .take(usize::from(count))
        .filter_map(move |field| match family {
            AddressFamily::Ipv4 => field
                .first_chunk()
                .map(|octets: &[u8; 4]| Ipv4Addr::from(*octets).into()),
            AddressFamily::Ipv6 => field
                .first_chunk()
                .map(|octets: &[u8; 16]| Ipv6Addr::from(*octets).into()),
        })
}
