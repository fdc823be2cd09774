// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `LDAP_CHECK { … }` to the check, and back.

use std::sync::Arc;

use super::LdapCheck;
use crate::keywords::Findings;
use crate::security::SecurityLines;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem, Secret};

const KEYWORDS: &[&str] = &["base", "login", "password", "tls", "starttls", "sni_name"];

/// Makes [`LdapCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LdapFactory;

impl CheckFactory for LdapFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let (mut base, mut login, mut password) = (None, None, None);
        let mut security = SecurityLines::default();
        for line in &arguments.children {
            let (slot, wants) = match line.name.as_str() {
                "base" => (&mut base, "the name of an entry"),
                "login" => (&mut login, "the name to bind with"),
                "password" => (&mut password, "a password"),
                "tls" | "starttls" | "sni_name" => {
                    security.read(line, &mut findings);
                    continue;
                }
                _ => {
                    findings.unknown(line, arguments, KEYWORDS, true);
                    continue;
                }
            };
            if let Some(text) = findings.single(line, wants) {
                findings.replace(line, slot, text.to_owned());
            }
        }
        let (security, server_name) = security.finish(arguments, &mut findings);
        if password.is_some() && login.is_none() {
            let (keyword, block) = ("login", arguments.name.clone());
            findings.error(arguments, Problem::Missing { keyword, block });
            return Err(findings.0);
        }
        let mut check = LdapCheck::new(base.unwrap_or_default(), context.connect_timeout)
            .with_security(security);
        check.server_name = server_name;
        check.login = login.map(|name| (name, Secret::new(password.unwrap_or_default())));
        let mut built = BuiltCheck::new(Arc::new(check));
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

impl LdapCheck {
    /// Its lines in a configuration.
    pub(super) fn to_lines(&self) -> Vec<Arguments> {
        let mut lines = vec![Arguments::seconds("connect_timeout", self.timeout)];
        if !self.base.is_empty() {
            lines.push(Arguments::line("base", [self.base.as_str()]));
        }
        if let Some((name, password)) = &self.login {
            lines.push(Arguments::line("login", [name.as_str()]));
            if !password.reveal().is_empty() {
                lines.push(Arguments::line("password", [password.reveal()]));
            }
        }
        lines.extend(self.security.lines(self.server_name.as_deref()));
        lines
    }
}
