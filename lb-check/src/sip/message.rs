// SPDX-License-Identifier: MIT OR Apache-2.0
//! The request OPTIONS, and what is read of a response (RFC 3261).

use std::net::SocketAddr;
use std::str::FromStr;

use crate::datagram::first_line;
use crate::{InvalidAnswer, Reason};

/// What an OPTIONS request depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options<'a> {
    /// `UDP` or `TCP`.
    pub(super) transport: &'static str,
    pub(super) uri: &'a str,
    pub(super) local: SocketAddr,
    /// Random digits of `branch`, `tag` and `Call-ID`.
    pub(super) branch: &'a str,
    pub(super) tag: &'a str,
    pub(super) call_id: &'a str,
}

impl Options<'_> {
    pub(super) fn request(&self) -> String {
        let Self {
            transport,
            uri,
            local,
            branch,
            tag,
            call_id,
        } = self;
        let local = host(*local);
        // The branch of RFC 3261 begins with the magic cookie `z9hG4bK`.
        format!(
            "OPTIONS {uri} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {local};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:lb-check@{local}>;tag={tag}\r\n\
             To: <{uri}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: 1 OPTIONS\r\n\
             Contact: <sip:lb-check@{local}>\r\n\
             Accept: application/sdp\r\n\
             User-Agent: lb-check\r\n\
             Content-Length: 0\r\n\
             \r\n"
        )
    }
}

/// Address and port as in a URI: without the zone of an IPv6 address.
pub(super) fn host(address: SocketAddr) -> String {
    SocketAddr::new(address.ip(), address.port()).to_string()
}

/// The head of a response to another request, or of a provisional one, or the final status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Response {
    Final(u16),
    /// To be ignored, with a body of this length behind its head.
    Other {
        body: usize,
    },
}

/// Reads the head of a message.
pub(super) fn read(head: &[u8], call_id: &str) -> Result<Response, Reason> {
    const MALFORMED: Reason = Reason::L7Invalid(InvalidAnswer::Malformed { protocol: "SIP" });
    let Some(status) = head.strip_prefix(b"SIP/2.0 ") else {
        return Err(Reason::L7Unexpected(first_line(head)));
    };
    let (digits, rest) = status.split_at_checked(3).ok_or(MALFORMED)?;
    if !matches!(rest.first(), None | Some(b' ' | b'\r' | b'\n')) {
        return Err(MALFORMED);
    }
    let code = number(digits).ok_or(MALFORMED)?;
    let got = header(head, &["call-id", "i"]).ok_or(MALFORMED)?;
    if got == call_id.as_bytes() && code >= 200 {
        return Ok(Response::Final(code));
    }
    let length = header(head, &["content-length", "l"]);
    let body = length.map_or(Some(0), number).ok_or(MALFORMED)?;
    Ok(Response::Other { body })
}

/// A number in decimal digits.
fn number<N: FromStr>(digits: &[u8]) -> Option<N> {
    let text = std::str::from_utf8(digits).ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// The value of the first header with one of these names in lower case.
fn header<'a>(head: &'a [u8], names: &[&str]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = name.trim_ascii().to_ascii_lowercase();
        let known = names.iter().any(|known| known.as_bytes() == name);
        known.then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

/// The length of a head with the empty line behind it, if that has arrived.
pub(super) fn head_length(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    end.checked_add(4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RESPONSE: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060\r\n\
        call-id : abc\r\nContent-Length: 4\r\n\r\nbody";

    fn read_text(text: &str) -> Result<Response, String> {
        read(text.as_bytes(), "abc").map_err(|reason| reason.to_string())
    }

    #[test]
    fn the_final_response_to_the_request_counts() {
        assert_eq!(read_text(RESPONSE), Ok(Response::Final(200)));
        let short = RESPONSE.replace("call-id ", "i").replace("200 OK", "404");
        assert_eq!(read_text(&short), Ok(Response::Final(404)));
        let other = Response::Other { body: 4 };
        assert_eq!(read_text(&RESPONSE.replace("abc", "abd")), Ok(other));
        assert_eq!(read_text(&RESPONSE.replace("200", "100")), Ok(other));
        let bare = "SIP/2.0 180 Ringing\r\nCall-ID: abc\r\n\r\n";
        assert_eq!(read_text(bare), Ok(Response::Other { body: 0 }));
    }

    #[test]
    fn other_messages_have_a_reason() {
        let malformed = "invalid answer: malformed SIP message";
        for text in [
            "SIP/2.0 ",
            "SIP/2.0 2",
            "SIP/2.0 20x OK\r\nCall-ID: abc\r\n\r\n",
            "SIP/2.0 2000\r\nCall-ID: abc\r\n\r\n",
            "SIP/2.0 200 OK\r\n\r\n",
            "SIP/2.0 100 OK\r\nCall-ID: abc\r\nContent-Length: -1\r\n\r\n",
        ] {
            assert_eq!(read_text(text), Err(malformed.to_owned()), "{text:?}");
        }
        let banner = read_text("HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(banner, Err("unexpected answer: HTTP/1.1 200 OK".to_owned()));
    }

    #[test]
    fn a_request_names_its_sender_and_its_target() {
        let options = Options {
            transport: "UDP",
            uri: "sip:alice@192.0.2.61:5060",
            local: "[2001:db8::1]:40000".parse().unwrap(),
            branch: "b1",
            tag: "t1",
            call_id: "c1",
        };
        let request = options.request();
        assert!(request.starts_with("OPTIONS sip:alice@192.0.2.61:5060 SIP/2.0\r\n"));
        let via = "\r\nVia: SIP/2.0/UDP [2001:db8::1]:40000;branch=z9hG4bKb1;rport\r\n";
        assert!(request.contains(via), "{request}");
        assert_eq!(head_length(request.as_bytes()), Some(request.len()));
    }

    proptest! {
        #[test]
        fn any_message_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, "abc");
            let mut message = b"SIP/2.0 ".to_vec();
            message.extend(bytes);
            prop_assert!(!matches!(read(&message, "abc"), Ok(Response::Final(_))));
        }

        #[test]
        fn any_cut_and_any_changed_byte_is_read(length in 0..RESPONSE.len(), index in 0..RESPONSE.len(), byte: u8) {
            let mut bytes = RESPONSE.as_bytes().to_vec();
            bytes[index] = byte;
            bytes.truncate(length);
            let _ = read(&bytes, "abc");
        }
    }
}
