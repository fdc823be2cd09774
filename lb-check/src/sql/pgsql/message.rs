// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of the start of a session of PostgreSQL (protocol 3.0).

use super::super::split_at_zero;

/// Bytes of the header of a message: its kind, and its length without the kind.
pub(super) const HEADER: usize = 5;
/// Protocol 3.0.
const VERSION: u32 = 3 << 16;
/// The number in place of a version that asks for TLS.
const TLS_REQUEST: u32 = 80_877_103;

/// A message of a server.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Message<'a> {
    /// The server needs no further proof of the user.
    Authenticated,
    /// The server asks for a proof.
    AuthenticationRequest(u32),
    /// The session has started.
    Ready,
    Error(ServerError<'a>),
    /// Settings and remarks, which change nothing.
    Remark,
    /// Another version of the protocol, or an option that the server does not know.
    Negotiation,
}

/// An error of a server.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct ServerError<'a> {
    /// The SQLSTATE; none from a server that sends none.
    pub(super) state: Option<[u8; 5]>,
    pub(super) message: &'a [u8],
}

/// The kind of a message and the length of its content, from its header.
pub(super) fn read_header(header: &[u8]) -> Option<(u8, usize)> {
    let (kind, length) = header.split_first()?;
    let length = u32::from_be_bytes(*length.first_chunk()?);
    let content = usize::try_from(length).ok()?.checked_sub(4)?;
    Some((*kind, content))
}

/// Reads a message; `None` if it is not one of the start of a session.
pub(super) fn read(kind: u8, content: &[u8]) -> Option<Message<'_>> {
    Some(match kind {
        b'R' => match u32::from_be_bytes(*content.first_chunk()?) {
            0 => Message::Authenticated,
            request => Message::AuthenticationRequest(request),
        },
        b'Z' => Message::Ready,
        b'E' => Message::Error(read_error(content)),
        b'S' | b'K' | b'N' => Message::Remark,
        b'v' => Message::Negotiation,
        _ => return None,
    })
}

/// Reads the fields of an error: each is a letter and a text that ends with a zero.
pub(super) fn read_error(content: &[u8]) -> ServerError<'_> {
    let mut error = ServerError::default();
    let mut fields = content;
    while let Some((letter @ 1.., rest)) = fields.split_first() {
        let Some((text, rest)) = split_at_zero(rest) else {
            break;
        };
        match letter {
            b'C' => error.state = text.try_into().ok(),
            b'M' => error.message = text,
            _ => {}
        }
        fields = rest;
    }
    error
}

/// The first message of a client.
pub(super) fn startup(user: &str, database: Option<&str>) -> Vec<u8> {
    let mut content = VERSION.to_be_bytes().to_vec();
    let name = database.map(|database| ("database", database));
    let settings = [("user", user), ("application_name", "lb-check")];
    for (key, value) in settings.into_iter().chain(name) {
        for text in [key, value] {
            content.extend_from_slice(text.as_bytes());
            content.push(0);
        }
    }
    content.push(0);
    with_length(&content)
}

/// Asks for TLS, before the first message.
pub(super) fn tls_request() -> Vec<u8> {
    with_length(&TLS_REQUEST.to_be_bytes())
}

/// The end of a session.
pub(super) fn terminate() -> Vec<u8> {
    let mut message = vec![b'X'];
    message.extend(with_length(&[]));
    message
}

fn with_length(content: &[u8]) -> Vec<u8> {
    // All messages of a check are shorter than 64 KiB.
    let length = u32::try_from(content.len() + 4).unwrap_or(u32::MAX);
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(content);
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DENIED: &[u8] = b"SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry\0Fauth.c\0\0";

    #[test]
    fn requests_have_the_bytes_of_the_protocol() {
        assert_eq!(tls_request(), [0, 0, 0, 8, 4, 210, 22, 47]);
        assert_eq!(terminate(), [b'X', 0, 0, 0, 4]);
        assert_eq!(
            startup("lb", Some("db")),
            b"\0\0\0\x37\0\x03\0\0user\0lb\0application_name\0lb-check\0database\0db\0\0"
        );
    }

    #[test]
    fn messages_are_read() {
        assert_eq!(read(b'R', &[0, 0, 0, 0]), Some(Message::Authenticated));
        let salt = Some(Message::AuthenticationRequest(5));
        assert_eq!(read(b'R', b"\0\0\0\x05salt"), salt);
        assert_eq!(read(b'Z', b"I"), Some(Message::Ready));
        let error = ServerError {
            state: Some(*b"28000"),
            message: b"no pg_hba.conf entry",
        };
        assert_eq!(read(b'E', DENIED), Some(Message::Error(error)));
        assert_eq!(read(b'R', &[0, 0]), None);
        assert_eq!(read(b'H', b"TTP/1.1 400"), None);
        assert_eq!(read_header(b"E\0\0\0\x10"), Some((b'E', 12)));
        for wrong in [&b""[..], b"E\0\0\0", b"E\0\0\0\x03"] {
            assert_eq!(read_header(wrong), None);
        }
    }

    #[test]
    fn truncated_errors_have_the_fields_that_are_whole() {
        for end in 0..DENIED.len() {
            let error = read_error(&DENIED[..end]);
            assert_eq!(error.state.is_some(), end >= 21, "{end}");
            assert_eq!(error.message.is_empty(), end < 43, "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_none(kind: u8, content: Vec<u8>) {
            let _ = read(kind, &content);
            let _ = read_error(&content);
            let _ = read_header(&content);
        }
    }
}
