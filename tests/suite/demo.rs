//! `demo` and `sandbox`: a fleet of the program's own, what can go wrong there, and that nothing is left
//! of it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::common::{Fleet, Outcome, Program, wait_until};

/// A folder for temporary files, in which nothing else is.
struct Temporary<'a> {
    fleet: &'a Fleet,
    path: PathBuf,
}

impl<'a> Temporary<'a> {
    fn new(fleet: &'a Fleet) -> Self {
        let path = fleet.home().join("tmp");
        fs::create_dir(&path).unwrap();
        Self { fleet, path }
    }

    fn program(&self, words: &[&str]) -> Program<'a> {
        Program::bare(self.fleet)
            .env("TMPDIR", &self.path.display().to_string())
            .args(words.iter().copied())
    }

    fn run(&self, words: &[&str]) -> Outcome {
        self.program(words).run()
    }

    fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.path).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[track_caller]
    fn assert_empty(&self) {
        assert_eq!(self.folders(), Vec::<PathBuf>::new());
    }
}

#[test]
fn the_demo_shows_success_and_leaves_nothing_behind() {
    let fleet = Fleet::embedded(|_| ());
    let temporary = Temporary::new(&fleet);
    let outcome = temporary.run(&["demo", "--parallel"]).expect(0);
    let first = outcome.stderr.lines().next().unwrap();
    assert_eq!(
        first,
        "An embedded OpenStack on loopback: the master region Central and 6 regions."
    );
    for word in ["error", "warning", "HTTP"] {
        assert!(!outcome.stderr.contains(word), "{outcome}");
    }
    assert!(
        outcome.stdout.contains("1 in step, 5 changed."),
        "{outcome}"
    );
    // They are gone with the demo.
    assert!(!outcome.stdout.contains("Logs:"), "{outcome}");
    temporary.assert_empty();
}

#[test]
fn what_the_demo_is_to_keep_is_there_and_named() {
    let fleet = Fleet::embedded(|_| ());
    let temporary = Temporary::new(&fleet);
    let outcome = temporary
        .run(&["demo", "--keep", "--regions", "1"])
        .expect(0);
    let [folder] = &temporary.folders()[..] else {
        panic!("{outcome}")
    };
    let named = format!(
        "Configuration and logs of this demo: {}\n",
        folder.display()
    );
    assert!(outcome.stderr.contains(&named), "{outcome}");
    assert!(outcome.stdout.contains("Logs: "), "{outcome}");
    assert!(folder.join("glancesync.conf").is_file());
    let runs = fs::read_dir(folder).unwrap();
    let mut runs = runs.map(|entry| entry.unwrap().file_name());
    assert!(runs.any(|name| name.to_string_lossy().starts_with("sync_")));
}

#[test]
fn a_signal_leaves_nothing_behind_either() {
    let fleet = Fleet::embedded(|_| ());
    let temporary = Temporary::new(&fleet);
    let words = [
        "demo",
        "--regions",
        "1",
        "--images",
        "1",
        "--fault",
        "slow=North",
    ];
    for (signals, is_at_work) in [(1, false), (3, true)] {
        let running = temporary.program(&words).start();
        let name = if is_at_work {
            "sync_"
        } else {
            "glancesync-sandbox"
        };
        wait_until("the demo at work", || {
            let folders = temporary.folders().into_iter();
            let inside = folders
                .filter_map(|folder| fs::read_dir(folder).ok())
                .flatten();
            inside
                .filter_map(Result::ok)
                .any(|entry| entry.file_name().to_string_lossy().starts_with(name))
        });
        for signal in ["TERM", "INT", "INT"].iter().take(signals) {
            running.signal(signal);
        }
        running.wait().expect(130);
        temporary.assert_empty();
    }
}

#[test]
fn each_fault_is_what_its_name_says() {
    let fleet = Fleet::embedded(|_| ());
    let temporary = Temporary::new(&fleet);
    for (fault, code, words) in [
        ("down", 1, "[region_unreachable]"),
        ("unstable", 0, "1 changed."),
        ("slow", 0, "1 changed."),
        ("cut", 0, "1 changed."),
        ("late", 0, "1 changed."),
        ("expired", 0, "1 changed."),
        ("damaged", 1, "[checksum_mismatch]"),
        ("quota", 1, "[quota_exceeded]"),
        ("policy", 1, "[publish_refused]"),
        ("conflict", 0, "error_checksum: North (1)"),
        ("no-upload", 1, "[upload_failed]"),
        // What is uploaded has nothing to do with imports.
        ("no-import", 0, "1 changed."),
        ("failing", 0, "1 changed."),
        ("stuck", 0, "1 changed."),
        ("bad-raw", 0, "1 changed."),
    ] {
        let fault = format!("{fault}=North");
        let words_of_demo = ["demo", "--regions", "1", "--images", "1", "--fault", &fault];
        let outcome = temporary.run(&words_of_demo).expect(code);
        assert!(outcome.stdout.contains(words), "{fault}: {outcome}");
    }
    temporary.assert_empty();
}

#[test]
fn a_fleet_is_as_large_as_asked_for() {
    let fleet = Fleet::embedded(|_| ());
    let temporary = Temporary::new(&fleet);
    let words = ["demo", "--regions", "20", "--images", "30", "--show-status"];
    let outcome = temporary.run(&[&words[..], &["--format", "json"]].concat());
    let document: Value = serde_json::from_str(&outcome.expect(0).stdout).unwrap();
    let regions = document["regions"].as_array().unwrap();
    assert_eq!(regions.len(), 20);
    let images = |region: &Value| region["images"].as_array().unwrap().len();
    assert_eq!(images(&regions[0]), 30);
}

#[test]
fn what_has_no_effect_is_refused() {
    let fleet = Fleet::embedded(|_| ());
    let temporary = Temporary::new(&fleet);
    for (words, said) in [
        (
            &["demo", "--config-file", "x"][..],
            "`--config-file` does not go with `demo`; it belongs to sync,",
        ),
        (
            &["demo", "--wait-lock"],
            "`--wait-lock` does not go with `demo`",
        ),
        (&["demo", "--make-backup"], "add `--keep`"),
        (
            &["demo", "--fault", "down=Nowhere"],
            "the fleet has no region `Nowhere`, but North,",
        ),
        (
            &["demo", "--fault", "quota=Central"],
            "the master region is only read",
        ),
        (
            &["demo", "--fault", "up=West"],
            "there is no fault `up`, but down,",
        ),
        (&["demo", "--fault", "down"], "NAME=REGION"),
        (&["demo", "--regions", "0"], "'0'"),
        (
            &["sandbox", "--config", "a=b"],
            "`--config` does not go with `sandbox`",
        ),
        (
            &["sandbox", "--os-cloud", "a"],
            "`--os-cloud` does not go with `sandbox`",
        ),
        (
            &["demo", "--os-cloud", "a"],
            "`--os-cloud` does not go with `demo`",
        ),
        (&["sandbox", "-v"], "`--verbose` does not go with `sandbox`"),
        (&["sandbox", "--parallel"], "--parallel"),
    ] {
        let outcome = temporary.run(words).expect(2);
        assert!(outcome.stderr.contains(said), "{outcome}");
        temporary.assert_empty();
    }
}

#[test]
fn the_sandbox_says_by_its_file_that_it_answers() {
    let fleet = Fleet::embedded(|_| ());
    let temporary = Temporary::new(&fleet);
    let file = fleet.work_dir().join("fleet.env");
    let words = ["sandbox", "--regions", "2", "--env-file", "fleet.env"];
    let running = temporary.program(&words).start();
    wait_until("the file of the variables", || file.exists());
    let program = env!("CARGO_BIN_EXE_glancesync");
    let status = Command::new("sh")
        .args(["-c", &format!(". ./fleet.env && {program} --show-status")])
        .current_dir(fleet.work_dir())
        .output()
        .unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(
        status.contains("pending_upload,North,base_ubuntu_26.04"),
        "{status}"
    );
    running.signal("INT");
    let outcome = running.wait().expect(0);
    assert_eq!(outcome.stdout, "");
    temporary.assert_empty();
    assert!(!file.exists());
    let words = ["sandbox", "--env-file", "/no/such/folder/fleet.env"];
    let outcome = temporary.run(&words).expect(1);
    outcome.assert_says("--env-file /no/such/folder/fleet.env");
    temporary.assert_empty();
}
