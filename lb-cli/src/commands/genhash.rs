// SPDX-License-Identifier: MIT OR Apache-2.0
//! genhash.

use std::fmt::Write as _;

use lb_check::Reason;
use lb_check::genhash::{self, Error, GenhashOptions, Report, Stage};

use crate::{
    args::genhash::{self as args, GenhashRequest},
    failure::Failure,
    output::{complain, print},
    program::Call,
};

/// Prints the digest of a page. As in the original only a wrong command line is a failure; a page
/// that cannot be fetched is reported and the exit status is 0.
pub(crate) fn genhash(call: &Call) -> Result<(), Failure> {
    let options = match args::parse(&call.arguments) {
        Ok(GenhashRequest::Fetch(options)) => options,
        Ok(GenhashRequest::Help) => {
            complain(&args::help(&call.name));
            return Ok(());
        }
        Err(error) => {
            return Err(Failure::new(
                1,
                format!("{error}\n{}", args::help(&call.name)),
            ));
        }
    };
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(1, format!("cannot start: {error}")))?
        .block_on(genhash::run(&options));
    match outcome {
        Ok(report) => print(&shown(&options, &report)),
        Err(error @ Error::NoData) => {
            complain(&error.to_string());
            Ok(())
        }
        // The names of the original bring its messages.
        Err(Error::Failed { reason, stage }) if call.name != "lbctl genhash" => {
            print(&format!("{}\n", original(&reason, stage)))
        }
        Err(error) => print(&format!("{error}\n")),
    }
}

/// The message of genhash 2.2.7 for a page that cannot be fetched.
fn original(reason: &Reason, stage: Stage) -> &'static str {
    match (stage, reason) {
        (Stage::Connect, Reason::L4Timeout | Reason::L7Timeout) => "Timeout connecting",
        (Stage::Connect, Reason::Tls(_)) => "SSL handshake/communication error connecting to",
        (Stage::Connect, _) => "Connection failed",
        (Stage::Request, Reason::L7Timeout) => "Timeout WEB read",
        (_, Reason::L7Timeout | Reason::Timeout) => "Timeout HTTP read",
        _ => "Read error with",
    }
}

fn shown(options: &GenhashOptions, report: &Report) -> String {
    let digest = report.digest.to_string();
    if !options.verbose {
        return format!("{digest}\n");
    }
    let mut text = String::new();
    section(&mut text, "HTTP Header Buffer", &hex_dump(&report.header));
    section(
        &mut text,
        "HTTP Header Ascii Buffer",
        &format!("{}\n", String::from_utf8_lossy(&report.header).trim_end()),
    );
    section(&mut text, "HTML Buffer", &hex_dump(&report.body));
    section(
        &mut text,
        "HTML hash final resulting",
        &format!("{digest}\n"),
    );
    text.push_str(&format!(
        "\nGlobal response time for [{}] = {} usecs\n",
        options.path,
        report.elapsed.as_micros()
    ));
    text
}

fn section(text: &mut String, title: &str, body: &str) {
    let rule = "-".repeat(23);
    text.push_str(&format!("{rule}[ {title:^26} ]{rule}\n{body}"));
}

/// Sixteen bytes a line: offset, hexadecimal, what can be printed.
fn hex_dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (row, chunk) in bytes.chunks(16).enumerate() {
        let mut hex = String::new();
        for byte in chunk {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x} ");
        }
        let ascii: String = chunk
            .iter()
            .map(|byte| {
                if byte.is_ascii_graphic() || *byte == b' ' {
                    char::from(*byte)
                } else {
                    '.'
                }
            })
            .collect();
        let _ = writeln!(text, "{:04x}  {hex:<48} {ascii}", row * 16);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dump() {
        assert_eq!(
            hex_dump(b"HTTP/1.0 200 OK\r\n"),
            "0000  48 54 54 50 2f 31 2e 30 20 32 30 30 20 4f 4b 0d  HTTP/1.0 200 OK.\n\
             0010  0a                                               .\n"
        );
    }
}
