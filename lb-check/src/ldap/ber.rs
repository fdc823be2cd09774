// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of BER that LDAP needs (X.690, restricted by RFC 4511 §5.1): definite lengths, tags of one byte.

/// The most bytes of a length that is read: more than any message of a check has.
const LENGTH_BYTES: usize = 4;

/// Tag of an integer.
pub(super) const INTEGER: u8 = 0x02;
/// Tag of a string of bytes.
pub(super) const OCTET_STRING: u8 = 0x04;
/// Tag of a choice of a list.
pub(super) const ENUMERATED: u8 = 0x0a;
/// Tag of a truth value.
pub(super) const BOOLEAN: u8 = 0x01;
/// Tag of a sequence.
pub(super) const SEQUENCE: u8 = 0x30;

/// Appends an element.
pub(super) fn write(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    write_length(out, content.len());
    out.extend_from_slice(content);
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short @ ..0x80) => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let start = bytes.iter().take_while(|byte| **byte == 0).count();
            let significant = bytes.get(start..).unwrap_or_default();
            // A usize has at most eight bytes.
            let count = u8::try_from(significant.len()).unwrap_or_default();
            out.push(0x80 | count);
            out.extend_from_slice(significant);
        }
    }
}

/// Appends an integer from 0.
pub(super) fn write_integer(out: &mut Vec<u8>, tag: u8, value: u32) {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(3);
    let significant = bytes.get(zeros..).unwrap_or_default();
    let mut content = Vec::with_capacity(5);
    if significant.first().is_some_and(|byte| *byte >= 0x80) {
        // The first bit is the sign.
        content.push(0);
    }
    content.extend_from_slice(significant);
    write(out, tag, &content);
}

/// The start of an element: its tag, and the number of bytes of its header and of its content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) tag: u8,
    pub(super) size: usize,
    pub(super) length: usize,
}

impl Header {
    /// Whether the element is a sequence, as each message.
    pub(super) const fn is_sequence(&self) -> bool {
        self.tag == SEQUENCE
    }
}

/// The bytes do not make an element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Malformed {
    /// The element is longer than the bytes.
    Truncated,
    /// A form that LDAP does not use, or a length that no message has.
    Invalid,
}

/// Reads the header of the element at the start of `bytes`.
pub(super) fn read_header(bytes: &[u8]) -> Result<Header, Malformed> {
    let [tag, first, rest @ ..] = bytes else {
        return Err(Malformed::Truncated);
    };
    if tag & 0x1f == 0x1f {
        return Err(Malformed::Invalid);
    }
    let header = |size, length| Header {
        tag: *tag,
        size,
        length,
    };
    if *first < 0x80 {
        return Ok(header(2, usize::from(*first)));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > LENGTH_BYTES {
        return Err(Malformed::Invalid);
    }
    let digits = rest.get(..count).ok_or(Malformed::Truncated)?;
    let length = digits
        .iter()
        .try_fold(0_usize, |length, byte| {
            length.checked_mul(256)?.checked_add(usize::from(*byte))
        })
        .ok_or(Malformed::Invalid)?;
    Ok(header(2 + count, length))
}

/// The elements of a content, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// Takes the next element: its tag and its content.
    pub(super) fn take(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let header = read_header(self.0)?;
        let end = header.size.saturating_add(header.length);
        let element = self.0.get(..end).ok_or(Malformed::Truncated)?;
        self.0 = self.0.get(end..).unwrap_or_default();
        Ok((header.tag, element.get(header.size..).unwrap_or_default()))
    }

    /// Takes the next element, which must have this tag.
    pub(super) fn take_tagged(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.take()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed::Invalid),
        }
    }

    /// Takes the next element, which must be an integer from 0 with this tag.
    pub(super) fn take_integer(&mut self, tag: u8) -> Result<u32, Malformed> {
        let content = self.take_tagged(tag)?;
        if content.is_empty() || content.len() > 5 || content.first().is_some_and(|b| *b >= 0x80) {
            return Err(Malformed::Invalid);
        }
        let value = content
            .iter()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        u32::try_from(value).map_err(|_| Malformed::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_written_as_in_the_standard() {
        let written = |tag, content: &[u8]| {
            let mut out = Vec::new();
            write(&mut out, tag, content);
            out
        };
        assert_eq!(written(OCTET_STRING, b""), [4, 0]);
        assert_eq!(written(OCTET_STRING, b"ab"), [4, 2, b'a', b'b']);
        assert_eq!(written(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(written(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(written(4, &[0; 256])[..4], [4, 0x82, 1, 0]);
        for (value, bytes) in [
            (0, &[2, 1, 0][..]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (256, &[2, 2, 1, 0]),
            (u32::MAX, &[2, 5, 0, 255, 255, 255, 255]),
        ] {
            let mut out = Vec::new();
            write_integer(&mut out, INTEGER, value);
            assert_eq!(out, bytes, "{value}");
        }
    }

    #[test]
    fn forms_that_ldap_does_not_use_are_refused() {
        for bytes in [
            &[0x1f, 0x81, 0x01, 0x00][..], // a tag of several bytes
            &[0x30, 0x80, 0, 0],           // a length that is not known before
            &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x30, 0xff, 0],
        ] {
            assert_eq!(read_header(bytes), Err(Malformed::Invalid), "{bytes:x?}");
        }
        let mut integers = Elements(&[2, 1, 0x80]);
        assert_eq!(integers.take_integer(INTEGER), Err(Malformed::Invalid));
        let mut integers = Elements(&[2, 0]);
        assert_eq!(integers.take_integer(INTEGER), Err(Malformed::Invalid));
        let mut integers = Elements(&[2, 6, 0, 0, 0, 0, 0, 1]);
        assert_eq!(integers.take_integer(INTEGER), Err(Malformed::Invalid));
    }

    proptest! {
        #[test]
        fn any_bytes_are_elements_or_malformed(bytes: Vec<u8>) {
            let mut elements = Elements(&bytes);
            // Each element takes at least its header.
            for _ in 0..bytes.len() {
                if elements.take().is_err() {
                    break;
                }
            }
        }

        #[test]
        fn what_is_written_is_read(tag in 0_u8..0x1f, content: Vec<u8>, value: u32, rest: Vec<u8>) {
            let mut out = Vec::new();
            write(&mut out, tag, &content);
            let whole = out.len();
            for end in 0..whole {
                let cut = out.get(..end).unwrap();
                prop_assert_eq!(Elements(cut).take(), Err(Malformed::Truncated));
            }
            write_integer(&mut out, INTEGER, value);
            out.extend(&rest);
            let mut elements = Elements(&out);
            prop_assert_eq!(elements.take(), Ok((tag, content.as_slice())));
            prop_assert_eq!(elements.take_integer(INTEGER), Ok(value));
            prop_assert_eq!(elements.0, rest.as_slice());
        }
    }
}
