// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `GRPC_CHECK { … }` to the check, and back.

use std::sync::Arc;

use super::GrpcCheck;
use crate::keywords::Findings;
use crate::security::SecurityLines;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory};

const KEYWORDS: &[&str] = &["service", "virtualhost", "tls", "sni_name"];

/// Makes [`GrpcCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrpcFactory;

impl CheckFactory for GrpcFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let (mut service, mut host) = (None, None);
        let mut security = SecurityLines::default();
        for line in &arguments.children {
            match line.name.as_str() {
                "service" => {
                    if let Some(text) = findings.single(line, "the name of a service") {
                        findings.replace(line, &mut service, text.to_owned());
                    }
                }
                "virtualhost" => {
                    let wants = "a host name";
                    match findings.single(line, wants) {
                        Some(text) if text.parse::<http::uri::Authority>().is_ok() => {
                            findings.replace(line, &mut host, text.to_owned());
                        }
                        Some(text) => findings.invalid(line, text, wants),
                        None => {}
                    }
                }
                "tls" | "sni_name" => security.read(line, &mut findings),
                _ => findings.unknown(line, arguments, KEYWORDS, true),
            }
        }
        let (security, server_name) = security.finish(arguments, &mut findings);
        let mut check = GrpcCheck::new(service.unwrap_or_default(), context.connect_timeout)
            .with_security(security);
        check.server_name = server_name;
        let usual = context.virtualhost.clone();
        check.virtualhost =
            host.or_else(|| usual.filter(|host| host.parse::<http::uri::Authority>().is_ok()));
        let mut built = BuiltCheck::new(Arc::new(check));
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

impl GrpcCheck {
    /// Its lines in a configuration.
    pub(super) fn to_lines(&self) -> Vec<Arguments> {
        let mut lines = vec![Arguments::seconds("connect_timeout", self.timeout)];
        if !self.service.is_empty() {
            lines.push(Arguments::line("service", [self.service.as_str()]));
        }
        if let Some(host) = &self.virtualhost {
            lines.push(Arguments::line("virtualhost", [host.as_str()]));
        }
        lines.extend(self.security.lines(self.server_name.as_deref()));
        lines
    }
}
