// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a check connects over TLS.

use crate::Arguments;
use crate::keywords::Findings;

/// Whether a check connects over TLS, and with which server name. No certificate is verified.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Security {
    /// A plain connection.
    #[default]
    Plain,
    /// TLS from the first byte.
    Tls {
        /// The server name that is sent; without one none is sent.
        name: Option<String>,
    },
    /// A plain connection that becomes a TLS connection, in the way of the protocol.
    StartTls {
        /// The server name that is sent; without one none is sent.
        name: Option<String>,
    },
}

impl Security {
    /// The server name.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Plain => None,
            Self::Tls { name } | Self::StartTls { name } => name.as_deref(),
        }
    }

    pub(crate) const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls { .. })
    }

    pub(crate) const fn is_start_tls(&self) -> bool {
        matches!(self, Self::StartTls { .. })
    }

    /// Its lines in a configuration.
    pub(crate) fn lines(&self) -> Vec<Arguments> {
        let keyword = match self {
            Self::Plain => return Vec::new(),
            Self::Tls { .. } => "tls",
            Self::StartTls { .. } => "starttls",
        };
        let mut lines = vec![Arguments::line(keyword, [] as [&str; 0])];
        lines.extend(self.name().map(|name| Arguments::line("sni_name", [name])));
        lines
    }
}

/// The lines of a block about TLS.
#[derive(Debug, Default)]
pub(crate) struct SecurityLines {
    tls: bool,
    start_tls: bool,
    name: Option<String>,
}

impl SecurityLines {
    /// Reads `tls`, `starttls` or `sni_name`.
    pub(crate) fn read(&mut self, line: &Arguments, findings: &mut Findings) {
        match line.name.as_str() {
            "tls" => self.tls = findings.boolean(line).unwrap_or(self.tls),
            "starttls" => self.start_tls = findings.boolean(line).unwrap_or(self.start_tls),
            _ => {
                if let Some(name) = findings.single(line, "a host name") {
                    findings.replace(line, &mut self.name, name.to_owned());
                }
            }
        }
    }

    /// The setting; `tls` wins over `starttls`.
    pub(crate) fn finish(self, block: &Arguments, findings: &mut Findings) -> Security {
        let Self {
            tls,
            start_tls,
            name,
        } = self;
        let mut warn = |keyword: &str| {
            let line = block.children.iter().find(|line| line.name == keyword);
            let (keyword, block_name) = (keyword.to_owned(), block.name.clone());
            let problem = crate::Problem::NoEffect {
                keyword,
                block: block_name,
            };
            findings.warning(line.unwrap_or(block), problem);
        };
        match (tls, start_tls) {
            (true, true) => {
                warn("starttls");
                Security::Tls { name }
            }
            (true, false) => Security::Tls { name },
            (false, true) => Security::StartTls { name },
            (false, false) => {
                if name.is_some() {
                    warn("sni_name");
                }
                Security::Plain
            }
        }
    }
}
