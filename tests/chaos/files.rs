//! What the program writes: who may read it, where it lands, and what a name can do to it.

use std::path::PathBuf;
use std::process::Command;

use glancesync::sandbox::{ImageSeed, RegionSpec};

use crate::common::{Fleet, NewImage, Program};

/// Every file and folder below the folder of the test, the configuration left out.
fn below(fleet: &Fleet) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![
        fleet.work_dir(),
        fleet.home().join("home"),
        fleet.home().join("run"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}

/// Names that end a line, colour it, turn its letters round, or go back over it.
const FORGERS: [&str; 8] = [
    "x\n2026-01-01T00:00:00Z error: forged",
    "x\r\nforged",
    "x\u{1b}[31mforged\u{1b}[2K",
    "x\u{202e}forged",
    "x\u{2028}forged\u{85}forged\u{b}forged",
    "x\u{9b}2Jforged\u{7}",
    "x\u{8}\u{8}\u{8}forged\u{7f}",
    "x\u{2066}forged\u{200f}\u{feff}",
];

#[test]
fn no_name_forges_a_line() {
    let fleet = Fleet::embedded(|_| ());
    let sandbox = fleet.sandbox();
    for name in FORGERS {
        let seed = ImageSeed::new(name, name).property("nid", name);
        sandbox.add_image("master:RegionOne", &seed).unwrap();
        let other =
            ImageSeed::new(name, "other").owner(fleet.region("RegionTwo").foreign_project());
        sandbox.add_image("master:RegionTwo", &other).unwrap();
        sandbox
            .add_image("master:RegionTwo", &ImageSeed::new(name, "another"))
            .unwrap();
    }
    for words in [
        &["--dry-run", "-v"][..],
        &["--show-status", "--format", "table"],
        &["--parallel", "-vvv"],
        &["--parallel", "-vvv", "--log-format", "json"],
    ] {
        let program = Program::with(&fleet, &fleet.config()).args(words);
        let outcome = program.args(["RegionTwo", "RegionThree"]).run();
        assert!(matches!(outcome.code, Some(0 | 1)), "{outcome}");
        let logs = below(&fleet)
            .into_iter()
            .filter(|path| path.extension().is_some_and(|kind| kind == "txt"))
            .map(|path| {
                (
                    path.display().to_string(),
                    std::fs::read_to_string(path).unwrap(),
                )
            });
        let outputs = [
            ("standard output".to_owned(), outcome.stdout.clone()),
            ("standard error".to_owned(), outcome.stderr.clone()),
        ];
        for (place, text) in outputs.into_iter().chain(logs) {
            for line in text.split('\n') {
                let is_forged = line.trim_start().starts_with("forged")
                    || line.starts_with("2026-01-01T00:00:00Z")
                    || line.chars().any(is_dangerous);
                assert!(!is_forged, "{words:?}: {place}: {line:?}");
            }
        }
    }
}

fn is_dangerous(character: char) -> bool {
    (character.is_control() && character != '\t')
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        )
        || ('\u{202a}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
}

#[test]
fn no_region_writes_outside_of_its_folder() {
    let names = [
        "../outside",
        "../../outside",
        "/outside",
        "..",
        ".",
        ".hidden",
        "a/../../../outside",
        "a/b",
        "x\u{1b}[2J",
        "new\nline",
        "run.json",
        "nul\u{0}",
    ];
    let fleet = Fleet::embedded(|spec| {
        let regions = &mut spec.keystones[0].regions;
        let more = names.iter().map(|name| RegionSpec {
            schema_image_json: false,
            ..RegionSpec::new(*name)
        });
        regions.extend(more);
    });
    fleet.master().create(NewImage::new("a", "abc"));
    let before = below(&fleet);
    for words in [
        &["--parallel", "--max-children", "4"][..],
        &["--make-backup"],
    ] {
        let outcome = Program::with(&fleet, &fleet.config()).args(words).run();
        assert_eq!(outcome.code, Some(0), "{outcome}");
    }
    let work = fleet.work_dir();
    for path in below(&fleet).iter().filter(|path| !before.contains(path)) {
        if let Ok(inside) = path.strip_prefix(&work) {
            let depth = inside.components().count();
            let folder = inside
                .components()
                .next()
                .unwrap()
                .as_os_str()
                .to_string_lossy();
            // The runs' own records of themselves.
            if folder == ".glancesync" {
                continue;
            }
            let is_folder = folder.starts_with("sync_") || folder.starts_with("backup_glance_");
            assert!(is_folder && depth <= 2, "{}", path.display());
            let name = path.file_name().unwrap().to_string_lossy();
            assert!(
                !name.starts_with('.') && !name.chars().any(char::is_control),
                "{name:?}"
            );
        }
    }
    for place in [
        fleet.home().join("outside.txt"),
        fleet.home().join("outside.json"),
    ] {
        assert!(!place.exists(), "{}", place.display());
    }
}

/// A small disk at that folder; none where this user may not make one.
fn small_disk(at: &std::path::Path) -> Option<Mounted> {
    std::fs::create_dir_all(at).ok()?;
    let done = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs"])
        .arg(at)
        .output()
        .ok()?;
    done.status.success().then(|| Mounted(at.to_owned()))
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Fills what is left of a disk.
fn fill(folder: &std::path::Path) {
    let _ = std::fs::write(folder.join("filler"), vec![0; 64 << 10]);
}

#[test]
fn a_full_disk_of_logs_costs_no_work_and_one_of_state_ends_the_run_before_it() {
    let full = |which: &str| {
        let fleet = Fleet::embedded(|_| ());
        fleet.master().create(NewImage::new("a", "abc"));
        let logs = fleet.home().join("logs");
        let state = fleet.home().join("home/.local/state");
        let disk = small_disk(if which == "logs" { &logs } else { &state })?;
        fill(&disk.0);
        std::fs::create_dir_all(&logs).unwrap();
        let config = fleet
            .config()
            .set("main", "log_dir", &logs.display().to_string());
        let program = Program::with(&fleet, &config).events().args(["--parallel"]);
        let outcome = program.args(["RegionTwo"]).run();
        let names = fleet.region("RegionTwo").names();
        if which == "logs" {
            assert_eq!(outcome.code, Some(0), "{outcome}");
            assert!(!outcome.warnings().is_empty(), "{outcome}");
            assert_eq!(names, ["a"]);
        } else {
            // Without a lock nothing is changed.
            assert_eq!(outcome.code, Some(2), "{outcome}");
            assert_eq!(outcome.events_named("error")[0]["code"], "state_unwritable");
            assert_eq!(names, [""; 0]);
        }
        drop(disk);
        Some(())
    };
    for which in ["logs", "state"] {
        if full(which).is_none() {
            println!("left out: this user may not mount a small disk for {which}");
        }
    }
}
