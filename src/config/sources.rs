//! What a configuration is loaded from: files, environment and overrides, all handed in.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The variables of an environment. It is given, never read: tests and programs decide.
pub type Environment = BTreeMap<String, String>;

/// What a configuration is loaded from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// `--config-file`
    pub config_file: Option<PathBuf>,
    /// The words after `--config`: `section.key=value`, or `key=value` for `[DEFAULT]`.
    pub overrides: Vec<String>,
    /// The environment.
    pub environment: Environment,
    /// Where relative paths of configuration files begin.
    pub working_dir: PathBuf,
    /// The file that is read, if it exists, where none is named.
    pub default_file: PathBuf,
}

impl Default for Sources {
    /// No file named, no overrides, an empty environment, and `/etc/glancesync.conf`.
    fn default() -> Self {
        Self {
            config_file: None,
            overrides: Vec::new(),
            environment: Environment::new(),
            working_dir: PathBuf::from("."),
            default_file: PathBuf::from("/etc/glancesync.conf"),
        }
    }
}
