//! Whole configurations, from text to settings.

mod auth_types;
mod clouds;
mod credential;
mod ini;
mod messages;
mod sample;
mod settings;

use std::path::Path;

use super::{ConfigErrors, Settings, Sources};

/// A folder with a `glancesync.conf` in it that only its owner reads, and the sources that name it.
struct Fixture {
    folder: tempfile::TempDir,
    sources: Sources,
}

impl Fixture {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources {
            config_file: Some("glancesync.conf".into()),
            working_dir: folder.path().to_owned(),
            ..Sources::default()
        };
        let fixture = Self { folder, sources };
        fixture.file("glancesync.conf", text);
        fixture
    }

    /// No file at all.
    fn without_file() -> Self {
        let mut fixture = Self::new("");
        fixture.sources.config_file = None;
        fixture.sources.default_file = "absent.conf".into();
        fixture
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn env(mut self, variables: &[(&str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.sources.environment.extend(variables);
        self
    }

    fn overrides(mut self, words: &[&str]) -> Self {
        self.sources
            .overrides
            .extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    fn load(&self) -> Result<Settings, ConfigErrors> {
        Settings::load(&self.sources)
    }

    fn errors(&self) -> String {
        self.load().unwrap_err().to_string()
    }

    fn warnings(&self) -> String {
        let settings = self.load().unwrap();
        let messages: Vec<String> = settings
            .warnings
            .iter()
            .map(|warning| format!("{}: {}", warning.code, warning.message))
            .collect();
        messages.join("\n")
    }
}

/// What every configuration needs.
const BASE: &str = "[main]
master_region = Spain
[master]
user = admin
password = hunter2
keystone_url = http://keystone:5000/v3
tenant = images
";
