//! The commands of `docs/tutorial.md`, run one after another in one shell, and what the page says that
//! they print.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::Fleet;

/// Between the outputs of two blocks.
const MARK: &str = "=== the next block ===";

/// The commands of a block, and the lines that are to be in their output, in that order.
struct Step {
    commands: String,
    printed: Vec<String>,
}

/// The blocks of the page: ```` ```sh ````, and what it prints in ```` ```text ```` after it.
fn steps() -> Vec<Step> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tutorial.md");
    let text = fs::read_to_string(path).unwrap();
    let mut steps: Vec<Step> = Vec::new();
    let mut blocks = text.split("```").skip(1).step_by(2);
    for block in &mut blocks {
        let (kind, content) = block.split_once('\n').unwrap();
        match kind {
            "sh" => steps.push(Step {
                commands: content.to_owned(),
                printed: Vec::new(),
            }),
            "text" => {
                let lines = content.lines().map(str::to_owned);
                steps.last_mut().unwrap().printed.extend(lines);
            }
            other => panic!("a block of {other:?}"),
        }
    }
    steps
}

/// Whether a line holds all that is wanted of it; `…` stands for anything.
fn holds(line: &str, wanted: &str) -> bool {
    let mut rest = line;
    wanted
        .split('…')
        .all(|part| match rest.split_once(part.trim()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
}

#[test]
fn the_tutorial_does_what_it_says() {
    let fleet = Fleet::embedded(|_| ());
    let temporary = fleet.home().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let steps = steps();
    assert!(steps.len() >= 10, "{}", steps.len());
    let blocks: Vec<&str> = steps.iter().map(|step| step.commands.as_str()).collect();
    // Whatever becomes of it, the fleet ends with the shell.
    let script = format!(
        "trap 'kill $(jobs -p) 2>/dev/null' EXIT\nexec 2>&1\n{}",
        blocks.join(&format!("echo '{MARK}'\n"))
    );
    let program = Path::new(env!("CARGO_BIN_EXE_glancesync"));
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .env(
            "PATH",
            format!("{}:{path}", program.parent().unwrap().display()),
        )
        .env("HOME", fleet.home().join("home"))
        .env("TMPDIR", &temporary)
        .current_dir(fleet.work_dir())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<&str> = output.split(MARK).collect();
    assert_eq!(printed.len(), steps.len(), "{output}");
    for (step, printed) in steps.iter().zip(printed) {
        let mut lines = printed.lines();
        for wanted in &step.printed {
            assert!(
                lines.any(|line| holds(line, wanted)),
                "after\n{}there is not, at that place, {wanted:?}:\n{printed}",
                step.commands
            );
        }
    }
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "{output}");
    assert!(!fleet.work_dir().join("fleet.env").exists());
}
