//! python-openstackclient says and does the same against an embedded fleet as against real
//! servers.
//!
//! Ignored unless asked for: the lab brings the client and the real servers, and `tests/run` asks.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::{Fleet, NewImage, Who};

/// What a command of the client left behind.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    succeeded: bool,
    /// JSON, where the client was asked for it: the order of its keys is any.
    stdout: Value,
    stderr: String,
}

/// A real and an embedded fleet, to which the same is done.
struct Pair {
    fleets: [Fleet; 2],
    region: &'static str,
}

impl Pair {
    fn start() -> Self {
        let real = Fleet::start();
        assert!(
            real.cloud.openstack_command.is_some(),
            "run this with the lab, as tests/run does"
        );
        Self {
            fleets: [real, Fleet::embedded(|_| ())],
            region: "RegionTwo",
        }
    }

    /// Prepares both fleets in the same way.
    fn create(&self, image: &NewImage) {
        for fleet in &self.fleets {
            fleet.region(self.region).create(image.clone());
        }
    }

    /// Runs the same command against both fleets.
    fn both(&self, who: Who, words: &[&str]) -> [Answer; 2] {
        let command = self.fleets[0].cloud.openstack_command.as_deref().unwrap();
        std::thread::scope(|scope| {
            let run =
                |fleet| scope.spawn(move || openstack(fleet, command, self.region, who, words));
            let runs = self.fleets.each_ref().map(run);
            runs.map(|run| run.join().unwrap())
        })
    }

    /// Runs the same command against both fleets, and gives the answer that both gave.
    #[track_caller]
    fn same(&self, who: Who, words: &[&str]) -> Answer {
        let [real, embedded] = self.both(who, words);
        assert_eq!(
            embedded, real,
            "embedded (left) and real (right): openstack {words:?}"
        );
        real
    }

    #[track_caller]
    fn succeeds(&self, words: &[&str]) -> Answer {
        let answer = self.same(Who::Sync, words);
        assert!(answer.succeeded, "openstack {words:?}: {answer:?}");
        answer
    }

    #[track_caller]
    fn fails(&self, who: Who, words: &[&str]) {
        let answer = self.same(who, words);
        assert!(!answer.succeeded, "openstack {words:?}: {answer:?}");
    }
}

fn openstack(fleet: &Fleet, command: &Path, region: &str, who: Who, words: &[&str]) -> Answer {
    let keystone = &fleet.cloud.keystones["master"];
    let user = keystone.user(who);
    let output = Command::new(command)
        .args(words)
        .env_clear()
        .env("HOME", fleet.home())
        .env("OS_AUTH_URL", &keystone.url)
        .env("OS_USERNAME", &user.name)
        .env("OS_PASSWORD", &user.password)
        .env("OS_PROJECT_NAME", &user.project)
        .env("OS_USER_DOMAIN_NAME", &keystone.domain)
        .env("OS_PROJECT_DOMAIN_NAME", &keystone.domain)
        .env("OS_IDENTITY_API_VERSION", "3")
        .env("OS_REGION_NAME", region)
        .current_dir(fleet.work_dir())
        .output()
        .expect("the client runs");
    let text = |bytes: &[u8]| neutral(fleet, &String::from_utf8_lossy(bytes));
    let stdout = text(&output.stdout);
    let mut stdout = serde_json::from_str(&stdout).unwrap_or(Value::String(stdout));
    sort_tags(&mut stdout);
    Answer {
        succeeded: output.status.success(),
        stdout,
        stderr: text(&output.stderr),
    }
}

/// Real servers list the tags of an image in any order.
fn sort_tags(answer: &mut Value) {
    match answer {
        Value::Array(items) => items.iter_mut().for_each(sort_tags),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_array_mut() {
                    Some(tags) if name.eq_ignore_ascii_case("tags") => {
                        tags.sort_by_key(Value::to_string);
                    }
                    _ => sort_tags(value),
                }
            }
        }
        _ => {}
    }
}

/// The text without what differs from fleet to fleet: addresses, ids and times.
fn neutral(fleet: &Fleet, text: &str) -> String {
    let mut text = text.to_owned();
    for facts in &fleet.cloud.regions {
        text = text.replace(&facts.url, &format!("<{}>", facts.full_name()));
    }
    for (target, keystone) in &fleet.cloud.keystones {
        text = text.replace(&keystone.url, &format!("<keystone:{target}>"));
        for user in [&keystone.sync, &keystone.foreign] {
            text = text.replace(&user.project_id, &format!("<{target}:{}>", user.project));
        }
    }
    let belongs = |c: char| c.is_ascii_alphanumeric() || "-:+.".contains(c);
    let mut whole = String::new();
    for piece in text.split_inclusive(|c| !belongs(c)) {
        let word = piece.trim_end_matches(|c| !belongs(c));
        whole += if uuid::Uuid::try_parse(word).is_ok() && word.contains('-') {
            "<id>"
        } else if word.len() >= 20
            && chrono::DateTime::parse_from_rfc3339(&colon_in_zone(word)).is_ok()
        {
            "<time>"
        } else {
            word
        };
        whole += &piece[word.len()..];
    }
    whole
}

/// `+0000`, as the client writes a zone, as `+00:00`.
fn colon_in_zone(word: &str) -> String {
    word.strip_suffix("+0000")
        .map_or(word.to_owned(), |time| format!("{time}+00:00"))
}

/// Writes the same file into both fleets' working folders.
fn write(pair: &Pair, name: &str, content: &[u8]) {
    for fleet in &pair.fleets {
        std::fs::write(fleet.work_dir().join(name), content).unwrap();
    }
}

#[test]
#[ignore = "needs the lab"]
fn a_token_and_the_catalogue_look_the_same() {
    let pair = Pair::start();
    pair.succeeds(&[
        "token",
        "issue",
        "-f",
        "json",
        "-c",
        "project_id",
        "-c",
        "expires",
    ]);
    let [mut real, mut embedded] = pair.both(Who::Sync, &["catalog", "list", "-f", "json"]);
    for answer in [&mut real, &mut embedded] {
        let services = answer.stdout.as_array_mut().expect("services");
        for endpoints in services.iter_mut().map(|service| &mut service["Endpoints"]) {
            let endpoints = endpoints.as_array_mut().expect("endpoints");
            for endpoint in endpoints.iter_mut() {
                endpoint["id"].take();
            }
            endpoints.sort_by_key(Value::to_string);
        }
        services.sort_by_key(Value::to_string);
    }
    assert_eq!(embedded, real);
}

#[test]
#[ignore = "needs the lab"]
fn images_are_created_shown_saved_and_deleted_alike() {
    let pair = Pair::start();
    write(&pair, "content", &vec![7; 100_000]);
    let formats = ["--disk-format", "raw", "--container-format", "bare"];
    let create = [&["image", "create", "-f", "json"], &formats[..]].concat();
    let plain = pair.succeeds(&[&create[..], &["--file", "content", "plain, \"name\" …"]].concat());
    assert_eq!(plain.stdout["status"], "active", "{plain:?}");
    let words = [
        "--public",
        "--property",
        "nid=1",
        "--property",
        "a b=ü",
        "--tag",
        "x",
        "--tag",
        "y",
    ];
    let more = [
        "--protected",
        "--min-disk",
        "3",
        "--min-ram",
        "7",
        "--file",
        "content",
        "rich",
    ];
    pair.succeeds(&[&create[..], &words, &more].concat());
    pair.succeeds(&[&create[..], &["queued"]].concat());
    pair.succeeds(&["image", "show", "-f", "json", "rich"]);
    pair.succeeds(&["image", "show", "-f", "json", "queued"]);
    pair.succeeds(&["image", "save", "--file", "saved", "rich"]);
    for fleet in &pair.fleets {
        assert_eq!(
            std::fs::read(fleet.work_dir().join("saved")).unwrap(),
            vec![7; 100_000]
        );
    }
    pair.fails(Who::Sync, &["image", "delete", "rich"]);
    pair.succeeds(&["image", "delete", "queued"]);
    pair.fails(Who::Sync, &["image", "show", "queued"]);
    pair.fails(
        Who::Sync,
        &["image", "delete", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"],
    );
    let wrong = [
        "image",
        "create",
        "--disk-format",
        "floppy",
        "--container-format",
        "bare",
        "wrong",
    ];
    pair.fails(Who::Sync, &wrong);
    pair.fails(
        Who::Sync,
        &[
            &create[..],
            &["--file", "content", "--property", "os_glance_x=1", "w"],
        ]
        .concat(),
    );
}

#[test]
#[ignore = "needs the lab"]
fn lists_are_filtered_and_sorted_alike() {
    let pair = Pair::start();
    pair.create(
        &NewImage::new("a", "abc")
            .with("nid", "1")
            .with("tags", serde_json::json!(["x"])),
    );
    pair.create(&NewImage::new("b", "abcdef").private().with("nid", "2"));
    pair.create(&NewImage::new("c", "").with("os_hidden", true));
    pair.create(&NewImage::queued("d"));
    pair.create(&NewImage::new("e", "abc").private().by(Who::Foreign));
    pair.create(&NewImage::new("f", "abc").with("visibility", "community"));
    let list = ["image", "list", "-f", "json", "--sort", "name:asc"];
    for words in [
        &[][..],
        &["--long"],
        &["--public"],
        &["--private"],
        &["--community"],
        &["--shared"],
        &["--all"],
        &["--hidden"],
        &["--name", "b"],
        &["--status", "queued"],
        &["--tag", "x"],
        &["--property", "nid=2"],
        &["--limit", "2"],
    ] {
        pair.same(Who::Sync, &[&list[..], words].concat());
    }
    for words in [&[][..], &["--community"], &["--private"]] {
        pair.same(Who::Foreign, &[&list[..], words].concat());
    }
    pair.same(
        Who::Sync,
        &[
            "image",
            "list",
            "-f",
            "json",
            "-c",
            "Name",
            "--sort",
            "size:desc,name:asc",
        ],
    );
}

#[test]
#[ignore = "needs the lab"]
fn images_are_changed_alike() {
    let pair = Pair::start();
    pair.create(&NewImage::new("a", "abc").with("nid", "1"));
    for words in [
        &[
            "set",
            "--property",
            "nid=2",
            "--property",
            "type=x",
            "--tag",
            "t",
            "a",
        ][..],
        &["set", "--private", "--protected", "--min-ram", "9", "a"],
        &["set", "--public", "--unprotected", "--name", "b", "a"],
        &["set", "--hidden", "b"],
        &["set", "--unhidden", "b"],
        &["unset", "--property", "type", "--tag", "t", "b"],
        &["set", "--deactivate", "b"],
        &["set", "--activate", "b"],
        &[
            "set",
            "--kernel-id",
            "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
            "b",
        ],
    ] {
        pair.succeeds(&[&["image"], words].concat());
        let name = if words.contains(&"b") { "b" } else { "a" };
        pair.succeeds(&["image", "show", "-f", "json", name]);
    }
    pair.fails(Who::Sync, &["image", "unset", "--property", "absent", "b"]);
    pair.fails(Who::Sync, &["image", "unset", "--tag", "absent", "b"]);
    pair.fails(
        Who::Sync,
        &["image", "set", "--property", "os_glance_x=1", "b"],
    );
    pair.fails(Who::Sync, &["image", "set", "--disk-format", "iso", "b"]);
}

#[test]
#[ignore = "needs the lab"]
fn another_projects_member_is_refused_alike() {
    let pair = Pair::start();
    pair.create(&NewImage::new("public", "abc"));
    pair.create(&NewImage::new("private", "abc").private());
    pair.create(&NewImage::new("own", "abc").private().by(Who::Foreign));
    pair.same(Who::Foreign, &["image", "show", "-f", "json", "public"]);
    pair.fails(Who::Foreign, &["image", "show", "private"]);
    pair.fails(
        Who::Foreign,
        &["image", "set", "--property", "a=b", "public"],
    );
    pair.fails(Who::Foreign, &["image", "delete", "public"]);
    pair.fails(Who::Foreign, &["image", "set", "--public", "own"]);
    pair.same(Who::Foreign, &["image", "set", "--deactivate", "public"]);
    pair.succeeds(&["image", "show", "-f", "json", "public"]);
}
