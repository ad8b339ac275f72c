//! The embedded servers answer every request that the program makes as the real ones do: the very
//! same request goes to both, and status, headers and body of the answers are compared.
//!
//! Ignored unless asked for: they need the lab, and `tests/run` asks.
//!
//! A case is a line, `METHOD PATH STATUS`. A name between angle brackets stands for what each
//! fleet has of that name: `<sync:project>`, `<keystone>` … ([`names`]); any other name is an
//! image's id, made up when it is first used and the same for both. In the answers the names take
//! the place of what they stand for. What may differ is listed in [`known`].

mod answer;
mod case;
mod contents;
mod difference;
mod known;
mod names;
mod pair;

mod changing;
mod changing_together;
mod creating;
mod deleting;
mod downloading;
mod every_path;
mod identity;
mod listing;
mod showing;
mod uploading;
mod versions;

use case::{Case, ask};
use pair::compare;
