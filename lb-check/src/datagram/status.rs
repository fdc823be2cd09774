// SPDX-License-Identifier: MIT OR Apache-2.0
//! Status codes of three digits in a configuration.

use std::ops::RangeInclusive;

use crate::keywords::Findings;
use crate::{Arguments, Problem};

/// Accepted status codes.
pub(crate) type StatusCodes = Vec<RangeInclusive<u16>>;

/// Reads `status_code 200 404 480-499`; a word that is no code is reported.
pub(crate) fn status_codes(
    line: &Arguments,
    limits: &RangeInclusive<u16>,
    codes: &mut StatusCodes,
    findings: &mut Findings,
) {
    const WANTS: &str = "a status code, or two of them with - between";
    if line.values.is_empty() {
        let keyword = line.name.clone();
        let wants = WANTS;
        findings.error(line, Problem::MissingValue { keyword, wants });
    }
    for word in &line.values {
        let (from, to) = word.split_once('-').unwrap_or((word, word));
        let code = |text: &str| {
            let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            let code = text.parse::<u16>().ok().filter(|_| digits);
            code.filter(|code| limits.contains(code))
        };
        match (code(from), code(to)) {
            (Some(from), Some(to)) if from <= to => codes.push(from..=to),
            _ => findings.invalid(line, word, WANTS),
        }
    }
}
