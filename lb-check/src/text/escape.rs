// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes as words of a configuration: text with escapes, or hexadecimal digits.

/// What [`parse_text`] takes, for messages.
pub(super) const TEXT: &str = r"a text in which \ begins \r, \n, \t, \\ or \xHH";

/// What [`parse_hex`] takes, for messages.
pub(super) const HEX: &str = "an even number of hexadecimal digits";

/// The bytes of a text with the escapes `\r`, `\n`, `\t`, `\\` and `\xHH`; none if there is another escape.
pub(super) fn parse_text(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'\\' => b'\\',
                b'x' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(bytes)
}

/// A text that [`parse_text`] reads as these bytes. Characters that a file replaces or cannot have between quotes
/// are escaped, too.
pub(super) fn print_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\r' => text.push_str(r"\r"),
            b'\n' => text.push_str(r"\n"),
            b'\t' => text.push_str(r"\t"),
            b'\\' => text.push_str(r"\\"),
            b'"' | b'$' | b'~' => text.push_str(&format!(r"\x{byte:02x}")),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!(r"\x{byte:02x}")),
        }
    }
    text
}

/// The bytes of a row of hexadecimal digits; none if it is no such row, or of odd length.
pub(super) fn parse_hex(digits: &str) -> Option<Vec<u8>> {
    let mut rest = digits.bytes();
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    while let Some(high) = rest.next() {
        bytes.push(digit(high)? << 4 | digit(rest.next()?)?);
    }
    Some(bytes)
}

/// The row of hexadecimal digits of these bytes.
pub(super) fn print_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_these_five() {
        let bytes = parse_text(r"a\r\n\t\\\x00\xfF").unwrap();
        assert_eq!(bytes, b"a\r\n\t\\\x00\xff");
        for wrong in [r"\", r"\q", r"\x", r"\x1", r"\xg0", r"\x+1"] {
            assert_eq!(parse_text(wrong), None, "{wrong}");
        }
        assert_eq!(parse_hex("00fF0a").unwrap(), [0, 255, 10]);
        for wrong in ["0", "0g", "+1", "0x"] {
            assert_eq!(parse_hex(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn bytes_are_printed_as_they_are_read(bytes: Vec<u8>) {
            let text = print_text(&bytes);
            prop_assert!(!text.contains(['"', '\n', '$']));
            prop_assert_eq!(parse_text(&text), Some(bytes.clone()));
            prop_assert_eq!(parse_hex(&print_hex(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            parse_text(&text);
            parse_hex(&text);
        }
    }
}
