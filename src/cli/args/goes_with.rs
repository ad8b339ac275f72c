//! An option that would have no effect on a command is refused, and its help does not show it.

use clap::ArgMatches;
use clap::error::ErrorKind;
use clap::parser::ValueSource;

use super::limited::{self, takes, those_of};
use super::verb::Verb;

/// Refuses an option that would have no effect on the command of that name, or on what the flags without
/// a command choose. `verb` is what a run does.
pub(super) fn check(
    name: Option<&str>,
    verb: Option<Verb>,
    words: &ArgMatches,
    definition: &clap::Command,
) -> Result<(), (ErrorKind, String)> {
    let given = |id: &str| words.value_source(id) == Some(ValueSource::CommandLine);
    // The options of a demo are those of a run without a command.
    let command = name.filter(|name| *name != "demo");
    // Scripts that are older than the commands have them beside any flag.
    let is_harmless = |id: &str| name.is_none() && ["parallel", "max_children"].contains(&id);
    let is_read = verb == Some(Verb::Plan) && given("read");
    let has_effect = |id: &str| {
        if is_read {
            return limited::goes_with_read(id);
        }
        if is_harmless(id) {
            return true;
        }
        name.is_none_or(|name| takes(name, id))
            && verb.is_none_or(|verb| Verb::is_chosen_by(command, id) || verb.takes(id))
    };
    let lost = definition.get_arguments().find(|argument| {
        let id = argument.get_id().as_str();
        given(id) && !has_effect(id)
    });
    let Some(lost) = lost else { return Ok(()) };
    let id = lost.get_id().as_str();
    let with = match (name, verb) {
        _ if is_read => "--read",
        (Some(name), _) if !takes(name, id) => name,
        (_, Some(verb)) => verb.shown(command),
        (name, None) => name.unwrap_or_default(),
    };
    let commands = those_of(id).filter(|_| !is_read);
    let others = commands.map_or_else(String::new, |commands| {
        format!("; it belongs to {}", commands.join(", "))
    });
    let lost = match lost.get_long() {
        Some(option) => format!("`--{option}`"),
        None => "a region".to_owned(),
    };
    let message = format!("{lost} does not go with `{with}`{others}\n");
    Err((ErrorKind::ArgumentConflict, message))
}

/// Leaves out of a command's help what has no effect on it. `common` are the options of all commands.
pub(super) fn hide(command: clap::Command, common: &[clap::Arg]) -> clap::Command {
    let name = command.get_name().to_owned();
    let verb = Verb::ALL.into_iter().find(|verb| verb.command() == name);
    let has_effect = |id: &str| takes(&name, id) && verb.is_none_or(|verb| verb.takes(id));
    let has = |id: &clap::Id| command.get_arguments().any(|own| own.get_id() == id);
    let missing: Vec<_> = common
        .iter()
        .filter(|argument| !has(argument.get_id()) && !has_effect(argument.get_id().as_str()))
        .cloned()
        .collect();
    command.args(missing).mut_args(|argument| {
        let is_hidden = argument.is_hide_set() || !has_effect(argument.get_id().as_str());
        argument.hide(is_hidden)
    })
}
