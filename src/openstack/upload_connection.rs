//! A connection for one upload alone, to a server in the clear and without a proxy between.
//!
//! The request's head and the answer are hyper's business; for it the request has no body. The
//! content goes past it, out of its file and into the same connection, on a thread of whoever sends
//! it ([`ContentSocket`]): so the kernel moves it, and the program never touches a byte.
//!
//! A Glance that refuses an upload early answers, and closes over what it has not read; then writing
//! fails, and a pooled client reports that and drops the answer, which has long arrived. Here the
//! answer is read whatever became of the writing. And the connection ends with its future, where a
//! pooled one first waits for the server to read what was written.
//!
//! What stands before servers with TLS lets a client finish before it closes, so [`HttpClient`]'s
//! pool is good enough there; `upload_threads` drives it.
//!
//! [`HttpClient`]: super::HttpClient

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::oneshot;
use tokio::time::timeout;
use url::{Host, Url};

use super::TransportCause;
use super::attempt::AttemptError;
use super::client::CONNECT_TIMEOUT;
use super::request::{Answer, MAX_ERROR_BYTES};
use super::request_log::RequestLog;
use super::socket::ContentSocket;

/// Sends the head of the request, whose URI is that of `url` and which says how long its content is;
/// then has `start_sending` send the content; and reads the answer, which may come before all was sent.
/// Dropping the future closes the connection for both.
pub(super) async fn send(
    url: &Url,
    head: http::Request<()>,
    start_sending: impl FnOnce(ContentSocket),
) -> Result<Answer, AttemptError> {
    let mut log = RequestLog::begin(head.method(), url);
    let result = send_logged(url, head, start_sending, &mut log).await;
    result.inspect_err(|error| log.failed(error))
}

async fn send_logged(
    url: &Url,
    head: http::Request<()>,
    start_sending: impl FnOnce(ContentSocket),
    log: &mut RequestLog,
) -> Result<Answer, AttemptError> {
    let stream = timeout(CONNECT_TIMEOUT, connect(url))
        .await
        .unwrap_or_else(|_| Err(TransportCause::not_in_time()))
        .map_err(AttemptError::Transport)?;
    let socket = stream.as_fd().try_clone_to_owned();
    let socket =
        socket.map_err(|error| AttemptError::Transport(TransportCause::of_connect(&error)))?;
    let socket = ClosedAtLast(ContentSocket::new(socket));
    let (head_is_out, mut is_head_out) = oneshot::channel();
    let (mut sender, connection) = http1::handshake(Wire::new(stream, head_is_out))
        .await
        .map_err(|error| lost(&error))?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let response = sender.send_request(head.map(|()| EmptyBody)).await;
        let response = response.map_err(|error| lost(&error))?;
        log.answered(response.status(), response.headers());
        read(response).await
    });
    let mut start_sending = Some(start_sending);
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            // What it had read is with the other by now, or why it had nothing.
            _ = &mut connection => return answer.await,
            _ = &mut is_head_out, if start_sending.is_some() => if let Some(start_sending) = start_sending.take() {
                start_sending(socket.0.clone());
            },
        }
    }
}

/// Whoever still sends is told by it that nobody waits for the answer.
struct ClosedAtLast(ContentSocket);

impl Drop for ClosedAtLast {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The body that hyper sees: none, so that it sends the head with the length that is in it, and then
/// waits for the answer.
struct EmptyBody;

impl Body for EmptyBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}

async fn connect(url: &Url) -> Result<TcpStream, TransportCause> {
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = match url.host() {
        Some(Host::Ipv4(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Ipv6(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Domain(name)) => {
            let addresses: Vec<_> = lookup_host((name, port))
                .await
                .map_err(|error| TransportCause::of_lookup(&error))?
                .collect();
            TcpStream::connect(&addresses[..]).await
        }
        None => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    }
    .map_err(|error| TransportCause::of_connect(&error))?;
    // Without it the end of the content might wait for the server to acknowledge what came before.
    stream
        .set_nodelay(true)
        .map_err(|error| TransportCause::of_connect(&error))?;
    Ok(stream)
}

async fn read(response: http::Response<Incoming>) -> Result<Answer, AttemptError> {
    let (head, body) = response.into_parts();
    let mut body = pin!(body);
    let mut bytes = BytesMut::new();
    // Of an upload's answer only the status and an error's words count, so a cut end is no harm.
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
        if bytes.len() >= MAX_ERROR_BYTES {
            break;
        }
    }
    if head.status.is_success() {
        Ok(Answer {
            headers: head.headers,
            body: bytes.freeze(),
        })
    } else {
        Err(AttemptError::of_status(head.status, &head.headers, &bytes))
    }
}

fn lost(error: &hyper::Error) -> AttemptError {
    AttemptError::Transport(TransportCause::of_connection(error))
}

/// A TCP connection as hyper wants to have it, which tells when the head is out.
struct Wire {
    stream: TcpStream,
    head_is_out: Option<oneshot::Sender<()>>,
    has_written: bool,
}

impl Wire {
    fn new(stream: TcpStream, head_is_out: oneshot::Sender<()>) -> Self {
        Self {
            stream,
            head_is_out: Some(head_is_out),
            has_written: false,
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Answers are short; the cursor's own memory could only be written to by unsafe code.
        let mut space = [0; 4096];
        let most = space.len().min(into.remaining());
        let mut buffer = ReadBuf::new(&mut space[..most]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        into.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.has_written = true;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.has_written = true;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// hyper flushes when it has written all that it has, which is the head.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if self.has_written
            && let Some(head_is_out) = self.head_is_out.take()
        {
            // Where nobody waits for it, nobody is to be told.
            let _ = head_is_out.send(());
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
