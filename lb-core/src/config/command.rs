// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines with a command, as scripts have them.

use lb_check::Arguments;

use super::line::{At, Context};
use super::tree::NodeId;

/// A line that a script is made of, with the place of its first word.
pub(super) type Line = At<Arguments>;

/// A line as lb-check reads it.
pub(super) fn arguments(context: &mut Context<'_>, line: NodeId, wants: &str) -> Option<Line> {
    context.no_block(line);
    let command = context.argument(line, 0, wants)?.span;
    let (keyword, _) = context.keyword(line);
    let words = context.arguments(line);
    let mut arguments = Arguments::line(keyword, words.iter().map(|word| context.text(word)));
    if let [first, .., last] | [first @ last] = words {
        arguments.raw = context.sources.text(first.span.to(last.span)).to_owned();
    }
    Some(At::new(arguments, command))
}
