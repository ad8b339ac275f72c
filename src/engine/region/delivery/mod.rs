//! How one image gets into a region: [`deliver()`] reads from top to bottom.
//!
//! What an earlier run left is taken up (`resume`), or an image is created (`create`) and filled from where
//! its content is (`content_choice`), in as many attempts as are allowed (`attempt`); or it is staged and imported by
//! the region (`import`), or fetched by it from another region (`pull`), which both are watched by `imported`. What became of each is
//! looked at (`settle`), compared with the master's content (`verify`), and published (`publish`); the
//! old image of that name goes last (`retire`).
//!
//! Between any two requests the run may end. Whatever is left then has the tag
//! `glancesync-incomplete`, is private, and is told by it; the old image of that name is untouched
//! until the new one was published.
//!
//! # Where a run may end, and what the next one does
//!
//! A run may end between any two requests: killed, without power, or with an error that stops its
//! region. Every action is made so that the next run knows by the region's list alone what is left to do.
//! `tests/suite/points.rs` ends the program at each of these requests, before and after it was carried
//! out, and looks at the region then and after the next run.
//!
//! Before the first action, tags that say nothing any more are taken off (`PATCH`, silently); where
//! a run ends before that, the next one does it.
//!
//! | action | request | the region when the run ends after it | the next run |
//! | --- | --- | --- | --- |
//! | `delete_leftover` | `DELETE` | done | |
//! | `mark_obsolete`, `update_metadata`, `update_ami` | `PATCH`: all of it in one change | done | |
//! | `upload`, `replace`, `rename` of a new image | (none yet) | as before | does it all |
//! | | `POST /v2/images`: private, unprotected, tagged | an empty private image, `queued`, with `glancesync-incomplete` | sends the content to it |
//! | | `PUT …/file`, cut off | the same, or `saving` where the server did not notice or was killed itself | `queued`: sends the content to it; `saving`: deletes it and uploads anew |
//! | | `PUT …/file` | the same, `active` | publishes it with all metadata brought up to date, and sends nothing |
//! | | `GET …` until it is `active`: checksum and size against the master's | the same | the same; where they differ, deletes it and uploads anew |
//! | | `GET …?name=…`: whether another installation published it meanwhile | the same | the same; where another did, deletes it |
//! | | `DELETE` of it, where another did | the other one is published; the old image has the name too | deals with the old image as with any duplicate |
//! | | `PATCH`: visibility, `protected`, tags, provenance, in one change; once more without provenance where that was refused | the new image is published; the old one still has the name too, and the new one's tag `glancesync-replaces` says so | looks at the new one, and does only the rest |
//! | | `PATCH` of the images that refer to the old one as a part | the same, re-pointed | the same; nothing is sent to those |
//! | | `DELETE` or `PATCH` of the old image | only the tag is left | takes the tag off, silently |
//! | | `PATCH`: tags | done | |
//! | the same of a leftover that another installation gave up | `GET …`, `PATCH`: the tag of this installation | it is this one's from now on | as for an own one |
//!
//! An import and a pull differ from an upload between the `POST` and the looks at the image:
//!
//! | action | request | the region when the run ends after it | the next run |
//! | --- | --- | --- | --- |
//! | by `import` | `PUT …/stage`, cut off or whole | `queued`, or `uploading` | deletes it and begins anew: no image is imported twice |
//! | by `import` or `pull` | `POST …/import` | `queued` until its turn comes, then `importing`, then `active`: the region goes on by itself | `queued`: deletes it and begins anew; `importing`: waits for it, for `import_timeout`; `active`: publishes it where its content is proved |
//! | | `GET …/tasks` beside each look | the same | the same |
//!
//! Where several contents are under way at once (`transfers`), each of them is at a point of its own.
//!
//! The state of the image decides, and not the answer to the last request: before a leftover
//! is taken up, it is looked at once more, and so is one that was not `active` when it was listed, before it
//! is deleted. `plan/leftover` chooses: of each name that is still wanted one
//! is taken up, the furthest, then the newest, and all others are deleted. An image is a leftover by
//! its tags alone, and never one of another project; what another installation has under way is left
//! alone until it is 24 hours old by the region's own clock. `plan/interrupted_replacement` reads the tag of a
//! published image whose old one is still there, which is deleted only where today's configuration says
//! so.
//!
//! Before the old image is deleted or renamed it is looked at once more: one that has another name by
//! then is left alone, and one that was protected meanwhile is renamed.
//!
//! An old image that some image refers to as its kernel or ramdisk, and that this plan neither points
//! elsewhere nor deletes, is renamed where it would be deleted (warning `image_in_use`): nobody loses a
//! kernel. One that the plan does point elsewhere goes last, after that.
//!
//! At no moment is there no image of that name, and nobody else sees an image that was not verified. An
//! incomplete image never counts as present.

mod attempt;
mod content_choice;
mod create;
mod deliver;
mod delivered;
mod image_delivery;
mod import;
mod imported;
mod publish;
mod pull;
mod resume;
mod retire;
mod settle;
mod verify;

pub(super) use deliver::deliver;
pub(super) use delivered::Delivered;
pub(super) use image_delivery::ImageDelivery;
pub(super) use retire::{RetireOutcome, retire_old_image};
pub(super) use verify::has_content_of;
