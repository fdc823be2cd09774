// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a command line is split into words: both quotes quote, adjacent pieces make one word, a
//! backslash escapes.
//!
//! A line of a configuration goes through it twice. The first word of the first pass is the whole
//! command, user and group may follow; the second pass splits the command. Both decode the escapes,
//! inside quotes of either kind too: `\a \b \E \f \n \r \t \v`, `\NNN` (octal), `\xHH`, `\cC` (control
//! character), any other character for itself. A `\"` inside quotes of the line is so a quote of the
//! command.

/// Why a line cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SplitError {
    #[error("unterminated quote {0}")]
    Quote(char),
    #[error("backslash at the end")]
    Backslash,
}

/// Splits `line` into words.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, SplitError> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut rest = line;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (*byte, quote) {
            (b'\\', _) => {
                let word = word.get_or_insert_default();
                rest = decode(tail, word)?;
            }
            (byte, Some(open)) if byte == open => quote = None,
            (b'"' | b'\'', None) => {
                quote = Some(*byte);
                word.get_or_insert_default();
            }
            (b' ' | b'\t' | b'\r' | b'\n', None) => words.extend(word.take()),
            (byte, _) => word.get_or_insert_default().push(byte),
        }
    }
    if let Some(open) = quote {
        return Err(SplitError::Quote(char::from(open)));
    }
    words.extend(word);
    Ok(words)
}

fn decode<'a>(rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], SplitError> {
    let [byte, tail @ ..] = rest else {
        return Err(SplitError::Backslash);
    };
    let (value, tail) = match (*byte, tail) {
        (b'a', _) => (0x07, tail),
        (b'b', _) => (0x08, tail),
        (b'E', _) => (0x1b, tail),
        (b'f', _) => (0x0c, tail),
        (b'n', _) => (b'\n', tail),
        (b'r', _) => (b'\r', tail),
        (b't', _) => (b'\t', tail),
        (b'v', _) => (0x0b, tail),
        (b'c', [control, tail @ ..]) => (control & 0x1f, tail),
        (b'x', [first, ..]) if first.is_ascii_hexdigit() => number(tail, 16, 2),
        (b'0'..=b'7', _) => number(rest, 8, 3),
        (other, _) => (other, tail),
    };
    word.push(value);
    Ok(tail)
}

/// Up to `most` digits; the lowest eight bits count.
fn number(text: &[u8], radix: u32, most: usize) -> (u8, &[u8]) {
    let digits = text
        .iter()
        .take(most)
        .map_while(|byte| char::from(*byte).to_digit(radix))
        .collect::<Vec<_>>();
    let value = digits.iter().fold(0, |sum, digit| sum * radix + digit);
    let rest = text.get(digits.len()..).unwrap_or_default();
    (u8::try_from(value & 0xff).unwrap_or_default(), rest)
}

/// Joins words to one command; two passes of [`split`] give them back. It has no double quote but those
/// around it, and no `$`.
#[cfg(feature = "script")]
pub(crate) fn join(words: &[&[u8]]) -> String {
    let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
    match words.as_slice() {
        [word] if word.bytes().all(is_plain) => word.clone(),
        words => format!("\"{}\"", words.join(" ")),
    }
}

/// A word of the inner pass, written inside a double-quoted word of the outer pass.
#[cfg(feature = "script")]
fn quote(word: &[u8]) -> String {
    let text = str::from_utf8(word).ok();
    match text.filter(|text| !text.contains(|c: char| c.is_control() || "'\"\\$".contains(c))) {
        Some(text) if !text.is_empty() && text.bytes().all(is_plain) => text.to_owned(),
        Some(text) => format!("'{text}'"),
        None => word.iter().fold(String::new(), |mut out, byte| {
            if is_plain(*byte) {
                out.push(char::from(*byte));
            } else {
                // The outer pass leaves one of the two backslashes.
                out.push_str(&format!("\\\\{byte:03o}"));
            }
            out
        }),
    }
}

/// Quotes a word; one pass of [`split`] gives it back. It has no double quote but those around it, and no
/// `$`.
#[cfg(feature = "regex")]
pub(crate) fn quote_once(word: &str) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        if c.is_ascii_control() || "'\"\\$".contains(c) {
            out.push_str(&format!("\\{:03o}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.push('"');
    out
}

/// Whether a byte means itself outside quotes.
#[cfg(feature = "script")]
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'.' | b'/' | b':' | b'=' | b',' | b'+' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(line: &str) -> Vec<String> {
        let words = split(line.as_bytes()).unwrap();
        words
            .into_iter()
            .map(|word| String::from_utf8_lossy(&word).into_owned())
            .collect()
    }

    #[test]
    fn quotes_of_both_kinds_join_with_what_they_touch() {
        assert_eq!(decoded(r#"abc"d e"f"#), ["abcd ef"]);
        assert_eq!(
            decoded(r#"/bin/check 'a b' "c 'd'" e"#),
            ["/bin/check", "a b", "c 'd'", "e"]
        );
        assert_eq!(decoded("  a\t b  "), ["a", "b"]);
        assert_eq!(decoded("a '' \"\""), ["a", "", ""]);
        assert_eq!(decoded(""), [] as [&str; 0]);
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(
            decoded(r"a\ b \101\x42C \cA \t\\ \q \x"),
            ["a b", "ABC", "\u{1}", "\t\\", "q", "x"]
        );
        assert_eq!(decoded(r"\777"), ["\u{fffd}"]);
    }

    /// What a script of keepalived 2.2.7 got as its arguments.
    #[test]
    fn two_passes_give_the_arguments_of_keepalived() {
        for (line, arguments) in [
            (r#""run 1 \"a b\" c""#, "1|a b|c"),
            (r#""run 2 'a b' c""#, "2|a b|c"),
            (r#""run 3 a\\ b \x41\t""#, "3|a b|A"),
            (r#"'run 4 "a # b" c'"#, "4|a # b|c"),
            (r#""run 5 $HOME \$x""#, "5|$HOME|$x"),
            (r#"run" 7 x""#, "7|x"),
            (r"'run 01 a\\ b \x41'", "01|a b|A"),
            (r#"run" 02 a\\\\b""#, r"02|a\b"),
            (r#""run 04 a\\\\ b""#, r"04|a\|b"),
            (r#""run 05 'a\\b' \"c\\\"d\"""#, "05|a\u{8}|c\"d"),
            (r#""run 06 a\nb""#, "06|a|b"),
            (r#""run 07 a\\nb""#, "07|a\nb"),
            (r#""run 08 \'a b\'""#, "08|a b"),
            (r"'run 09 \'a b\''", "09|a b"),
            (r#""run 10 'a\"b'""#, "10|a\"b"),
            (r#""run 11 a\101\\102""#, "11|aAB"),
            (r#""run 12 'a\\tb'""#, "12|a\tb"),
            (r#"'run 13 "a\tb" "a\\tb"'"#, "13|a\tb|a\tb"),
        ] {
            let command = decoded(line).remove(0);
            assert_eq!(decoded(&command)[1..].join("|"), arguments, "{line}");
        }
        assert_eq!(
            decoded(r#""run \"a b\" c" root"#),
            [r#"run "a b" c"#, "root"]
        );
    }

    #[test]
    fn joined_words_are_given_back_by_two_passes() {
        let passes = |line: &str| {
            let words = split(line.as_bytes()).unwrap();
            assert_eq!(words.len(), 1, "{line}");
            split(&words[0]).unwrap()
        };
        for (words, line) in [
            (vec!["/bin/true"], "/bin/true"),
            (vec!["/bin/a", "-c"], "\"/bin/a -c\""),
            (vec!["/bin/a", "b c", ""], "\"/bin/a 'b c' ''\""),
            (vec!["a", "#!{}~@"], "\"a '#!{}~@'\""),
            (vec!["a", "it's"], "\"a it\\\\047s\""),
            (vec!["a", "\"$x\\\n"], r#""a \\042\\044x\\134\\012""#),
            (vec!["ü"], "\"'ü'\""),
        ] {
            let bytes: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            assert_eq!(join(&bytes), line);
            assert_eq!(passes(&join(&bytes)), bytes, "{line}");
        }
        for byte in 0..=u8::MAX {
            let words: [&[u8]; 2] = [&[byte, b'7', byte], &[byte]];
            assert_eq!(passes(&join(&words)), words, "{byte}");
        }
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        assert_eq!(split(b"'a"), Err(SplitError::Quote('\'')));
        assert_eq!(split(b"a\\"), Err(SplitError::Backslash));
    }
}
