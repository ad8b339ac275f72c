//! The configuration file: where it is found, its dialect, and what is said about mistakes in it.

use crate::common::{Fleet, NewImage, Program};
use crate::status::OTHER_MD5;

/// A conflict in `RegionTwo`, whose status tells which configuration was read.
fn conflict() -> Fleet {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    fleet
        .region("RegionTwo")
        .create(NewImage::new("a", "other"));
    fleet
}

#[track_caller]
fn status(fleet: &Fleet, text: &str, words: &[&str]) -> String {
    let program = Program::with_text(fleet, text)
        .events()
        .args(["--show-status"]);
    let outcome = program
        .args(words)
        .args(["--", "RegionTwo"])
        .run()
        .expect(0);
    outcome.status_of("RegionTwo").join(",")
}

#[test]
fn the_file_is_named_by_the_option_or_by_the_environment() {
    let fleet = conflict();
    let config = fleet.config().master("rename", "any");
    let path = fleet.write_private("named.conf", &config.text());
    let path = path.to_str().unwrap();
    let words = ["--show-status", "RegionTwo"];
    let from_environment = Program::bare(&fleet)
        .env("GLANCESYNC_CONFIG", path)
        .args(words);
    assert_eq!(
        from_environment.run().expect(0).status_of("RegionTwo"),
        ["pending_rename a"]
    );
    let both = Program::with(&fleet, &fleet.config())
        .env("GLANCESYNC_CONFIG", path)
        .args(words);
    assert_eq!(
        both.run().expect(0).status_of("RegionTwo"),
        ["error_checksum a"]
    );
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    let fleet = Fleet::start();
    let missing = fleet.home().join("missing.conf").display().to_string();
    let option = Program::bare(&fleet).args(["--config-file", &missing]);
    let variable = Program::bare(&fleet).env("GLANCESYNC_CONFIG", &missing);
    for program in [option, variable] {
        program.run().expect(2).assert_says("missing.conf");
    }
}

#[test]
fn the_dialect_is_that_of_configparser() {
    let fleet = conflict();
    let base = fleet.config().text();
    let master = |lines: &str| base.replace("[master]\n", &format!("[master]\n{lines}\n"));
    let cases = [
        (
            master("# rename = any\n  ; replace = any"),
            "error_checksum a",
        ),
        (master("RENAME: any"), "pending_rename a"),
        (
            master(&format!(
                "rename =\n    abc,\n    # a comment\n    {OTHER_MD5}"
            )),
            "pending_rename a",
        ),
        (
            master(&format!("rename = abc, \\\n   {OTHER_MD5}")),
            "pending_rename a",
        ),
        (
            format!("[DEFAULT]\nreplace = any\n{base}"),
            "pending_replace a",
        ),
        (
            format!("[DEFAULT]\nreplace = any\n{}", master("replace =")),
            "error_checksum a",
        ),
        (
            format!("{base}\n[master]\nrename = any\n"),
            "pending_rename a",
        ),
        (base.replace('\n', "\r\n"), "error_checksum a"),
        (
            format!("\u{feff}{}", master("rename = any")),
            "pending_rename a",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(status(&fleet, &text, &[]), expected, "{text}");
    }
}

#[test]
fn of_a_key_that_occurs_again_the_last_counts_with_a_warning() {
    let fleet = conflict();
    let text = fleet
        .config()
        .text()
        .replace("[master]\n", "[master]\nrename=any\nrename=abc\n");
    let program = Program::with_text(&fleet, &text).events();
    let outcome = program.args(["--show-status", "RegionTwo"]).run().expect(0);
    assert_eq!(outcome.status_of("RegionTwo"), ["error_checksum a"]);
    outcome.assert_warns("duplicate_key");
}

#[test]
fn config_on_the_command_line_overrides_the_file() {
    let fleet = conflict();
    let base = fleet.config().master("rename", "any").text();
    let cases: [(&[&str], &str); 5] = [
        (&["--config", "master.rename="], "error_checksum a"),
        (
            &["--config", "master.rename=", "master.replace=any"],
            "pending_replace a",
        ),
        (
            &["--config", "master.rename=", "--config", "replace=any"],
            "pending_replace a",
        ),
        (&["--config", "replace=any"], "pending_rename a"),
        (
            &["--config", "master.metadata_condition=image.name=='b'"],
            "",
        ),
    ];
    for (words, expected) in cases {
        assert_eq!(status(&fleet, &base, words), expected, "{words:?}");
    }
}

#[test]
fn a_word_after_config_without_an_equals_sign_is_an_error() {
    let fleet = Fleet::start();
    for words in [
        &["--config", "RegionTwo"][..],
        &["--config", "replace=any", "RegionTwo"],
        &["--config"],
    ] {
        let outcome = Program::with(&fleet, &fleet.config())
            .args(words)
            .run()
            .expect(2);
        outcome.assert_says("--config");
        outcome.assert_changed_nothing();
    }
}

#[test]
fn an_unknown_key_is_warned_about_with_the_nearest_one() {
    let fleet = conflict();
    let config = fleet.config().master("metadata_sett", "nid");
    let outcome = fleet.status(&config, &["RegionTwo"]);
    let warnings = outcome.events_named("warning");
    let warning = warnings
        .iter()
        .find(|warning| warning["code"] == "unknown_key");
    let message = warning.expect("a warning")["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains("metadata_sett"), "{message}");
    assert!(message.contains("metadata_set"), "{message}");
}

#[test]
fn a_wrong_value_is_an_error_that_names_file_line_section_and_key() {
    let fleet = Fleet::start();
    for (section, key, value) in [
        ("master", "only_tenant_images", "perhaps"),
        ("master", "support_obsolete_images", "2"),
        ("main", "max_children", "0"),
        ("main", "max_children", "many"),
        ("main", "source", "elsewhere"),
        ("other", "retries", "-1"),
        ("other", "list_images_timeout", "soon"),
        ("other", "bwlimit", "fast"),
        ("other", "max_replace", "x"),
        ("other", "keep_old", "0"),
        ("other", "hide_old", "perhaps"),
        ("other", "orphans", "remove"),
        ("other", "orphan_grace", "a month"),
        ("other", "max_delete", "-1"),
    ] {
        let config = fleet.config().set(section, key, value);
        let outcome = Program::with(&fleet, &config)
            .args(["RegionTwo"])
            .run()
            .expect(2);
        let line = config
            .text()
            .lines()
            .position(|line| line == format!("{key} = {value}"));
        outcome.assert_says(&format!("glancesync.conf:{}", line.unwrap() + 1));
        outcome.assert_says(section);
        outcome.assert_says(key);
        outcome.assert_changed_nothing();
    }
}

#[test]
fn a_bad_entry_in_dontupdate_is_an_error_where_any_would_take_the_image() {
    let fleet = conflict();
    let config = fleet.config().master("dontupdate", "795f32");
    fleet
        .status(&config, &["RegionTwo"])
        .assert_warns("bad_value");
    for key in ["replace", "rename"] {
        let outcome = fleet
            .run(&config.clone().master(key, "any"), &["RegionTwo"])
            .expect(2);
        outcome.assert_changed_nothing();
        outcome.assert_says("dontupdate");
    }
}

#[test]
fn a_wrong_master_region_ends_the_run() {
    let fleet = Fleet::start();
    for region in ["Nowhere", "Empty"] {
        let config = fleet.config().set("main", "master_region", region);
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(2);
        outcome.assert_says(region);
        outcome.assert_changed_nothing();
    }
}

#[test]
fn all_that_is_wrong_before_a_run_is_said_at_once() {
    let fleet = Fleet::start();
    let config = fleet
        .config()
        .set("main", "max_children", "0")
        .set("main", "source", "directory")
        .set("main", "images_dir", "/dev/null/images")
        .master("metadata_condition", "size >")
        .set("other", "retries", "many")
        .set("bare", "bwlimit", "fast");
    let words = [
        "--image",
        "[a",
        "--metrics-file",
        "/dev/null/metrics.prom",
        "--format",
        "json",
        "RegionTwo",
        "bare:North",
        "nowhere:Berlin",
        "--exclude",
        "elsewhere:",
        "--config",
        "main.keep_going=perhaps",
        "replace",
    ];
    let wrong = [
        "glancesync.conf:",
        "[main] max_children = 0",
        "[master] metadata_condition",
        "[other] retries = many",
        "[bare] bwlimit = fast",
        "--config: [main] keep_going = perhaps",
        "`replace` has no `=`",
        "--metrics-file /dev/null/metrics.prom",
        "--image ",
        "/dev/null/images",
        "no target `nowhere`",
        "no target `elsewhere`",
        "[bare]: no usable credential",
    ];
    let program = || Program::with(&fleet, &config).args(words);
    let outcome = program().events().run().expect(2);
    outcome.assert_changed_nothing();
    let messages = |errors: &[serde_json::Value]| -> Vec<String> {
        let message = |error: &serde_json::Value| error["message"].as_str().unwrap().to_owned();
        errors.iter().map(message).collect()
    };
    let told = messages(&outcome.events_named("error"));
    let document = outcome.json();
    let printed = messages(document["errors"].as_array().unwrap());
    assert_eq!(told, printed);
    for wrong in wrong {
        assert!(
            told.iter().any(|said| said.contains(wrong)),
            "{wrong}: {told:#?}"
        );
    }
    assert_eq!(told.len(), wrong.len() - 1, "{told:#?}");
    let said = program().run().expect(2).stderr;
    for wrong in wrong {
        assert!(said.contains(wrong), "{wrong}: {said}");
    }
    // What the configuration is checked for is no run: names and places of the command line are not its.
    let words = ["check-config", "--format", "json"];
    let checked = Program::with(&fleet, &config).args(words).run().expect(2);
    assert_eq!(checked.json()["errors"].as_array().unwrap().len(), 4);
}

#[test]
fn all_names_that_a_catalogue_lacks_are_said_at_once() {
    let fleet = Fleet::start();
    let words = ["RegionTow", "other:Nowhere", "--exclude", "RegionThre"];
    let outcome = Program::with(&fleet, &fleet.config())
        .args(words)
        .events()
        .run()
        .expect(2);
    assert_eq!(outcome.errors(), ["region_unknown"; 3]);
    outcome.assert_changed_nothing();
}
