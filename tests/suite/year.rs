//! A year in the life of a fleet of twenty regions: releases, replacements, retirements, regions that are
//! down, and runs that are killed. Each region ends as the configuration says, image by image.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use glancesync::sandbox::RegionSpec;
use serde_json::{Value, json};

use crate::common::{Fleet, NewImage, Program, Region, wait_until};

const REGIONS: usize = 20;
/// Two weeks each.
const STEPS: usize = 26;
const STEP_DAYS: u64 = 14;
const GRACE_DAYS: u64 = 30;
const KEPT: usize = 2;
const PREFIX: &str = "glancesync-orphan:";

/// What one region holds of a name.
#[derive(Debug, Clone, Default, PartialEq)]
struct Copies {
    /// The content of `<name>`, and for how many days it has been hidden as an orphan.
    current: Option<(String, Option<u64>)>,
    /// The contents of `<name>.old`, oldest first.
    old: Vec<String>,
}

/// What one region holds, by name.
type Held = BTreeMap<String, Copies>;

/// The fleet as it has to be.
struct Model {
    /// What the master has.
    master: BTreeMap<String, String>,
    regions: BTreeMap<String, Held>,
}

impl Model {
    fn pass(&mut self, days: u64) {
        let held = self.regions.values_mut().flat_map(BTreeMap::values_mut);
        for (_, since) in held.filter_map(|copies| copies.current.as_mut()) {
            *since = since.map(|so_far| so_far + days);
        }
    }

    /// What a whole run makes of a region.
    fn sync(&mut self, region: &str) {
        let held = self.regions.entry(region.to_owned()).or_default();
        for (name, content) in &self.master {
            let copies = held.entry(name.clone()).or_default();
            match copies.current.replace((content.clone(), None)) {
                Some((other, _)) if other != *content => copies.old.push(other),
                _ => {}
            }
            let surplus = copies.old.len().saturating_sub(KEPT);
            copies.old.drain(..surplus);
        }
        for (_, copies) in held
            .iter_mut()
            .filter(|(name, _)| !self.master.contains_key(*name))
        {
            match &mut copies.current {
                Some((_, since @ None)) => *since = Some(0),
                Some((_, Some(days))) if *days >= GRACE_DAYS => copies.current = None,
                _ => {}
            }
        }
        held.retain(|_, copies| *copies != Copies::default());
    }
}

fn names() -> Vec<String> {
    (1..REGIONS)
        .map(|number| format!("Region{number:02}"))
        .collect()
}

fn twenty_regions() -> Fleet {
    Fleet::embedded(|spec| {
        let regions = &mut spec.keystones[0].regions;
        regions.truncate(1);
        regions.extend(names().iter().map(RegionSpec::new));
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The day of an orphan's tag.
fn hidden_since(image: &Value) -> Option<NaiveDate> {
    let mut tags = image["tags"].as_array().unwrap().iter();
    tags.find_map(|tag| tag.as_str()?.strip_prefix(PREFIX)?.parse().ok())
}

/// So many days pass: what is hidden is hidden for so much longer.
fn pass(region: &Region<'_>, days: u64) {
    for image in region.images() {
        if let Some(day) = hidden_since(&image) {
            let tag = format!("{PREFIX}{}", day - Days::new(days));
            region.set(text(&image["id"]), &[("tags", json!([tag]))]);
        }
    }
}

/// What a region really holds; of orphans, that they are hidden.
fn found(region: &Region<'_>) -> Held {
    let mut held = Held::new();
    let mut images = region.images();
    // Newest first, and the hidden ones after the others.
    images.reverse();
    for image in images {
        let content = String::from_utf8(region.content(text(&image["id"]))).unwrap();
        let is_orphan = hidden_since(&image).is_some();
        let name = text(&image["name"]);
        if let Some(name) = name.strip_suffix(".old") {
            assert_eq!(image["os_hidden"], true, "{image}");
            held.entry(name.to_owned()).or_default().old.push(content);
        } else {
            assert_eq!(image["os_hidden"], is_orphan, "{image}");
            let copies = held.entry(name.to_owned()).or_default();
            let current = (content, is_orphan.then_some(0));
            assert_eq!(copies.current.replace(current), None, "{name} twice");
        }
    }
    held
}

/// The same without what a list does not tell: since when, and in which order.
fn comparable(mut held: Held) -> Held {
    for copies in held.values_mut() {
        copies.old.sort();
        if let Some((_, Some(days))) = &mut copies.current {
            *days = 0;
        }
    }
    held
}

#[test]
fn after_a_year_every_region_is_what_the_configuration_says() {
    let fleet = twenty_regions();
    let config = fleet
        .config()
        .set("main", "max_children", "4")
        .master("retries", "0")
        .master("rename", "any")
        .master("keep_old", &KEPT.to_string())
        .master("hide_old", "true")
        .master("orphans", "delete")
        .master("orphan_grace", &format!("{GRACE_DAYS}d"))
        .master("max_delete", "20");
    let mut model = Model {
        master: BTreeMap::new(),
        regions: BTreeMap::new(),
    };
    let regions = names();
    for step in 0..STEPS {
        change_master(&fleet, &mut model, step);
        model.pass(STEP_DAYS);
        for name in &regions {
            pass(&fleet.region(name), STEP_DAYS);
        }
        let down: BTreeSet<&String> = match step % 3 {
            1 => [0, 7]
                .iter()
                .map(|it| &regions[(step + it) % regions.len()])
                .collect(),
            _ => BTreeSet::new(),
        };
        for name in &down {
            fleet.take_down(&format!("master:{name}"));
        }
        if step % 5 == 2 {
            kill_a_run(
                &fleet,
                &config,
                &format!("master:{}", regions[(step + 3) % regions.len()]),
            );
        }
        let outcome = Program::with(&fleet, &config)
            .events()
            .args(["--parallel"])
            .run();
        let outcome = outcome.expect(i32::from(!down.is_empty()));
        for name in &regions {
            let result = format!("{name} failed");
            assert_eq!(
                outcome.results().contains(&result),
                down.contains(name),
                "{outcome}"
            );
            if !down.contains(name) {
                model.sync(name);
            }
        }
        for name in &down {
            fleet.bring_back(&format!("master:{name}"));
        }
    }
    // Whoever was down last follows, and then nothing is left to do.
    fleet.run(&config, &["--parallel"]).expect(0);
    for name in &regions {
        model.sync(name);
    }
    fleet
        .run(&config, &["--parallel"])
        .expect(0)
        .assert_changed_nothing();
    for name in &regions {
        let expected = model.regions.remove(name).unwrap_or_default();
        let found = comparable(found(&fleet.region(name)));
        assert_eq!(found, comparable(expected), "{name}");
    }
}

/// What happens at the master: something new at every step, a new content of something, and every now and then
/// something is given up, or comes back as it was.
fn change_master(fleet: &Fleet, model: &mut Model, step: usize) {
    let master = fleet.master();
    let publish = |model: &mut Model, name: String, content: String| {
        for image in master.named(&name) {
            master.delete(text(&image["id"]));
        }
        master.create(NewImage::new(&name, &content));
        model.master.insert(name, content);
    };
    if step.is_multiple_of(2) {
        publish(
            model,
            format!("new-{step:02}"),
            format!("content of new-{step:02}"),
        );
    }
    let names: Vec<String> = model.master.keys().cloned().collect();
    let chosen = names[(step * 5) % names.len()].clone();
    publish(model, chosen, format!("release of step {step}"));
    if step % 3 == 2 {
        let given_up = names[(step * 7) % names.len()].clone();
        let content = model.master.remove(&given_up).unwrap();
        for image in master.named(&given_up) {
            master.delete(text(&image["id"]));
        }
        // Half of them come back before anybody has hidden them for long.
        if step.is_multiple_of(2) {
            fleet.write_private("given-up", &format!("{given_up}\n{content}"));
        }
    } else if step % 6 == 3 {
        let given_up = std::fs::read_to_string(fleet.home().join("given-up")).unwrap();
        let (name, content) = given_up.split_once('\n').unwrap();
        publish(model, name.to_owned(), content.to_owned());
    }
}

/// A run that is killed once it asks that region for something.
fn kill_a_run(fleet: &Fleet, config: &crate::common::Config, region: &str) {
    let requests = || fleet.sandbox().requests(region).unwrap().len();
    let before = requests();
    let program = Program::with(fleet, config).events().args(["--parallel"]);
    let mut run = program.start();
    wait_until("a request of the run", || {
        requests() > before + 2 || run.has_ended()
    });
    if !run.has_ended() {
        run.signal("KILL");
    }
    let _ = run.wait();
}
