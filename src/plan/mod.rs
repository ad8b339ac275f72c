//! The decision: what every image is in a region, and what has to be done there.
//!
//! Pure and synchronous. The engine hands in lists of images and rules; a [`Plan`] comes back, a
//! value that is printed, counted, filtered and carried out elsewhere. Nothing here asks a server,
//! reads a file or knows the time.

mod action;
mod state;

pub use action::{Action, Change, MetadataChange, PartChange, PartReference, Replaced, Upload};
pub use state::{ImageState, PartProblem, Plan, PlannedFailure, Reason};
