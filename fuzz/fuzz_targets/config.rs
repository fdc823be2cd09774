// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any text as a configuration: no panic, every finding has a place in the text, and there is a model
//! exactly where there is no error.
#![no_main]

use lb_check::Registry;
use lb_core::config::{self, Mode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parsed = config::parse(text, "fuzz.conf", &Registry::builtin());
    let findings = parsed.diagnostics();
    for finding in findings {
        let range = findings.sources().range(finding.span);
        assert!(text.get(range).is_some(), "{finding:?}");
        let place = findings.location(finding);
        assert!(
            text.split('\n').nth(place.line - 1).is_some(),
            "{finding:?}"
        );
    }
    assert_eq!(findings.is_empty(), findings.render(false).is_empty());
    assert_eq!(parsed.model(Mode::Strict).is_some(), findings.errors() == 0);
});
