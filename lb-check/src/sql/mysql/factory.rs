// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `MYSQL_CHECK { … }` to the check, and back.

use std::sync::Arc;

use super::MysqlCheck;
use crate::keywords::Findings;
use crate::security::SecurityLines;
use crate::{
    ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem, Secret, Security,
};

const KEYWORDS: &[&str] = &["login", "password", "starttls", "sni_name"];

/// Makes [`MysqlCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MysqlFactory;

impl CheckFactory for MysqlFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let (mut login, mut password) = (None, None);
        let mut security = SecurityLines::default();
        for line in &arguments.children {
            match line.name.as_str() {
                "login" => {
                    if let Some(text) = findings.single(line, "the name of a user") {
                        findings.replace(line, &mut login, text.to_owned());
                    }
                }
                "password" => {
                    if let Some(text) = findings.single(line, "a password") {
                        findings.replace(line, &mut password, text.to_owned());
                    }
                }
                "starttls" | "sni_name" => security.read(line, &mut findings),
                _ => findings.unknown(line, arguments, KEYWORDS, true),
            }
        }
        let (security, server_name) = security.finish(arguments, &mut findings);
        if login.is_none() && (password.is_some() || security != Security::Plain) {
            let (keyword, block) = ("login", arguments.name.clone());
            findings.error(arguments, Problem::Missing { keyword, block });
            return Err(findings.0);
        }
        let mut check = MysqlCheck::new(context.connect_timeout).with_security(security);
        check.server_name = server_name;
        check.user = login.map(|user| (user, Secret::new(password.unwrap_or_default())));
        let mut built = BuiltCheck::new(Arc::new(check));
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

impl MysqlCheck {
    /// Its lines in a configuration.
    pub(super) fn to_lines(&self) -> Vec<Arguments> {
        let mut lines = vec![Arguments::seconds("connect_timeout", self.timeout)];
        if let Some((user, password)) = &self.user {
            lines.push(Arguments::line("login", [user.as_str()]));
            if !password.reveal().is_empty() {
                lines.push(Arguments::line("password", [password.reveal()]));
            }
        }
        lines.extend(self.security.lines(self.server_name.as_deref()));
        lines
    }
}
