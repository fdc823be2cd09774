// SPDX-License-Identifier: MIT OR Apache-2.0
//! `auth_hmac`: keys and rules of the trailer that proves who sent an advertisement.

use std::time::Duration;

use lb_vrrp::{AntiReplay, HmacConfig, HmacKey, HmacMode};

use super::Diagnostic;
use super::level::Level;
use super::line::{At, Context};
use super::source::Span;
use super::tree::NodeId;

/// What stands in the block.
#[derive(Debug)]
pub(super) struct HmacBlock {
    /// The line `auth_hmac`.
    pub(super) span: Span,
    keys: Vec<At<HmacKey>>,
    pub(super) active: Option<At<u32>>,
    monotonic: Option<At<bool>>,
    pub(super) window: Option<At<Duration>>,
    mode: Option<At<HmacMode>>,
}

impl HmacBlock {
    /// An empty block.
    pub(super) const fn new(span: Span) -> Self {
        Self {
            span,
            keys: Vec::new(),
            active: None,
            monotonic: None,
            window: None,
            mode: None,
        }
    }

    pub(super) fn anti_replay(&mut self, context: &mut Context<'_>, line: NodeId) {
        let text = context.value(line, "time or monotonic");
        let choices = [("time", false), ("monotonic", true)];
        let value = text.and_then(|text| context.one_of(text, "a way", &choices));
        context.set(line, &mut self.monotonic, value);
    }

    pub(super) fn mode(&mut self, context: &mut Context<'_>, line: NodeId) {
        let text = context.value(line, "a mode");
        let choices = [
            ("enforce", HmacMode::Enforce),
            ("permissive", HmacMode::Permissive),
            ("receive-only", HmacMode::ReceiveOnly),
        ];
        let value = text.and_then(|text| context.one_of(text, "a mode", &choices));
        context.set(line, &mut self.mode, value);
    }

    pub(super) fn key(&mut self, context: &mut Context<'_>, line: NodeId) {
        let Some(key) = key(context, line) else {
            return;
        };
        let id = key.value.id();
        if self.keys.iter().any(|key| key.value.id() == id) {
            // A note at the first one would show its secret.
            let finding = Diagnostic::error(key.span, format!("key {id} is given twice"));
            context.findings.push(finding.secret());
        } else {
            self.keys.push(key);
        }
    }

    /// None after something that has been reported.
    pub(super) fn resolve(&self, context: &mut Context<'_>) -> Option<HmacConfig> {
        let wrong = |span, message: &str| {
            Diagnostic::error(span, message)
                .note("the advertisements would carry no authentication")
                .fatal()
        };
        if self.keys.is_empty() {
            let finding = wrong(self.span, "`auth_hmac` has no usable `key`");
            context.findings.push(finding);
            return None;
        }
        let Some(active) = self.active else {
            let finding = wrong(self.span, "`auth_hmac` has no `active_key`");
            context.findings.push(finding);
            return None;
        };
        let keys = self.keys.iter().map(|key| key.value.clone());
        // A number of 1 to 255.
        let id = u8::try_from(active.value).unwrap_or_default();
        let hmac = match HmacConfig::new(keys, id) {
            Ok(hmac) => hmac,
            Err(error) => {
                let finding = wrong(active.span, &error.to_string());
                context.findings.push(finding);
                return None;
            }
        };
        let monotonic = self.monotonic.is_some_and(|at| at.value);
        let anti_replay = match self.window {
            _ if monotonic => Some(AntiReplay::Monotonic),
            Some(window) => Some(AntiReplay::Time {
                window: window.value,
            }),
            None => None,
        };
        if let Some(window) = self.window.filter(|_| monotonic) {
            context.findings.push(
                Diagnostic::warning(window.span, "`anti_replay monotonic` has no window")
                    .label("ignored"),
            );
        }
        let hmac = hmac.with_mode(self.mode.map(|at| at.value).unwrap_or_default());
        match anti_replay {
            // 1 to 300 s, which is what there is.
            Some(anti_replay) => hmac.with_anti_replay(anti_replay).ok(),
            None => Some(hmac),
        }
    }
}

/// Reports an unknown keyword, which may be a mistyped `key`: its arguments are not shown.
pub(super) fn report_unknown(context: &mut Context<'_>, line: NodeId) {
    let Some(span) = arguments(context, line) else {
        return context.unknown(Level::Hmac, line);
    };
    let message = format!("unknown keyword `{}`", context.keyword(line).0);
    context
        .findings
        .push(Diagnostic::error(span, message).secret());
}

/// All that stands behind the keyword.
fn arguments(context: &Context<'_>, line: NodeId) -> Option<Span> {
    let words = context.arguments(line);
    Some(words.first()?.span.to(words.last()?.span))
}

/// `key ID VALUE`: hexadecimal digits after `hex:`, a file's content after `file:`, or the bytes as
/// they stand.
fn key(context: &mut Context<'_>, line: NodeId) -> Option<At<HmacKey>> {
    context.no_block(line);
    let Some(all) = arguments(context, line) else {
        context.argument(line, 0, "a number and a secret");
        return None;
    };
    // Whatever is wrong, and whatever was meant: nothing of it is shown.
    let refuse = |message: String| Diagnostic::error(all, message).secret();
    let [id, text] = context.arguments(line) else {
        let finding = refuse("`key` takes a number and a secret".to_owned());
        context.findings.push(finding);
        return None;
    };
    let text = At::new(context.text(text), text.span);
    let number = context.text(id).parse().ok();
    let Some(number) = number.filter(|number| *number > 0) else {
        let finding = refuse("the number of a key must be 1 to 255".to_owned());
        context.findings.push(finding);
        return None;
    };
    let file;
    let value = match text.value.strip_prefix("file:") {
        Some(path) => {
            file = match context.includes.secret(path) {
                Some(Ok(content)) => content,
                Some(Err(error)) => {
                    let message = format!("cannot read {path}: {error}");
                    context.error(text.span, message);
                    return None;
                }
                None => {
                    context.error(text.span, "files are not read here");
                    return None;
                }
            };
            // An editor ends the last line.
            file.trim_ascii_end()
        }
        None => text.value.as_bytes(),
    };
    let secret = match value.strip_prefix(b"hex:") {
        Some(digits) => match hexadecimal(digits) {
            Some(bytes) => bytes,
            None => {
                let finding = refuse("the key is not pairs of hexadecimal digits".to_owned());
                context.findings.push(finding);
                return None;
            }
        },
        None => value.to_vec(),
    };
    match HmacKey::new(number, secret) {
        Ok(key) => Some(At::new(key, all)),
        Err(error) => {
            context.findings.push(refuse(error.to_string()));
            None
        }
    }
}

fn hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty())
}
