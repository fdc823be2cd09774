// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the checks over datagrams share: the socket, random numbers, and text for people.

mod number;
mod socket;
mod status;

pub(crate) use self::number::random;
pub(crate) use self::socket::Datagram;
pub(crate) use self::status::{StatusCodes, status_codes};

/// The most characters of an answer in a [`Reason`](crate::Reason).
const EXCERPT: usize = 80;
/// The most bytes of an answer in hexadecimal digits.
const EXCERPT_BYTES: usize = 32;

/// The first line of an answer as text: at most 80 characters, control bytes and foreign bytes escaped.
pub(crate) fn first_line(answer: &[u8]) -> String {
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or(answer);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    shorten(&line.escape_ascii().to_string())
}

/// At most 80 characters of a text without control characters.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// The bytes of an answer as hexadecimal digits, with its length where it is longer than what is shown.
pub(crate) fn hexadecimal(answer: &[u8]) -> String {
    let digits: String = answer
        .iter()
        .take(EXCERPT_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match answer.len() {
        0 => "no bytes".to_owned(),
        length if length > EXCERPT_BYTES => format!("{digits}… ({length} bytes)"),
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(
            first_line(b"SIP/2.0 503 No\x07\r\nVia: x"),
            "SIP/2.0 503 No\\x07"
        );
        assert_eq!(first_line(&[0xff; 4096]).chars().count(), EXCERPT + 1);
        assert_eq!(hexadecimal(&[]), "no bytes");
        assert_eq!(hexadecimal(&[0, 0xff]), "00ff");
        assert_eq!(
            hexadecimal(&[1; 33]),
            format!("{}… (33 bytes)", "01".repeat(32))
        );
    }
}
