// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two messages of `grpc.health.v1`, each with one field, and the frame around a message of gRPC.

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// Key of a string in field 1.
const SERVICE: u8 = 0x0a;
/// Number of the field of the status.
const STATUS: u64 = 1;

/// A `HealthCheckRequest` in its frame.
pub(super) fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(SERVICE);
        write_number(&mut message, service.len());
        message.extend_from_slice(service.as_bytes());
    }
    let mut frame = vec![0];
    // The name of a service is a word of a configuration.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    frame
}

fn write_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

/// The status in the frame of a `HealthCheckResponse`; `None` if the bytes are no such frame. A field that is not
/// there is 0: UNKNOWN.
pub(super) fn read_response(frame: &[u8]) -> Option<u32> {
    let (prefix, message) = frame.split_first_chunk::<PREFIX>()?;
    let [0, length @ ..] = *prefix else {
        return None; // No compression was offered.
    };
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    if message.len() != length {
        return None;
    }
    let mut status = 0;
    let mut rest = message;
    while !rest.is_empty() {
        let key = take_number(&mut rest)?;
        match (key >> 3, key & 7) {
            (STATUS, 0) => status = u32::try_from(take_number(&mut rest)?).ok()?,
            (1.., 0) => drop(take_number(&mut rest)?),
            (1.., 1) => rest = rest.get(8..)?,
            (1.., 2) => {
                let length = usize::try_from(take_number(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            (1.., 5) => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let digits = u64::from(byte & 0x7f);
        // The tenth byte has one bit.
        if shift == 63 && digits > 1 {
            return None;
        }
        number |= digits << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_have_the_bytes_of_protobuf() {
        assert_eq!(request(""), [0, 0, 0, 0, 0]);
        assert_eq!(request("shop"), b"\0\0\0\0\x06\x0a\x04shop");
        let long = request(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 0x02]);
    }

    #[test]
    fn responses_are_read() {
        for (frame, status) in [
            (&b"\0\0\0\0\x02\x08\x01"[..], Some(1)),
            (b"\0\0\0\0\x02\x08\x02", Some(2)),
            (b"\0\0\0\0\0", Some(0)),
            // Fields of later versions: a text, eight bytes, four bytes, a number.
            (
                b"\0\0\0\0\x16\x12\x01a\x19\0\0\0\0\0\0\0\0\x25\0\0\0\0\x28\x05\x08\x03",
                None,
            ),
            (
                b"\0\0\0\0\x15\x12\x01a\x19\0\0\0\0\0\0\0\0\x25\0\0\0\0\x08\x03",
                None,
            ),
            (b"\x01\0\0\0\x02\x08\x01", None),
            (b"\0\0\0\0\x03\x08\x01", None),
            (b"\0\0\0\0\x01\x08\x01", None),
            (b"\0\0\0\0\x02\x08\x80", None),
            (b"\0\0\0\0\x02\x0b\x01", None),
            (b"\0\0\0\0\x02\x00\x01", None),
            (b"", None),
        ] {
            assert_eq!(read_response(frame), status, "{frame:x?}");
        }
        let mut later = b"\x12\x01a\x19\0\0\0\0\0\0\0\0\x25\0\0\0\0\x28\x05\x08\x03".to_vec();
        let length = u8::try_from(later.len()).unwrap();
        later.splice(0..0, [0, 0, 0, 0, length]);
        assert_eq!(read_response(&later), Some(3));
        for end in 0..later.len() {
            assert_eq!(read_response(&later[..end]), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_response_or_none(frame: Vec<u8>) {
            read_response(&frame);
        }

        #[test]
        fn any_message_is_read_or_none(message in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut frame = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
            frame.extend(message);
            read_response(&frame);
        }

        #[test]
        fn every_status_is_read(status: u32) {
            let mut message = vec![8];
            write_number(&mut message, usize::try_from(status).unwrap());
            let mut frame = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
            frame.extend(message);
            prop_assert_eq!(read_response(&frame), Some(status));
        }
    }
}
