// SPDX-License-Identifier: MIT OR Apache-2.0
//! The steps of each protocol.

use super::{Login, ProtocolCheck, Security, TextProtocol};
use crate::text::reply::{Form, Reply, Status};
use crate::text::step::{Expect, Step};

/// The steps of a check.
pub(super) fn steps(check: &ProtocolCheck) -> Vec<Step> {
    let starts_tls = check.security == Security::StartTls;
    let login = check.login.as_ref();
    match check.protocol {
        TextProtocol::Smtp => smtp(check, starts_tls),
        TextProtocol::Imap => imap(login, starts_tls),
        TextProtocol::Pop3 => pop3(login, starts_tls),
        TextProtocol::Ftp => ftp(login, starts_tls),
        TextProtocol::Nntp => nntp(login, starts_tls),
        TextProtocol::Redis => redis(login),
    }
}

/// keepalived's dialogue, with EHLO where that is set or needed.
fn smtp(check: &ProtocolCheck, starts_tls: bool) -> Vec<Step> {
    const READY: &[Status] = &[Status::Code(220)];
    const DONE: &[Status] = &[Status::Code(250)];
    let verb = if check.ehlo || starts_tls {
        "EHLO"
    } else {
        "HELO"
    };
    let greet = || [command([verb, &check.helo_name]), reply(Form::Smtp, DONE)];
    let mut steps = vec![reply(Form::Smtp, READY)];
    steps.extend(greet());
    if starts_tls {
        steps.extend([
            command(["STARTTLS"]),
            reply(Form::Smtp, READY),
            Step::StartTls,
        ]);
        steps.extend(greet());
    }
    steps.extend([command(["QUIT"]), reply(Form::Smtp, &[])]);
    steps
}

fn imap(login: Option<&Login>, starts_tls: bool) -> Vec<Step> {
    const OK: &[Status] = &[Status::Ok];
    let greeting = Reply::new(Form::ImapGreeting, &[Status::Ok, Status::Preauthenticated]);
    let greeting = match login {
        // A connection that is authenticated already takes no LOGIN.
        Some(_) if !starts_tls => greeting.with_shortcut(Status::Preauthenticated),
        _ => greeting,
    };
    let mut steps = vec![Step::Expect(Expect::Reply(greeting))];
    if starts_tls {
        steps.extend([
            command(["a1", "STARTTLS"]),
            reply(Form::Imap("a1"), OK),
            Step::StartTls,
        ]);
    }
    if let Some(login) = login {
        let (user, password) = (quote(&login.user), quote(login.password.reveal()));
        steps.push(command(["a2", "LOGIN", &user, &password]));
        steps.push(login_reply(Reply::new(Form::Imap("a2"), OK)));
    }
    steps.extend([command(["a3", "LOGOUT"]), reply(Form::Imap("a3"), OK)]);
    steps
}

fn pop3(login: Option<&Login>, starts_tls: bool) -> Vec<Step> {
    const OK: &[Status] = &[Status::Ok];
    let mut steps = vec![reply(Form::Pop3, OK)];
    if starts_tls {
        steps.extend([command(["STLS"]), reply(Form::Pop3, OK), Step::StartTls]);
    }
    if let Some(login) = login {
        let answer = login_reply(Reply::new(Form::Pop3, OK));
        steps.extend([command(["USER", &login.user]), answer.clone()]);
        steps.extend([command(["PASS", login.password.reveal()]), answer]);
    }
    steps.extend([command(["QUIT"]), reply(Form::Pop3, OK)]);
    steps
}

fn ftp(login: Option<&Login>, starts_tls: bool) -> Vec<Step> {
    let mut steps = vec![reply(Form::Ftp, &[Status::Code(220)])];
    if starts_tls {
        let answer = reply(Form::Ftp, &[Status::Code(234)]);
        steps.extend([command(["AUTH", "TLS"]), answer, Step::StartTls]);
    }
    if let Some(login) = login {
        // A user without a password is logged in at once.
        let user = Reply::new(Form::Ftp, &[Status::Code(331)]).with_shortcut(Status::Code(230));
        let password = Reply::new(Form::Ftp, &[Status::Code(230), Status::Code(202)]);
        steps.extend([command(["USER", &login.user]), login_reply(user)]);
        steps.extend([
            command(["PASS", login.password.reveal()]),
            login_reply(password),
        ]);
    }
    steps.extend([command(["QUIT"]), reply(Form::Ftp, &[Status::Code(221)])]);
    steps
}

fn nntp(login: Option<&Login>, starts_tls: bool) -> Vec<Step> {
    let mut steps = vec![reply(Form::Nntp, &[Status::Code(200), Status::Code(201)])];
    if starts_tls {
        let answer = reply(Form::Nntp, &[Status::Code(382)]);
        steps.extend([command(["STARTTLS"]), answer, Step::StartTls]);
    }
    if let Some(login) = login {
        let user = Reply::new(Form::Nntp, &[Status::Code(381)]).with_shortcut(Status::Code(281));
        let password = Reply::new(Form::Nntp, &[Status::Code(281)]);
        steps.push(command(["AUTHINFO", "USER", &login.user]));
        steps.push(login_reply(user));
        steps.push(command(["AUTHINFO", "PASS", login.password.reveal()]));
        steps.push(login_reply(password));
    }
    steps.extend([command(["QUIT"]), reply(Form::Nntp, &[Status::Code(205)])]);
    steps
}

fn redis(login: Option<&Login>) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(login) = login {
        let user = Some(login.user.as_str()).filter(|user| !user.is_empty());
        let words = ["AUTH"].into_iter().chain(user);
        let words: Vec<&str> = words.chain([login.password.reveal()]).collect();
        steps.push(Step::Send(array(&words)));
        steps.push(login_reply(Reply::new(Form::Redis, &[Status::Ok])));
    }
    steps.push(Step::Send(array(&["PING"])));
    steps.push(reply(Form::Redis, &[Status::Pong]));
    steps
}

fn reply(form: Form, accepted: &'static [Status]) -> Step {
    Step::Expect(Expect::Reply(Reply::new(form, accepted)))
}

fn login_reply(reply: Reply) -> Step {
    Step::Expect(Expect::Reply(reply.for_login()))
}

/// A line of words. Control characters are left out: a line break would begin another command.
fn command<const N: usize>(words: [&str; N]) -> Step {
    let mut line = words.join(" ");
    line.retain(|c| !c.is_control());
    line.push_str("\r\n");
    Step::Send(line.into_bytes())
}

/// A quoted string of IMAP.
fn quote(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// An array of RESP: each word with its length, so that it may have any characters.
fn array(words: &[&str]) -> Vec<u8> {
    let words_with_lengths = words
        .iter()
        .map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let words_with_lengths: String = words_with_lengths.collect();
    format!("*{}\r\n{words_with_lengths}", words.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::text::Secret;
    use crate::text::dialogue::{Action, Dialogue};

    fn sent(check: &ProtocolCheck) -> String {
        let steps = steps(check);
        let sent = steps.iter().map(|step| match step {
            Step::Send(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Step::StartTls => "<TLS>".to_owned(),
            _ => String::new(),
        });
        sent.collect()
    }

    fn check(protocol: TextProtocol) -> ProtocolCheck {
        ProtocolCheck::new(protocol, Duration::from_secs(1))
    }

    #[test]
    fn commands_are_those_of_the_protocols() {
        let login = || Login::new("me", Secret::new("pa\"\r\nss"));
        for (check, commands) in [
            (
                check(TextProtocol::Smtp),
                "HELO smtpchecker.keepalived.org\r\nQUIT\r\n",
            ),
            (
                check(TextProtocol::Smtp)
                    .with_helo_name("lb")
                    .with_security(Security::StartTls),
                "EHLO lb\r\nSTARTTLS\r\n<TLS>EHLO lb\r\nQUIT\r\n",
            ),
            (
                check(TextProtocol::Imap).with_login(login()),
                "a2 LOGIN \"me\" \"pa\\\"ss\"\r\na3 LOGOUT\r\n",
            ),
            (
                check(TextProtocol::Pop3)
                    .with_login(login())
                    .with_security(Security::StartTls),
                "STLS\r\n<TLS>USER me\r\nPASS pa\"ss\r\nQUIT\r\n",
            ),
            (
                check(TextProtocol::Ftp)
                    .with_login(login())
                    .with_security(Security::StartTls),
                "AUTH TLS\r\n<TLS>USER me\r\nPASS pa\"ss\r\nQUIT\r\n",
            ),
            (
                check(TextProtocol::Nntp).with_login(login()),
                "AUTHINFO USER me\r\nAUTHINFO PASS pa\"ss\r\nQUIT\r\n",
            ),
            (check(TextProtocol::Redis), "*1\r\n$4\r\nPING\r\n"),
            (
                check(TextProtocol::Redis).with_login(login()),
                "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$7\r\npa\"\r\nss\r\n*1\r\n$4\r\nPING\r\n",
            ),
        ] {
            assert_eq!(sent(&check), commands, "{check:?}");
        }
    }

    /// Feeds parts to a dialogue; the step that it reached, and whether it failed.
    fn converse(steps: &[Step], parts: &[&[u8]]) -> (usize, bool) {
        let mut dialogue = Dialogue::new(steps, 64);
        let mut parts = parts.iter().filter(|part| !part.is_empty());
        loop {
            match dialogue.poll_action() {
                Ok(Action::Done) => return (dialogue.position(), true),
                Ok(Action::Receive(most)) => match parts.next() {
                    Some(part) => dialogue.handle_bytes(&part[..part.len().min(most)]),
                    None => return (dialogue.position(), true),
                },
                Ok(_) => {}
                Err(_) => return (dialogue.position(), false),
            }
        }
    }

    proptest! {
        #[test]
        fn dialogue_does_not_depend_on_how_bytes_arrive(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    "220 a\r\n", "250-b\n250 c\n", "221\n", "331 x\n", "230 y\n", "234 z\n", "+OK\r\n", "-ERR\n",
                    "* OK\n", "a2 OK\n", "a3 OK\n", "200\n", "281\n", "205\n", "+PONG\r\n", "-NOAUTH\n", "\u{e9}", "2",
                ]),
                0..8,
            ),
            starts_tls: bool,
            logs_in: bool,
        ) {
            let bytes = words.concat().into_bytes();
            prop_assume!(bytes.len() < 64);
            for protocol in [
                TextProtocol::Smtp,
                TextProtocol::Imap,
                TextProtocol::Pop3,
                TextProtocol::Ftp,
                TextProtocol::Nntp,
                TextProtocol::Redis,
            ] {
                let mut check = check(protocol);
                if logs_in {
                    check = check.with_login(Login::new("u", Secret::new("p")));
                }
                if starts_tls {
                    check = check.with_security(Security::StartTls);
                }
                let steps = steps(&check);
                // Bytes that arrive together with the answer to STARTTLS are refused, those that arrive later are not.
                if steps.contains(&Step::StartTls) {
                    converse(&steps, &[&bytes]);
                    continue;
                }
                let whole = converse(&steps, &[&bytes]);
                let single: Vec<&[u8]> = bytes.chunks(1).collect();
                prop_assert_eq!(whole, converse(&steps, &single), "{:?}", protocol);
            }
        }
    }
}
