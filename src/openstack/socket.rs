//! The sending half of a connection in the clear, for one who sends content from a file without
//! taking it into the program's own memory: the kernel does that (`sendfile(2)`).
//!
//! It is made by [`GlanceWriter::put_file`](super::GlanceWriter::put_file) once the head of the
//! request is out, and used on a thread that may block.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Where content goes. Every clone is the same connection.
#[derive(Debug, Clone)]
pub struct ContentSocket(Arc<TcpStream>);

/// Why nothing was sent.
#[derive(Debug)]
pub enum NotSent {
    /// The connection takes no more at present: see [`ContentSocket::wait`].
    Full,
    /// The connection is over. The other half of it knows why.
    Closed,
    /// Not this way: the file cannot be read, or not by the kernel alone. Reading it tells.
    Otherwise,
}

impl ContentSocket {
    /// Takes another handle of a connection that does not block.
    pub(crate) fn new(connection: OwnedFd) -> Self {
        Self(Arc::new(connection.into()))
    }

    /// Sends up to `length` bytes of the file from `position` on, and says how many went; 0 at the
    /// end of the file. Waits for the file alone, never for the connection.
    pub fn send_file(&self, file: &File, position: u64, length: usize) -> Result<usize, NotSent> {
        loop {
            match send_file(&self.0, file, position, length) {
                Ok(sent) => return Ok(sent),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(NotSent::Full),
                Err(error) if is_closed_by_peer(&error) => return Err(NotSent::Closed),
                Err(_) => return Err(NotSent::Otherwise),
            }
        }
    }

    /// Sends some of these bytes, and says how many went.
    pub fn send(&self, bytes: &[u8]) -> Result<usize, NotSent> {
        loop {
            match (&*self.0).write(bytes) {
                Ok(sent) => return Ok(sent),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(NotSent::Full),
                Err(_) => return Err(NotSent::Closed),
            }
        }
    }

    /// Waits until the connection takes more or is over, but no longer than that.
    pub fn wait(&self, limit: Duration) {
        let limit = Timespec::try_from(limit).ok();
        let mut wanted = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::OUT)];
        // Whoever is woken for nothing is told so by the next try.
        let _ = poll(&mut wanted, limit.as_ref());
    }

    /// Ends the connection, for the other half too.
    pub fn close(&self) {
        // It may be over already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

#[cfg(target_os = "linux")]
fn send_file(socket: &TcpStream, file: &File, position: u64, length: usize) -> io::Result<usize> {
    let mut position = position;
    Ok(rustix::fs::sendfile(
        socket,
        file,
        Some(&mut position),
        length,
    )?)
}

#[cfg(not(target_os = "linux"))]
fn send_file(_: &TcpStream, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(ErrorKind::Unsupported.into())
}

/// True where a connection says that the server has closed it.
pub(super) fn is_closed_by_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
    )
}
