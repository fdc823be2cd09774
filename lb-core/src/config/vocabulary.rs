// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of keywords, by the kind of block in which they are valid.

use lb_check::Registry;

use super::level::Level;

/// A keyword, a kind of block in which it is valid, and the kind of block that it opens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) level: Level,
    pub(super) keyword: &'static str,
    pub(super) opens: Option<Level>,
    /// Whether keepalived does not have the keyword.
    pub(super) own: bool,
}

/// The names that are known while a text is read: those of the tables of keywords, and those of the
/// checks of a registry.
pub(super) struct Vocabulary<'r> {
    /// One for each of [`Level::WITH_KEYWORDS`].
    levels: [Names; Level::WITH_KEYWORDS.len()],
    registry: &'r Registry,
}

/// The names that are valid in one kind of block.
#[derive(Default)]
struct Names {
    keywords: Vec<&'static str>,
    /// Those that open a block.
    blocks: Vec<(&'static str, Level)>,
    /// Those that keepalived does not have.
    own: Vec<&'static str>,
}

impl<'r> Vocabulary<'r> {
    pub(super) fn new(names: impl IntoIterator<Item = Name>, registry: &'r Registry) -> Self {
        let mut levels = <[Names; Level::WITH_KEYWORDS.len()]>::default();
        for name in names {
            if let Some(level) = levels.get_mut(name.level as usize) {
                level.keywords.push(name.keyword);
                let block = name.opens.map(|opens| (name.keyword, opens));
                level.blocks.extend(block);
                level.own.extend(name.own.then_some(name.keyword));
            }
        }
        Self { levels, registry }
    }

    fn names(&self, level: Level) -> Option<&Names> {
        self.levels.get(level as usize)
    }

    /// The kind of block that a keyword opens in a block of the kind `level`; none if it opens none.
    pub(super) fn block(&self, level: Level, keyword: &str) -> Option<Level> {
        let mut blocks = self.names(level)?.blocks.iter();
        if let Some((_, opens)) = blocks.find(|(known, _)| *known == keyword) {
            return Some(*opens);
        }
        let is_check = level == Level::RealServer && self.registry.get(keyword).is_some();
        is_check.then_some(Level::Custom)
    }

    /// Whether keepalived knows a keyword in a block of the kind `level`.
    pub(super) fn knows(&self, level: Level, keyword: &str) -> bool {
        self.names(level)
            .is_some_and(|names| names.keywords.contains(&keyword))
    }

    /// Whether a keyword is known in a block of the kind `level`, and keepalived does not have it.
    pub(super) fn is_own(&self, level: Level, keyword: &str) -> bool {
        self.names(level)
            .is_some_and(|names| names.own.contains(&keyword))
    }

    /// The keyword or check nearest to a word in a block of the kind `level`, if one is near enough.
    pub(super) fn nearest(&self, level: Level, word: &str) -> Option<&str> {
        let keywords = self.names(level)?.keywords.iter().copied();
        let checks = (level == Level::RealServer).then(|| self.registry.names());
        nearest(word, keywords.chain(checks.into_iter().flatten()))
    }

    /// The keyword of `level` that is for all instances what the other one is for one of them:
    /// `vrrp_garp_master_delay` and `garp_master_delay`.
    pub(super) fn counterpart(&self, level: Level, word: &str) -> Option<&str> {
        if !matches!(level, Level::Global | Level::Instance) {
            return None;
        }
        let bare = |name: &str| name.strip_prefix("vrrp_").unwrap_or(name).to_owned();
        let mut names = self.names(level)?.keywords.iter();
        names.find(|name| bare(name) == bare(word)).copied()
    }

    /// The place where a keyword is valid, for a note about one in the wrong place.
    pub(super) fn home(&self, keyword: &str) -> Option<String> {
        if self.knows(Level::Root, keyword) {
            return Some(format!(
                "`{keyword}` is valid at the top of the file, in no block"
            ));
        }
        let mut levels = Level::WITH_KEYWORDS.into_iter();
        let home = levels.find(|level| level.name().is_some() && self.knows(*level, keyword))?;
        let block = home.name()?;
        Some(format!("`{keyword}` is valid in `{block}`"))
    }
}

/// The word of `known` nearest to `word`, if it is near enough to have been meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    let limit = 1.max(length / 4);
    let lower = word.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(length) <= limit)
        .map(|candidate| {
            // A different case alone is the nearest of all.
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len().max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_with_keywords_has_its_index() {
        for (index, level) in Level::WITH_KEYWORDS.into_iter().enumerate() {
            assert_eq!(level as usize, index, "{level:?}");
        }
        for level in [Level::Custom, Level::Words, Level::Opaque] {
            assert!(level as usize >= Level::WITH_KEYWORDS.len(), "{level:?}");
        }
    }
}
