//! What a region has under way: contents, a few at once, and no more than one change of anything else.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use crate::plan::action::Upload;

/// What a region has under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// How many contents at once, at most.
    transfers: NonZeroUsize,
    /// The images whose content is on its way.
    contents: BTreeSet<String>,
    /// Something else than a content is under way.
    is_changing: bool,
    /// A content was sent and published: what is wrong with the region would have been seen.
    is_proven: bool,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self::new(NonZeroUsize::MIN)
    }
}

impl UnderWay {
    pub(super) fn new(transfers: NonZeroUsize) -> Self {
        Self {
            transfers,
            contents: BTreeSet::new(),
            is_changing: false,
            is_proven: false,
        }
    }

    /// True where another content may begin. The first of a run goes alone.
    pub(super) fn has_room(&self) -> bool {
        let most = if self.is_proven {
            self.transfers.get()
        } else {
            1
        };
        self.contents.len() < most
    }

    pub(super) fn has_contents(&self) -> bool {
        !self.contents.is_empty()
    }

    /// True where the content of that image is on its way.
    pub(super) fn holds(&self, image: &str) -> bool {
        self.contents.contains(image)
    }

    pub(super) fn is_changing(&self) -> bool {
        self.is_changing
    }

    pub(super) fn begin_content(&mut self, image: &str) {
        self.contents.insert(image.to_owned());
    }

    pub(super) fn begin_change(&mut self) {
        self.is_changing = true;
    }

    pub(super) fn published(&mut self, upload: &Upload) {
        self.contents.remove(&upload.image);
        self.is_proven |= !upload.is_there();
    }

    pub(super) fn change_ended(&mut self) {
        self.is_changing = false;
    }

    /// Whichever of the two it was: no image has both at once.
    pub(super) fn failed(&mut self, image: &str) {
        if !self.contents.remove(image) {
            self.is_changing = false;
        }
    }
}
