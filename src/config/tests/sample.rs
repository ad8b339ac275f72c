//! The sample file that comes with the program.

use super::Fixture;
use crate::config::keys::KEYS;

const SAMPLE: &str = include_str!("../../../conf/glancesync.conf");

const CLOUDS: &str = "
clouds:
  example:
    auth: {auth_url: 'https://ks', username: u, password: p, project_name: t}
";

/// The sample with every commented-out section and key put into force.
fn activated() -> String {
    let is_key = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, _)| {
            key.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        })
    };
    SAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_key(rest) || rest.starts_with('[') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect()
}

#[test]
fn the_sample_loads_without_a_warning() {
    let settings = Fixture::new(SAMPLE).load().unwrap();
    assert_eq!(settings.warnings, []);
    assert_eq!(settings.targets.len(), 1);
}

#[test]
fn so_does_all_that_is_commented_out() {
    let fixture = Fixture::new(&activated());
    fixture.file("clouds.yaml", CLOUDS);
    let settings = fixture.load().unwrap();
    assert_eq!(settings.warnings, []);
    assert_eq!(settings.targets.len(), 2);
    assert!(
        settings
            .targets
            .iter()
            .all(|target| target.credential.is_ok())
    );
}

#[test]
fn every_key_is_explained() {
    let text = activated();
    for key in KEYS {
        assert!(text.contains(&format!("\n{} = ", key.name)), "{}", key.name);
    }
}

#[test]
fn what_is_commented_out_as_a_default_is_the_default() {
    for key in KEYS {
        let line = SAMPLE
            .lines()
            .find_map(|line| line.strip_prefix(&format!("# {} = ", key.name)));
        // These show another value than the default, for they would say nothing with it.
        let shows_another = ["max_children", "log_dir", "cacert"].contains(&key.name);
        if let Some(value) = line
            && !key.default.is_empty()
            && !shows_another
        {
            assert_eq!(value, key.default, "{}", key.name);
        }
    }
}
