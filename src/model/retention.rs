//! What a target does with images of a region that nobody wants any more: old ones that new ones took the
//! place of, and orphans.

use std::num::NonZeroUsize;

use super::TimeSpan;

/// How many images called `<name>.old` a region keeps of each name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeepOld {
    /// Every one.
    #[default]
    All,
    /// The newest ones.
    Newest(NonZeroUsize),
}

impl KeepOld {
    /// Reads `all`, in any case, or a whole number from 1 up.
    pub fn from_word(word: &str) -> Option<Self> {
        if word.eq_ignore_ascii_case("all") {
            return Some(Self::All);
        }
        word.parse().ok().map(Self::Newest)
    }
}

/// What is done with orphans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrphanRule {
    /// They are reported.
    #[default]
    Report,
    /// They are hidden.
    Hide,
    /// They are hidden, and deleted some time later.
    Delete,
}

impl OrphanRule {
    /// Reads `report`, `hide` or `delete`, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        let words = [
            ("report", Self::Report),
            ("hide", Self::Hide),
            ("delete", Self::Delete),
        ];
        let mut words = words.into_iter();
        words.find_map(|(known, rule)| word.eq_ignore_ascii_case(known).then_some(rule))
    }
}

/// What is done with images that nobody wants any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRules {
    /// How many old images are kept of each name.
    pub keep_old: KeepOld,
    /// What is renamed to `<name>.old` is hidden too.
    pub hide_old: bool,
    /// What is done with orphans.
    pub orphans: OrphanRule,
    /// How long an orphan is hidden before it is deleted.
    pub orphan_grace: TimeSpan,
    /// The most images of a region that one run may hide or delete because nobody wants them any more.
    pub max_delete: usize,
}

impl Default for RetentionRules {
    fn default() -> Self {
        Self {
            keep_old: KeepOld::All,
            hide_old: false,
            orphans: OrphanRule::Report,
            orphan_grace: TimeSpan::from_secs(30 * 24 * 60 * 60),
            max_delete: 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case_and_others_are_refused() {
        assert_eq!(KeepOld::from_word("All"), Some(KeepOld::All));
        let two = NonZeroUsize::new(2).map(KeepOld::Newest);
        assert_eq!(KeepOld::from_word("2"), two);
        for word in ["0", "-1", "none", ""] {
            assert_eq!(KeepOld::from_word(word), None, "{word}");
        }
        assert_eq!(OrphanRule::from_word("HIDE"), Some(OrphanRule::Hide));
        assert_eq!(OrphanRule::from_word("remove"), None);
    }
}
