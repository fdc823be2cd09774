// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords of the policy of a check that keepalived does not have.

use super::Check;
use crate::config::keyword::row::Value;

pub(super) const POLICY_KEYWORDS: &[Check] = &[
    Check::new(
        "rise",
        "Sets how many successes in a row bring the real server up.",
        Value::Elsewhere("NUMBER, at least 1"),
    )
    .default("that of the real server")
    .own(),
    Check::new(
        "fall",
        "Sets how many failures in a row take the real server down: one more than retry.",
        Value::Elsewhere("NUMBER, at least 1"),
    )
    .default("that of the real server")
    .own(),
    Check::new(
        "fast_interval",
        "Sets the period while the real server is about to go down or up, instead of delay_before_retry.",
        Value::Elsewhere("SECONDS, from 0.000001"),
    )
    .default("that of the real server")
    .own(),
    Check::new(
        "down_interval",
        "Sets the period while the real server is down.",
        Value::Elsewhere("SECONDS, from 0.000001"),
    )
    .default("that of the real server")
    .own(),
    Check::new(
        "deadline",
        "Limits the time of one whole attempt, beside the other limits.",
        Value::Elsewhere("SECONDS, from 0.000001"),
    )
    .default("that of the real server")
    .own(),
    Check::new(
        "jitter",
        "Sets the percent of delay_loop by which each attempt is later at most.",
        Value::Elsewhere("NUMBER, 0 to 50"),
    )
    .default("that of the real server")
    .own(),
];
