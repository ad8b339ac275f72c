//! Newtypes and values that every room shares.
