// SPDX-License-Identifier: MIT OR Apache-2.0
//! `FILE_CHECK`: the number in a file changes the weight of a real server, or takes it down.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::keywords::Findings;
use crate::{
    ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, FileWeight, HealthCheck,
    Input, InputState, Outcome, Problem, Reason, Target, WeightRequest,
};

const KEYWORDS: &[&str] = &["track_file", "weight"];

/// Follows the number in a tracked file: its product with a factor is added to the weight of the real
/// server, or takes it down ([`FileWeight`]). Keepalived's `FILE_CHECK`.
///
/// The check reads no file: a program follows the file and pushes its number to the
/// [`input`](Self::input), as the daemon does for `track_file`.
///
/// ```
/// use lb_check::{FileCheck, FileWeight, HealthCheck, Input, InputState, Target, WeightRequest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let check = FileCheck::new("load", FileWeight::new(-1, false));
/// check.input.set(InputState::Number(20));
/// let outcome = check.check(&Target::new("192.0.2.61:80".parse()?)).await;
/// assert!(outcome.is_pass());
/// assert_eq!(outcome.weight, Some(WeightRequest::Add(-20)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileCheck {
    /// The number; of the kind [`FileCheck::SOURCE`].
    pub input: Input,
    /// What the number does.
    pub weight: FileWeight,
}

impl FileCheck {
    /// Kind of the [`Input`].
    pub const SOURCE: &'static str = "track_file";

    /// A check of the file with this name, which is the name of a `track_file`.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, weight: FileWeight) -> Self {
        Self {
            input: Input::new(Self::SOURCE, name),
            weight,
        }
    }
}

#[async_trait]
impl HealthCheck for FileCheck {
    fn kind(&self) -> &'static str {
        "FILE_CHECK"
    }

    fn identity(&self) -> String {
        format!("FILE_CHECK {} weight {}", self.input, self.weight)
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        let mut weight = vec![self.weight.factor.to_string()];
        if self.weight.reverse {
            weight.push("reverse".to_owned());
        }
        Some(vec![
            Arguments::line(Self::SOURCE, [self.input.name()]),
            Arguments::line("weight", weight),
        ])
    }

    fn input(&self) -> Option<&Input> {
        Some(&self.input)
    }

    async fn check(&self, _: &Target) -> Outcome {
        let number = match self.input.state() {
            None => return self.input.unknown(),
            Some(InputState::Up) => 0,
            Some(InputState::Number(number)) => number,
            Some(InputState::Down(reason)) => return Outcome::fail(Reason::Other(reason)),
        };
        match self.weight.change(number) {
            Some(change) => Outcome::pass().with_weight_request(WeightRequest::Add(change)),
            None => Outcome::fail(Reason::Other(format!("{}: number {number}", self.input))),
        }
    }
}

/// Makes [`FileCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileFactory;

impl CheckFactory for FileFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut file = None;
        let mut weight = None;
        let mut is_written = false;
        for line in &arguments.children {
            match line.name.as_str() {
                "track_file" => {
                    is_written = true;
                    let Some(name) = findings.single(line, "the name of a tracked file") else {
                        continue;
                    };
                    let files = context.tracked_files.as_deref();
                    match files.and_then(|files| files.get(name)) {
                        Some(default) => findings.replace(line, &mut file, (name, *default)),
                        None => findings.invalid(line, name, "a track_file that is defined"),
                    }
                }
                "weight" => {
                    if let Some(value) = read_weight(line, &mut findings) {
                        findings.replace(line, &mut weight, value);
                    }
                }
                _ => findings.unknown_among(line, arguments, KEYWORDS.to_vec()),
            }
        }
        let Some((name, default)) = file else {
            if !is_written {
                let (keyword, block) = ("track_file", arguments.name.clone());
                findings.error(arguments, Problem::Missing { keyword, block });
            }
            return Err(findings.0);
        };
        let check = FileCheck::new(name, weight.unwrap_or(default));
        let mut built = BuiltCheck::new(Arc::new(check));
        built.retries = 0;
        built.retry_delay = Duration::ZERO;
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }

    fn uses_socket(&self) -> bool {
        false
    }

    fn uses_schedule(&self) -> bool {
        false
    }
}

/// Reads `weight NUMBER [reverse|noreverse]`; a wrong line has no effect.
fn read_weight(line: &Arguments, findings: &mut Findings) -> Option<FileWeight> {
    const NUMBER: &str = "a number of -2147483647 to 2147483647";
    let Some(text) = line.values.first() else {
        let (keyword, wants) = (line.name.clone(), NUMBER);
        findings.error(line, Problem::MissingValue { keyword, wants });
        return None;
    };
    let factor = text
        .parse::<i32>()
        .ok()
        .filter(|factor| *factor != i32::MIN);
    if factor.is_none() {
        findings.invalid(line, text, NUMBER);
    }
    let reverse = match line.values.get(1).map(String::as_str) {
        None | Some("noreverse") => false,
        Some("reverse") => true,
        Some(other) => {
            findings.invalid(line, other, "reverse or noreverse");
            return None;
        }
    };
    findings.extra(line, 2);
    factor.map(|factor| FileWeight::new(factor, reverse))
}
