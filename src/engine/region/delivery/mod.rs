//! How one image gets into a region: [`deliver()`] reads from top to bottom.
//!
//! What an earlier run left is taken up (`resume`), or an image is created (`create`) and filled from where
//! its content is (`content_choice`), in as many attempts as are allowed (`attempt`). What became of each is
//! looked at (`settle`), compared with the master's content (`verify`), and published (`publish`); the
//! old image of that name goes last (`retire`).
//!
//! Between any two requests the run may end. Whatever is left then has the tag
//! `glancesync-incomplete`, is private, and is told by it; the old image of that name is untouched
//! until the new one was published.

mod attempt;
mod content_choice;
mod create;
mod deliver;
mod delivered;
mod image_delivery;
mod publish;
mod resume;
mod retire;
mod settle;
mod verify;

pub(super) use deliver::deliver;
pub(super) use delivered::Delivered;
pub(super) use image_delivery::ImageDelivery;
pub(super) use retire::{RetireOutcome, retire_old_image};
pub(super) use verify::has_content_of;
