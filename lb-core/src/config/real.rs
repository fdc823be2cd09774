// SPDX-License-Identifier: MIT OR Apache-2.0
//! `real_server`.

use std::net::Ipv4Addr;

use lb_ipvs::ForwardingMethod;

use super::Diagnostic;
use super::keywords::Level;
use super::line::{At, Context};
use super::method::{CheckDefaults, method};
use super::server::{Endpoint, endpoint_words};
use super::source::Span;
use super::tree::NodeId;

#[derive(Debug)]
pub(super) struct RealServerConfig {
    pub(super) endpoint: Endpoint,
    /// Whether it has an address. Else it is read for what else is wrong in it.
    pub(super) valid: bool,
    /// The address.
    pub(super) span: Span,
    pub(super) weight: Option<At<u32>>,
    pub(super) method: Option<At<ForwardingMethod>>,
    pub(super) upper: Option<At<u32>>,
    pub(super) lower: Option<At<u32>>,
    pub(super) inhibit: Option<At<bool>>,
    pub(super) smtp_alert: Option<At<bool>>,
    pub(super) virtualhost: Option<At<String>>,
    pub(super) defaults: CheckDefaults,
    /// The blocks of its checks: they are read when all they inherit is known.
    pub(super) checks: Vec<NodeId>,
}

impl RealServerConfig {
    /// Reads one block.
    pub(super) fn read(context: &mut Context<'_>, block: NodeId) -> Self {
        let endpoint = endpoint_words(context, block);
        let nowhere = Endpoint {
            ip: Ipv4Addr::UNSPECIFIED.into(),
            port: None,
        };
        let mut server = Self {
            valid: endpoint.is_some(),
            endpoint: endpoint.map_or(nowhere, |at| at.value),
            span: endpoint.map_or(Span::START, |at| at.span),
            weight: None,
            method: None,
            upper: None,
            lower: None,
            inhibit: None,
            smtp_alert: None,
            virtualhost: None,
            defaults: CheckDefaults::default(),
            checks: Vec::new(),
        };
        for line in context.lines(block) {
            server.line(context, line);
        }
        server
    }

    fn line(&mut self, context: &mut Context<'_>, line: NodeId) {
        let (keyword, span) = context.keyword(line);
        match keyword {
            "weight" => {
                let value = context.number(line, 0..=i32::MAX.unsigned_abs());
                context.set(line, &mut self.weight, value);
            }
            "lvs_method" => {
                let value = method(context, line);
                context.set(line, &mut self.method, value);
            }
            "uthreshold" => {
                let value = context.number(line, 0..=u32::MAX);
                context.set(line, &mut self.upper, value);
            }
            "lthreshold" => {
                let value = context.number(line, 0..=u32::MAX);
                context.set(line, &mut self.lower, value);
            }
            "inhibit_on_failure" => {
                let value = context.boolean(line);
                context.set(line, &mut self.inhibit, value);
            }
            "smtp_alert" => {
                let value = context.boolean(line);
                context.set(line, &mut self.smtp_alert, value);
            }
            "virtualhost" => {
                let value = context.string(line, "a host name");
                context.set(line, &mut self.virtualhost, value);
            }
            _ if context.registry.get(keyword).is_some() => {
                context.extra(line, 0);
                self.checks.push(line);
            }
            _ if self.defaults.read(context, line, keyword, 1) => {}
            _ if Level::RealServer.block(keyword).is_some() => {
                let message =
                    format!("`{keyword}` is a known keepalived check and is not supported yet");
                context.findings.push(
                    Diagnostic::warning(span, message)
                        .label("ignored")
                        .note("the real server is treated as if this check always passed"),
                );
            }
            _ => context.unknown(Level::RealServer, line),
        }
    }
}
