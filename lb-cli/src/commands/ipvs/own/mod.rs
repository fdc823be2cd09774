// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs VERB`: what ipvsadm cannot do. Each verb has a file of its own.

mod apply;
mod boot;
mod diff;
mod drain;
mod file;
mod helper;
mod save;
mod status;
mod sysctl;
mod undo;
mod watch;

use clap::{CommandFactory as _, Parser, Subcommand};
use lb_ipvs::NetworkNamespace;

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
    Diff(diff::Args),
    Apply(apply::Args),
    Drain(drain::Args),
    Watch(watch::Args),
    Helper(helper::Args),
    Status(status::Args),
    Sysctl(sysctl::Args),
    Boot(boot::Args),
}

/// Whether the line is for one of these verbs and not for ipvsadm's grammar, whose lines begin
/// with an option.
pub(super) fn is_meant(call: &Call) -> bool {
    call.arguments
        .first()
        .and_then(|word| word.to_str())
        .is_some_and(|word| word == "help" || Own::command().find_subcommand(word).is_some())
}

/// Carries a verb out in a network namespace; what it returns is the exit status.
pub(super) fn run(call: &Call, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let words = std::iter::once("lbctl ipvs".into()).chain(call.arguments.iter().cloned());
    match Own::parse_from(words).verb {
        Verb::Save(args) => save::run(&args, netns),
        Verb::Diff(args) => diff::run(&args, netns),
        Verb::Apply(args) => apply::run(&args, netns),
        Verb::Drain(args) => drain::run(&args, netns),
        Verb::Watch(args) => watch::run(&args, netns),
        Verb::Helper(args) => helper::run(&args, netns),
        Verb::Status(args) => status::run(&args, netns),
        Verb::Sysctl(args) => sysctl::run(&args, netns),
        Verb::Boot(args) => boot::run(&args, netns),
    }
}

/// Reads the words of a verb of ours and does nothing; `None` if they are for ipvsadm's grammar.
#[cfg(test)]
pub(crate) fn read(call: &Call) -> Option<Result<(), clap::Error>> {
    let words = std::iter::once("lbctl ipvs".into()).chain(call.arguments.iter().cloned());
    is_meant(call).then(|| Own::try_parse_from(words).map(drop))
}

/// The part of `lbctl ipvs -h` about the verbs that ipvsadm lacks.
pub(super) fn help() -> String {
    let mut text = "
Only as lbctl ipvs:
      --json                a listing as JSON (docs/ipvs-json.md), with all its columns
      --netns NAME          before all other words: in another network namespace

Verbs of our own, each with a --help:
"
    .to_owned();
    for verb in Own::command().get_subcommands() {
        let about = verb.get_about().map(ToString::to_string);
        text.push_str(&format!(
            "  {:<24}{}\n",
            verb.get_name(),
            about.unwrap_or_default()
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Own::command().debug_assert();
    }

    #[test]
    fn a_verb_is_distinguished_from_ipvsadms_options() {
        let meant = |words: &[&str]| {
            is_meant(&Call {
                name: "lbctl ipvs".to_owned(),
                arguments: words.iter().map(Into::into).collect(),
            })
        };
        assert!(meant(&["save", "-n"]) && meant(&["help", "save"]) && meant(&["drain"]));
        assert!(!meant(&[]) && !meant(&["-S"]) && !meant(&["saves"]) && !meant(&["--save"]));
    }

    #[test]
    fn the_help_names_every_verb() {
        let help = help();
        for verb in [
            "save", "diff", "apply", "boot", "drain", "watch", "helper", "status", "sysctl",
            "--netns",
        ] {
            assert!(help.contains(&format!("  {verb} ")), "{help}");
        }
    }
}
