//! How the text of a value is read: flags, lists, numbers, paths. No names of keys here.

use std::path::{Path, PathBuf};

use super::sources::Environment;
use crate::model::{ImageId, ListedHash, SyncAttribute, did_you_mean};

/// A flag, in the words of Python's `ConfigParser.getboolean`, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// The entries of a list, without the white space around them; empty ones are no entries.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

/// A path; `~` at its beginning is the home folder.
pub(super) fn path(text: &str, environment: &Environment) -> PathBuf {
    let home = environment.get("HOME").filter(|home| !home.is_empty());
    match (text.strip_prefix('~'), home) {
        (Some(""), Some(home)) => PathBuf::from(home),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            Path::new(home).join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(text),
    }
}

/// The UUID of an image, with or without its hyphens, as it is written.
pub(super) fn image_id(text: &str) -> Result<ImageId, String> {
    uuid::Uuid::try_parse(text)
        .map(|_| ImageId::new(text))
        .map_err(|_| format!("`{text}` is not a UUID of an image"))
}

/// An md5 checksum, or `<algorithm>:<hash>`.
pub(super) fn checksum(text: &str) -> Result<ListedHash, String> {
    text.parse::<ListedHash>()
        .map_err(|error| error.to_string())
}

/// The name of an attribute that can be kept equal.
pub(super) fn sync_attribute(text: &str) -> Result<SyncAttribute, String> {
    SyncAttribute::from_word(text).ok_or_else(|| {
        let names = SyncAttribute::ALL.map(SyncAttribute::as_str);
        let near = did_you_mean(text, names);
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        format!(
            "`{text}` is not an attribute that can be kept equal: there are `{}`{near}",
            names.join("`, `")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_of_configparser() {
        for (text, flag) in [
            ("1", Some(true)),
            ("Yes", Some(true)),
            ("ON", Some(true)),
            ("true", Some(true)),
            ("0", Some(false)),
            ("No", Some(false)),
            ("off", Some(false)),
            ("FALSE", Some(false)),
            ("", None),
            ("2", None),
            ("y", None),
        ] {
            assert_eq!(boolean(text), flag, "{text}");
        }
    }

    #[test]
    fn lists_skip_what_is_empty() {
        assert_eq!(
            list(" nid , type,, sdc_aware ,").collect::<Vec<_>>(),
            ["nid", "type", "sdc_aware"]
        );
        assert_eq!(list(" ").count(), 0);
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let environment = Environment::from([("HOME".to_owned(), "/home/ops".to_owned())]);
        assert_eq!(
            path("~/ca.pem", &environment),
            Path::new("/home/ops/ca.pem")
        );
        assert_eq!(path("~", &environment), Path::new("/home/ops"));
        assert_eq!(
            path("~other/ca.pem", &environment),
            Path::new("~other/ca.pem")
        );
        assert_eq!(path("~/ca.pem", &Environment::new()), Path::new("~/ca.pem"));
    }

    #[test]
    fn image_ids_are_uuids() {
        let id = image_id("6E240DD4-E304-4599-B7D8-E38E13CEF058").unwrap();
        assert_eq!(id.as_str(), "6E240DD4-E304-4599-B7D8-E38E13CEF058");
        let other = image_id("6e240dd4e3044599b7d8e38e13cef058").unwrap();
        assert!(other.is_same_uuid(&id));
        assert!(image_id("centos").is_err());
    }

    #[test]
    fn an_attribute_that_is_none_has_the_nearest_one() {
        assert_eq!(sync_attribute("Min_Disk"), Ok(SyncAttribute::MinDisk));
        let told = sync_attribute("hidden").unwrap_err();
        assert!(told.contains("`os_hidden`, `tags`"), "{told}");
        let told = sync_attribute("visiblity").unwrap_err();
        assert!(told.ends_with("did you mean `visibility`?"), "{told}");
    }
}
