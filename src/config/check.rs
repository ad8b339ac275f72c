//! Reads one value after another into its type, and collects what is wrong with them.
//! Only `settings` uses it.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::error::{ConfigError, Origin};
use super::keys::{self, DEFAULT, MAIN};
use super::layers::{Layers, Value};
use super::parts::Given;
use super::sources::Environment;
use super::{condition_error, value};
use crate::condition::Condition;
use crate::model::{
    Bandwidth, BandwidthError, ByteSize, ByteSizeError, ChecksumList, ContentSource, Delivery,
    DeliveryRules, KeepOld, ListedHash, OrphanRule, PullFrom, RegionName, RetentionRules,
    SyncAttribute, SyncRules, TargetName, TimeSpan, TimeSpanError, WantedFormat, Warning,
    WarningCode, WaveRules, parse_waves,
};

/// What is wrong with a text that is not a flag.
pub(super) const NO_FLAG: &str = "is neither true nor false; set `true` or `false`";

/// Collects errors and warnings while values are read.
pub(super) struct Checker<'a> {
    pub environment: &'a Environment,
    pub errors: Vec<ConfigError>,
    pub warnings: Vec<Warning>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Errors in the order of their places and warnings as they were found, each once: what
    /// stands in `[DEFAULT]` was found again for every section that inherits it.
    pub(super) fn finish(self) -> (Vec<ConfigError>, Vec<Warning>) {
        let mut errors = self.errors;
        errors.sort_by(|a, b| a.origin.cmp(&b.origin));
        let mut seen = BTreeSet::new();
        errors.retain(|error| seen.insert(error.clone()));
        let mut seen = BTreeSet::new();
        let mut warnings = self.warnings;
        warnings.retain(|warning| seen.insert(warning.clone()));
        (errors, warnings)
    }

    fn wrong(&mut self, key: &str, value: &Value, problem: impl Into<String>) {
        self.errors.push(
            ConfigError::new(value.origin.clone(), problem)
                .key(&value.section, key)
                .found(&value.text),
        );
    }

    fn bad_entry(&mut self, key: &str, value: &Value, problem: &str) {
        self.warnings.push(Warning::new(
            WarningCode::BadValue,
            format!(
                "{}: [{}] {key}: {problem}; the entry is ignored.",
                value.origin, value.section
            ),
        ));
    }

    /// Reads a value, or its default where nothing sets it.
    fn read<T>(
        &mut self,
        layers: &Layers,
        section: &str,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(value) = layers.get(section, key) else {
            let default = keys::known(key).map_or("", |key| key.default);
            return read(default).ok();
        };
        match read(&value.text) {
            Ok(typed) => Some(typed),
            Err(problem) => {
                self.wrong(key, value, problem);
                None
            }
        }
    }

    /// Reads what a credential's place gave.
    pub(super) fn given<T>(
        &mut self,
        section: &str,
        key: &str,
        given: Option<&Given>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let given = given?;
        read(&given.text)
            .map_err(|problem| {
                let error = ConfigError::new(given.origin.clone(), problem).found(&given.text);
                self.errors.push(match given.origin {
                    Origin::File { .. } | Origin::CommandLine => error.key(section, key),
                    _ => error,
                });
            })
            .ok()
    }

    pub(super) fn flag(&mut self, layers: &Layers, section: &str, key: &str) -> bool {
        self.read(layers, section, key, |text| {
            value::boolean(text).ok_or_else(|| NO_FLAG.to_owned())
        })
        .unwrap_or_default()
    }

    /// A whole number from 0 up.
    pub(super) fn number<T: FromStr + Default>(
        &mut self,
        layers: &Layers,
        section: &str,
        key: &str,
    ) -> T {
        self.optional_number(layers, section, key)
            .unwrap_or_default()
    }

    fn optional_number<T: FromStr>(
        &mut self,
        layers: &Layers,
        section: &str,
        key: &str,
    ) -> Option<T> {
        self.read(layers, section, key, |text| {
            text.parse::<T>()
                .map_err(|_| "is not a whole number; set 0 or more".to_owned())
        })
    }

    pub(super) fn at_least_one(
        &mut self,
        layers: &Layers,
        section: &str,
        key: &str,
    ) -> NonZeroUsize {
        self.read(layers, section, key, |text| {
            text.parse()
                .map_err(|_| "must be a whole number from 1 up".to_owned())
        })
        .unwrap_or(NonZeroUsize::MIN)
    }

    /// A length of time, more than none.
    pub(super) fn duration(&mut self, layers: &Layers, section: &str, key: &str) -> Duration {
        self.optional_duration(layers, section, key)
            .map(|span| span.0)
            .unwrap_or_default()
    }

    /// The same; none where nothing sets it, and it has no default.
    pub(super) fn optional_duration(
        &mut self,
        layers: &Layers,
        section: &str,
        key: &str,
    ) -> Option<TimeSpan> {
        self.read(layers, section, key, |text| {
            match text.parse::<TimeSpan>() {
                Ok(span) if span.0.is_zero() => Err("must be more than 0".to_owned()),
                Ok(span) => Ok(span),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    /// Everything about waves.
    pub(super) fn waves(&mut self, layers: &Layers) -> WaveRules {
        let gate = self.read(layers, MAIN, "wave_gate", |text| {
            let words = shlex::split(text).ok_or("has a quote that does not end")?;
            match words.first() {
                Some(program) if program.is_empty() => Err("names no program".to_owned()),
                _ => Ok(words),
            }
        });
        let soak = self.read(layers, MAIN, "wave_soak", |text| {
            let span = text.parse::<TimeSpan>();
            span.map_err(|error| error.to_string())
        });
        let waves = self.read(layers, MAIN, "waves", parse_waves);
        WaveRules {
            waves: waves.unwrap_or_default(),
            max_failures: self.number(layers, MAIN, "wave_max_failures"),
            gate: gate.unwrap_or_default(),
            gate_timeout: TimeSpan(self.duration(layers, MAIN, "wave_gate_timeout")),
            soak: soak.unwrap_or_default(),
        }
    }

    pub(super) fn size(&mut self, layers: &Layers, section: &str, key: &str) -> Option<ByteSize> {
        layers.get(section, key)?;
        self.read(layers, section, key, |text| {
            text.parse()
                .map_err(|error: ByteSizeError| error.to_string())
        })
    }

    pub(super) fn bandwidth(&mut self, layers: &Layers, section: &str, key: &str) -> Bandwidth {
        self.read(layers, section, key, |text| {
            text.parse()
                .map_err(|error: BandwidthError| error.to_string())
        })
        .unwrap_or_default()
    }

    pub(super) fn path(&mut self, layers: &Layers, section: &str, key: &str) -> PathBuf {
        let default = keys::known(key).map_or("", |key| key.default);
        self.optional_path(layers, section, key)
            .unwrap_or_else(|| default.into())
    }

    pub(super) fn optional_path(
        &self,
        layers: &Layers,
        section: &str,
        key: &str,
    ) -> Option<PathBuf> {
        let value = layers.get(section, key)?;
        Some(value::path(&value.text, self.environment))
    }

    /// A name that does for a tag of an image.
    pub(super) fn installation(&mut self, layers: &Layers) -> Option<String> {
        const KEY: &str = "installation";
        const CHARS_MAX: usize = 64;
        layers.get(MAIN, KEY)?;
        self.read(layers, MAIN, KEY, |text| {
            let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            if text.len() <= CHARS_MAX && text.chars().all(is_fit) {
                Ok(text.to_owned())
            } else {
                Err(format!(
                    "is not a name of at most {CHARS_MAX} letters, digits, `.`, `_` and `-`"
                ))
            }
        })
    }

    pub(super) fn delivery(&mut self, layers: &Layers, section: &str) -> DeliveryRules {
        let delivery = self.read(layers, section, "delivery", |text| {
            Delivery::from_word(text).ok_or_else(|| {
                "is not a way of delivery; set `upload`, `import`, `pull` or `auto`".to_owned()
            })
        });
        let pull_from = self.read(layers, section, "pull_from", |text| {
            PullFrom::from_word(text)
                .ok_or_else(|| "is not a source of pulls; set `master` or `any`".to_owned())
        });
        let stores = layers.get(section, "stores");
        let rules = DeliveryRules {
            delivery: delivery.unwrap_or_default(),
            stores: stores.map_or_else(Vec::new, |value| {
                value::list(&value.text).map(ToOwned::to_owned).collect()
            }),
            transfers: self.at_least_one(layers, section, "transfers"),
            pull_from: pull_from.unwrap_or_default(),
            pull_fanout: self.at_least_one(layers, section, "pull_fanout"),
            import_timeout: self.duration(layers, section, "import_timeout"),
        };
        if let Some(value) = stores
            && rules.delivery == Delivery::Upload
            && rules.stores.len() > 1
        {
            let problem = "an upload reaches one store only; name one, or set `delivery = import`";
            self.wrong("stores", value, problem);
        }
        let is_raw = layers
            .get(section, "disk_format")
            .is_some_and(|value| WantedFormat::from_word(&value.text) == Some(WantedFormat::Raw));
        if let Some(value) = layers.get(section, "provenance")
            && (rules.delivery != Delivery::Upload || is_raw)
            && value::boolean(&value.text) == Some(false)
        {
            let problem = "goes with `delivery = upload` and `disk_format = keep` only: without provenance a later run could not know its own work; set `true`";
            self.wrong("provenance", value, problem);
        }
        rules
    }

    pub(super) fn source(&mut self, layers: &Layers) -> ContentSource {
        self.read(layers, MAIN, "source", |text| {
            ContentSource::from_word(text)
                .ok_or_else(|| "is no source; set `auto`, `directory` or `glance`".to_owned())
        })
        .unwrap_or_default()
    }

    /// A list of regions as they are printed; in a target's own section also their bare names.
    pub(super) fn regions(&mut self, layers: &Layers, section: &str, key: &str) -> Vec<RegionName> {
        let Some(value) = layers.get(section, key) else {
            return Vec::new();
        };
        let own = ![MAIN, DEFAULT].contains(&value.section.as_str());
        let mut regions = Vec::new();
        for entry in value::list(&value.text) {
            if own && !entry.contains(':') {
                regions.push(RegionName::new(TargetName::new(section), entry));
                continue;
            }
            match entry.parse::<RegionName>() {
                Ok(region) => regions.push(region),
                Err(error) => self.bad_entry(key, value, &error.to_string()),
            }
        }
        regions
    }

    /// A list of which every entry is read; bad ones are warned about.
    fn entries<T: Ord>(
        &mut self,
        layers: &Layers,
        section: &str,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> BTreeSet<T> {
        let Some(value) = layers.get(section, key) else {
            return BTreeSet::new();
        };
        let mut entries = BTreeSet::new();
        for entry in value::list(&value.text) {
            match read(entry) {
                Ok(typed) => {
                    entries.insert(typed);
                }
                Err(problem) => self.bad_entry(key, value, &problem),
            }
        }
        entries
    }

    fn words(&mut self, layers: &Layers, section: &str, key: &str) -> BTreeSet<String> {
        self.entries(layers, section, key, |entry| Ok(entry.to_owned()))
    }

    fn checksum_list(&mut self, layers: &Layers, section: &str, key: &str) -> ChecksumList {
        let entries = self.entries(layers, section, key, |entry| {
            if entry.eq_ignore_ascii_case("any") {
                Ok(None)
            } else {
                value::checksum(entry).map(Some)
            }
        });
        ChecksumList {
            any: entries.contains(&None),
            checksums: entries.into_iter().flatten().collect(),
        }
    }

    /// A bad entry would cost the image that it was to protect, where all others are replaced.
    fn dontupdate(&mut self, layers: &Layers, section: &str, any: bool) -> BTreeSet<ListedHash> {
        const KEY: &str = "dontupdate";
        if any && let Some(value) = layers.get(section, KEY) {
            for entry in value::list(&value.text) {
                if let Err(problem) = value::checksum(entry) {
                    self.wrong(
                        KEY,
                        value,
                        format!(
                            "{problem}; correct it, for `replace` or `rename` holds `any` and would \
                             take the image that it is to protect"
                        ),
                    );
                }
            }
        }
        let warned = self.warnings.len();
        let checksums = self.entries(layers, section, KEY, value::checksum);
        if any {
            self.warnings.truncate(warned);
        }
        checksums
    }

    /// An entry that is passed over would have something left unequal that was to be kept equal.
    fn sync_attributes(&mut self, layers: &Layers, section: &str) -> BTreeSet<SyncAttribute> {
        self.read(layers, section, "sync_attributes", |text| {
            value::list(text).map(value::sync_attribute).collect()
        })
        .unwrap_or_default()
    }

    /// What is done with images that nobody wants any more.
    fn retention(&mut self, layers: &Layers, section: &str) -> RetentionRules {
        let keep_old = self.read(layers, section, "keep_old", |text| {
            KeepOld::from_word(text)
                .ok_or_else(|| "must be `all` or a whole number from 1 up".to_owned())
        });
        let orphans = self.read(layers, section, "orphans", |text| {
            OrphanRule::from_word(text).ok_or_else(|| {
                "is not something to do with orphans; set `report`, `hide` or `delete`".to_owned()
            })
        });
        let orphan_grace = self.read(layers, section, "orphan_grace", |text| {
            text.parse()
                .map_err(|error: TimeSpanError| error.to_string())
        });
        RetentionRules {
            keep_old: keep_old.unwrap_or_default(),
            hide_old: self.flag(layers, section, "hide_old"),
            orphans: orphans.unwrap_or_default(),
            orphan_grace: orphan_grace.unwrap_or_default(),
            max_delete: self.number(layers, section, "max_delete"),
        }
    }

    pub(super) fn rules(&mut self, layers: &Layers, section: &str) -> SyncRules {
        let replace = self.checksum_list(layers, section, "replace");
        let rename = self.checksum_list(layers, section, "rename");
        let dontupdate = self.dontupdate(layers, section, replace.any || rename.any);
        let max_replace = match layers.get(section, "max_replace") {
            Some(_) => self.optional_number(layers, section, "max_replace"),
            None => None,
        };
        let disk_format = self.read(layers, section, "disk_format", |text| {
            WantedFormat::from_word(text)
                .ok_or_else(|| "is not a wanted format; set `keep` or `raw`".to_owned())
        });
        SyncRules {
            forcesyncs: self.entries(layers, section, "forcesyncs", value::image_id),
            replace,
            rename,
            dontupdate,
            metadata_set: self.words(layers, section, "metadata_set"),
            sync_attributes: self.sync_attributes(layers, section),
            obsolete_syncprops: self.words(layers, section, "obsolete_syncprops"),
            only_tenant_images: self.flag(layers, section, "only_tenant_images"),
            support_obsolete_images: self.flag(layers, section, "support_obsolete_images"),
            disk_format: disk_format.unwrap_or_default(),
            max_replace,
            retention: self.retention(layers, section),
        }
    }

    pub(super) fn condition(&mut self, layers: &Layers, section: &str) -> Option<Condition> {
        const KEY: &str = "metadata_condition";
        let value = layers.get(section, KEY)?;
        match Condition::parse(&value.text) {
            Ok(condition) => Some(condition),
            Err(error) => {
                self.errors
                    .push(condition_error::describe(KEY, value, &error));
                None
            }
        }
    }
}
