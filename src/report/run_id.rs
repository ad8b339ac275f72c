//! Which run a line of a log is of.

use std::sync::LazyLock;

use serde::{Serialize, Serializer};
use uuid::Uuid;

/// The random id of a run. All that a run writes for programs has it: each event, its record and its
/// summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(Uuid);

impl RunId {
    /// Of what this process does, from its first message to its last.
    pub(super) fn of_this_process() -> Self {
        static ID: LazyLock<RunId> = LazyLock::new(|| RunId(Uuid::new_v4()));
        *ID
    }

    /// The same in every test.
    #[cfg(test)]
    pub(super) fn of_tests() -> Self {
        Self(Uuid::from_u128(0x5e1f_c0de))
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
