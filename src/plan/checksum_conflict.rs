//! Another checksum than the master's: what the lists of the configuration say is done.

use super::reason::Reason;
use crate::model::{Image, Status, SyncRules};

/// Looks in the order `dontupdate`, `rename`, `replace`, `any` of `rename`, `any` of `replace` for
/// the checksum of the region's image. Where both lists apply, rename goes first: it loses nothing.
///
/// A protected image is never deleted: `replace` becomes `pending_rename` for it.
pub(super) fn decide(region: &Image, rules: &SyncRules) -> (Status, Reason) {
    let checksum = region.content.md5.as_ref();
    let listed =
        |list: &std::collections::BTreeSet<_>| checksum.is_some_and(|md5| list.contains(md5));
    let by = |status, key, entry: Option<&crate::model::Checksum>, protected| {
        let entry = entry.map_or_else(|| "any".to_owned(), ToString::to_string);
        let reason = Reason::Listed {
            key,
            entry,
            checksum: checksum.cloned(),
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
    if listed(&rules.dontupdate) {
        by(Status::OkStalledChecksum, "dontupdate", checksum, false)
    } else if listed(&rules.rename.checksums) {
        by(Status::PendingRename, "rename", checksum, false)
    } else if listed(&rules.replace.checksums) {
        replace(checksum)
    } else if rules.rename.any {
        by(Status::PendingRename, "rename", None, false)
    } else if rules.replace.any {
        replace(None)
    } else {
        let reason = Reason::Unlisted {
            checksum: checksum.cloned(),
        };
        (Status::ErrorChecksum, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContentHash;
    use crate::plan::fixture::{checksum, content, image, list};

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
                dontupdate: old(has(0)).iter().map(|text| checksum(text)).collect(),
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
            dontupdate: [checksum("a")].into(),
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
