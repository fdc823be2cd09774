// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures as Markdown, beside those of keepalived.

use std::fmt;

use super::case::{Case, Found};

const MIB: f64 = 1024.0 * 1024.0;

/// Reads a figure.
type Value = fn(&Found) -> f64;

/// All rows.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: String,
}

impl Report {
    /// Adds the rows of one case.
    pub(crate) fn add(&mut self, case: Case, theirs: &Found, ours: &Found) {
        let figures: [(&str, Value, usize); 8] = [
            ("resident, MiB", |found| found.resident / MIB, 1),
            ("of that anonymous, MiB", |found| found.anonymous / MIB, 1),
            (
                "start until the table is complete, s",
                |found| found.start,
                2,
            ),
            ("processors until then, s", |found| found.start_cpu, 2),
            (
                "reload with one change until the kernel has it, s",
                |found| found.reload,
                2,
            ),
            ("processors for the reload, s", |found| found.reload_cpu, 3),
            ("stop, s", |found| found.stop, 2),
            ("rows left in the table", |found| found.left, 0),
        ];
        for (name, value, digits) in figures {
            let (theirs, ours) = (value(theirs), value(ours));
            let ratio = if theirs > 0.0 {
                format!("{:.2}", ours / theirs)
            } else {
                "–".to_owned()
            };
            self.rows +=
                &format!("| {case} | {name} | {theirs:.digits$} | {ours:.digits$} | {ratio} |\n");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| table | what | keepalived | lbctl | ratio |\n|---|---|---|---|---|"
        )?;
        f.write_str(&self.rows)
    }
}
