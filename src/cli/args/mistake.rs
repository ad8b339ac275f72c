//! A command line that is wrong: told to a person as clap words it, and to a program in the form that it
//! asked for, wherever that can be made out in the words.

use std::ffi::OsString;

use clap::error::ErrorKind;

use crate::cli::output;
use crate::event::Failure;
use crate::exit_codes;
use crate::model::ErrorCode;
use crate::report::{LogFormat, OneLine, Terminal, TerminalOptions, tell_errors};

/// What to do about it.
const HINT: &str = "See `glancesync --help`, or that of a command.";

/// Says what is wrong with these words, or prints the help or version that they asked for, and gives
/// the exit code.
pub(super) fn tell(error: &clap::Error, words: &[OsString]) -> u8 {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A closed pipe is no error of ours.
        let _ = error.print();
        return u8::try_from(error.exit_code()).unwrap_or(exit_codes::USAGE);
    }
    if asks_for_json(words, "--format") {
        output::promise_document();
    }
    let rendered = error.render();
    let failures = [Failure::new(
        ErrorCode::ConfigInvalid,
        message(&rendered.to_string()),
        HINT,
    )];
    if asks_for_json(words, "--log-format") {
        let terminal = Terminal::stderr(TerminalOptions {
            log_format: LogFormat::Json,
            ..TerminalOptions::default()
        });
        return output::end_with(&terminal, &failures, exit_codes::USAGE);
    }
    let is_plain = |text: &str| text.lines().all(|line| OneLine(line).to_string() == line);
    if is_plain(&rendered.to_string()) {
        let _ = error.print();
    } else {
        // What was typed would move the cursor, or hide itself.
        tell_errors(&Terminal::stderr(TerminalOptions::default()), &failures);
    }
    output::print_errors(&failures, exit_codes::USAGE);
    exit_codes::USAGE
}

/// True where the words ask for JSON by that option, as far as they can be made out.
fn asks_for_json(words: &[OsString], option: &str) -> bool {
    let words = words.iter().take_while(|word| *word != "--");
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let joined = format!("{option}=json");
    words.iter().any(|word| *word == joined)
        || words
            .windows(2)
            .any(|pair| pair[0] == option && pair[1] == "json")
}

/// What clap says, without the label before it and the usage behind it.
fn message(rendered: &str) -> String {
    let text = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let end = ["\n\nUsage:", "\n\nFor more information"];
    let end = end.iter().filter_map(|end| text.find(end)).min();
    text[..end.unwrap_or(text.len())].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_made_out_in_wrong_words() {
        let asks = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            asks_for_json(&words, "--format")
        };
        assert!(asks(&["--nonsense", "--format", "json", "-n"]));
        assert!(asks(&["logs", "--format=json", "--what"]));
        for other in [
            &["--format", "text"][..],
            &["--log-format", "json"],
            &["--", "--format=json"],
        ] {
            assert!(!asks(other), "{other:?}");
        }
    }

    #[test]
    fn the_message_is_what_is_wrong() {
        let rendered = "error: unexpected argument '--x' found\n\n  tip: a tip\n\nUsage: a [B]\n\nFor more information, try '--help'.\n";
        assert_eq!(
            message(rendered),
            "unexpected argument '--x' found\n\n  tip: a tip"
        );
    }
}
