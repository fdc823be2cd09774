// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the program runs: the words of `global_defs` and of the top of a file about processes, files,
//! reloads, the IPVS table and the packet filter.

use std::time::Duration;

use lb_ipvs::Timeouts;

use crate::model::{
    CheckSettings, Global, IpvsNamespace, IpvsSettings, MarkRange, PacketFilterSettings,
    ReloadFile, RuntimeSettings,
};

use super::Diagnostic;
use super::command::Line;
use super::line::{At, Context};
use super::scheduling::SchedulingConfig;
use super::tree::NodeId;

/// Longest time of `lvs_timeouts`, in seconds: 31 days.
const LONGEST_TIMEOUT: u32 = 2_678_400;
/// Longest name of a process.
const PROCESS_NAME: usize = 15;

#[derive(Debug, Default)]
pub(super) struct RuntimeConfig {
    pub(super) instance: Option<At<String>>,
    pub(super) network_namespace: Option<At<String>>,
    pub(super) ipvs_namespace: Option<At<IpvsNamespace>>,
    pub(super) pid_directory: Option<At<bool>>,
    pub(super) child_wait: Option<At<Duration>>,
    pub(super) default_names: Option<At<bool>>,
    pub(super) main_name: Option<At<String>>,
    pub(super) vrrp_name: Option<At<String>>,
    pub(super) checker_name: Option<At<String>>,
    pub(super) bfd_name: Option<At<String>>,
    pub(super) umask: Option<At<u32>>,
    pub(super) random_seed: Option<At<u32>>,
    pub(super) reload_time_file: Option<At<String>>,
    pub(super) reload_repeat: Option<At<bool>>,
    /// The log of the check, if it has one.
    pub(super) reload_check: Option<At<Option<String>>>,
    pub(super) reload_file: Option<At<ReloadFile>>,
    pub(super) state_dump: Option<At<String>>,
    pub(super) stats_dump: Option<At<String>>,
    pub(super) json_dump: Option<At<String>>,
    pub(super) json_version: Option<At<u32>>,
    pub(super) dumps_use_instance: Option<At<bool>>,
    pub(super) startup: Option<Line>,
    pub(super) startup_timeout: Option<At<Duration>>,
    pub(super) shutdown: Option<Line>,
    pub(super) shutdown_timeout: Option<At<Duration>>,
    pub(super) timeouts: Option<At<Timeouts>>,
    pub(super) flush: Option<At<bool>>,
    /// Whether the whole table is deleted at the stop.
    pub(super) flush_on_stop: Option<At<bool>>,
    pub(super) no_check_mails: Option<At<bool>>,
    pub(super) check_scheduling: SchedulingConfig,
    pub(super) via_vip_marks: Option<At<MarkRange>>,
    pub(super) filter_table: Option<At<String>>,
    pub(super) filter_priority: Option<At<i32>>,
    pub(super) filter_counters: Option<At<bool>>,
    pub(super) filter_interface_index: Option<At<bool>>,
    /// Words about SNMP and D-Bus.
    pub(super) management: Vec<(String, super::Span)>,
}

/// Reads the first and the last mark of `via_vip_marks`.
pub(super) fn mark_range(context: &mut Context<'_>, line: NodeId) -> Option<At<MarkRange>> {
    const WANTS: &str = "the first and the last mark";
    let first = context.argument(line, 0, WANTS)?;
    let last = context.argument(line, 1, WANTS)?;
    context.only(line, 2);
    let first = context.number_in(line, first, 1..=u32::MAX)?;
    let last = context.number_in(line, last, 1..=u32::MAX)?;
    let range = MarkRange::new(first.value, last.value);
    if range.is_none() {
        context.error(last.span, "the last mark is below the first one");
    }
    Some(At::new(range?, first.span.to(last.span)))
}

impl RuntimeConfig {
    /// Writes the settings into the model; a word about SNMP or D-Bus gives one warning for all of them.
    pub(super) fn resolve(&self, context: &mut Context<'_>, global: &mut Global) {
        let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
        let is_on = |at: Option<At<bool>>| at.is_some_and(|at| at.value);
        let mut runtime = RuntimeSettings {
            instance: text(&self.instance),
            network_namespace: text(&self.network_namespace),
            pid_directory: is_on(self.pid_directory),
            umask: self.umask.map(|at| at.value),
            random_seed: self.random_seed.map(|at| at.value),
            ..RuntimeSettings::default()
        };
        if let Some(at) = &self.ipvs_namespace {
            runtime.ipvs_namespace = at.value.clone();
        }
        if let Some(at) = self.child_wait {
            runtime.child_wait = at.value;
        }
        runtime.names.defaults = is_on(self.default_names);
        runtime.names.main = text(&self.main_name);
        runtime.names.vrrp = text(&self.vrrp_name);
        runtime.names.checker = text(&self.checker_name);
        runtime.names.bfd = text(&self.bfd_name);
        runtime.reload.time_file = text(&self.reload_time_file).map(Into::into);
        runtime.reload.repeat = is_on(self.reload_repeat);
        runtime.reload.check = self.reload_check.is_some();
        let log = self.reload_check.as_ref().and_then(|at| at.value.clone());
        runtime.reload.check_log = log.map(Into::into);
        runtime.reload.file = self.reload_file.as_ref().map(|at| at.value.clone());
        runtime.dumps.state = text(&self.state_dump).map(Into::into);
        runtime.dumps.stats = text(&self.stats_dump).map(Into::into);
        runtime.dumps.json = text(&self.json_dump).map(Into::into);
        let version = self.json_version.and_then(|at| u8::try_from(at.value).ok());
        runtime.dumps.json_version = version.unwrap_or(1);
        runtime.dumps.use_instance = is_on(self.dumps_use_instance);
        global.runtime = runtime;
        global.ipvs = IpvsSettings {
            timeouts: self.timeouts.map(|at| at.value),
            flush: is_on(self.flush),
            flush_on_stop: is_on(self.flush_on_stop),
        };
        global.checks = CheckSettings {
            no_check_mails: is_on(self.no_check_mails),
            scheduling: self.check_scheduling.scheduling(),
            ssl: context.ssl.files.clone(),
            via_vip_marks: self.via_vip_marks.map(|at| at.value).unwrap_or_default(),
        };
        global.packet_filter = PacketFilterSettings {
            table: text(&self.filter_table),
            priority: self.filter_priority.map(|at| at.value),
            counters: is_on(self.filter_counters),
            interface_index: is_on(self.filter_interface_index),
        };
        self.warn_of_management(context);
    }

    fn warn_of_management(&self, context: &mut Context<'_>) {
        let Some((_, first)) = self.management.first() else {
            return;
        };
        let names: Vec<String> = self
            .management
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let finding = Diagnostic::warning(*first, "SNMP and D-Bus are not supported").silent();
        let finding = finding.label(format!("without effect: {}", names.join(", ")));
        let note = "`lbctl status --json` has the state and the counters";
        context.findings.push(finding.note(note));
    }

    /// Notes a word about SNMP or D-Bus.
    pub(super) fn management(&mut self, context: &mut Context<'_>, line: NodeId) {
        context.no_block(line);
        let (name, span) = context.keyword(line);
        self.management.push((name.to_owned(), span));
    }

    /// `tcp N tcpfin N udp N`, each at most once.
    pub(super) fn timeouts(&mut self, context: &mut Context<'_>, line: NodeId) {
        context.no_block(line);
        let (_, span) = context.keyword(line);
        let mut timeouts = Timeouts {
            tcp: Duration::ZERO,
            tcp_fin: Duration::ZERO,
            udp: Duration::ZERO,
        };
        let words = context.arguments(line);
        if words.len() < 2 {
            context.error(
                span,
                "`lvs_timeouts` needs `tcp`, `tcpfin` or `udp` and a time",
            );
            return;
        }
        for pair in words.chunks(2) {
            let [name, value] = pair else {
                let message = "a time is missing at the end of `lvs_timeouts`";
                context.error(span, message);
                return;
            };
            let name = At::new(context.text(name), name.span);
            let choices = [("tcp", 0), ("tcpfin", 1), ("udp", 2)];
            let Some(which) = context.one_of(name, "a kind of timeout", &choices) else {
                return;
            };
            let value = At::new(context.text(value), value.span);
            let Some(seconds) = context.number_in(line, value, 0..=LONGEST_TIMEOUT) else {
                continue;
            };
            let time = Duration::from_secs(u64::from(seconds.value));
            match which.value {
                0 => timeouts.tcp = time,
                1 => timeouts.tcp_fin = time,
                _ => timeouts.udp = time,
            }
        }
        context.set(line, &mut self.timeouts, Some(At::new(timeouts, span)));
    }

    /// Alone it is about the whole table; with `VS` about our own services, which go in any case.
    pub(super) fn flush_on_stop(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = if context.arguments(line).is_empty() {
            Some(context.flag(line))
        } else {
            let text = context.value(line, "VS");
            text.and_then(|text| context.one_of(text, "VS", &[("VS", false)]))
        };
        context.set(line, &mut self.flush_on_stop, value);
    }

    /// A number in the notation of C, or bits such as `IRUSR|IWGRP`.
    pub(super) fn umask(&mut self, context: &mut Context<'_>, line: NodeId) {
        const BITS: [(&str, u32); 12] = [
            ("IRUSR", 0o400),
            ("IWUSR", 0o200),
            ("IXUSR", 0o100),
            ("IRWXU", 0o700),
            ("IRGRP", 0o040),
            ("IWGRP", 0o020),
            ("IXGRP", 0o010),
            ("IRWXG", 0o070),
            ("IROTH", 0o004),
            ("IWOTH", 0o002),
            ("IXOTH", 0o001),
            ("IRWXO", 0o007),
        ];
        context.no_block(line);
        let Some(first) = context.argument(line, 0, "mode bits") else {
            return;
        };
        let words = context.arguments(line);
        let texts: Vec<&str> = words.iter().map(|word| context.text(word)).collect();
        let all = texts.concat();
        let number = match (all.strip_prefix("0x"), all.strip_prefix('0')) {
            (Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
            (None, Some(digits)) if !digits.is_empty() => u32::from_str_radix(digits, 8).ok(),
            _ => all.parse().ok(),
        };
        let is_number = all.starts_with(|c: char| c.is_ascii_digit());
        let mask = if is_number {
            number.filter(|mask| *mask <= 0o777)
        } else {
            all.split('|').try_fold(0, |mask, name| {
                let bit = BITS.iter().find(|(known, _)| *known == name)?;
                Some(mask | bit.1)
            })
        };
        match mask {
            Some(mask) => context.set(line, &mut self.umask, Some(At::new(mask, first.span))),
            None => {
                let finding = context.not_a(first, "a mask of mode bits", None);
                let note = "a number to 0777, or bits such as `IRWXG|IRWXO`";
                context.findings.push(finding.note(note));
            }
        }
    }

    pub(super) fn ipvs_namespace(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = if context.arguments(line).is_empty() {
            At::new(IpvsNamespace::Initial, context.flag(line).span)
        } else {
            let Some(text) = context.value(line, "a network namespace") else {
                return;
            };
            At::new(IpvsNamespace::Named(text.value.to_owned()), text.span)
        };
        context.set(line, &mut self.ipvs_namespace, Some(value));
    }

    pub(super) fn reload_check(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = optional_text(context, line, "a file");
        context.set(line, &mut self.reload_check, value);
    }

    pub(super) fn reload_file(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = optional_text(context, line, "a file").map(|at| {
            let file = match at.value {
                Some(path) => ReloadFile::Path(path.into()),
                None => ReloadFile::Default,
            };
            At::new(file, at.span)
        });
        context.set(line, &mut self.reload_file, value);
    }

    pub(super) fn filter_table(&mut self, context: &mut Context<'_>, line: NodeId) {
        let value = optional_text(context, line, "the name of a table");
        let value = value.map(|at| {
            let name = at.value.unwrap_or_else(|| "keepalived".to_owned());
            At::new(name, at.span)
        });
        context.set(line, &mut self.filter_table, value);
    }

    pub(super) fn filter_priority(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(text) = context.value(line, "a number") else {
            return;
        };
        match text.value.parse() {
            Ok(number) => {
                let value = At::new(number, text.span);
                context.set(line, &mut self.filter_priority, Some(value));
            }
            Err(_) => {
                let finding = context.not_a(text, "a priority", None);
                context.findings.push(finding);
            }
        }
    }
}

/// One optional word.
fn optional_text(
    context: &mut Context<'_>,
    line: NodeId,
    wants: &str,
) -> Option<At<Option<String>>> {
    if context.arguments(line).is_empty() {
        return Some(At::new(None, context.flag(line).span));
    }
    let text = context.value(line, wants)?;
    Some(At::new(Some(text.value.to_owned()), text.span))
}

/// One word; of several lines the first one holds.
pub(super) fn first_text(
    context: &mut Context<'_>,
    line: NodeId,
    wants: &str,
    slot: &mut Option<At<String>>,
) {
    let value = context.string(line, wants);
    set_first(context, line, slot, value);
}

/// Sets a value; of several lines the first one holds.
pub(super) fn set_first<T>(
    context: &mut Context<'_>,
    line: NodeId,
    slot: &mut Option<At<T>>,
    value: Option<At<T>>,
) {
    let Some(value) = value else { return };
    let Some(first) = slot else {
        *slot = Some(value);
        return;
    };
    let (keyword, span) = context.keyword(line);
    let finding = Diagnostic::warning(span, format!("`{keyword}` is given again"));
    let finding = finding.label("ignored");
    context
        .findings
        .push(finding.note_at(first.span, "this one holds"));
}

/// The name of a process; a longer one is cut.
pub(super) fn process_name(context: &mut Context<'_>, line: NodeId) -> Option<At<String>> {
    let text = context.value(line, "a name")?;
    let mut name = text.value.to_owned();
    if name.len() > PROCESS_NAME {
        let finding = Diagnostic::warning(text.span, "a process name has at most 15 bytes");
        let ends = (0..=PROCESS_NAME).rev();
        let end = ends.into_iter().find(|end| name.is_char_boundary(*end));
        name.truncate(end.unwrap_or(0));
        context
            .findings
            .push(finding.label(format!("cut to `{name}`")));
    }
    Some(At::new(name, text.span))
}

/// Warns of a keyword about iptables: the packet filter uses nftables.
pub(super) fn iptables(context: &mut Context<'_>, line: NodeId) {
    context.no_block(line);
    let (keyword, span) = context.keyword(line);
    let message = format!("`{keyword}` has no effect: the packet filter uses nftables");
    let finding = Diagnostic::warning(span, message).label("ignored");
    context.findings.push(finding.note("write `nftables`"));
}

/// Warns of a keyword that is valid and has no effect in this version.
pub(super) fn does_not_run(context: &mut Context<'_>, line: NodeId) {
    let (keyword, span) = context.keyword(line);
    let message = format!("`{keyword}` has no effect in this version");
    let finding = Diagnostic::warning(span, message).label("ignored").silent();
    context.findings.push(finding);
}

/// Warns of a keyword that keepalived has not had for long.
pub(super) fn obsolete(context: &mut Context<'_>, line: NodeId, instead: &str) {
    context.no_block(line);
    let (keyword, span) = context.keyword(line);
    let message = format!("`{keyword}` has had no effect for long");
    let finding = Diagnostic::warning(span, message).label("ignored");
    context.findings.push(finding.note(instead));
}
