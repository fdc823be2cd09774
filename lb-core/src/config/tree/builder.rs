// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes a tree of tokens.

use super::{BLOCK, Block, Level, Node, NodeId, Tree, Word, indentation, index};
use crate::config::diagnostic::Diagnostic;
use crate::config::findings::Findings;
use crate::config::source::{Sources, Span};
use crate::config::vocabulary::Vocabulary;

/// A block that has been opened and not closed.
struct Open {
    /// The line that opens it; [`NO_NODE`] if it has no keyword.
    node: u32,
    open: Span,
    level: Level,
    /// The lines of an opaque block are kept: a check reads them.
    kept: bool,
}

const NO_NODE: u32 = u32::MAX;

/// The most blocks inside each other that are kept.
const DEEPEST: usize = 64;

/// Makes a tree of tokens, and keeps misplaced braces from spreading.
///
/// It knows which keywords open blocks, and so finds a missing `{`; and where a keyword cannot stand in the
/// present block but can in an outer one, a `}` is missing before it. What follows is then read in its
/// right place.
pub(in crate::config) struct TreeBuilder<'r> {
    tree: Tree,
    stack: Vec<Open>,
    /// Blocks that are open inside the innermost of the stack, which is skipped.
    skipped: u32,
    /// The line being read.
    current: Option<u32>,
    /// The line before it, which a `{` may still follow.
    waiting: Option<u32>,
    /// The `{` of the block that the last `}` closed.
    closed: Option<Span>,
    /// The keyword of the first block in the present outermost one whose `}` is not below it: probably it
    /// is another's, and its own is missing.
    misindented_block: Option<Span>,
    /// Tiny lines that were not kept, and the first of them.
    dropped: Option<(usize, Span)>,
    vocabulary: &'r Vocabulary<'r>,
}

impl<'r> TreeBuilder<'r> {
    pub(in crate::config) fn new(vocabulary: &'r Vocabulary<'r>) -> Self {
        Self {
            tree: Tree::default(),
            stack: Vec::new(),
            skipped: 0,
            current: None,
            waiting: None,
            closed: None,
            misindented_block: None,
            dropped: None,
            vocabulary,
        }
    }

    /// The level of the present line.
    pub(in crate::config) fn level(&self) -> Level {
        self.stack.last().map_or(Level::Root, |open| open.level)
    }

    fn is_skipping(&self) -> bool {
        self.stack
            .last()
            .is_some_and(|open| open.level == Level::Opaque && !open.kept)
    }

    fn keyword<'a>(&self, sources: &'a Sources, node: u32) -> (&'a str, Span) {
        self.tree.keyword(sources, NodeId(node))
    }

    pub(in crate::config) fn word(
        &mut self,
        sources: &Sources,
        word: Word,
        findings: &mut Findings,
    ) {
        if self.current.is_none() {
            self.settle(sources, Some(&word), findings);
            self.current = Some(self.push_node());
        }
        self.tree.words.push(word);
    }

    /// The words of the present line.
    pub(in crate::config) fn current_words(&self) -> &[Word] {
        self.current
            .map_or(&[], |node| self.tree.words(NodeId(node)))
    }

    pub(in crate::config) fn end_line(&mut self) {
        self.waiting = self.current.take().or(self.waiting);
    }

    /// Takes the present line back.
    pub(in crate::config) fn forget_current(&mut self) {
        if self.current.take().is_some() {
            self.pop_node();
        }
    }

    fn push_node(&mut self) -> u32 {
        let id = index(self.tree.nodes.len());
        self.tree.nodes.push(Node {
            first_word: index(self.tree.words.len()),
            end: id + 1,
        });
        id
    }

    fn pop_node(&mut self) {
        if let Some(node) = self.tree.nodes.pop() {
            if node.first_word & BLOCK != 0 {
                self.tree.blocks.pop();
            }
            self.tree
                .words
                .truncate((node.first_word & !BLOCK) as usize);
        }
    }

    /// The line that waits for a `{` gets none: was it a line that needs one?
    fn settle(&mut self, sources: &Sources, next: Option<&Word>, findings: &mut Findings) {
        let Some(node) = self.waiting.take() else {
            return;
        };
        if self.is_skipping() {
            self.pop_node();
            return;
        }
        let (keyword, _) = self.keyword(sources, node);
        let level = self.level();
        let Some(inner) = self.vocabulary.block(level, keyword) else {
            self.drop_tiny(sources, node);
            return;
        };
        let line = self.tree.line_span(NodeId(node));
        let place = Span::new(line.end, line.end);
        findings.push(
            Diagnostic::error(place, format!("missing `{{` after `{keyword}`"))
                .label("the block should begin here"),
        );
        let next = next.map(|word| self.tree.text(sources, word));
        let inside = next.is_some_and(|next| {
            let knows = |level| self.vocabulary.knows(level, next);
            !knows(level) && (inner == Level::Words || knows(inner))
        });
        self.attach(node, inner);
        if inside {
            self.enter(node, place, inner);
        }
    }

    /// Drops a line of a file without a meaning if the tree has grown out of proportion to the files. The
    /// lines of definitions and sequences have a bound of their own.
    fn drop_tiny(&mut self, sources: &Sources, node: u32) {
        const FEW: usize = 1 << 13;
        const BLOCK_SIZE: usize = size_of::<Block>();
        let tree = &self.tree;
        let size = 8 * (tree.nodes.len() + tree.words.len()) + BLOCK_SIZE * tree.blocks.len();
        let place = self.keyword(sources, node).1;
        let written = place.start < Sources::EXPANDED;
        if tree.nodes.len() < FEW || size < 3 * sources.bytes() || !written {
            return;
        }
        let (keyword, place) = self.keyword(sources, node);
        if self.vocabulary.knows(self.level(), keyword) {
            return;
        }
        let (count, _) = self.dropped.get_or_insert((0, place));
        *count += 1;
        self.pop_node();
    }

    fn attach(&mut self, node: u32, level: Level) {
        self.tree.blocks.push(Block { node, level });
        if let Some(node) = self.tree.nodes.get_mut(node as usize) {
            node.first_word |= BLOCK;
        }
    }

    fn enter(&mut self, node: u32, open: Span, level: Level) {
        let kept = match self.stack.last() {
            Some(outer) if self.stack.len() < DEEPEST => match outer.level {
                Level::Custom | Level::Check | Level::Http | Level::Url => true,
                _ => outer.kept,
            },
            _ => false,
        };
        self.stack.push(Open {
            node,
            open,
            level,
            kept,
        });
    }

    pub(in crate::config) fn open(
        &mut self,
        sources: &Sources,
        brace: Span,
        findings: &mut Findings,
    ) {
        let Some(node) = self.current.take().or_else(|| self.waiting.take()) else {
            if self.is_skipping() {
                self.skipped += 1;
                return;
            }
            findings.push(
                Diagnostic::error(brace, "unexpected `{`: no keyword before it")
                    .note("the block is skipped"),
            );
            self.stack.push(Open {
                node: NO_NODE,
                open: brace,
                level: Level::Opaque,
                kept: false,
            });
            return;
        };
        self.waiting = None;
        let level = match self
            .vocabulary
            .block(self.level(), self.keyword(sources, node).0)
        {
            Some(level) => level,
            None => self.find_home(sources, node, findings),
        };
        if level == Level::Opaque && self.is_skipping() {
            self.pop_node();
            self.skipped += 1;
            return;
        }
        self.attach(node, level);
        self.enter(node, brace, level);
    }

    /// Finds the level of a block that is not valid here: if it is valid in an outer block, the blocks
    /// between were not closed.
    fn find_home(&mut self, sources: &Sources, node: u32, findings: &mut Findings) -> Level {
        let (keyword, place) = self.keyword(sources, node);
        let mut opaque = false;
        let mut home = None;
        for (depth, inner) in self.stack.iter().enumerate().rev() {
            opaque |= inner.level == Level::Custom;
            let outer = match depth.checked_sub(1) {
                Some(outer) => self.stack.get(outer).map_or(Level::Root, |open| open.level),
                None => Level::Root,
            };
            if !opaque || outer == Level::Root {
                home = self
                    .vocabulary
                    .block(outer, keyword)
                    .map(|level| (depth, level));
            }
            if home.is_some() {
                break;
            }
        }
        let Some((depth, level)) = home else {
            return Level::Opaque;
        };
        while self.stack.len() > depth {
            let Some(open) = self.stack.pop() else { break };
            self.missing_close(sources, &open, findings, |finding| {
                finding.note_at(
                    place,
                    format!("it is still open here, where `{keyword}` begins"),
                )
            });
            if let Some(unclosed) = self.tree.nodes.get_mut(open.node as usize) {
                unclosed.end = node;
            }
        }
        level
    }

    fn missing_close(
        &mut self,
        sources: &Sources,
        open: &Open,
        findings: &mut Findings,
        explain: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        let (keyword, _) = self.keyword(sources, open.node);
        let message = match keyword {
            "" => "missing `}` of this block".to_owned(),
            keyword => format!("missing `}}` of the block `{keyword}`"),
        };
        let finding = Diagnostic::error(open.open, message).label("opened here");
        findings.push(explain(match std::mem::take(&mut self.skipped) {
            0 => finding,
            1 => finding.note("one more block inside it has no `}`"),
            more => finding.note(format!("{more} more blocks inside it have no `}}`")),
        }));
    }

    pub(in crate::config) fn close(
        &mut self,
        sources: &Sources,
        brace: Span,
        findings: &mut Findings,
    ) {
        // A brace ends the line before it.
        self.end_line();
        self.settle(sources, None, findings);
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        let Some(open) = self.stack.pop() else {
            let mut finding = Diagnostic::error(brace, "extra `}`: no block is open here");
            if let Some(open) = self.closed {
                finding = finding.note_at(open, "the `}` before it closed the block opened here");
            }
            findings.push(finding);
            return;
        };
        self.closed = Some(open.open);
        if self.stack.is_empty() {
            self.misindented_block = None;
        } else if self.misindented_block.is_none() {
            self.misindented_block = self.misindented_keyword(sources, &open, brace);
        }
        let end = index(self.tree.nodes.len());
        if let Some(node) = self.tree.nodes.get_mut(open.node as usize) {
            node.end = end;
        }
        let opaque = open.level == Level::Opaque && !open.kept;
        if opaque && open.node.checked_add(1) == Some(end) {
            self.drop_tiny(sources, open.node);
        }
    }

    /// The keyword of a block whose `}` is not below it.
    fn misindented_keyword(&self, sources: &Sources, open: &Open, brace: Span) -> Option<Span> {
        let keyword = match open.node {
            NO_NODE => open.open,
            node => self.keyword(sources, node).1,
        };
        let first = indentation(sources, keyword)?;
        let last = indentation(sources, brace)?;
        (first != last).then_some(keyword)
    }

    /// The end of the last text.
    pub(in crate::config) fn finish(mut self, sources: &Sources, findings: &mut Findings) -> Tree {
        self.end_line();
        self.settle(sources, None, findings);
        let end = index(self.tree.nodes.len());
        let misindented = self.misindented_block;
        while let Some(open) = self.stack.pop() {
            self.missing_close(sources, &open, findings, |finding| {
                let finding = finding.note("it is still open at the end of the file");
                misindented.into_iter().fold(finding, |finding, place| {
                    finding.note_at(place, "by its indentation, the missing one is that of this")
                })
            });
            if let Some(node) = self.tree.nodes.get_mut(open.node as usize) {
                node.end = end;
            }
        }
        if let Some((count, first)) = self.dropped {
            let message = format!("{count} lines are not read");
            findings.push(
                Diagnostic::error(first, message)
                    .label("the first of them")
                    .note("the file has hardly more than lines of a few bytes"),
            );
        }
        self.tree
    }
}
