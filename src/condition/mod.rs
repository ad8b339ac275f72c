//! The sandboxed Python expression that selects images.
