//! The glancesync program.

fn main() {}
