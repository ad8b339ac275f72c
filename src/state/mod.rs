//! What outlives a run on this machine.
