// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text into tables.

use std::collections::HashMap;

use lb_ipvs::{ServiceFlags, Subject, Table, TableError};

use super::{
    DAEMONS, HEADER, SERVICES, VERSION,
    error::{LineError, LineProblem, ReadErrors},
    extension::{Extension, PREFIX},
    values::{ExtensionValues, Mistake, hexadecimal, wrong},
};
use crate::command::{
    Command, Draft, LookUp, LowArgs, NoCommand, OptionName, Subject as NamedService, UsageError,
    Word, any_destination, any_service, check, destination, parse_line, scheduler_flags, service,
    sync_state, timeouts, tunnel_options,
};

/// A table read from a file, with the line of each entry.
#[derive(Clone, Debug)]
pub struct TableFile {
    table: Table,
    lines: HashMap<Subject, usize>,
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
    /// ([`Subject::Table`](Subject::Table)); from 1.
    #[must_use]
    pub fn line_of(&self, subject: &Subject) -> Option<usize> {
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

struct Reader<'a> {
    table: Table,
    lines: HashMap<Subject, usize>,
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
        let words = crate::command::words(line);
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
        let own = ExtensionValues::read(&own, args.command)?;
        match args.command {
            Command::AddService => self.service(number, &args, &own),
            Command::AddServer => self.destination(number, &args, &own),
            Command::Set => self.timeouts(number, &args, &own),
            Command::StartDaemon => self.daemon(number, &args, &own),
            command => Err((standard.first().cloned(), LineProblem::Command { command })),
        }
    }

    /// The options, checked against what the command takes, and the service they name.
    fn draft(&self, args: &LowArgs, own: &ExtensionValues) -> Result<Draft, Mistake> {
        let draft = match own.key()? {
            Some(subject) => Draft::read_about(subject, args, self.names),
            None => Draft::read(args, self.names),
        };
        let draft = draft.map_err(|error| located(error, args))?;
        // Words that are no options are the time-outs' only.
        timeouts(args).map_err(|error| located(error, args))?;
        check(&draft, args.command).map_err(|error| located(error, args))?;
        own.check_conflicts(&draft)?;
        Ok(draft)
    }

    fn service(
        &mut self,
        number: usize,
        args: &LowArgs,
        own: &ExtensionValues,
    ) -> Result<(), Mistake> {
        let draft = self.draft(args, own)?;
        let subject = named(&draft, args.command)?;
        let mut flags = scheduler_flags(&draft).map_err(|error| located(error, args))?;
        if let Some((word, value)) = own.get(Extension::Flags) {
            flags |= hexadecimal::<u32>(value)
                .map(ServiceFlags::from_bits_retain)
                .filter(|flags| *flags == ServiceFlags::from_kernel(flags.bits()))
                .ok_or_else(|| wrong(word, "flags such as 0x40, without 0x1 and 0x2"))?;
        }
        let mut made = if own.has(Extension::Service) || own.has(Extension::Persistent) {
            any_service(&draft, subject, flags)
        } else {
            service(&draft, subject, flags).map_err(|error| located(error, args))?
        };
        // `-o` and `-b` name fewer flags than there can be.
        made.flags |= flags;
        own.apply_to_service(&mut made)?;
        let key = made.key;
        let outcome = self.table.add_service(made);
        self.record(number, Subject::Service(key), outcome)
    }

    fn destination(
        &mut self,
        number: usize,
        args: &LowArgs,
        own: &ExtensionValues,
    ) -> Result<(), Mistake> {
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
        own.apply_to_destination(&mut made)?;
        let key = subject.key();
        let outcome = self.table.add_destination(&key, made);
        let subject = Subject::Destination(key, made.address);
        self.record(number, subject, outcome)
    }

    fn timeouts(
        &mut self,
        number: usize,
        args: &LowArgs,
        own: &ExtensionValues,
    ) -> Result<(), Mistake> {
        self.draft(args, own)?;
        let mut made = timeouts(args).map_err(|error| located(error, args))?;
        own.apply_to_timeouts(&mut made)?;
        let outcome = match self.table.timeouts() {
            Some(_) => Err(TableError::Exists {
                subject: Subject::Table,
            }),
            None => Ok(()),
        };
        self.record(number, Subject::Table, outcome)?;
        self.table = std::mem::take(&mut self.table).with_timeouts(made);
        Ok(())
    }

    fn daemon(
        &mut self,
        number: usize,
        args: &LowArgs,
        own: &ExtensionValues,
    ) -> Result<(), Mistake> {
        let located = |error| located(error, args);
        let state = sync_state(args).map_err(located)?;
        let draft = self.draft(args, own)?;
        let mut made = draft.daemon;
        if let Some(state) = state {
            made.state = state;
        }
        own.apply_to_sync_daemon(&mut made)?;
        let state = made.state;
        let outcome = self.table.add_sync_daemon(made);
        self.record(number, Subject::SyncDaemon(state), outcome)
    }

    /// Remembers the line of an entry of the table, or makes the error of one that the table refused.
    fn record(
        &mut self,
        number: usize,
        subject: Subject,
        outcome: Result<(), TableError>,
    ) -> Result<(), Mistake> {
        match outcome {
            Ok(()) => {
                self.lines.insert(subject, number);
                Ok(())
            }
            Err(TableError::Missing {
                subject: Subject::Service(key),
            }) => Err((None, LineProblem::NoService { key })),
            Err(_) => {
                let first = self.lines.get(&subject).copied().unwrap_or_default();
                Err((None, LineProblem::Duplicate { subject, first }))
            }
        }
    }
}

fn named(draft: &Draft, command: Command) -> Result<NamedService, Mistake> {
    draft.subject.ok_or_else(|| {
        let option = OptionName::Service;
        (None, UsageError::Missing { option, command }.into())
    })
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

/// Where the word stands in the line, from 1; the last such word, else the last word that ends with it: a value
/// that is joined to its option (`-p300`, `--scheduler=rr`).
fn column(line: &str, word: &str) -> usize {
    let (mut whole, mut joined) = (None, None);
    let mut start = 0;
    for part in line.split([' ', '\t', '\r']) {
        if part == word {
            whole = Some(start);
        } else if let Some(option) = part.strip_suffix(word) {
            joined = Some(start + option.len());
        }
        start += part.len() + 1;
    }
    let before = whole.or(joined).and_then(|start| line.get(..start));
    before.unwrap_or_default().chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        assert_eq!(column("-A -t  x -p x", "x"), 13);
        assert_eq!(column("\t-A ä y", "y"), 7);
        assert_eq!(column("-A", "z"), 1);
        assert_eq!(column("-A -p:", ":"), 6);
        assert_eq!(column("-A --scheduler=rr", "rr"), 16);
    }
}
