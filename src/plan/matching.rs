//! Which image of a region stands for a selected image: by name, less what is passed over.

use std::sync::Arc;

use super::leftover::{self, Claim};
use super::region_images::RegionImages;
use super::{SelectedImage, Selection, tags};
use crate::model::{
    ContentHash, Image, ImageStatus, MultiHash, Proof, ProvenanceState, SyncRules, WantedFormat,
    Warning, WarningCode, may_be_expansion,
};

/// The region's images that count, in the order of the selection, and what was passed over.
pub(super) struct Matches<'a> {
    pub(super) images: Vec<Option<&'a Image>>,
    pub(super) warnings: Vec<Warning>,
}

pub(super) fn match_images<'a>(
    selection: &Selection,
    rules: &SyncRules,
    region: &RegionImages<'a>,
) -> Matches<'a> {
    let mut matcher = Matcher {
        selection,
        rules,
        region,
        warnings: Vec::new(),
    };
    let nowhere = vec![None; selection.images.len()];
    // Of an image that the master hides, the region's are expected to be hidden too.
    let (expected, others): (Vec<&Image>, Vec<&Image>) = region.hidden.iter().partition(|image| {
        let index = selection.index_of(&image.name);
        index.is_some_and(|index| selection.images[index].master.os_hidden)
    });
    let mut images = matcher.pick(region.listed.iter().chain(expected), &nowhere);
    if !others.is_empty() {
        let hidden = matcher.pick(others, &images);
        for (image, hidden) in images.iter_mut().zip(hidden) {
            *image = image.or(hidden);
        }
    }
    if rules.counts_hidden_masters() {
        for (image, selected) in images.iter_mut().zip(&selection.images) {
            if let Some(old) = image.filter(|it| !it.os_hidden && !selected.master.os_hidden) {
                *image = Some(published_hidden(old, region).unwrap_or(old));
            }
        }
    }
    let mut warnings = matcher.warnings;
    warnings.sort_by(|a, b| (&a.image, a.code, &a.image_id).cmp(&(&b.image, b.code, &b.image_id)));
    Matches { images, warnings }
}

/// The hidden image that has taken the place of that one, as its tag says: it was published while the
/// master hid its own.
fn published_hidden<'a>(old: &Image, region: &RegionImages<'a>) -> Option<&'a Image> {
    region.hidden.iter().find(|new| {
        new.name == old.name
            && new.status == ImageStatus::Active
            && new.is_own(region.project_id)
            && !tags::is_incomplete(new)
            && tags::replaced(new).any(|id| id == old.id)
    })
}

/// The selected images that cannot be compared with the region's image of their name, since the two
/// have no kind of hash in common, and the algorithm by which the region hashes. `complete` adds what
/// is known of a master's content.
pub fn unknown_hashes(
    selection: &Selection,
    region: &RegionImages<'_>,
    complete: impl Fn(&ContentHash) -> ContentHash,
) -> Vec<(Arc<Image>, String)> {
    let mut unknown = Vec::new();
    for image in region.listed.iter().chain(region.hidden) {
        let index = selection.index_of(&image.name);
        let Some(index) =
            index.filter(|_| image.status.is_present() && image.is_own(region.project_id))
        else {
            continue;
        };
        let master = &selection.images[index].master;
        if master.bytes() == image.bytes()
            && let Proof::Hashed(algorithm) = complete(&master.content).proof(&image.content)
        {
            let pair = (Arc::clone(master), algorithm);
            if !unknown.contains(&pair) {
                unknown.push(pair);
            }
        }
    }
    unknown
}

/// A raw image of a region that may be what the master's qcow2 expands to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownExpansion {
    /// The master's image.
    pub master: Arc<Image>,
    /// The size of the region's image, in bytes.
    pub size: u64,
    /// The algorithm by which the region hashes.
    pub algorithm: String,
}

/// The selected images that the region has in raw where raw is wanted, or that an earlier run left there as raw, and
/// of which it is not known whether they are what the master's expand to.
pub fn unknown_expansions(
    selection: &Selection,
    rules: &SyncRules,
    region: &RegionImages<'_>,
    complete: impl Fn(&ContentHash) -> ContentHash,
) -> Vec<UnknownExpansion> {
    let mut unknown: Vec<UnknownExpansion> = Vec::new();
    for image in region.listed.iter().chain(region.hidden) {
        let Some(index) = selection.index_of(&image.name) else {
            continue;
        };
        let master = &selection.images[index].master;
        let (format, masters) = (image.disk_format.as_deref(), master.disk_format.as_deref());
        let is_candidate = (rules.disk_format == WantedFormat::Raw || tags::is_incomplete(image))
            && image.status.is_present()
            && image.is_own(region.project_id)
            && may_be_expansion(masters, format)
            && region.provenance(image) != ProvenanceState::Intact;
        let hash = image.content.hashes().find(MultiHash::is_computable);
        let (Some(hash), Some(size), true) = (hash, image.size, is_candidate) else {
            continue;
        };
        let known = complete(&master.content).expansion;
        if known.is_some_and(|it| it.compare(Some(size), &image.content).is_some()) {
            continue;
        }
        let expansion = UnknownExpansion {
            master: Arc::clone(master),
            size,
            algorithm: hash.algorithm,
        };
        if !unknown.contains(&expansion) {
            unknown.push(expansion);
        }
    }
    unknown
}

struct Matcher<'a, 'b> {
    selection: &'b Selection,
    rules: &'b SyncRules,
    region: &'b RegionImages<'a>,
    warnings: Vec<Warning>,
}

impl<'a> Matcher<'a, '_> {
    /// The best image of each selected name that is not in `found` yet.
    fn pick(
        &mut self,
        list: impl IntoIterator<Item = &'a Image>,
        found: &[Option<&'a Image>],
    ) -> Vec<Option<&'a Image>> {
        let mut best: Vec<Option<&'a Image>> = vec![None; found.len()];
        let mut passed_over = Vec::new();
        for image in list {
            let Some(index) = self.selection.index_of(&image.name) else {
                continue;
            };
            if found[index].is_some() || !self.counts(image) {
                continue;
            }
            match best[index] {
                None => best[index] = Some(image),
                Some(other) => {
                    let selected = &self.selection.images[index];
                    // Equal ranks keep the order of Glance's list, newest first.
                    let (winner, loser) = if self.rank(selected, image) < self.rank(selected, other)
                    {
                        (image, other)
                    } else {
                        (other, image)
                    };
                    best[index] = Some(winner);
                    passed_over.push((index, loser));
                }
            }
        }
        // Only now is it known which one counts.
        for (index, loser) in passed_over {
            if let Some(winner) = best[index] {
                self.warn_duplicate(loser, winner);
            }
        }
        best
    }

    /// Own images come first, then those with the master's checksum, then those that are hidden like the
    /// master's.
    fn rank(&self, selected: &SelectedImage, image: &Image) -> (bool, bool, bool) {
        (
            !image.is_own(self.region.project_id),
            !self
                .region
                .has_content_of(image, &selected.master, self.rules.disk_format),
            selected.master.os_hidden && !image.os_hidden,
        )
    }

    /// False for an image that is passed over; either way it is said why it is odd.
    fn counts(&mut self, image: &Image) -> bool {
        if !image.is_own(self.region.project_id) {
            self.warn_foreign(image);
            if self.rules.only_tenant_images {
                return false;
            }
        }
        if tags::is_incomplete(image) {
            let claim = if image.is_own(self.region.project_id) {
                leftover::claim(image, self.region)
            } else {
                Claim::Unknown
            };
            // What is in progress is told by the state of its name.
            if claim != Claim::InProgress {
                let warning = leftover::warning(image, self.region, claim);
                self.warnings.push(warning);
            }
            return false;
        }
        if image.status.is_present() && self.region.provenance(image) == ProvenanceState::Broken {
            self.warn(
                image,
                WarningCode::ProvenanceBroken,
                "has other content than its property `glancesync_content` says, so its checksum alone decides",
            );
        }
        match image.status {
            ImageStatus::Active => true,
            ImageStatus::Deactivated => {
                self.warn(
                    image,
                    WarningCode::ImageNotActive,
                    "is deactivated, and is not changed",
                );
                true
            }
            _ => {
                let what = format!(
                    "has the status `{}`, and is treated as absent",
                    image.status
                );
                self.warn(image, WarningCode::ImageNotActive, &what);
                false
            }
        }
    }

    fn warn(&mut self, image: &Image, code: WarningCode, what: &str) {
        self.warnings.push(
            Warning::new(
                code,
                format!(
                    "the image `{}` ({}) of {} {what}",
                    image.name, image.id, self.region.region
                ),
            )
            .image(&image.name)
            .image_id(&image.id)
            .owner(image.owner.as_deref()),
        );
    }

    fn warn_foreign(&mut self, image: &Image) {
        let owner = image.owner.as_deref().unwrap_or_default();
        let what = if self.rules.only_tenant_images {
            format!("belongs to another project, {owner}, and is ignored")
        } else {
            format!(
                "belongs to another project, {owner}, and is used because `only_tenant_images` is false"
            )
        };
        self.warn(image, WarningCode::ForeignOwner, &what);
    }

    fn warn_duplicate(&mut self, loser: &Image, winner: &Image) {
        let what = format!(
            "has the same name as {}, which is used; rename or delete one of them",
            winner.id
        );
        self.warn(loser, WarningCode::DuplicateRegionName, &what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Provenance;
    use crate::plan::fixture::{codes, content, image, plan, replace_all, statuses};

    #[test]
    fn a_published_copy_is_in_step_whatever_its_bytes() {
        let master = image("a").build();
        let copy = image("a")
            .content(content("converted"))
            .copy_of(&master.content)
            .build();
        let listed = [copy.clone()];
        let decided = plan(std::slice::from_ref(&master), &listed, &replace_all());
        assert_eq!(statuses(&decided), ["ok a"]);
        assert!(decided.actions.is_empty() && decided.warnings.is_empty());

        let elsewhere = image("a").content(content("new")).build();
        let decided = plan(&[elsewhere], &listed, &replace_all());
        assert_eq!(statuses(&decided), ["pending_replace a"]);
    }

    #[test]
    fn of_two_the_published_copy_counts() {
        let master = image("a").build();
        let newer = image("a").content(content("else")).build();
        let copy = image("a")
            .content(content("converted"))
            .copy_of(&master.content)
            .build();
        let decided = plan(&[master], &[newer, copy.clone()], &SyncRules::default());
        assert_eq!(decided.images[0].image_id, Some(copy.id));
        assert_eq!(codes(&decided.warnings), [WarningCode::DuplicateRegionName]);
    }

    #[test]
    fn provenance_for_other_content_is_ignored_and_told() {
        let master = image("a").build();
        let mut broken = image("a").copy_of(&master.content).build();
        broken.content = content("else");
        let decided = plan(
            std::slice::from_ref(&master),
            &[broken],
            &SyncRules::default(),
        );
        assert_eq!(statuses(&decided), ["error_checksum a"]);
        let told = codes(&decided.warnings);
        assert!(told.contains(&WarningCode::ProvenanceBroken), "{told:?}");

        // A user's copy has the properties of what it was copied from.
        let original = image("b").copy_of(&master.content).build();
        let mut copied = image("a").content(content("else")).build();
        copied.provenance.clone_from(&original.provenance);
        let decided = plan(&[master], &[copied], &SyncRules::default());
        assert_eq!(statuses(&decided), ["error_checksum a"]);
        assert_eq!(codes(&decided.warnings), [WarningCode::ChecksumConflict]);
    }

    #[test]
    fn a_copy_without_provenance_is_in_step_too() {
        let master = image("a").build();
        let copy = image("a").build();
        assert_eq!(Provenance::from_properties(copy.properties.clone()), None);
        let decided = plan(&[master], &[copy], &SyncRules::default());
        assert_eq!(statuses(&decided), ["ok a"]);
        assert!(decided.actions.is_empty());
    }
}
