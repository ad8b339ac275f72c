//! Another checksum than the master's: what the lists of the configuration say is done.

use super::reason::Reason;
use crate::model::{Image, ListedHash, Status, SyncRules};

/// Looks in the order `dontupdate`, `rename`, `replace`, `any` of `rename`, `any` of `replace` for
/// the checksum of the region's image. Where both lists apply, rename goes first: it loses nothing.
///
/// A protected image is never deleted: `replace` becomes `pending_rename` for it.
pub(super) fn decide(region: &Image, rules: &SyncRules) -> (Status, Reason) {
    let checksum = || region.content.listed();
    let by = |status, key, entry: Option<ListedHash>, protected| {
        let entry = entry.map_or_else(|| "any".to_owned(), |entry| entry.to_string());
        let reason = Reason::Listed {
            key,
            entry,
            checksum: checksum(),
            protected,
            needed_by: None,
        };
        (status, reason)
    };
    let replace = |entry| {
        if region.protected {
            by(Status::PendingRename, "replace", entry, true)
        } else {
            by(Status::PendingReplace, "replace", entry, false)
        }
    };
    let entry_of = |list| region.content.entry_of(list);
    if let Some(entry) = entry_of(&rules.dontupdate) {
        by(Status::OkStalledChecksum, "dontupdate", Some(entry), false)
    } else if let Some(entry) = entry_of(&rules.rename.checksums) {
        by(Status::PendingRename, "rename", Some(entry), false)
    } else if let Some(entry) = entry_of(&rules.replace.checksums) {
        replace(Some(entry))
    } else if rules.rename.any {
        by(Status::PendingRename, "rename", None, false)
    } else if rules.replace.any {
        replace(None)
    } else {
        let reason = Reason::Unlisted {
            checksum: checksum(),
        };
        (Status::ErrorChecksum, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContentHash;
    use crate::plan::fixture::{content, image, list, listed};

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
                dontupdate: old(has(0)).iter().map(|text| listed(text)).collect(),
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
            dontupdate: [listed("a")].into(),
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
