// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines `regex` and `regex_…` of a page.

use super::{PageRegex, RegexOption};
use crate::keywords::Findings;
use crate::words::{quote_once, split};
use crate::{Arguments, Problem};

/// Keywords of a page about its regular expression.
pub(crate) const KEYWORDS: &[&str] = &[
    "regex",
    "regex_no_match",
    "regex_options",
    "regex_min_offset",
    "regex_max_offset",
    "regex_stack",
];

/// What the lines of one page ask for.
#[derive(Debug, Default)]
pub(crate) struct RegexLines<'a> {
    pattern: Option<(&'a Arguments, String)>,
    options: Vec<RegexOption>,
    no_match: bool,
    min_offset: Option<usize>,
    max_offset: Option<usize>,
    stack: Option<(usize, usize)>,
    /// The first line other than `regex`.
    first: Option<&'a Arguments>,
}

impl<'a> RegexLines<'a> {
    /// Reads one line, which has one of [`KEYWORDS`].
    pub(crate) fn read(&mut self, line: &'a Arguments, findings: &mut Findings) {
        if line.name != "regex" {
            self.first.get_or_insert(line);
        }
        match line.name.as_str() {
            "regex" => {
                if let Some(pattern) = pattern(line, findings) {
                    findings.replace(line, &mut self.pattern, (line, pattern));
                }
            }
            "regex_no_match" => {
                findings.extra(line, 0);
                self.no_match = true;
            }
            "regex_options" => self.read_options(line, findings),
            "regex_min_offset" => {
                if let Some(offset) = size(line, 0, findings) {
                    findings.extra(line, 1);
                    findings.replace(line, &mut self.min_offset, offset);
                }
            }
            "regex_max_offset" => {
                if let Some(offset) = size(line, 0, findings) {
                    findings.extra(line, 1);
                    findings.replace(line, &mut self.max_offset, offset);
                }
            }
            _ => self.read_stack(line, findings),
        }
    }

    fn read_options(&mut self, line: &Arguments, findings: &mut Findings) {
        if line.values.is_empty() {
            let (keyword, wants) = (line.name.clone(), "options of a regular expression");
            findings.error(line, Problem::MissingValue { keyword, wants });
        }
        for word in &line.values {
            match word.parse() {
                Ok(option) => self.options.push(option),
                Err(error) => findings.invalid(line, word, error.to_string()),
            }
        }
    }

    fn read_stack(&mut self, line: &Arguments, findings: &mut Findings) {
        let Some(start) = size(line, 0, findings) else {
            return;
        };
        let Some(max) = size(line, 1, findings) else {
            return;
        };
        findings.extra(line, 2);
        if start > max {
            findings.invalid(line, &start.to_string(), "at most the largest size");
        } else {
            findings.replace(line, &mut self.stack, (start, max));
        }
    }

    /// Compiles the expression; none without `regex`, or if it is wrong, which is a finding.
    pub(crate) fn finish(self, findings: &mut Findings) -> Option<PageRegex> {
        let Some((line, pattern)) = self.pattern else {
            if let Some(line) = self.first {
                let (keyword, block) = (line.name.clone(), "url without regex".to_owned());
                findings.warning(line, Problem::NoEffect { keyword, block });
            }
            return None;
        };
        let regex = PageRegex::new(pattern.as_str(), self.options);
        let regex = regex.and_then(|regex| match self.stack {
            Some((start, max)) => regex.with_stack(start, max),
            None => Ok(regex),
        });
        match regex {
            Ok(mut regex) => {
                regex.no_match = self.no_match;
                regex.max_offset = self.max_offset;
                regex.min_offset = self.min_offset.unwrap_or_default();
                if self.max_offset.is_some_and(|max| regex.min_offset > max) {
                    let offset = regex.min_offset.to_string();
                    findings.invalid(
                        self.first.unwrap_or(line),
                        &offset,
                        "at most regex_max_offset",
                    );
                    (regex.min_offset, regex.max_offset) = (0, None);
                }
                Some(regex)
            }
            Err(error) => {
                findings.invalid(line, &pattern, format!("a regular expression: {error}"));
                None
            }
        }
    }
}

/// The pattern of a line, which is split like a command line, with its escapes.
fn pattern(line: &Arguments, findings: &mut Findings) -> Option<String> {
    let mut words = if line.raw.trim().is_empty() {
        line.values.clone()
    } else {
        match split(line.raw.as_bytes()) {
            Ok(words) => {
                let words = words.into_iter();
                words
                    .map(|word| String::from_utf8_lossy(&word).into_owned())
                    .collect()
            }
            Err(error) => {
                findings.error(line, Problem::Other(format!("'{}': {error}", line.name)));
                return None;
            }
        }
    };
    if words.len() > 1 {
        let (keyword, words) = (line.name.clone(), words.split_off(1).join(" "));
        findings.warning(line, Problem::ExtraWords { keyword, words });
    }
    let pattern = words.pop();
    if pattern.is_none() {
        let (keyword, wants) = (line.name.clone(), "a regular expression");
        findings.error(line, Problem::MissingValue { keyword, wants });
    }
    pattern
}

fn size(line: &Arguments, at: usize, findings: &mut Findings) -> Option<usize> {
    let Some(text) = line.values.get(at) else {
        let (keyword, wants) = (line.name.clone(), "a number of bytes");
        findings.error(line, Problem::MissingValue { keyword, wants });
        return None;
    };
    // The largest number that keepalived takes.
    let size = text
        .parse::<u32>()
        .ok()
        .filter(|size| i32::try_from(*size).is_ok());
    let size = size.and_then(|size| usize::try_from(size).ok());
    if size.is_none() {
        findings.invalid(line, text, "a number of bytes, up to 2147483647");
    }
    size
}

/// The lines that describe an expression.
pub(crate) fn regex_lines(regex: &PageRegex) -> Vec<Arguments> {
    let none = [] as [&str; 0];
    let pattern = quote_once(regex.pattern());
    let mut lines = vec![Arguments::line("regex", [regex.pattern()]).with_raw(pattern)];
    if !regex.options().is_empty() {
        let names = regex.options().iter().map(|option| option.name());
        lines.push(Arguments::line("regex_options", names));
    }
    if regex.no_match {
        lines.push(Arguments::line("regex_no_match", none));
    }
    if regex.min_offset > 0 {
        let offset = regex.min_offset.to_string();
        lines.push(Arguments::line("regex_min_offset", [offset]));
    }
    let offset = regex.max_offset.iter().map(usize::to_string);
    lines.extend(offset.map(|offset| Arguments::line("regex_max_offset", [offset])));
    if let Some((start, max)) = regex.stack() {
        let sizes = [start.to_string(), max.to_string()];
        lines.push(Arguments::line("regex_stack", sizes));
    }
    lines
}
