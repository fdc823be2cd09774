// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `PING_CHECK { … }` to the check.

use std::sync::Arc;

use super::PingCheck;
use crate::keywords::Findings;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory};

/// Makes [`PingCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PingFactory;

impl CheckFactory for PingFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        for line in &arguments.children {
            findings.unknown(line, arguments, &[], true);
        }
        let check = PingCheck::new(context.connect_timeout);
        let deadline = context.connect_timeout + BuiltCheck::SLACK;
        let mut built = BuiltCheck::new(Arc::new(check)).with_deadline(deadline);
        built.findings = findings.0;
        Ok(built)
    }

    fn needs_port(&self) -> bool {
        false
    }
}
