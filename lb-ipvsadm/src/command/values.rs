// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers and IPv4 addresses as the C library reads them.

use std::{net::Ipv4Addr, ops::RangeInclusive};

/// Reads a whole decimal number as `strtol` does: blanks, a sign and leading zeros may come first,
/// nothing may follow.
pub(super) fn number(text: &str, range: RangeInclusive<i64>) -> Option<i64> {
    let (number, rest) = leading_number(text)?;
    (rest.is_empty() && range.contains(&number)).then_some(number)
}

/// Reads the number at the front as `atoi` does; no number is 0.
pub(super) fn leading(text: &str) -> i64 {
    leading_number(text).map_or(0, |(number, _)| number)
}

fn leading_number(text: &str) -> Option<(i64, &str)> {
    let text = text.trim_start_matches(is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = digits.split_at(length);
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.parse::<i64>().unwrap_or(i64::MAX);
    Some((if negative { -magnitude } else { magnitude }, rest))
}

/// Reads an IPv4 address as `inet_aton` does: one to four parts, each decimal, octal (`012`) or
/// hexadecimal (`0x0a`), the last filling what is left (`10.1` is 10.0.0.1). A blank ends it.
pub(super) fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let text = text.split(is_space).next()?;
    let parts = text
        .split('.')
        .map(c_number)
        .collect::<Option<Vec<u32>>>()?;
    let (last, first) = parts.split_last()?;
    let left = u32::try_from(4usize.checked_sub(first.len())?)
        .ok()
        .filter(|left| *left > 0)?;
    if left < 4 && *last >> (8 * left) != 0 {
        return None;
    }
    let mut address = *last;
    for (part, shift) in first.iter().zip([24, 16, 8]) {
        address |= u32::from(u8::try_from(*part).ok()?) << shift;
    }
    Some(Ipv4Addr::from_bits(address))
}

fn c_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    // `from_str_radix` would take a sign.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, want) in [
            ("0", Some(0)),
            ("010", Some(10)),
            (" +87", Some(87)),
            ("100", Some(100)),
            ("101", None),
            ("-0", Some(0)),
            ("-1", None),
            ("", None),
            (" ", None),
            ("+", None),
            ("0x10", None),
            ("1 ", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(number(text, 0..=100), want, "{text:?}");
        }
        assert_eq!(leading("64abc"), 64);
        assert_eq!(leading("abc"), 0);
    }

    #[test]
    fn addresses() {
        for (text, want) in [
            ("10.0.0.1", Some([10, 0, 0, 1])),
            ("10.1", Some([10, 0, 0, 1])),
            ("10.1.258", Some([10, 1, 1, 2])),
            ("0xa000002", Some([10, 0, 0, 2])),
            ("012.0.0.1", Some([10, 0, 0, 1])),
            ("24", Some([0, 0, 0, 24])),
            ("4294967295", Some([255, 255, 255, 255])),
            ("0", Some([0, 0, 0, 0])),
            ("10.0.0.1 ", Some([10, 0, 0, 1])),
            (" 10.0.0.1", None),
            ("10.0.0.256", None),
            ("256.0.0.0", None),
            ("4294967296", None),
            ("10.0.0.0.1", None),
            ("10..1", None),
            ("08.0.0.1", None),
            ("+1.0.0.1", None),
            ("bogus", None),
            ("", None),
        ] {
            assert_eq!(inet_aton(text), want.map(Ipv4Addr::from), "{text:?}");
        }
    }
}
