// SPDX-License-Identifier: MIT OR Apache-2.0
//! Distributions, and the tables that come out.

use std::fmt;
use std::time::Duration;

/// Markdown, section by section.
#[derive(Debug, Default)]
pub(crate) struct Report {
    text: String,
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
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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
    let nanoseconds = |of: Duration| i128::try_from(of.as_nanos()).unwrap_or(i128::MAX);
    nanoseconds(to) - nanoseconds(from)
}
