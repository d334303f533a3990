//! Accepting connections: each is given to an event loop.
//!
//! Where there are several loops, this runs on a thread of its own, so that connections do not wait for a loop, nor it for them. A
//! server with one loop accepts there: a second thread on the same CPU would only cost a change of threads for each connection.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsFd,
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::{
    addresses::Permit,
    byte_stream::{ByteStream, DetachedStream},
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
        match Listener::new(listener) {
            Ok(listener) => self.accept_all(listener).await,
            Err(error) => self.log.accept(&error),
        }
    }

    async fn accept_all(self: Arc<Self>, listener: Listener) {
        let mut refusing = self.refusing.subscribe();
        loop {
            let first = tokio::select! {
                // Ends the loop; the listener is dropped with it.
                () = server::set(&mut refusing) => return,
                first = listener.first.accept() => first,
            };
            match first.and_then(|first| self.admit_some(first, &listener)) {
                Ok(()) => tokio::task::yield_now().await,
                Err(error) => {
                    self.log.accept(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Admits a connection, and others that have come with it.
    fn admit_some(self: &Arc<Self>, (stream, peer): (TcpStream, SocketAddr), listener: &Listener) -> io::Result<()> {
        let _later = WakeLater::begin();
        if let Some((permit, seat, peer)) = self.admit(&stream, peer) {
            let (engine, stream) = (Arc::clone(self), ByteStream::Tcp(stream, permit));
            if seat.event_loop().is_here() {
                tokio::spawn(serve(engine, stream, peer, seat));
            } else {
                self.hand_over(stream.detach()?, peer, seat);
            }
        }
        for _ in 1..ACCEPTS_PER_TURN {
            let Some((stream, peer)) = listener.accept_another()? else { break };
            if let Some((permit, seat, peer)) = self.admit(&stream, peer) {
                self.hand_over(DetachedStream::Tcp(stream, permit), peer, seat);
            }
        }
        Ok(())
    }

    /// Decides about a connection that was accepted: whether it may stay, which loop serves it, and who opened it.
    fn admit(&self, stream: &impl AsFd, peer: SocketAddr) -> Option<(Permit, Seat, IpAddr)> {
        let peer = peer.ip().to_canonical();
        let permit = self.connection_permit(stream, peer)?;
        Some((permit, self.loops.place(), peer))
    }

    fn hand_over(self: &Arc<Self>, stream: DetachedStream, peer: IpAddr, seat: Seat) {
        let (engine, event_loop) = (Arc::clone(self), Arc::clone(seat.event_loop()));
        event_loop.spawn(move || async move {
            match stream.attach() {
                Ok(stream) => serve(engine, stream, peer, seat).await,
                // The drop of the stream has closed it.
                Err(error) => engine.log.accept(&error),
            }
        });
    }
}

/// Serves a connection, on the loop that it stays on.
async fn serve(engine: Arc<Engine>, stream: ByteStream, peer: IpAddr, seat: Seat) {
    if let Some((stream, address)) = engine.identify(stream, peer).await {
        listener::serve_connection(engine, stream, address, seat).await;
    }
}

/// The listener, twice: tokio's knows when connections have come, and registers each with its runtime, which only the loop that serves it
/// should do.
struct Listener {
    first: TcpListener,
    others: std::net::TcpListener,
}

impl Listener {
    /// On Linux an accepted socket inherits the options that are set here, which saves a system call for each.
    fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        if let Err(error) = SockRef::from(&listener).set_tcp_nodelay(true) {
            tracing::warn!(%error, "options of the listener");
        }
        listener.set_nonblocking(true)?;
        Ok(Self { others: listener.try_clone()?, first: TcpListener::from_std(listener)? })
    }

    /// A connection, if another has come.
    fn accept_another(&self) -> io::Result<Option<(std::net::TcpStream, SocketAddr)>> {
        match self.others.accept() {
            Ok((stream, peer)) => {
                stream.set_nonblocking(true)?;
                Ok(Some((stream, peer)))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use socket2::SockRef;
    use tokio::net::TcpStream;

    use super::Listener;

    #[tokio::test]
    async fn an_accepted_socket_has_the_options_of_its_listener() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = Listener::new(listener).unwrap();
        let _clients = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let first = listener.first.accept().await.unwrap().0.into_std().unwrap();
        let (other, _) = listener.accept_another().unwrap().unwrap();
        assert!(listener.accept_another().unwrap().is_none());
        for mut accepted in [first, other] {
            assert!(accepted.nodelay().unwrap());
            // A client whose network is away is the heartbeat's to give up, and a paused download the body's timeout.
            assert_eq!(SockRef::from(&accepted).tcp_user_timeout().unwrap(), None);
            assert_eq!(accepted.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        }
    }
}
