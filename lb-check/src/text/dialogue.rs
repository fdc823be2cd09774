// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state machine of a dialogue, without I/O.

use std::time::Duration;

use super::step::{Expect, Progress, Step};
use crate::Reason;

/// What to do next for a dialogue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Action<'a> {
    /// Send these bytes.
    Send(&'a [u8]),
    /// Receive bytes, at most so many.
    Receive(usize),
    /// Receive bytes, at most so many, for this long: nothing should arrive.
    AwaitSilence(Duration, usize),
    /// Make the handshake of TLS.
    StartTls,
    /// End the sending side.
    Close,
    /// The dialogue is complete.
    Done,
}

/// A dialogue in progress. Bytes that an answer does not take are for the next step.
#[derive(Debug)]
pub(super) struct Dialogue<'a> {
    steps: &'a [Step],
    /// The present step.
    at: usize,
    /// Bytes that no step has taken.
    received: Vec<u8>,
    /// Most bytes of one answer.
    limit: usize,
    /// No more bytes follow.
    ended: bool,
}

impl<'a> Dialogue<'a> {
    pub(super) const fn new(steps: &'a [Step], limit: usize) -> Self {
        Self {
            steps,
            at: 0,
            received: Vec::new(),
            limit,
            ended: false,
        }
    }

    /// Returns what to do next, after all answers that have arrived; an error if one of them is wrong.
    pub(super) fn poll_action(&mut self) -> Result<Action<'a>, Reason> {
        loop {
            let Some(step) = self.steps.get(self.at) else {
                return Ok(Action::Done);
            };
            let action = match step {
                Step::Send(bytes) => Action::Send(bytes),
                // Plain bytes after the answer could have been added by a third party.
                Step::StartTls if !self.received.is_empty() => {
                    return Err(Reason::unexpected(&self.received));
                }
                Step::StartTls => Action::StartTls,
                Step::Close => Action::Close,
                Step::Expect(expect) => match expect.compare(&self.received, self.ended)? {
                    Progress::Matched { end, skip } => {
                        self.received.drain(..end.min(self.received.len()));
                        self.at = self.at.saturating_add(1).saturating_add(skip);
                        continue;
                    }
                    Progress::More => return self.receive(expect),
                },
            };
            self.at += 1;
            return Ok(action);
        }
    }

    fn receive(&self, expect: &Expect) -> Result<Action<'a>, Reason> {
        let room = self.limit.saturating_sub(self.received.len());
        match expect {
            _ if room == 0 => Err(Reason::L7TooLong(self.limit)),
            Expect::Nothing(time) => Ok(Action::AwaitSilence(*time, room)),
            _ => Ok(Action::Receive(room)),
        }
    }

    /// The number of the present step: the time limit of an answer begins when it changes.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    /// Takes received bytes.
    pub(super) fn handle_bytes(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// Notes that the server has closed the connection.
    pub(super) const fn handle_end(&mut self) {
        self.ended = true;
    }

    /// Notes that no bytes arrived within the time of the present step.
    pub(super) fn handle_timeout(&mut self) -> Result<(), Reason> {
        match self.steps.get(self.at) {
            Some(Step::Expect(Expect::Nothing(_))) => {
                self.at += 1;
                Ok(())
            }
            Some(Step::Expect(expect)) => Err(expect.timeout(&self.received)),
            _ => Err(Reason::L7Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(text: &str) -> Step {
        Step::Send(text.as_bytes().to_vec())
    }

    fn expect(text: &str) -> Step {
        Step::Expect(Expect::Contains(text.as_bytes().to_vec()))
    }

    #[test]
    fn steps_follow_their_answers() {
        let steps = [
            expect("hello"),
            send("a"),
            expect("1"),
            expect("2"),
            send("b"),
        ];
        let mut dialogue = Dialogue::new(&steps, 100);
        assert_eq!(dialogue.poll_action(), Ok(Action::Receive(100)));
        dialogue.handle_bytes(b"hell");
        assert_eq!(dialogue.poll_action(), Ok(Action::Receive(96)));
        assert_eq!(dialogue.position(), 0);
        dialogue.handle_bytes(b"o");
        assert_eq!(dialogue.poll_action(), Ok(Action::Send(b"a")));
        assert_eq!(dialogue.poll_action(), Ok(Action::Receive(100)));
        dialogue.handle_bytes(b"1, 2, 3");
        assert_eq!(dialogue.poll_action(), Ok(Action::Send(b"b")));
        assert_eq!(dialogue.poll_action(), Ok(Action::Done));
        assert_eq!(dialogue.poll_action(), Ok(Action::Done));
    }

    #[test]
    fn answer_is_bounded() {
        let steps = [expect("x")];
        let mut dialogue = Dialogue::new(&steps, 4);
        dialogue.handle_bytes(b"aaaa");
        assert_eq!(dialogue.poll_action(), Err(Reason::L7TooLong(4)));
    }

    #[test]
    fn plain_bytes_before_the_handshake_are_refused() {
        let steps = [expect("go"), Step::StartTls];
        let mut dialogue = Dialogue::new(&steps, 100);
        dialogue.handle_bytes(b"go, and more");
        let reason = Reason::unexpected(b", and more");
        assert_eq!(dialogue.poll_action(), Err(reason));
        let mut dialogue = Dialogue::new(&steps, 100);
        dialogue.handle_bytes(b"go");
        assert_eq!(dialogue.poll_action(), Ok(Action::StartTls));
    }

    #[test]
    fn silence_is_awaited() {
        let time = Duration::from_secs(1);
        let steps = [Step::Expect(Expect::Nothing(time)), Step::Close];
        let mut dialogue = Dialogue::new(&steps, 100);
        let silence = Action::AwaitSilence(time, 100);
        assert_eq!(dialogue.poll_action(), Ok(silence));
        assert_eq!(dialogue.handle_timeout(), Ok(()));
        assert_eq!(dialogue.poll_action(), Ok(Action::Close));
        let mut dialogue = Dialogue::new(&steps, 100);
        dialogue.handle_bytes(b"hi");
        assert_eq!(dialogue.poll_action(), Err(Reason::unexpected(b"hi")));
    }

    #[test]
    fn end_and_timeout_have_reasons() {
        let steps = [expect("x")];
        let mut dialogue = Dialogue::new(&steps, 100);
        assert_eq!(dialogue.handle_timeout(), Err(Reason::L7Timeout));
        dialogue.handle_end();
        assert_eq!(dialogue.poll_action(), Err(Reason::L7NoData));
    }
}
