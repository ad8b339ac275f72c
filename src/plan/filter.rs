//! `--image` and `--exclude-image`: only these images, and not those. It takes actions and lines of the report away; no status changes.

use std::collections::BTreeSet;

use super::image_glob::{ImageFilterError, ImageGlob};
use super::obsolete::{OBSOLETE_SUFFIX, ObsoleteImage};
use super::parts;
use super::{Action, PartChange, PartReference, Plan, Referrer, Selection};

/// Globs, of which an image's name has to match one, and globs of which it must match none. Without
/// any, every image is chosen.
#[derive(Debug, Clone, Default)]
pub struct ImageFilter {
    globs: Vec<ImageGlob>,
    excluded: Vec<ImageGlob>,
}

impl ImageFilter {
    /// Takes globs with `*`, `?`, `[…]` and `{a,b}`.
    pub fn new<'a>(globs: impl IntoIterator<Item = &'a str>) -> Result<Self, ImageFilterError> {
        let globs = globs.into_iter().map(ImageGlob::new);
        Ok(Self {
            globs: globs.collect::<Result<_, _>>()?,
            excluded: Vec::new(),
        })
    }

    /// The same without the images that match one of these globs. They are never touched: an image
    /// whose part would have to be uploaded first, and is excluded, is left alone as well.
    pub fn without<'a>(
        mut self,
        globs: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ImageFilterError> {
        let globs = globs.into_iter().map(ImageGlob::new);
        self.excluded = globs.collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// The globs of the images that are chosen, as they were given.
    pub fn globs(&self) -> Vec<String> {
        texts(&self.globs)
    }

    /// The globs of the images that are excluded, as they were given.
    pub fn excluded(&self) -> Vec<String> {
        texts(&self.excluded)
    }

    fn matches(&self, name: &str) -> bool {
        self.matches_one_of(&[name])
    }

    /// The same for an image that is known by several names.
    fn matches_one_of(&self, names: &[&str]) -> bool {
        let any = |globs: &[ImageGlob]| {
            let of_name = |name: &&str| globs.iter().any(|glob| glob.matches(name));
            names.iter().any(of_name)
        };
        (self.globs.is_empty() || any(&self.globs)) && !any(&self.excluded)
    }

    fn excludes(&self, name: &str) -> bool {
        self.excluded.iter().any(|glob| glob.matches(name))
    }

    /// The globs that match no image which one of these wants, and no obsolete one: slips, mostly. Each
    /// comes with the option that it was given to.
    pub fn unmatched<'a>(
        &self,
        selections: impl IntoIterator<Item = &'a Selection>,
    ) -> Vec<(&'static str, &str)> {
        let chosen = self.globs.iter().map(|glob| ("--image", glob));
        let excluded = self.excluded.iter().map(|glob| ("--exclude-image", glob));
        let mut globs: Vec<(&str, &ImageGlob)> = chosen.chain(excluded).collect();
        for selection in selections {
            globs.retain(|(_, glob)| {
                let images = selection.images.iter();
                let obsolete = selection.obsolete.iter();
                !images
                    .map(|image| &image.master.name)
                    .any(|name| glob.matches(name))
                    && !obsolete
                        .flat_map(ObsoleteImage::names)
                        .any(|name| glob.matches(name))
            });
        }
        let texts = globs
            .into_iter()
            .map(|(option, glob)| (option, glob.text()));
        texts.collect()
    }

    /// Leaves of a plan what is about the chosen images. An image that is chosen chooses its
    /// selected parts with it; re-pointing belongs to the part's own upload and is never filtered.
    pub fn apply(&self, plan: &mut Plan, selection: &Selection) {
        if self.globs.is_empty() && self.excluded.is_empty() {
            return;
        }
        let chosen = self.chosen(plan, selection);
        plan.images
            .retain(|state| chosen.contains(state.image.as_str()));
        plan.failures
            .retain(|failure| chosen.contains(failure.image.as_str()));
        plan.orphans.retain(|orphan| self.matches(&orphan.image));
        plan.too_many_deletions = None;
        plan.untags
            .retain(|untag| chosen.contains(untag.image.as_str()));
        plan.actions.retain_mut(|action| match action {
            // Its name need not be one that is synchronised.
            Action::DeleteLeftover { image, .. } => {
                chosen.contains(image.as_str()) || self.matches(image)
            }
            // Chosen images alone are no reason to hide or delete others.
            Action::Cleanup(cleanup) if cleanup.comes_last() => false,
            Action::MarkObsolete { image, .. } => {
                let base = image.strip_suffix(OBSOLETE_SUFFIX).unwrap_or(image);
                self.matches_one_of(&[image, base])
            }
            Action::UpdateAmi { image, parts, .. } => {
                // A part that is there already is re-pointed for a chosen image; one that is
                // uploaded, for every image.
                let image_chosen = chosen.contains(image.as_str());
                parts.retain(|part| match part.to.image_id {
                    Some(_) => image_chosen,
                    None => chosen.contains(part.to.part.as_str()),
                });
                !parts.is_empty()
            }
            _ => chosen.contains(action.image()),
        });
        repoint_references(&mut plan.actions);
    }

    fn chosen<'a>(&self, plan: &Plan, selection: &'a Selection) -> BTreeSet<&'a str> {
        let name = |index: usize| selection.images[index].master.name.as_str();
        let mut chosen = BTreeSet::new();
        let mut open: Vec<usize> = (0..selection.images.len())
            .filter(|index| self.matches(name(*index)))
            .filter(|index| !self.needs_excluded(*index, plan, selection))
            .collect();
        while let Some(index) = open.pop() {
            if !self.excludes(name(index)) && chosen.insert(name(index)) {
                open.extend(parts::selected(&selection.images[index].parts));
            }
        }
        chosen
    }

    /// True where the image cannot be brought in step without an upload that is excluded.
    fn needs_excluded(&self, image: usize, plan: &Plan, selection: &Selection) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![image];
        while let Some(index) = open.pop() {
            for part in parts::selected(&selection.images[index].parts) {
                let name = &selection.images[part].master.name;
                let is_sent = |action: &Action| matches!(action, Action::Upload(upload) if upload.image == *name);
                if self.excludes(name) && plan.actions.iter().any(is_sent) {
                    return true;
                }
                if seen.insert(part) {
                    open.push(part);
                }
            }
        }
        false
    }
}

fn texts(globs: &[ImageGlob]) -> Vec<String> {
    let texts = globs.iter().map(ImageGlob::text);
    texts.map(ToOwned::to_owned).collect()
}

/// An image that was to be replaced itself, or pointed at another part, stays as it is when it is
/// not chosen. Where it refers to an image that is replaced all the same, it is pointed at the new
/// one of that name: re-pointing belongs to the part's own upload.
fn repoint_references(actions: &mut Vec<Action>) {
    let mut left: Vec<(Referrer, PartChange)> = Vec::new();
    for action in actions.iter() {
        let Action::Upload(upload) = action else {
            continue;
        };
        if let Some(old) = &upload.replaces {
            for referrer in &old.referrers {
                if !actions.iter().any(|action| is_changed(referrer, action)) {
                    let change = PartChange {
                        from: Some(old.image_id.to_string()),
                        to: PartReference {
                            property: referrer.property,
                            part: upload.image.clone(),
                            image_id: None,
                        },
                    };
                    left.push((referrer.clone(), change));
                }
            }
        }
    }
    for (referrer, change) in left {
        let same = actions.iter_mut().find_map(|action| match action {
            Action::UpdateAmi {
                image_id, parts, ..
            } if *image_id == referrer.image_id => Some(parts),
            _ => None,
        });
        match same {
            Some(parts) => parts.push(change),
            None => actions.push(Action::UpdateAmi {
                image: referrer.image,
                image_id: referrer.image_id,
                parts: vec![change],
            }),
        }
    }
}

/// True where the action changes that reference or deletes the image that has it.
fn is_changed(referrer: &Referrer, action: &Action) -> bool {
    let id = &referrer.image_id;
    match action {
        Action::UpdateMetadata {
            image_id, change, ..
        } => image_id == id && change.properties.contains_key(referrer.property),
        Action::UpdateAmi {
            image_id, parts, ..
        } => {
            image_id == id
                && parts
                    .iter()
                    .any(|part| part.to.property == referrer.property)
        }
        Action::Upload(upload) => upload
            .replaces
            .as_ref()
            .is_some_and(|old| old.image_id == *id),
        Action::MarkObsolete { .. } | Action::DeleteLeftover { .. } | Action::Cleanup(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KERNEL_ID, SyncRules};
    use crate::plan::fixture::{
        actions, content, image, list, outdated_pair, plan, replace_all, selection, statuses,
    };

    fn filtered(globs: &[&str]) -> Plan {
        filtered_without(globs, &[])
    }

    fn filtered_without(globs: &[&str], excluded: &[&str]) -> Plan {
        let kernel = image("k").build();
        let machine = image("m").property(KERNEL_ID, kernel.id.as_str()).build();
        let other = image("other/image").build();
        let gone = image("a_obsolete").content(content("a")).build();
        let master = [kernel, machine, other, gone];
        let region = [
            image("k").content(content("old")).build(),
            image("m").property("surplus", "1").build(),
            image("a").build(),
        ];
        let rules = SyncRules {
            replace: list(true, &[]),
            ..SyncRules::default()
        };
        let mut plan = plan(&master, &region, &rules);
        let filter = ImageFilter::new(globs.iter().copied()).unwrap();
        let filter = filter.without(excluded.iter().copied()).unwrap();
        filter.apply(&mut plan, &selection(&master, &rules));
        plan
    }

    #[test]
    fn what_is_excluded_is_not_touched_and_neither_is_what_needs_its_upload() {
        let all = filtered_without(&[], &["nothing"]);
        assert_eq!(all.actions.len(), 5);
        let without_other = filtered_without(&[], &["other*"]);
        assert_eq!(
            actions(&without_other),
            [
                "mark_obsolete a_obsolete",
                "update_metadata m",
                "replace k",
                "update_ami m"
            ]
        );
        assert_eq!(actions(&filtered_without(&["{m,k}"], &["k"])), [""; 0]);
        assert_eq!(statuses(&filtered_without(&["{m,k}"], &["k"])), [""; 0]);
        for glob in ["a", "a_obsolete"] {
            let actions = actions(&filtered_without(&["a*"], &[glob]));
            assert_eq!(actions, [""; 0], "{glob}");
        }
    }

    #[test]
    fn an_excluded_part_that_is_there_keeps_nothing_back() {
        let kernel = image("k").build();
        let machine = image("m").property(KERNEL_ID, kernel.id.as_str()).build();
        let master = [kernel, machine];
        let rules = SyncRules::default();
        let mut plan = plan(&master, &[image("k").build()], &rules);
        let filter = ImageFilter::default().without(["k"]).unwrap();
        filter.apply(&mut plan, &selection(&master, &rules));
        assert_eq!(actions(&plan), ["upload m"]);
    }

    #[test]
    fn without_globs_nothing_is_taken_away() {
        assert_eq!(filtered(&[]).actions.len(), 5);
    }

    #[test]
    fn a_chosen_image_chooses_its_parts() {
        let plan = filtered(&["m"]);
        assert_eq!(statuses(&plan), ["pending_replace k", "pending_ami m"]);
        assert_eq!(
            actions(&plan),
            ["update_metadata m", "replace k", "update_ami m"]
        );
    }

    #[test]
    fn re_pointing_belongs_to_the_part() {
        assert_eq!(actions(&filtered(&["k"])), ["replace k", "update_ami m"]);
    }

    #[test]
    fn an_old_image_that_is_not_replaced_yet_is_pointed_at_its_new_kernel() {
        let kernel = image("k").build();
        let machine = image("m").property(KERNEL_ID, kernel.id.as_str()).build();
        let region = outdated_pair();
        let rules = replace_all();
        let master = [kernel, machine];
        let mut plan = plan(&master, &region, &rules);
        assert_eq!(actions(&plan), ["replace k", "replace m"]);
        let filter = ImageFilter::new(["k"]).unwrap();
        filter.apply(&mut plan, &selection(&master, &rules));
        assert_eq!(actions(&plan), ["replace k", "update_ami m"]);
        assert_eq!(plan.actions[1].image_id(), Some(&region[0].id));
    }

    #[test]
    fn a_star_crosses_slashes_and_obsolete_images_are_seen_with_both_names() {
        assert_eq!(actions(&filtered(&["o*e"])), ["upload other/image"]);
        for glob in ["a", "a_obsolete", "?_obs*"] {
            assert_eq!(actions(&filtered(&[glob])), ["mark_obsolete a_obsolete"]);
        }
    }

    #[test]
    fn globs_that_match_nothing_are_told() {
        let master = [image("k").build(), image("gone_obsolete").build()];
        let rules = SyncRules::default();
        let selection = selection(&master, &rules);
        let filter = ImageFilter::new(["k", "gone", "*_obsolete", "K", "x*"]).unwrap();
        let filter = filter.without(["k", "y"]).unwrap();
        assert_eq!(
            filter.unmatched([&selection]),
            [
                ("--image", "K"),
                ("--image", "x*"),
                ("--exclude-image", "y")
            ]
        );
        assert!(ImageFilter::default().unmatched([&selection]).is_empty());
    }

    #[test]
    fn a_text_that_is_no_glob_is_refused() {
        let error = ImageFilter::new(["[a"]).unwrap_err().to_string();
        assert!(error.contains("`[a`"), "{error}");
    }
}
