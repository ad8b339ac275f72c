//! What a run does, as a command says it or a flag.

use clap::ArgMatches;

use super::limited;
use crate::event::Mode;

/// What a run does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::cli) enum Verb {
    /// Brings the regions in step.
    #[default]
    Sync,
    /// Prints what a sync would do.
    Plan,
    /// Carries out a saved plan.
    Apply,
    /// Prints the status of every image.
    Status,
    /// Prints the regions.
    Regions,
    /// Writes every image's metadata into files.
    Backup,
    /// Prints the ids of the images that are in step.
    Images,
}

use Verb::{Apply, Backup, Images, Plan, Regions, Status, Sync};

/// The flags that choose what is done where no command does, and what they choose.
const FLAGS: [(&str, &str, Verb); 4] = [
    ("dry_run", "--dry-run", Plan),
    ("show_status", "--show-status", Status),
    ("show_regions", "--show-regions", Regions),
    ("make_backup", "--make-backup", Backup),
];

impl Verb {
    pub(super) const ALL: [Self; 7] = [Sync, Plan, Apply, Status, Regions, Backup, Images];

    /// Its command.
    pub(super) fn command(self) -> &'static str {
        match self {
            Sync => "sync",
            Plan => "plan",
            Apply => "apply",
            Status => "status",
            Regions => "regions",
            Backup => "backup",
            Images => "images",
        }
    }

    /// What the events call it, unless it is a dry run; regions are printed without a run.
    pub(super) fn mode(self) -> Mode {
        match self {
            Sync | Regions => Mode::Sync,
            Plan => Mode::DryRun,
            Apply => Mode::Apply,
            Status => Mode::Status,
            Backup => Mode::Backup,
            Images => Mode::Images,
        }
    }

    /// True where a command of that verb has the option of that id.
    pub(super) fn takes(self, id: &str) -> bool {
        let is_other_flag = FLAGS.iter().any(|(flag, ..)| *flag == id) && id != "dry_run";
        !is_other_flag && limited::takes(self.command(), id)
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

    /// True where the flag of that id chooses what is done: without a command any does, and `sync` has one.
    pub(super) fn is_chosen_by(command: Option<&str>, id: &str) -> bool {
        let is_choice = command.is_none() && FLAGS.iter().any(|(flag, ..)| *flag == id);
        is_choice || (command == Some("sync") && id == "dry_run")
    }

    /// What the command line says for it: without a command its flag, where it has one.
    pub(super) fn shown(self, command: Option<&str>) -> &'static str {
        let chosen_by_flag = FLAGS.iter().find(|(.., verb)| *verb == self);
        match (command, chosen_by_flag) {
            (None, Some((_, flag, _))) => flag,
            _ => self.command(),
        }
    }
}
