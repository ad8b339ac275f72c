//! What a region has, as the decisions see it.

use chrono::{DateTime, Utc};

use crate::model::{
    Image, MasterFingerprint, ProvenanceState, RegionName, WantedFormat, may_be_expansion,
};

/// What the incomplete images of this installation are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OwnIncomplete {
    /// Nobody works on them: a run that was cut off left them.
    #[default]
    Leftovers,
    /// A sync that is under way has them in progress, and this is a look at its regions meanwhile.
    InProgress,
}

/// What a region's Glance lists.
#[derive(Debug, Clone, Copy)]
pub struct RegionImages<'a> {
    /// The region.
    pub region: &'a RegionName,
    /// The project of the credential there.
    pub project_id: &'a str,
    /// Which master its images are compared with.
    pub master: &'a MasterFingerprint,
    /// Its list, in Glance's order.
    pub listed: &'a [Image],
    /// Its hidden images; needed only where [`super::needs_hidden_images`] says so.
    pub hidden: &'a [Image],
    /// Which incomplete images are this installation's own.
    pub installation: &'a str,
    /// What those are.
    pub own_incomplete: OwnIncomplete,
    /// The time by the region's own clock; none where it does not tell.
    pub now: Option<DateTime<Utc>>,
}

impl RegionImages<'_> {
    /// What the provenance of an image of the region is worth.
    pub(super) fn provenance(&self, image: &Image) -> ProvenanceState {
        let provenance = image.provenance.as_ref();
        let provenance = provenance.filter(|_| image.is_own(self.project_id));
        provenance.map_or(ProvenanceState::None, |it| {
            it.state(&image.id, &image.content, self.master)
        })
    }

    /// Whether an image of the region has the content of the master's: by their hashes or, also where those
    /// differ, because it was published as a copy of it, or because raw is wanted and it is the
    /// expansion of it.
    pub(super) fn has_content_of(
        &self,
        image: &Image,
        master: &Image,
        wanted: WantedFormat,
    ) -> bool {
        image.content.is_same_content(&master.content)
            || self.is_published_copy(image, master)
            || wanted == WantedFormat::Raw && is_expansion(image, master)
    }

    fn is_published_copy(&self, image: &Image, master: &Image) -> bool {
        let provenance = image.provenance.as_ref();
        provenance.is_some_and(|it| it.is_of(&master.content))
            && self.provenance(image) == ProvenanceState::Intact
    }
}

/// True for a raw image that is known to be what the master's qcow2 expands to.
pub(super) fn is_expansion(image: &Image, master: &Image) -> bool {
    may_be_expansion(master.disk_format.as_deref(), image.disk_format.as_deref())
        && master
            .content
            .expansion
            .as_ref()
            .is_some_and(|expansion| expansion.compare(image.size, &image.content) == Some(true))
}
