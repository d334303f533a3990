//! Accepting connections: each is given to an event loop.
//!
//! Where there are several loops, this runs on a thread of its own, so that connections do not wait for a loop, nor it for them. A
//! server with one loop accepts there: a second thread on the same CPU would only cost a change of threads for each connection.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::{
    byte_stream::ByteStream,
    listener,
    server::{self, Engine},
};
use crate::event_loops::{Seat, WakeLater};

/// How long the accept loop waits after an error. When the system has no more file handles, a retry at once would only use up
/// the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that are accepted before their loops are woken, and before other tasks have their turn.
const ACCEPTS_PER_TURN: usize = 32;

impl Engine {
    /// Accepts connections on the runtime of whoever polls this, until `refuse_new`. Connections that are open by then are still served.
    pub(crate) async fn serve(self: Arc<Self>, listener: std::net::TcpListener) {
        match prepare(listener) {
            Ok(listener) => self.accept_all(listener).await,
            Err(error) => self.log.accept(&error),
        }
    }

    async fn accept_all(self: Arc<Self>, listener: TcpListener) {
        let mut refusing = self.refusing.subscribe();
        loop {
            let accepted = tokio::select! {
                // Ends the loop; the listener is dropped with it.
                () = server::set(&mut refusing) => return,
                accepted = listener.accept() => accepted,
            };
            match self.admit_some(accepted, &listener) {
                Ok(()) => tokio::task::yield_now().await,
                Err(error) => {
                    self.log.accept(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Admits a connection, and others that have come with it.
    fn admit_some(self: &Arc<Self>, first: io::Result<(TcpStream, SocketAddr)>, listener: &TcpListener) -> io::Result<()> {
        let _later = WakeLater::begin();
        let (stream, peer) = first?;
        self.admit(stream, peer)?;
        for _ in 1..ACCEPTS_PER_TURN {
            let Some(accepted) = listener.accept().now_or_never() else { break };
            let (stream, peer) = accepted?;
            self.admit(stream, peer)?;
        }
        Ok(())
    }

    /// Decides about a connection that was accepted: whether it may stay, and which loop serves it.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let peer = peer.ip().to_canonical();
        let Some(permit) = self.connection_permit(&stream, peer) else { return Ok(()) };
        let (engine, seat, stream) = (Arc::clone(self), self.loops.place(), ByteStream::Tcp(stream, permit));
        if seat.event_loop().is_here() {
            tokio::spawn(serve(engine, stream, peer, seat));
            return Ok(());
        }
        let (stream, event_loop) = (stream.detach()?, Arc::clone(seat.event_loop()));
        event_loop.spawn(move || async move {
            match stream.attach() {
                Ok(stream) => serve(engine, stream, peer, seat).await,
                // The drop of the stream has closed it.
                Err(error) => engine.log.accept(&error),
            }
        });
        Ok(())
    }
}

/// Serves a connection, on the loop that it stays on.
async fn serve(engine: Arc<Engine>, stream: ByteStream, peer: IpAddr, seat: Seat) {
    if let Some((stream, address)) = engine.identify(stream, peer).await {
        listener::serve_connection(engine, stream, address, seat).await;
    }
}

/// A listener of the runtime that this runs on. On Linux an accepted socket inherits the options that are set here, which saves a
/// system call for each.
fn prepare(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    if let Err(error) = SockRef::from(&listener).set_tcp_nodelay(true) {
        tracing::warn!(%error, "options of the listener");
    }
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn an_accepted_socket_has_the_options_of_its_listener() {
        let listener = super::prepare(std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap()).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert!(accepted.nodelay().unwrap());
        // A client whose network is away is the heartbeat's to give up, and a paused download the body's timeout.
        assert_eq!(SockRef::from(&accepted).tcp_user_timeout().unwrap(), None);
    }
}
