//! What a run does, as a command says it or a flag, and which options go with it.

use clap::ArgMatches;
use clap::error::ErrorKind;
use clap::parser::ValueSource;

use crate::event::Mode;

/// What a run does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::cli) enum Verb {
    /// Brings the regions in step.
    #[default]
    Sync,
    /// Prints what a sync would do.
    Plan,
    /// Prints the status of every image.
    Status,
    /// Prints the regions.
    Regions,
    /// Writes every image's metadata into files.
    Backup,
    /// Prints the ids of the images that are in step.
    Images,
}

use Verb::{Backup, Images, Plan, Regions, Status, Sync};

/// The options that do not go with every verb, by their ids, and those that they go with.
const LIMITED: [(&str, &[Verb]); 10] = [
    ("image", &[Sync, Plan, Status, Images]),
    ("exclude_image", &[Sync, Plan, Status, Images]),
    ("bwlimit", &[Sync, Plan]),
    ("max_duration", &[Sync, Plan]),
    ("keep_going", &[Sync, Plan]),
    ("wait_lock", &[Sync, Plan]),
    ("fail_on", &[Sync, Plan, Status]),
    ("metrics_file", &[Sync, Plan, Status, Backup]),
    ("stats", &[Sync, Plan, Status, Backup, Images]),
    ("dry_run", &[Sync]),
];

/// The flags that choose what is done where no command does, and what they choose.
const FLAGS: [(&str, &str, Verb); 4] = [
    ("dry_run", "--dry-run", Plan),
    ("show_status", "--show-status", Status),
    ("show_regions", "--show-regions", Regions),
    ("make_backup", "--make-backup", Backup),
];

impl Verb {
    pub(super) const ALL: [Self; 6] = [Sync, Plan, Status, Regions, Backup, Images];

    /// Its command.
    pub(super) fn command(self) -> &'static str {
        match self {
            Sync => "sync",
            Plan => "plan",
            Status => "status",
            Regions => "regions",
            Backup => "backup",
            Images => "images",
        }
    }

    /// What the events call it; regions are printed without a run.
    pub(in crate::cli) fn mode(self) -> Mode {
        match self {
            Sync | Regions => Mode::Sync,
            Plan => Mode::DryRun,
            Status => Mode::Status,
            Backup => Mode::Backup,
            Images => Mode::Images,
        }
    }

    /// True where a command of that verb has the option of that id.
    pub(super) fn takes(self, id: &str) -> bool {
        let is_other_flag = FLAGS.iter().any(|(flag, ..)| *flag == id) && id != "dry_run";
        let limited = LIMITED.iter().find(|(limited, _)| *limited == id);
        !is_other_flag && limited.is_none_or(|(_, verbs)| verbs.contains(&self))
    }

    /// What these words choose: the command of that name, or the flags without one.
    pub(super) fn of(command: Option<&str>, words: &ArgMatches) -> Self {
        let named = Self::ALL
            .into_iter()
            .find(|verb| Some(verb.command()) == command);
        match named {
            Some(Sync) if words.get_flag("dry_run") => Plan,
            Some(verb) => verb,
            None => {
                let given = FLAGS.iter().find(|(id, ..)| words.get_flag(id));
                given.map_or(Sync, |(.., verb)| *verb)
            }
        }
    }

    /// Refuses an option that would have no effect.
    pub(super) fn check(
        self,
        command: Option<&str>,
        words: &ArgMatches,
        definition: &clap::Command,
    ) -> Result<(), (ErrorKind, String)> {
        let given = |id: &str| words.value_source(id) == Some(ValueSource::CommandLine);
        let chosen_by_flag = FLAGS.iter().find(|(.., verb)| *verb == self);
        let lost = definition.get_arguments().find(|argument| {
            let id = argument.get_id().as_str();
            let is_choice = command.is_none() && FLAGS.iter().any(|(flag, ..)| *flag == id);
            let is_plan_of_sync = command == Some("sync") && id == "dry_run";
            !is_choice && !is_plan_of_sync && !self.takes(id) && given(id)
        });
        let Some(lost) = lost else { return Ok(()) };
        let with = match (command, chosen_by_flag) {
            (None, Some((_, flag, _))) => flag,
            _ => self.command(),
        };
        let id = lost.get_id().as_str();
        let others = LIMITED.iter().find(|(limited, _)| *limited == id);
        let others = others.map_or_else(String::new, |(_, verbs)| {
            let names: Vec<&str> = verbs.iter().map(|verb| verb.command()).collect();
            format!("; it belongs to {}", names.join(", "))
        });
        let option = lost.get_long().unwrap_or(id);
        let message = format!("`--{option}` does not go with `{with}`{others}\n");
        Err((ErrorKind::ArgumentConflict, message))
    }
}
