// SPDX-License-Identifier: MIT OR Apache-2.0
//! The effective weight of a real server: the configured one, and what its passing checks ask for.

use lb_check::Outcome;
use lb_ipvs::Weight;
use serde::{Deserialize, Serialize};

/// What one passing check asks of the weight of its real server. The default asks for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WeightRequest {
    /// A weight instead of the configured one: `MISC_CHECK` with `misc_dynamic`.
    #[serde(rename = "weight")]
    pub(super) replacement: Option<u32>,
    /// A number to add, negative to subtract: `FILE_CHECK`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) addition: i64,
    /// A percentage of the weight: `AGENT_CHECK`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) percent: Option<u32>,
    /// Weight 0: the real server is up and takes no new connections.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) drain: bool,
}

impl From<&Outcome> for WeightRequest {
    fn from(outcome: &Outcome) -> Self {
        let mut request = Self::default();
        match outcome.weight {
            Some(lb_check::WeightRequest::Absolute(weight)) => request.replacement = Some(weight),
            Some(lb_check::WeightRequest::Percent(percent)) => {
                request.percent = Some(percent.into());
            }
            Some(lb_check::WeightRequest::Add(number)) => request.addition = number.into(),
            Some(lb_check::WeightRequest::Drain) => request.drain = true,
            // A kind of a later lb-check asks for nothing here.
            Some(_) | None => {}
        }
        request
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The weight of a live real server.
///
/// In this order:
/// 1. Each replacement counts by its difference to the configured weight, as in keepalived: one replacement
///    alone is the weight, the differences of several add up.
/// 2. Additions are added, and the sum is bounded by 0 and [`Weight::MAX`].
/// 3. The lowest percentage of all applies to that sum, rounded up: a busy server of a low weight is not drained.
/// 4. If any check drains, the weight is 0.
pub(super) fn effective_weight(
    configured: Weight,
    requests: impl IntoIterator<Item = WeightRequest>,
) -> u32 {
    let base = i128::from(configured.get());
    let mut sum = base;
    let mut percent: Option<u32> = None;
    let mut drain = false;
    for request in requests {
        if let Some(replacement) = request.replacement {
            sum += i128::from(replacement) - base;
        }
        sum += i128::from(request.addition);
        percent = match (percent, request.percent) {
            (Some(lowest), Some(other)) => Some(lowest.min(other)),
            (one, other) => one.or(other),
        };
        drain |= request.drain;
    }
    if drain {
        return 0;
    }
    let most = i128::from(Weight::MAX.get());
    let mut weight = sum.clamp(0, most);
    if let Some(percent) = percent {
        weight = ((weight * i128::from(percent) + 99) / 100).min(most);
    }
    u32::try_from(weight).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOTHING: WeightRequest = WeightRequest {
        replacement: None,
        addition: 0,
        percent: None,
        drain: false,
    };

    fn replace(weight: u32) -> WeightRequest {
        WeightRequest {
            replacement: Some(weight),
            ..NOTHING
        }
    }

    fn add(addition: i64) -> WeightRequest {
        WeightRequest {
            addition,
            ..NOTHING
        }
    }

    fn percent(percent: u32) -> WeightRequest {
        WeightRequest {
            percent: Some(percent),
            ..NOTHING
        }
    }

    const DRAIN: WeightRequest = WeightRequest {
        drain: true,
        ..NOTHING
    };

    fn weight(configured: u32, requests: &[WeightRequest]) -> u32 {
        effective_weight(Weight::new(configured).unwrap(), requests.iter().copied())
    }

    #[test]
    fn requests_change_the_configured_weight_in_order() {
        let cases: &[(u32, &[WeightRequest], u32)] = &[
            (10, &[], 10),
            (10, &[NOTHING, NOTHING], 10),
            (10, &[replace(4)], 4),
            (10, &[replace(4), replace(12)], 6),
            (10, &[replace(0), replace(0)], 0),
            (10, &[add(5)], 15),
            (10, &[add(-10)], 0),
            (10, &[add(-11)], 0),
            (10, &[add(-11), add(11)], 10),
            (10, &[replace(4), add(3)], 7),
            (10, &[add(i64::MAX), add(i64::MAX)], Weight::MAX.get()),
            (10, &[add(i64::MIN), add(i64::MIN)], 0),
            (10, &[percent(50)], 5),
            (10, &[percent(50), percent(70)], 5),
            (10, &[percent(200)], 20),
            (10, &[percent(0)], 0),
            (10, &[replace(40), add(10), percent(50)], 25),
            (3, &[percent(50)], 2),
            (100, &[percent(33)], 33),
            (1, &[percent(1)], 1),
            (0, &[percent(50)], 0),
            (10, &[add(-10), percent(50)], 0),
            (Weight::MAX.get(), &[percent(u32::MAX)], Weight::MAX.get()),
            (10, &[DRAIN], 0),
            (10, &[DRAIN, add(50), percent(100)], 0),
        ];
        for (configured, requests, expected) in cases {
            assert_eq!(weight(*configured, requests), *expected, "{requests:?}");
        }
    }

    #[test]
    fn a_request_without_percentage_is_stored_as_earlier_versions_did() {
        let text = serde_json::to_string(&replace(4)).unwrap();
        assert_eq!(text, r#"{"weight":4}"#);
        let read: WeightRequest = serde_json::from_str(r#"{"weight":null}"#).unwrap();
        assert_eq!(read, NOTHING);
    }

    fn any_request() -> impl Strategy<Value = WeightRequest> {
        let parts = (
            any::<Option<u32>>(),
            any::<i64>(),
            any::<Option<u32>>(),
            any::<bool>(),
        );
        parts.prop_map(|(replacement, addition, percent, drain)| WeightRequest {
            replacement,
            addition,
            percent,
            drain,
        })
    }

    proptest! {
        #[test]
        fn the_order_of_checks_does_not_matter(
            configured in 0..=Weight::MAX.get(),
            mut requests in prop::collection::vec(any_request(), 0..6),
        ) {
            let forward = weight(configured, &requests);
            prop_assert!(forward <= Weight::MAX.get());
            requests.reverse();
            prop_assert_eq!(weight(configured, &requests), forward);
        }
    }
}
