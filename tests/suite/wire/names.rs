//! Names for what differs from fleet to fleet, in both directions: into requests and out of
//! answers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::common::Fleet;
use crate::common::cloud::MASTER;

/// The names of one fleet, less those of images.
#[derive(Debug)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    /// `<keystone>`, `<RegionTwo>` …: addresses without a path; `<sync:user>`, `<sync:project>`:
    /// ids; `<sync:password>`; the same of `foreign`; `<credential:id>`, `<credential:secret>`.
    pub(super) fn of(fleet: &Fleet) -> Self {
        let keystone = &fleet.cloud.keystones[MASTER];
        let credential = &keystone.application_credential;
        let address = keystone.url.trim_end_matches("/v3");
        let mut names = BTreeMap::from([
            ("keystone".to_owned(), address.to_owned()),
            ("credential:id".to_owned(), credential.id.clone()),
            ("credential:secret".to_owned(), credential.secret.clone()),
        ]);
        for facts in &fleet.cloud.regions {
            if facts.target == MASTER {
                names.insert(facts.name.clone(), facts.url.clone());
            }
        }
        for (who, user) in [("sync", &keystone.sync), ("foreign", &keystone.foreign)] {
            names.insert(format!("{who}:project"), user.project_id.clone());
            names.insert(format!("{who}:password"), user.password.clone());
        }
        Self(names)
    }

    pub(super) fn insert(&mut self, name: &str, meaning: &str) {
        self.0.insert(name.to_owned(), meaning.to_owned());
    }

    /// What the name stands for here.
    pub(super) fn get(&self, name: &str) -> &str {
        let meaning = self.0.get(name);
        meaning.unwrap_or_else(|| panic!("no such name: {name}"))
    }

    /// The text with what the names stand for.
    pub(super) fn expand(&self, text: &str, images: &mut Images) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            let (name, behind) = after.split_once('>').expect("a name in angle brackets");
            let meaning = match self.0.get(name) {
                Some(meaning) => meaning,
                None => images.id(name),
            };
            expanded = expanded + before + meaning;
            rest = behind;
        }
        expanded + rest
    }

    /// The same in all texts of a document.
    pub(super) fn expand_json(&self, value: &Value, images: &mut Images) -> Value {
        match value {
            Value::String(text) => self.expand(text, images).into(),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.expand_json(item, images));
                items.collect()
            }
            Value::Object(members) => {
                let expand = |(key, value): (&String, &Value)| {
                    (key.clone(), self.expand_json(value, images))
                };
                Value::Object(members.iter().map(expand).collect())
            }
            other => other.clone(),
        }
    }

    /// The text with the names of what it holds.
    pub(super) fn contract(&self, text: &str, images: &Images) -> String {
        let mut text = text.to_owned();
        for (name, meaning) in self.0.iter().chain(&images.0) {
            if text.contains(meaning.as_str()) {
                text = text.replace(meaning, &format!("<{name}>"));
            }
        }
        text
    }
}

/// The ids of images, by their names; the same in both fleets.
#[derive(Debug, Default)]
pub(super) struct Images(BTreeMap<String, String>);

impl Images {
    fn id(&mut self, name: &str) -> &str {
        self.0
            .entry(name.to_owned())
            .or_insert_with(|| uuid::Uuid::new_v4().to_string())
    }
}
