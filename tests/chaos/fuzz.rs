//! Input of any bytes: configurations, clouds.yaml, words of the command line, conditions. It is
//! taken or refused with a message, and nothing panics.

use std::path::Path;

use glancesync::condition::Condition;
use glancesync::config::{Settings, Sources};
use proptest::prelude::*;

const SAMPLE: &str = include_str!("../../conf/glancesync.conf");

const CLOUDS: &str = "clouds:\n  c:\n    auth:\n      auth_url: http://ks/v3\n      username: u\n      \
    password: p\n      project_name: t\n    region_name: R\n    verify: false\n";

/// A text with pieces of it replaced by bytes that matter to its reader, and by any.
fn damaged(text: &'static str, pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
        prop::sample::select(pieces).prop_map(|piece| piece.repeat(2000).into_bytes()),
    ];
    let splice = (any::<prop::sample::Index>(), 0_usize..40, piece);
    prop::collection::vec(splice, 0..6).prop_map(move |splices| {
        let mut bytes = text.as_bytes().to_vec();
        for (place, length, piece) in splices {
            let from = place.index(bytes.len() + 1);
            let to = (from + length).min(bytes.len());
            bytes.splice(from..to, piece);
        }
        bytes
    })
}

/// Loads what is in that folder.
fn load(folder: &Path, overrides: Vec<String>) {
    let environment = [("OS_CLIENT_CONFIG_FILE", folder.join("clouds.yaml"))];
    let sources = Sources {
        config_file: Some("glancesync.conf".into()),
        overrides,
        environment: environment
            .map(|(name, path)| (name.to_owned(), path.display().to_string()))
            .into(),
        working_dir: folder.to_owned(),
        ..Sources::default()
    };
    if let Err(errors) = Settings::load(&sources) {
        assert!(!errors.to_string().is_empty());
    }
}

const INI: &[&str] = &[
    "\n",
    "\r\n",
    "[",
    "]",
    "[main]\n",
    "[master]\n",
    "[DEFAULT]\n",
    "=",
    ":",
    " = ",
    "#",
    ";",
    "\\",
    "\\\n",
    "%",
    "%(x)s",
    "\"",
    ",",
    "\t",
    " ",
    "\u{feff}",
    "credential = ",
    "user,cGFzcw==,http://k,t",
    "metadata_condition = ",
    "image.name",
    "replace = any\n",
    "dontupdate = x\n",
    "max_children = ",
    "18446744073709551616",
    "-1",
    "bwlimit = ",
    "9999999999999G",
    "cloud = c\n",
    "\u{202e}",
    "\0",
];

const YAML: &[&str] = &[
    "\n",
    " ",
    "  ",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a",
    "*a",
    "<<: *a",
    "!!",
    "|",
    ">",
    "\"",
    "'",
    "#",
    "---\n",
    "null",
    "true",
    "1",
    "auth:",
    "~",
    "&a [*a,*a]",
    "\t",
    "verify: 7",
    "regions: [",
];

const PYTHON: &[&str] = &[
    "image",
    ".name",
    ".user_properties",
    "['nid']",
    ".has_key('nid')",
    " in ",
    " not ",
    " and ",
    " or ",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "\\",
    ",",
    ":",
    "==",
    "<",
    "if ",
    " else ",
    "lambda x: ",
    " for x in ",
    "1",
    "metadata_set",
    "None",
    "\n",
    "\t",
    "#",
    "f'{",
    "}'",
    "...",
    "not ",
    "-",
    "~",
    "é",
    "\u{0}",
    "await ",
    "yield ",
    ":=",
    "*",
    "**",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_configuration_is_read_or_refused(text in damaged(SAMPLE, INI), clouds in damaged(CLOUDS, YAML)) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("glancesync.conf"), text).unwrap();
        std::fs::write(folder.path().join("clouds.yaml"), clouds).unwrap();
        load(folder.path(), Vec::new());
    }

    #[test]
    fn any_clouds_yaml_is_read_or_refused(clouds in damaged(CLOUDS, YAML)) {
        let folder = tempfile::tempdir().unwrap();
        let text = "[main]\nmaster_region = R\n[master]\ncloud = c\n";
        std::fs::write(folder.path().join("glancesync.conf"), text).unwrap();
        std::fs::write(folder.path().join("clouds.yaml"), clouds).unwrap();
        load(folder.path(), Vec::new());
    }

    #[test]
    fn any_word_of_the_command_line_is_read_or_refused(words in prop::collection::vec(".{0,30}|[a-z_]{1,12}[.=][^\n]{0,20}", 0..4)) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("glancesync.conf"), "").unwrap();
        load(folder.path(), words);
    }

    #[test]
    fn any_condition_is_compiled_or_refused(text in damaged("image.user_properties.has_key('nid') and image.is_public", PYTHON)) {
        let text = String::from_utf8_lossy(&text);
        if let Err(error) = Condition::parse(&text) {
            prop_assert!(error.line >= 1 && error.column >= 1, "{error}");
        }
    }
}
