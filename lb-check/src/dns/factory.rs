// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `DNS_CHECK { … }` to the check.

use std::sync::Arc;

use super::{DnsCheck, DnsRcode, DnsRecordType};
use crate::keywords::Findings;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem};

const KEYWORDS: &[&str] = &["type", "name", "tcp", "rcode", "answer"];

/// Makes [`DnsCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DnsFactory;

impl CheckFactory for DnsFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut check = DnsCheck::new(context.connect_timeout);
        let mut kind = None;
        let mut name = None;
        let mut tcp = None;
        for line in &arguments.children {
            match line.name.as_str() {
                "type" => {
                    let wants = "a type of record";
                    if let Some(text) = findings.single(line, wants) {
                        match text.parse::<DnsRecordType>() {
                            Ok(value) => findings.replace(line, &mut kind, value),
                            Err(_) => findings.invalid(line, text, wants),
                        }
                    }
                }
                "name" => {
                    if let Some(text) = findings.single(line, "a domain name") {
                        // As keepalived: the first name holds.
                        let valid = check.clone().with_question(text, DnsRecordType::SOA);
                        match valid {
                            Err(error) => {
                                findings.invalid(
                                    line,
                                    text,
                                    format!("a domain name: {}", error.why),
                                );
                            }
                            Ok(_) if name.is_some() => {
                                let keyword = line.name.clone();
                                let counts = "first";
                                findings.warning(line, Problem::Repeated { keyword, counts });
                            }
                            Ok(_) => name = Some(text),
                        }
                    }
                }
                "tcp" => {
                    findings.extra(line, 0);
                    findings.replace(line, &mut tcp, true);
                }
                "rcode" => rcodes(line, &mut check, &mut findings),
                "answer" => {
                    findings.some(line, "an address, a name or a text");
                    check.answers.extend(line.values.iter().cloned());
                }
                _ => findings.unknown(line, arguments, KEYWORDS, true),
            }
        }
        let name = name.unwrap_or(".");
        // Each part has been read before.
        if let Ok(asked) = check
            .clone()
            .with_question(name, kind.unwrap_or(DnsRecordType::SOA))
        {
            check = asked;
        }
        check.tcp = tcp.unwrap_or_default();
        let deadline = check.total_timeout() + BuiltCheck::SLACK;
        let mut built = BuiltCheck::new(Arc::new(check)).with_deadline(deadline);
        built.retries = 3;
        built.retry_waits_interval = true;
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

/// `rcode NOERROR NXDOMAIN`.
fn rcodes(line: &Arguments, check: &mut DnsCheck, findings: &mut Findings) {
    let wants = "a response code";
    findings.some(line, wants);
    for word in &line.values {
        match word.parse::<DnsRcode>() {
            Ok(rcode) => check.rcodes.push(rcode),
            Err(_) => findings.invalid(line, word, wants),
        }
    }
}
