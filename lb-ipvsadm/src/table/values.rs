// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values of the format's own options, `--lb-NAME=VALUE`.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use lb_ipvs::{
    Destination, EngineName, ForwardingMethod, Netmask, Persistence, Protocol, Service, SyncDaemon,
    SyncId, Timeouts, Tunnel, TunnelFlags, TunnelKind,
};

use super::{
    error::LineProblem,
    extension::{Extension, unescape},
};
use crate::command::{Command, Draft, Subject};

/// The word that an error is about, and what is wrong.
pub(super) type Mistake = (Option<String>, LineProblem);

/// The `--lb-…` options of one line: the option, the whole word, and the value.
pub(super) struct ExtensionValues(Vec<(Extension, String, String)>);

impl ExtensionValues {
    pub(super) fn read(words: &[String], command: Command) -> Result<Self, Mistake> {
        let mut own = Self(Vec::new());
        for word in words {
            let mistake = |problem| (Some(word.clone()), problem);
            let (extension, value) =
                Extension::read(word).ok_or_else(|| mistake(LineProblem::UnknownExtension))?;
            if !extension.fits(command) {
                return Err(mistake(LineProblem::ExtensionCommand { command }));
            }
            if own.has(extension) {
                return Err(mistake(LineProblem::ExtensionConflict));
            }
            own.0.push((extension, word.clone(), value.to_owned()));
        }
        Ok(own)
    }

    pub(super) fn has(&self, extension: Extension) -> bool {
        self.get(extension).is_some()
    }

    /// The whole word, and the value.
    pub(super) fn get(&self, extension: Extension) -> Option<(&str, &str)> {
        self.0
            .iter()
            .find(|(found, ..)| *found == extension)
            .map(|(_, word, value)| (word.as_str(), value.as_str()))
    }

    /// Refuses an option of ipvsadm's beside an extension with the same meaning.
    pub(super) fn check_conflicts(&self, draft: &Draft) -> Result<(), Mistake> {
        for (extension, word, _) in &self.0 {
            // `--lb-service` is in the draft by now, as its service.
            let other = extension
                .instead_of()
                .filter(|_| *extension != Extension::Service);
            if other.is_some_and(|option| draft.has(option)) {
                return Err((Some(word.clone()), LineProblem::ExtensionConflict));
            }
        }
        Ok(())
    }

    /// A decimal number.
    fn number<T: std::str::FromStr>(
        &self,
        extension: Extension,
        expected: &'static str,
    ) -> Result<Option<T>, Mistake> {
        let Some((word, value)) = self.get(extension) else {
            return Ok(None);
        };
        let number = decimal(value).ok_or_else(|| wrong(word, expected))?;
        Ok(Some(number))
    }

    /// The service of `--lb-service`.
    pub(super) fn key(&self) -> Result<Option<Subject>, Mistake> {
        let Some((word, value)) = self.get(Extension::Service) else {
            return Ok(None);
        };
        let parts = || {
            let (protocol, address) = value.split_once('/')?;
            let address: SocketAddr = address.parse().ok()?;
            let protocol = Protocol::from_number(decimal(protocol)?);
            Some((protocol, address))
        };
        let (protocol, address) = parts()
            .ok_or_else(|| wrong(word, "a protocol number, a slash, an address and port"))?;
        Ok(Some(Subject::Address {
            protocol,
            ip: address.ip(),
            port: Some(address.port()),
        }))
    }

    pub(super) fn apply_to_service(&self, service: &mut Service) -> Result<(), Mistake> {
        if let Some((word, value)) = self.get(Extension::Scheduler) {
            let name = unescape(value).and_then(|name| name.parse().ok());
            service.scheduler = name.ok_or_else(|| wrong(word, "a scheduler of 1 to 15 bytes"))?;
        }
        if let Some((word, value)) = self.get(Extension::Engine) {
            let name = unescape(value).and_then(|name| EngineName::new(&name).ok());
            let name = name.ok_or_else(|| wrong(word, "an engine of 1 to 16 bytes"))?;
            service.persistence_engine = Some(name);
        }
        if let Some(seconds) = self.number(Extension::Persistent, "a number of seconds")? {
            let timeout = Duration::from_secs(seconds);
            service.persistence = Some(Persistence::new(timeout));
        }
        if let Some((word, value)) = self.get(Extension::Netmask) {
            let mask = value.parse().map(Netmask::Ipv4).ok();
            let mask = mask.or_else(|| decimal(value).map(Netmask::Ipv6));
            service.netmask =
                mask.ok_or_else(|| wrong(word, "an IPv4 mask or an IPv6 prefix length"))?;
        }
        Ok(())
    }

    /// The method of `--lb-forwarding` or `--lb-tunnel`.
    pub(super) fn forwarding(&self) -> Result<Option<ForwardingMethod>, Mistake> {
        if let Some((word, value)) = self.get(Extension::Tunnel) {
            if self.has(Extension::Forwarding) {
                return Err((Some(word.to_owned()), LineProblem::ExtensionConflict));
            }
            let parts = || {
                let (kind, rest) = value.split_once(':')?;
                let (port, flags) = rest.split_once(':')?;
                Some(Tunnel::new(
                    TunnelKind::from_number(decimal(kind)?),
                    decimal(port)?,
                    TunnelFlags::from_bits_retain(hexadecimal(flags)?),
                ))
            };
            let tunnel = parts().ok_or_else(|| wrong(word, "TYPE:PORT:0xFLAGS in numbers"))?;
            return Ok(Some(ForwardingMethod::Tunnel(tunnel)));
        }
        let Some((word, value)) = self.get(Extension::Forwarding) else {
            return Ok(None);
        };
        Ok(Some(match value {
            "masquerade" => ForwardingMethod::Masquerade,
            "direct-routing" => ForwardingMethod::DirectRouting,
            "local" => ForwardingMethod::Local,
            "bypass" => ForwardingMethod::Bypass,
            number => decimal(number)
                .filter(|number| *number > 4)
                .map(ForwardingMethod::Other)
                .ok_or_else(|| {
                    wrong(
                        word,
                        "masquerade, direct-routing, local, bypass or a number above 4",
                    )
                })?,
        }))
    }

    pub(super) fn apply_to_destination(
        &self,
        destination: &mut Destination,
    ) -> Result<(), Mistake> {
        let expected = "a number up to 4294967295";
        let thresholds = &mut destination.thresholds;
        if let Some(upper) = self.number(Extension::Upper, expected)? {
            thresholds.upper = upper;
        }
        if let Some(lower) = self.number(Extension::Lower, expected)? {
            thresholds.lower = lower;
        }
        Ok(())
    }

    pub(super) fn apply_to_timeouts(&self, timeouts: &mut Timeouts) -> Result<(), Mistake> {
        for (extension, time) in [
            (Extension::TimeoutTcp, &mut timeouts.tcp),
            (Extension::TimeoutTcpFin, &mut timeouts.tcp_fin),
            (Extension::TimeoutUdp, &mut timeouts.udp),
        ] {
            if let Some(seconds) = self.number(extension, "a number of seconds")? {
                if !time.is_zero() {
                    let word = self.get(extension).map(|(word, _)| word.to_owned());
                    return Err((word, LineProblem::ExtensionConflict));
                }
                *time = Duration::from_secs(seconds);
            }
        }
        Ok(())
    }

    pub(super) fn apply_to_sync_daemon(&self, daemon: &mut SyncDaemon) -> Result<(), Mistake> {
        if let Some((word, value)) = self.get(Extension::Interface) {
            daemon.interface = unescape(value).ok_or_else(|| wrong(word, "a name"))?;
        }
        if let Some(id) = self.number(Extension::SyncId, "a number up to 4294967295")? {
            daemon.sync_id = SyncId::from_kernel(id);
        }
        if let Some(length) = self.number(Extension::MaxLength, "a number up to 65535")? {
            daemon.max_length = Some(length);
        }
        if let Some((word, value)) = self.get(Extension::Group) {
            let group = value.parse::<IpAddr>();
            daemon.group = Some(group.map_err(|_| wrong(word, "an address"))?);
        }
        if let Some(port) = self.number(Extension::Port, "a number up to 65535")? {
            daemon.port = Some(port);
        }
        if let Some(ttl) = self.number(Extension::Ttl, "a number up to 255")? {
            daemon.ttl = Some(ttl);
        }
        Ok(())
    }
}

fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

pub(super) fn hexadecimal<T: TryFrom<u32>>(text: &str) -> Option<T> {
    let digits = text.strip_prefix("0x")?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    T::try_from(u32::from_str_radix(digits, 16).ok()?).ok()
}

pub(super) fn wrong(word: &str, expected: &'static str) -> Mistake {
    (
        Some(word.to_owned()),
        LineProblem::ExtensionValue { expected },
    )
}

#[cfg(test)]
mod tests {
    use lb_ipvs::ServiceKey;

    use super::*;

    #[test]
    fn numbers_have_no_sign() {
        assert_eq!(decimal::<u32>("+5"), None);
        assert_eq!(decimal::<u32>(""), None);
        assert_eq!(hexadecimal::<u32>("0x+5"), None);
        assert_eq!(hexadecimal::<u16>("0x10000"), None);
        assert_eq!(hexadecimal::<u16>("0xffff"), Some(u16::MAX));
    }

    #[test]
    fn keys() {
        let own = ExtensionValues::read(
            &["--lb-service=50/[fd00::1]:0".to_owned()],
            Command::AddServer,
        );
        let key = own.ok().unwrap().key().ok().flatten().unwrap().key();
        assert_eq!(
            key,
            ServiceKey::Address {
                protocol: Protocol::Other(50),
                address: "[fd00::1]:0".parse().unwrap()
            }
        );
    }
}
