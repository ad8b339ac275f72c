//! Small fleets: few names, few contents, so that everything odd occurs often.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::TimeDelta;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::model::{
    ChecksumList, ContentHash, Image, ImageId, KERNEL_ID, MultiHash, Properties, RAMDISK_ID,
    SyncAttribute, SyncRules, Visibility,
};
use crate::plan::fixture::{INSTALLATION, PROJECT, checksum, image, now, region_name};
use crate::plan::{MasterInventory, Plan, RegionImages, Selection, build, tags};

/// A master, one of its regions, and the rules between them.
#[derive(Clone)]
pub(super) struct Fleet {
    pub(super) master: Vec<Image>,
    /// Newest first, hidden images among them.
    pub(super) region: Vec<Image>,
    pub(super) rules: SyncRules,
}

/// One line for each image, and only what the fleets differ in.
impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, images) in [("master", &self.master), ("region", &self.region)] {
            for image in images {
                write!(
                    f,
                    "\n{place} {} `{:.9}` {} {} owner={:?} {} size={:?} tags={:?} {:?}",
                    &image.id.as_str()[..8],
                    image.name,
                    image.status,
                    image.visibility,
                    image.owner,
                    image.content,
                    image.size,
                    image.tags,
                    image.properties,
                )?;
                write!(
                    f,
                    " hidden={} protected={}",
                    image.os_hidden, image.protected
                )?;
            }
        }
        write!(f, "\n{:?}", self.rules)
    }
}

impl Fleet {
    pub(super) fn selection(&self) -> Selection {
        let inventory = MasterInventory::build("Spain", self.master.clone(), PROJECT);
        Selection::choose(&inventory, &self.rules, None)
    }

    pub(super) fn plan(&self) -> Plan {
        self.plan_for(&self.region)
    }

    /// The plan that the region would get if it had those images.
    pub(super) fn plan_for(&self, region: &[Image]) -> Plan {
        let (hidden, listed): (Vec<Image>, Vec<Image>) =
            region.iter().cloned().partition(|image| image.os_hidden);
        let images = RegionImages {
            region: &region_name(),
            project_id: PROJECT,
            master: &crate::plan::fixture::MASTER,
            listed: &listed,
            hidden: &hidden,
            installation: INSTALLATION,
            own_incomplete: crate::plan::OwnIncomplete::Leftovers,
            now: Some(now()),
        };
        build(&self.selection(), &self.rules, &images)
    }

    /// True where the image is own, or the rules let other projects' images count.
    pub(super) fn may_count(&self, image: &Image) -> bool {
        image.is_own(PROJECT) || !self.rules.only_tenant_images
    }
}

/// A name of 252 characters leaves no room for `.old`.
pub(super) fn names() -> Vec<String> {
    [
        "k",
        "r",
        "m",
        "n/ü \"*\"",
        "a",
        "a_obsolete",
        "m_obsolete",
        "a_obsolete_obsolete",
    ]
    .into_iter()
    .map(ToOwned::to_owned)
    .chain(["l".repeat(252)])
    .collect()
}

const PROPERTIES: [&str; 3] = ["nid", "type", "local"];

#[derive(Debug, Clone, Copy)]
enum Reference {
    None,
    /// The image that the master's reference stands for; in the master, none.
    Right,
    Named(usize),
    Nowhere,
}

/// Whether an image is on its way, and by whose hand.
#[derive(Debug, Clone, Copy)]
enum Way {
    Arrived,
    /// It does not say whose.
    Untold,
    Own,
    /// By another installation, an hour ago.
    Foreign,
    /// By another installation, two days ago.
    Lost,
}

/// Which image's place another has taken, as its tag says.
#[derive(Debug, Clone, Copy)]
enum Taken {
    None,
    /// That of another image of the name, if there is one.
    Sibling,
    Named(usize),
    Nowhere,
}

#[derive(Debug, Clone)]
struct Traits {
    /// Which content; in a region 5 stands for the master's.
    content: usize,
    visibility: Visibility,
    owner: Option<&'static str>,
    status: &'static str,
    size: Option<u64>,
    hidden: bool,
    protected: bool,
    needs: (u64, u64),
    labels: BTreeSet<String>,
    way: Way,
    taken: Taken,
    properties: BTreeMap<&'static str, &'static str>,
    kernel: Reference,
    ramdisk: Reference,
}

fn content(number: usize) -> ContentHash {
    let multihash = matches!(number, 0 | 4).then(|| MultiHash {
        algorithm: "sha512".to_owned(),
        value: "00".to_owned(),
    });
    let md5 = (number < 3).then(|| checksum(&format!("content {number}")));
    ContentHash::new(md5, multihash)
}

/// Where an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Master,
    Region,
}

/// Kernels and ramdisks have parts of their own seldom: otherwise little but circles would be left.
fn reference(place: Side, name: usize) -> impl Strategy<Value = Reference> {
    let (is_part, right) = (u32::from(name < 2), 40 * u32::from(place == Side::Region));
    prop_oneof![
        24 + 150 * is_part => Just(Reference::None),
        right => Just(Reference::Right),
        18 => select(vec![0usize, 1]).prop_map(Reference::Named),
        1 => (0..names().len()).prop_map(Reference::Named),
        1 => Just(Reference::Nowhere),
    ]
}

/// At the master odd images are rare, since each costs all that refer to it.
fn traits(place: Side, name: usize) -> impl Strategy<Value = Traits> {
    let usual = if place == Side::Master { 30 } else { 7 };
    let content = prop_oneof![
        usual => if place == Side::Master { 0..3usize } else { 5..6usize },
        6 => 0..3usize,
        1 => Just(3usize),
        1 => Just(4usize),
    ];
    let visibility = prop_oneof![
        usual => Just(Visibility::Public),
        2 => Just(Visibility::Private),
        1 => Just(Visibility::Shared),
        1 => Just(Visibility::Community),
    ];
    let owner = prop_oneof![
        usual => Just(Some(PROJECT)),
        1 => Just(None),
        1 => Just(Some("somebody")),
    ];
    // What is not active at the master is as if it were not there.
    let status = prop_oneof![
        10 => Just("active"),
        u32::from(place == Side::Region) => Just("deactivated"),
        u32::from(place == Side::Region) => select(vec!["queued", "saving", "killed"]),
    ];
    let flags = (
        prop::bool::weighted(if place == Side::Master { 0.05 } else { 0.1 }),
        prop::bool::weighted(0.15),
        (0..2u64, 0..2u64),
        prop_oneof![4 => Just(BTreeSet::new()), 1 => labels()],
    );
    let region = u32::from(place == Side::Region);
    let tags = (
        prop_oneof![
            60 => Just(Way::Arrived),
            region => Just(Way::Untold),
            10 * region => Just(Way::Own),
            2 * region => Just(Way::Foreign),
            2 * region => Just(Way::Lost),
        ],
        prop_oneof![
            30 => Just(Taken::None),
            3 * region => Just(Taken::Sibling),
            region => (0..names().len()).prop_map(Taken::Named),
            region => Just(Taken::Nowhere),
        ],
    );
    (
        content,
        visibility,
        owner,
        status,
        prop_oneof![9 => (0..4u64).prop_map(Some), 1 => Just(None)],
        (flags, tags),
        btree_map(select(&PROPERTIES[..]), select(vec!["1", "2", ""]), 0..3),
        (reference(place, name), reference(place, name)),
    )
        .prop_map(
            |(content, visibility, owner, status, size, (flags, tags), properties, parts)| Traits {
                content,
                visibility,
                owner,
                status,
                size,
                hidden: flags.0,
                protected: flags.1,
                needs: flags.2,
                labels: flags.3,
                way: tags.0,
                taken: tags.1,
                properties,
                kernel: parts.0,
                ramdisk: parts.1,
            },
        )
}

/// Tags that are not this program's, and one that is of another version.
fn labels() -> impl Strategy<Value = BTreeSet<String>> {
    subsequence(&["os:debian", "lts", "glancesync-later"][..], 0..=3)
        .prop_map(|labels| labels.into_iter().map(ToOwned::to_owned).collect())
}

/// One strategy for every name, each made of the name's number.
fn of_names<T: std::fmt::Debug, S: Strategy<Value = Vec<T>>>(
    of_name: impl Fn(usize) -> S,
) -> impl Strategy<Value = Vec<(usize, T)>> {
    let all: Vec<S> = (0..names().len()).map(of_name).collect();
    all.prop_map(|all| {
        all.into_iter()
            .enumerate()
            .flat_map(|(name, some)| some.into_iter().map(move |one| (name, one)))
            .collect()
    })
}

/// Each name usually once, sometimes twice, or not at all.
fn masters() -> impl Strategy<Value = Vec<(usize, Traits)>> {
    of_names(|name| {
        prop_oneof![
            3 => vec(traits(Side::Master, name), 0..1),
            16 => vec(traits(Side::Master, name), 1..2),
            1 => vec(traits(Side::Master, name), 2..3),
        ]
    })
}

fn residents() -> impl Strategy<Value = Vec<(usize, Traits)>> {
    of_names(|name| {
        prop_oneof![
            3 => vec(traits(Side::Region, name), 0..1),
            9 => vec(traits(Side::Region, name), 1..2),
            2 => vec(traits(Side::Region, name), 2..4),
        ]
    })
}

fn list() -> impl Strategy<Value = ChecksumList> {
    (any::<bool>(), btree_set(0..3usize, 0..3)).prop_map(|(any, contents)| ChecksumList {
        any,
        checksums: contents
            .into_iter()
            .filter_map(|c| content(c).listed())
            .collect(),
    })
}

fn names_of(all: &'static [&'static str]) -> impl Strategy<Value = BTreeSet<String>> {
    prop_oneof![
        2 => Just(Vec::new()),
        1 => subsequence(all, 0..=all.len()),
    ]
    .prop_map(|names| names.into_iter().map(ToOwned::to_owned).collect())
}

fn rules() -> impl Strategy<Value = SyncRules> {
    (
        btree_set(prop_oneof![2 => 0..2usize, 1 => 0..names().len()], 0..4),
        (list(), list(), list()),
        names_of(&["nid", "type", KERNEL_ID, "checksum"]),
        names_of(&["nid", "type", KERNEL_ID, "owner"]),
        (any::<bool>(), prop::bool::weighted(0.85)),
        prop::bool::weighted(0.4),
        prop_oneof![
            1 => Just(Vec::new()),
            1 => subsequence(&SyncAttribute::ALL[..], 0..=SyncAttribute::ALL.len()),
        ],
    )
        .prop_map(
            |(forced, lists, metadata_set, obsolete, flags, renames, attributes)| SyncRules {
                disk_format: crate::model::WantedFormat::Keep,
                forcesyncs: forced.into_iter().map(master_id).collect(),
                replace: ChecksumList {
                    any: lists.0.any || lists.1.any,
                    checksums: lists.0.checksums,
                },
                rename: ChecksumList {
                    any: lists.1.any && renames,
                    checksums: lists.1.checksums,
                },
                dontupdate: if lists.2.any {
                    lists.2.checksums
                } else {
                    BTreeSet::new()
                },
                metadata_set,
                sync_attributes: attributes.into_iter().collect(),
                obsolete_syncprops: obsolete,
                only_tenant_images: flags.0,
                support_obsolete_images: flags.1,
                max_replace: None,
                retention: crate::model::RetentionRules::default(),
            },
        )
}

/// A hidden image that took another's place is found by its tag, which goes when that is dealt with. Where a third
/// image has the name, or the other is hidden too, the next plan may then take the other: such duplicates have
/// their warning, and somebody has to choose.
fn show_where_there_are_more(region: &mut [Image]) {
    for place in 0..region.len() {
        let image = &region[place];
        let replaces = image
            .tags
            .iter()
            .any(|tag| tag.starts_with("glancesync-replaces:"));
        let others = region
            .iter()
            .filter(|other| other.name == image.name && other.id != image.id);
        let (mut number, mut is_hidden) = (0, false);
        for other in others {
            number += 1;
            is_hidden |= other.os_hidden;
        }
        if image.os_hidden && replaces && (number > 1 || is_hidden) {
            region[place].os_hidden = false;
        }
    }
}

/// Any fleet. Some are tidy: there, replaced kernels and what refers to them are the only matter.
pub(super) fn fleet() -> impl Strategy<Value = Fleet> {
    (
        masters(),
        residents(),
        any::<prop::sample::Index>(),
        rules(),
        prop::bool::weighted(0.4),
    )
        .prop_map(|(mut masters, mut residents, newest, mut rules, is_tidy)| {
            if is_tidy {
                for (_, traits) in &mut masters {
                    traits.tidy();
                }
                for (_, traits) in &mut residents {
                    traits.tidy();
                    traits.kernel = Reference::Right;
                    traits.ramdisk = Reference::Right;
                }
                rules.metadata_set.clear();
                rules.replace.any = true;
                rules.rename = ChecksumList::default();
                rules.dontupdate.clear();
            }
            let master = master_images(&masters);
            let mut region = region_images(&residents, &masters);
            if !region.is_empty() {
                let middle = newest.index(region.len());
                region.rotate_left(middle);
            }
            show_where_there_are_more(&mut region);
            Fleet {
                master,
                region,
                rules,
            }
        })
}

impl Way {
    fn tags(self) -> BTreeSet<String> {
        let by = match self {
            Self::Arrived => return BTreeSet::new(),
            Self::Untold => None,
            Self::Own => Some(INSTALLATION),
            Self::Foreign | Self::Lost => Some("another-installation"),
        };
        let incomplete = tags::INCOMPLETE.to_owned();
        by.map(tags::installation)
            .into_iter()
            .chain([incomplete])
            .collect()
    }

    fn hours(self) -> i64 {
        if matches!(self, Self::Lost) { 48 } else { 1 }
    }
}

impl Traits {
    fn tidy(&mut self) {
        self.status = "active";
        self.owner = Some(PROJECT);
        self.visibility = Visibility::Public;
        self.hidden = false;
        self.protected = false;
        self.way = Way::Arrived;
        self.taken = Taken::None;
        for reference in [&mut self.kernel, &mut self.ramdisk] {
            if matches!(reference, Reference::Nowhere) {
                *reference = Reference::None;
            }
        }
    }
}

fn master_id(number: usize) -> ImageId {
    ImageId::new(&format!("a{number:07}-0000-4000-8000-000000000000"))
}

fn region_id(number: usize) -> ImageId {
    ImageId::new(&format!("b{number:07}-0000-4000-8000-000000000000"))
}

fn master_images(masters: &[(usize, Traits)]) -> Vec<Image> {
    let place = |name| masters.iter().position(|(other, _)| *other == name);
    masters
        .iter()
        .enumerate()
        .map(|(number, (name, traits))| {
            let refers_to = |reference| match reference {
                Reference::None | Reference::Right => None,
                Reference::Named(part) => Some(place(part).map_or_else(nowhere, master_id)),
                Reference::Nowhere => Some(nowhere()),
            };
            make(master_id(number), *name, traits, traits.content, refers_to)
        })
        .collect()
}

fn region_images(residents: &[(usize, Traits)], masters: &[(usize, Traits)]) -> Vec<Image> {
    let master = |name| masters.iter().find(|(other, _)| *other == name);
    let place = |name| residents.iter().position(|(other, _)| *other == name);
    residents
        .iter()
        .enumerate()
        .map(|(number, (name, traits))| {
            let mut properties = [KERNEL_ID, RAMDISK_ID].into_iter();
            let refers_to = |reference| {
                let property = properties.next();
                let part = match reference {
                    Reference::None => return None,
                    Reference::Nowhere => return Some(nowhere()),
                    Reference::Named(part) => part,
                    Reference::Right => {
                        let (_, traits) = master(*name)?;
                        let reference = if property == Some(KERNEL_ID) {
                            traits.kernel
                        } else {
                            traits.ramdisk
                        };
                        let Reference::Named(part) = reference else {
                            return None;
                        };
                        part
                    }
                };
                Some(place(part).map_or_else(nowhere, region_id))
            };
            let content = match traits.content {
                5 => master(*name).map_or(0, |(_, traits)| traits.content),
                other => other,
            };
            let taken = match traits.taken {
                Taken::None => None,
                Taken::Sibling => (0..residents.len())
                    .find(|other| *other != number && residents[*other].0 == *name)
                    .map(region_id),
                Taken::Named(name) => place(name).map(region_id),
                Taken::Nowhere => Some(nowhere()),
            };
            let mut image = make(region_id(number), *name, traits, content, refers_to);
            image.tags.extend(taken.as_ref().map(tags::replaces));
            image
        })
        .collect()
}

fn nowhere() -> ImageId {
    ImageId::new("cccccccc-0000-4000-8000-000000000000")
}

fn make(
    id: ImageId,
    name: usize,
    traits: &Traits,
    number: usize,
    mut refers_to: impl FnMut(Reference) -> Option<ImageId>,
) -> Image {
    let mut properties: Properties = traits
        .properties
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    for (name, reference) in [(KERNEL_ID, traits.kernel), (RAMDISK_ID, traits.ramdisk)] {
        if let Some(part) = refers_to(reference) {
            properties.insert(name.to_owned(), part.to_string());
        }
    }
    let plain = image(&names()[name])
        .status(traits.status)
        .owner(traits.owner)
        .visibility(traits.visibility)
        .content(content(number))
        .build();
    Image {
        id,
        size: traits.size,
        os_hidden: traits.hidden,
        protected: traits.protected,
        min_disk: traits.needs.0,
        min_ram: traits.needs.1,
        tags: traits.way.tags().union(&traits.labels).cloned().collect(),
        created_at: Some(now() - TimeDelta::hours(traits.way.hours())),
        properties,
        ..plain
    }
}
