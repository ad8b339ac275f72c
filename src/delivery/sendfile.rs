//! The thread that sends content straight out of its file into a connection in the clear.
//!
//! It ends with the content, with the connection, or when nobody wants the answer any more; what
//! became of it is in the [`UploadProgress`].

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::progress::UploadProgress;
use super::rate_limit::UploadRate;
use crate::content::SourceError;
use crate::content::{Opened, Ready};
use crate::openstack::{ContentSocket, NotSent};

/// Sent by one call at most. It is how finely progress is seen where a line takes all at once, and
/// so much that a call costs nothing beside it.
const CALL_BYTES: usize = 1 << 20;

/// Where the kernel cannot read the file by itself, it goes through a buffer of this size, which
/// stays in the processor's cache.
const BUFFER_BYTES: usize = 128 << 10;

/// How long the thread waits before it looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(250);

/// An upload under way.
pub(super) struct SendfileUpload {
    opened: Opened,
    socket: ContentSocket,
    progress: Arc<UploadProgress>,
    rate: Option<UploadRate>,
    /// How much of the content was sent.
    offset: u64,
    /// Set once something had to be read by ourselves.
    buffer: Option<Vec<u8>>,
}

/// So many bytes, as far as they fit into one call.
fn part(bytes: u64) -> usize {
    usize::try_from(bytes).map_or(CALL_BYTES, |bytes| bytes.min(CALL_BYTES))
}

/// The connection is over, or nobody wants it any more.
struct Over;

impl SendfileUpload {
    pub(super) fn new(
        opened: Opened,
        socket: ContentSocket,
        progress: Arc<UploadProgress>,
        rate: Option<UploadRate>,
    ) -> Self {
        Self {
            opened,
            socket,
            progress,
            rate,
            offset: 0,
            buffer: None,
        }
    }

    /// Sends it all, on a thread of its own, which drops `at_work` at its end. Where the source
    /// fails, the connection is closed over the part that was sent, so that no server can take that
    /// for the whole.
    pub(super) fn start(mut self, at_work: oneshot::Sender<()>) -> io::Result<()> {
        let sender = thread::Builder::new().name("image-sender".to_owned());
        let started = sender.spawn(move || {
            self.progress.begin();
            if let Err(error) = self.run() {
                self.progress.fail(error);
                self.socket.close();
            }
            drop(at_work);
        });
        started.map(drop)
    }

    fn run(&mut self) -> Result<(), SourceError> {
        while self.offset < self.opened.size() {
            self.progress.set_reading(true);
            let ready = self.opened.ready(self.offset, LOOK_UP);
            self.progress.set_reading(false);
            let sent = match ready? {
                Some(ready) => self.send(&ready)?,
                None => self.check_wanted(),
            };
            if sent.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Sends what is ready.
    fn send(&mut self, ready: &Ready) -> Result<Result<(), Over>, SourceError> {
        let end = self.offset + ready.length;
        while self.offset < end {
            let due = match self.wait_until_due(part(end - self.offset)) {
                Ok(due) => self.offset + due as u64,
                Err(over) => return Ok(Err(over)),
            };
            while self.offset < due {
                match self.send_some(ready, part(due - self.offset))? {
                    Ok(sent) => {
                        self.offset += sent as u64;
                        self.progress.add(sent as u64);
                    }
                    Err(over) => return Ok(Err(over)),
                }
            }
        }
        Ok(Ok(()))
    }

    /// Sends up to `length` bytes, some at least.
    fn send_some(
        &mut self,
        ready: &Ready,
        length: usize,
    ) -> Result<Result<usize, Over>, SourceError> {
        let offset = self.offset;
        let sendable = ready.sendable().filter(|_| self.buffer.is_none());
        if let Some(file) = sendable {
            loop {
                self.progress.set_reading(true);
                let sent = self.socket.send_file(file, ready.at(offset), length);
                self.progress.set_reading(false);
                match sent {
                    Ok(0) => return Err(self.opened.ended()),
                    Ok(sent) => return Ok(Ok(sent)),
                    Err(NotSent::Closed) => return Ok(Err(Over)),
                    Err(NotSent::Full) if self.wait_for_room().is_err() => return Ok(Err(Over)),
                    Err(NotSent::Full) => {}
                    Err(NotSent::Otherwise) => break,
                }
            }
        }
        let mut buffer = self.buffer.take().unwrap_or_default();
        buffer.resize(length.min(BUFFER_BYTES), 0);
        self.progress.set_reading(true);
        let read = self.opened.read(ready, offset, &mut buffer);
        self.progress.set_reading(false);
        read?;
        let sent = self.send_all(&buffer);
        let length = buffer.len();
        self.buffer = Some(buffer);
        Ok(sent.map(|()| length))
    }

    fn send_all(&self, mut bytes: &[u8]) -> Result<(), Over> {
        while !bytes.is_empty() {
            match self.socket.send(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(NotSent::Full) => self.wait_for_room()?,
                Err(NotSent::Closed | NotSent::Otherwise) => return Err(Over),
            }
        }
        Ok(())
    }

    fn wait_for_room(&self) -> Result<(), Over> {
        self.socket.wait(LOOK_UP);
        self.check_wanted()
    }

    /// Waits until some bytes may be sent, and says how many.
    fn wait_until_due(&mut self, most: usize) -> Result<usize, Over> {
        loop {
            let Some(rate) = &mut self.rate else {
                return Ok(most);
            };
            match rate.take(most) {
                Ok(due) => return Ok(due),
                Err(wait) => {
                    self.progress.set_limited(true);
                    thread::sleep(wait.min(LOOK_UP));
                    self.progress.set_limited(false);
                    self.check_wanted()?;
                }
            }
        }
    }

    fn check_wanted(&self) -> Result<(), Over> {
        if self.progress.is_given_up() {
            return Err(Over);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;

    use super::super::rate_limit::RateLimiter;
    use super::*;
    use crate::content::{Content, ImagesDir};
    use crate::model::{ErrorCode, ImageId};
    use crate::wait::wait_until;

    const ID: &str = "3e2b1a9c-0000-4000-8000-000000000001";

    /// A thread's work without the thread, and the other end of its connection.
    struct Rig {
        upload: SendfileUpload,
        server: TcpStream,
        folder: tempfile::TempDir,
    }

    impl Rig {
        fn new(bytes: &[u8]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(ID), bytes).unwrap();
            let content = ImagesDir::new(folder.path())
                .find(&ImageId::new(ID), bytes.len() as u64)
                .unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.set_nonblocking(true).unwrap();
            let socket = ContentSocket::new(OwnedFd::from(client));
            let opened = Content::from(content).open().unwrap();
            Self {
                upload: SendfileUpload::new(opened, socket, Arc::default(), None),
                server: listener.accept().unwrap().0,
                folder,
            }
        }

        /// Has the file read by ourselves, as where the kernel cannot.
        fn copying(mut self) -> Self {
            self.upload.buffer = Some(Vec::new());
            self
        }

        /// What came out at the other end, and how the work ended.
        fn run(self) -> (Vec<u8>, Result<(), SourceError>, u64) {
            let Self {
                mut upload,
                mut server,
                folder,
            } = self;
            let reader = thread::spawn(move || {
                let mut received = Vec::new();
                server.read_to_end(&mut received).map(|_| received)
            });
            let result = upload.run();
            upload.socket.close();
            drop(folder);
            (
                reader.join().unwrap().unwrap(),
                result,
                upload.progress.sent(),
            )
        }
    }

    fn rate(bandwidth: &str) -> Option<UploadRate> {
        let limiter = RateLimiter::new(&bandwidth.parse().unwrap());
        UploadRate::join(&[limiter.unwrap()])
    }

    fn bytes(size: usize) -> Vec<u8> {
        (0..=250).cycle().take(size).collect()
    }

    #[test]
    fn every_byte_arrives_in_order_by_the_kernel_and_by_ourselves() {
        for size in [0, 1, BUFFER_BYTES, 3 * CALL_BYTES + 17, 20 * CALL_BYTES] {
            let expected = bytes(size);
            for rig in [Rig::new(&expected), Rig::new(&expected).copying()] {
                let (received, result, sent) = rig.run();
                result.unwrap();
                assert_eq!(sent, size as u64);
                assert!(received == expected, "{size}");
            }
        }
    }

    #[test]
    fn a_limit_changes_nothing_but_the_pace() {
        let expected = bytes(200_000);
        for mut rig in [Rig::new(&expected), Rig::new(&expected).copying()] {
            rig.upload.rate = rate("2000000");
            let (received, result, _) = rig.run();
            result.unwrap();
            assert!(received == expected);
        }
    }

    #[test]
    fn a_file_that_shrinks_or_is_written_to_never_gets_its_last_byte_out() {
        let whole = bytes(2 * CALL_BYTES);
        for copies in [false, true] {
            let shrunk = Rig::new(&whole);
            let path = shrunk.folder.path().join(ID);
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(CALL_BYTES as u64).unwrap();
            let touched = Rig::new(&whole);
            let mut other = File::options()
                .append(true)
                .open(touched.folder.path().join(ID))
                .unwrap();
            other.write_all(b"x").unwrap();
            for rig in [shrunk, touched] {
                let rig = if copies { rig.copying() } else { rig };
                let (received, result, _) = rig.run();
                assert_eq!(result.unwrap_err().code(), ErrorCode::SourceSize);
                assert!(received.len() < whole.len());
            }
        }
    }

    #[test]
    fn a_server_that_closes_ends_it_without_blame() {
        for copies in [false, true] {
            let rig = Rig::new(&bytes(32 * CALL_BYTES));
            let Rig {
                mut upload, server, ..
            } = if copies { rig.copying() } else { rig };
            drop(server);
            upload.run().unwrap();
            assert!(upload.progress.sent() < 32 * CALL_BYTES as u64);
        }
    }

    #[test]
    fn who_is_not_wanted_any_more_stops_although_the_server_does_not_read() {
        for rate in [None, rate("1")] {
            let mut rig = Rig::new(&bytes(32 * CALL_BYTES));
            rig.upload.rate = rate;
            let progress = Arc::clone(&rig.upload.progress);
            let sender = thread::spawn(move || rig.upload.run());
            wait_until("a first byte", || {
                progress.sent() > 0 || progress.has_waited_for_rate()
            });
            progress.give_up();
            wait_until("an end", || sender.is_finished());
            sender.join().unwrap().unwrap();
        }
    }
}
