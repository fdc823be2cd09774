// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines and blocks of a configuration, with their places.
//!
//! Nodes lie in one vector, each before its children; a node knows where its subtree ends. Building it
//! allocates nothing for a single line, and no depth of nesting overflows a stack.

use std::collections::HashMap;

use super::diagnostic::Diagnostic;
use super::findings::Findings;
use super::keywords::Level;
use super::lexer::{Form, Word};
use super::source::{Sources, Span};

/// One line, with the block it opens if it does.
#[derive(Clone, Copy, Debug)]
struct Node {
    first_word: u32,
    words: u32,
    /// Index after the last node of its block.
    end: u32,
    /// Index of its block, or [`NONE`].
    block: u32,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    /// The opening brace; where it is missing, the end of the line that needs it.
    open: Span,
    level: Level,
}

const NONE: u32 = u32::MAX;

/// Index of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeId(pub(super) u32);

#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    words: Vec<Word>,
    blocks: Vec<Block>,
    /// Texts of escaped words.
    unescaped: HashMap<Span, String>,
}

impl Tree {
    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// The lines at the top.
    pub(super) fn roots(&self) -> Children<'_> {
        Children {
            tree: self,
            next: 0,
            end: index(self.nodes.len()),
        }
    }

    /// The lines of a block; none if it is not a block.
    pub(super) fn children(&self, id: NodeId) -> Children<'_> {
        let end = self.node(id).map_or(0, |node| node.end);
        Children {
            tree: self,
            next: id.0.saturating_add(1),
            end,
        }
    }

    /// The words of a line, its keyword first. Empty for a block without a keyword.
    pub(super) fn words(&self, id: NodeId) -> &[Word] {
        let range = self.node(id).map_or(0..0, |node| {
            let first = node.first_word as usize;
            first..first + node.words as usize
        });
        self.words.get(range).unwrap_or_default()
    }

    pub(super) fn has_block(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| node.block != NONE)
    }

    /// What kind of block this line opens, as far as its place and name tell.
    pub(super) fn level(&self, id: NodeId) -> Option<Level> {
        let block = self.node(id)?.block;
        self.blocks.get(block as usize).map(|block| block.level)
    }

    /// The text of a word, without quotes and escapes.
    pub(super) fn text<'a>(&'a self, sources: &'a Sources, word: &Word) -> &'a str {
        match word.form {
            Form::Escaped => self.unescaped.get(&word.span).map_or("", String::as_str),
            _ => sources.text(word.inner()),
        }
    }

    /// The keyword and its place; the place of the brace for a block without a keyword.
    pub(super) fn keyword<'a>(&'a self, sources: &'a Sources, id: NodeId) -> (&'a str, Span) {
        match self.words(id).first() {
            Some(word) => (self.text(sources, word), word.span),
            None => {
                let block = self
                    .node(id)
                    .and_then(|node| self.blocks.get(node.block as usize));
                ("", block.map_or(Span::START, |block| block.open))
            }
        }
    }

    /// From the keyword to the last word.
    pub(super) fn line_span(&self, id: NodeId) -> Span {
        match self.words(id) {
            [first, .., last] => first.span.to(last.span),
            [only] => only.span,
            [] => Span::START,
        }
    }
}

fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(NONE - 1)
}

/// The blanks before a place, if nothing else is before it on its line.
fn indentation(sources: &Sources, place: Span) -> Option<&str> {
    let before = sources.get(place.file)?.text.get(..place.start as usize)?;
    let rest = before.trim_end_matches([' ', '\t']);
    (rest.is_empty() || rest.ends_with('\n')).then(|| before.get(rest.len()..))?
}

/// The lines of one block, in order.
pub(super) struct Children<'a> {
    tree: &'a Tree,
    next: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        if self.next >= self.end {
            return None;
        }
        let id = NodeId(self.next);
        self.next = self.tree.node(id)?.end;
        Some(id)
    }
}

/// A block that has been opened and not closed.
struct Open {
    node: u32,
    block: u32,
    level: Level,
}

/// Makes a tree of tokens, and keeps misplaced braces from spreading.
///
/// It knows which keywords open blocks, and so finds a missing `{`; and where a keyword cannot stand in the
/// present block but can in an outer one, a `}` is missing before it. What follows is then read in its
/// right place.
pub(super) struct TreeBuilder<'r> {
    tree: Tree,
    stack: Vec<Open>,
    /// The line being read.
    current: Option<u32>,
    /// The line before it, which a `{` may still follow.
    waiting: Option<u32>,
    /// The block that the last `}` closed.
    closed: Option<u32>,
    /// The first block in the present outermost one whose `}` is not below its keyword: probably it is
    /// another's, and its own is missing.
    misindented_block: Option<u32>,
    is_custom_check: &'r dyn Fn(&str) -> bool,
}

impl<'r> TreeBuilder<'r> {
    pub(super) fn new(is_custom_check: &'r dyn Fn(&str) -> bool) -> Self {
        Self {
            tree: Tree::default(),
            stack: Vec::new(),
            current: None,
            waiting: None,
            closed: None,
            misindented_block: None,
            is_custom_check,
        }
    }

    /// What has been built so far.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    fn level(&self) -> Level {
        self.stack.last().map_or(Level::Root, |open| open.level)
    }

    fn keyword<'a>(&'a self, sources: &'a Sources, node: u32) -> (&'a str, Span) {
        self.tree.keyword(sources, NodeId(node))
    }

    fn block_level(&self, level: Level, keyword: &str) -> Option<Level> {
        let custom = || {
            (level == Level::RealServer && (self.is_custom_check)(keyword)).then_some(Level::Custom)
        };
        level.block(keyword).or_else(custom)
    }

    pub(super) fn word(&mut self, sources: &Sources, word: Word, findings: &mut Findings) {
        if word.form == Form::Escaped {
            let text = sources
                .text(word.span)
                .replace("\\#", "#")
                .replace("\\!", "!");
            self.tree.unescaped.insert(word.span, text);
        }
        let node = match self.current {
            Some(node) => node,
            None => {
                self.settle(sources, Some(&word), findings);
                let node = self.push_node();
                self.current = Some(node);
                node
            }
        };
        if let Some(node) = self.tree.nodes.get_mut(node as usize) {
            node.words += 1;
            self.tree.words.push(word);
        }
    }

    /// The end of a line. Its words are returned, so that the caller can act on a directive.
    pub(super) fn end_line(&mut self) -> Option<NodeId> {
        let node = self.current.take()?;
        self.waiting = Some(node);
        Some(NodeId(node))
    }

    /// Takes the line back that ended last.
    pub(super) fn forget_line(&mut self) {
        if let Some(node) = self.waiting.take().and_then(|_| self.tree.nodes.pop()) {
            self.tree.words.truncate(node.first_word as usize);
        }
    }

    fn push_node(&mut self) -> u32 {
        let id = index(self.tree.nodes.len());
        self.tree.nodes.push(Node {
            first_word: index(self.tree.words.len()),
            words: 0,
            end: id + 1,
            block: NONE,
        });
        id
    }

    /// The line that waits for a `{` gets none: was it a line that needs one?
    fn settle(&mut self, sources: &Sources, next: Option<&Word>, findings: &mut Findings) {
        let Some(node) = self.waiting.take() else {
            return;
        };
        let (keyword, _) = self.keyword(sources, node);
        let level = self.level();
        let Some(inner) = self.block_level(level, keyword) else {
            return;
        };
        let line = self.tree.line_span(NodeId(node));
        let place = Span::new(line.file, line.end, line.end);
        findings.push(
            Diagnostic::error(place, format!("missing `{{` after `{keyword}`"))
                .label("the block should begin here"),
        );
        let next = next.map(|word| self.tree.text(sources, word));
        let inside = next
            .is_some_and(|next| !level.knows(next) && (inner == Level::Words || inner.knows(next)));
        let block = self.attach(node, place, inner);
        if inside {
            self.stack.push(Open {
                node,
                block,
                level: inner,
            });
        }
    }

    fn attach(&mut self, node: u32, open: Span, level: Level) -> u32 {
        let block = index(self.tree.blocks.len());
        self.tree.blocks.push(Block { open, level });
        if let Some(node) = self.tree.nodes.get_mut(node as usize) {
            node.block = block;
        }
        block
    }

    pub(super) fn open(&mut self, sources: &Sources, brace: Span, findings: &mut Findings) {
        let Some(node) = self.current.take().or_else(|| self.waiting.take()) else {
            findings.push(
                Diagnostic::error(brace, "unexpected `{`: no keyword before it")
                    .note("the block is skipped"),
            );
            let node = self.push_node();
            let block = self.attach(node, brace, Level::Opaque);
            self.stack.push(Open {
                node,
                block,
                level: Level::Opaque,
            });
            return;
        };
        self.waiting = None;
        let level = match self.block_level(self.level(), self.keyword(sources, node).0) {
            Some(level) => level,
            None => self.find_home(sources, node, findings),
        };
        let block = self.attach(node, brace, level);
        self.stack.push(Open { node, block, level });
    }

    /// Finds the level of a block that is not valid here: if it is valid in an outer block, the blocks
    /// between were not closed.
    fn find_home(&mut self, sources: &Sources, node: u32, findings: &mut Findings) -> Level {
        let (keyword, place) = self.keyword(sources, node);
        let keyword = keyword.to_owned();
        let mut opaque = false;
        let mut home = None;
        for depth in (0..self.stack.len()).rev() {
            let Some(inner) = self.stack.get(depth) else {
                break;
            };
            opaque |= inner.level == Level::Custom;
            let outer = match depth.checked_sub(1) {
                Some(outer) => self.stack.get(outer).map_or(Level::Root, |open| open.level),
                None => Level::Root,
            };
            if (!opaque || outer == Level::Root) && self.block_level(outer, &keyword).is_some() {
                home = self
                    .block_level(outer, &keyword)
                    .map(|level| (depth, level));
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
        &self,
        sources: &Sources,
        open: &Open,
        findings: &mut Findings,
        explain: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        let (keyword, _) = self.keyword(sources, open.node);
        let place = self
            .tree
            .blocks
            .get(open.block as usize)
            .map_or(Span::START, |b| b.open);
        let message = match keyword {
            "" => "missing `}` of this block".to_owned(),
            keyword => format!("missing `}}` of the block `{keyword}`"),
        };
        findings.push(explain(
            Diagnostic::error(place, message).label("opened here"),
        ));
    }

    pub(super) fn close(&mut self, sources: &Sources, brace: Span, findings: &mut Findings) {
        // A brace ends the line before it.
        self.waiting = self.current.take().or(self.waiting);
        self.settle(sources, None, findings);
        let Some(open) = self.stack.pop() else {
            let mut finding = Diagnostic::error(brace, "extra `}`: no block is open here");
            if let Some(block) = self.closed.and_then(|at| self.tree.blocks.get(at as usize)) {
                finding =
                    finding.note_at(block.open, "the `}` before it closed the block opened here");
            }
            findings.push(finding);
            return;
        };
        self.closed = Some(open.block);
        if self.stack.is_empty() {
            self.misindented_block = None;
        } else if self.misindented_block.is_none() && self.is_misindented(sources, &open, brace) {
            self.misindented_block = Some(open.node);
        }
        let end = index(self.tree.nodes.len());
        if let Some(node) = self.tree.nodes.get_mut(open.node as usize) {
            node.end = end;
        }
    }

    fn is_misindented(&self, sources: &Sources, open: &Open, brace: Span) -> bool {
        let (_, keyword) = self.keyword(sources, open.node);
        let (first, last) = (indentation(sources, keyword), indentation(sources, brace));
        matches!((first, last), (Some(first), Some(last)) if first != last)
    }

    /// The end of the last text.
    pub(super) fn finish(mut self, sources: &Sources, findings: &mut Findings) -> Tree {
        self.current = None;
        self.settle(sources, None, findings);
        let end = index(self.tree.nodes.len());
        let misindented = self
            .misindented_block
            .map(|node| self.keyword(sources, node).1);
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
        self.tree
    }
}
