// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks: what all of them know is read here, the rest by the factory of their name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lb_check::{
    ArgumentError, Arguments, CheckContext, Initial, Policy, ProbeSpec, Problem, SOCKET_KEYWORDS,
    Target,
};

use super::server::Place;
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::level::Level;
use crate::config::line::{At, Context};
use crate::config::method::CheckDefaults;
use crate::config::real::RealServerConfig;
use crate::config::runtime::obsolete;
use crate::config::source::Span;
use crate::config::tree::NodeId;
use crate::config::vocabulary::nearest;
use crate::model::CheckSpec;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DELAY_LOOP: Duration = Duration::from_secs(60);
/// Blocks inside each other that a factory is given, at most.
const DEEPEST: usize = 8;
/// The most lines of a block of a check: a factory gets each as a value of its own.
const MOST_LINES: usize = 4096;

#[derive(Default)]
struct Socket {
    ip: Option<At<IpAddr>>,
    port: Option<At<u16>>,
    source_ip: Option<At<IpAddr>>,
    source_port: Option<At<u16>>,
    device: Option<At<String>>,
    mark: Option<At<u32>>,
}

/// One check of a real server; none if it cannot be made, which has been reported.
pub(super) fn check(
    context: &mut Context<'_>,
    place: &Place<'_>,
    real: &RealServerConfig,
    outer: &CheckDefaults,
    address: SocketAddr,
    block: NodeId,
) -> Option<CheckSpec> {
    let (name, span) = context.keyword(block);
    let factory = context.registry.get(name)?;
    let mut own = CheckDefaults::default();
    let mut socket = Socket::default();
    let mut log_all_failures = None;
    let mut arguments = Arguments::block(name, []);
    arguments.tag = tag(block);
    for (count, line) in context.lines(block).enumerate() {
        let (keyword, span) = context.keyword(line);
        if count == MOST_LINES {
            let message = format!("more than {MOST_LINES} lines in `{name}`");
            context.error(span, message);
            break;
        }
        match keyword {
            "log_all_failures" => {
                let value = context.boolean(line);
                context.set(line, &mut log_all_failures, value);
            }
            "nb_get_retry" if context.tree.level(block) == Some(Level::Http) => {
                let finding = Diagnostic::warning(span, "`nb_get_retry` is deprecated");
                context.findings.push(finding.note("write `retry`"));
                let value = context.number(line, 0..=u32::MAX);
                context.set(line, &mut own.retries, value);
            }
            "nb_get_retry" => obsolete(context, line, "write `retry`"),
            "connect_timeout" if !factory.uses_socket() => {
                arguments.children.extend(argument(context, line, DEEPEST));
            }
            _ if own.read(context, line, keyword) => {}
            _ if factory.uses_socket() && SOCKET_KEYWORDS.contains(&keyword) => {
                socket.read(context, line, keyword);
            }
            _ => arguments.children.extend(argument(context, line, DEEPEST)),
        }
    }
    let settings = own.or(outer);
    let interval = settings.delay_loop.map_or(DELAY_LOOP, |at| at.value);
    let mut surroundings = CheckContext::new(address);
    surroundings.virtual_server.clone_from(&place.name);
    surroundings.delay_loop = place
        .written
        .checks
        .delay_loop
        .map_or(DELAY_LOOP, |at| at.value);
    surroundings.connect_timeout = settings
        .connect_timeout
        .map_or(CONNECT_TIMEOUT, |at| at.value);
    let host = real
        .virtualhost
        .as_ref()
        .or(place.written.virtualhost.as_ref());
    surroundings.virtualhost = host.map(|at| at.value.clone());
    let service_host = place.written.virtualhost.as_ref();
    surroundings.service_virtualhost = service_host.map(|at| at.value.clone());
    surroundings.scripts = place.global.script_rules.clone();
    let built = match factory.build(&arguments, &surroundings) {
        Ok(built) => built,
        Err(errors) => {
            for error in errors {
                report(context, block, error);
            }
            return None;
        }
    };
    for error in built.findings {
        report(context, block, error);
    }
    let target = socket.target(context, address)?;
    if factory.needs_port() && target.address.port() == 0 {
        let finding = Diagnostic::error(span, format!("`{name}` has no port to connect to"));
        context
            .findings
            .push(finding.note("give the real server a port, or the check `connect_port`"));
        return None;
    }
    let usual_delay = match built.retry_waits_interval {
        true => interval,
        false => built.retry_delay,
    };
    let retry_delay = settings.retry_delay.map_or(usual_delay, |at| at.value);
    let alpha = settings.alpha.is_some_and(|at| at.value);
    let mut policy = Policy::default()
        .with_interval(interval)
        .with_retries(settings.retries.map_or(built.retries, |at| at.value))
        .with_retry_delay(retry_delay)
        .with_initial(if alpha { Initial::Down } else { Initial::Up })
        .with_deadline(built.deadline);
    policy.warmup = settings.warmup.map(|at| at.value);
    if built.down_waits_retry_delay && retry_delay > interval {
        policy.down_interval = Some(retry_delay);
    }
    let log_all = log_all_failures.or(place.global.log_all_failures);
    let shared = context.checks.share(built.check);
    let policy = context.checks.share_policy(policy);
    let probe = ProbeSpec::with_identity(shared.check, shared.identity, target, policy);
    Some(CheckSpec {
        kind: shared.kind,
        probe: Arc::new(probe),
        alpha,
        log_all_failures: log_all.is_some_and(|at| at.value),
    })
}

impl Socket {
    fn read(&mut self, context: &mut Context<'_>, line: NodeId, keyword: &str) {
        match keyword {
            "connect_ip" | "bindto" => {
                let text = context.value(line, "an address");
                let value = text.and_then(|text| context.address_without_prefix(text));
                let slot = if keyword == "bindto" {
                    &mut self.source_ip
                } else {
                    &mut self.ip
                };
                context.set(line, slot, value);
            }
            "connect_port" | "bind_port" => {
                let number = context.number(line, 1..=65535);
                let value =
                    number.and_then(|at| Some(At::new(u16::try_from(at.value).ok()?, at.span)));
                let slot = if keyword == "bind_port" {
                    &mut self.source_port
                } else {
                    &mut self.port
                };
                context.set(line, slot, value);
            }
            "bind_if" => {
                let text = context.value(line, "the name of an interface");
                let value = text.and_then(|text| context.interface(text));
                context.set(line, &mut self.device, value);
            }
            _ => {
                let value = context.number(line, 0..=u32::MAX);
                context.set(line, &mut self.mark, value);
            }
        }
    }

    /// None if the check cannot get there, which has been reported.
    fn target(self, context: &mut Context<'_>, real_server: SocketAddr) -> Option<Target> {
        let ip = self.ip.map_or_else(|| real_server.ip(), |at| at.value);
        let port = self.port.map_or_else(|| real_server.port(), |at| at.value);
        let mut target = Target::new(SocketAddr::new(ip, port));
        let any = if ip.is_ipv4() {
            IpAddr::from(std::net::Ipv4Addr::UNSPECIFIED)
        } else {
            IpAddr::from(std::net::Ipv6Addr::UNSPECIFIED)
        };
        if let Some(source) = self
            .source_ip
            .filter(|at| at.value.is_ipv4() != ip.is_ipv4())
        {
            context.findings.push(
                Diagnostic::error(source.span, "not of the address family of what is checked")
                    .note("the check is left out"),
            );
            return None;
        }
        if self.source_ip.is_some() || self.source_port.is_some() {
            let ip = self.source_ip.map_or(any, |at| at.value);
            let port = self.source_port.map_or(0, |at| at.value);
            target = target.with_source(SocketAddr::new(ip, port));
        }
        if let Some(mark) = self.mark.filter(|at| at.value != 0) {
            target = target.with_mark(mark.value);
        }
        if let Some(device) = self.device {
            target = target.with_device(device.value);
        }
        Some(target)
    }
}

/// 0 is no place.
fn tag(line: NodeId) -> usize {
    line.0 as usize + 1
}

/// A line as a factory gets it.
fn argument(context: &mut Context<'_>, line: NodeId, depth: usize) -> Option<Arguments> {
    let (keyword, span) = context.keyword(line);
    let words = context.arguments(line);
    if context.tree.words(line).is_empty() {
        return None; // A block without a keyword has been reported.
    }
    let mut arguments = Arguments::line(keyword, words.iter().map(|word| context.text(word)));
    arguments.tag = tag(line);
    if let [first, .., last] | [first @ last] = words {
        let rest = first.span.to(last.span);
        arguments.raw = context.sources.text(rest).to_owned();
    }
    arguments.has_block = context.tree.has_block(line);
    if arguments.has_block && depth == 0 {
        context.error(span, "too many blocks inside each other");
        return None;
    }
    for (count, child) in context.lines(line).enumerate() {
        if count == MOST_LINES {
            context.error(span, format!("more than {MOST_LINES} lines in `{keyword}`"));
            break;
        }
        arguments
            .children
            .extend(argument(context, child, depth - 1));
    }
    Some(arguments)
}

/// Reports the error of a factory as a finding with a place in the file.
fn report(context: &mut Context<'_>, block: NodeId, error: ArgumentError) {
    let line = error
        .tag
        .checked_sub(1)
        .and_then(|id| u32::try_from(id).ok());
    let line = line.map_or(block, NodeId);
    let (_, span) = context.keyword(line);
    let severity = match error.severity {
        lb_check::Severity::Error => Severity::Error,
        lb_check::Severity::Warning => Severity::Warning,
    };
    let say = |message: String| Diagnostic::new(severity, span, message);
    let mut suggestion = error.suggestion;
    let finding = match error.problem {
        Problem::UnknownKeyword {
            keyword,
            block: inner,
            expected,
        } => {
            let level = match inner.as_str() {
                "url" => Some(Level::Url),
                _ => context.tree.level(block),
            };
            let (check, _) = context.keyword(block);
            let known = match level {
                Some(Level::Check) => check_knows(check, &keyword),
                level => level.is_some_and(|level| context.vocabulary.knows(level, &keyword)),
            };
            if known {
                not_yet(Severity::Warning, span, &keyword)
            } else {
                let names = expected.iter().copied();
                suggestion = suggestion.or_else(|| nearest(&keyword, names).map(str::to_owned));
                let finding = say(format!("unknown keyword `{keyword}`"));
                let home = context.vocabulary.home(&keyword);
                let home = home.filter(|_| suggestion.is_none());
                home.into_iter().fold(finding, Diagnostic::note)
            }
        }
        Problem::Unsupported { keyword } => not_yet(severity, span, &keyword).silent(),
        Problem::Missing { keyword, block } => say(format!("`{block}` needs `{keyword}`")),
        Problem::MissingValue { keyword, wants } => say(format!("`{keyword}` needs {wants}")),
        Problem::InvalidValue { value, wants } => {
            let words = context.arguments(line);
            let word = words.iter().find(|word| context.text(word) == value);
            let place = word.map_or(span, |word| word.span);
            Diagnostic::new(severity, place, format!("`{value}` is not {wants}"))
        }
        Problem::ExtraWords { words, .. } => {
            let extra = words.split(' ').count();
            let taken = context.arguments(line).len().saturating_sub(extra);
            context.extra(line, taken);
            return;
        }
        Problem::Repeated { keyword, counts } => {
            say(format!("`{keyword}` is given again")).note(format!("the {counts} one holds"))
        }
        Problem::NoEffect { keyword, block } => {
            say(format!("`{keyword}` has no effect in `{block}`"))
        }
        Problem::NotExecutable { program, why } => {
            let place = context
                .arguments(line)
                .first()
                .map_or(span, |word| word.span);
            let message = format!("cannot execute `{program}`: {why}");
            let finding = Diagnostic::new(severity, place, message).silent();
            finding.note("the check is left out")
        }
        Problem::ShellSyntax { .. } | Problem::Insecure { .. } | Problem::Refused { .. } => {
            say(error.problem.to_string()).silent()
        }
        other => say(other.to_string()),
    };
    context.findings.push(match suggestion {
        // A whole line is advice, not a word to put in place of another.
        Some(advice) if advice.contains(' ') => finding.note(advice),
        word => finding.suggest(word),
    });
}

fn not_yet(severity: Severity, span: Span, keyword: &str) -> Diagnostic {
    let message = format!("`{keyword}` is a known keepalived keyword and is not supported yet");
    Diagnostic::new(severity, span, message).label("ignored")
}

/// Whether this check of keepalived knows this keyword, beside those that are read for every check.
fn check_knows(check: &str, keyword: &str) -> bool {
    let own = match check {
        "MISC_CHECK" => "misc_path misc_timeout misc_dynamic user",
        "SMTP_CHECK" => "helo_name host",
        "BFD_CHECK" => "name",
        "FILE_CHECK" => "track_file weight",
        _ => "",
    };
    own.split_ascii_whitespace().any(|known| known == keyword)
}
