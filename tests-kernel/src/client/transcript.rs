// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text of a story: files, then commands with their output.

use crate::cluster::Software;

/// How often a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Once (`$`).
    Once,
    /// Until its output is as expected (`?`).
    Until,
}

/// A command and its expected output.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// Whether it is repeated.
    pub wait: Wait,
    /// The command, of one line or several.
    pub command: String,
    /// The name of the reader of its output.
    pub filter: Option<String>,
    /// Lines of the output; with software, that of this software alone.
    lines: Vec<(Option<Software>, String)>,
}

impl Step {
    /// The output that is expected of a software, one line each.
    #[must_use]
    pub fn expected(&self, software: Software) -> Vec<&str> {
        let lines = self.lines.iter();
        lines
            .filter(|(only, _)| only.is_none_or(|only| only == software))
            .map(|(_, line)| line.as_str())
            .collect()
    }
}

/// The parts of a story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transcript {
    /// Paths and texts of the files that the client writes first.
    pub files: Vec<(String, String)>,
    /// Its commands.
    pub steps: Vec<Step>,
}

/// Begins a part: the path of a file, or [`COMMANDS`].
const PART: &str = "=== ";
const COMMANDS: &str = "transcript";
/// What separates a command from the name of its reader.
const FILTER: &str = "|%";

impl Transcript {
    /// Reads a story.
    ///
    /// # Errors
    ///
    /// When it has no commands, or a line of output before the first one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut transcript = Self::default();
        // The first part describes the client.
        for part in format!("\n{text}").split(&format!("\n{PART}")).skip(1) {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            if name == COMMANDS {
                transcript.steps = read_steps(text)?;
            } else {
                let text = format!("{}\n", text.trim_end());
                transcript.files.push((name.to_owned(), text));
            }
        }
        if transcript.steps.is_empty() {
            return Err(format!("there is no part `{PART}{COMMANDS}`"));
        }
        Ok(transcript)
    }
}

fn read_steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let wait = match line.get(..2) {
            Some("$ ") => Some(Wait::Once),
            Some("? ") => Some(Wait::Until),
            _ => None,
        };
        if let Some(wait) = wait {
            let command = line.get(2..).unwrap_or_default();
            let (command, filter) = match command.split_once(FILTER) {
                Some((command, name)) => (command.trim_end(), Some(name.trim().to_owned())),
                None => (command, None),
            };
            steps.push(Step {
                wait,
                command: command.to_owned(),
                filter,
                lines: Vec::new(),
            });
            continue;
        }
        let Some(step) = steps.last_mut() else {
            return Err(format!("output before a command: {line}"));
        };
        if let Some(more) = line.strip_prefix("> ") {
            step.command.push('\n');
            step.command.push_str(more);
        } else if let Some(line) = line.strip_prefix("keepalived: ") {
            step.lines
                .push((Some(Software::Keepalived), line.to_owned()));
        } else if let Some(line) = line.strip_prefix("ours: ") {
            step.lines.push((Some(Software::Lbctl), line.to_owned()));
        } else {
            step.lines.push((None, line.to_owned()));
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_output_conditions_and_readers() -> Result<(), String> {
        let text = "\
The client.

=== /tmp/a b
# a comment of the file
text

=== transcript
# The start.
$ keepalived -n &
? ip addr show
one
keepalived: two
ours: three
$ cat <<X |% json
> a
> X
[1]
";
        let transcript = Transcript::parse(text)?;
        let file = ("/tmp/a b", "# a comment of the file\ntext\n");
        assert_eq!(transcript.files, [(file.0.to_owned(), file.1.to_owned())]);
        let steps = &transcript.steps;
        let commands: Vec<_> = steps.iter().map(|step| step.command.as_str()).collect();
        assert_eq!(
            commands,
            ["keepalived -n &", "ip addr show", "cat <<X\na\nX"]
        );
        assert_eq!((steps[0].wait, steps[1].wait), (Wait::Once, Wait::Until));
        assert_eq!(steps[1].expected(Software::Keepalived), ["one", "two"]);
        assert_eq!(steps[1].expected(Software::Lbctl), ["one", "three"]);
        assert_eq!(steps[2].filter.as_deref(), Some("json"));
        assert_eq!(steps[2].expected(Software::Lbctl), ["[1]"]);
        for wrong in ["", "=== transcript\noutput\n", "=== /file\n$ command\n"] {
            assert!(Transcript::parse(wrong).is_err(), "{wrong}");
        }
        Ok(())
    }
}
