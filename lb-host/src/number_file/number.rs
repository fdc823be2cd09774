// SPDX-License-Identifier: MIT OR Apache-2.0
//! The number at the beginning of a file, as strtol(3) with base 0 reads it.

/// Reads the number; 0 if the content does not begin with one, `None` if it needs more than 32 bits.
pub(super) fn parse(content: &[u8]) -> Option<i64> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = content.iter().take_while(|byte| blank(byte)).count();
    let (negative, digits) = match content.get(start..).unwrap_or_default() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16, digits)
        }
        [b'0', ..] => (8, digits),
        _ => (10, digits),
    };
    let value = digits
        .iter()
        .map_while(|&byte| char::from(byte).to_digit(base))
        .fold(0_i64, |value, digit| {
            value
                .saturating_mul(i64::from(base))
                .saturating_add(i64::from(digit))
        });
    let value = if negative { -value } else { value };
    i32::try_from(value).is_ok().then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_as_strtol_reads_them() {
        for (content, value) in [
            ("", 0),
            ("\n", 0),
            ("10\n", 10),
            (" \t\n\x0b\x0c\r 10", 10),
            ("-254", -254),
            ("+7", 7),
            ("- 7", 0),
            ("--7", 0),
            ("12abc", 12),
            ("abc12", 0),
            ("5 6", 5),
            ("0x1f", 31),
            ("-0X1F", -31),
            ("0x", 0),
            ("0xg", 0),
            ("010", 8),
            ("018", 1),
            ("08", 0),
            ("0", 0),
            ("2147483647", 2_147_483_647),
            ("-2147483648", -2_147_483_648),
        ] {
            assert_eq!(parse(content.as_bytes()), Some(value), "{content:?}");
        }
        for content in [
            "2147483648",
            "-2147483649",
            "0xffffffff",
            "99999999999999999999999999",
            "-99999999999999999999999999",
        ] {
            assert_eq!(parse(content.as_bytes()), None, "{content:?}");
        }
        assert_eq!(parse(b"\xff\xfe1"), Some(0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_number_or_none(content: Vec<u8>) {
            parse(&content);
        }

        #[test]
        fn every_number_is_read_back(value: i32, rest in "[^0-9xX].*") {
            prop_assert_eq!(parse(format!("{value}{rest}").as_bytes()), Some(i64::from(value)));
        }
    }
}
