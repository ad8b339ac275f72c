//! What it says is true, and says no more than it may: whatever is printed, logged and left.

use std::path::Path;

use crate::common::{Fleet, NewImage, Program};

/// The text of every file below a folder.
fn written(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &written(&path);
        } else {
            text += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
        }
    }
    text
}

#[test]
fn a_password_in_the_url_of_a_property_is_sent_and_never_shown() {
    const URL: &str = "https://robot:s3cr3t-1@mirror.example.org/x";
    const OLD: &str = "https://robot:s3cr3t-2@mirror.example.org/x";
    let fleet = Fleet::start();
    let master = fleet.master();
    master.create(NewImage::new("absent", "abc").with("source_url", URL));
    master.create(NewImage::new("differs", "abc").with("source_url", URL));
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("differs", "abc").with("source_url", OLD));
    // It raises with the value in its message.
    let condition = "image.name != 'absent' or int(image.user_properties['source_url']) or True";
    let work = fleet.work_dir();
    let config = fleet
        .config()
        .set("main", "log_dir", work.to_str().unwrap());
    let failing = config.clone().master("metadata_condition", condition);
    let mut said = String::new();
    let mut shown = String::new();
    for (config, words) in [
        (&failing, &["--dry-run", "-v"][..]),
        (&config, &["--dry-run", "-v"]),
        (&config, &["--dry-run", "--format", "json"]),
        (&config, &["--dry-run", "--log-format", "json"]),
        (&config, &["--show-status", "--format", "json"]),
        (&config, &["--show-status", "--format", "html"]),
        (&config, &["--parallel", "-vv"]),
        (
            &config,
            &[
                "check-config",
                "--config",
                "DEFAULT.cacert=http://me:s3cr3t-3@h/",
            ],
        ),
        (
            &config,
            &["check-config", "--config", "retries=http://me:s3cr3t-3@h/"],
        ),
    ] {
        let words = if words[0] == "check-config" {
            words.to_vec()
        } else {
            [words, &["RegionTwo"]].concat()
        };
        let outcome = Program::with(&fleet, config).args(words).run();
        shown += &outcome.stdout;
        said += &(outcome.stderr + &outcome.stdout);
    }
    for image in ["absent", "differs"] {
        assert_eq!(region.the(image)["source_url"], URL);
    }
    fleet
        .run(&config, &["--make-backup", "RegionTwo"])
        .expect(0);
    let id = region.the("differs")["id"].as_str().unwrap().to_owned();
    region.set(&id, &[("source_url", OLD.into())]);
    let backup = std::fs::read_dir(&work).unwrap();
    let mut names = backup.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let backup = names.find(|name| name.starts_with("backup_")).unwrap();
    for format in ["text", "json"] {
        let words = ["restore", &backup, "--format", format];
        let outcome = Program::with(&fleet, &config).args(words).run().expect(0);
        said += &(outcome.stderr + &outcome.stdout);
    }
    said += &written(&work);
    assert!(!said.contains("s3cr3t"), "{said}");
    assert!(
        shown.contains("https://***@mirror.example.org/x"),
        "{shown}"
    );
}
