// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `AGENT_CHECK { … }` to the check.

use std::sync::Arc;

use super::AgentCheck;
use crate::keywords::Findings;
use crate::text::escape;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory};

/// Makes [`AgentCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AgentFactory;

impl CheckFactory for AgentFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut send = None;
        let mut check = AgentCheck::new(context.connect_timeout);
        for line in &arguments.children {
            match line.name.as_str() {
                "send" => {
                    let Some(text) = findings.single(line, escape::TEXT) else {
                        continue;
                    };
                    match escape::parse_text(text) {
                        Some(bytes) => findings.replace(line, &mut send, bytes),
                        None => findings.invalid(line, text, escape::TEXT),
                    }
                }
                "optional" => check.optional = findings.boolean(line).unwrap_or(check.optional),
                _ => findings.unknown(line, arguments, &["send", "optional"], true),
            }
        }
        check.send = send.unwrap_or_default();
        let mut built = BuiltCheck::new(Arc::new(check));
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        &["send", "optional"]
    }
}
