//! Which regions a run works on, and in which order.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::thread;

use glancesync::sandbox::RegionSpec;

use crate::common::{Config, Fleet, NewImage, Outcome, Program};

/// The expansion of `master:` where nothing else is said.
const ALL_OF_MASTER: [&str; 2] = ["RegionThree", "RegionTwo"];

/// The regions of `run_started`.
#[track_caller]
fn regions(outcome: &Outcome) -> Vec<String> {
    let started = &outcome.events_named("run_started")[0];
    let regions = started["regions"]
        .as_array()
        .unwrap_or_else(|| panic!("no regions in {outcome}"));
    regions
        .iter()
        .map(|region| region.as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn assert_order(fleet: &Fleet, config: &Config, words: &[&str], expected: &[&str]) {
    let outcome = fleet.status(config, words);
    assert_eq!(regions(&outcome), expected, "{words:?}");
    let mut reported: Vec<String> = outcome.status().into_iter().map(|(_, of, _)| of).collect();
    reported.dedup();
    assert_eq!(reported, expected, "{words:?}");
}

fn with_one_image() -> Fleet {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    fleet
}

#[test]
fn regions_are_taken_in_the_order_given_and_once() {
    let fleet = with_one_image();
    let config = fleet
        .config()
        .set("main", "preferable_order", "RegionThree");
    let given = [
        "RegionTwo",
        "other:RegionOne",
        "RegionThree",
        "master:RegionTwo",
    ];
    assert_order(
        &fleet,
        &config,
        &given,
        &["RegionTwo", "other:RegionOne", "RegionThree"],
    );
}

#[test]
fn without_a_region_all_of_master_are_meant_by_name() {
    let fleet = with_one_image();
    assert_order(&fleet, &fleet.config(), &[], &ALL_OF_MASTER);
    assert_order(&fleet, &fleet.config(), &["master:"], &ALL_OF_MASTER);
}

#[test]
fn a_target_alone_stands_for_all_its_regions() {
    let fleet = with_one_image();
    let words = ["other:", "RegionTwo", "master:"];
    let expected = ["other:RegionOne", "RegionTwo", "RegionThree"];
    assert_order(&fleet, &fleet.config(), &words, &expected);
}

#[test]
fn the_preferable_order_counts_for_expanded_lists_only() {
    let fleet = with_one_image();
    let order = "Nowhere, RegionTwo, other:RegionOne, RegionThree";
    let config = fleet.config().set("main", "preferable_order", order);
    assert_order(&fleet, &config, &[], &["RegionTwo", "RegionThree"]);
    assert_order(
        &fleet,
        &config,
        &["RegionThree", "RegionTwo"],
        &ALL_OF_MASTER,
    );
}

#[test]
fn ignored_regions_leave_the_expansion_but_can_be_named() {
    let fleet = with_one_image();
    let config = fleet.config().master("ignore_regions", "RegionTwo");
    assert_order(&fleet, &config, &["master:"], &["RegionThree"]);
    assert_order(&fleet, &config, &["RegionTwo"], &["RegionTwo"]);
    for name in ["RegionOne", "other:RegionOne"] {
        let config = config.clone().set("other", "ignore_regions", name);
        assert_order(&fleet, &config, &["other:", "master:"], &["RegionThree"]);
    }
}

#[test]
fn exclude_removes_a_region_however_it_was_chosen() {
    let fleet = with_one_image();
    let words = [
        "--exclude",
        "RegionTwo",
        "--exclude",
        "other:RegionOne",
        "RegionTwo",
        "other:",
        "master:",
    ];
    assert_order(&fleet, &fleet.config(), &words, &["RegionThree"]);
}

#[test]
fn no_region_left_is_no_error() {
    let fleet = with_one_image();
    let config = fleet.config();
    let outcome = fleet
        .run(&config, &["--exclude", "RegionTwo", "RegionTwo"])
        .expect(0);
    outcome.assert_changed_nothing();
    let program = Program::with(&fleet, &config).args(["--exclude", "RegionTwo", "RegionTwo"]);
    assert!(!program.run().expect(0).stderr.is_empty(), "a message");
}

#[test]
fn the_master_region_is_told_by_its_endpoint_and_skipped() {
    let fleet = with_one_image();
    for name in ["RegionOne", "master:RegionOne", "Alias"] {
        let outcome = fleet.run(&fleet.config(), &[name, "RegionTwo"]).expect(0);
        assert!(
            outcome
                .warnings()
                .contains(&"master_region_skipped".to_owned()),
            "{outcome}"
        );
        assert_eq!(outcome.results().len(), 1, "{outcome}");
        assert!(outcome.changes("master:RegionOne").is_empty(), "{outcome}");
    }
}

#[test]
fn the_master_region_alone_is_nothing_to_do_and_is_said_to_be_the_master() {
    let fleet = with_one_image();
    for words in [&["RegionOne"][..], &["--dry-run", "RegionOne"]] {
        let program = Program::with(&fleet, &fleet.config()).args(words);
        let outcome = program.run().expect(0);
        outcome.assert_says("RegionOne is the master region, with which the others are compared");
        let said = "Nothing to do: RegionOne is the master region, which is never written to";
        assert!(outcome.stdout.contains(said), "{outcome}");
        outcome.assert_changed_nothing();
    }
}

/// An embedded fleet with another region in the catalogue of `master`, whose endpoint is that URL.
fn with_alias(endpoint: &str) -> Fleet {
    let fleet = Fleet::embedded(|spec| {
        spec.keystones[0].regions.push(RegionSpec {
            is_same_content: Some("master:RegionOne".to_owned()),
            endpoint: Some(endpoint.to_owned()),
            ..RegionSpec::new("Elsewhere")
        });
    });
    // Any run that took it for another region would replace this image.
    fleet.master().create(NewImage::new("a", "abc").private());
    fleet.master().create(NewImage::new("b", "abc"));
    fleet
}

#[test]
fn the_master_region_is_known_by_every_spelling_of_its_endpoint() {
    for endpoint in [
        "http://localhost:{port}",
        "http://LOCALHOST.:{port}//v2",
        "http://[::ffff:127.0.0.1]:{port}/v2/v2",
        "http://127.1:{port}/%76%32/",
        "http://0.0.0.0:{port}/./",
    ] {
        let fleet = with_alias(endpoint);
        let outcome = fleet.run(&fleet.config(), &["Elsewhere"]).expect(0);
        assert_eq!(outcome.warnings(), ["master_region_skipped"], "{outcome}");
        assert!(outcome.results().is_empty(), "{outcome}");
        let outcome = fleet.run(&fleet.config(), &[]).expect(0);
        assert!(outcome.changes("master:RegionOne").is_empty(), "{outcome}");
    }
}

/// Listens for connections to hand on, to an address that is told later.
fn forwarder() -> (SocketAddr, Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let to: SocketAddr = receiver.recv().unwrap();
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(to).unwrap());
            let ways = [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ];
            for (mut from, mut to) in ways {
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    (address, sender)
}

/// A fleet where the catalogue has the master a second time, as `Elsewhere`, by an address that tells
/// nothing.
fn with_forwarder() -> Fleet {
    let (address, sender) = forwarder();
    let fleet = with_alias(&format!("http://{address}/"));
    let port = fleet.master().facts.url.rsplit_once(':').unwrap().1;
    let port = port.trim_end_matches('/').parse().unwrap();
    let glance = SocketAddr::from(([127, 0, 0, 1], port));
    sender.send(glance).unwrap();
    fleet
}

#[test]
fn the_master_region_is_known_by_what_it_holds() {
    let fleet = with_forwarder();
    let config = fleet.config().master("rename", "any");
    for words in [
        &["Elsewhere"][..],
        &["--dry-run", "Elsewhere"],
        &["--show-status", "Elsewhere"],
        &["Elsewhere", "RegionTwo", "--parallel"],
    ] {
        let outcome = fleet.run(&config, words).expect(0);
        assert!(
            outcome
                .warnings()
                .contains(&"master_region_skipped".to_owned()),
            "{outcome}"
        );
        assert!(
            outcome
                .actions("action_finished")
                .iter()
                .all(|it| !it.contains("Elsewhere"))
        );
        assert!(outcome.changes("master:RegionOne").is_empty(), "{outcome}");
    }
    assert_eq!(fleet.region("RegionTwo").names(), ["b"]);
}

#[test]
fn nothing_is_put_back_into_a_region_with_the_masters_images() {
    let fleet = with_forwarder();
    let backup = ["--make-backup", "--format", "json", "RegionTwo"];
    let document = fleet.glancesync(&backup).run().expect(0).json();
    let folder = PathBuf::from(document["folder"].as_str().unwrap());
    std::fs::rename(folder.join("RegionOne.json"), folder.join("Elsewhere.json")).unwrap();
    let image = fleet.master().the("b");
    let id = image["id"].as_str().unwrap();
    fleet.master().set(id, &[("nid", "2".into())]);
    let restore = |words: &[&str]| {
        let program = Program::with(&fleet, &fleet.config()).events();
        let command = ["restore", folder.to_str().unwrap()];
        program.args([&command, words].concat()).run()
    };
    let outcome = restore(&["Elsewhere", "--apply"]).expect(1);
    outcome.assert_fails("master_refused");
    let outcome = restore(&["--apply"]).expect(0);
    assert_eq!(outcome.warnings(), ["master_region_skipped"]);
    assert_eq!(fleet.master().the("b")["nid"], "2");
}

#[test]
fn a_name_that_nothing_has_ends_every_mode_before_its_first_change() {
    let fleet = with_one_image();
    let before = fleet.snapshot();
    let names = [
        ("RegionTow", "`RegionTwo`"),
        ("regiontwo", "`RegionTwo`"),
        ("Empty", "RegionTwo"),
        ("other:RegionTwo", "`RegionTwo`"),
        ("other", "`other:`"),
        ("nowhere:", "[other]"),
        ("othr:RegionOne", "`other:RegionOne`"),
        ("RegionTwo,RegionThree", "`RegionTwo RegionThree`"),
        ("deom", "the command `demo`"),
    ];
    for (name, meant) in names {
        for words in [&[name, "RegionThree"][..], &["RegionThree", name]] {
            let outcome = fleet.run(&fleet.config(), words).expect(2);
            outcome.assert_fails("region_unknown");
            outcome.assert_says(meant);
            outcome.assert_changed_nothing();
        }
    }
    for mode in [
        "--dry-run",
        "--show-status",
        "--show-regions",
        "--make-backup",
    ] {
        let words = [mode, "RegionThree", "RegionTow"];
        let outcome = fleet.run(&fleet.config(), &words).expect(2);
        outcome.assert_fails("region_unknown");
    }
    assert_eq!(fleet.snapshot(), before);
}

#[test]
fn a_misspelt_exclusion_spares_every_region() {
    let fleet = with_one_image();
    let before = fleet.snapshot();
    for name in [
        "RegionTow",
        "other:RegionTwo",
        "othr:RegionOne",
        "nowhere:RegionTwo",
    ] {
        let outcome = fleet.run(&fleet.config(), &["--exclude", name]).expect(2);
        outcome.assert_fails("region_unknown");
        outcome.assert_says("--exclude");
        outcome.assert_changed_nothing();
    }
    assert_eq!(fleet.snapshot(), before);
    let words = [
        "--exclude",
        "RegionOne",
        "--exclude",
        "Alias",
        "--exclude",
        "RegionTwo",
    ];
    fleet.run(&fleet.config(), &words).expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), [""; 0]);
    assert_eq!(fleet.region("RegionThree").names(), ["a"]);
}

#[test]
fn all_wrong_names_are_told_at_once() {
    let fleet = with_one_image();
    let words = ["RegionTow", "nowhere:", "--exclude", "RegionThee"];
    let outcome = fleet.run(&fleet.config(), &words).expect(2);
    for name in ["RegionTow", "nowhere", "RegionThee"] {
        outcome.assert_says(name);
    }
}

#[test]
fn all_stands_for_every_region_of_every_target() {
    let fleet = with_one_image();
    let expected = ["RegionThree", "RegionTwo", "other:RegionOne"];
    assert_order(&fleet, &fleet.config(), &["--all"], &expected);
    let words = ["--all", "--exclude", "other:"];
    assert_order(&fleet, &fleet.config(), &words, &ALL_OF_MASTER);
    fleet
        .run(&fleet.config(), &["--all", "RegionTwo"])
        .expect(2);
}

#[test]
fn what_answers_to_nothing_in_the_configuration_is_a_warning() {
    let fleet = with_one_image();
    let slips = [
        ("ignore_regions", "RegionTow", "`RegionTwo`"),
        ("ignore_regions", "nowhere:RegionTwo", "nowhere"),
        ("metadata_set", "no_such_property", "no_such_property"),
        (
            "forcesyncs",
            "6e240dd4-e304-4599-b7d8-e38e13cef058",
            "6e240dd4",
        ),
    ];
    for (key, entry, meant) in slips {
        let config = fleet.config().master(key, entry);
        for mode in ["--dry-run", "--show-status"] {
            let outcome = fleet.run(&config, &[mode]).expect(0);
            outcome.assert_warns("no_match");
            outcome.assert_says(meant);
        }
    }
    let config = fleet.config().master("ignore_regions", "RegionTwo").set(
        "main",
        "preferable_order",
        "Nowhere",
    );
    let outcome = fleet.run(&config, &["--dry-run"]).expect(0);
    assert!(
        !outcome.warnings().contains(&"no_match".to_owned()),
        "{outcome}"
    );
}

#[test]
fn a_selection_that_picks_nothing_is_told() {
    let fleet = with_one_image();
    let config = fleet.config().master("metadata_condition", "False");
    for mode in ["--parallel", "--dry-run"] {
        let outcome = fleet.run(&config, &[mode, "RegionTwo"]).expect(0);
        outcome.assert_warns("empty_selection");
        assert!(
            outcome.stdout.contains("No image is selected for [master]"),
            "{outcome}"
        );
    }
    let words = ["--dry-run", "--format", "json", "RegionTwo"];
    let json = fleet.run(&config, &words).expect(0).json();
    assert_eq!(json["summary"]["empty_selections"][0], "master", "{json}");
}

#[test]
fn show_regions_prints_the_regions_of_every_target_in_run_order() {
    let fleet = Fleet::start();
    let show = |config: &Config| fleet.run(config, &["--show-regions"]).expect(0).stdout;
    assert_eq!(
        show(&fleet.config()),
        "RegionThree\nRegionTwo\nother:RegionOne\n"
    );
    let config = fleet
        .config()
        .set("main", "preferable_order", "RegionTwo")
        .set("other", "ignore_regions", "RegionOne");
    assert_eq!(show(&config), "RegionTwo\nRegionThree\n");
    let json = fleet
        .run(&config, &["--show-regions", "--format", "json"])
        .expect(0)
        .json();
    assert!(json.to_string().contains("RegionThree"), "{json}");
}

#[test]
fn a_target_that_cannot_be_logged_in_to_fails_its_own_regions_only() {
    let fleet = with_one_image();
    let config = fleet.config().without("other", "credential");
    let keystone = &fleet.cloud.keystones["other"];
    let config = config
        .set("other", "user", &keystone.sync.name)
        .set("other", "password", "wrong")
        .set("other", "keystone_url", &keystone.url)
        .set("other", "tenant", &keystone.sync.project);
    for name in ["other:", "other:RegionOne"] {
        fleet.region("RegionTwo").purge();
        let outcome = fleet.run(&config, &[name, "RegionTwo"]).expect(1);
        let errors = outcome.events_named("error");
        assert_eq!(
            (&errors[0]["code"], &errors[0]["region"]),
            (&"auth_failed".into(), &name.into())
        );
        assert_eq!(fleet.region("RegionTwo").names(), ["a"]);
    }
}

#[test]
fn two_targets_may_share_a_keystone_and_select_differently() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", "abc").with("nid", "1"));
    fleet.master().create(NewImage::new("b", "abc"));
    let credential = crate::common::config::credential(&fleet.cloud, "master");
    let config = fleet
        .config()
        .set("few", "credential", &credential)
        .set("few", "metadata_set", "nid")
        .master("ignore_regions", "RegionThree");
    let outcome = fleet
        .run(&config, &["master:", "few:RegionThree"])
        .expect(0);
    assert_eq!(
        outcome.results(),
        ["RegionTwo changed", "few:RegionThree changed"]
    );
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "b"]);
    assert_eq!(fleet.region("RegionThree").names(), ["a"]);
    let outcome = fleet.status(&config, &["few:"]);
    assert_eq!(outcome.status_of("few:RegionThree"), ["ok a"]);
}
