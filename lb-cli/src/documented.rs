// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each command line of the documentation that is for one of the programs in this binary is read
//! by that program's parser. Nothing is carried out.

#[path = "../tests/support/pages.rs"]
mod pages;

use std::ffi::OsString;

use clap::{Parser as _, error::ErrorKind};

use crate::{
    args,
    cli::{Cli, Command},
    commands::ipvs,
    program::{Call, Program},
};

/// Why a program would refuse the words.
enum Refusal {
    /// They are the name of a command without its arguments.
    Unfinished,
    Wrong(String),
}

impl From<clap::Error> for Refusal {
    fn from(error: clap::Error) -> Self {
        match error.kind() {
            ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Self::Unfinished,
            _ => Self::Wrong(error.to_string()),
        }
    }
}

/// A request for help is an error only to clap.
fn asked_for_help(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    )
}

fn read(words: &[String]) -> Result<(), Refusal> {
    let wrong = |error: &dyn std::error::Error| Refusal::Wrong(error.to_string());
    let call = |name: &str, words: Vec<OsString>| Call {
        name: name.to_owned(),
        arguments: words,
    };
    match Program::choose(words.iter().map(OsString::from).collect()) {
        Program::Lbctl(argv) => match Cli::try_parse_from(argv) {
            Ok(cli) => match cli.command {
                Command::Ipvs(rest) => read_ipvs(&call("lbctl ipvs", rest.words)),
                Command::Genhash(rest) => args::genhash::parse(&rest.words)
                    .map(drop)
                    .map_err(|error| wrong(&error)),
                _ => Ok(()),
            },
            Err(error) if asked_for_help(&error) => Ok(()),
            Err(error) => Err(error.into()),
        },
        Program::LbctlIpvs(call) => read_ipvs(&call),
        Program::Ipvsadm(call) => {
            ipvs::read(&call).map_err(|failure| Refusal::Wrong(failure.to_string()))
        }
        Program::IpvsadmSave(call) => match call.texts().as_slice() {
            [] => Ok(()),
            [option] if option == "-n" => Ok(()),
            _ => Err(Refusal::Wrong("it takes -n alone".to_owned())),
        },
        Program::IpvsadmRestore(call) if call.arguments.is_empty() => Ok(()),
        Program::IpvsadmRestore(_) => Err(Refusal::Wrong("it takes no arguments".to_owned())),
        Program::Genhash(call) if call.arguments.is_empty() => Err(Refusal::Unfinished),
        Program::Genhash(call) => args::genhash::parse(&call.arguments)
            .map(drop)
            .map_err(|error| wrong(&error)),
        Program::Keepalived(call) => args::keepalived::parse(&call.arguments)
            .map(drop)
            .map_err(|error| wrong(&error)),
    }
}

/// `lbctl ipvs`: a verb of ours or ipvsadm's words, with `--netns NAME` before both.
fn read_ipvs(call: &Call) -> Result<(), Refusal> {
    let skipped = match call.texts().first().map(String::as_str) {
        Some("--netns") => 2,
        Some(word) if word.starts_with("--netns=") => 1,
        _ => 0,
    };
    let call = Call {
        name: call.name.clone(),
        arguments: call.arguments.iter().skip(skipped).cloned().collect(),
    };
    match ipvs::read_own(&call) {
        Some(Err(error)) if asked_for_help(&error) => Ok(()),
        Some(result) => result.map_err(Refusal::from),
        None => ipvs::read(&call).map_err(|error| Refusal::Wrong(error.to_string())),
    }
}

fn words(line: &str) -> Vec<String> {
    shlex::split(line).unwrap()
}

#[test]
fn commands_in_the_pages_are_read_by_their_programs() {
    let commands = pages::commands(&pages::PROGRAMS);
    let ours: Vec<_> = commands
        .iter()
        .filter(|shown| pages::PROGRAMS.contains(&shown.program()) && !shown.is_built())
        .collect();
    let inline = ours.iter().filter(|shown| shown.inline).count();
    assert!(
        ours.len() - inline >= 6 && inline >= 40,
        "the pages show more commands than were found: {ours:?}"
    );
    let refused: Vec<String> = ours
        .iter()
        .filter_map(|shown| match read(&shown.words) {
            Ok(()) => None,
            Err(Refusal::Unfinished) if shown.inline => None,
            Err(Refusal::Unfinished) => Some(format!("{shown}\n    an argument is missing")),
            Err(Refusal::Wrong(why)) => Some(format!("{shown}\n    {why}")),
        })
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn a_line_that_is_wrong_is_refused() {
    for line in [
        "lbctl check --strict a.conf",
        "lbctl restart",
        "lbctl status now",
        "lbctl ipvs save --fully",
        "lbctl ipvs boot restart",
        "lbctl ipvs drain 192.168.1.61:80 --json --quiet",
        "lbctl ipvs -L --jsonl",
        "lbctl ipvs -A -t 192.168.1.50 -s wrr",
        "ipvsadm -A -t 192.168.1.50:80 -w 1",
        "ipvsadm -a -t 192.168.1.50:80",
        "ipvsadm-save -x",
        "ipvsadm-restore rules",
        "genhash --site 192.168.1.50",
        "keepalived --no-such-option",
    ] {
        let outcome = read(&words(line));
        assert!(matches!(outcome, Err(Refusal::Wrong(_))), "{line}");
    }
    for line in ["lbctl", "lbctl resign", "lbctl ipvs apply", "genhash"] {
        let outcome = read(&words(line));
        assert!(matches!(outcome, Err(Refusal::Unfinished)), "{line}");
    }
}
