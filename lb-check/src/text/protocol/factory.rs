// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `SMTP_CHECK { … }` and its like to the check.

use std::sync::Arc;

use super::{Login, ProtocolCheck, Security, TextProtocol};
use crate::keywords::Findings;
use crate::text::Secret;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem};

/// Makes [`ProtocolCheck`]s of one protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProtocolFactory(pub(crate) TextProtocol);

/// The lines of a block that depend on each other.
#[derive(Default)]
struct Lines {
    tls: bool,
    starts_tls: bool,
    user: Option<String>,
    password: Option<String>,
}

impl CheckFactory for ProtocolFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut check = ProtocolCheck::new(self.0, context.connect_timeout);
        let mut lines = Lines::default();
        let (mut name, mut helo_name) = (None, None);
        for line in &arguments.children {
            let keyword = line.name.as_str();
            if !self.words().contains(&keyword) {
                findings.unknown(line, arguments, self.words(), true);
                continue;
            }
            match keyword {
                "ehlo" => check.ehlo = findings.boolean(line).unwrap_or(check.ehlo),
                "tls" => lines.tls = findings.boolean(line).unwrap_or(lines.tls),
                "starttls" => {
                    lines.starts_tls = findings.boolean(line).unwrap_or(lines.starts_tls);
                }
                "helo_name" => findings.set_word(line, "a name", &mut helo_name),
                "sni" => findings.set_word(line, "a host name", &mut name),
                "login" => findings.set_word(line, "a user", &mut lines.user),
                "password" => findings.set_word(line, "a password", &mut lines.password),
                // The configuration makes a check of each `host`.
                _ => findings.warn_no_effect(line, arguments),
            }
        }
        check.helo_name = helo_name.unwrap_or(check.helo_name);
        check.login = self.read_login(arguments, &mut lines, &mut findings);
        check = check.with_security(match lines {
            Lines { tls: true, .. } => Security::Tls,
            Lines { starts_tls, .. } if starts_tls => Security::StartTls,
            _ => Security::Plain,
        });
        for line in &arguments.children {
            let is_void = match line.name.as_str() {
                "starttls" => lines.tls && lines.starts_tls,
                "sni" => check.security == Security::Plain,
                _ => false,
            };
            if is_void {
                findings.warn_no_effect(line, arguments);
            }
        }
        check.server_name = name.filter(|_| check.security != Security::Plain);
        let mut built = BuiltCheck::new(Arc::new(check));
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        self.words()
    }
}

impl ProtocolFactory {
    const fn words(self) -> &'static [&'static str] {
        match self.0 {
            TextProtocol::Smtp => &["helo_name", "host", "ehlo", "tls", "starttls", "sni"],
            TextProtocol::Redis => &["login", "password", "tls", "sni"],
            _ => &["login", "password", "tls", "starttls", "sni"],
        }
    }

    fn read_login(
        self,
        block: &Arguments,
        lines: &mut Lines,
        findings: &mut Findings,
    ) -> Option<Login> {
        let (user, password) = (lines.user.take(), lines.password.take());
        let missing = match (&user, &password) {
            (None, None) => return None,
            (Some(_), None) => "password",
            (None, Some(_)) if self.0 != TextProtocol::Redis => "login",
            _ => {
                let password = Secret::new(password.unwrap_or_default());
                return Some(Login::new(user.unwrap_or_default(), password));
            }
        };
        let block_name = block.name.clone();
        let problem = Problem::Missing {
            keyword: missing,
            block: block_name,
        };
        findings.error(block, problem);
        None
    }
}
