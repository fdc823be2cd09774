// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets of the handshake of MySQL and MariaDB (protocol 10).

use super::super::split_at_zero;

/// Long passwords; every server has had it for decades, and some ask for it.
const LONG_PASSWORD: u32 = 0x0001;
const PROTOCOL_41: u32 = 0x0200;
/// TLS after the first packet of the client.
pub(super) const TLS: u32 = 0x0800;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x0008_0000;
/// Largest packet that the client accepts.
const LARGEST: u32 = 1 << 24;
/// `utf8_general_ci`, which all servers have.
const CHARACTER_SET: u8 = 33;
/// Bytes of the nonce.
pub(super) const NONCE: usize = 20;

/// Number of the last byte of a header, and what it announces.
pub(super) const HEADER: usize = 4;

/// The payload length and the number of a packet, from its header.
pub(super) fn read_header(header: &[u8]) -> Option<(usize, u8)> {
    let [a, b, c, number] = header else {
        return None;
    };
    let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
    Some((length, *number))
}

/// A packet with its header.
pub(super) fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    // All payloads of a check are shorter than 64 KiB.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut packet = Vec::with_capacity(HEADER + payload.len());
    packet.extend(length.to_le_bytes().into_iter().take(3));
    packet.push(number);
    packet.extend_from_slice(payload);
    packet
}

/// The end of a session.
pub(super) fn quit() -> Vec<u8> {
    packet(0, &[1])
}

/// The greeting of a server.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Greeting {
    pub(super) capabilities: u32,
    pub(super) nonce: Vec<u8>,
    /// The method of authentication that the server proposes; empty if it names none.
    pub(super) plugin: Vec<u8>,
}

/// An answer of a server.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Answer<'a> {
    Ok,
    Error {
        number: u16,
        message: &'a [u8],
    },
    /// Another method of authentication, with its nonce.
    Switch {
        plugin: &'a [u8],
        nonce: &'a [u8],
    },
    /// More of the present method.
    More(&'a [u8]),
}

/// Reads a greeting; `None` if it is not one of protocol 10.
pub(super) fn read_greeting(payload: &[u8]) -> Option<Greeting> {
    let (10, rest) = payload
        .split_first()
        .map(|(version, rest)| (*version, rest))?
    else {
        return None;
    };
    let (_version, rest) = split_at_zero(rest)?;
    let (_thread, rest) = rest.split_at_checked(4)?;
    let (nonce, rest) = rest.split_at_checked(8)?;
    let (_filler, rest) = rest.split_at_checked(1)?;
    let (low, rest) = rest.split_first_chunk::<2>()?;
    let mut greeting = Greeting {
        capabilities: u32::from(u16::from_le_bytes(*low)),
        nonce: nonce.to_vec(),
        plugin: Vec::new(),
    };
    // A server before 4.1 ends here.
    if rest.is_empty() {
        return Some(greeting);
    }
    let (_character_set_and_status, rest) = rest.split_at_checked(3)?;
    let (high, rest) = rest.split_first_chunk::<2>()?;
    greeting.capabilities |= u32::from(u16::from_le_bytes(*high)) << 16;
    let (length, rest) = rest.split_first()?;
    let (_reserved, rest) = rest.split_at_checked(10)?;
    let second = usize::from(*length)
        .saturating_sub(8)
        .max(13)
        .min(rest.len());
    let (second, rest) = rest.split_at_checked(second)?;
    greeting.nonce.extend(second);
    // The nonce ends with a zero, which is no part of it.
    greeting.nonce.truncate(NONCE);
    let plugin = split_at_zero(rest).map_or(rest, |(plugin, _)| plugin);
    greeting.plugin = plugin.to_vec();
    Some(greeting)
}

/// Reads an answer to a login; `None` if it is no such answer.
pub(super) fn read_answer(payload: &[u8]) -> Option<Answer<'_>> {
    match payload.split_first()? {
        (0x00, _) => Some(Answer::Ok),
        (0xff, _) => read_error(payload),
        (0xfe, rest) => {
            let (plugin, nonce) = split_at_zero(rest)?;
            let nonce = nonce.strip_suffix(&[0]).unwrap_or(nonce);
            Some(Answer::Switch { plugin, nonce })
        }
        (0x01, rest) => Some(Answer::More(rest)),
        _ => None,
    }
}

/// Reads an error; before the login it has no SQLSTATE.
pub(super) fn read_error(payload: &[u8]) -> Option<Answer<'_>> {
    let (0xff, rest) = payload.split_first().map(|(kind, rest)| (*kind, rest))? else {
        return None;
    };
    let (number, rest) = rest.split_first_chunk::<2>()?;
    let message = match rest {
        // `#` and five characters of SQLSTATE.
        [b'#', text @ ..] => text.get(5..).unwrap_or_default(),
        text => text,
    };
    let number = u16::from_le_bytes(*number);
    Some(Answer::Error { number, message })
}

/// The start of a login; alone it asks for TLS.
fn login_start(tls: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut capabilities = LONG_PASSWORD | PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH;
    if tls {
        capabilities |= TLS;
    }
    payload.extend(capabilities.to_le_bytes());
    payload.extend(LARGEST.to_le_bytes());
    payload.push(CHARACTER_SET);
    payload.extend([0; 23]);
    payload
}

/// Asks for TLS.
pub(super) fn tls_request(number: u8) -> Vec<u8> {
    packet(number, &login_start(true))
}

/// The login of a user.
pub(super) fn login(number: u8, tls: bool, user: &str, answer: &[u8], plugin: &str) -> Vec<u8> {
    let mut payload = login_start(tls);
    payload.extend_from_slice(user.as_bytes());
    payload.push(0);
    // An answer is a digest.
    payload.push(u8::try_from(answer.len()).unwrap_or_default());
    payload.extend_from_slice(answer);
    payload.extend_from_slice(plugin.as_bytes());
    payload.push(0);
    packet(number, &payload)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The greeting of MySQL 8.0, as it was recorded.
    fn mysql8() -> Vec<u8> {
        let mut payload = b"\x0a8.0.36\0\x0b\0\0\0abcdefgh\0".to_vec();
        payload.extend(b"\xff\xff\xff\x02\0\xff\xdf\x15");
        payload.extend([0; 10]);
        payload.extend(b"ijklmnopqrst\0caching_sha2_password\0");
        payload
    }

    #[test]
    fn greetings_are_read() {
        let greeting = read_greeting(&mysql8()).unwrap();
        assert_eq!(greeting.nonce, b"abcdefghijklmnopqrst");
        assert_eq!(greeting.plugin, b"caching_sha2_password");
        assert_eq!(greeting.capabilities, 0xdfff_ffff);
        let old = read_greeting(b"\x0a3.23.58\0\x01\0\0\0abcdefgh\0\x2c\0").unwrap();
        assert_eq!((old.capabilities, old.plugin), (0x2c, Vec::new()));
        for wrong in [
            &b""[..],
            b"\x09",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x0a8.0",
            b"\xff\x10\x04no",
        ] {
            assert_eq!(read_greeting(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn truncated_greetings_are_none_or_shorter() {
        let whole = mysql8();
        let fixed = whole.len() - b"ijklmnopqrst\0caching_sha2_password\0".len();
        for end in 0..whole.len() {
            let read = read_greeting(whole.get(..end).unwrap());
            // One that ends after the first capabilities is that of an old server.
            assert_eq!(read.is_some(), end >= fixed || end == 23, "{end}");
        }
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(read_answer(b"\0\0\0\x02\0\0\0"), Some(Answer::Ok));
        let number = 1045;
        let message = &b"Access denied"[..];
        let error = Some(Answer::Error { number, message });
        assert_eq!(read_answer(b"\xff\x15\x04#28000Access denied"), error);
        assert_eq!(read_answer(b"\xff\x15\x04Access denied"), error);
        let (plugin, nonce) = (&b"mysql_native_password"[..], &b"abc"[..]);
        let switch = Some(Answer::Switch { plugin, nonce });
        assert_eq!(read_answer(b"\xfemysql_native_password\0abc\0"), switch);
        assert_eq!(read_answer(b"\x01\x03"), Some(Answer::More(b"\x03")));
        for wrong in [&b""[..], b"\xfe", b"\xff\x01", b"\x02"] {
            assert_eq!(read_answer(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn packets_have_a_header() {
        assert_eq!(quit(), [1, 0, 0, 0, 1]);
        let login = login(1, false, "lb", b"xyz", "p");
        assert_eq!(read_header(&login[..4]), Some((login.len() - 4, 1)));
        assert!(login.ends_with(b"lb\0\x03xyzp\0"));
        let request = tls_request(1);
        assert_eq!(request.len(), 36);
        assert_eq!(request[5] & 0x08, 0x08);
    }

    proptest! {
        #[test]
        fn any_payload_is_read_or_none(payload: Vec<u8>) {
            let _ = read_greeting(&payload);
            let _ = read_answer(&payload);
            let _ = read_error(&payload);
            let _ = read_header(&payload);
        }

        #[test]
        fn changed_greetings_are_read_or_none(at in 0_usize..90, byte: u8) {
            let mut payload = mysql8();
            if let Some(place) = payload.get_mut(at) {
                *place = byte;
            }
            if let Some(greeting) = read_greeting(&payload) {
                prop_assert!(greeting.nonce.len() <= NONCE);
            }
        }
    }
}
