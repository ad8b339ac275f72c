//! The actors that run a fleet.
