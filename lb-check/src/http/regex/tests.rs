// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of regular expressions of pages.

use super::options::{OPTIONS, UNAVAILABLE};
use super::*;

fn matches(pattern: &str, options: &str, body: &str) -> bool {
    let options = options.split_whitespace().map(|word| word.parse().unwrap());
    let regex = PageRegex::new(pattern, options).unwrap();
    regex.is_match(body.as_bytes()).unwrap()
}

#[test]
fn each_option_changes_what_it_names() {
    for (pattern, option, body) in [
        ("abc", "caseless", "xABC"),
        ("a.b", "dotall", "a\nb"),
        ("(?<n>a)(?<n>b)", "dupnames", "ab"),
        ("a b # c", "extended", "ab"),
        ("^b$", "multiline", "a\nb\nc"),
        (r"^\w$", "ucp utf", "é"),
        ("^.$", "utf", "é"),
    ] {
        assert!(matches(pattern, option, body), "{pattern} {option}");
        let plain = PageRegex::new(pattern, []);
        let plain = plain.and_then(|regex| regex.is_match(body.as_bytes()));
        assert_ne!(plain, Ok(true), "{pattern} without {option}");
    }
    // A reference to a group that captures nothing is an error.
    assert!(matches(r"(a)\1", "", "aa"));
    let option = RegexOption::NoAutoCapture;
    assert!(PageRegex::new(r"(a)\1", [option]).is_err());
    // `a+?` is greedy, so that the group is longer than one letter.
    assert!(!matches(r"^(a+)a\1$", "", "aaaa"));
    assert!(matches(r"^(a+?)(?=a)(?!aa)", "ungreedy", "aaa"));
    assert!(matches("b", "", "a\nb"));
    assert!(!matches("b", "firstline", "a\nb"));
    assert!(matches("a", "firstline", "a\nb"));
    for option in ["no_auto_possess", "no_dotstar_anchor", "no_start_optimize"] {
        assert!(matches("a+b", option, "xaab"), "{option}");
    }
    for option in ["auto_callout", "use_offset_limit"] {
        assert!(matches("a+b", option, "xaab"), "{option}");
    }
}

#[test]
fn options_forbid_parts_of_a_pattern() {
    for (pattern, option) in [
        ("(*UTF)a", RegexOption::NeverUtf),
        ("(*NO_JIT)(*UCP)a", RegexOption::NeverUcp),
        (r"a\C", RegexOption::NeverBackslashC),
        (r"\\\C", RegexOption::NeverBackslashC),
    ] {
        assert!(PageRegex::new(pattern, []).is_ok(), "{pattern}");
        let error = PageRegex::new(pattern, [option]).unwrap_err();
        assert_eq!(error, RegexError::Forbidden(option), "{pattern}");
    }
    for pattern in [r"\\C", r"\Q\C\E"] {
        let regex = PageRegex::new(pattern, [RegexOption::NeverBackslashC]);
        assert!(regex.is_ok(), "{pattern}");
    }
}

#[test]
fn every_option_is_known_by_its_name() {
    for (option, name) in OPTIONS {
        assert_eq!(name.parse(), Ok(option));
        assert_eq!(option.to_string(), name);
    }
    for name in UNAVAILABLE {
        let error = name.parse::<RegexOption>().unwrap_err();
        assert_eq!(error, ParseRegexOptionError::Unavailable);
    }
    let error = "anchored".parse::<RegexOption>().unwrap_err();
    assert_eq!(error, ParseRegexOptionError::Unknown);
}

#[test]
fn offsets_bound_where_a_match_begins() {
    let mut regex = PageRegex::new("b+", []).unwrap();
    let found = |regex: &PageRegex| regex.is_match(b"abbb").unwrap();
    regex.min_offset = 3;
    assert!(found(&regex));
    regex.min_offset = 4;
    assert!(!found(&regex));
    regex.min_offset = 5;
    assert!(!found(&regex));
    regex.min_offset = 0;
    regex.max_offset = Some(0);
    assert!(!found(&regex));
    regex.max_offset = Some(1);
    assert!(found(&regex));
    // What is before the part that is searched can be looked at.
    let mut regex = PageRegex::new("(?<=a)b", []).unwrap();
    regex.min_offset = 1;
    assert!(found(&regex));
}

#[test]
fn errors_name_the_place_in_the_pattern() {
    let error = PageRegex::new("(*UTF)ab(", [RegexOption::Ungreedy]).unwrap_err();
    assert_eq!(error.to_string(), "missing closing parenthesis at offset 9");
}

#[test]
fn a_costly_pattern_ends_at_its_limits() {
    let body = [vec![b'a'; 64], vec![b'c']].concat();
    for regex in [
        PageRegex::new("(a+)+b*$", []),
        PageRegex::new("(a|a)+$", []),
        PageRegex::new("(a+)+b*$", []).and_then(|regex| regex.with_stack(32_768, 65_536)),
    ] {
        let error = regex.unwrap().is_match(&body).unwrap_err();
        assert!(error.to_string().contains("limit"), "{error}");
    }
}
