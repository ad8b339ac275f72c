//! Requests of one Glance to another, as `glance-download` sends them.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::Bytes;
use http_body::Body as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The body of an answer, piece by piece.
#[derive(Debug)]
pub(super) struct Fetched {
    body: Incoming,
}

/// Asks for a path below an endpoint; none unless it answers 200.
pub(super) async fn fetch(endpoint: &str, path: &str, token: &str) -> Option<Fetched> {
    let url: hyper::Uri = format!("{endpoint}{path}").parse().ok()?;
    let authority = url.authority()?.as_str();
    let stream = TcpStream::connect(authority).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(async { drop(connection.await) });
    let request = Request::builder()
        .uri(url.path_and_query()?.as_str())
        .header("Host", authority)
        .header("Connection", "close")
        .header("X-Auth-Token", token)
        .body(String::new())
        .ok()?;
    let answer = sender.send_request(request).await.ok()?;
    (answer.status() == 200).then(|| Fetched {
        body: answer.into_body(),
    })
}

impl Fetched {
    /// The next bytes; none at the end, an error where the source breaks off.
    pub(super) async fn chunk(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        loop {
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await?;
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(bytes)) => return Some(Ok(bytes)),
                Ok(Err(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// All of it; none where it breaks off.
    pub(super) async fn document(mut self) -> Option<Vec<u8>> {
        let mut document = Vec::new();
        while let Some(chunk) = self.chunk().await {
            document.extend_from_slice(&chunk.ok()?);
        }
        Some(document)
    }
}
