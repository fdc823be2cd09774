// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that start, probe and stop keepalived, played with keepalived and with ours.
//!
//! A story has the configuration file of such a program and a transcript of its commands. The commands
//! run in a shell on a [`Machine`] of their own: a network namespace with `eth0` (192.168.1.11/24), a process
//! namespace, and `/run`, `/tmp`, `/var/lib` and `/etc/keepalived` of its own. `keepalived` there is Debian's, or our
//! program under that name; the variable `SOFTWARE` names it.
//!
//! The text begins with a description. A line `=== PATH` begins a file, `=== transcript` the commands:
//!
//! | line of a transcript | meaning |
//! |---|---|
//! | `$ COMMAND` | runs once; the lines below are its output, `[N]` an exit status other than 0 |
//! | `? COMMAND` | runs until its output is that of the lines below |
//! | `> MORE` | continues the command in another line |
//! | `keepalived: LINE` | a line of the output of keepalived alone |
//! | `ours: LINE` | a line of the output of ours alone |
//! | `# TEXT` | a comment |
//!
//! The output of a command that ends in `|% NAME` is read by a function of this name, and its result is compared.

mod machine;
mod transcript;

use std::error::Error;
use std::net::Ipv4Addr;

use testbed::play_at_once;

use crate::cluster::Software;
use crate::net::Lan;

pub use machine::{Machine, MachineError};
pub use transcript::{Step, Transcript, Wait};

/// Reads the output of a command.
pub type Filter = fn(&str) -> String;

/// The address of a machine on its own network.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 11);

/// Plays a story with each software at the same time, on a network each.
///
/// # Errors
///
/// The first command whose output differs from the transcript, or why a machine could not be made.
pub fn play(
    story: &str,
    filters: &[(&str, Filter)],
    software: &[Software],
) -> Result<(), Box<dyn Error>> {
    let transcript = Transcript::parse(story)?;
    let outcomes = play_at_once(software, |software| {
        let lan = Lan::new()?;
        let host = lan.host("client", ADDRESS)?;
        let mut machine = Machine::new(host.netns(), *software)?;
        let played = play_on(&mut machine, &transcript, filters);
        // The other story is played to its end too: both failures are of use.
        Ok(played.map_err(|error| format!("{software}: {error}\n{}", machine.diagnosis())))
    })?;
    let failures: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() {
        return Ok(());
    }
    Err(failures.join("\n\n").into())
}

fn play_on(
    machine: &mut Machine,
    transcript: &Transcript,
    filters: &[(&str, Filter)],
) -> Result<(), Box<dyn Error>> {
    for (path, text) in &transcript.files {
        machine.write(path, text)?;
    }
    for step in &transcript.steps {
        let filter = match &step.filter {
            Some(name) => {
                let mut filters = filters.iter();
                let found = filters.find(|(known, _)| known == name);
                Some(found.ok_or_else(|| format!("no reader {name}"))?.1)
            }
            None => None,
        };
        machine.play(step, filter)?;
    }
    Ok(())
}
