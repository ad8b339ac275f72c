//! A connection for one upload alone, to a server in the clear and without a proxy between.
//!
//! A Glance that refuses an upload early answers, and closes over what it has not read; then writing
//! fails, and a pooled client reports that and drops the answer, which has long arrived. Here a
//! failed write only ends the writing, and the answer is still read. And the connection ends with
//! its future, where a pooled one first waits for the server to read what was written.
//!
//! What stands before servers with TLS lets a client finish before it closes, so [`HttpClient`]'s
//! pool is good enough there.
//!
//! [`HttpClient`]: super::HttpClient

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::{Host, Url};

use super::TransportCause;
use super::client::CONNECT_TIMEOUT;
use super::exchange::{Answer, Failure, MAX_ERROR_BYTES};

/// Sends the request, whose URI is that of `url`, and reads the answer. Dropping the future closes
/// the connection.
pub(super) async fn send<B>(url: &Url, request: http::Request<B>) -> Result<Answer, Failure>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = timeout(CONNECT_TIMEOUT, connect(url))
        .await
        .unwrap_or_else(|_| Err(TransportCause::not_in_time()))
        .map_err(Failure::Transport)?;
    let (mut sender, connection) = http1::handshake(Wire::new(stream))
        .await
        .map_err(|error| lost(&error))?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let response = sender.send_request(request).await;
        read(response.map_err(|error| lost(&error))?).await
    });
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // What it had read is with the other by now, or why it had nothing.
        _ = &mut connection => answer.await,
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

async fn read(response: http::Response<Incoming>) -> Result<Answer, Failure> {
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
        Err(Failure::of_status(head.status, &head.headers, &bytes))
    }
}

fn lost(error: &hyper::Error) -> Failure {
    Failure::Transport(TransportCause::of_connection(error))
}

/// A TCP connection on which a failed write does not keep the answer from being read.
struct Wire {
    stream: TcpStream,
    is_write_broken: bool,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            is_write_broken: false,
        }
    }

    fn write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.is_write_broken {
            return Poll::Pending;
        }
        match write(Pin::new(&mut self.stream), cx) {
            Poll::Ready(Err(error)) if is_closed_by_peer(&error) => {
                // The read side is ready from now on, and wakes whoever waits: with the answer,
                // or with the end that says that there is none.
                self.is_write_broken = true;
                Poll::Pending
            }
            result => result,
        }
    }
}

fn is_closed_by_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
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
        self.write_with(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_with(cx, |stream, cx| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
