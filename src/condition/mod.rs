//! The sandboxed Python expression that selects images.
//!
//! `config` parses a condition at the start of a run; `plan` evaluates it, once per image and
//! target. `syntax` checks the text and puts it into the words of the interpreter; `sandbox` runs
//! it within its bounds; `worker` has a process do that, which the kernel ends beyond them.

mod sandbox;
mod syntax;
mod syntax_error;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use monty::MontyRun;

pub use syntax_error::ConditionSyntaxError;
pub use worker::{evaluate_apart, serve_if_worker};

use sandbox::Facts;
use worker::Worker;

use crate::host;
use crate::model::Image;

/// A condition raised for an image: Python's words, on one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConditionError(String);

impl ConditionError {
    /// True where the condition passed its bound of time or memory.
    pub fn is_of_bounds(&self) -> bool {
        ["TimeoutError", "MemoryError"]
            .iter()
            .any(|exception| self.0.starts_with(exception))
    }
}

/// A compiled condition (behaviour, "Which images are selected").
///
/// It is compiled once and evaluated many times; a clone shares the code.
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
    /// The interpreter's programs may go from thread to thread, but not be used by two at once.
    program: Arc<Mutex<MontyRun>>,
    /// The process that evaluates it, where there is one.
    worker: Arc<Mutex<Option<Worker>>>,
    evaluations: Arc<AtomicUsize>,
}

impl Condition {
    /// Compiles a condition.
    ///
    /// # Errors
    ///
    /// The text is not a Python expression, is longer than 8 KiB, or is nested deeper than 64 levels.
    pub fn parse(text: &str) -> Result<Self, ConditionSyntaxError> {
        let program = syntax::compile(text)?;
        Ok(Self {
            text: text.into(),
            program: Arc::new(Mutex::new(program)),
            worker: Arc::default(),
            evaluations: Arc::default(),
        })
    }

    /// The text, as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The truth value for an image of the master region, whose bare name is `region`.
    ///
    /// Blocks for up to a second, or three where the interpreter cannot stop what it does: call it from
    /// a thread that may block.
    ///
    /// # Errors
    ///
    /// The condition raised, or it passed a bound of time (1 s) or memory (64 MiB). What one operation
    /// takes is bounded only where [`evaluate_apart`] was called, or where the program's allocator is
    /// the interpreter's.
    pub fn evaluate(
        &self,
        image: &Image,
        region: &str,
        metadata_set: &BTreeSet<String>,
    ) -> Result<bool, ConditionError> {
        let facts = Facts::of(image, region, metadata_set);
        let mut worker = host::locked(&self.worker);
        let at_work = worker.take().or_else(|| Worker::start(&self.text));
        let result = if let Some(at_work) = at_work {
            let (result, left) = at_work.evaluate(&facts);
            *worker = left;
            result
        } else {
            let program = host::locked(&self.program);
            sandbox::run(&program, &facts)
        };
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        result.map_err(ConditionError)
    }

    /// How often it was evaluated so far, by this value or a clone of it.
    pub fn evaluations(&self) -> usize {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// No image follows for now: nothing is kept that only a further evaluation needs.
    pub fn rest(&self) {
        let mut worker = host::locked(&self.worker);
        *worker = None;
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}
