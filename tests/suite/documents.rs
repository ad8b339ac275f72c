//! What the documents and the help texts tell people to type is what the program understands: each
//! such command is run against a fleet with the regions that they name.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use glancesync::sandbox::RegionSpec;

use crate::common::config::credential;
use crate::common::{Fleet, NewImage, Program};
use crate::credentials::{clouds_yaml, openrc};

/// The names that documents use for what a reader has: a run, a backup, a folder.
const RUN: &str = "sync_20261124_0315";
const BACKUP: &str = "backup_glance_20261124_031500";
const FOLDERS: [&str; 2] = ["/var/log/glancesync", METRICS];
/// Where all of them have the metrics.
const METRICS: &str = "/var/lib/glancesync";

/// Every page that people read, by its name.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md")];
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    paths.extend(docs.filter(|path| path.extension().is_some_and(|end| end == "md")));
    paths.sort();
    let page = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    paths.iter().map(page).collect()
}

/// The help of the program and of each of its commands.
fn helps(fleet: &Fleet) -> Vec<(String, String)> {
    let help = |words: &[&str]| {
        let outcome = Program::bare(fleet).args(words.iter().copied()).run();
        outcome.expect(0).stdout
    };
    let program = help(&["--help"]);
    let commands = program.split("Commands:\n").nth(1).unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(names.len() >= 6, "{names:?}");
    let of_commands = names.iter().map(|name| {
        let words = ["help", name];
        (words.join(" "), help(&words))
    });
    let of_commands: Vec<_> = of_commands.collect();
    let mut helps = vec![("--help".to_owned(), program)];
    helps.extend(of_commands);
    helps
}

/// The indented lines that begin with the program's name, or would do so in a crontab.
fn commands(text: &str) -> Vec<String> {
    let pieces: Vec<&str> = text.split("\\\n").collect();
    let (first, rest) = pieces.split_first().unwrap();
    let rest = rest.iter().map(|piece| piece.trim_start());
    let joined: String = std::iter::once(*first).chain(rest).collect();
    joined
        .lines()
        .filter(|line| line.starts_with("  "))
        .filter_map(|line| {
            let line = line.trim();
            let cron = line.strip_prefix("15 3 * * * ").unwrap_or(line);
            let is_command = cron.starts_with("glancesync ") && !cron.contains('<');
            is_command.then(|| first_stage(cron))
        })
        // A fleet that is kept running has no end, and one look at the demo is enough.
        .filter(|command| !command.starts_with("glancesync sandbox"))
        .filter(|command| !command.contains("demo ") || command.ends_with("demo --dry-run"))
        .collect()
}

/// The command itself, without what its output is piped into, and without what explains it.
fn first_stage(line: &str) -> String {
    let mut quote = None;
    for (place, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '|' | '>' | '&') => return line[..place].trim().to_owned(),
            (None, '#') if line[..place].ends_with(' ') => return line[..place].trim().to_owned(),
            // In a help text the explanation follows after several spaces.
            (None, ' ') if line[place..].starts_with("   ") => {
                return line[..place].trim().to_owned();
            }
            _ => {}
        }
    }
    line.to_owned()
}

/// A fleet with every region that a document names, one past run and one backup.
fn fleet() -> Fleet {
    let fleet = Fleet::embedded(|spec| {
        spec.keystones[0].regions.push(RegionSpec::new("Trento"));
        spec.keystones[1].regions.push(RegionSpec::new("Berlin"));
    });
    fleet.master().create(NewImage::new("base_alpine", "abc"));
    let work = fleet.work_dir();
    let config = fleet
        .config()
        .set("main", "log_dir", work.to_str().unwrap())
        .set("partner", "credential", &credential(&fleet.cloud, "other"))
        .set("main", "waves", "canary: Trento; rest")
        .set("DEFAULT", "retries", "0");
    let words = ["--parallel", "master:", "other:"];
    fleet.run(&config, &words).expect(0);
    fleet.run(&config, &["--make-backup"]).expect(0);
    for entry in fs::read_dir(&work).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("sync_") {
            let records = work.join(".glancesync");
            let record = |run: &str| records.join(format!("{run}.ndjson"));
            fs::rename(record(&name), record(RUN)).unwrap();
            fs::rename(&path, work.join(RUN)).unwrap();
        } else if name.starts_with("backup_") {
            fs::rename(&path, work.join(BACKUP)).unwrap();
        }
    }
    let folder = work.join("DIR");
    fs::create_dir(&folder).unwrap();
    fs::copy(
        work.join(BACKUP).join("Trento.json"),
        folder.join("Trento.json"),
    )
    .unwrap();
    fleet.write_private("glancesync.conf", &config.text());
    fs::write(work.join("openrc.sh"), "").unwrap();
    fs::write(work.join("clouds.yaml"), clouds_yaml(&fleet, "production")).unwrap();
    fleet
}

/// Runs a command as a shell would, and gives its exit code and what it said.
fn run(fleet: &Fleet, command: &str) -> (Option<i32>, String) {
    let work = fleet.work_dir();
    let config = fleet.home().join("glancesync.conf");
    let mut command = command.replace("/etc/glancesync.conf", config.to_str().unwrap());
    for folder in FOLDERS {
        command = command.replace(folder, work.to_str().unwrap());
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_glancesync"));
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("sh")
        .args(["-c", &command])
        .env_clear()
        .env(
            "PATH",
            format!("{}:{path}", binary.parent().unwrap().display()),
        )
        .env("GLANCESYNC_CONFIG", config)
        .env("HOME", fleet.home().join("home"))
        .envs(openrc(fleet))
        .env("TMPDIR", fleet.home())
        .current_dir(work)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn every_command_in_the_documents_and_helps_is_understood() {
    let fleet = fleet();
    let mut seen = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for (page, text) in pages().into_iter().chain(helps(&fleet)) {
        for command in commands(&text) {
            if !seen.insert(command.clone()) {
                continue;
            }
            // Something may still be pending or down; what counts is that it was understood.
            let (code, said) = run(&fleet, &command);
            if !matches!(code, Some(0 | 1)) {
                wrong.push(format!("{page}: {command}\nexit code {code:?}\n{said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() > 40, "{seen:#?}");
}

#[test]
fn what_stands_in_a_crontab_is_what_cron_runs() {
    let fleet = fleet();
    let mut seen = 0;
    for (page, text) in pages() {
        let lines = text.lines().map(str::trim_start);
        for line in lines.filter_map(|line| line.strip_prefix("15 3 * * * ")) {
            seen += 1;
            let bare = line.replace("\\%", "");
            assert!(
                !bare.contains('%'),
                "{page}: cron ends the command at a bare %: {line}"
            );
            let (code, said) = run(&fleet, &line.replace("\\%", "%"));
            assert!(
                matches!(code, Some(0 | 1)),
                "{page}: {line}: {code:?} {said}"
            );
        }
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn the_alerts_are_quiet_while_the_shipped_timer_runs_every_night() {
    // A night, the timer's own delay, and a run of five hours.
    const NIGHT: u32 = 30;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let timer = fs::read_to_string(root.join("systemd/glancesync.timer")).unwrap();
    assert!(timer.contains("OnCalendar=*-*-* 03:15:00"), "{timer}");
    let alerts = fs::read_to_string(root.join("monitoring/alerts.yml")).unwrap();
    let ages: Vec<u32> = alerts
        .lines()
        .filter_map(|line| {
            line.split("> ")
                .nth(1)?
                .strip_suffix(" * 3600")?
                .parse()
                .ok()
        })
        .collect();
    assert_eq!(ages.len(), 2, "{alerts}");
    assert!(ages.iter().all(|hours| *hours >= NIGHT), "{ages:?}");
    // What is true between two runs alone is no trend.
    for rule in ["GlancesyncRegionFailed", "GlancesyncImagesInError"] {
        let of_rule = alerts.split(rule).nth(1).unwrap();
        let time = of_rule
            .split("for: ")
            .nth(1)
            .unwrap()
            .split('\n')
            .next()
            .unwrap();
        let hours: u32 = time.strip_suffix('h').unwrap().parse().unwrap();
        assert!(hours >= NIGHT, "{rule}: {time}");
    }
}

#[test]
fn a_command_is_found_whatever_stands_behind_it() {
    let text = "glancesync here is prose\n    glancesync --dry-run | jq '.a | .b'\n\
                \x20   15 3 * * * glancesync -q --fail-on pending\n\
                \x20 glancesync logs Trento    what it says\n    glancesync a \\\n        b  # why\n";
    assert_eq!(
        commands(text),
        [
            "glancesync --dry-run",
            "glancesync -q --fail-on pending",
            "glancesync logs Trento",
            "glancesync a b",
        ]
    );
}
