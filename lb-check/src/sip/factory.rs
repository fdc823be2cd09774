// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `SIP_CHECK { … }` to the check.

use std::sync::Arc;

use super::SipCheck;
use crate::datagram::status_codes;
use crate::keywords::Findings;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory};

const KEYWORDS: &[&str] = &["login", "user", "tcp", "status_code"];

/// Makes [`SipCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SipFactory;

impl CheckFactory for SipFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut check = SipCheck::new(context.connect_timeout);
        let mut tcp = None;
        for line in &arguments.children {
            match line.name.as_str() {
                "login" | "user" => {
                    let wants = "the user part of a SIP address, or user@host";
                    if let Some(text) = findings.single(line, wants) {
                        if is_user(text) {
                            findings.replace(line, &mut check.user, text.to_owned());
                        } else {
                            findings.invalid(line, text, wants);
                        }
                    }
                }
                "tcp" => {
                    findings.extra(line, 0);
                    findings.replace(line, &mut tcp, true);
                }
                "status_code" => {
                    status_codes(line, &(200..=699), &mut check.status, &mut findings);
                }
                _ => findings.unknown(line, arguments, KEYWORDS, true),
            }
        }
        check.tcp = tcp.unwrap_or_default();
        let deadline = context.connect_timeout + BuiltCheck::SLACK;
        let mut built = BuiltCheck::new(Arc::new(check)).with_deadline(deadline);
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

/// Whether a text can stand in the first line of a request without changing its form.
fn is_user(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}
