// SPDX-License-Identifier: MIT OR Apache-2.0
//! The MD5 digest of a page, as `genhash` prints it.

use std::fmt;
use std::str::FromStr;

/// An MD5 digest: what `url { digest … }` holds and `genhash` prints, 32 hexadecimal digits.
///
/// ```
/// use lb_check::Md5Digest;
///
/// let digest: Md5Digest = "21dde95d9d269cbb2fa6560309dca40c".parse()?;
/// assert_eq!(digest.to_string(), "21dde95d9d269cbb2fa6560309dca40c");
/// # Ok::<(), lb_check::ParseDigestError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Md5Digest([u8; 16]);

impl Md5Digest {
    /// Wraps the sixteen bytes of a digest.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The sixteen bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for Md5Digest {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Md5Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Md5Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Md5Digest({self})")
    }
}

impl FromStr for Md5Digest {
    type Err = ParseDigestError;

    /// Reads 32 hexadecimal digits of either case.
    ///
    /// # Errors
    /// When the text has another length or another character.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((position, found)) = text.char_indices().find(|(_, c)| !c.is_ascii_hexdigit()) {
            return Err(ParseDigestError::Character { position, found });
        }
        if text.len() != 32 {
            return Err(ParseDigestError::Length { found: text.len() });
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let value = |digit: &u8| char::from(*digit).to_digit(16).unwrap_or_default();
            let number = pair.iter().fold(0, |sum, digit| sum * 16 + value(digit));
            *byte = u8::try_from(number).unwrap_or_default();
        }
        Ok(Self(bytes))
    }
}

/// Why a text is not an MD5 digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseDigestError {
    /// Not 32 digits.
    #[error("an MD5 digest has 32 hexadecimal digits, this has {found}")]
    Length {
        /// Digits found.
        found: usize,
    },
    /// Not a hexadecimal digit.
    #[error("{found:?} at position {position} is not a hexadecimal digit")]
    Character {
        /// Byte offset of the character.
        position: usize,
        /// The character.
        found: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_cases_are_read_and_lower_case_is_printed() {
        let digest: Md5Digest = "21DDE95D9D269CBB2FA6560309DCA40C".parse().unwrap();
        assert_eq!(digest.to_string(), "21dde95d9d269cbb2fa6560309dca40c");
        assert_eq!(digest.as_bytes()[0], 0x21);
        assert_eq!(digest.as_bytes()[15], 0x0c);
    }

    #[test]
    fn wrong_texts_say_what_is_wrong() {
        assert_eq!(
            "21dd".parse::<Md5Digest>(),
            Err(ParseDigestError::Length { found: 4 })
        );
        assert_eq!(
            "21ddx95d9d269cbb2fa6560309dca40c".parse::<Md5Digest>(),
            Err(ParseDigestError::Character {
                position: 4,
                found: 'x'
            })
        );
        assert!("é".repeat(16).parse::<Md5Digest>().is_err());
    }
}
