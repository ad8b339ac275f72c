//! The decision: what every image is in a region, and what has to be done there.
//!
//! Pure and synchronous. The engine hands in lists of images and rules; a [`Plan`] comes back, a
//! value that is printed, counted, filtered and carried out elsewhere. Nothing here asks a server,
//! reads a file or knows the time.
//!
//! [`MasterInventory`] holds what counts at the master, once for a run; [`Selection`] what of it one
//! target wants; [`build()`] compares that with the images of one region.

mod action;
mod actions;
mod attributes;
mod build;
mod change;
mod checksum_conflict;
mod cleanup;
mod delivery_choice;
mod execution;
mod failure;
mod filter;
mod hidden_images;
mod image_glob;
mod image_status;
mod in_progress;
mod interrupted_replacement;
mod inventory;
mod leftover;
mod matching;
mod members;
mod metadata;
mod not_retried;
mod obsolete;
mod old_images;
mod order;
mod orphans;
mod parts;
mod plan_file;
mod published_before;
mod reason;
mod references;
mod region_images;
mod region_plan;
mod restore;
mod retention;
mod room;
mod selection;
pub mod tags;
mod unmatched;
mod unwanted;
mod warnings;

pub use action::{
    Action, Leftover, PartChange, PartReference, Referrer, Replaced, Stage, Untag, Upload,
};
pub use build::build;
pub use change::{AttributeChange, Change, MetadataChange};
pub use cleanup::{Cleanup, CleanupStep, PlannedDeletion, Shown, TooManyDeletions};
pub use delivery_choice::{DeliveryUnsupported, RegionOffers, brings_content, choose_ways};
pub(crate) use execution::{Next, PlanExecution, Retirement, Step, is_upload};
pub use failure::PlannedFailure;
pub use filter::ImageFilter;
pub use hidden_images::{lists_hidden_masters, needs_hidden_images};
pub use image_glob::ImageFilterError;
pub use inventory::{MasterInventory, PassedOver, passed_over_text};
pub use matching::{UnknownExpansion, unknown_expansions, unknown_hashes};
pub use members::{members_lost, shared_old_images};
pub use not_retried::{delivery_tried, is_something_not_retried, leave_out_not_retried};
pub use orphans::{Orphan, OrphanReason, find_orphans, without_named};
pub use plan_file::{
    PlanFile, PlanFileError, SavedAction, SavedComparison, SavedContent, SavedFailure,
    SavedMasterImage, SavedOldImage, SavedPart, SavedRegion, SavedValue, compare_with_saved,
};
pub use published_before::PublishedBefore;
pub use reason::{PartProblem, Reason};
pub use region_images::{OwnIncomplete, RegionImages};
pub use region_plan::{ImageState, Plan};
pub use restore::{
    Attributes, ImageRestore, RestorePlan, Skipped, Unrestorable, UnrestorableReason, is_attribute,
};
pub use room::{Room, leave_out_what_does_not_fit};
pub use selection::{SelectedBy, SelectedImage, Selection};
pub use unmatched::{TargetChoice, unmatched};
pub use unwanted::clean_up;
pub use warnings::other_format;

/// What a replaced image's name gets appended.
pub const OLD_SUFFIX: &str = ".old";
/// The most characters that Glance takes in a name.
pub const MAX_NAME_CHARS: usize = 255;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod properties;
