// SPDX-License-Identifier: MIT OR Apache-2.0
//! `real_server`.

use std::net::Ipv4Addr;

use lb_ipvs::ForwardingMethod;

use crate::model::PendingCheck;

use super::endpoint::{Endpoint, endpoint_words};
use super::line::{At, Context};
use super::notify::ServerNotifyConfig;
use super::schedule::CheckDefaults;
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
    pub(super) notify: ServerNotifyConfig,
    pub(super) virtualhost: Option<At<String>>,
    pub(super) defaults: CheckDefaults,
    /// The blocks of its checks: they are read when all of their defaults are known.
    pub(super) checks: Vec<NodeId>,
    /// Checks that do not run.
    pub(super) pending: Vec<PendingCheck>,
}

impl RealServerConfig {
    /// The real server of a block, of which only the first line is read.
    pub(super) fn new(context: &mut Context<'_>, block: NodeId) -> Self {
        let endpoint = endpoint_words(context, block);
        let nowhere = Endpoint {
            ip: Ipv4Addr::UNSPECIFIED.into(),
            port: None,
        };
        Self {
            valid: endpoint.is_some(),
            endpoint: endpoint.map_or(nowhere, |at| at.value),
            span: endpoint.map_or(Span::START, |at| at.span),
            weight: None,
            method: None,
            upper: None,
            lower: None,
            inhibit: None,
            smtp_alert: None,
            notify: ServerNotifyConfig::default(),
            virtualhost: None,
            defaults: CheckDefaults::default(),
            checks: Vec::new(),
            pending: Vec::new(),
        }
    }
}
