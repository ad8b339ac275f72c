//! Whether hidden images are asked for, which Glance keeps in a list of their own.

use super::interrupted_replacement;
use super::matching::match_images;
use super::region_images::RegionImages;
use super::selection::Selection;
use crate::model::{KeepOld, OrphanRule, RetentionRules, SyncRules};

/// True where these rules have the hidden images of a region listed whatever else it has.
fn are_always_listed(rules: &SyncRules) -> bool {
    let RetentionRules {
        keep_old,
        hide_old,
        orphans,
        ..
    } = rules.retention;
    rules.counts_hidden_masters()
        || hide_old
        || keep_old != KeepOld::All
        || orphans != OrphanRule::Report
}

/// True where these rules have the hidden images of the master listed, whether they count or not.
pub fn lists_hidden_masters(rules: &SyncRules) -> bool {
    rules.counts_hidden_masters() || rules.retention.orphans != OrphanRule::Report
}

/// True where the hidden images of a region have to be looked at: always, where its rules say so, and
/// else where a selected name is absent from the listed ones, or the image whose place one took. The
/// caller then asks the region for them, and only then.
pub fn needs_hidden_images(
    selection: &Selection,
    rules: &SyncRules,
    region: &RegionImages<'_>,
) -> bool {
    are_always_listed(rules)
        || match_images(selection, rules, region)
            .images
            .iter()
            .any(|image| {
                image.is_none_or(|image| interrupted_replacement::misses_old(image, region))
            })
}
