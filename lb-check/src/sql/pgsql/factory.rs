// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `PGSQL_CHECK { … }` to the check, and back.

use std::sync::Arc;

use super::PgsqlCheck;
use crate::keywords::Findings;
use crate::security::SecurityLines;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem};

const KEYWORDS: &[&str] = &["login", "database", "starttls", "sni_name"];

/// Makes [`PgsqlCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PgsqlFactory;

impl CheckFactory for PgsqlFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let (mut login, mut database) = (None, None);
        let mut security = SecurityLines::default();
        for line in &arguments.children {
            match line.name.as_str() {
                "login" => {
                    if let Some(text) = findings.single(line, "the name of a user") {
                        findings.replace(line, &mut login, text.to_owned());
                    }
                }
                "database" => {
                    if let Some(text) = findings.single(line, "the name of a database") {
                        findings.replace(line, &mut database, text.to_owned());
                    }
                }
                "starttls" | "sni_name" => security.read(line, &mut findings),
                _ => findings.unknown(line, arguments, KEYWORDS, true),
            }
        }
        let (security, server_name) = security.finish(arguments, &mut findings);
        let Some(login) = login else {
            let (keyword, block) = ("login", arguments.name.clone());
            findings.error(arguments, Problem::Missing { keyword, block });
            return Err(findings.0);
        };
        let mut check = PgsqlCheck::new(login, context.connect_timeout).with_security(security);
        check.server_name = server_name;
        check.database = database;
        let mut built = BuiltCheck::new(Arc::new(check));
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

impl PgsqlCheck {
    /// Its lines in a configuration.
    pub(super) fn to_lines(&self) -> Vec<Arguments> {
        let mut lines = vec![
            Arguments::seconds("connect_timeout", self.timeout),
            Arguments::line("login", [self.user.as_str()]),
        ];
        if let Some(database) = &self.database {
            lines.push(Arguments::line("database", [database.as_str()]));
        }
        lines.extend(self.security.lines(self.server_name.as_deref()));
        lines
    }
}
