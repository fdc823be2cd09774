// SPDX-License-Identifier: MIT OR Apache-2.0
//! Distributions, the tables that come out, and whether the budgets are met.

use std::fmt;
use std::time::Duration;

/// Markdown: section by section, and what became of the budgets.
#[derive(Debug, Default)]
pub(crate) struct Report {
    text: String,
    budgets: String,
    notes: Vec<String>,
}

impl Report {
    /// Begins a table: a title, its columns, `|` between them.
    pub(crate) fn table(&mut self, title: &str, columns: &str) {
        let rule: String = columns.split('|').map(|_| "|---").collect();
        self.text += &format!("\n{title}\n\n| {columns} |\n{rule}|\n");
    }

    /// Adds a row of the table, `|` between its cells; progress is seen at once.
    pub(crate) fn row(&mut self, cells: &str) {
        eprintln!("| {cells} |");
        self.text += &format!("| {cells} |\n");
    }

    /// Tells whether a budget is met, with the figures that say so.
    pub(crate) fn budget(&mut self, budget: &str, met: bool, figures: &str) {
        let verdict = if met { "met" } else { "**not met**" };
        eprintln!("{budget}: {verdict} ({figures})");
        self.budgets += &format!("| {budget} | {verdict} | {figures} |\n");
    }

    /// Adds what a reader has to know to judge the figures.
    pub(crate) fn note(&mut self, note: &str) {
        eprintln!("---- {note}");
        self.notes.push(note.to_owned());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        write!(
            f,
            "\nBudgets\n\n| budget | verdict | figures |\n|---|---|---|\n{}",
            self.budgets
        )?;
        writeln!(f, "\nProgram and machine; median / p99 / max\n")?;
        for note in &self.notes {
            writeln!(f, "- {note}")?;
        }
        Ok(())
    }
}

/// Measurements in nanoseconds; they may be negative.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sample(Vec<i128>);

impl Sample {
    pub(crate) fn push(&mut self, nanoseconds: i128) {
        self.extend([nanoseconds]);
    }

    pub(crate) fn extend(&mut self, nanoseconds: impl IntoIterator<Item = i128>) {
        self.0.extend(nanoseconds);
        self.0.sort_unstable();
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether there are values, and the 99th percentile does not exceed the limit.
    pub(crate) fn p99_within(&self, limit: Duration) -> bool {
        self.percentile(99)
            .is_some_and(|value| value <= nanoseconds(limit))
    }

    /// Whether there are values, and none exceeds the limit.
    pub(crate) fn all_within(&self, limit: Duration) -> bool {
        self.percentile(100)
            .is_some_and(|value| value <= nanoseconds(limit))
    }

    /// The smallest value that this many hundredths of all do not exceed.
    fn percentile(&self, hundredths: usize) -> Option<i128> {
        let rank = (self.0.len() * hundredths).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied()
    }
}

/// Median, 99th percentile and maximum in milliseconds.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranks = [50, 99, 100].map(|rank| self.percentile(rank));
        let [Some(median), Some(p99), Some(max)] = ranks.map(|value| value.map(millis)) else {
            return f.write_str("–");
        };
        write!(f, "{median} / {p99} / {max}")
    }
}

/// Nanoseconds as milliseconds, with microseconds.
fn millis(nanoseconds: i128) -> String {
    let sign = if nanoseconds < 0 { "−" } else { "" };
    let micros = nanoseconds.unsigned_abs() / 1000;
    format!("{sign}{}.{:03}", micros / 1000, micros % 1000)
}

/// From one moment to another, which may be earlier.
pub(crate) fn between(from: Duration, to: Duration) -> i128 {
    nanoseconds(to) - nanoseconds(from)
}

fn nanoseconds(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}

/// The middle one; the lower of two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}
