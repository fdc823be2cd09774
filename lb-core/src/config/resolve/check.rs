// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks: what all of them know is read here, the rest by the factory of their name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lb_check::{
    ArgumentError, Arguments, BuiltCheck, CheckContext, FirstVerdict, HealthCheck, Initial, Input,
    Policy, ProbeSpec, Problem, SCHEDULE_KEYWORDS, SOCKET_KEYWORDS, Target,
};

use super::server::Place;
use super::tracking::warn_defined_below;
use super::via_vip::{Way, via_vip};
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::level::Level;
use crate::config::line::{At, Context};
use crate::config::real::RealServerConfig;
use crate::config::runtime::obsolete;
use crate::config::schedule::CheckDefaults;
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

#[derive(Clone, Default)]
struct Socket {
    ip: Option<At<IpAddr>>,
    port: Option<At<u16>>,
    source_ip: Option<At<IpAddr>>,
    source_port: Option<At<u16>>,
    device: Option<At<String>>,
    mark: Option<At<u32>>,
}

/// The lines of a check that its factory does not read.
#[derive(Default)]
struct Common {
    defaults: CheckDefaults,
    socket: Socket,
    log_all_failures: Option<At<bool>>,
}

impl Common {
    /// Reads a line if it is one of these.
    fn read(&mut self, context: &mut Context<'_>, line: NodeId, uses_socket: bool) -> bool {
        let (keyword, _) = context.keyword(line);
        match keyword {
            "log_all_failures" => {
                let value = context.boolean(line);
                context.set(line, &mut self.log_all_failures, value);
            }
            "connect_timeout" if !uses_socket => return false,
            _ if self.defaults.read(context, line, keyword) => {}
            _ if uses_socket && SOCKET_KEYWORDS.contains(&keyword) => {
                self.socket.read(context, line, keyword);
            }
            _ => return false,
        }
        true
    }

    /// These settings where they are given, else the outer ones.
    fn or(self, outer: &Self) -> Self {
        Self {
            defaults: self.defaults.or(&outer.defaults),
            socket: self.socket.or(&outer.socket),
            log_all_failures: self.log_all_failures.or(outer.log_all_failures),
        }
    }
}

/// Adds the check of a block to `checks`, or one for each `host` of an `SMTP_CHECK`; none if it cannot be made, which
/// has been reported.
pub(super) fn add_checks(
    context: &mut Context<'_>,
    place: &Place<'_>,
    real: &RealServerConfig,
    outer: &CheckDefaults,
    address: SocketAddr,
    block: NodeId,
    checks: &mut Vec<CheckSpec>,
) {
    let (name, _) = context.keyword(block);
    let Some(factory) = context.registry.get(name) else {
        return;
    };
    let uses_socket = factory.uses_socket();
    let mut common = Common::default();
    let mut arguments = Arguments::block(name, []);
    let mut hosts = Vec::new();
    arguments.tag = tag(block);
    for (count, line) in context.lines(block).enumerate() {
        let (keyword, span) = context.keyword(line);
        if count == MOST_LINES {
            let message = format!("more than {MOST_LINES} lines in `{name}`");
            context.error(span, message);
            break;
        }
        match keyword {
            _ if context.refuses_own(context.tree.level(block), keyword) => {
                context.refuse_own(line);
            }
            _ if !factory.uses_schedule() => {
                arguments.children.extend(argument(context, line, DEEPEST));
            }
            "nb_get_retry" if context.tree.level(block) == Some(Level::Http) => {
                let finding = Diagnostic::warning(span, "`nb_get_retry` is deprecated");
                context.findings.push(finding.note("write `retry`"));
                let value = context.number(line, 0..=u32::MAX);
                context.set(line, &mut common.defaults.retries, value);
            }
            "nb_get_retry" => obsolete(context, line, "write `retry`"),
            "host" if name == "SMTP_CHECK" => hosts.push(line),
            _ if common.read(context, line, uses_socket) => {}
            _ => arguments.children.extend(argument(context, line, DEEPEST)),
        }
    }
    if hosts.is_empty() {
        checks.extend(check(
            context, place, real, outer, address, block, &arguments, common,
        ));
        return;
    }
    for host in hosts {
        let own = host_lines(context, host).or(&common);
        checks.extend(check(
            context, place, real, outer, address, block, &arguments, own,
        ));
    }
}

/// The lines of a `host` of an `SMTP_CHECK`: an older form, which makes a check for each host.
fn host_lines(context: &mut Context<'_>, host: NodeId) -> Common {
    let (_, span) = context.keyword(host);
    let finding = Diagnostic::warning(span, "`host` is deprecated").silent();
    let note = "write an `SMTP_CHECK` with these lines for each host";
    context.findings.push(finding.note(note));
    context.only_block(host);
    let mut common = Common::default();
    for line in context.lines(host) {
        let (keyword, span) = context.keyword(line);
        if !common.read(context, line, true) && !keyword.is_empty() {
            let names = SOCKET_KEYWORDS.iter().chain(SCHEDULE_KEYWORDS).copied();
            let suggestion = nearest(keyword, names);
            let finding = Diagnostic::error(span, format!("unknown keyword `{keyword}`"));
            context.findings.push(finding.suggest(suggestion));
        }
    }
    common
}

/// One check of a real server; none if it cannot be made, which has been reported.
#[expect(
    clippy::too_many_arguments,
    reason = "the surroundings of a check, each used once"
)]
fn check(
    context: &mut Context<'_>,
    place: &Place<'_>,
    real: &RealServerConfig,
    outer: &CheckDefaults,
    address: SocketAddr,
    block: NodeId,
    arguments: &Arguments,
    common: Common,
) -> Option<CheckSpec> {
    let (name, span) = context.keyword(block);
    let factory = context.registry.get(name)?;
    let Common {
        mut defaults,
        socket,
        log_all_failures,
    } = common;
    defaults.exclude_contradictions(context);
    let is_own_way = defaults.via_vip.is_some();
    let settings = defaults.or(outer);
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
    surroundings.tracked_files = Some(Arc::clone(&context.checks.files));
    surroundings.scripts = place.global.script_rules.clone();
    surroundings.tls_client.clone_from(&context.ssl.client);
    let way = Way {
        name,
        own: is_own_way,
        setting: settings.via_vip,
        connects: factory.uses_socket() && name != "PING_CHECK",
        real_server: address.ip(),
        has_source: socket.source_ip.is_some(),
        excluded: [
            (socket.ip.is_some(), "connect_ip"),
            (socket.mark.is_some(), "fwmark"),
        ],
    };
    let mut built = match factory.build(arguments, &surroundings) {
        Ok(built) => built,
        Err(errors) => {
            for error in errors {
                report(context, block, error);
            }
            return None;
        }
    };
    for error in std::mem::take(&mut built.findings) {
        report(context, block, error);
    }
    let method = real.method.map_or(place.method, |at| at.value);
    let virtual_address = via_vip(context, &place.keys, method, &way);
    let target = match virtual_address {
        Some(ip) => socket.target(context, SocketAddr::new(ip, address.port())),
        None => socket.target(context, address),
    }?;
    if factory.needs_port() && target.address.port() == 0 {
        let finding = Diagnostic::error(span, format!("`{name}` has no port to connect to"));
        context
            .findings
            .push(finding.note("give the real server a port, or the check `connect_port`"));
        return None;
    }
    if !factory.uses_schedule() {
        warn_of_file_order(context, block, &*built.check);
        return Some(input_check(context, built, target));
    }
    let policy = policy(&settings, &built, interval);
    let alpha = policy.initial == Initial::Down;
    let log_all = log_all_failures.or(place.global.log_all_failures);
    let shared = context.checks.share(built.check);
    let policy = context.checks.share_policy(policy);
    let probe = ProbeSpec::with_shared(shared.check, target, policy);
    Some(CheckSpec {
        kind: shared.kind,
        probe: Arc::new(probe),
        alpha,
        log_all_failures: log_all.is_some_and(|at| at.value),
        via_vip: virtual_address.is_some(),
    })
}

/// The policy of a check by its settings, and by what its kind suggests.
fn policy(settings: &CheckDefaults, built: &BuiltCheck, interval: Duration) -> Policy {
    let time = |setting: Option<At<Duration>>, usual| setting.map_or(usual, |at| at.value);
    let alpha = settings.alpha.is_some_and(|at| at.value);
    let usual_delay = match built.retry_waits_interval {
        true => interval,
        false => built.retry_delay,
    };
    let retry_delay = time(settings.retry_delay, usual_delay);
    let mut policy = Policy::default()
        .with_interval(interval)
        .with_retries(settings.retries().unwrap_or(built.retries))
        .with_retry_delay(retry_delay)
        .with_rise(settings.rise.map_or(1, |at| at.value))
        .with_initial(if alpha { Initial::Down } else { Initial::Up })
        .with_deadline(time(settings.deadline, built.deadline));
    let jitter = settings.jitter.and_then(|at| u8::try_from(at.value).ok());
    policy.jitter = jitter.unwrap_or_default();
    policy.fast_interval = settings.fast_interval.map(|at| at.value);
    policy.down_interval = settings.down_interval.map(|at| at.value).or_else(|| {
        let waits = built.down_waits_retry_delay && policy.fast_interval.is_none();
        (waits && retry_delay > interval).then_some(retry_delay)
    });
    match settings.warmup {
        // As keepalived in all of the first round.
        Some(warmup) => policy
            .with_warmup(warmup.value)
            .with_first(FirstVerdict::OneFailure),
        None => policy,
    }
}

/// Warns about a tracked file that is defined below the check.
fn warn_of_file_order(context: &mut Context<'_>, block: NodeId, check: &dyn HealthCheck) {
    let Some(name) = check.input().map(Input::name) else {
        return;
    };
    let Some((definition, place)) = context.checks.file_places.get(name).copied() else {
        return;
    };
    let mut lines = context.lines(block);
    let named = lines.find_map(|line| {
        let word = context.arguments(line).first()?;
        (context.text(word) == name).then_some(word.span)
    });
    if let Some(span) = named.filter(|_| definition > block) {
        warn_defined_below(context, At::new(name, span), place);
    }
}

/// A check that follows an input: the state is known as soon as there is one, and each change counts.
fn input_check(context: &mut Context<'_>, built: BuiltCheck, target: Target) -> CheckSpec {
    let policy = Policy::default()
        .with_retries(built.retries)
        .with_retry_delay(built.retry_delay)
        .with_deadline(built.deadline)
        .with_warmup(Duration::ZERO);
    let shared = context.checks.share(built.check);
    let policy = context.checks.share_policy(policy);
    let probe = ProbeSpec::with_shared(shared.check, target, policy);
    CheckSpec {
        kind: shared.kind,
        probe: Arc::new(probe),
        alpha: false,
        log_all_failures: false,
        via_vip: false,
    }
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

    /// These settings where they are given, else the outer ones.
    fn or(self, outer: &Self) -> Self {
        Self {
            ip: self.ip.or(outer.ip),
            port: self.port.or(outer.port),
            source_ip: self.source_ip.or(outer.source_ip),
            source_port: self.source_port.or(outer.source_port),
            device: self.device.or_else(|| outer.device.clone()),
            mark: self.mark.or(outer.mark),
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
        "BFD_CHECK" => "name",
        _ => "",
    };
    own.split_ascii_whitespace().any(|known| known == keyword)
}
