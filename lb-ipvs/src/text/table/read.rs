// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text into tables.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    DAEMONS, HEADER, SERVICES, VERSION,
    error::{LineError, LineProblem, ReadErrors},
    extension::{Extension, PREFIX, unescape},
};
use crate::{
    destination::Destination,
    flags::{HASHED, PERSISTENT, ServiceFlags},
    forwarding::{ForwardingMethod, Tunnel, TunnelFlags, TunnelKind},
    names::EngineName,
    operation,
    service::{Netmask, Persistence, Protocol, Service},
    settings::{SyncDaemon, SyncId, Timeouts},
    table::{Table, TableError},
    text::command::{
        Command, Draft, LookUp, LowArgs, NoCommand, OptionName, Subject, UsageError, Word,
        any_destination, any_service, check, destination, parse_line, scheduler_flags, service,
        sync_state, timeouts, tunnel_options,
    },
};

/// A table as a file says it, and where it says what.
#[derive(Clone, Debug)]
pub struct TableFile {
    table: Table,
    lines: HashMap<operation::Subject, usize>,
}

impl TableFile {
    /// The table.
    #[must_use]
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// The table alone.
    #[must_use]
    pub fn into_table(self) -> Table {
        self.table
    }

    /// The line that has a service, a destination, a sync daemon, or the time-outs
    /// ([`Subject::Table`](crate::Subject::Table)); from 1.
    #[must_use]
    pub fn line_of(&self, subject: &operation::Subject) -> Option<usize> {
        self.lines.get(subject).copied()
    }
}

/// Reads a table: what [`write()`](super::write()) writes, and what `ipvsadm -S` prints, `-n` or not.
///
/// Names of hosts and ports are looked up by `names`.
///
/// # Errors
/// Every line that is wrong, with the reason.
pub fn read(text: &str, names: &dyn LookUp) -> Result<TableFile, ReadErrors> {
    let mut reader = Reader {
        table: Table::new(),
        lines: HashMap::new(),
        names,
    };
    let mut errors = Vec::new();
    let mut first = true;
    for (index, whole) in text.lines().enumerate() {
        let line = whole.trim();
        if line.is_empty() {
            continue;
        }
        let outcome = if let Some(header) = line.strip_prefix(HEADER).filter(|_| first) {
            reader.header(header).map_err(|problem| (None, problem))
        } else if line.starts_with('#') {
            Ok(())
        } else {
            reader.line(index + 1, line)
        };
        first = false;
        if let Err((word, problem)) = outcome {
            errors.push(LineError {
                line: index + 1,
                word: word.map(|word| (column(whole, &word), word)),
                problem,
            });
        }
    }
    if errors.is_empty() {
        Ok(TableFile {
            table: reader.table,
            lines: reader.lines,
        })
    } else {
        Err(ReadErrors(errors))
    }
}

/// The word it is about, and what is wrong.
type Mistake = (Option<String>, LineProblem);

struct Reader<'a> {
    table: Table,
    lines: HashMap<operation::Subject, usize>,
    names: &'a dyn LookUp,
}

impl Reader<'_> {
    fn header(&mut self, text: &str) -> Result<(), LineProblem> {
        let (version, scopes) = text.split_once(':').unwrap_or((text, SERVICES));
        if version.trim().parse() != Ok(VERSION) {
            return Err(LineProblem::Version {
                found: version.trim().to_owned(),
            });
        }
        for scope in scopes.split(',').map(str::trim) {
            match scope {
                SERVICES => {}
                DAEMONS => self.table = std::mem::take(&mut self.table).with_sync_daemons([]),
                other => {
                    return Err(LineProblem::Scope {
                        found: other.to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, number: usize, line: &str) -> Result<(), Mistake> {
        let words = crate::text::command::words(line);
        let (own, standard): (Vec<String>, Vec<String>) =
            words.into_iter().partition(|word| word.starts_with(PREFIX));
        let args = parse_line(&standard).map_err(|NoCommand| {
            let word = standard.first().or_else(|| own.first()).cloned();
            (word, LineProblem::NoCommand)
        })?;
        // No words at all are `-L` to ipvsadm.
        if standard.is_empty() {
            return Err((own.first().cloned(), LineProblem::NoCommand));
        }
        let own = Own::read(&own, args.command)?;
        match args.command {
            Command::AddService => self.service(number, &args, &own),
            Command::AddServer => self.destination(number, &args, &own),
            Command::Set => self.timeouts(number, &args, &own),
            Command::StartDaemon => self.daemon(number, &args, &own),
            command => Err((standard.first().cloned(), LineProblem::Command { command })),
        }
    }

    /// The options, checked against what the command takes, and the service they name.
    fn draft(&self, args: &LowArgs, own: &Own) -> Result<Draft, Mistake> {
        let draft = match own.key()? {
            Some(subject) => Draft::read_about(subject, args, self.names),
            None => Draft::read(args, self.names),
        };
        let draft = draft.map_err(|error| located(error, args))?;
        // Words that are no options are the time-outs' only.
        timeouts(args).map_err(|error| located(error, args))?;
        check(&draft, args.command).map_err(|error| located(error, args))?;
        own.conflict(&draft)?;
        Ok(draft)
    }

    fn service(&mut self, number: usize, args: &LowArgs, own: &Own) -> Result<(), Mistake> {
        let draft = self.draft(args, own)?;
        let subject = named(&draft, args.command)?;
        let mut flags = scheduler_flags(&draft).map_err(|error| located(error, args))?;
        if let Some((word, value)) = own.get(Extension::Flags) {
            let bits = hexadecimal::<u32>(value)
                .filter(|bits| bits & (PERSISTENT | HASHED) == 0)
                .ok_or_else(|| wrong(word, "flags such as 0x40, without 0x1 and 0x2"))?;
            flags |= ServiceFlags::from_bits_retain(bits);
        }
        let mut made = if own.has(Extension::Service) || own.has(Extension::Persistent) {
            any_service(&draft, subject, flags)
        } else {
            service(&draft, subject, flags).map_err(|error| located(error, args))?
        };
        // `-o` says less than the flags may.
        made.flags |= flags;
        own.adjust(&mut made)?;
        let key = made.key;
        let outcome = self.table.add_service(made);
        self.note(number, operation::Subject::Service(key), outcome)
    }

    fn destination(&mut self, number: usize, args: &LowArgs, own: &Own) -> Result<(), Mistake> {
        let draft = self.draft(args, own)?;
        let subject = named(&draft, args.command)?;
        let server = draft.server.ok_or_else(|| {
            let missing = UsageError::Missing {
                option: OptionName::RealServer,
                command: args.command,
            };
            (None, missing.into())
        })?;
        let mut made = match own.forwarding()? {
            Some(forwarding) => match tunnel_options(&draft).next() {
                Some(option) => {
                    return Err((word_of(option, args), LineProblem::ExtensionConflict));
                }
                None => any_destination(&draft, forwarding, server),
            },
            None => destination(&draft, subject, server).map_err(|error| located(error, args))?,
        };
        own.limit(&mut made)?;
        let key = subject.key();
        let outcome = self.table.add_destination(&key, made);
        let subject = operation::Subject::Destination(key, made.address);
        self.note(number, subject, outcome)
    }

    fn timeouts(&mut self, number: usize, args: &LowArgs, own: &Own) -> Result<(), Mistake> {
        self.draft(args, own)?;
        let mut made = timeouts(args).map_err(|error| located(error, args))?;
        own.extend(&mut made)?;
        let outcome = match self.table.timeouts() {
            Some(_) => Err(TableError::Exists {
                subject: operation::Subject::Table,
            }),
            None => Ok(()),
        };
        self.note(number, operation::Subject::Table, outcome)?;
        self.table = std::mem::take(&mut self.table).with_timeouts(made);
        Ok(())
    }

    fn daemon(&mut self, number: usize, args: &LowArgs, own: &Own) -> Result<(), Mistake> {
        let located = |error| located(error, args);
        let state = sync_state(args).map_err(located)?;
        let draft = self.draft(args, own)?;
        let mut made = draft.daemon;
        if let Some(state) = state {
            made.state = state;
        }
        own.alter(&mut made)?;
        let state = made.state;
        let outcome = self.table.add_sync_daemon(made);
        self.note(number, operation::Subject::SyncDaemon(state), outcome)
    }

    /// Remembers the line of what went into the table, or says why it did not.
    fn note(
        &mut self,
        number: usize,
        subject: operation::Subject,
        outcome: Result<(), TableError>,
    ) -> Result<(), Mistake> {
        match outcome {
            Ok(()) => {
                self.lines.insert(subject, number);
                Ok(())
            }
            Err(TableError::Missing {
                subject: operation::Subject::Service(key),
            }) => Err((None, LineProblem::NoService { key })),
            Err(_) => {
                let first = self.lines.get(&subject).copied().unwrap_or_default();
                Err((None, LineProblem::Duplicate { subject, first }))
            }
        }
    }
}

fn named(draft: &Draft, command: Command) -> Result<Subject, Mistake> {
    draft.subject.ok_or_else(|| {
        let option = OptionName::Service;
        (None, UsageError::Missing { option, command }.into())
    })
}

/// The options of this format's own on one line.
struct Own(Vec<(Extension, String, String)>);

impl Own {
    fn read(words: &[String], command: Command) -> Result<Self, Mistake> {
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

    fn has(&self, extension: Extension) -> bool {
        self.get(extension).is_some()
    }

    /// The whole word, and the value.
    fn get(&self, extension: Extension) -> Option<(&str, &str)> {
        self.0
            .iter()
            .find(|(found, ..)| *found == extension)
            .map(|(_, word, value)| (word.as_str(), value.as_str()))
    }

    fn conflict(&self, draft: &Draft) -> Result<(), Mistake> {
        for (extension, word, _) in &self.0 {
            // The service was put into the draft before its options were read.
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

    fn key(&self) -> Result<Option<Subject>, Mistake> {
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

    fn adjust(&self, service: &mut Service) -> Result<(), Mistake> {
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

    fn forwarding(&self) -> Result<Option<ForwardingMethod>, Mistake> {
        if let Some((word, value)) = self.get(Extension::Tunnel) {
            if self.has(Extension::Forwarding) {
                return Err((Some(word.to_owned()), LineProblem::ExtensionConflict));
            }
            let parts = || {
                let (kind, rest) = value.split_once(':')?;
                let (port, flags) = rest.split_once(':')?;
                Some(Tunnel {
                    kind: TunnelKind::from_number(decimal(kind)?),
                    port: decimal(port)?,
                    flags: TunnelFlags::from_bits_retain(hexadecimal(flags)?),
                })
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

    fn limit(&self, destination: &mut Destination) -> Result<(), Mistake> {
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

    fn extend(&self, timeouts: &mut Timeouts) -> Result<(), Mistake> {
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

    fn alter(&self, daemon: &mut SyncDaemon) -> Result<(), Mistake> {
        if let Some((word, value)) = self.get(Extension::Interface) {
            daemon.interface = unescape(value).ok_or_else(|| wrong(word, "a name"))?;
        }
        if let Some(id) = self.number(Extension::SyncId, "a number up to 4294967295")? {
            daemon.sync_id = SyncId::reported(id);
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

fn hexadecimal<T: TryFrom<u32>>(text: &str) -> Option<T> {
    let digits = text.strip_prefix("0x")?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    T::try_from(u32::from_str_radix(digits, 16).ok()?).ok()
}

fn wrong(word: &str, expected: &'static str) -> Mistake {
    (
        Some(word.to_owned()),
        LineProblem::ExtensionValue { expected },
    )
}

/// The word of the line that an error is about.
fn located(error: UsageError, args: &LowArgs) -> Mistake {
    let (option, word) = error.about();
    let word = match option {
        Some(option) => word_of(option, args),
        None => word.map(str::to_owned),
    };
    (word, error.into())
}

/// The last word that gives an option: its value, if it has one.
fn word_of(option: OptionName, args: &LowArgs) -> Option<String> {
    let given = args.given.iter().rev().find(|given| match given.id {
        Word::Service(_) => option == OptionName::Service,
        Word::Forward(_) => option == OptionName::Forward,
        Word::Plain(plain) => option == plain,
        Word::Command(_) | Word::Ipv6 | Word::Sort => false,
    });
    given.map(|given| given.word.clone())
}

/// Where the word stands in the line, from 1; the last such word.
fn column(line: &str, word: &str) -> usize {
    let mut found = 1;
    let mut start = 0;
    for part in line.split([' ', '\t', '\r']) {
        if part == word {
            found = line.get(..start).unwrap_or_default().chars().count() + 1;
        }
        start += part.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ServiceKey;

    #[test]
    fn columns_count_characters() {
        assert_eq!(column("-A -t  x -p x", "x"), 13);
        assert_eq!(column("\t-A ä y", "y"), 7);
        assert_eq!(column("-A", "z"), 1);
    }

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
        let own = Own::read(
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
