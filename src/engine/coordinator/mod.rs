//! The coordinator: it owns the queue of regions, starts one actor for each, and knows when the run
//! is over.

mod actor;
mod proof_turns;
mod state;
mod verified_copies;

pub(super) use actor::{Coordinator, RunRegions};
pub(super) use proof_turns::ProofTurns;
pub(super) use verified_copies::{CopyPlace, CopyRequest, Lending, LentCopy, VerifiedCopies};
