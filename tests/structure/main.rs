//! The structure that `ARCHITECTURE.md` describes, held by tests: which module may use which, that decisions
//! are pure, that no files use each other in a circle; the words of the glossary; and that tests wait for
//! conditions.

mod boundaries;
mod circles;
mod source;
mod vocabulary;
mod waiting;
