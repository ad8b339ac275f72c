//! Connections that can be cut: the listener that accepts them and the switch that ends one.
//!
//! The front takes them from the [`AcceptGate`]; it cuts single connections for faults, and the
//! sandbox cuts all of a service's when it is stopped.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::locked;

/// Ends a connection without another byte.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Switch {
    cut: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

impl Switch {
    /// From now on every read and write of the connection fails.
    pub(in crate::sandbox) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        if let Some(waker) = locked(&self.reader).take() {
            waker.wake();
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::SeqCst) {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }
}

/// The switches of the connections that a service has open.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Switchboard {
    switches: Mutex<Vec<Weak<Switch>>>,
}

impl Switchboard {
    fn plug(&self, switch: &Arc<Switch>) {
        let mut switches = locked(&self.switches);
        switches.retain(|switch| switch.strong_count() > 0);
        switches.push(Arc::downgrade(switch));
    }

    /// Cuts every open connection.
    pub(in crate::sandbox) fn cut_all(&self) {
        for switch in locked(&self.switches).drain(..) {
            if let Some(switch) = switch.upgrade() {
                switch.cut();
            }
        }
    }
}

/// A listener whose connections carry a switch.
#[derive(Debug)]
pub(in crate::sandbox) struct AcceptGate {
    listener: TcpListener,
    board: Arc<Switchboard>,
}

impl AcceptGate {
    /// Takes over a bound socket; must be called on the runtime that is to serve it.
    pub(in crate::sandbox) fn new(
        listener: std::net::TcpListener,
        board: Arc<Switchboard>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            board,
        })
    }

    /// The next connection and its switch.
    pub(in crate::sandbox) async fn accept(&self) -> (Wire, Arc<Switch>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // An answer in two small writes would otherwise wait for the client's
                    // delayed acknowledgement.
                    let _ = stream.set_nodelay(true);
                    let switch = Arc::new(Switch::default());
                    self.board.plug(&switch);
                    let wire = Wire {
                        stream,
                        switch: Arc::clone(&switch),
                    };
                    return (wire, switch);
                }
                // Out of descriptors, most likely: others must end first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// A connection that fails once it is cut.
#[derive(Debug)]
pub(in crate::sandbox) struct Wire {
    stream: TcpStream,
    switch: Arc<Switch>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        *locked(&self.switch.reader) = Some(context.waker().clone());
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
