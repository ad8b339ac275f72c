//! Configuration files, written as a person would write them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::cloud::{Cloud, MASTER};

/// A configuration file in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    sections: Vec<(String, Vec<(String, String)>)>,
}

impl Config {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The first region as master, its store's folder as the source, and every target's
    /// credential as the seed writes it.
    pub(crate) fn of(cloud: &Cloud) -> Self {
        let master = &cloud.regions[0];
        let mut config = Self::new().set("main", "master_region", &master.name).set(
            "main",
            "images_dir",
            &master.images_dir.display().to_string(),
        );
        for target in cloud.keystones.keys() {
            config = config.set(target, "credential", &credential(cloud, target));
        }
        config
    }

    /// Sets a key.
    pub(crate) fn set(mut self, section: &str, key: &str, value: &str) -> Self {
        let place = self.sections.iter_mut().find(|(name, _)| name == section);
        let entry = (key.to_owned(), value.to_owned());
        if let Some((_, keys)) = place {
            keys.retain(|(known, _)| known != key);
            keys.push(entry);
        } else {
            self.sections.push((section.to_owned(), vec![entry]));
        }
        self
    }

    /// Sets a key of the target `master`.
    pub(crate) fn master(self, key: &str, value: &str) -> Self {
        self.set(MASTER, key, value)
    }

    /// Takes a key out.
    pub(crate) fn without(mut self, section: &str, key: &str) -> Self {
        for (_, keys) in self.sections.iter_mut().filter(|(name, _)| name == section) {
            keys.retain(|(known, _)| known != key);
        }
        self
    }

    /// Takes a section out.
    pub(crate) fn without_section(mut self, section: &str) -> Self {
        self.sections.retain(|(name, _)| name != section);
        self
    }

    /// The file's text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (section, keys) in &self.sections {
            let _ = writeln!(text, "[{section}]");
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text
    }
}

/// `user,base64(password),keystone_url,tenant` of the user that the product works for.
pub(crate) fn credential(cloud: &Cloud, target: &str) -> String {
    let keystone = &cloud.keystones[target];
    let user = &keystone.sync;
    let password = STANDARD.encode(&user.password);
    format!("{},{password},{},{}", user.name, keystone.url, user.project)
}
