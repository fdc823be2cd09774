// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `UDP_CHECK { … }` to the check.

use std::sync::Arc;

use super::{UdpCheck, UdpPattern, UdpReply};
use crate::keywords::Findings;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem};

const KEYWORDS: &[&str] = &[
    "payload",
    "require_reply",
    "min_reply_length",
    "max_reply_length",
];

/// Makes [`UdpCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UdpFactory;

impl CheckFactory for UdpFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut payload = None;
        let mut pattern = None;
        let mut shortest = None;
        let mut longest = None;
        for line in &arguments.children {
            match line.name.as_str() {
                "payload" => {
                    findings.some(line, "hexadecimal digits");
                    if let Some(bytes) = digits(line, &mut findings) {
                        match bytes.bytes() {
                            Some(bytes) if !line.values.is_empty() => {
                                findings.replace(line, &mut payload, bytes);
                            }
                            Some(_) => {}
                            None => {
                                let wants = "a row of hexadecimal digits";
                                findings.invalid(line, &line.values.concat(), wants);
                            }
                        }
                    }
                }
                "require_reply" => {
                    if let Some(value) = digits(line, &mut findings) {
                        findings.replace(line, &mut pattern, value);
                    }
                }
                "min_reply_length" => length(line, &mut shortest, &mut findings),
                "max_reply_length" => length(line, &mut longest, &mut findings),
                _ => findings.unknown(line, arguments, KEYWORDS, true),
            }
        }
        let mut reply = UdpReply::new(pattern.clone().unwrap_or_default());
        reply.shortest = shortest.unwrap_or(reply.shortest);
        reply.longest = longest.unwrap_or(reply.longest);
        if reply.shortest > reply.longest {
            let (shortest, longest) = (reply.shortest, reply.longest);
            let text = format!(
                "'min_reply_length' {shortest} is greater than 'max_reply_length' {longest}: no reply passes"
            );
            findings.warning(arguments, Problem::Other(text));
        }
        let mut check = UdpCheck::new(context.connect_timeout);
        check.payload = payload.unwrap_or(check.payload);
        check.reply = pattern.map(|_| reply);
        let deadline = context.connect_timeout + BuiltCheck::SLACK;
        let mut built = BuiltCheck::new(Arc::new(check)).with_deadline(deadline);
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

/// The digits of all words of a line.
fn digits(line: &Arguments, findings: &mut Findings) -> Option<UdpPattern> {
    let text = line.values.concat();
    match text.parse() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let wants = match error {
                super::InvalidDigits::Odd => "an even number of hexadecimal digits",
                super::InvalidDigits::Digit(_) => "a row of hexadecimal digits",
            };
            findings.invalid(line, &text, wants);
            None
        }
    }
}

fn length(line: &Arguments, slot: &mut Option<u16>, findings: &mut Findings) {
    let wants = "a number of bytes from 0 to 65535";
    if let Some(text) = findings.single(line, wants) {
        match text.parse() {
            Ok(value) => findings.replace(line, slot, value),
            Err(_) => findings.invalid(line, text, wants),
        }
    }
}
