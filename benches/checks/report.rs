// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures as Markdown, beside those of keepalived, and whether the budgets are met.

use std::fmt;
use std::time::Duration;

use super::case::{Case, Found};
use super::prober::Replacement;
use super::server::Kind;

/// CPU time for a set of 10 000 checks that is replaced by an equal one.
const REPLACEMENT: Duration = Duration::from_millis(100);
/// Hundredths of the probes that may be late.
const LATE: f64 = 1.0;

/// All rows.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: String,
    budgets: String,
}

impl Report {
    /// Adds the rows of one case, medians of the rounds.
    pub(crate) fn add(&mut self, case: &Case, theirs: Vec<Found>, ours: Vec<Found>) {
        let cpu = |found: &[Found]| median(found, |found| Some(found.cpu));
        let ratio = cpu(&ours) / cpu(&theirs);
        for (program, found) in [("keepalived", &theirs), ("lb-check", &ours)] {
            let late = match median(found, |found| found.late) {
                late if late.is_nan() => "–".to_owned(),
                late => format!("{late:.2}"),
            };
            self.rows += &format!(
                "| {case} | {program} | {:.1} | {:.0} | {:.1} | {late} |\n",
                cpu(found),
                median(found, |found| Some(found.rate)),
                median(found, |found| Some(found.resident)),
            );
        }
        self.budget(
            &format!("{case}: CPU of a check ≤ {} × keepalived's", case.budget),
            ratio <= case.budget,
            &format!("{ratio:.2}"),
        );
        if case.kind == Kind::Tcp && case.targets >= 5000 {
            let late = median(&ours, |found| found.late);
            self.budget(
                &format!("{case}: p99 lateness < 100 ms"),
                late < LATE,
                &format!("{late:.2} % late"),
            );
        }
    }

    pub(crate) fn add_replacement(&mut self, found: &Replacement) {
        self.budget(
            &format!(
                "{} checks replaced by equal ones: ≤ {REPLACEMENT:?} CPU, none skipped or late",
                found.checks
            ),
            found.cpu <= REPLACEMENT && found.skipped == 0 && found.late == 0,
            &format!(
                "{:.1?}, {} skipped, {} late",
                found.cpu, found.skipped, found.late
            ),
        );
    }

    fn budget(&mut self, budget: &str, met: bool, figures: &str) {
        let verdict = if met { "met" } else { "**not met**" };
        self.budgets += &format!("| {budget} | {verdict} | {figures} |\n");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| checks, one a second each | program | CPU µs per check | checks a second | resident MiB | late % |\n\
             |---|---|---|---|---|---|\n{}\n| budget | verdict | figures |\n|---|---|---|\n{}",
            self.rows, self.budgets
        )
    }
}

/// The middle of the values that there are; the lower of two.
fn median(found: &[Found], value: impl Fn(&Found) -> Option<f64>) -> f64 {
    let mut values: Vec<f64> = found.iter().filter_map(value).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}
