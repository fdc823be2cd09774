// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers and times as keepalived writes them.

use std::time::Duration;

/// What is wrong with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError<T> {
    /// There is no number at the beginning.
    NotANumber,
    /// A number, and something behind it; keepalived takes the number.
    Trailing { value: T, digits: usize },
    /// A number with more digits than any limit allows.
    TooLarge,
    /// More decimals than are kept; the value is rounded.
    TooFine { value: T },
}

/// A whole number without sign.
pub(super) fn whole(text: &str) -> Result<u64, NumberError<u64>> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Err(NumberError::NotANumber);
    }
    let value = number.parse().map_err(|_| NumberError::TooLarge)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(NumberError::Trailing { value, digits })
    }
}

/// Seconds with up to six decimals.
pub(super) fn seconds(text: &str) -> Result<Duration, NumberError<Duration>> {
    let whole_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(whole_digits);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => after.split_at(after.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("", rest),
    };
    if number.is_empty() && fraction.is_empty() {
        return Err(NumberError::NotANumber);
    }
    let whole: u64 = match number {
        "" => 0,
        number => number.parse().map_err(|_| NumberError::TooLarge)?,
    };
    if whole > u64::from(u32::MAX) {
        return Err(NumberError::TooLarge);
    }
    let mut micros = 0;
    let mut digits = fraction.bytes().map(|digit| u64::from(digit - b'0'));
    for _ in 0..6 {
        micros = micros * 10 + digits.next().unwrap_or(0);
    }
    // Round to nearest on the first digit that is not kept.
    let round = digits.next().is_some_and(|digit| digit >= 5);
    let value = Duration::from_secs(whole) + Duration::from_micros(micros + u64::from(round));
    if !rest.is_empty() {
        return Err(NumberError::Trailing {
            value,
            digits: text.len() - rest.len(),
        });
    }
    if fraction.len() > 6 {
        Err(NumberError::TooFine { value })
    } else {
        Ok(value)
    }
}

/// A duration in seconds, as short as it can be written.
pub(super) fn in_seconds(duration: Duration) -> String {
    let text = format!("{}.{:06}", duration.as_secs(), duration.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One of the six words for yes and no. keepalived compares them exactly.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers() {
        assert_eq!(whole("0"), Ok(0));
        assert_eq!(whole("007"), Ok(7));
        assert_eq!(
            whole("10s"),
            Err(NumberError::Trailing {
                value: 10,
                digits: 2
            })
        );
        for text in ["", "-1", "x", "+1", " 1"] {
            assert_eq!(whole(text), Err(NumberError::NotANumber), "{text}");
        }
        assert_eq!(whole("99999999999999999999"), Err(NumberError::TooLarge));
    }

    #[test]
    fn times_have_six_decimals() {
        let micros = Duration::from_micros;
        assert_eq!(seconds("5"), Ok(micros(5_000_000)));
        assert_eq!(seconds("0.25"), Ok(micros(250_000)));
        assert_eq!(seconds(".5"), Ok(micros(500_000)));
        assert_eq!(seconds("5."), Ok(micros(5_000_000)));
        assert_eq!(seconds("0.000001"), Ok(micros(1)));
        assert_eq!(
            seconds("0.0000005"),
            Err(NumberError::TooFine { value: micros(1) })
        );
        assert_eq!(
            seconds("1.5s"),
            Err(NumberError::Trailing {
                value: micros(1_500_000),
                digits: 3
            })
        );
        assert_eq!(seconds("."), Err(NumberError::NotANumber));
        assert_eq!(seconds("-1"), Err(NumberError::NotANumber));
        assert_eq!(seconds("4294967296"), Err(NumberError::TooLarge));
    }

    #[test]
    fn times_are_written_short() {
        for text in ["0", "1", "10", "0.25", "0.000001", "1.5"] {
            assert_eq!(in_seconds(seconds(text).unwrap()), text);
        }
    }
}
