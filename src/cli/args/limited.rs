//! The options that have an effect on some commands alone.

/// Commands that run a fleet, those that look at it, and those that read the configuration.
const CHANGES: &[&str] = &["sync", "plan", "apply", "demo"];
const CHOOSES: &[&str] = &["sync", "plan", "status", "images", "demo"];
const RUNS: &[&str] = &[
    "sync", "plan", "apply", "status", "images", "backup", "demo",
];
const RUNS_AND_RESTORE: &[&str] = &[
    "sync", "plan", "apply", "status", "images", "backup", "demo", "restore",
];
const CLOUDS: &[&str] = &[
    "sync",
    "plan",
    "apply",
    "status",
    "regions",
    "images",
    "backup",
    "restore",
    "check-config",
    "init",
];
const READS_FILE: &[&str] = &[
    "sync",
    "plan",
    "apply",
    "status",
    "regions",
    "images",
    "backup",
    "restore",
    "logs",
    "check-config",
];
const READS_VALUES: &[&str] = &[
    "sync",
    "plan",
    "apply",
    "status",
    "regions",
    "images",
    "backup",
    "restore",
    "logs",
    "check-config",
    "demo",
];
const SAYS_STEPS: &[&str] = &[
    "sync",
    "plan",
    "apply",
    "status",
    "regions",
    "images",
    "backup",
    "restore",
    "check-config",
    "init",
    "demo",
];
const SAYS: &[&str] = &[
    "sync",
    "plan",
    "apply",
    "status",
    "regions",
    "images",
    "backup",
    "restore",
    "logs",
    "check-config",
    "init",
    "demo",
    "sandbox",
];

/// The options that do not go with every command that could have them, by their ids, and the commands
/// that they go with. A plan takes what a sync takes, to be its rehearsal word for word.
const LIMITED: [(&str, &[&str]); 27] = [
    ("image", CHOOSES),
    ("exclude_image", CHOOSES),
    ("parallel", RUNS),
    ("max_children", RUNS),
    ("until_wave", &["sync", "plan", "apply"]),
    ("transfers", CHANGES),
    ("bwlimit", CHANGES),
    ("max_duration", CHANGES),
    ("keep_going", CHANGES),
    ("wait_lock", &["sync", "plan", "apply", "restore"]),
    ("fail_on", &["sync", "plan", "apply", "status", "demo"]),
    (
        "metrics_file",
        &["sync", "plan", "apply", "status", "backup", "demo"],
    ),
    (
        "all",
        &[
            "sync", "plan", "status", "regions", "images", "backup", "demo",
        ],
    ),
    ("out", &["plan"]),
    ("read", &["plan"]),
    ("orphans", &["status"]),
    ("stats", RUNS),
    ("dry_run", &["sync", "apply", "demo"]),
    ("overrides", READS_VALUES),
    ("file", READS_FILE),
    ("os_cloud", CLOUDS),
    ("os_region_name", CLOUDS),
    ("log_format", SAYS),
    ("no_progress", RUNS_AND_RESTORE),
    ("verbose", SAYS_STEPS),
    ("color", SAYS),
    ("quiet", SAYS),
];

/// The options that go with a saved plan that is only printed, by their ids. No configuration is read; that a
/// wrapper always names its file is no slip.
const WITH_READ: [&str; 8] = [
    "read",
    "file",
    "format",
    "log_format",
    "no_progress",
    "color",
    "quiet",
    "verbose",
];

/// True where the option of that id has an effect beside `plan --read`.
pub(super) fn goes_with_read(id: &str) -> bool {
    WITH_READ.contains(&id)
}

/// The commands that the option of that id goes with, where it does not go with all that have it.
pub(super) fn those_of(id: &str) -> Option<&'static [&'static str]> {
    let limited = LIMITED.iter().find(|(limited, _)| *limited == id);
    limited.map(|(_, commands)| *commands)
}

/// True where the option of that id has an effect on that command.
pub(super) fn takes(command: &str, id: &str) -> bool {
    those_of(id).is_none_or(|commands| commands.contains(&command))
}
