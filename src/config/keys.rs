//! The table of known keys, and which of them a misspelt word was meant to be.

use crate::model::did_you_mean;

/// The section of what holds for the whole run.
pub const MAIN: &str = "main";
/// The section that every other one inherits from.
pub const DEFAULT: &str = "DEFAULT";
/// The section of the target that always exists.
pub const MASTER: &str = "master";

/// In which sections a key counts. Every key may also stand in `[DEFAULT]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// In `[main]`.
    Main,
    /// In the section of a target.
    Target,
}

/// A known key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The name.
    pub name: &'static str,
    /// Another name for the same key.
    pub alias: Option<&'static str>,
    /// Where it counts.
    pub room: Room,
    /// The value must never be printed.
    pub secret: bool,
    /// It says, with others, how a target is logged in to.
    pub credential: bool,
    /// What holds where nothing sets it, as text; empty for nothing.
    pub default: &'static str,
}

const fn main(name: &'static str, default: &'static str) -> Key {
    Key {
        name,
        alias: None,
        room: Room::Main,
        secret: false,
        credential: false,
        default,
    }
}

const fn target(name: &'static str, default: &'static str) -> Key {
    Key {
        room: Room::Target,
        ..main(name, default)
    }
}

const fn credential(name: &'static str) -> Key {
    Key {
        credential: true,
        ..target(name, "")
    }
}

const fn domain(name: &'static str) -> Key {
    Key {
        default: "Default",
        ..credential(name)
    }
}

const fn secret(name: &'static str) -> Key {
    Key {
        secret: true,
        ..credential(name)
    }
}

const fn alias(alias: &'static str, key: Key) -> Key {
    Key {
        alias: Some(alias),
        ..key
    }
}

/// Every known key, in the order in which they are listed.
pub const KEYS: &[Key] = &[
    main("master_region", ""),
    main("preferable_order", ""),
    main("max_children", "4"),
    main("keep_going", "false"),
    main("bwlimit_total", ""),
    main("max_duration", ""),
    main("waves", ""),
    main("wave_max_failures", "0"),
    main("wave_gate", ""),
    main("wave_gate_timeout", "10m"),
    main("wave_soak", "0"),
    main("state_dir", ""),
    main("installation", ""),
    alias("images_path", main("images_dir", "/var/lib/glance/images")),
    main("source", "auto"),
    main("spool_dir", ""),
    main("spool_limit", ""),
    main("log_dir", "."),
    credential("cloud"),
    credential("user"),
    secret("password"),
    credential("keystone_url"),
    credential("tenant"),
    domain("user_domain"),
    domain("project_domain"),
    credential("application_credential_id"),
    secret("application_credential_secret"),
    credential("auth_type"),
    secret("token"),
    secret("passcode"),
    credential("auth_methods"),
    credential("identity_provider"),
    credential("protocol"),
    credential("discovery_endpoint"),
    credential("access_token_endpoint"),
    credential("client_id"),
    secret("client_secret"),
    secret("access_token"),
    credential("access_token_type"),
    credential("openid_scope"),
    secret("credential"),
    target("interface", "public"),
    target("image_endpoint_override", ""),
    target("cacert", ""),
    target("cert", ""),
    target("key", ""),
    target("insecure", "false"),
    alias("forcesync", target("forcesyncs", "")),
    target("replace", ""),
    target("rename", ""),
    target("dontupdate", ""),
    target("metadata_set", ""),
    target("metadata_condition", ""),
    target("sync_attributes", ""),
    target("ignore_regions", ""),
    alias("obsolete_syncprop", target("obsolete_syncprops", "")),
    target("only_tenant_images", "true"),
    target("support_obsolete_images", "true"),
    target("max_replace", ""),
    target("keep_old", "all"),
    target("hide_old", "false"),
    target("orphans", "report"),
    target("orphan_grace", "30d"),
    target("max_delete", "5"),
    target("list_images_timeout", "30"),
    target("upload_stall_timeout", "60"),
    target("retries", "3"),
    target("save_timeout", "900"),
    target("bwlimit", ""),
    target("delivery", "upload"),
    target("disk_format", "keep"),
    target("stores", ""),
    target("transfers", "1"),
    target("pull_from", "master"),
    target("pull_fanout", "2"),
    target("import_timeout", "6h"),
    target("provenance", "true"),
    target("use_keystone_v3", ""),
];

/// The key of that name or alias, in lower case.
pub fn known(name: &str) -> Option<&'static Key> {
    KEYS.iter()
        .find(|key| key.name == name || key.alias == Some(name))
}

/// True where `key` counts in the section of that name.
pub fn belongs(key: &Key, section: &str) -> bool {
    section == DEFAULT || (section == MAIN) == (key.room == Room::Main)
}

/// The known key that is nearest to `word`, when one is near enough to have been meant.
pub fn nearest_key(word: &str) -> Option<&'static str> {
    let names = KEYS
        .iter()
        .flat_map(|key| [Some(key.name), key.alias])
        .flatten();
    did_you_mean(word, names)
}

/// The section of a fixed name that is nearest to `word`, when one is near enough to have been meant.
pub fn nearest_section(word: &str) -> Option<&'static str> {
    let word = word.trim();
    [MAIN, MASTER, DEFAULT]
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(word))
        .or_else(|| did_you_mean(word, [MAIN, MASTER, DEFAULT]))
}
