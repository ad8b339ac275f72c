//! The events of a run: what they are (`schema`), and how they are sent (`sink`).
//!
//! Every module sends through [`Events`] and knows nobody who receives; `report` has the sink that
//! draws, writes and counts.

#[cfg(test)]
mod memory;
mod schema;
mod sink;

#[cfg(test)]
pub(crate) use memory::collected;
pub use schema::{
    ActionFacts, Event, EventKind, Failure, Level, Mode, RegionResult, SkipReason, WaveResult,
};
pub use sink::{EventSink, Events, Report, TransferGuard};
