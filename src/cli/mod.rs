//! The command line: its types, and one function for each mode.
