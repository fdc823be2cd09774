// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `MISC_CHECK { … }` to the check.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Account, Program, Script};
use crate::keywords::Findings;
use crate::words::{SplitError, join, split};
use crate::{
    ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem, ScriptRules,
};

const KEYWORDS: &[&str] = &["misc_path", "misc_timeout", "misc_dynamic", "user"];

/// Makes [`Script`]s.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScriptFactory;

/// What `misc_path` gives.
struct Command {
    argv: Vec<OsString>,
    /// User and group, if they stand behind the command.
    user: Vec<String>,
}

impl CheckFactory for ScriptFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut path: Option<(&Arguments, Command)> = None;
        let mut seconds = None;
        let mut dynamic = false;
        let mut user: Option<(&Arguments, Vec<String>)> = None;
        for line in &arguments.children {
            match line.name.as_str() {
                "misc_path" => {
                    if let Some(command) = command(line, &mut findings) {
                        findings.replace(line, &mut path, (line, command));
                    }
                }
                "misc_timeout" => {
                    let wants = "a number of seconds from 1";
                    if let Some(text) = findings.single(line, wants) {
                        match text.parse::<u32>() {
                            Ok(value @ 1..) => findings.replace(line, &mut seconds, value),
                            _ => findings.invalid(line, text, wants),
                        }
                    }
                }
                "misc_dynamic" => {
                    findings.extra(line, 0);
                    dynamic = true;
                }
                "user" => {
                    if line.values.is_empty() {
                        let (keyword, wants) = (line.name.clone(), "a user");
                        findings.error(line, Problem::MissingValue { keyword, wants });
                    } else {
                        findings.replace(line, &mut user, (line, line.values.clone()));
                    }
                }
                _ => findings.unknown(line, arguments, KEYWORDS, false),
            }
        }
        let Some((path_line, command)) = path else {
            let block = arguments.name.clone();
            findings.error(
                arguments,
                Problem::Missing {
                    keyword: "misc_path",
                    block,
                },
            );
            return Err(findings.0);
        };
        let timeout = seconds.map_or(context.delay_loop, |s| Duration::from_secs(u64::from(s)));
        let script = script(
            path_line,
            command,
            user,
            &context.scripts,
            timeout,
            &mut findings,
        );
        let Some(mut script) = script else {
            return Err(findings.0);
        };
        script.dynamic = dynamic;
        let deadline = timeout + Program::GRACE + BuiltCheck::SLACK;
        let mut built = BuiltCheck::new(Arc::new(script)).with_deadline(deadline);
        built.retries = 0;
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }

    fn uses_socket(&self) -> bool {
        false
    }
}

impl Arguments {
    /// A keyword with a command, and the account behind it: `notify_master "/bin/log 'a b'" root root`.
    ///
    /// [`Script::from_lines`] reads the same words from it.
    #[must_use]
    pub fn command<W: AsRef<OsStr>>(
        name: impl Into<String>,
        argv: &[W],
        account: Option<Account>,
    ) -> Self {
        let words: Vec<&[u8]> = argv.iter().map(|word| word.as_ref().as_bytes()).collect();
        let mut raw = join(&words);
        if let Some((user, group)) = account.map(|account| account.names()) {
            raw = format!("{raw} {user} {group}");
        }
        Self::line(name, [] as [&str; 0]).with_raw(raw)
    }
}

impl Script {
    /// Reads a line `KEYWORD COMMAND` of a configuration, as that of `misc_path` and of keepalived's
    /// `vrrp_script`, and the line `user`. Without the latter, user and group may stand behind a
    /// quoted command; else it is that of `rules`, else the director's user.
    ///
    /// Beside it stands what is wrong: no command, an unterminated quote, an unknown user; then there
    /// is no script. A program that is not there, or that `rules` refuse, is a
    /// [warning](crate::Severity), as keepalived continues without the script.
    #[must_use]
    pub fn from_lines(
        command_line: &Arguments,
        user: Option<&Arguments>,
        rules: &ScriptRules,
        timeout: Duration,
    ) -> (Option<Self>, Vec<ArgumentError>) {
        let mut findings = Findings::default();
        let user = user.map(|line| (line, line.values.clone()));
        let script = command(command_line, &mut findings)
            .and_then(|command| script(command_line, command, user, rules, timeout, &mut findings));
        (script, findings.0)
    }
}

/// None with a finding.
fn script(
    line: &Arguments,
    command: Command,
    user: Option<(&Arguments, Vec<String>)>,
    rules: &ScriptRules,
    timeout: Duration,
    findings: &mut Findings,
) -> Option<Script> {
    let behind = || (!command.user.is_empty()).then(|| (line, command.user.clone()));
    let account = match account(user.or_else(behind), rules) {
        Ok(account) => account,
        Err(error) => {
            findings.0.push(error);
            return None;
        }
    };
    // Keepalived's rule: the script is dropped, the configuration holds.
    let program = match executable(command.argv.first().map(OsString::as_os_str)) {
        Ok(program) => program,
        Err(problem) => {
            findings.warning(line, problem);
            return None;
        }
    };
    if let Some(word) = shell_word(&command.argv) {
        let word = word.to_string_lossy().into_owned();
        let error = ArgumentError::warning(line, Problem::ShellSyntax { word });
        let advice = "a shell runs it as /bin/sh -c '…'";
        findings.0.push(error.with_suggestion(advice));
    }
    let name = program.display();
    match rules.judge(&program, account) {
        Ok(None) => {}
        Ok(Some(risk)) => {
            let (program, risk) = (name.to_string(), risk.to_string());
            findings.warning(line, Problem::Insecure { program, risk });
        }
        Err(risk) => {
            let (program, risk) = (name.to_string(), risk.to_string());
            findings.warning(line, Problem::Refused { program, risk });
            return None;
        }
    }
    let mut script = Script::new(command.argv, timeout);
    if let Some(account) = account.filter(|_| rules.supplementary_groups) {
        script.program.groups = account.supplementary_groups();
    }
    script.program.account = account;
    Some(script)
}

/// The two passes over a command line; see [`crate::words`].
fn command(line: &Arguments, findings: &mut Findings) -> Option<Command> {
    let lossy = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
    let mut say = |error: SplitError| {
        findings.error(line, Problem::Other(format!("'{}': {error}", line.name)));
    };
    let words = if line.raw.trim().is_empty() {
        line.values
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect()
    } else {
        split(line.raw.as_bytes()).map_err(&mut say).ok()?
    };
    let mut words = words.into_iter();
    let argv = words
        .next()
        .map(|command| split(&command))
        .unwrap_or_else(|| Ok(Vec::new()))
        .map_err(&mut say)
        .ok()?;
    if argv.is_empty() {
        let (keyword, wants) = (line.name.clone(), "a command");
        findings.error(line, Problem::MissingValue { keyword, wants });
        return None;
    }
    let user = words.map(|word| lossy(&word)).collect();
    Some(Command {
        argv: argv.into_iter().map(OsString::from_vec).collect(),
        user,
    })
}

/// Whom the script runs as: its own `user`, else `script_user`, else the director's user.
fn account(
    user: Option<(&Arguments, Vec<String>)>,
    rules: &ScriptRules,
) -> Result<Option<Account>, ArgumentError> {
    let Some((line, words)) = user else {
        return match rules.default_user() {
            None => Ok(None),
            Some((user, group)) => {
                let found = Account::find(&user, group.as_deref());
                let block = Arguments::line("script_user", [user]);
                found
                    .map(Some)
                    .map_err(|e| ArgumentError::error(&block, Problem::Other(e.to_string())))
            }
        };
    };
    // `user root wheel`, `user root :wheel`, `user root:wheel`.
    let mut parts = words
        .iter()
        .flat_map(|word| word.split(':'))
        .filter(|part| !part.is_empty());
    let name = parts.next().unwrap_or_default();
    Account::find(name, parts.next())
        .map(Some)
        .map_err(|unknown| {
            let error = ArgumentError::error(line, Problem::Other(unknown.to_string()));
            if line.name != "user" {
                error.with_suggestion(format!(
                    "put the command and its arguments in quotes: {} \"{}\"",
                    line.name,
                    line.raw.trim()
                ))
            } else {
                error
            }
        })
}

/// The first argument that joins or redirects commands in a shell.
fn shell_word(argv: &[OsString]) -> Option<&OsString> {
    const OPERATORS: [&str; 7] = ["|", "||", "&", "&&", ";", "<", "<<"];
    argv.iter().skip(1).find(|word| {
        let text = word.to_string_lossy();
        // `>file`, `2>&1`.
        let redirects = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
        OPERATORS.contains(&&*text) || redirects.starts_with('>')
    })
}

/// Whether the program is there and has an execute bit; a name without `/` is looked up in PATH.
fn executable(program: Option<&OsStr>) -> Result<PathBuf, Problem> {
    let program = program.unwrap_or_default();
    let not = |why: String| -> Result<PathBuf, Problem> {
        let program = program.to_string_lossy().into_owned();
        Err(Problem::NotExecutable { program, why })
    };
    let may_run = |path: &Path| match path.metadata() {
        Err(error) => Err(error.to_string()),
        Ok(data) if !data.is_file() => Err("not a file".to_owned()),
        Ok(data) if data.permissions().mode() & 0o111 == 0 => Err("not executable".to_owned()),
        Ok(_) => Ok(path.to_path_buf()),
    };
    if program.as_bytes().contains(&b'/') {
        return may_run(Path::new(program)).or_else(not);
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    let mut found = std::env::split_paths(&path);
    match found.find_map(|directory| may_run(&directory.join(program)).ok()) {
        Some(path) => Ok(path),
        None => not("not found in PATH".to_owned()),
    }
}
