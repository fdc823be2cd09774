// SPDX-License-Identifier: MIT OR Apache-2.0
//! `AGENT_CHECK`.

use lb_check::{AgentCheck, HealthCheck as _, Reason, WeightRequest};

use super::server::{Do, drain, start};
use super::{STEP, failed, run, unexpected};
use crate::peers::closed;

fn agent() -> AgentCheck {
    AgentCheck::new(STEP)
}

#[tokio::test]
async fn answer_has_state_and_weight() {
    assert_eq!(agent().kind(), "AGENT_CHECK");
    for (answer, weight) in [
        ("up 75%\n", Some(WeightRequest::Percent(75))),
        ("ready\r\nmore", None),
        ("drain\n", Some(WeightRequest::Drain)),
        // The end of the connection ends the line.
        ("50%", Some(WeightRequest::Percent(50))),
    ] {
        let (target, _seen) = start(&[Do::Single(answer)]).await;
        let outcome = run(&agent(), &target).await;
        assert!(outcome.is_pass(), "{answer:?}: {outcome}");
        assert_eq!(outcome.weight, weight, "{answer:?}");
        let line = answer.lines().next();
        assert_eq!(outcome.detail.as_deref(), line);
    }
    for (answer, reason) in [
        (
            "down # disk full\n",
            Reason::Reported("down: disk full".to_owned()),
        ),
        ("maint\n", Reason::Maintenance),
        ("HTTP/1.1 400 Bad\r\n", unexpected("HTTP/1.1 400 Bad")),
        ("\n", unexpected("")),
        ("", Reason::L7NoData),
    ] {
        let (target, _seen) = start(&[Do::Send(answer)]).await;
        failed(&run(&agent(), &target).await, reason);
    }
}

#[tokio::test]
async fn text_is_sent_first() {
    let (target, mut seen) = start(&[Do::Line, Do::Send("up\n")]).await;
    assert!(run(&agent().with_send("state\n"), &target).await.is_pass());
    assert_eq!(drain(&mut seen), ["state"]);
}

#[tokio::test]
async fn agent_without_an_answer_fails_unless_it_is_optional() {
    for (script, reason) in [
        (&[Do::Hang][..], Reason::L7Timeout),
        (&[Do::Drip("up up up")], Reason::L7Timeout),
        (&[Do::Endless], Reason::L7TooLong(512)),
        (&[Do::Reset], Reason::L4Reset),
    ] {
        let (target, _seen) = start(script).await;
        failed(&run(&agent(), &target).await, reason);
        let outcome = run(&agent().with_optional(), &target).await;
        assert!(outcome.is_pass() && outcome.weight.is_none(), "{outcome}");
    }
    failed(&run(&agent(), &closed()).await, Reason::L4Refused);
    let outcome = run(&agent().with_optional(), &closed()).await;
    assert_eq!(
        outcome.to_string(),
        "passed (no answer: connection refused)"
    );
    // What an agent reports counts also if an answer is optional.
    let (target, _seen) = start(&[Do::Send("stopped\n")]).await;
    let outcome = run(&agent().with_optional(), &target).await;
    failed(&outcome, Reason::Reported("stopped".to_owned()));
}
