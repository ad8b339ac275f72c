//! The commands beside the flags: what each prints, and what belongs to none of them.

use std::fs;

use crate::common::{Fleet, NewImage, Outcome, Program};
use crate::credentials::{clouds_yaml, openrc};

fn with_one_missing() -> Fleet {
    let fleet = Fleet::start();
    for name in ["a", "b, c"] {
        fleet.master().create(NewImage::new(name, "abc"));
    }
    fleet
        .region("RegionTwo")
        .create(NewImage::new("b, c", "abc"));
    fleet
}

#[test]
fn a_command_prints_what_its_flag_prints() {
    let fleet = with_one_missing();
    for (command, flag) in [
        ("plan", "--dry-run"),
        ("status", "--show-status"),
        ("regions", "--show-regions"),
    ] {
        let of = |word: &str| fleet.glancesync(&[word, "RegionTwo"]).run().expect(0);
        let (command, flag) = (of(command), of(flag));
        // What it took differs.
        let timeless = |outcome: &Outcome| -> Vec<String> {
            let lines = outcome.stdout.lines().filter(|line| !line.contains(" s: "));
            lines.map(ToOwned::to_owned).collect()
        };
        assert!(!command.stdout.is_empty());
        assert_eq!(timeless(&command), timeless(&flag));
        command.assert_changed_nothing();
    }
    let outcome = fleet.glancesync(&["backup", "RegionTwo"]).run().expect(0);
    assert!(outcome.stdout.contains("RegionTwo.json"), "{outcome}");
    fleet.glancesync(&["sync", "RegionTwo"]).run().expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "b, c"]);
}

#[test]
fn images_have_the_ids_of_what_is_in_step() {
    let fleet = with_one_missing();
    let region = fleet.region("RegionTwo");
    let id = region.the("b, c")["id"].as_str().unwrap().to_owned();
    let images = |words: &[&str]| {
        let words: Vec<&str> = ["images", "RegionTwo"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        let outcome = fleet.glancesync(&words).run().expect(0);
        outcome.assert_changed_nothing();
        outcome
    };
    assert_eq!(images(&[]).stdout, format!("\"b, c\",RegionTwo,{id}\n"));
    assert_eq!(images(&["--image", "a"]).stdout, "");
    let document = images(&["--format", "json"]).json();
    assert_eq!(
        document["images"],
        serde_json::json!([{"image": "b, c", "region": "RegionTwo", "id": id}])
    );
    assert_eq!(document["exit_code"], 0);
    let table = images(&["--format", "table"]);
    assert!(
        table.stdout.contains(&format!("b, c   RegionTwo  {id}\n")),
        "{table}"
    );
    fleet.glancesync(&["sync", "RegionTwo"]).run().expect(0);
    assert_eq!(images(&[]).stdout.lines().count(), 2);
}

#[test]
fn an_excluded_image_is_left_alone() {
    let fleet = with_one_missing();
    fleet.master().create(NewImage::new("d", "abc"));
    let words = ["sync", "RegionTwo", "--exclude-image", "{d,x}"];
    let outcome = fleet.glancesync(&words).events().run().expect(0);
    assert_eq!(fleet.region("RegionTwo").names(), ["a", "b, c"]);
    assert_eq!(
        outcome.events_named("run_started")[0]["excluded_images"][0],
        "{d,x}"
    );
    let outcome = fleet
        .glancesync(&["plan", "RegionTwo", "--exclude-image", "e"])
        .events()
        .run()
        .expect(0);
    outcome.assert_warns("no_match");
}

#[test]
fn an_option_without_effect_ends_the_program() {
    let fleet = Fleet::start();
    for (words, message) in [
        (
            &["status", "--keep-going"][..],
            "`--keep-going` does not go with `status`",
        ),
        (
            &["--show-regions", "--fail-on", "error"],
            "`--fail-on` does not go with `--show-regions`",
        ),
        (
            &["backup", "--image", "a"],
            "`--image` does not go with `backup`",
        ),
    ] {
        let outcome = fleet.glancesync(words).run().expect(2);
        outcome.assert_says(message);
        outcome.assert_changed_nothing();
    }
}

fn init(fleet: &Fleet, words: &[&str]) -> Outcome {
    let program = Program::bare(fleet).args(["init"]).args(words);
    openrc(fleet)
        .iter()
        .fold(program, |program, (name, value)| program.env(name, value))
        .run()
}

#[test]
fn a_first_configuration_works_and_holds_no_secret() {
    let fleet = Fleet::start();
    fleet.master().create(NewImage::new("a", "abc"));
    let file = fleet.work_dir().join("glancesync.conf");
    init(&fleet, &[])
        .expect(0)
        .assert_says("check-config --online");
    let text = fs::read_to_string(&file).unwrap();
    let password = &fleet.cloud.keystones["master"].sync.password;
    assert!(!text.contains(&format!("= {password}")), "{text}");
    let words = ["status", "RegionTwo", "--config-file", "glancesync.conf"];
    let program = Program::bare(&fleet)
        .args(words)
        .env("OS_PASSWORD", password);
    assert_eq!(
        program.run().expect(0).stdout,
        "pending_upload,RegionTwo,a\n"
    );
    // Nothing is ever written over it.
    init(&fleet, &[]).expect(2).assert_says("is there already");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    init(&fleet, &["--config", "main.max_children=2"]).expect(2);
    init(&fleet, &["/nowhere/glancesync.conf"]).expect(2);
}

#[test]
fn a_cloud_becomes_a_configuration_that_names_it() {
    let fleet = Fleet::start();
    let clouds = clouds_yaml(&fleet, "here");
    fs::write(fleet.work_dir().join("clouds.yaml"), clouds).unwrap();
    let words = ["init", "here.conf", "--os-cloud", "here"];
    Program::bare(&fleet).args(words).run().expect(0);
    let text = fs::read_to_string(fleet.work_dir().join("here.conf")).unwrap();
    assert!(text.contains("\ncloud = here\n"), "{text}");
    let words = ["regions", "--config-file", "here.conf"];
    let outcome = Program::bare(&fleet).args(words).run().expect(0);
    assert!(outcome.stdout.contains("RegionTwo\n"), "{outcome}");
    // The same without a file.
    let words = ["regions", "--os-cloud", "here"];
    Program::bare(&fleet).args(words).run().expect(0);
    let words = ["regions", "--os-cloud", "nowhere"];
    let outcome = Program::bare(&fleet).args(words).run().expect(2);
    outcome.assert_says("has no cloud `nowhere`");
}

/// What fish is offered for these words, of which the last is being typed.
fn offered(fleet: &Fleet, words: &[&str]) -> Vec<String> {
    let program = Program::bare(fleet).args(["--", "glancesync"]).args(words);
    let outcome = program.env("GLANCESYNC_COMPLETE", "fish").run().expect(0);
    let lines = outcome.stdout.lines();
    lines
        .filter_map(|line| Some(line.split('\t').next()?.to_owned()))
        .collect()
}

#[test]
fn a_shell_is_offered_commands_options_and_the_regions_of_the_last_run() {
    let fleet = Fleet::start();
    assert_eq!(offered(&fleet, &["sta"]), ["status"]);
    assert_eq!(
        offered(&fleet, &["status", "--exclude-"]),
        ["--exclude-image"]
    );
    let options = offered(&fleet, &["status", "--"]);
    assert!(options.iter().any(|option| option == "--fail-on"));
    assert!(!options.iter().any(|option| option == "--keep-going"));
    assert_eq!(offered(&fleet, &["sync", "Region"]), [""; 0]);
    fleet.glancesync(&["status"]).run().expect(0);
    assert_eq!(
        offered(&fleet, &["sync", "RegionT"]),
        ["RegionThree", "RegionTwo"]
    );
    assert_eq!(offered(&fleet, &["logs", "RegionTw"]), ["RegionTwo"]);
    for shell in ["bash", "zsh", "fish"] {
        let outcome = Program::bare(&fleet)
            .args(["completions", shell])
            .run()
            .expect(0);
        assert!(outcome.stdout.contains("GLANCESYNC_COMPLETE"), "{outcome}");
    }
}
