// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replies of SMTP, FTP, NNTP, POP3, IMAP and Redis.

use super::step::{Progress, line};
use crate::Reason;

/// The form of a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// Three digits; `-` after them announces another line with the same digits (RFC 5321 §4.2.1).
    Smtp,
    /// As SMTP; lines between the first and the last one may be any text (RFC 959 §4.2).
    Ftp,
    /// Three digits, one line (RFC 3977 §3.2).
    Nntp,
    /// `+OK` or `-ERR` (RFC 1939 §3).
    Pop3,
    /// `* OK`, `* PREAUTH` or `* BYE` (RFC 3501 §7.1).
    ImapGreeting,
    /// Untagged lines, then one with this tag and `OK`, `NO` or `BAD` (RFC 3501 §7).
    Imap(&'static str),
    /// `+TEXT` or `-ERROR`, the simple types of RESP.
    Redis,
}

/// The result that a reply reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Status {
    /// A code of three digits.
    Code(u16),
    /// `+OK`, `OK` and the like.
    Ok,
    /// Redis: `+PONG`.
    Pong,
    /// IMAP: the connection is authenticated already.
    Preauthenticated,
    /// A refusal because of the login.
    Denied,
    /// Any other refusal.
    Refused,
}

/// A reply that a step expects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reply {
    pub(super) form: Form,
    /// The accepted results; none: any well-formed reply.
    pub(super) accepted: &'static [Status],
    /// The result that makes the next two steps (a command and its reply) unnecessary.
    pub(super) shortcut: Option<Status>,
    /// Whether a refusal is one of the login.
    pub(super) is_login: bool,
}

/// A complete reply.
struct Answer<'a> {
    /// Its length.
    end: usize,
    status: Status,
    /// Its last line.
    line: &'a [u8],
}

impl Reply {
    pub(super) const fn new(form: Form, accepted: &'static [Status]) -> Self {
        Self {
            form,
            accepted,
            shortcut: None,
            is_login: false,
        }
    }

    pub(super) const fn with_shortcut(mut self, status: Status) -> Self {
        self.shortcut = Some(status);
        self
    }

    /// Makes a refusal one of the login.
    pub(super) const fn for_login(mut self) -> Self {
        self.is_login = true;
        self
    }

    /// Compares received bytes.
    pub(super) fn compare(&self, received: &[u8]) -> Result<Progress, Reason> {
        let Some(Answer { end, status, line }) = parse(self.form, received)? else {
            return Ok(Progress::More);
        };
        if self.shortcut == Some(status) {
            return Ok(Progress::Matched { end, skip: 2 });
        }
        if self.accepted.is_empty() || self.accepted.contains(&status) {
            return Ok(Progress::Matched { end, skip: 0 });
        }
        Err(if self.is_login || status == Status::Denied {
            Reason::L7Auth(Reason::excerpt(line))
        } else {
            Reason::unexpected(line)
        })
    }
}

/// The first reply of the received bytes; none if it is not complete.
fn parse(form: Form, received: &[u8]) -> Result<Option<Answer<'_>>, Reason> {
    let mut end = 0;
    let mut announced = None;
    for whole in received.split_inclusive(|byte| *byte == b'\n') {
        if !whole.ends_with(b"\n") {
            break;
        }
        end += whole.len();
        let line = line(whole, whole.len());
        let status = match form {
            Form::Smtp | Form::Ftp | Form::Nntp => code(form, line, &mut announced),
            Form::Pop3 => pop3(line),
            Form::ImapGreeting => greeting(line),
            Form::Imap(tag) => tagged(tag, line),
            Form::Redis => redis(line),
        };
        match status {
            Line::Last(status) => return Ok(Some(Answer { end, status, line })),
            Line::More => {}
            Line::Invalid => return Err(Reason::unexpected(line)),
        }
    }
    Ok(None)
}

/// What one line is for a reply.
enum Line {
    /// Another line follows.
    More,
    /// The last line, with the result.
    Last(Status),
    Invalid,
}

/// A line with a code; `announced` is the code of the reply if the line is not the first one.
fn code(form: Form, line: &[u8], announced: &mut Option<u16>) -> Line {
    let (code, more) = match (split_code(line), *announced) {
        (Some((code, more)), None) => (code, more),
        (Some((code, more)), Some(first)) if code == first => (code, more),
        (_, Some(_)) if form == Form::Ftp => return Line::More,
        _ => return Line::Invalid,
    };
    match more {
        false => Line::Last(Status::Code(code)),
        true if form == Form::Nntp => Line::Invalid,
        true => {
            *announced = Some(code);
            Line::More
        }
    }
}

/// Three digits, then nothing, a blank, or `-` for another line.
fn split_code(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = str::from_utf8(digits).ok()?.parse().ok()?;
    match rest.first() {
        None | Some(b' ') => Some((code, false)),
        Some(b'-') => Some((code, true)),
        _ => None,
    }
}

fn pop3(line: &[u8]) -> Line {
    match first_word(line) {
        (b"+OK", _) => Line::Last(Status::Ok),
        (b"-ERR", _) => Line::Last(Status::Refused),
        _ => Line::Invalid,
    }
}

fn greeting(line: &[u8]) -> Line {
    let (star, rest) = first_word(line);
    let (word, _) = first_word(rest);
    match star {
        b"*" if word.eq_ignore_ascii_case(b"OK") => Line::Last(Status::Ok),
        b"*" if word.eq_ignore_ascii_case(b"PREAUTH") => Line::Last(Status::Preauthenticated),
        b"*" if word.eq_ignore_ascii_case(b"BYE") => Line::Last(Status::Refused),
        _ => Line::Invalid,
    }
}

fn tagged(tag: &str, line: &[u8]) -> Line {
    let (first, rest) = first_word(line);
    let (word, _) = first_word(rest);
    match first {
        b"*" => Line::More,
        _ if first != tag.as_bytes() => Line::Invalid,
        _ if word.eq_ignore_ascii_case(b"OK") => Line::Last(Status::Ok),
        _ => Line::Last(Status::Refused),
    }
}

fn redis(line: &[u8]) -> Line {
    let (word, _) = first_word(line);
    Line::Last(match word {
        b"+PONG" => Status::Pong,
        b"-NOAUTH" | b"-WRONGPASS" | b"-NOPERM" => Status::Denied,
        [b'+', ..] => Status::Ok,
        [b'-', ..] => Status::Refused,
        _ => return Line::Invalid,
    })
}

/// The bytes before the first blank, and those after.
fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    let mut words = line.splitn(2, |byte| *byte == b' ');
    let word = words.next().unwrap_or_default();
    (word, words.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMS: [Form; 7] = [
        Form::Smtp,
        Form::Ftp,
        Form::Nntp,
        Form::Pop3,
        Form::ImapGreeting,
        Form::Imap("a1"),
        Form::Redis,
    ];

    /// The result and the length of a reply; none: incomplete.
    fn read(form: Form, text: &str) -> Result<Option<(Status, usize)>, String> {
        match parse(form, text.as_bytes()) {
            Ok(answer) => Ok(answer.map(|answer| (answer.status, answer.end))),
            Err(reason) => Err(reason.to_string()),
        }
    }

    #[test]
    fn codes_have_one_or_more_lines() {
        let ready = Ok(Some((Status::Code(220), 11)));
        assert_eq!(read(Form::Smtp, "220 ready\r\nrest"), ready);
        assert_eq!(
            read(Form::Smtp, "220\r\n"),
            Ok(Some((Status::Code(220), 5)))
        );
        assert_eq!(read(Form::Smtp, "220\n"), Ok(Some((Status::Code(220), 4))));
        assert_eq!(read(Form::Smtp, "220 read"), Ok(None));
        let lines = "250-a\r\n250-b\r\n250 c\r\n";
        let three = Ok(Some((Status::Code(250), lines.len())));
        assert_eq!(read(Form::Smtp, lines), three);
        assert_eq!(read(Form::Smtp, "250-a\r\n250-b\r\n"), Ok(None));
        for wrong in [
            "250-a\r\n251 b\r\n",
            "250-a\r\nb\r\n",
            "25 a\r\n",
            "2500\r\n",
            "\r\n",
        ] {
            assert!(read(Form::Smtp, wrong).is_err(), "{wrong:?}");
        }
        let free = "230-a\r\n any text\r\n231 of it\r\n230 end\r\n";
        let end = Ok(Some((Status::Code(230), free.len())));
        assert_eq!(read(Form::Ftp, free), end);
        assert!(read(Form::Nntp, "200-a\r\n").is_err());
    }

    #[test]
    fn words_have_results() {
        for (form, text, status) in [
            (Form::Pop3, "+OK ready\r\n", Status::Ok),
            (Form::Pop3, "-ERR no\r\n", Status::Refused),
            (Form::ImapGreeting, "* OK ready\r\n", Status::Ok),
            (
                Form::ImapGreeting,
                "* preauth\r\n",
                Status::Preauthenticated,
            ),
            (Form::ImapGreeting, "* BYE\r\n", Status::Refused),
            (Form::Imap("a1"), "a1 OK\r\n", Status::Ok),
            (
                Form::Imap("a1"),
                "* CAPABILITY IMAP4\r\na1 ok x\r\n",
                Status::Ok,
            ),
            (Form::Imap("a1"), "a1 NO x\r\n", Status::Refused),
            (Form::Imap("a1"), "a1 BAD x\r\n", Status::Refused),
            (Form::Redis, "+PONG\r\n", Status::Pong),
            (Form::Redis, "+OK\r\n", Status::Ok),
            (
                Form::Redis,
                "-NOAUTH Authentication required.\r\n",
                Status::Denied,
            ),
            (Form::Redis, "-LOADING x\r\n", Status::Refused),
        ] {
            let whole = Ok(Some((status, text.len())));
            assert_eq!(read(form, text), whole, "{text:?}");
            assert_eq!(read(form, text.trim_end()), Ok(None), "{text:?}");
        }
        for (form, text) in [
            (Form::Pop3, "* OK\r\n"),
            (Form::Pop3, "+OKAY\r\n"),
            (Form::ImapGreeting, "+OK\r\n"),
            (Form::Imap("a1"), "a2 OK\r\n"),
            (Form::Redis, "HTTP/1.1 400\r\n"),
        ] {
            assert!(read(form, text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    "220", "-", " ", "\r\n", "\n", "* ", "OK", "a1 ", "+OK", "-ERR", "+PONG", "\u{e9}", "x",
                ]),
                0..20,
            ),
            noise: Vec<u8>,
            at in 0..100_usize,
        ) {
            let mut bytes = words.concat().into_bytes();
            let at = at.min(bytes.len());
            bytes.splice(at..at, noise);
            for form in FORMS {
                for end in 0..=bytes.len() {
                    if let Ok(Some(answer)) = parse(form, &bytes[..end]) {
                        prop_assert!(answer.end <= end);
                        // More bytes do not change a complete reply.
                        let whole = parse(form, &bytes).unwrap().unwrap();
                        prop_assert_eq!((whole.end, whole.status), (answer.end, answer.status));
                    }
                }
            }
        }
    }
}
