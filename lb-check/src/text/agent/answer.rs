// SPDX-License-Identifier: MIT OR Apache-2.0
//! The line of an agent.

use crate::{Outcome, Reason, WeightRequest};

/// The outcome for an answer.
pub(super) fn outcome(answer: &[u8]) -> Outcome {
    let text = Reason::excerpt(answer);
    let mut parts = answer.splitn(2, |byte| *byte == b'#');
    let words = parts.next().unwrap_or_default();
    let note = parts.next().map(<[u8]>::trim_ascii);
    let (mut weight, mut down) = (None, None);
    let (mut drain, mut maintenance, mut known) = (false, false, false);
    for word in words.split(|byte| matches!(byte, b' ' | b'\t' | b',' | b'\r')) {
        let word = word.to_ascii_lowercase();
        match word.as_slice() {
            b"up" => down = None,
            b"down" | b"fail" | b"failed" | b"stopped" => down = Some(Reason::excerpt(&word)),
            b"ready" => (drain, maintenance) = (false, false),
            b"drain" => (drain, maintenance) = (true, false),
            b"maint" => (drain, maintenance) = (false, true),
            [b'm', b'a', b'x', b'c', b'o', b'n', b'n', b':', ..] => {}
            [digits @ .., b'%'] => match percent(digits) {
                Some(percent) => weight = Some(WeightRequest::Percent(percent)),
                None => continue,
            },
            _ => continue,
        }
        known = true;
    }
    if !known {
        return Outcome::fail(Reason::unexpected(answer));
    }
    if maintenance {
        return Outcome::fail(Reason::Maintenance);
    }
    if let Some(mut state) = down {
        if let Some(note) = note.filter(|note| !note.is_empty()) {
            state = format!("{state}: {}", Reason::excerpt(note));
        }
        return Outcome::fail(Reason::Reported(state));
    }
    let request = if drain {
        Some(WeightRequest::Drain)
    } else {
        weight
    };
    let outcome = Outcome::pass().with_detail(text);
    request
        .into_iter()
        .fold(outcome, Outcome::with_weight_request)
}

/// Digits, at most 65535.
fn percent(digits: &[u8]) -> Option<u16> {
    let text = str::from_utf8(digits).ok()?;
    text.parse()
        .ok()
        .filter(|_| digits.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Verdict;

    fn weight(answer: &str) -> Option<WeightRequest> {
        let outcome = outcome(answer.as_bytes());
        assert!(outcome.is_pass(), "{answer:?}: {outcome}");
        outcome.weight
    }

    fn reason(answer: &str) -> Reason {
        match outcome(answer.as_bytes()).verdict {
            Verdict::Fail(reason) => reason,
            verdict => panic!("{answer:?}: {verdict:?}"),
        }
    }

    #[test]
    fn words_have_their_effects() {
        let percent = |percent| Some(WeightRequest::Percent(percent));
        for (answer, request) in [
            ("75%", percent(75)),
            ("up", None),
            ("UP 50%", percent(50)),
            ("ready,up,\t100%", percent(100)),
            ("0%", percent(0)),
            ("250% maxconn:30", percent(250)),
            ("drain", Some(WeightRequest::Drain)),
            ("drain 50%", Some(WeightRequest::Drain)),
            ("drain ready 50%", percent(50)),
            ("down up", None),
            ("maint drain", Some(WeightRequest::Drain)),
            ("up future-word:7", None),
            ("maxconn:30", None),
            ("up # 99% of the queue, down", None),
        ] {
            assert_eq!(weight(answer), request, "{answer:?}");
        }
        let reported = |text: &str| Reason::Reported(text.to_owned());
        assert_eq!(reason("down"), reported("down"));
        assert_eq!(reason("Stopped 100%"), reported("stopped"));
        assert_eq!(reason("fail # disk full"), reported("fail: disk full"));
        assert_eq!(reason("failed#"), reported("failed"));
        assert_eq!(reason("drain down"), reported("down"));
        assert_eq!(reason("maint down 100%"), Reason::Maintenance);
        for odd in ["", "%", "+5%", "99999%", "-1%", "hello", "#up"] {
            assert_eq!(reason(odd), Reason::unexpected(odd.as_bytes()));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_outcome(answer: Vec<u8>) {
            outcome(&answer);
        }
    }
}
