//! Another checksum than the master's: what the lists of the configuration say is done.

use super::reason::Reason;
use crate::model::{Image, ListedHash, Status, SyncRules};

/// Looks in the order `dontupdate`, `rename`, `replace`, `any` of `rename`, `any` of `replace` for
/// the checksum of the region's image. Where both lists apply, rename goes first: it loses nothing.
///
/// A protected image is never deleted: `replace` becomes `pending_rename` for it.
pub(super) fn decide(region: &Image, rules: &SyncRules) -> (Status, Reason) {
    if let Some(entry) = region.content.entry_of(&rules.dontupdate) {
        let entry = Some(entry);
        listed(Status::OkStalledChecksum, "dontupdate", entry, region)
    } else if let Some(decided) = decide_by_entry(region, rules) {
        decided
    } else if rules.rename.any {
        listed(Status::PendingRename, "rename", None, region)
    } else if rules.replace.any {
        listed(Status::PendingReplace, "replace", None, region)
    } else {
        let reason = Reason::Unlisted {
            checksum: region.content.listed(),
        };
        (Status::ErrorChecksum, reason)
    }
}

/// What `rename` and `replace` say of the very checksum of the region's image.
pub(super) fn decide_by_entry(region: &Image, rules: &SyncRules) -> Option<(Status, Reason)> {
    let entry_of = |list| region.content.entry_of(list);
    if let Some(entry) = entry_of(&rules.rename.checksums) {
        Some(listed(Status::PendingRename, "rename", Some(entry), region))
    } else {
        let entry = entry_of(&rules.replace.checksums)?;
        Some(listed(
            Status::PendingReplace,
            "replace",
            Some(entry),
            region,
        ))
    }
}

/// The status by an entry of that list; without one, by its `any`.
fn listed(
    status: Status,
    key: &'static str,
    entry: Option<ListedHash>,
    region: &Image,
) -> (Status, Reason) {
    let protected = status == Status::PendingReplace && region.protected;
    let status = if protected {
        Status::PendingRename
    } else {
        status
    };
    let reason = Reason::Listed {
        key,
        entry: entry.map_or_else(|| "any".to_owned(), |entry| entry.to_string()),
        checksum: region.content.listed(),
        protected,
        needed_by: None,
    };
    (status, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContentHash;
    use crate::plan::fixture::{content, image, list, listed as hash_of};

    fn status(rules: &SyncRules) -> Status {
        decide(&image("a").content(content("old")).build(), rules).0
    }

    /// Every combination of the three lists, with and without `any`, in the order of the rule.
    #[test]
    fn the_first_list_that_holds_the_checksum_wins() {
        for bits in 0..32u8 {
            let has = |bit: u8| bits & (1 << bit) != 0;
            let old = |listed: bool| if listed { &["old"][..] } else { &["else"][..] };
            let rules = SyncRules {
                dontupdate: old(has(0)).iter().map(|text| hash_of(text)).collect(),
                rename: list(has(3), old(has(1))),
                replace: list(has(4), old(has(2))),
                ..SyncRules::default()
            };
            let expected = match (has(0), has(1), has(2), has(3), has(4)) {
                (true, ..) => Status::OkStalledChecksum,
                (_, true, ..) => Status::PendingRename,
                (_, _, true, ..) => Status::PendingReplace,
                (_, _, _, true, _) => Status::PendingRename,
                (.., true) => Status::PendingReplace,
                _ => Status::ErrorChecksum,
            };
            assert_eq!(status(&rules), expected, "{bits:05b}");
        }
    }

    #[test]
    fn without_a_checksum_only_any_matches() {
        let bare = image("a").content(ContentHash::default()).build();
        let mut rules = SyncRules {
            dontupdate: [hash_of("a")].into(),
            ..SyncRules::default()
        };
        assert_eq!(decide(&bare, &rules).0, Status::ErrorChecksum);
        rules.replace.any = true;
        assert_eq!(decide(&bare, &rules).0, Status::PendingReplace);
    }

    #[test]
    fn a_protected_image_is_renamed_where_it_would_be_deleted() {
        let protected = image("a").content(content("old")).protected().build();
        for rules in [
            SyncRules {
                replace: list(true, &[]),
                ..SyncRules::default()
            },
            SyncRules {
                replace: list(false, &["old"]),
                ..SyncRules::default()
            },
        ] {
            let (status, reason) = decide(&protected, &rules);
            assert_eq!(status, Status::PendingRename);
            assert!(matches!(
                reason,
                Reason::Listed {
                    key: "replace",
                    protected: true,
                    ..
                }
            ));
        }
    }
}
