//! Standard output: it holds only what was asked for, so that it can be piped.

use std::io::{self, BufWriter, StdoutLock, Write};

/// Writes to standard output. Where the other end was closed (`| head`), nothing more is written,
/// and that is no error.
pub(super) fn print(
    write: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| out.flush());
    // What is left in the buffer must not be tried again when it is dropped.
    let (_, _) = out.into_parts();
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
