// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures as Markdown: medians, maxima, ratios of the medians and of the shortest runs, which
//! a busy machine disturbs least.

use std::fmt;
use std::time::Duration;

use super::measure::Cost;
use super::tables::{FLOOR, IPVSADM, LBCTL};

/// All figures.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// What else there is to say, a line each.
    notes: Vec<String>,
}

/// One operation at one size, by whom.
struct Row {
    size: u32,
    operation: String,
    who: &'static str,
    costs: Vec<Cost>,
    calls: Option<u64>,
}

impl Report {
    pub(crate) fn add(&mut self, size: u32, operation: &str, who: &'static str, cost: Cost) {
        self.row(size, operation, who).costs.push(cost);
    }

    pub(crate) fn add_calls(&mut self, size: u32, operation: &str, who: &'static str, calls: u64) {
        self.row(size, operation, who).calls = Some(calls);
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn row(&mut self, size: u32, operation: &str, who: &'static str) -> &mut Row {
        let same = |row: &Row| row.size == size && row.operation == operation && row.who == who;
        let position = self.rows.iter().position(same).unwrap_or_else(|| {
            self.rows.push(Row {
                size,
                operation: operation.to_owned(),
                who,
                costs: Vec::new(),
                calls: None,
            });
            self.rows.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just now")]
        &mut self.rows[position]
    }

    fn find(&self, like: &Row, who: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.size == like.size && row.operation == like.operation && row.who == who)
    }
}

impl Row {
    fn walls(&self) -> Vec<Duration> {
        let mut walls: Vec<_> = self.costs.iter().map(|cost| cost.wall).collect();
        walls.sort();
        walls
    }

    fn median(&self) -> Option<f64> {
        let walls = self.walls();
        walls.get(walls.len() / 2).map(Duration::as_secs_f64)
    }

    fn shortest(&self) -> Option<f64> {
        self.walls().first().map(Duration::as_secs_f64)
    }

    fn time(&self) -> String {
        match (self.median(), self.walls().last()) {
            (Some(median), Some(most)) => format!("{median:.3} ({:.3})", most.as_secs_f64()),
            _ => "–".to_owned(),
        }
    }

    fn resident(&self) -> String {
        let most = self.costs.iter().map(|cost| cost.resident_kib).max();
        most.map_or_else(
            || "–".to_owned(),
            |kib| format!("{:.1}", kib as f64 / 1024.0),
        )
    }

    fn calls(&self) -> String {
        self.calls
            .map_or_else(|| "–".to_owned(), |calls| calls.to_string())
    }
}

/// How much longer one takes than the other: by the medians, by the shortest runs.
fn longer(one: &Row, other: Option<&Row>) -> String {
    match other.filter(|other| !other.costs.is_empty()) {
        None => "–".to_owned(),
        Some(other) => format!(
            "{} × ({} ×)",
            ratio(one.median(), other.median()),
            ratio(one.shortest(), other.shortest())
        ),
    }
}

fn ratio(value: Option<f64>, to: Option<f64>) -> String {
    match (value, to) {
        (Some(value), Some(to)) if to > 0.0 => format!("{:.1}", value / to),
        _ => "–".to_owned(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| what | size | ipvsadm 1.31, s (max) | lbctl, s (max) | faster (shortest) | bare sender, s (max) | lbctl to it (shortest) | calls ipvsadm / lbctl / sender | fewer | peak MiB ipvsadm / lbctl |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        for row in self.rows.iter().filter(|row| row.who == IPVSADM) {
            let Some(ours) = self.find(row, LBCTL) else {
                continue;
            };
            let floor = self.find(row, FLOOR);
            let calls = |row: &Row| row.calls.map(|calls| calls as f64);
            writeln!(
                f,
                "| `{}` | {} | {} | {} | {} | {} | {} | {} / {} / {} | {} × | {} / {} |",
                row.operation,
                row.size,
                row.time(),
                ours.time(),
                longer(row, Some(ours)),
                floor.map_or_else(|| "–".to_owned(), Row::time),
                longer(ours, floor),
                row.calls(),
                ours.calls(),
                floor.map_or_else(|| "–".to_owned(), Row::calls),
                ratio(calls(row), calls(ours)),
                row.resident(),
                ours.resident(),
            )?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}
