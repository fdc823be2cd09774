// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `RADIUS_CHECK { … }` to the check.

use std::sync::Arc;

use super::RadiusCheck;
use super::packet::{LONGEST_PASSWORD, LONGEST_VALUE};
use crate::keywords::Findings;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem};

const KEYWORDS: &[&str] = &[
    "login",
    "user",
    "password",
    "passwd",
    "secret",
    "accept_reject",
];

/// Makes [`RadiusCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RadiusFactory;

impl CheckFactory for RadiusFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let [mut user, mut password, mut secret] = [None, None, None];
        let mut accept_reject = None;
        for line in &arguments.children {
            match line.name.as_str() {
                "login" | "user" => {
                    text(line, "a user name", LONGEST_VALUE, &mut user, &mut findings);
                }
                "password" | "passwd" => {
                    let most = LONGEST_PASSWORD;
                    text(line, "a password", most, &mut password, &mut findings);
                }
                "secret" => {
                    text(line, "a secret", usize::MAX, &mut secret, &mut findings);
                }
                "accept_reject" => {
                    findings.extra(line, 0);
                    findings.replace(line, &mut accept_reject, true);
                }
                _ => findings.unknown(line, arguments, KEYWORDS, true),
            }
        }
        let (Some(user), Some(secret)) = (&user, &secret) else {
            let missing = [("login", user), ("secret", secret)];
            for (keyword, _) in missing.into_iter().filter(|(_, value)| value.is_none()) {
                let block = arguments.name.clone();
                findings.error(arguments, Problem::Missing { keyword, block });
            }
            return Err(findings.0);
        };
        let password = password.unwrap_or_default();
        let mut check = RadiusCheck::new(context.connect_timeout, user, password, secret);
        check.accept_reject = accept_reject.unwrap_or_default();
        let deadline = context.connect_timeout + BuiltCheck::SLACK;
        let mut built = BuiltCheck::new(Arc::new(check)).with_deadline(deadline);
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

/// Reads a text that may be a secret: a finding does not show it.
fn text(
    line: &Arguments,
    wants: &'static str,
    most: usize,
    slot: &mut Option<String>,
    findings: &mut Findings,
) {
    let Some(value) = findings.single(line, wants) else {
        return;
    };
    if value.is_empty() || value.len() > most {
        let length = match most {
            usize::MAX => "at least one byte".to_owned(),
            most => format!("1 to {most} bytes"),
        };
        let text = format!("'{}' needs {wants} of {length}", line.name);
        findings.error(line, Problem::Other(text));
    } else {
        findings.replace(line, slot, value.to_owned());
    }
}
