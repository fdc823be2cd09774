// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes in hexadecimal digits, with `X` for a half byte of any value.

use std::fmt;
use std::str::FromStr;

/// What a reply must begin with: hexadecimal digits, with `X` for four bits of any value.
///
/// ```
/// use lb_check::UdpPattern;
///
/// let pattern: UdpPattern = "00X1XX".parse()?;
/// assert!(pattern.is_start_of(&[0x00, 0xf1, 0x42, 0x99]));
/// assert!(!pattern.is_start_of(&[0x00, 0xf2, 0x42]));
/// assert!(!pattern.is_start_of(&[0x00, 0xf1]));
/// assert_eq!(pattern.to_string(), "00X1XX");
/// # Ok::<(), lb_check::InvalidDigits>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct UdpPattern(Vec<Masked>);

/// A byte; only the bits of the mask count.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Masked {
    value: u8,
    mask: u8,
}

/// Not a row of hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDigits {
    /// Another character.
    #[error("'{0}' is not a hexadecimal digit")]
    Digit(char),
    /// Half a byte at the end.
    #[error("the number of digits is odd")]
    Odd,
}

impl UdpPattern {
    /// True when a reply begins with these bytes.
    #[must_use]
    pub fn is_start_of(&self, reply: &[u8]) -> bool {
        let mut pairs = self.0.iter().zip(reply);
        reply.len() >= self.0.len() && pairs.all(|(byte, got)| (byte.value ^ got) & byte.mask == 0)
    }

    /// True when any reply matches.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes, if each has a value.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = self.0.iter();
        let fixed = bytes.clone().all(|byte| byte.mask == 0xff);
        fixed.then(|| bytes.by_ref().map(|byte| byte.value).collect())
    }
}

impl FromStr for UdpPattern {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, InvalidDigits> {
        let digits = text.chars().filter(|c| !c.is_ascii_whitespace());
        let halves = digits.map(|digit| match digit.to_digit(16) {
            Some(value) => Ok((value.try_into().unwrap_or(u8::MAX), 0xf)),
            None if matches!(digit, 'x' | 'X') => Ok((0, 0)),
            None => Err(InvalidDigits::Digit(digit)),
        });
        let halves: Vec<(u8, u8)> = halves.collect::<Result<_, _>>()?;
        let (pairs, rest) = halves.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(InvalidDigits::Odd);
        }
        let bytes = pairs.iter().map(|[high, low]| Masked {
            value: high.0 << 4 | low.0,
            mask: high.1 << 4 | low.1,
        });
        Ok(Self(bytes.collect()))
    }
}

impl fmt::Display for UdpPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Masked { value, mask } in &self.0 {
            for (value, mask) in [(value >> 4, mask >> 4), (value & 0xf, mask & 0xf)] {
                match mask {
                    0 => f.write_str("X")?,
                    _ => write!(f, "{value:x}")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wrong_digits_are_named() {
        assert_eq!("0g".parse::<UdpPattern>(), Err(InvalidDigits::Digit('g')));
        assert_eq!("000".parse::<UdpPattern>(), Err(InvalidDigits::Odd));
        assert!("".parse::<UdpPattern>().unwrap().is_empty());
        assert_eq!(
            "00 fF".parse::<UdpPattern>().unwrap().bytes(),
            Some(vec![0, 0xff])
        );
        assert_eq!("0X".parse::<UdpPattern>().unwrap().bytes(), None);
    }

    proptest! {
        #[test]
        fn a_pattern_is_read_as_it_is_shown(text in "([0-9a-f]|X){0,40}") {
            match text.parse::<UdpPattern>() {
                Ok(pattern) => prop_assert_eq!(pattern.to_string(), text),
                Err(error) => prop_assert_eq!((error, text.len() % 2), (InvalidDigits::Odd, 1)),
            }
        }

        #[test]
        fn any_reply_is_compared(text in "([0-9a-f]{2}|X){0,6}", reply in proptest::collection::vec(any::<u8>(), 0..8)) {
            if let Ok(pattern) = text.parse::<UdpPattern>() {
                let shown: String = reply.iter().map(|byte| format!("{byte:02x}")).collect();
                let pattern_text = pattern.to_string();
                let expected = shown.len() >= pattern_text.len()
                    && pattern_text.chars().zip(shown.chars()).all(|(want, got)| want == 'X' || want == got);
                prop_assert_eq!(pattern.is_start_of(&reply), expected);
            }
        }
    }
}
