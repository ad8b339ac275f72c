//! Standard output: it holds only what was asked for, so that it can be piped.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::event::Failure;
use crate::report::{Terminal, format, tell_errors};

/// Whether standard output is to hold a document of JSON that was not begun yet. There is one standard
/// output, and a run may end in many places.
static IS_OWED: AtomicBool = AtomicBool::new(false);

/// Standard output takes no more.
#[derive(Debug, thiserror::Error)]
#[error("standard output could not be written: {0}")]
pub(super) struct OutputError(io::Error);

/// From now on standard output holds one document, however the program ends.
pub(super) fn promise_document() {
    IS_OWED.store(true, Ordering::Relaxed);
}

/// Writes to standard output. Where the other end was closed (`| head`), nothing more is written,
/// and that is no error.
pub(super) fn print(
    write: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>,
) -> Result<(), OutputError> {
    IS_OWED.store(false, Ordering::Relaxed);
    let mut out = BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| out.flush());
    // What is left in the buffer must not be tried again when it is dropped.
    let (_, _) = out.into_parts();
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(OutputError),
    }
}

/// Ends a program that has printed nothing: where a document was promised, it says why there is no
/// other.
pub(super) fn print_errors(failures: &[Failure], exit_code: u8) {
    if IS_OWED.load(Ordering::Relaxed) {
        // Standard error has the same, and the exit code is that of the first error.
        let _ = print(|out| format::errors_document(out, failures, exit_code));
    }
}

/// Says why the program ends, where it was asked to be said too, and gives the exit code.
pub(super) fn end_with(terminal: &Terminal, failures: &[Failure], exit_code: u8) -> u8 {
    tell_errors(terminal, failures);
    print_errors(failures, exit_code);
    exit_code
}
