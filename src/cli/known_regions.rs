//! The regions of the last run: kept when a run ends, offered when a shell completes a word.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap_complete::{ArgValueCompleter, CompletionCandidate};

use super::session;
use crate::config;
use crate::state::{keep_last_regions, last_regions};

fn folder() -> Option<PathBuf> {
    config::cache_folder(&session::environment())
}

/// Keeps the names of the regions of a run. One over some of them that were named adds to those that
/// are known.
pub(super) fn keep(mut names: Vec<String>, are_all: bool) {
    let Some(folder) = folder() else { return };
    if !are_all {
        let mut others = last_regions(&folder);
        others.retain(|name| !names.contains(name));
        names.extend(others);
    }
    // Completion is a convenience: a run does not fail for it.
    let _ = keep_last_regions(&folder, &names);
}

/// Completes the name of a region by the regions of the last run.
pub(super) fn completer() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| candidates(&typed.to_string_lossy()))
}

fn candidates(typed: &str) -> Vec<CompletionCandidate> {
    let names = folder().map_or_else(Vec::new, |folder| last_regions(&folder));
    let fitting = names.into_iter().filter(|name| name.starts_with(typed));
    fitting.map(CompletionCandidate::new).collect()
}
