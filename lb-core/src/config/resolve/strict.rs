// SPDX-License-Identifier: MIT OR Apache-2.0
//! Strict mode: what contradicts it is dropped, and said, as keepalived does.

use std::net::IpAddr;
use std::time::Duration;

use lb_vrrp::{RouterConfig, RouterConfigBuilder, Version};

use crate::config::Diagnostic;
use crate::config::global::GlobalConfig;
use crate::config::instance::InstanceConfig;
use crate::config::line::{At, Context};
use crate::config::source::Span;
use crate::model::VirtualAddress;

/// Where strict mode is asked for, if it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strict(Option<Span>);

impl Strict {
    /// `strict_mode` of the instance, or else `vrrp_strict`.
    pub(super) fn for_instance(global: &GlobalConfig, instance: &InstanceConfig) -> Self {
        let asked = instance.strict.or(global.strict);
        Self(asked.filter(|at| at.value).map(|at| at.span))
    }

    /// Switches strict mode off for a router with unicast peers, as keepalived runs it without a word.
    pub(super) fn without_peers(
        self,
        context: &mut Context<'_>,
        instance: &InstanceConfig,
    ) -> Self {
        let (Some(strict), Some(peer)) = (self.0, instance.unicast.peers.first()) else {
            return self;
        };
        let message = "unicast peers do not go with strict mode";
        let finding = Diagnostic::warning(peer.span, message).silent();
        let finding = finding.label("strict mode is off for this instance");
        context
            .findings
            .push(finding.note_at(strict, "strict mode is asked for here"));
        Self(None)
    }

    /// Whether strict mode is asked for.
    pub(super) const fn is_on(self) -> bool {
        self.0.is_some()
    }

    /// Whether something may be set; if not, it is reported.
    pub(super) fn allows(self, context: &mut Context<'_>, span: Span, what: &str) -> bool {
        let Some(strict) = self.0 else {
            return true;
        };
        let message = format!("`{what}` does not go with strict mode");
        context.findings.push(
            Diagnostic::warning(span, message)
                .label("ignored")
                .note_at(strict, "strict mode is asked for here"),
        );
        false
    }

    /// The setting, unless strict mode forbids it.
    pub(super) fn keep<T: Copy>(
        self,
        context: &mut Context<'_>,
        setting: Option<At<T>>,
        what: &str,
    ) -> Option<At<T>> {
        setting.filter(|at| self.allows(context, at.span, what))
    }

    /// Configures the router as the RFC of its version requires.
    pub(super) fn apply(
        self,
        context: &mut Context<'_>,
        builder: RouterConfigBuilder,
        version: Version,
        instance: &InstanceConfig,
    ) -> RouterConfigBuilder {
        let Some(strict) = self.0 else {
            return builder;
        };
        let owner = instance.priority.map(|at| at.value == 255);
        if let (Some(state), Some(owner)) = (instance.master, owner)
            && state.value != owner
        {
            let name = if state.value { "MASTER" } else { "BACKUP" };
            let is = if owner { "is" } else { "is not" };
            context.findings.push(
                Diagnostic::warning(
                    state.span,
                    format!("`state {name}` of a router that {is} the address owner"),
                )
                .label("the priority decides")
                .note_at(strict, "strict mode is asked for here"),
            );
        }
        let never = |at: Option<At<bool>>, value: bool| at.filter(|at| at.value == value);
        let last_word = never(instance.higher_prio_send_advert, true);
        self.keep(context, last_word, "higher_prio_send_advert");
        if version == Version::V2 {
            let answer = never(instance.lower_prio_no_advert, false);
            self.keep(context, answer, "lower_prio_no_advert off");
            self.keep(context, never(instance.accept, true), "accept");
        }
        builder.strict(true)
    }

    /// Whether the first address may be that: an IPv6 router's must be link-local (erratum 8300).
    /// Without strict mode it runs all the same, as in keepalived; with it, keepalived's test of
    /// the file fails.
    pub(super) fn allows_first(
        self,
        context: &mut Context<'_>,
        first: &At<VirtualAddress>,
    ) -> bool {
        let IpAddr::V6(address) = first.value.address else {
            return true;
        };
        if address.is_unicast_link_local() {
            return true;
        }
        let message = "the first IPv6 address is not link-local";
        let finding = match self.0 {
            None => Diagnostic::warning(first.span, message)
                .note("RFC 9568 wants one; a router in strict mode discards these advertisements"),
            Some(strict) => Diagnostic::error(first.span, message)
                .note_at(strict, "strict mode is asked for here"),
        };
        context.findings.push(finding);
        self.0.is_none()
    }

    /// Warns where packets should be dropped and this program cannot drop them.
    pub(super) fn warn_of_acceptance(
        self,
        context: &mut Context<'_>,
        config: &RouterConfig,
        instance: &InstanceConfig,
    ) {
        if config.accept() {
            return;
        }
        let own = instance.accept.filter(|at| !at.value).map(|at| at.span);
        if let Some(span) = own.or(self.0) {
            context.findings.push(
                Diagnostic::warning(
                    span,
                    "packets to the virtual addresses are not dropped: there is no packet filter yet",
                )
                .label("the addresses accept packets all the same")
                .silent(),
            );
        }
    }

    /// `down_timer_adverts`, which is three.
    pub(super) fn down_timer_adverts(
        self,
        context: &mut Context<'_>,
        adverts: Option<At<u32>>,
    ) -> Option<At<u32>> {
        match adverts {
            Some(at) if at.value == 3 => Some(at),
            adverts => self.keep(context, adverts, "down_timer_adverts"),
        }
    }

    /// `preempt_delay`, which there is none of.
    pub(super) fn preempt_delay(
        self,
        context: &mut Context<'_>,
        delay: Option<At<Duration>>,
    ) -> Option<At<Duration>> {
        let delay = delay.filter(|at| !at.value.is_zero());
        self.keep(context, delay, "preempt_delay")
    }
}
