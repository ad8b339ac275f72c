//! What happens to real servers: they are killed, frozen, cut off from their Keystone, full, and the
//! program is killed at any moment. After each, one run puts everything right.
//!
//! Too slow to be looked at with every change: `tests/run` asks for them. What needs other servers
//! than the usual ones says so, and `tests/run` has a fleet of such for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::common::wait::at_a_drawn_moment;
use crate::common::{Config, Fleet, NewImage, Outcome, Program, Region, wait_until};

/// Three images, one of them large, and an old one of the first in `RegionTwo`.
fn fleet() -> Fleet {
    let fleet = Fleet::start();
    for (name, size) in [("a", 5 << 20), ("b", 9 << 20), ("large", 96 << 20)] {
        let image = NewImage::new(name, vec![name.as_bytes()[0]; size]).with("nid", "1");
        fleet.master().create(image);
    }
    let region = fleet.region("RegionTwo");
    region.create(NewImage::new("a", "old"));
    region.create(NewImage::new("local", "local"));
    fleet
}

fn config(fleet: &Fleet) -> Config {
    let config = fleet
        .config()
        .master("replace", "any")
        .master("retries", "1")
        // A server that was killed itself leaves its image `saving` for ever.
        .master("save_timeout", "10");
    config.master("upload_stall_timeout", "3")
}

fn start<'a>(fleet: &'a Fleet, config: &Config) -> Program<'a> {
    Program::with(fleet, config).events().args(["RegionTwo"])
}

/// What holds at any time: the old names are there, and what others see is whole.
#[track_caller]
fn assert_sound(region: &Region<'_>) {
    for name in ["a", "local"] {
        let mut images = region.named(name);
        images.retain(|image| image["status"] == "active" && image["visibility"] == "public");
        assert!(!images.is_empty(), "{name} is gone: {:?}", region.images());
    }
    for image in region.images() {
        let is_whole = image["status"] == "active" && !image["checksum"].is_null();
        assert!(is_whole || image["visibility"] == "private", "{image}");
    }
}

/// One run puts everything right, and the next finds nothing to do.
#[track_caller]
fn assert_recovered(fleet: &Fleet, before: &Outcome) {
    let region = fleet.region("RegionTwo");
    assert_sound(&region);
    let outcome = fleet.run(&config(fleet), &["RegionTwo"]);
    assert_eq!(outcome.code, Some(0), "{outcome}\nafter {before}");
    assert_eq!(
        region.names(),
        ["a", "b", "large", "local"],
        "{outcome}\nafter {before}"
    );
    for image in region.images() {
        assert_eq!(image["tags"], json!([]), "{image}");
        let name = image["name"].as_str().unwrap();
        if name != "local" {
            assert_eq!(
                image["checksum"],
                fleet.master().the(name)["checksum"],
                "{image}"
            );
        }
    }
    let again = fleet.run(&config(fleet), &["RegionTwo"]).expect(0);
    again.assert_changed_nothing();
}

#[test]
#[ignore = "slow; tests/run asks for it"]
fn a_glance_that_is_killed_in_mid_upload() {
    let fleet = fleet();
    // Slow enough to be caught in the act.
    let running = start(&fleet, &config(&fleet).master("bwlimit", "30M")).start();
    fleet.region("RegionTwo").wait_for_an_upload();
    fleet.take_down("master:RegionTwo");
    let outcome = running.wait().expect(1);
    fleet.bring_back("master:RegionTwo");
    assert_recovered(&fleet, &outcome);
}

/// A connection to a server of this machine, as the kernel sees it at one of its ends.
struct Connection {
    /// The server's end, or the client's.
    is_of_server: bool,
    state: String,
    /// What came and was not read yet.
    unread_bytes: u64,
}

impl Connection {
    /// Both ends of all connections to that region.
    fn of(region: &Region<'_>) -> Vec<Self> {
        let (_, port) = region.facts.url.rsplit_once(':').unwrap();
        let port: u16 = port.split('/').next().unwrap().parse().unwrap();
        let suffix = format!(":{port:04X}");
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let lines = table.lines().skip(1).map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let is_of_server = words[1].ends_with(&suffix);
            let (_, unread) = words[4].split_once(':').unwrap();
            let connection = Self {
                is_of_server,
                state: words[3].to_owned(),
                unread_bytes: u64::from_str_radix(unread, 16).unwrap(),
            };
            (is_of_server || words[2].ends_with(&suffix)).then_some(connection)
        });
        lines.flatten().collect()
    }

    /// Its client has closed it, and its server takes no notice: FIN-WAIT-1 or 2.
    fn is_closing(&self) -> bool {
        !self.is_of_server && ["04", "05"].contains(&self.state.as_str())
    }

    /// A request without content waits for its server.
    fn has_request(&self) -> bool {
        self.is_of_server && self.state == "01" && (1..4096).contains(&self.unread_bytes)
    }
}

#[test]
#[ignore = "slow; tests/run asks for it"]
fn a_glance_that_stands_still_in_mid_upload() {
    let fleet = fleet();
    if !fleet.is_real() {
        return;
    }
    // A second try would find the region thawed, and succeed.
    let config = config(&fleet)
        .master("bwlimit", "30M")
        .master("retries", "0");
    let running = start(&fleet, &config).start();
    // A small one is in the buffers of the connection as a whole before its server reads it.
    let region = fleet.region("RegionTwo");
    wait_until("the large upload under way", || {
        let images = region.named("large");
        images.iter().any(|image| image["status"] == "saving")
    });
    fleet.tell("freeze", "master:RegionTwo");
    wait_until("an upload that was given up", || {
        Connection::of(&region).iter().any(Connection::is_closing)
    });
    wait_until("what is done after it", || {
        Connection::of(&region).iter().any(Connection::has_request)
    });
    fleet.tell("thaw", "master:RegionTwo");
    let outcome = running.wait().expect(1);
    assert!(outcome.stderr.contains("upload_stalled"), "{outcome}");
    assert_recovered(&fleet, &outcome);
}

#[test]
#[ignore = "slow; tests/run asks for it"]
fn a_keystone_that_goes_down_in_mid_run() {
    let fleet = fleet();
    let running = start(&fleet, &config(&fleet).master("bwlimit", "30M")).start();
    fleet.region("RegionTwo").wait_for_an_upload();
    fleet.take_down("keystone:master");
    let outcome = running.wait();
    assert!(matches!(outcome.code, Some(0 | 1)), "{outcome}");
    fleet.bring_back("keystone:master");
    assert_recovered(&fleet, &outcome);
}

#[test]
#[ignore = "slow; tests/run asks for it"]
fn a_run_that_is_killed_at_any_moment() {
    let fleet = fleet();
    let config_slow = config(&fleet).master("bwlimit", "60M");
    let mut last = None;
    for kill in 0..14_u64 {
        let running = start(&fleet, &config_slow).start();
        // Moments all over a run, and never the same twice.
        at_a_drawn_moment(Duration::from_millis(150 + kill * 173 % 1900));
        running.signal("KILL");
        last = Some(running.wait());
        assert_sound(&fleet.region("RegionTwo"));
        if kill % 4 == 3 {
            let region = fleet.region("RegionTwo");
            assert_recovered(&fleet, last.as_ref().unwrap());
            for name in ["b", "large"] {
                region.delete(region.the(name)["id"].as_str().unwrap());
            }
        }
    }
    assert_recovered(&fleet, &last.unwrap());
}

#[test]
#[ignore = "slow; tests/run asks for it"]
fn two_runs_of_two_installations_at_once() {
    let fleet = fleet();
    let state = fleet.home().join("second");
    let first = start(&fleet, &config(&fleet)).start();
    let second = start(&fleet, &config(&fleet))
        .env("XDG_STATE_HOME", &state.display().to_string())
        .start();
    let (first, second) = (first.wait(), second.wait());
    for outcome in [first, second] {
        assert!(matches!(outcome.code, Some(0 | 1)), "{outcome}");
    }
    let region = fleet.region("RegionTwo");
    assert_sound(&region);
    fleet.run(&config(&fleet), &["RegionTwo"]).expect(0);
    for image in region.images() {
        assert_eq!(
            (&image["tags"], &image["status"]),
            (&json!([]), &json!("active"))
        );
    }
}

/// Half a minute of sending, while each token is good for twenty seconds.
#[test]
#[ignore = "slow; tests/run has a fleet with tokens of 20 s for it"]
fn tokens_that_end_while_content_is_sent() {
    let fleet = fleet();
    let config = config(&fleet).master("bwlimit", "3M");
    let outcome = start(&fleet, &config).run().expect(0);
    assert_eq!(outcome.errors(), [""; 0], "{outcome}");
    assert_recovered(&fleet, &outcome);
}

/// Says what the fleet's quota is, where it has one.
const QUOTA: &str = "GLANCESYNC_TEST_QUOTA";

#[test]
#[ignore = "slow; tests/run has a fleet with a quota of 50 MB for it"]
fn a_quota_that_is_reached() {
    if std::env::var_os(QUOTA).is_none() {
        return;
    }
    // The master region has the same quota, so its image comes under it only by being the last.
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", vec![b'a'; 5 << 20]));
    fleet
        .master()
        .create(NewImage::new("b", vec![b'b'; 30 << 20]));
    let region = fleet.region("RegionTwo");
    let local = region.create(NewImage::new("local", vec![b'l'; 30 << 20]));
    let outcome = fleet
        .run(&config(&fleet), &["RegionTwo", "RegionThree"])
        .expect(1);
    outcome.assert_fails("quota_exceeded b");
    assert_eq!(region.names(), ["a", "local"], "{outcome}");
    assert_eq!(fleet.region("RegionThree").names(), ["a", "b"], "{outcome}");
    region.delete(&local);
    fleet.run(&config(&fleet), &["RegionTwo"]).expect(0);
    assert_eq!(region.names(), ["a", "b"]);
}

/// A small disk mounted over a folder; none where this user may not do that.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, mib: u32) -> Option<Self> {
        let size = format!("size={mib}m,mode=777");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at)
            .output();
        let is_mounted = mount.is_ok_and(|output| output.status.success());
        is_mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
#[ignore = "slow; tests/run asks for it"]
fn a_store_whose_disk_is_full() {
    let fleet = Fleet::start();
    fleet
        .master()
        .create(NewImage::new("a", vec![b'a'; 5 << 20]));
    fleet
        .master()
        .create(NewImage::new("b", vec![b'b'; 40 << 20]));
    let region = fleet.region("RegionTwo");
    let Some(disk) = SmallDisk::mount(&region.facts.images_dir, 20) else {
        return;
    };
    let outcome = fleet
        .run(&config(&fleet), &["RegionTwo", "RegionThree"])
        .expect(1);
    outcome.assert_fails("quota_exceeded b");
    assert_eq!(region.names(), ["a"], "{outcome}");
    assert_eq!(fleet.region("RegionThree").names(), ["a", "b"], "{outcome}");
    region.purge();
    drop(disk);
    fleet.run(&config(&fleet), &["RegionTwo"]).expect(0);
    assert_eq!(region.names(), ["a", "b"]);
}
