// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order of services, and how a listing is compared without it.
//!
//! Up to Linux 6.x the order follows from the services and the namespace, so that the same commands in the
//! same namespace give the same order. Since the table of services is resizable it has a random key for
//! each table, so that each of two tables has an order of its own. There a listing of ours is compared with
//! the original's twice: without the order with what the original showed of its own table, and as it stands
//! with what the original shows of the same table as ours.

use std::borrow::Cow;
use std::path::Path;

use super::Shown;

/// What a line about a destination begins with, in a listing and in what `-S` prints.
const DESTINATIONS: [&str; 2] = ["  -> ", "-a "];
/// The end of the headings of a listing; `-S` prints none.
const HEADING: &str = "  -> RemoteAddress:Port";
/// What the size of the connection table stands behind.
const SIZE: &str = "IP Virtual Server version 1.2.1 (size=";

/// Whether the kernel of this guest has tables that it resizes, each with a key of its own.
pub(crate) fn is_random() -> bool {
    Path::new("/proc/net/ip_vs_status").exists()
}

/// Whether a line of shell, of which the original showed this, only lists the table, so that it can be
/// run again.
pub(crate) fn is_listing(line: &str, original: &Shown) -> bool {
    let simple = !line.contains(['|', ';', '&', '<', '>']);
    simple && (original.out.starts_with(SIZE) || original.out.starts_with("-A "))
}

/// How two answers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they are.
    Matters,
    /// Whatever the order of services.
    OfTheKernel,
}

impl Order {
    pub(crate) fn apply(self, shown: &Shown) -> Cow<'_, Shown> {
        match self {
            Self::Matters => Cow::Borrowed(shown),
            Self::OfTheKernel => Cow::Owned(without_order(shown)),
        }
    }
}

/// The same with the services sorted by their lines, each with its destinations as they were.
fn without_order(shown: &Shown) -> Shown {
    let mut heading = String::new();
    let mut services: Vec<String> = Vec::new();
    let mut lines = shown.out.split_inclusive('\n').peekable();
    if shown.out.starts_with(SIZE) {
        for line in lines.by_ref() {
            heading.push_str(line);
            if line.starts_with(HEADING) {
                break;
            }
        }
    }
    for line in lines {
        let is_destination = DESTINATIONS.iter().any(|start| line.starts_with(start));
        match services.last_mut() {
            Some(service) if is_destination => service.push_str(line),
            _ => services.push(line.to_owned()),
        }
    }
    services.sort_unstable();
    Shown {
        out: heading + &services.concat(),
        ..shown.clone()
    }
}

/// What was recorded, with the sizes of the connection table that the original shows here.
pub(crate) fn with_size_of(recorded: &Shown, original: &Shown) -> Shown {
    let mut sizes = original.out.split(SIZE).skip(1).map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        &rest[..digits]
    });
    let mut parts = recorded.out.split(SIZE);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for rest in parts {
        let (old, rest) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        out.push_str(SIZE);
        out.push_str(sizes.next().unwrap_or(old));
        out.push_str(rest);
    }
    Shown {
        out,
        ..recorded.clone()
    }
}

#[test]
fn services_keep_their_destinations() {
    let shown = |out: &str| Shown {
        out: out.to_owned(),
        err: String::new(),
        exit: "0".to_owned(),
    };
    let heading =
        format!("{SIZE}256)\nProt LocalAddress:Port Scheduler Flags\n{HEADING}  Forward\n");
    let one = shown(&format!("{heading}TCP  b\n  -> 2\n  -> 1\nTCP  a\n"));
    let other = shown(&format!("{heading}TCP  a\nTCP  b\n  -> 2\n  -> 1\n"));
    assert_eq!(without_order(&one), without_order(&other));
    let moved = shown(&format!("{heading}TCP  a\n  -> 2\n  -> 1\nTCP  b\n"));
    assert_ne!(without_order(&one), without_order(&moved));
    let turned = shown(&format!("{heading}TCP  a\nTCP  b\n  -> 1\n  -> 2\n"));
    assert_ne!(without_order(&one), without_order(&turned));
    let saved = shown("-A -t b\n-a -t b -r 1\n-A -t a\n");
    assert_eq!(
        without_order(&saved).out,
        "-A -t a\n-A -t b\n-a -t b -r 1\n"
    );
    let twice = |size: &str| shown(&format!("{SIZE}{size})\nx\n{SIZE}{size})\n"));
    assert_eq!(with_size_of(&twice("4096"), &twice("256")), twice("256"));
    let recorded = shown(&format!("{SIZE}4096)\nx\n"));
    assert_eq!(
        with_size_of(&recorded, &one).out,
        format!("{SIZE}256)\nx\n")
    );
    assert_eq!(with_size_of(&recorded, &saved), recorded);
}
