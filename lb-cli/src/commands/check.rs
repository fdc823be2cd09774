// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl check` and `keepalived -t`.

use std::{io::IsTerminal as _, path::Path};

use lb_check::Registry;
use lb_core::config::{self, Diagnostics, KeywordHelp, Parsed, ReadOptions, Severity};
use serde_json::json;

use crate::{
    args::run::RunOptions,
    cli::CheckArgs,
    commands::run::{configuration, read_options},
    failure::Failure,
    output::{complain, print},
};

/// There are errors.
const ERRORS: u8 = 2;
/// There are warnings, and they were to be denied.
const WARNINGS: u8 = 1;

/// Prints the findings about a configuration; the exit status is that of the worst.
pub(crate) fn check(args: &CheckArgs) -> Result<u8, Failure> {
    // The parser of arguments asks for one of them.
    let (explained, file) = (args.explain.as_deref(), args.file.as_deref());
    let Some(file) = file else {
        return explain(explained.unwrap_or_default());
    };
    let parsed = config::load(file, &Registry::builtin());
    let diagnostics = parsed.diagnostics();
    if args.json {
        print(&as_json(diagnostics))?;
    } else {
        print(&diagnostics.render(std::io::stdout().is_terminal()))?;
    }
    Ok(if diagnostics.has_errors() {
        ERRORS
    } else if args.deny_warnings && diagnostics.warnings() > 0 {
        WARNINGS
    } else {
        0
    })
}

/// Prints the meaning of a keyword in each block that has it.
fn explain(name: &str) -> Result<u8, Failure> {
    let keywords = config::keywords();
    let found: Vec<String> = keywords
        .iter()
        .filter(|keyword| keyword.name == name)
        .map(explanation)
        .collect();
    if found.is_empty() {
        let suggestion = match config::nearest_keyword(name) {
            Some(keyword) => format!("; did you mean `{keyword}`?"),
            None => String::new(),
        };
        let message = format!("unknown keyword `{name}`{suggestion}");
        return Err(Failure::new(ERRORS, message));
    }
    print(&found.join("\n"))?;
    Ok(0)
}

fn explanation(keyword: &KeywordHelp) -> String {
    let KeywordHelp {
        name,
        block,
        argument,
        default,
        help,
        supported,
        ..
    } = keyword;
    let place = match *block {
        "" => "at the top of a file".to_owned(),
        block => format!("in {block}"),
    };
    if !supported {
        return format!("{name} ({place})\n  Known to keepalived and not supported yet.\n");
    }
    let mut text = format!("{name} {argument}").trim_end().to_owned();
    text.push_str(&format!(" ({place})\n  {help}\n"));
    if !default.is_empty() {
        text.push_str(&format!("  Default: {default}\n"));
    }
    text
}

/// `keepalived -t`, with keepalived's exit status.
pub(crate) fn keepalived_test(options: &RunOptions) -> Result<u8, Failure> {
    let file = configuration(options).map_err(|failure| Failure::new(4, failure.to_string()))?;
    if !Path::new(&file).exists() {
        complain(&format!(
            "cannot find configuration file {}",
            file.display()
        ));
        return Ok(4);
    }
    let parsed = load(&file, &read_options(options));
    let diagnostics = parsed.diagnostics();
    if !diagnostics.is_empty() {
        complain(diagnostics.to_string().trim_end());
    }
    if parsed.runs_insecure_scripts() {
        complain("SECURITY VIOLATION - scripts are run and enable_script_security is not set");
    }
    Ok(parsed.keepalived_status())
}

/// Reads a file on this host.
fn load(file: &Path, options: &ReadOptions) -> Parsed {
    let exists = |name: &str| nix::net::if_::if_nametoindex(name).is_ok();
    config::load_with(file, &Registry::builtin(), options).with_missing_interfaces(exists)
}

fn as_json(diagnostics: &Diagnostics) -> String {
    let findings: Vec<_> = diagnostics
        .iter()
        .map(|finding| {
            let place = diagnostics.location(finding);
            json!({
                "severity": match finding.severity {
                    Severity::Warning => "warning",
                    _ => "error",
                },
                "message": finding.message,
                "file": place.file,
                "line": place.line,
                "column": place.column,
                "suggestion": finding.suggestion,
                "notes": finding.notes.iter().map(|note| &note.message).collect::<Vec<_>>(),
            })
        })
        .collect();
    let report = json!({
        "errors": diagnostics.errors(),
        "warnings": diagnostics.warnings(),
        "diagnostics": findings,
    });
    format!("{report:#}\n")
}
