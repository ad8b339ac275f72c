//! The decision: pure functions from states to a plan.
