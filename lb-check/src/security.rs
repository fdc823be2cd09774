// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a check uses TLS.

/// Whether a connection uses TLS. No certificate is verified.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Security {
    /// No TLS.
    #[default]
    Plain,
    /// TLS from the start (`tls`).
    Tls,
    /// Plain bytes, then TLS by a message of the protocol (`starttls`). Redis has no such message: there it is as
    /// [`Tls`](Self::Tls).
    StartTls,
}

/// The lines of a block about TLS.
#[cfg(any(feature = "ldap", feature = "sql", feature = "grpc"))]
mod lines {
    use super::Security;
    use crate::keywords::Findings;
    use crate::{Arguments, Problem};

    /// What the lines `tls`, `starttls` and `sni_name` of a block set.
    #[derive(Debug, Default)]
    pub(crate) struct SecurityLines {
        tls: bool,
        starts_tls: bool,
        name: Option<String>,
    }

    impl SecurityLines {
        /// Reads one of these lines.
        pub(crate) fn read(&mut self, line: &Arguments, findings: &mut Findings) {
            match line.name.as_str() {
                "tls" => self.tls = findings.boolean(line).unwrap_or(self.tls),
                "starttls" => {
                    self.starts_tls = findings.boolean(line).unwrap_or(self.starts_tls);
                }
                _ => {
                    if let Some(name) = findings.single(line, "a host name") {
                        findings.replace(line, &mut self.name, name.to_owned());
                    }
                }
            }
        }

        /// The setting and the server name; `tls` wins over `starttls`, and a name needs one of them.
        pub(crate) fn finish(
            self,
            block: &Arguments,
            findings: &mut Findings,
        ) -> (Security, Option<String>) {
            let void = match (self.tls, self.starts_tls) {
                (true, true) => Some("starttls"),
                (false, false) if self.name.is_some() => Some("sni_name"),
                _ => None,
            };
            let mut lines = block.children.iter();
            if let Some(line) = lines.find(|line| Some(line.name.as_str()) == void) {
                let (keyword, block) = (line.name.clone(), block.name.clone());
                findings.warning(line, Problem::NoEffect { keyword, block });
            }
            match (self.tls, self.starts_tls) {
                (true, _) => (Security::Tls, self.name),
                (false, true) => (Security::StartTls, self.name),
                (false, false) => (Security::Plain, None),
            }
        }
    }

    impl Security {
        /// The lines in a configuration.
        pub(crate) fn lines(self, name: Option<&str>) -> Vec<Arguments> {
            let keyword = match self {
                Self::Plain => return Vec::new(),
                Self::Tls => "tls",
                Self::StartTls => "starttls",
            };
            let mut lines = vec![Arguments::line(keyword, [] as [&str; 0])];
            lines.extend(name.map(|name| Arguments::line("sni_name", [name])));
            lines
        }
    }
}

#[cfg(any(feature = "ldap", feature = "sql", feature = "grpc"))]
pub(crate) use self::lines::SecurityLines;
