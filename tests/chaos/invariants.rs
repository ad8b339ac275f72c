//! What holds after every request of every run, however it was disturbed, and what holds once an
//! undisturbed run has followed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{Images, MASTER, REGIONS, World, is_same_content};

/// No server is asked again and again without a pause: of so few images nothing needs more.
const MOST_REQUESTS: usize = 3000;
const INCOMPLETE: &str = "glancesync-incomplete";

/// What is wrong in any state of any region so far.
pub(crate) fn always(world: &World) -> Vec<String> {
    let mut complaints = Vec::new();
    let master = &world.before[MASTER];
    if world
        .states(MASTER)
        .iter()
        .any(|state| state.images != *master)
    {
        complaints.push("the master region was changed".to_owned());
    }
    let requests = world.fleet.sandbox().requests(MASTER).unwrap();
    if let Some(request) = requests.iter().find(|request| request.is_change()) {
        complaints.push(format!("the master region got {request:?}"));
    }
    for region in REGIONS {
        let asked = world.fleet.sandbox().requests(region).unwrap().len();
        if asked > MOST_REQUESTS {
            complaints.push(format!("{region} was asked {asked} times"));
        }
        for state in world.states(region) {
            let view = View { world, region };
            let place = format!("{region} after request {}", state.request);
            let found = view.complaints(&state.images).into_iter();
            complaints.extend(found.map(|complaint| format!("{place}: {complaint}")));
        }
    }
    complaints.dedup();
    complaints
}

/// What is not as it has to be after an undisturbed run.
pub(crate) fn in_step(world: &World) -> Vec<String> {
    let mut complaints = Vec::new();
    for region in REGIONS {
        let view = View { world, region };
        let found = view.out_of_step(&world.now(region)).into_iter();
        complaints.extend(found.map(|complaint| format!("{region}: {complaint}")));
    }
    complaints
}

/// One region of a world.
struct View<'a> {
    world: &'a World,
    region: &'a str,
}

impl View<'_> {
    fn before(&self) -> &Images {
        &self.world.before[self.region]
    }

    fn is_own(&self, image: &Value) -> bool {
        self.world.is_own(self.region, image)
    }

    /// Own images that count, of that name.
    fn present<'a>(&self, images: &'a Images, name: &str) -> Vec<&'a Value> {
        images
            .values()
            .filter(|image| image["name"] == name && self.is_own(image))
            .filter(|image| image["status"] == "active" || image["status"] == "deactivated")
            .filter(|image| !has_tag(image, INCOMPLETE))
            .collect()
    }

    /// Whether the program may change images of that name at all.
    fn is_its_business(&self, name: &str) -> bool {
        let plain = name.strip_suffix("_obsolete").unwrap_or(name);
        self.world.selected.contains(name)
            || self
                .world
                .master_image(&format!("{plain}_obsolete"))
                .is_some()
    }

    fn complaints(&self, images: &Images) -> Vec<String> {
        let mut complaints = Vec::new();
        for (id, old) in self.before() {
            let name = old["name"].as_str().unwrap_or_default();
            let now = images.get(id);
            let untouchable = !self.is_own(old)
                || !self.is_its_business(name)
                || has_tag(old, "glancesync-by:somebody-else");
            if untouchable && now != Some(old) {
                complaints.push(format!("{old} is none of its business and now {now:?}"));
            }
            match now {
                None if old["protected"] == true => {
                    complaints.push(format!("the protected {old} is gone"));
                }
                Some(now) => {
                    for field in [
                        "checksum",
                        "os_hash_value",
                        "size",
                        "owner",
                        "disk_format",
                        "created_at",
                    ] {
                        if now[field] != old[field] {
                            complaints.push(format!("{field} of {old} is now {}", now[field]));
                        }
                    }
                    if self.world.keeps_local_properties && now["local"] != old["local"] {
                        complaints.push(format!("{old} has lost what is the region's own"));
                    }
                }
                None => {}
            }
        }
        complaints.extend(self.lost_names(images));
        for (id, image) in images {
            if !self.before().contains_key(id) {
                complaints.extend(self.wrong_with_new(image));
            }
        }
        complaints
    }

    fn lost_names(&self, images: &Images) -> Vec<String> {
        let names: BTreeSet<&str> = self
            .before()
            .values()
            .filter_map(|image| image["name"].as_str())
            .collect();
        let mut complaints = Vec::new();
        for name in names {
            let old = self.present(self.before(), name);
            if old.is_empty() {
                continue;
            }
            let mut now = self.present(images, name);
            if self
                .world
                .master_image(&format!("{name}_obsolete"))
                .is_some()
            {
                now.extend(self.present(images, &format!("{name}_obsolete")));
            }
            let is_public = |image: &&Value| image["visibility"] == "public";
            if now.is_empty() {
                complaints.push(format!("there is no image {name:?}"));
            } else if old.iter().any(is_public) && !now.iter().any(is_public) {
                complaints.push(format!("there is no public image {name:?}"));
            }
        }
        complaints
    }

    /// An image that the program made is private and tagged, or whole and published.
    fn wrong_with_new(&self, image: &Value) -> Option<String> {
        let name = image["name"].as_str().unwrap_or_default();
        if !self.is_own(image) || !self.world.selected.contains(name) {
            return Some(format!("{image} should never have been made"));
        }
        let master = self.world.master_image(name).expect("selected");
        if has_tag(image, INCOMPLETE) {
            let is_closed = image["visibility"] == "private" && image["protected"] == false;
            return (!is_closed).then(|| format!("others see what is not complete: {image}"));
        }
        let wrong = ["size", "visibility", "protected", "disk_format"]
            .into_iter()
            .find(|field| image[*field] != master[*field])
            .or_else(|| (!is_same_content(image, master)).then_some("content"));
        if image["status"] != "active" {
            return Some(format!("published and not active: {image}"));
        }
        wrong.map(|field| format!("published with another {field} than {master}: {image}"))
    }

    /// Two installations may bring in an image each; the second of a name is passed over with a
    /// warning, and a tag that says what it replaced with it.
    fn is_passed_over(&self, images: &Images, image: &Value) -> bool {
        let name = image["name"].as_str().unwrap_or_default();
        let others = self.present(images, name).into_iter();
        let mut others = others.filter(|other| other["id"] != image["id"]);
        !has_tag(image, INCOMPLETE) && others.any(|other| is_same_content(other, image))
    }

    fn out_of_step(&self, images: &Images) -> Vec<String> {
        let mut complaints = Vec::new();
        for (id, image) in images {
            let is_tagged = has_tag(image, "glancesync-");
            if is_tagged && !self.before().contains_key(id) && !self.is_passed_over(images, image) {
                complaints.push(format!("left over: {image}"));
            }
        }
        for name in &self.world.selected {
            let master = self.world.master_image(name).expect("selected");
            let all = self.present(images, name);
            if all.is_empty() {
                complaints.push(format!("there is no image {name:?}"));
                continue;
            }
            // Of several of a name, the one that counts is like the master's.
            let same = all
                .iter()
                .filter(|image| is_same_content(image, master))
                .map(|image| unlike(images, image, master))
                .min_by_key(Vec::len);
            match same {
                Some(differences) => complaints.extend(differences),
                None if self.world.resolves_conflicts => {
                    complaints.push(format!("{name:?} still has another checksum"));
                }
                None => {}
            }
        }
        complaints
    }
}

/// How an image with the master's content differs from the master's image.
fn unlike(images: &Images, image: &Value, master: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    for field in ["visibility", "nid"] {
        if image[field] != master[field] {
            complaints.push(format!("another {field} than {master}: {image}"));
        }
    }
    for (property, part) in [("kernel_id", "kernel"), ("ramdisk_id", "ramdisk")] {
        let wanted = !master[property].is_null();
        let id = image[property].as_str().unwrap_or_default();
        let is_right = images
            .get(id)
            .is_some_and(|found| found["name"] == part && !has_tag(found, INCOMPLETE));
        if wanted != is_right {
            complaints.push(format!("{property} leads nowhere: {image}"));
        }
    }
    complaints
}

/// Whether an image has a tag that begins like that.
fn has_tag(image: &Value, beginning: &str) -> bool {
    let tags = image["tags"].as_array();
    tags.is_some_and(|tags| {
        tags.iter()
            .filter_map(Value::as_str)
            .any(|tag| tag.starts_with(beginning))
    })
}

/// What the checks are there for, so that they cannot go blind unnoticed.
#[test]
fn what_is_broken_is_found() {
    let world = World::draw(&mut crate::rng::SeededRng::new(1));
    assert_eq!(always(&world), [""; 0]);
    let view = View {
        world: &world,
        region: REGIONS[0],
    };
    let before = &world.before[REGIONS[0]];
    let own = |name: &str| {
        let found = before.iter().find(|(_, image)| image["name"] == name);
        found.expect("an image").0.clone()
    };
    let mut images = before.clone();
    images.remove(&own("local"));
    assert!(!view.complaints(&images).is_empty(), "a lost image");
    let mut images = before.clone();
    images.get_mut(&own("theirs")).unwrap()["updated_at"] = json!("now");
    assert!(!view.complaints(&images).is_empty(), "a foreign image");
    let name = world.selected.first().expect("a name");
    let mut new = world.master_image(name).unwrap().clone();
    new["owner"] = json!(world.fleet.region(REGIONS[0]).own_project());
    for (field, value) in [
        ("os_hash_value", json!("0")),
        ("status", json!("saving")),
        ("tags", json!([INCOMPLETE])),
    ] {
        let mut images = before.clone();
        images.insert("new".to_owned(), new.clone());
        assert_eq!(view.complaints(&images), [""; 0]);
        images.get_mut("new").unwrap()[field] = value;
        assert!(!view.complaints(&images).is_empty(), "{field}");
    }
}
