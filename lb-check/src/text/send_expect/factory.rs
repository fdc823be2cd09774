// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `SEND_EXPECT_CHECK { … }` to the check.

use std::sync::Arc;
use std::time::Duration;

use super::SendExpect;
use crate::keywords::Findings;
use crate::text::escape;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem};

const KEYWORDS: &[&str] = &[
    "tls",
    "sni",
    "max_answer",
    "send",
    "send_hex",
    "expect",
    "expect_prefix",
    "expect_line",
    "expect_hex",
    "expect_regex",
    "expect_nothing",
    "expect_close",
    "starttls",
    "close",
];

/// Makes [`SendExpect`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendExpectFactory;

impl CheckFactory for SendExpectFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut check = SendExpect::new(context.connect_timeout);
        let (mut name, mut limit) = (None, None);
        for line in &arguments.children {
            match line.name.as_str() {
                "tls" => check.tls = findings.boolean(line).unwrap_or(check.tls),
                "sni" => findings.set_word(line, "a host name", &mut name),
                "max_answer" => {
                    if let Some(bytes) = read_limit(line, &mut findings) {
                        findings.replace(line, &mut limit, bytes);
                    }
                }
                keyword if KEYWORDS.contains(&keyword) => {
                    check = add_step(check, line, &mut findings);
                }
                _ => findings.unknown(line, arguments, KEYWORDS, true),
            }
        }
        if check.steps.is_empty() {
            let (keyword, block) = ("expect", arguments.name.clone());
            findings.error(arguments, Problem::Missing { keyword, block });
            return Err(findings.0);
        }
        check.server_name = name;
        check.limit = limit.unwrap_or(check.limit);
        let mut built = BuiltCheck::new(Arc::new(check));
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

/// Adds the step of a line; a wrong line is reported and left out.
fn add_step(check: SendExpect, line: &Arguments, findings: &mut Findings) -> SendExpect {
    match line.name.as_str() {
        "send_hex" | "expect_hex" => match read_hex(line, findings) {
            None => check,
            Some(bytes) if line.name == "send_hex" => check.with_send(bytes),
            Some(bytes) => check.with_expect(bytes),
        },
        "expect_regex" => {
            let Some(pattern) = findings.single(line, "a regular expression") else {
                return check;
            };
            match check.clone().with_pattern(pattern) {
                Ok(check) => check,
                Err(error) => {
                    findings.error(line, Problem::Other(error.to_string()));
                    check
                }
            }
        }
        "expect_nothing" => match read_seconds(line, findings) {
            Some(time) => check.with_silence(time),
            None => check,
        },
        "expect_close" | "starttls" | "close" => {
            findings.extra(line, 0);
            match line.name.as_str() {
                "expect_close" => check.with_end(),
                "close" => check.with_close(),
                _ => check.with_start_tls(),
            }
        }
        keyword => match read_text(line, findings) {
            None => check,
            Some(bytes) => match keyword {
                "send" => check.with_send(bytes),
                "expect_prefix" => check.with_prefix(bytes),
                "expect_line" => check.with_line(bytes),
                _ => check.with_expect(bytes),
            },
        },
    }
}

/// A text with escapes; only a line may be empty.
fn read_text(line: &Arguments, findings: &mut Findings) -> Option<Vec<u8>> {
    let word = findings.single(line, escape::TEXT)?;
    let bytes = escape::parse_text(word);
    let bytes = bytes.filter(|bytes| !bytes.is_empty() || line.name == "expect_line");
    if bytes.is_none() {
        findings.invalid(line, word, escape::TEXT);
    }
    bytes
}

/// One or more rows of hexadecimal digits.
fn read_hex(line: &Arguments, findings: &mut Findings) -> Option<Vec<u8>> {
    findings.require_words(line, escape::HEX)?;
    let mut bytes = Vec::new();
    for word in &line.values {
        match escape::parse_hex(word).filter(|bytes| !bytes.is_empty()) {
            Some(more) => bytes.extend(more),
            None => {
                findings.invalid(line, word, escape::HEX);
                return None;
            }
        }
    }
    Some(bytes)
}

/// A time of up to a minute.
fn read_seconds(line: &Arguments, findings: &mut Findings) -> Option<Duration> {
    const WANTS: &str = "a number of seconds from 0.000001 to 60";
    const LONGEST: Duration = Duration::from_secs(60);
    let word = findings.single(line, WANTS)?;
    let is_plain = word
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value = word.parse().ok().filter(|_| is_plain);
    let time = value.and_then(|value| Duration::try_from_secs_f64(value).ok());
    // Configurations have microseconds.
    let time = time.and_then(|time| {
        let micros = time.checked_add(Duration::from_nanos(500))?.as_micros();
        Some(Duration::from_micros(u64::try_from(micros).ok()?))
    });
    let time = time.filter(|time| !time.is_zero() && *time <= LONGEST);
    if time.is_none() {
        findings.invalid(line, word, WANTS);
    }
    time
}

fn read_limit(line: &Arguments, findings: &mut Findings) -> Option<usize> {
    let wants = format!("a number of bytes from 1 to {}", SendExpect::MOST);
    let word = findings.single(line, "a number of bytes")?;
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit());
    let value = word.parse().ok().filter(|_| is_plain);
    let value = value.filter(|value| (1..=SendExpect::MOST).contains(value));
    if value.is_none() {
        findings.invalid(line, word, wants);
    }
    value
}
