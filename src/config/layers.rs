//! Where values come from, and which of them counts: command line before file, a section of its
//! own before `[DEFAULT]`. The environment is looked up by whoever knows the variable's name.
//!
//! `ini` reads the file; `settings` and `credential` ask for one key after another.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Origin};
use super::files::{NOT_UTF8, ReadError, choose_file, file_origin, permission_warning, read_text};
use super::ini;
use super::ini::{Piece, is_space};
use super::keys::{self, DEFAULT, Room};
use super::sources::Sources;
use crate::model::{Warning, WarningCode, redact_urls};

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub text: String,
    pub origin: Origin,
    /// The section that it stands in, which may be `DEFAULT`.
    pub section: String,
    /// The lines of the file that it is joined from; none for an override.
    pub pieces: Vec<Piece>,
}

type Section = BTreeMap<&'static str, Value>;

/// Which layer of the configuration a value is asked of, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    OverrideOwn,
    OverrideDefault,
    FileOwn,
    FileDefault,
}

impl Level {
    pub(super) const ALL: [Self; 4] = [
        Self::OverrideOwn,
        Self::OverrideDefault,
        Self::FileOwn,
        Self::FileDefault,
    ];
}

/// Every value of file and command line.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The names of all sections, those of the file first, in its order.
    pub sections: Vec<String>,
    /// What was found on the way.
    pub warnings: Vec<Warning>,
    /// Lines of the file, or the file as a whole, and overrides that cannot be read.
    pub errors: Vec<ConfigError>,
    /// Some of the file cannot be read: what seems to be missing may be there.
    pub is_partial: bool,
    section_lines: BTreeMap<String, usize>,
    overrides: BTreeMap<String, Section>,
    in_file: BTreeMap<String, Section>,
}

impl Layers {
    /// Reads the file that `sources` choose and the overrides; what cannot be read is in `errors`.
    pub(super) fn load(sources: &Sources) -> Self {
        let mut layers = Self::default();
        layers.errors = layers.read_file(sources);
        layers.is_partial = !layers.errors.is_empty();
        let mut before = "";
        for word in &sources.overrides {
            layers.add_override(word, before);
            before = word;
        }
        layers
    }

    /// Where a section begins; the file as a whole, or nothing, where it is in no file.
    pub(super) fn origin_of(&self, section: &str) -> Origin {
        let line = self.section_lines.get(section).copied().unwrap_or_default();
        match &self.file {
            Some(path) => file_origin(path, line),
            None => Origin::Default,
        }
    }

    /// The value that counts for `key` in `section`: none where it is set to nothing.
    pub(super) fn get(&self, section: &str, key: &str) -> Option<&Value> {
        Level::ALL
            .into_iter()
            .find_map(|level| self.at(level, section, key))
            .filter(|value| !value.text.is_empty())
    }

    /// The value that counts for `key` in `section`, where it stands at that very level.
    pub(super) fn get_at(&self, level: Level, section: &str, key: &str) -> Option<&Value> {
        let hidden = Level::ALL
            .into_iter()
            .take_while(|earlier| *earlier != level)
            .filter_map(|earlier| self.at(earlier, section, key))
            .any(|value| value.text.is_empty());
        self.at(level, section, key)
            .filter(|value| !hidden && !value.text.is_empty())
    }

    /// True where a key that belongs to a credential stands in that very section.
    pub(super) fn has_own_credential(&self, section: &str) -> bool {
        [Level::OverrideOwn, Level::FileOwn].iter().any(|level| {
            keys::KEYS
                .iter()
                .filter(|key| key.credential)
                .any(|key| self.get_at(*level, section, key.name).is_some())
        })
    }

    fn at(&self, level: Level, section: &str, key: &str) -> Option<&Value> {
        let (layer, section) = match level {
            Level::OverrideOwn => (&self.overrides, section),
            Level::OverrideDefault => (&self.overrides, DEFAULT),
            Level::FileOwn => (&self.in_file, section),
            Level::FileDefault => (&self.in_file, DEFAULT),
        };
        layer.get(section)?.get(key)
    }

    /// Reads the file, and gives what of it cannot be read.
    fn read_file(&mut self, sources: &Sources) -> Vec<ConfigError> {
        let Some((path, named_by)) = choose_file(sources) else {
            return Vec::new();
        };
        let full_path = sources.working_dir.join(&path);
        let text = match read_text(&full_path) {
            Ok(text) => text,
            Err(ReadError::Io(error))
                if named_by.is_none() && error.kind() == io::ErrorKind::NotFound =>
            {
                return Vec::new();
            }
            Err(ReadError::Io(error)) => {
                let named_by = named_by.map_or_else(String::new, |by| format!(", named by {by},"));
                return vec![ConfigError::new(
                    file_origin(&path, 0),
                    format!("the configuration file{named_by} cannot be read: {error}"),
                )];
            }
            Err(ReadError::NotUtf8 { line }) => {
                return vec![ConfigError::new(file_origin(&path, line), NOT_UTF8)];
            }
        };
        let (file, errors) = ini::read(&text);
        let errors = errors
            .into_iter()
            .map(|error| ConfigError::new(file_origin(&path, error.line), error.problem))
            .collect();
        for section in file.sections {
            self.add_section(&path, section);
        }
        let holds_secret = self
            .in_file
            .values()
            .flat_map(Section::iter)
            .any(|(name, value)| {
                !value.text.is_empty() && keys::known(name).is_some_and(|key| key.secret)
            });
        if holds_secret {
            self.warnings.extend(permission_warning(&full_path, &path));
        }
        self.file = Some(path);
        errors
    }

    fn add_section(&mut self, path: &Path, section: ini::IniSection) {
        let mut values = Section::new();
        for entry in section.entries {
            let origin = file_origin(path, entry.line);
            let Some(name) = self.check_key(&origin, &section.name, &entry.key) else {
                continue;
            };
            let value = Value {
                text: entry.value,
                origin,
                section: section.name.clone(),
                pieces: entry.pieces,
            };
            let later = value.origin.clone();
            if let Some(earlier) = values.insert(name, value) {
                self.warnings.push(Warning::new(
                    WarningCode::DuplicateKey,
                    format!(
                        "{later}: [{}] {name} is set again, after {}; the last one counts.",
                        section.name, earlier.origin
                    ),
                ));
            }
        }
        if section.name != DEFAULT {
            self.sections.push(section.name.clone());
        }
        self.section_lines
            .insert(section.name.clone(), section.line);
        self.in_file.insert(section.name, values);
    }

    /// Takes a word of the command line, and the one before it. What may be a secret is not repeated:
    /// whatever follows an `=`, and a word after a key of a secret that lacks it.
    fn add_override(&mut self, word: &str, before: &str) {
        let mut wrong = |problem| {
            self.errors
                .push(ConfigError::new(Origin::CommandLine, problem));
        };
        let Some((left, value)) = word.split_once('=') else {
            let key = before.rsplit('.').next().unwrap_or_default().to_lowercase();
            let word = if keys::known(&key).is_some_and(|key| key.secret) {
                format!("the word after `{before}`")
            } else {
                format!("`{word}`")
            };
            return wrong(format!(
                "this option takes every word up to the next one, and {word} has no `=`: write \
                 `section.key=value`; regions and commands go before --config, regions also after `--`"
            ));
        };
        let (section, key) = match left.rsplit_once('.') {
            Some((section, key)) => (section.trim_matches(is_space), key),
            None => (DEFAULT, left),
        };
        let key = key.trim_matches(is_space).to_lowercase();
        if section.is_empty() || key.is_empty() {
            return wrong(
                "a section or key before `=` is empty; write `section.key=value`".to_owned(),
            );
        }
        if let Some(name) = self.check_key(&Origin::CommandLine, section, &key) {
            // A user with a password in a URL is one too, whatever the key.
            let is_secret =
                keys::known(name).is_some_and(|key| key.secret) || redact_urls(value) != value;
            if !value.is_empty() && is_secret {
                self.warnings.push(Warning::new(
                    WarningCode::SecretOnCommandLine,
                    format!(
                        "--config: [{section}] {name} is in the list of processes, where every user of this machine reads it; put it into a file or the environment."
                    ),
                ));
            }
            let value = Value {
                text: value.trim_matches(is_space).to_owned(),
                origin: Origin::CommandLine,
                section: section.to_owned(),
                pieces: Vec::new(),
            };
            self.overrides
                .entry(section.to_owned())
                .or_default()
                .insert(name, value);
            if section != DEFAULT && !self.sections.iter().any(|known| known == section) {
                self.sections.push(section.to_owned());
            }
        }
    }

    /// The proper name of a key that counts in `section`; of any other, a warning.
    fn check_key(&mut self, origin: &Origin, section: &str, key: &str) -> Option<&'static str> {
        let problem = match keys::known(key) {
            Some(known) if keys::belongs(known, section) => return Some(known.name),
            Some(known) => {
                let home = match known.room {
                    Room::Main => "[main]",
                    Room::Target => "the section of a target",
                };
                format!("is ignored here; it belongs in {home} or in [DEFAULT]")
            }
            None => match keys::nearest_key(key) {
                Some(known) => format!("is not a known key; did you mean `{known}`?"),
                None => "is not a known key; it is ignored".to_owned(),
            },
        };
        let stop = if problem.ends_with('?') { "" } else { "." };
        // A line that lost its `=` may begin with a value, and end at the colon of an address.
        let is_word = |character: char| character.is_alphanumeric() || "_-.".contains(character);
        let key = if key.chars().all(is_word) {
            key
        } else {
            "the name before `=` or `:` (hidden, since it may be a secret)"
        };
        self.warnings.push(Warning::new(
            WarningCode::UnknownKey,
            format!("{origin}: [{section}] {key} {problem}{stop}"),
        ));
        None
    }
}

/// Every name of a target: `master`, then the sections in their order.
pub(super) fn target_names(sections: &[String]) -> Vec<&str> {
    let mut seen = BTreeSet::from([keys::MAIN, DEFAULT]);
    std::iter::once(keys::MASTER)
        .chain(sections.iter().map(String::as_str))
        .filter(|name| seen.insert(name))
        .collect()
}
