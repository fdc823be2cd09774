// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs VERB`: what ipvsadm cannot do. Each verb has a file of its own.

mod save;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{failure::Failure, program::Call};

/// Manage the kernel's IPVS table.
///
/// Besides these verbs, `lbctl ipvs` takes ipvsadm's options: see `lbctl ipvs -h`.
#[derive(Debug, Parser)]
#[command(name = "lbctl ipvs", bin_name = "lbctl ipvs")]
struct Own {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Save(save::Args),
}

/// Whether the line is for one of these verbs and not for ipvsadm's grammar, whose lines begin
/// with an option.
pub(super) fn is_meant(call: &Call) -> bool {
    call.arguments
        .first()
        .and_then(|word| word.to_str())
        .is_some_and(|word| word == "help" || Own::command().find_subcommand(word).is_some())
}

/// Carries a verb out; what it returns is the exit status.
pub(super) fn run(call: &Call) -> Result<u8, Failure> {
    let words = std::iter::once("lbctl ipvs".into()).chain(call.arguments.iter().cloned());
    match Own::parse_from(words).verb {
        Verb::Save(args) => save::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Own::command().debug_assert();
    }

    #[test]
    fn a_verb_is_told_from_ipvsadms_options() {
        let meant = |words: &[&str]| {
            is_meant(&Call {
                name: "lbctl ipvs".to_owned(),
                arguments: words.iter().map(Into::into).collect(),
            })
        };
        assert!(meant(&["save", "-n"]) && meant(&["help", "save"]));
        assert!(!meant(&[]) && !meant(&["-S"]) && !meant(&["saves"]) && !meant(&["--save"]));
    }
}
