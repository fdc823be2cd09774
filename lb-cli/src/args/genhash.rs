// SPDX-License-Identifier: MIT OR Apache-2.0
//! genhash's options.

use std::{ffi::OsString, net::IpAddr, time::Duration};

use lb_check::{Protocol, genhash::GenhashOptions};
use lexopt::{Arg, Parser, ValueExt};

use super::getopt::{complete, spelled};

/// The request of a genhash command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GenhashRequest {
    /// `-h`
    Help,
    /// Fetch a page.
    Fetch(GenhashOptions),
}

/// Why a genhash command line is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GenhashUsage {
    #[error("unknown option {0}")]
    Unknown(String),
    #[error("{0}")]
    Value(#[from] lexopt::Error),
    #[error("{0} is missing")]
    Missing(&'static str),
}

const LONG: [&str; 11] = [
    "use-ssl",
    "use-sni",
    "server",
    "port",
    "url",
    "use-virtualhost",
    "protocol",
    "timeout",
    "fwmark",
    "verbose",
    "help",
];

/// Reads the words behind the program's name.
///
/// # Errors
///
/// The first invalid option.
pub(crate) fn parse(arguments: &[OsString]) -> Result<GenhashRequest, GenhashUsage> {
    let mut parser = Parser::from_args(arguments);
    let (mut server, mut port, mut path) = (None, None, None);
    let (mut virtualhost, mut protocol, mut timeout, mut mark) = (None, None, None, None);
    let (mut verbose, mut tls, mut sni) = (false, false, false);
    while let Some(argument) = parser.next()? {
        let shown = spelled(&argument);
        let letter = match argument {
            Arg::Short(letter) => letter,
            Arg::Long(name) => long(name).ok_or_else(|| GenhashUsage::Unknown(shown.clone()))?,
            Arg::Value(_) => return Err(GenhashUsage::Unknown(shown)),
        };
        match letter {
            's' => server = Some(parser.value()?.parse::<IpAddr>()?),
            'p' => port = Some(parser.value()?.parse::<u16>()?),
            'u' => path = Some(parser.value()?.string()?),
            'V' => virtualhost = Some(parser.value()?.string()?),
            'P' => protocol = Some(parser.value()?.parse::<Protocol>()?),
            't' => timeout = Some(parser.value()?.parse::<u32>()?),
            'm' => mark = Some(parser.value()?.parse::<u32>()?),
            'v' => verbose = true,
            'h' => return Ok(GenhashRequest::Help),
            'S' => tls = true,
            'I' => sni = true,
            _ => return Err(GenhashUsage::Unknown(shown)),
        }
    }
    let mut options = GenhashOptions::new(
        server.ok_or(GenhashUsage::Missing("-s SERVER"))?,
        port.ok_or(GenhashUsage::Missing("-p PORT"))?,
        path.ok_or(GenhashUsage::Missing("-u PATH"))?,
    );
    options.virtualhost = virtualhost;
    options.mark = mark;
    options.verbose = verbose;
    (options.tls, options.sni) = (tls, sni);
    if let Some(protocol) = protocol {
        options.protocol = protocol;
    }
    if let Some(seconds) = timeout {
        options.timeout = Duration::from_secs(seconds.into());
    }
    Ok(GenhashRequest::Fetch(options))
}

fn long(name: &str) -> Option<char> {
    Some(match complete(name, &LONG)? {
        "use-ssl" => 'S',
        "use-sni" => 'I',
        "server" => 's',
        "port" => 'p',
        "url" => 'u',
        "use-virtualhost" => 'V',
        "protocol" => 'P',
        "timeout" => 't',
        "fwmark" => 'm',
        "verbose" => 'v',
        "help" => 'h',
        _ => return None,
    })
}

/// The grammar; `program` is the name it was called by.
pub(crate) fn help(program: &str) -> String {
    format!("Usage: {program} -s SERVER -p PORT -u PATH [OPTIONS]\n\n{HELP}")
}

const HELP: &str = "\
Fetches a page and prints the digest that HTTP_GET compares (MD5 of the body).

  -s, --server ADDRESS           IP address of the server
  -p, --port PORT                its port
  -u, --url PATH                 the page
  -V, --use-virtualhost NAME     Host header (address and port)
  -P, --protocol 1.0|1.0c|1.1    version of the request (1.0)
  -t, --timeout SECONDS          for the connection and for each read (5)
  -m, --fwmark MARK              firewall mark of the connection
  -v, --verbose                  show header and body too
  -S, --use-ssl                  TLS; the certificate is not verified
  -I, --use-sni                  with -S: send the name of -V as the server name
  -h, --help                     this text";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<GenhashRequest, GenhashUsage> {
        parse(
            &line
                .split_whitespace()
                .map(OsString::from)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn options() {
        let Ok(GenhashRequest::Fetch(options)) =
            read("-s 192.168.1.62 -p80 --url=/ --use-v www.example.net -P 1.0c -t 3 -m 7 --verb")
        else {
            panic!("not read");
        };
        let mut want = GenhashOptions::new("192.168.1.62".parse().unwrap(), 80, "/");
        want.virtualhost = Some("www.example.net".to_owned());
        want.protocol = Protocol::Http10Close;
        want.timeout = Duration::from_secs(3);
        want.mark = Some(7);
        want.verbose = true;
        assert_eq!(options, want);
        let Ok(GenhashRequest::Fetch(options)) = read("-S -I -s ::1 -p 443 -u / -V a.example")
        else {
            panic!("not read");
        };
        let mut want = GenhashOptions::new("::1".parse().unwrap(), 443, "/");
        (want.tls, want.sni) = (true, true);
        want.virtualhost = Some("a.example".to_owned());
        assert_eq!(options, want);
        assert!(matches!(read("-h -q"), Ok(GenhashRequest::Help)));
    }

    #[test]
    fn mistakes() {
        for (line, want) in [
            ("", "-s SERVER is missing"),
            ("-s 127.0.0.1 -p 80", "-u PATH is missing"),
            ("-s ::1 -u /", "-p PORT is missing"),
            ("-q", "unknown option -q"),
            ("--use-s", "unknown option --use-s"),
            ("x", "unknown option x"),
        ] {
            assert_eq!(read(line).unwrap_err().to_string(), want, "{line}");
        }
        for line in ["-s www.example.net", "-p 65536", "-P 2", "-s"] {
            assert!(matches!(read(line), Err(GenhashUsage::Value(_))), "{line}");
        }
    }
}
