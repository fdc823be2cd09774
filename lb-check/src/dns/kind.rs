// SPDX-License-Identifier: MIT OR Apache-2.0
//! Types of records and response codes, by their names.

use std::fmt;
use std::str::FromStr;

use hickory_proto::rr::RecordType;

/// A type of DNS records, by its name or as `TYPE` and its number.
///
/// ```
/// use lb_check::DnsRecordType;
///
/// let kind: DnsRecordType = "aaaa".parse()?;
/// assert_eq!((kind.number(), kind.to_string()), (28, "AAAA".to_owned()));
/// assert_eq!("TYPE65400".parse::<DnsRecordType>()?.number(), 65400);
/// # Ok::<(), lb_check::UnknownDnsName>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DnsRecordType(u16);

impl DnsRecordType {
    /// SOA, the start of a zone: what keepalived asks for by default.
    pub const SOA: Self = Self(6);

    /// The type with this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl FromStr for DnsRecordType {
    type Err = UnknownDnsName;

    fn from_str(text: &str) -> Result<Self, UnknownDnsName> {
        let upper = text.to_ascii_uppercase();
        if let Some(digits) = upper.strip_prefix("TYPE") {
            let number = digits.parse().ok().filter(|_| is_number(digits));
            return number.map(Self).ok_or(UnknownDnsName);
        }
        let kind = upper.parse::<RecordType>().map_err(|_| UnknownDnsName)?;
        Ok(Self(kind.into()))
    }
}

impl fmt::Display for DnsRecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = RecordType::from(self.0).into();
        if name.parse() == Ok(*self) {
            f.write_str(name)
        } else {
            write!(f, "TYPE{}", self.0)
        }
    }
}

/// Not the name of a type of records or of a response code.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown name")]
#[non_exhaustive]
pub struct UnknownDnsName;

/// The response codes of RFC 1035 and RFC 2136.
const RCODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
    "NXRRSET", "NOTAUTH", "NOTZONE",
];

/// The response code of a DNS message, 0 to 15: by its name, or as `RCODE` and its number.
///
/// ```
/// use lb_check::DnsRcode;
///
/// let rcode: DnsRcode = "nxdomain".parse()?;
/// assert_eq!((rcode.number(), rcode.to_string()), (3, "NXDOMAIN".to_owned()));
/// # Ok::<(), lb_check::UnknownDnsName>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DnsRcode(u8);

impl DnsRcode {
    /// No error.
    pub const NOERROR: Self = Self(0);

    /// The code in the low four bits of a number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number & 0x0f)
    }

    /// The number, 0 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for DnsRcode {
    type Err = UnknownDnsName;

    fn from_str(text: &str) -> Result<Self, UnknownDnsName> {
        let upper = text.to_ascii_uppercase();
        let digits = upper.strip_prefix("RCODE").unwrap_or(&upper);
        if is_number(digits) {
            let number = digits.parse().ok().filter(|number| *number <= 15);
            return number.map(Self).ok_or(UnknownDnsName);
        }
        let known = RCODES.iter().position(|name| *name == upper);
        let number = known.and_then(|index| u8::try_from(index).ok());
        number.map(Self).ok_or(UnknownDnsName)
    }
}

impl fmt::Display for DnsRcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RCODES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_and_each_code_is_read_as_it_is_shown() {
        for number in 0..=u16::MAX {
            let kind = DnsRecordType::new(number);
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for number in 0..=15 {
            let rcode = DnsRcode::new(number);
            assert_eq!(rcode.to_string().parse(), Ok(rcode));
        }
    }

    #[test]
    fn types_of_keepalived_have_their_numbers() {
        for (name, number) in [
            ("A", 1),
            ("NS", 2),
            ("CNAME", 5),
            ("SOA", 6),
            ("MX", 15),
            ("TXT", 16),
            ("AAAA", 28),
            ("RRSIG", 46),
            ("DNSKEY", 48),
        ] {
            assert_eq!(name.parse(), Ok(DnsRecordType::new(number)));
        }
        for wrong in [
            "",
            "BANANA",
            "TYPE",
            "TYPE65536",
            "TYPE-1",
            "TYPE+1",
            "Unknown",
        ] {
            assert_eq!(
                wrong.parse::<DnsRecordType>(),
                Err(UnknownDnsName),
                "{wrong}"
            );
        }
        for wrong in ["", "16", "RCODE", "RCODE16", "+1", "OK"] {
            assert_eq!(wrong.parse::<DnsRcode>(), Err(UnknownDnsName), "{wrong}");
        }
    }
}
