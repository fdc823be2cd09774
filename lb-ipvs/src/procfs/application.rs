// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/net/ip_vs_app`: the application helpers that are loaded.

use std::str::FromStr;

use crate::service::Protocol;

/// A helper for an application whose payload has addresses in it, and a port it looks at.
///
/// ```
/// use lb_ipvs::{Application, Protocol};
/// let helper: Application = "TCP  21      0      ftp              ".parse()?;
/// assert_eq!((helper.protocol, helper.port), (Protocol::Tcp, 21));
/// assert_eq!(helper.name, "ftp");
/// # Ok::<(), lb_ipvs::ApplicationError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Application {
    /// The protocol of the control connection.
    pub protocol: Protocol,
    /// The port of services it looks at.
    pub port: u16,
    /// How many connections use it now.
    pub uses: u32,
    /// Its name, such as `ftp`.
    pub name: String,
}

/// A line of `/proc/net/ip_vs_app` that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no application helper: {line:?}")]
#[non_exhaustive]
pub struct ApplicationError {
    /// The line.
    pub line: String,
}

impl FromStr for Application {
    type Err = ApplicationError;

    /// Reads a line of `/proc/net/ip_vs_app`.
    fn from_str(line: &str) -> Result<Self, ApplicationError> {
        let read = || {
            let mut fields = line.split_ascii_whitespace();
            let protocol = super::table::protocol_of(fields.next()?.as_bytes())?;
            Some(Self {
                protocol,
                port: fields.next()?.parse().ok()?,
                uses: fields.next()?.parse().ok()?,
                name: fields.next()?.to_owned(),
            })
        };
        read().ok_or_else(|| ApplicationError {
            line: line.to_owned(),
        })
    }
}

/// Reads the file, whose first line is a title.
pub(crate) fn parse(text: &str) -> Result<Vec<Application>, ApplicationError> {
    text.lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(str::parse)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file() {
        let text = "prot port    usecnt name\nTCP  21      3      ftp              \n";
        let read = parse(text).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].uses, read[0].name.as_str()), (3, "ftp"));
        let error = parse("title\nTCP x 0 ftp\n").unwrap_err();
        assert_eq!(error.line, "TCP x 0 ftp");
        assert!(parse("").unwrap().is_empty());
    }
}
