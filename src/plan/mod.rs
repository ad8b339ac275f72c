//! The decision: what every image is in a region, and what has to be done there.
//!
//! Pure and synchronous. The engine hands in lists of images and rules; a [`Plan`] comes back, a
//! value that is printed, counted, filtered and carried out elsewhere. Nothing here asks a server,
//! reads a file or knows the time.
//!
//! [`MasterInventory`] holds what counts at the master, once for a run; [`Selection`] what of it one
//! target wants; [`build()`] compares that with the images of one region.

mod action;
mod ami;
mod build;
mod conflict;
mod failure;
mod filter;
mod inventory;
mod leftover;
mod matching;
mod metadata;
mod obsolete;
mod order;
mod references;
mod restore;
mod select;
mod state;
pub mod tags;
mod unfinished;

pub use action::{
    Action, Change, Leftover, MetadataChange, PartChange, PartReference, Replaced, Upload,
};
pub use build::{RegionImages, build};
pub use failure::{PlannedFailure, drop_dependents};
pub use filter::{ImageFilter, ImageFilterError};
pub use inventory::MasterInventory;
pub use leftover::Stage;
pub use matching::needs_hidden_images;
pub use references::Referrer;
pub use restore::{Attributes, ImageRestore, Kept, KeptBecause, Left, RestorePlan, is_attribute};
pub use select::{SelectedBy, SelectedImage, Selection};
pub use state::{ImageState, PartProblem, Plan, Reason};
pub use unfinished::Untag;

/// What a replaced image's name gets appended.
pub const OLD_SUFFIX: &str = ".old";
/// The most characters that Glance takes in a name.
pub const MAX_NAME_CHARS: usize = 255;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod properties;
