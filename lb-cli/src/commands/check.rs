// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl check` and `keepalived -t`.

use std::{
    io::{IsTerminal as _, Read as _},
    net::IpAddr,
    path::Path,
};

use lb_check::Registry;
use lb_core::{
    config::{self, Diagnostics, KeywordEffect, KeywordHelp, Mode, Parsed, ReadOptions, Severity},
    model::Model,
};
use serde_json::json;

use crate::{
    args::run::RunOptions,
    cli::{CheckArgs, reading},
    commands::run::configuration,
    failure::Failure,
    output::{complain, print},
};

/// There are errors.
const ERRORS: u8 = 2;
/// There are warnings, and they were to be denied.
const WARNINGS: u8 = 1;

/// Prints the findings about a configuration; the exit status is that of the worst.
pub(crate) fn check(args: &CheckArgs) -> Result<u8, Failure> {
    if let Some(keyword) = &args.explain {
        return explain(keyword);
    }
    let mut options = reading(args.config_id.as_deref());
    if args.keepalived {
        options = options.with_keepalived_keywords_only();
    }
    let parsed = read(args.file.as_deref(), &options)?;
    let diagnostics = parsed.diagnostics();
    if args.print {
        print_equivalent(&parsed)?;
    } else if args.json {
        print(&as_json(diagnostics))?;
    } else {
        print(&diagnostics.render(std::io::stdout().is_terminal()))?;
        print(&notes(&parsed))?;
        if let Some(model) = parsed.model(Mode::Strict) {
            print(&summary(model))?;
        }
    }
    Ok(if diagnostics.has_errors() {
        ERRORS
    } else if args.deny_warnings && diagnostics.warnings() > 0 {
        WARNINGS
    } else {
        0
    })
}

/// What does not fit this host; the configuration may be for another one.
fn notes(parsed: &Parsed) -> String {
    let missing = parsed.missing_interfaces(exists).into_iter();
    let missing = missing.map(|name| format!("interface {name} does not exist on this host"));
    let lone = parsed.lone_addresses(addresses).into_iter();
    let lone = lone.map(|finding| {
        let place = parsed.diagnostics().location(&finding);
        let reason = finding.notes.first().map_or("", |note| &note.message);
        let (file, line, column) = (place.file, place.line, place.column);
        format!("{file}:{line}:{column}: {}; {reason}", finding.message)
    });
    let notes = missing.chain(lone);
    notes.map(|note| format!("note: {note}\n")).collect()
}

/// The addresses of an interface of this host.
fn addresses(interface: &str) -> Vec<IpAddr> {
    let all = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let own = all.filter(|found| found.interface_name == interface);
    own.filter_map(|found| {
        let address = found.address?;
        let ipv4 = address.as_sockaddr_in().map(|socket| socket.ip().into());
        ipv4.or_else(|| address.as_sockaddr_in6().map(|socket| socket.ip().into()))
    })
    .collect()
}

/// Prints an equivalent configuration, and the findings on standard error.
fn print_equivalent(parsed: &Parsed) -> Result<(), Failure> {
    let diagnostics = parsed.diagnostics();
    if !diagnostics.is_empty() {
        complain(diagnostics.to_string().trim_end());
    }
    let Some(model) = parsed.model(Mode::Strict) else {
        return Ok(());
    };
    let text = config::print(model).map_err(|error| {
        let message = format!("cannot print an equivalent configuration: {error}");
        Failure::new(ERRORS, message)
    })?;
    print(&text)
}

/// Reads the named file, standard input for `-`, and without a name what `lbctl run` would read.
fn read(file: Option<&Path>, options: &ReadOptions) -> Result<Parsed, Failure> {
    let registry = Registry::builtin();
    let Some(file) = file else {
        let file = configuration(&RunOptions::lbctl())
            .map_err(|failure| Failure::new(ERRORS, failure.to_string()))?;
        return Ok(config::load_with(file, &registry, options));
    };
    if file != Path::new("-") {
        return Ok(config::load_with(file, &registry, options));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(ERRORS, format!("cannot read standard input: {error}")))?;
    Ok(config::parse_with(
        &text,
        "standard input",
        &registry,
        options,
    ))
}

/// The last line for a configuration without errors.
fn summary(model: &Model) -> String {
    let real_servers = model.virtual_servers.iter();
    let real_servers = real_servers.map(|server| server.real_servers.len()).sum();
    let count = |number: usize, what: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {what}{plural}")
    };
    format!(
        "ok: {}, {}, {}\n",
        count(model.routers.len(), "instance"),
        count(model.virtual_servers.len(), "virtual server"),
        count(real_servers, "real server"),
    )
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
        effect,
        own,
        ..
    } = keyword;
    let place = match *block {
        "" => "at the top of a file".to_owned(),
        block => format!("in {block}"),
    };
    let mut text = format!("{name} {argument}").trim_end().to_owned();
    text.push_str(&format!(" ({place})\n  {help}\n"));
    if *effect == KeywordEffect::Later {
        text.push_str("  In this version it is read and has no effect.\n");
    }
    if *own {
        text.push_str("  keepalived does not have this keyword.\n");
    }
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
    let parsed = load(&file, &options.reading);
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
    config::load_with(file, &Registry::builtin(), options).with_missing_interfaces(exists)
}

fn exists(interface: &str) -> bool {
    nix::net::if_::if_nametoindex(interface).is_ok()
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
                "reported_by_keepalived": finding.is_reported_by_keepalived(),
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
