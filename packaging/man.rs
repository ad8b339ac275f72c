//! Writes a man page for every command and the completions of three shells into a folder, from the
//! definitions of the command line: `cargo run --example man -- FOLDER`. Used where the package is
//! built, so that the program itself needs no code for it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Arg, Command};
use glancesync::cli::{Cli, write_completions};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("the folder is missing")?;
    write_all(&PathBuf::from(folder))
}

/// Writes pages and completions into that folder, which is made where it is not there.
pub(crate) fn write_all(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut program = Cli::definition();
    for (shell, name) in [
        ("bash", "glancesync.bash"),
        ("zsh", "_glancesync"),
        ("fish", "glancesync.fish"),
    ] {
        let mut script = Vec::new();
        write_completions(shell, &mut script)?;
        fs::write(folder.join(name), script)?;
    }
    program.build();
    write_page(folder, &program, "glancesync".to_owned())?;
    for command in program.get_subcommands() {
        let name = format!("glancesync-{}", command.get_name());
        match command.get_name() {
            "help" => write_page(folder, &help(), name)?,
            _ => write_page(folder, command, name)?,
        }
    }
    Ok(())
}

/// The command `help` as its page has it: of its own, it names each command as one below it, and those
/// have no pages.
fn help() -> Command {
    Command::new("help")
        .bin_name("glancesync help")
        .display_name("glancesync-help")
        .about("Print the help of glancesync or of one of its commands")
        .disable_help_flag(true)
        .arg(Arg::new("COMMAND").help("The command [default: the program itself]"))
        .after_help("Examples:\n  glancesync help\n  glancesync help restore\n")
}

/// Writes `<name>.1`, with the examples as they stand in the help.
fn write_page(folder: &Path, command: &Command, name: String) -> Result<(), Box<dyn Error>> {
    let path = folder.join(format!("{name}.1"));
    let examples = command.get_after_help().map(ToString::to_string);
    let command = command.clone().after_help(Resettable::Reset);
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command)
        .title(name)
        .manual("glancesync");
    man.render(&mut page)?;
    if let Some(examples) = examples {
        page.extend_from_slice(roff(&examples).as_bytes());
    }
    Ok(fs::write(path, page)?)
}

/// What stands below the options in a help: what is said before the examples, and the examples, as
/// sections whose lines stay as they are.
fn roff(text: &str) -> String {
    let (notes, examples) = text.split_once("Examples:\n").unwrap_or((text, ""));
    let sections = [("NOTES", notes), ("EXAMPLES", examples)];
    let sections = sections
        .iter()
        .filter(|(_, lines)| !lines.trim().is_empty());
    sections.map(|(name, lines)| section(name, lines)).collect()
}

fn section(name: &str, text: &str) -> String {
    let mut roff = format!(".SH {name}\n.nf\n");
    for line in text.trim_end().lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // A line that begins with one of these would be a request.
        let guard = if line.starts_with(['.', '\'']) {
            "\\&"
        } else {
            ""
        };
        roff.push_str(guard);
        roff.push_str(&line);
        roff.push('\n');
    }
    roff + ".fi\n"
}
