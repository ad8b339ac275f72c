//! Where content comes from, and what happens when it is not what the master says.

use std::path::Path;

use crate::common::{Config, Fleet, NewImage, Outcome};

/// Two images in the master region; the ids of `bad` and `good`.
fn two_images(fleet: &Fleet) -> [String; 2] {
    ["bad", "good"].map(|name| {
        fleet
            .master()
            .create(NewImage::new(name, format!("the {name} one")))
    })
}

/// The configuration with a folder of its own that holds copies of the given images.
fn with_folder(fleet: &Fleet, ids: &[&String]) -> Config {
    let folder = fleet.home().join("copies");
    std::fs::create_dir(&folder).unwrap();
    let store = &fleet.cloud.regions[0].images_dir;
    for id in ids {
        std::fs::copy(store.join(id), folder.join(id)).unwrap();
    }
    let config = fleet
        .config()
        .set("main", "images_dir", &folder.display().to_string());
    config.set("main", "source", "directory")
}

fn copy(fleet: &Fleet, id: &str) -> std::path::PathBuf {
    fleet.home().join("copies").join(id)
}

/// Asserts that `bad` alone failed, with that code, and `good` arrived.
#[track_caller]
fn assert_bad_alone_fails(fleet: &Fleet, outcome: &Outcome, code: &str) {
    outcome.assert_fails(&format!("{code} bad"));
    assert_eq!(outcome.results(), ["RegionTwo failed"]);
    assert_eq!(fleet.region("RegionTwo").names(), ["good"]);
    let id = fleet.region("RegionTwo").the("good")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(fleet.region("RegionTwo").content(&id), b"the good one");
}

/// Whether the master's Glance was asked for content.
fn downloads(outcome: &Outcome) -> usize {
    let requests = outcome.requests("master:RegionOne").iter();
    requests
        .filter(|request| request.path.ends_with("/file"))
        .count()
}

#[test]
fn the_folder_is_read_and_glance_is_left_alone() {
    let fleet = Fleet::start();
    two_images(&fleet);
    for (source, region) in [("auto", "RegionTwo"), ("directory", "RegionThree")] {
        let outcome = fleet
            .run(&fleet.config().set("main", "source", source), &[region])
            .expect(0);
        assert_eq!(downloads(&outcome), 0, "{outcome}");
        assert_eq!(fleet.region(region).names(), ["bad", "good"]);
    }
}

#[test]
fn images_path_is_the_same_key() {
    let fleet = Fleet::start();
    let [bad, good] = two_images(&fleet);
    let config = with_folder(&fleet, &[&bad, &good]).without("main", "images_dir");
    let config = config.set(
        "main",
        "images_path",
        &fleet.home().join("copies").display().to_string(),
    );
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(downloads(&outcome), 0, "{outcome}");
}

#[test]
fn without_the_folder_directory_ends_the_run() {
    let fleet = Fleet::start();
    two_images(&fleet);
    let config = fleet.config().set("main", "source", "directory");
    let config = config.set("main", "images_dir", "/nonexistent/images");
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(2);
    outcome.assert_says("/nonexistent/images");
    outcome.assert_says("source=glance");
    outcome.assert_changed_nothing();
}

#[test]
fn a_missing_file_fails_its_image_alone_and_under_dry_run_too() {
    let fleet = Fleet::start();
    let [_, good] = two_images(&fleet);
    let config = with_folder(&fleet, &[&good]);
    let planned = fleet.run(&config, &["--dry-run", "RegionTwo"]).expect(1);
    planned.assert_fails("source_missing bad");
    assert_eq!(planned.actions("action_planned"), ["RegionTwo upload good"]);
    planned.assert_changed_nothing();
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    assert_bad_alone_fails(&fleet, &outcome, "source_missing");
}

#[test]
fn a_file_of_another_size_fails_its_image_alone() {
    let fleet = Fleet::start();
    let [bad, good] = two_images(&fleet);
    let config = with_folder(&fleet, &[&bad, &good]);
    for content in ["short", "the bad one, and more"] {
        std::fs::write(copy(&fleet, &bad), content).unwrap();
        let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
        assert_bad_alone_fails(&fleet, &outcome, "source_size");
        fleet.region("RegionTwo").purge();
    }
}

#[test]
fn a_folder_in_the_files_place_fails_its_image_alone() {
    let fleet = Fleet::start();
    let [bad, good] = two_images(&fleet);
    let config = with_folder(&fleet, &[&good]);
    std::fs::create_dir(copy(&fleet, &bad)).unwrap();
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    assert_eq!(outcome.results(), ["RegionTwo failed"]);
    assert_eq!(fleet.region("RegionTwo").names(), ["good"]);
}

#[test]
fn wrong_bytes_of_the_right_size_are_never_published() {
    let fleet = Fleet::start();
    let [bad, good] = two_images(&fleet);
    let config = with_folder(&fleet, &[&bad, &good]);
    std::fs::write(copy(&fleet, &bad), "the BAD one").unwrap();
    let outcome = fleet.run(&config, &["RegionTwo"]).expect(1);
    assert_bad_alone_fails(&fleet, &outcome, "checksum_mismatch");
}

#[test]
fn a_link_is_followed() {
    let fleet = Fleet::start();
    let [bad, good] = two_images(&fleet);
    let config = with_folder(&fleet, &[&good]);
    let store: &Path = &fleet.cloud.regions[0].images_dir;
    std::os::unix::fs::symlink(store.join(&bad), copy(&fleet, &bad)).unwrap();
    fleet.run(&config, &["RegionTwo"]).expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["bad", "good"]);
}
