// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm's words.
//!
//! [`parse`] only takes the line apart: the command, the options in the order they were given,
//! and what could not be read. [`super::draft`] gives it meaning. The order is kept
//! because it matters: `-6` must follow `-f`, and of two mistakes the first one is reported.

use super::{
    options::{self, Command, Word},
    popt::{self, Broken, Given, Tokens},
};

/// An `ipvsadm` command line taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LowArgs {
    /// The first option, which must be a command.
    pub(crate) command: Command,
    /// The command's own value (`--start-daemon VALUE`).
    pub(crate) command_value: Option<String>,
    /// All further options in order.
    pub(crate) given: Vec<Given<Word>>,
    /// The option that could not be read; nothing behind it was.
    pub(crate) broken: Option<Broken>,
    /// Words that are not options.
    pub(crate) words: Vec<String>,
}

/// The first option is not a command, or there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NoCommand;

/// Takes the words behind the program's name apart. No words at all mean `-L`.
///
/// # Errors
///
/// [`NoCommand`] when the first option is not a command.
pub(crate) fn parse(arguments: &[String]) -> Result<LowArgs, NoCommand> {
    if arguments.is_empty() {
        return Ok(LowArgs {
            command: Command::List,
            command_value: None,
            given: Vec::new(),
            broken: None,
            words: Vec::new(),
        });
    }
    let Tokens {
        given,
        broken,
        words,
    } = popt::tokenize(arguments, options::KNOWN);
    let mut given = given.into_iter();
    match given.next() {
        Some(Given {
            id: Word::Command(command),
            value,
            ..
        }) => Ok(LowArgs {
            command,
            command_value: value,
            given: given.collect(),
            broken,
            words,
        }),
        _ => Err(NoCommand),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::options::{OptionName, ServiceKind},
        *,
    };

    fn line(text: &str) -> Result<LowArgs, NoCommand> {
        parse(
            &text
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn no_words_list_the_table_with_names() {
        let args = line("").unwrap();
        assert_eq!(args.command, Command::List);
        assert!(args.given.is_empty());
    }

    #[test]
    fn the_first_option_must_be_a_command() {
        for text in [
            "-nL",
            "-n",
            "foo",
            "-t 10.0.0.1:80 -A",
            "--bogus",
            "--start-daemon",
            "-q",
        ] {
            assert_eq!(line(text), Err(NoCommand), "{text}");
        }
        assert_eq!(line("foo -L").unwrap().words, ["foo"]);
    }

    #[test]
    fn options_stay_in_order_up_to_the_one_that_is_broken() {
        let args = line("-A -t 10.0.0.1:80 -s rr -p -5 -o").unwrap();
        let words: Vec<Word> = args.given.iter().map(|given| given.id).collect();
        assert_eq!(
            words,
            [
                Word::Service(ServiceKind::Tcp),
                Word::Plain(OptionName::Scheduler),
                Word::Plain(OptionName::Persistent),
            ]
        );
        assert_eq!(
            args.broken.map(|broken| broken.to_string()),
            Some("-5: unknown option".into())
        );
    }
}
