//! What is handed on besides the program: man pages, the Debian package's files, the container image, and that
//! all of it names the same folders as the documents.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use glancesync::cli::Cli;
use tempfile::TempDir;

#[path = "../../packaging/man.rs"]
#[expect(dead_code, reason = "an example has a main function")]
mod man;

/// The file of the metrics, wherever a document or a file of a package names one.
const METRICS: &str = "/var/lib/glancesync/glancesync.prom";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder that are text.
fn texts_below(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(texts_below(&path));
        } else if let Ok(text) = fs::read_to_string(&path) {
            texts.push((path, text));
        }
    }
    texts
}

#[test]
fn every_command_has_a_man_page_with_its_options_and_examples() {
    let folder = TempDir::new().unwrap();
    man::write_all(folder.path()).unwrap();
    let mut program = Cli::definition();
    program.build();
    let mut seen = 0;
    for command in program.get_subcommands() {
        let path = folder
            .path()
            .join(format!("glancesync-{}.1", command.get_name()));
        let page = fs::read_to_string(&path).unwrap();
        seen += 1;
        assert!(!page.contains("glancesync\\-help\\-"), "{page}");
        assert!(page.contains(".SH EXAMPLES\n"), "{}", path.display());
        assert!(!page.contains(".SH EXTRA"), "{}", path.display());
        let options = command
            .get_arguments()
            .filter(|option| !option.is_hide_set());
        for long in options.filter_map(|option| option.get_long()) {
            let long = long.replace('-', "\\-");
            assert!(page.contains(&long), "{}: {long}", path.display());
        }
        // What stands before the examples is a section of its own.
        assert!(!page.contains("\nExamples:"), "{}", path.display());
    }
    assert!(seen >= 6, "{seen}");
    let demo = fs::read_to_string(folder.path().join("glancesync-demo.1")).unwrap();
    assert!(demo.contains(".SH NOTES\n.nf\nFaults, for"), "{demo}");
    for completion in ["glancesync.bash", "_glancesync", "glancesync.fish"] {
        assert!(folder.path().join(completion).is_file(), "{completion}");
    }
}

#[test]
fn all_documents_and_packages_have_the_metrics_in_one_place() {
    let mut texts = texts_below(&root().join("docs"));
    texts.extend(texts_below(&root().join("packaging")));
    texts.extend(texts_below(&root().join("conf")));
    let readme = root().join("README.md");
    texts.push((readme.clone(), fs::read_to_string(readme).unwrap()));
    let mut seen = 0;
    for (path, text) in &texts {
        let words = text.split_whitespace();
        for word in words.map(|word| word.trim_matches(['`', '"', ',', '.'])) {
            let is_metrics = Path::new(word).extension().is_some_and(|end| end == "prom");
            if word.starts_with('/') && is_metrics {
                assert_eq!(word, METRICS, "{}", path.display());
                seen += 1;
            }
            if let Some((_, folder)) = word.split_once("--collector.textfile.directory=") {
                assert!(METRICS.starts_with(&format!("{folder}/")), "{word}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 6, "{seen}");
}

#[test]
fn the_package_is_made_of_files_that_are_there() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let assets = manifest.split("\nassets = [").nth(1).unwrap();
    let assets = assets.split("\n]").next().unwrap();
    let mut seen = 0;
    for asset in assets.lines().filter_map(|line| line.split('"').nth(1)) {
        seen += 1;
        // What the build makes, and what has a star.
        if asset.starts_with("target/") || asset.contains('*') {
            continue;
        }
        assert!(root().join(asset).is_file(), "{asset}");
    }
    assert!(seen >= 12, "{seen}");
    let build = fs::read_to_string(root().join("packaging/build-deb")).unwrap();
    assert!(build.contains("profile=dist\n"), "{build}");
}

/// The installed pages lead to one another as those of the repository do.
#[test]
fn the_links_of_the_pages_lead_to_files_of_the_package() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let assets = manifest.split("\nassets = [").nth(1).unwrap();
    let assets = assets.split("\n]").next().unwrap();
    let shipped: Vec<&str> = assets
        .lines()
        .filter(|line| line.contains("usr/share/doc/glancesync/"))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    let is_shipped = |path: &Path| {
        let path = path.to_str().unwrap();
        shipped.iter().any(|asset| match asset.split_once('*') {
            Some((folder, end)) => path
                .strip_prefix(folder)
                .is_some_and(|name| name.ends_with(end) && !name.contains('/')),
            None => path == *asset,
        })
    };
    let mut pages = texts_below(&root().join("docs"));
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "md") {
            let text = fs::read_to_string(&path).unwrap();
            pages.push((path, text));
        }
    }
    pages.retain(|(path, _)| path.extension().is_some_and(|end| end == "md"));
    let mut seen = 0;
    for (page, text) in &pages {
        let links = text.split("](").skip(1);
        let links = links.filter_map(|rest| rest.split([')', '#']).next());
        for link in links.filter(|link| !link.is_empty() && !link.contains("://")) {
            seen += 1;
            let target = page.parent().unwrap().join(link);
            let target = target.canonicalize();
            let target =
                target.unwrap_or_else(|error| panic!("{}: {link}: {error}", page.display()));
            let path = target.strip_prefix(root()).unwrap();
            assert!(is_shipped(path), "{}: {link}", page.display());
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Prints a line also where the test succeeds: its captured output is then not shown.
fn tell(line: &str) {
    let line = format!("{line}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// The rules are tried on what the timer's nights leave, where Prometheus' own tool is there to do it.
#[test]
fn the_alert_rules_do_what_they_say() {
    let promtool = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let output = Command::new(promtool)
        .args(["test", "rules"])
        .arg(root().join("tests/data/alerts.yml"))
        .output();
    match output {
        Err(error) => tell(&format!(
            "SKIPPED: the alert rules were not tried: promtool: {error}"
        )),
        Ok(output) => assert!(output.status.success(), "{output:?}"),
    }
}

/// The image is built around the program that these tests run, where something is there to build it with.
#[test]
fn the_container_image_runs_with_state_and_logs_on_volumes() {
    let output = Command::new(root().join("packaging/test-container"))
        .arg(env!("CARGO_BIN_EXE_glancesync"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    tell(said.trim_end());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
}
