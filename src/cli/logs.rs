//! `glancesync logs`: past runs and the logs of their regions. Reads `log_dir` and nothing else: it
//! needs no credential and asks no cloud.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Local;

use super::args::{DocumentFormat, LogsArgs};
use super::error::CliError;
use super::output;
use super::session;
use crate::config;
use crate::exit_codes;
use crate::model::{RegionName, did_you_mean};
use crate::report::format::{self, LogDocument, LoggedErrors};
use crate::report::{
    ColorChoice, LogLevel, LogLine, LogReader, LoggedRegion, OneLine, Style, Terminal, log_files,
    logged_regions, open_log,
};
use crate::state::{PastError, PastRun, RunFolder, run_folders};

/// Between two looks at the files of a run under way.
const PAUSE: Duration = Duration::from_millis(250);

/// What was asked for.
enum Wanted {
    /// The list of runs.
    List,
    /// One run.
    Run(RunFolder),
    /// The log of one region.
    Region(RunFolder, String),
}

pub(super) fn run(args: &LogsArgs) -> u8 {
    let terminal = Terminal::stderr(args.messages.terminal_options());
    match show(args, &terminal) {
        Ok(()) => exit_codes::OK,
        Err(error) => output::end_with(&terminal, &error.failures(), error.exit_code()),
    }
}

fn show(args: &LogsArgs, terminal: &Terminal) -> Result<(), CliError> {
    if args.follow && args.format == DocumentFormat::Json {
        let message = "--follow has no end, so it is not a document: leave out `--format json`";
        return Err(CliError::Usage(message.to_owned()));
    }
    let sources = session::sources(&args.config, args.config.overrides());
    let log_dir = config::log_dir(&sources)?;
    let folders = run_folders(&log_dir).map_err(unreadable(&log_dir))?;
    if folders.is_empty() {
        let log_dir_name = log_dir.to_string_lossy();
        terminal.say(&format!(
            "No run has left logs in {}: runs with --parallel do, and every sync where `log_dir` is set.",
            OneLine(&log_dir_name)
        ));
    }
    let style = ColorChoice::from(args.messages.color).style_of_stdout();
    match wanted(args, &log_dir, &folders)? {
        Wanted::List => list(args, &log_dir, &folders, style),
        Wanted::Run(folder) if args.follow => follow(args, &folder, None, terminal, style),
        Wanted::Run(folder) if args.errors => errors(args, &folder, None, terminal, style),
        Wanted::Run(folder) => one_run(args, &folder, style),
        Wanted::Region(folder, word) if args.follow => {
            let run = folder.read_run();
            let region = printed_name(&word);
            if !run.regions.iter().any(|past| past.region == region) {
                find_log(&folder, &word, &folders)?;
            }
            follow(args, &folder, Some(&region), terminal, style)
        }
        Wanted::Region(folder, word) => {
            let logged = find_log(&folder, &word, &folders)?;
            if args.errors {
                errors(args, &folder, Some(&logged.region), terminal, style)
            } else {
                region_log(args, &folder, &logged, style)
            }
        }
    }
}

/// What the words name: a run, and a region. A lone word that names no run is a region.
fn wanted(args: &LogsArgs, log_dir: &Path, folders: &[RunFolder]) -> Result<Wanted, CliError> {
    let find = |word: &str| {
        let word = word.trim_end_matches('/');
        let named = |folder: &&RunFolder| {
            folder.name == word
                || folder.name.strip_prefix("sync_") == Some(word)
                || folder.path == Path::new(word)
                || std::path::absolute(log_dir)
                    .is_ok_and(|dir| dir.join(&folder.name) == Path::new(word))
        };
        folders.iter().find(named).cloned()
    };
    let newest = folders.first();
    Ok(match (&args.run, &args.region) {
        (None, _) => match newest {
            Some(newest) if args.errors || args.follow => Wanted::Run(newest.clone()),
            _ => Wanted::List,
        },
        (Some(word), None) => match (find(word), newest) {
            (Some(folder), _) => Wanted::Run(folder),
            (None, Some(newest)) => {
                let folder = newest_with(args, word, folders)?.unwrap_or(newest);
                Wanted::Region(folder.clone(), word.clone())
            }
            (None, None) => return Err(no_run(word, log_dir, folders)),
        },
        (Some(run), Some(region)) => match find(run) {
            Some(folder) => Wanted::Region(folder, region.clone()),
            None => return Err(no_run(run, log_dir, folders)),
        },
    })
}

/// The newest run that has a log of the region; where none has, or what comes is wanted too, the newest that
/// has the region at all.
fn newest_with<'a>(
    args: &LogsArgs,
    word: &str,
    folders: &'a [RunFolder],
) -> Result<Option<&'a RunFolder>, CliError> {
    let mut recorded = None;
    for folder in folders {
        let run = folder.read_run();
        let region = printed_name(word);
        if run.regions.iter().any(|past| past.region == region) {
            recorded = recorded.or(Some(folder));
            if args.follow {
                break;
            }
        }
        let logged = logged_regions(&run).map_err(unreadable(&folder.path))?;
        if logged.iter().any(|logged| is_log_of(logged, word)) {
            return Ok(Some(folder));
        }
    }
    Ok(recorded)
}

/// True for the log of the region that the word names.
fn is_log_of(logged: &LoggedRegion, word: &str) -> bool {
    let region = printed_name(word);
    logged.region == region
        || logged.region == word
        || OneLine(&region).to_string() == logged.region
}

fn list(
    args: &LogsArgs,
    log_dir: &Path,
    folders: &[RunFolder],
    style: Style,
) -> Result<(), CliError> {
    let runs: Vec<PastRun> = folders.iter().map(RunFolder::read_run).collect();
    print(|out| match args.format {
        DocumentFormat::Json => format::runs_json(out, log_dir, &runs),
        DocumentFormat::Text if runs.is_empty() => Ok(()),
        DocumentFormat::Text => format::runs_text(out, &runs, &Local, style),
    })
}

fn one_run(args: &LogsArgs, folder: &RunFolder, style: Style) -> Result<(), CliError> {
    let run = folder.read_run();
    let logged = logged_regions(&run).map_err(unreadable(&folder.path))?;
    print(|out| match args.format {
        DocumentFormat::Json => format::run_json(out, &run, &logged),
        DocumentFormat::Text => format::run_text(out, &run, &logged, &Local, style),
    })
}

/// What went wrong: by the record, which has the codes; where there is none, by the logs.
fn errors(
    args: &LogsArgs,
    folder: &RunFolder,
    region: Option<&str>,
    terminal: &Terminal,
    style: Style,
) -> Result<(), CliError> {
    let run = folder.read_run();
    let mut errors: Vec<PastError> = if run.mode.is_some() {
        run.errors.clone()
    } else {
        errors_of_logs(&run).map_err(unreadable(&folder.path))?
    };
    errors.retain(|error| region.is_none() || error.region.as_deref() == region);
    if run.damaged_lines > 0 {
        terminal.say("The run's record is damaged: there may be more errors than these.");
    }
    if errors.is_empty() {
        terminal.say(&format!("Nothing went wrong in {}.", folder.name));
    }
    print(|out| match args.format {
        DocumentFormat::Json => format::errors_json(out, &folder.name, &errors),
        DocumentFormat::Text => format::errors_text(out, &errors, &Local, style),
    })
}

fn errors_of_logs(run: &PastRun) -> io::Result<Vec<PastError>> {
    let mut found = LoggedErrors::default();
    for logged in logged_regions(run)? {
        let mut lines = open_log(&logged.path)?;
        while let Some(line) = lines.next_line()? {
            found.line(&logged.region, &line);
        }
        if let Some(line) = lines.half_line() {
            found.line(&logged.region, &line);
        }
    }
    Ok(found.finish())
}

fn region_log(
    args: &LogsArgs,
    folder: &RunFolder,
    logged: &LoggedRegion,
    style: Style,
) -> Result<(), CliError> {
    let mut lines = open_log(&logged.path).map_err(unreadable(&logged.path))?;
    print(|mut out| match args.format {
        DocumentFormat::Json => {
            let mut document = LogDocument::begin(&mut out, &folder.name, &logged.region)?;
            each_line(&mut lines, |line| document.line(line))?;
            document.end()
        }
        DocumentFormat::Text => each_line(&mut lines, |line| {
            format::log_line(out, None, line, style.paint)
        }),
    })
}

/// Every line, and what a run that was cut off left of its last one.
fn each_line(
    lines: &mut LogReader,
    mut print: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    while let Some(line) = lines.next_line()? {
        print(&line)?;
    }
    lines.half_line().map_or(Ok(()), |line| print(&line))
}

/// Prints what is there, and what comes, until the run is over.
fn follow(
    args: &LogsArgs,
    folder: &RunFolder,
    region: Option<&str>,
    terminal: &Terminal,
    style: Style,
) -> Result<(), CliError> {
    let mut followed = Followed::default();
    let label = region.is_none();
    print(|out| {
        loop {
            // Asked first: what a run wrote before it ended is there when its end is seen.
            let is_under_way = folder.is_under_way();
            followed.find_new_logs(folder, region)?;
            for (logged, lines) in &mut followed.files {
                let prefix = label.then_some(logged.region.as_str());
                let mut show = |line: &str| {
                    if args.errors && !is_of_error(line) {
                        return Ok(());
                    }
                    format::log_line(out, prefix, line, style.paint)
                };
                while let Some(line) = lines.next_line()? {
                    show(&line)?;
                }
                if !is_under_way && let Some(line) = lines.half_line() {
                    show(&line)?;
                }
            }
            out.flush()?;
            if !is_under_way {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
    })?;
    terminal.say(&format!("{} is over: `glancesync logs {0}`.", folder.name));
    Ok(())
}

/// The logs of a run under way, those that come later too.
#[derive(Default)]
struct Followed {
    known: BTreeSet<PathBuf>,
    files: Vec<(LoggedRegion, LogReader)>,
}

impl Followed {
    fn find_new_logs(&mut self, folder: &RunFolder, region: Option<&str>) -> io::Result<()> {
        let files = log_files(&folder.path)?;
        let new: Vec<_> = files
            .into_iter()
            .filter(|path| !self.known.contains(path))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let run = folder.read_run();
        for path in new {
            let lines = open_log(&path)?;
            self.known.insert(path.clone());
            let logged = LoggedRegion::read(path, &run);
            if region.is_none_or(|region| logged.region == region) {
                self.files.push((logged, lines));
            }
        }
        Ok(())
    }
}

fn is_of_error(line: &str) -> bool {
    matches!(LogLine::read(line).level, LogLevel::Error | LogLevel::Hint)
}

/// The region as runs print it.
fn printed_name(word: &str) -> String {
    word.parse::<RegionName>()
        .map_or_else(|_| word.to_owned(), |region| region.to_string())
}

fn find_log(
    folder: &RunFolder,
    word: &str,
    folders: &[RunFolder],
) -> Result<LoggedRegion, CliError> {
    let region = printed_name(word);
    let run = folder.read_run();
    let logged = logged_regions(&run).map_err(unreadable(&folder.path))?;
    if let Some(found) = logged.iter().find(|logged| is_log_of(logged, word)) {
        return Ok(found.clone());
    }
    let shown = OneLine(word);
    if run.regions.iter().any(|past| past.region == region) {
        return Err(CliError::Usage(format!(
            "`{shown}` has no log in {}: the run did not get to it",
            folder.name
        )));
    }
    let names = logged.iter().map(|logged| logged.region.as_str());
    let runs = folders.iter().map(|folder| folder.name.as_str());
    let mut message = format!("`{shown}` is neither a run nor a region of {}", folder.name);
    if let Some(near) = did_you_mean(&region, names.clone().chain(runs)) {
        message = format!("{message}; did you mean `{}`?", OneLine(near));
    } else if let Some(earlier) = run_with(&region, folders) {
        message = format!(
            "{message}; the newest run with it is {earlier}: `glancesync logs {earlier} {shown}`"
        );
    } else {
        let names: Vec<String> = names.map(|name| OneLine(name).to_string()).collect();
        let known = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        message = format!("{message}, which has: {known}");
    }
    Err(CliError::Usage(message))
}

fn run_with<'a>(region: &str, folders: &'a [RunFolder]) -> Option<&'a str> {
    let has = |folder: &&RunFolder| {
        let run = folder.read_run();
        run.regions.iter().any(|past| past.region == region)
    };
    folders.iter().find(has).map(|folder| folder.name.as_str())
}

fn no_run(word: &str, log_dir: &Path, folders: &[RunFolder]) -> CliError {
    let shown = OneLine(word);
    let log_dir = log_dir.to_string_lossy();
    let near = did_you_mean(word, folders.iter().map(|folder| folder.name.as_str()));
    let end = match (near, folders.first()) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, Some(newest)) => format!("; the newest is `{}`", newest.name),
        (None, None) => String::new(),
    };
    CliError::Usage(format!(
        "there is no run `{shown}` in {}{end}",
        OneLine(&log_dir)
    ))
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> CliError {
    let path = OneLine(&path.to_string_lossy()).to_string();
    move |error| CliError::Machine(format!("`{path}` cannot be read: {error}"))
}

fn print(
    write: impl FnOnce(&mut io::BufWriter<io::StdoutLock<'static>>) -> io::Result<()>,
) -> Result<(), CliError> {
    Ok(output::print(write)?)
}
