// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keepalived and genhash share: options in the manner of `getopt_long`.

use lexopt::Arg;

/// A long option by its full name or an unambiguous beginning of it.
pub(crate) fn complete<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    if let Some(exact) = known.iter().find(|name| **name == given) {
        return Some(exact);
    }
    let mut matching = known.iter().filter(|name| name.starts_with(given));
    match (matching.next(), matching.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// An option as complaints show it.
pub(crate) fn spelled(argument: &Arg<'_>) -> String {
    match argument {
        Arg::Short(letter) => format!("-{letter}"),
        Arg::Long(name) => format!("--{name}"),
        Arg::Value(value) => value.to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_enough_when_only_one_name_has_it() {
        let known = ["use-ssl", "use-sni", "url", "verbose", "verb"];
        assert_eq!(complete("use-ss", &known), Some("use-ssl"));
        assert_eq!(complete("use-s", &known), None);
        assert_eq!(complete("verb", &known), Some("verb"));
        assert_eq!(complete("nothing", &known), None);
    }
}
