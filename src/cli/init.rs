//! `glancesync init`: a first configuration, with every key explained, out of what the environment or an
//! entry of clouds.yaml says. No secret is written: it stays where it is.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::args::InitArgs;
use super::error::CliError;
use super::session::{self, Session};
use crate::config::{EffectiveValue, Origin, Settings, Sources};
use crate::exit_codes;

/// The file that explains every key.
const TEMPLATE: &str = include_str!("../../conf/glancesync.conf");
/// Where its explanation of the dialect begins; before it is how to begin with the file itself.
const BODY: &str = "# How to write it.";
/// What the file says of itself.
const HEADER: &str = "\
# The configuration of glancesync, written by `glancesync init`. What begins with a number sign is an
# explanation, or a key at its default. Keep it from other users where it holds a password.
#";
const DEFAULT_FILE: &str = "glancesync.conf";

pub(super) fn run(args: &InitArgs) -> u8 {
    let mut environment = session::environment();
    environment.remove("GLANCESYNC_CONFIG");
    let sources = Sources {
        // Only the environment and the command line count: the file is yet to be written.
        default_file: PathBuf::new(),
        environment,
        ..session::sources(&args.config, args.config.overrides())
    };
    let sources = Sources {
        config_file: None,
        ..sources
    };
    let of_environment = sources
        .environment
        .get("OS_CLOUD")
        .filter(|name| !name.is_empty());
    let cloud = args.config.os_cloud.clone().or(of_environment.cloned());
    session::run(
        &args.messages,
        session::STATS,
        &sources,
        |_, _| (),
        async |session| write(args, cloud.as_deref(), session).await,
    )
}

async fn write(args: &InitArgs, cloud: Option<&str>, session: Session) -> Result<u8, CliError> {
    let path = args.file.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let text = configuration(&session.settings, cloud);
    write_new(&path, &text).map_err(|error| CliError::Usage(cannot_write(&path, &error)))?;
    session.terminal.say(&format!(
        "{path} is written; the master region is {region}.\n\
         Next: `glancesync check-config --online --config-file {path}` says whether every region answers,\n\
         `glancesync plan --config-file {path}` what a sync would do.",
        path = path.display(),
        region = session.settings.master_region,
    ));
    session.finish().await?;
    Ok(exit_codes::OK)
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        format!("{path} is there already, and left as it is; name another file")
    } else {
        format!("{path} cannot be written: {error}")
    }
}

/// Writes a file that is not there yet, for this user alone: the whole of it, or nothing.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

/// The text of the file: what is known is set, everything else is there as a comment.
fn configuration(settings: &Settings, cloud: Option<&str>) -> String {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    let mut elsewhere: BTreeMap<&str, String> = BTreeMap::new();
    known.insert("master_region", settings.master_region.region.clone());
    if let Some(cloud) = cloud {
        known.insert("cloud", cloud.to_owned());
    } else {
        let values = settings.effective().iter();
        for value in values.filter(|value| value.section == "master") {
            let Origin::Environment(variable) = &value.origin else {
                continue;
            };
            if can_be_written(value, variable) {
                known.insert(value.key, value.value.clone());
            } else {
                elsewhere.insert(value.key, variable.clone());
            }
        }
    }
    fill(&known, &elsewhere)
}

/// A secret stays where it is, and so does an id, since the keys of the file take names.
fn can_be_written(value: &EffectiveValue, variable: &str) -> bool {
    value.value != "***" && !variable.ends_with("_ID") && !value.value.contains(['\n', '\r'])
}

fn fill(known: &BTreeMap<&str, String>, elsewhere: &BTreeMap<&str, String>) -> String {
    let body = TEMPLATE.find(BODY).unwrap_or_default();
    let mut open = known.clone();
    let lines = TEMPLATE[body..].lines().map(|line| {
        let words = line.trim_start_matches(['#', ' ']);
        let key = words.split(" = ").next().unwrap_or_default();
        let is_setting = line.contains(" = ") && !key.contains(' ');
        match (is_setting, open.remove(key), elsewhere.get(key)) {
            (true, Some(value), _) => format!("{key} = {value}"),
            (true, None, Some(variable)) => format!(
                "# `{key}` comes from ${variable}; for cron, set it here or in a cloud of clouds.yaml.\n# {key} ="
            ),
            (true, None, None) if !line.starts_with('#') => format!("# {line}"),
            _ => line.to_owned(),
        }
    });
    let lines: Vec<String> = std::iter::once(HEADER.to_owned()).chain(lines).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TargetName;

    fn load(variables: &[(&str, &str)], text: Option<&Path>) -> Settings {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let sources = Sources {
            environment,
            config_file: text.map(Path::to_owned),
            default_file: PathBuf::new(),
            ..Sources::default()
        };
        Settings::load(&sources).unwrap()
    }

    const OPENRC: [(&str, &str); 6] = [
        ("OS_AUTH_URL", "https://keystone.example.org:5000/v3"),
        ("OS_USERNAME", "ops"),
        ("OS_PASSWORD", "hunter2"),
        ("OS_PROJECT_NAME", "images"),
        ("OS_USER_DOMAIN_NAME", "Staff"),
        ("OS_REGION_NAME", "Central"),
    ];

    #[test]
    fn the_environment_becomes_a_file_that_reads_as_the_same_without_its_secret() {
        let text = configuration(&load(&OPENRC, None), None);
        assert!(!text.contains("hunter2"), "{text}");
        let set: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#') && line.contains('='))
            .collect();
        assert_eq!(
            set,
            [
                "master_region = Central",
                "user = ops",
                "keystone_url = https://keystone.example.org:5000/v3",
                "tenant = images",
                "user_domain = Staff",
            ]
        );
        assert!(
            text.contains("# `password` comes from $OS_PASSWORD"),
            "{text}"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("glancesync.conf");
        write_new(&file, &text).unwrap();
        let read = load(&[("OS_PASSWORD", "hunter2")], Some(&file));
        assert!(read.warnings.is_empty(), "{:?}", read.warnings);
        assert_eq!(read.master_region.region, "Central");
        assert!(read.check_credentials([&TargetName::master()]).is_ok());
        let error = write_new(&file, "").unwrap_err();
        assert!(cannot_write(&file, &error).contains("is there already"));
    }

    #[test]
    fn ids_stay_in_the_environment() {
        let mut variables = OPENRC.to_vec();
        variables[3] = ("OS_PROJECT_ID", "0123");
        let text = configuration(&load(&variables, None), None);
        assert!(
            text.contains("# `tenant` comes from $OS_PROJECT_ID"),
            "{text}"
        );
        assert!(!text.contains("0123"), "{text}");
    }
}
