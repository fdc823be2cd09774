// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines and blocks of a configuration, with their places.
//!
//! Nodes lie in one vector, each before its children; a node knows where its subtree ends. A line takes
//! eight bytes and eight for each word. What is skipped whole is not kept: blocks without a meaning, and
//! the tiny lines of a file that has hardly any others. No depth of nesting overflows a
//! stack.

mod builder;

use super::level::Level;
use super::lexer::Word;
use super::source::{Sources, Span};

pub(super) use builder::TreeBuilder;

/// One line, with the block it opens if it does.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Index of its first word; its words end where those of the next node begin. The highest bit is set
    /// if it has a block.
    first_word: u32,
    /// Index after the last node of its block.
    end: u32,
}

/// The bit of a node that has a block.
const BLOCK: u32 = 1 << 31;

#[derive(Clone, Copy, Debug)]
struct Block {
    node: u32,
    level: Level,
}

/// Index of a node; nodes are in the order of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(pub(super) u32);

#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    words: Vec<Word>,
    /// In the order of their nodes.
    blocks: Vec<Block>,
}

impl Tree {
    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    fn block(&self, node: u32) -> Option<&Block> {
        let at = self.blocks.binary_search_by_key(&node, |block| block.node);
        self.blocks.get(at.ok()?)
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

    /// The words of a line, its keyword first.
    pub(super) fn words(&self, id: NodeId) -> &[Word] {
        let first = |node: &Node| (node.first_word & !BLOCK) as usize;
        let Some(node) = self.node(id) else {
            return &[];
        };
        let next = self.node(NodeId(id.0 + 1));
        let end = next.map_or(self.words.len(), first);
        self.words.get(first(node)..end).unwrap_or_default()
    }

    pub(super) fn has_block(&self, id: NodeId) -> bool {
        self.node(id)
            .is_some_and(|node| node.first_word & BLOCK != 0)
    }

    /// What kind of block this line opens, as far as its place and name tell.
    pub(super) fn level(&self, id: NodeId) -> Option<Level> {
        self.block(id.0).map(|block| block.level)
    }

    /// The text of a word, without quotes.
    pub(super) fn text<'a>(&self, sources: &'a Sources, word: &Word) -> &'a str {
        Word::unquoted(sources.text(word.span))
    }

    /// The keyword and its place.
    pub(super) fn keyword<'a>(&self, sources: &'a Sources, id: NodeId) -> (&'a str, Span) {
        match self.words(id).first() {
            Some(word) => (self.text(sources, word), word.span),
            None => ("", Span::START),
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
    u32::try_from(length).unwrap_or(u32::MAX - 1)
}

/// The blanks before a place, if nothing else is before it on its line.
fn indentation(sources: &Sources, place: Span) -> Option<&str> {
    let place = sources.origin(place);
    let file = sources.get(place)?;
    let before = file.text.get(..file.range(place).start)?;
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
