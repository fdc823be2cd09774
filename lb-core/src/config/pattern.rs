// SPDX-License-Identifier: MIT OR Apache-2.0
//! The patterns of `include`: as glob(3) with braces.

/// Why a pattern is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    #[error("longer than a path can be: {0} bytes")]
    TooLong(usize),
    #[error("more than {MOST} alternatives")]
    TooMany,
}

/// The most alternatives of one pattern.
const MOST: usize = 1024;
/// The longest path, with its end.
const LONGEST: usize = 4096;

/// `a{b,c}d` is `abd` and `acd`, as many alternatives and as deep as are written.
pub(super) fn alternatives(pattern: &str) -> Result<Vec<String>, PatternError> {
    if pattern.len() >= LONGEST {
        return Err(PatternError::TooLong(pattern.len()));
    }
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        match expand_first(&pattern) {
            Some(next) => open.extend(next.into_iter().rev()),
            None => done.push(pattern),
        }
        if done.len() + open.len() > MOST {
            return Err(PatternError::TooMany);
        }
    }
    Ok(done)
}

/// Expands the first brace of a pattern that another one closes.
fn expand_first(pattern: &str) -> Option<Vec<String>> {
    // The places of the open braces that have not been closed, and of the commas in the innermost.
    let mut stack: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut first: Option<(usize, Vec<usize>, usize)> = None;
    for (at, byte) in pattern.bytes().enumerate() {
        match byte {
            b'{' => stack.push((at, Vec::new())),
            b',' => {
                if let Some((_, commas)) = stack.last_mut() {
                    commas.push(at);
                }
            }
            b'}' => {
                if let Some((start, commas)) = stack.pop()
                    && first.as_ref().is_none_or(|(known, ..)| start < *known)
                {
                    first = Some((start, commas, at));
                }
            }
            _ => {}
        }
        if stack.is_empty() && first.is_some() {
            break;
        }
    }
    let (start, commas, end) = first?;
    let (before, after) = (pattern.get(..start)?, pattern.get(end + 1..)?);
    let mut from = start + 1;
    commas
        .into_iter()
        .chain([end])
        .map(|to| {
            let part = pattern.get(from..to)?;
            from = to + 1;
            Some(format!("{before}{part}{after}"))
        })
        .collect()
}

/// Whether a pattern stands for more than one name.
pub(super) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// The pattern in the words of the `glob` crate: `[!a]` for `[^a]`, `[*]` for `\*`, one star for several.
pub(super) fn translated(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(next) => text.push_str(&glob::Pattern::escape(next.encode_utf8(&mut [0; 4]))),
                None => text.push('\\'),
            },
            '[' => {
                text.push('[');
                if rest.next_if_eq(&'^').is_some() {
                    text.push('!');
                }
            }
            '*' => {
                text.push('*');
                while rest.next_if_eq(&'*').is_some() {}
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_alternatives() {
        for (pattern, expanded) in [
            ("a.conf", "a.conf"),
            ("{a,b}.conf", "a.conf b.conf"),
            ("{a,b{c,d}}x", "ax bcx bdx"),
            ("{a,b}{c,d}", "ac ad bc bd"),
            ("{a,b", "{a,b"),
            ("{{a,b}", "{a {b"),
            ("a}{b,c}", "a}b a}c"),
            ("{,x}y", "y xy"),
        ] {
            assert_eq!(
                alternatives(pattern).unwrap().join(" "),
                expanded,
                "{pattern}"
            );
        }
    }

    #[test]
    fn alternatives_have_a_limit() {
        assert_eq!(
            alternatives(&"{a,b}".repeat(40)),
            Err(PatternError::TooMany)
        );
        let long = "{".repeat(20_000);
        assert_eq!(alternatives(&long), Err(PatternError::TooLong(20_000)));
        let deep = "{".repeat(2000) + &"}".repeat(2000);
        assert_eq!(alternatives(&deep).unwrap(), [""]);
    }

    #[test]
    fn patterns_are_those_of_glob_3() {
        assert_eq!(translated(r"[^a]\*\x**?"), "[!a][*]x*?");
        assert!(has_wildcard("[ab]") && has_wildcard("a?") && !has_wildcard("{a,b}"));
    }
}
