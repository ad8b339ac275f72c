//! Obsolete images: a master image named `<name>_obsolete` marks the regions' images `<name>`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::change::{AttributeChange, Change, MetadataChange};
use super::region_images::RegionImages;
use super::{Action, MasterInventory, attributes, metadata, tags};
use crate::model::{
    Image, ImageId, ImageStatus, SyncRules, Warning, WarningCode, is_user_property,
};

/// What marks an image of the master as obsolete.
pub(super) const OBSOLETE_SUFFIX: &str = "_obsolete";

/// An obsolete image of the master.
#[derive(Debug, Clone)]
pub(super) struct ObsoleteImage {
    master: Arc<Image>,
    base: String,
    /// Why it is passed over in every region.
    ignored: Option<&'static str>,
}

impl ObsoleteImage {
    /// The master's image.
    pub(super) fn master_mut(&mut self) -> &mut Arc<Image> {
        &mut self.master
    }

    /// Its name, with and without its suffix.
    pub(super) fn names(&self) -> [&str; 2] {
        [&self.master.name, &self.base]
    }

    /// Every obsolete image of the inventory, by name.
    pub(super) fn all(
        inventory: &MasterInventory,
        is_selected: impl Fn(&str) -> bool,
    ) -> Vec<Self> {
        let mut all: Vec<Self> = inventory
            .images
            .iter()
            .filter_map(|master| {
                let base = master.name.strip_suffix(OBSOLETE_SUFFIX)?.to_owned();
                let ignored = if is_selected(&base) {
                    Some("the master has an image of that name without the suffix, which is synchronised")
                } else if inventory.duplicated.contains(&base) {
                    Some("the master has several images of that name without the suffix")
                } else {
                    None
                };
                Some(Self {
                    master: Arc::clone(master),
                    base,
                    ignored,
                })
            })
            .collect();
        all.sort_by(|a, b| a.master.name.cmp(&b.master.name));
        all
    }

    fn warning(&self, region: &RegionImages<'_>, why: &str) -> Warning {
        Warning::new(
            WarningCode::ObsoleteIgnored,
            format!(
                "the obsolete image `{}` changes nothing in {}: {why}",
                self.master.name, region.region
            ),
        )
        .image(&self.master.name)
    }

    /// What brings an image of the region up to date, its name included.
    fn change(&self, image: &Image, rules: &SyncRules) -> MetadataChange {
        let mut change = MetadataChange {
            name: (image.name != self.master.name).then(|| Change {
                from: image.name.clone(),
                to: self.master.name.clone(),
            }),
            attributes: Box::new(AttributeChange {
                visibility: attributes::public_change(image.visibility, self.master.visibility),
                ..AttributeChange::default()
            }),
            ..MetadataChange::default()
        };
        // A property that the master's image lacks is left alone; a reference to a part is one of
        // the master's ids, which mean nothing in another region.
        for name in &rules.obsolete_syncprops {
            let Some(value) = self.master.properties.get(name) else {
                continue;
            };
            let found = image.properties.get(name);
            if is_user_property(name) && !metadata::is_part(name) && found != Some(value) {
                change.properties.insert(
                    name.clone(),
                    Change {
                        from: found.cloned(),
                        to: Some(value.clone()),
                    },
                );
            }
        }
        change
    }
}

/// The actions and warnings of one region. An image is the object of one action at most.
pub(super) fn mark(
    obsolete: &[ObsoleteImage],
    rules: &SyncRules,
    region: &RegionImages<'_>,
) -> (Vec<Action>, Vec<Warning>) {
    let mut actions = Vec::new();
    let mut warnings = Vec::new();
    let mut taken: BTreeSet<&ImageId> = BTreeSet::new();
    let named = images_by_name(obsolete, region.listed);
    for entry in obsolete {
        if let Some(why) = entry.ignored {
            warnings.push(entry.warning(region, why));
            continue;
        }
        let of_name = |name: &str| named.get(name).into_iter().flatten().copied();
        let mut candidates: Vec<&Image> = of_name(&entry.base)
            // An image without a name is not the obsolete one's, were that called `_obsolete`.
            .filter(|image| !image.name.is_empty() && image.status == ImageStatus::Active)
            .chain(of_name(&entry.master.name))
            .collect();
        candidates.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        for image in candidates {
            if tags::is_incomplete(image) || taken.contains(&image.id) {
                continue;
            }
            if !image.is_own(region.project_id) {
                let owner = image.owner.as_deref();
                let why = format!(
                    "`{}` ({}) belongs to another project, {}",
                    image.name,
                    image.id,
                    owner.unwrap_or_default()
                );
                warnings.push(entry.warning(region, &why).image_id(&image.id).owner(owner));
            } else if region.has_content_of(image, &entry.master, rules.disk_format) {
                taken.insert(&image.id);
                let change = entry.change(image, rules);
                if !change.is_empty() {
                    actions.push(Action::MarkObsolete {
                        image: entry.master.name.clone(),
                        image_id: image.id.clone(),
                        change,
                    });
                }
            } else {
                let why = format!(
                    "the checksum of `{}` ({}) is {}, and the master's is {}",
                    image.name, image.id, image.content, entry.master.content
                );
                warnings.push(
                    entry
                        .warning(region, &why)
                        .image_id(&image.id)
                        .checksum(image.content.listed()),
                );
            }
        }
    }
    (actions, warnings)
}

/// The region's images that an obsolete one may be about.
fn images_by_name<'a>(
    obsolete: &[ObsoleteImage],
    listed: &'a [Image],
) -> HashMap<&'a str, Vec<&'a Image>> {
    let names: HashSet<&str> = obsolete
        .iter()
        .filter(|entry| entry.ignored.is_none())
        .flat_map(|entry| [entry.base.as_str(), entry.master.name.as_str()])
        .collect();
    let mut by_name: HashMap<&str, Vec<&Image>> = HashMap::new();
    if names.is_empty() {
        return by_name;
    }
    for image in listed {
        if names.contains(image.name.as_str()) {
            by_name.entry(&image.name).or_default().push(image);
        }
    }
    by_name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Visibility;
    use crate::plan::fixture::{actions, codes, content, image, plan, set};

    /// The master's obsolete image of `a`: private, with the content of `a`.
    fn gone() -> Image {
        image("a_obsolete")
            .content(content("a"))
            .visibility(Visibility::Private)
            .property("why", "cve")
            .property("more", "1")
            .build()
    }

    fn rules() -> SyncRules {
        SyncRules {
            obsolete_syncprops: set(&["why", "lacking"]),
            ..SyncRules::default()
        }
    }

    #[test]
    fn the_same_image_is_renamed_and_takes_over_visibility_and_listed_properties() {
        let region = [image("a")
            .property("more", "2")
            .property("lacking", "3")
            .build()];
        let plan = plan(&[gone()], &region, &rules());
        assert_eq!(actions(&plan), ["mark_obsolete a_obsolete"]);
        let [Action::MarkObsolete { change, .. }] = &plan.actions[..] else {
            panic!()
        };
        assert_eq!(change.name.as_ref().unwrap().to, "a_obsolete");
        assert_eq!(
            change.attributes.visibility.as_ref().unwrap().to,
            Visibility::Private
        );
        assert_eq!(change.properties.keys().collect::<Vec<_>>(), ["why"]);
        assert!(plan.images.is_empty());
    }

    #[test]
    fn an_image_marked_already_is_brought_up_to_date_and_then_left_alone() {
        let region = [image("a_obsolete").content(content("a")).build()];
        let plan_of = |region: &[Image]| plan(&[gone()], region, &rules());
        let [Action::MarkObsolete { change, .. }] = &plan_of(&region).actions[..] else {
            panic!()
        };
        assert_eq!(change.name, None);
        let marked = [image("a_obsolete")
            .content(content("a"))
            .visibility(Visibility::Shared)
            .property("why", "cve")
            .build()];
        assert!(plan_of(&marked).actions.is_empty());
    }

    #[test]
    fn another_checksum_or_another_owner_is_passed_over_with_a_warning() {
        let region = [
            image("a").content(content("other")).build(),
            image("a").owner(Some("somebody")).build(),
        ];
        let rules = SyncRules {
            only_tenant_images: false,
            ..rules()
        };
        let plan = plan(&[gone()], &region, &rules);
        assert!(plan.actions.is_empty());
        assert_eq!(
            codes(&plan.warnings),
            [WarningCode::ObsoleteIgnored, WarningCode::ObsoleteIgnored]
        );
        assert!(
            plan.warnings
                .iter()
                .all(|warning| warning.image.as_deref() == Some("a_obsolete"))
        );
    }

    #[test]
    fn a_master_image_of_the_bare_name_counts_where_it_is_selected_or_occurs_twice() {
        let region = [image("a").build()];
        let private = image("a").visibility(Visibility::Private);
        let unselected = plan(&[gone(), private.build()], &region, &rules());
        assert_eq!(actions(&unselected), ["mark_obsolete a_obsolete"]);
        for master in [
            vec![gone(), image("a").build()],
            vec![gone(), image("a").build(), image("a").build()],
        ] {
            let plan = plan(&master, &region, &rules());
            assert!(plan.actions.is_empty());
            assert_eq!(codes(&plan.warnings), [WarningCode::ObsoleteIgnored]);
        }
    }

    #[test]
    fn nothing_is_marked_where_the_target_does_not_support_it() {
        let rules = SyncRules {
            support_obsolete_images: false,
            ..rules()
        };
        let plan = plan(&[gone()], &[image("a").build()], &rules);
        assert!(plan.actions.is_empty() && plan.warnings.is_empty());
    }

    #[test]
    fn an_image_without_a_name_is_nobodys_obsolete_image() {
        let master = [image("_obsolete").build()];
        let region = [image("").content(content("_obsolete")).build()];
        assert!(plan(&master, &region, &rules()).actions.is_empty());
    }

    #[test]
    fn an_image_that_is_not_active_is_not_renamed() {
        for word in ["queued", "deactivated"] {
            let region = [image("a").status(word).build()];
            assert!(plan(&[gone()], &region, &rules()).actions.is_empty());
        }
    }
}
