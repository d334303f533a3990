//! Accepting connections: each is given to an event loop.
//!
//! Where there are several loops, this runs on a thread of its own, so that connections do not wait for a loop, nor it for them. A
//! server with one loop accepts there: a second thread on the same CPU would only cost a change of threads for each connection.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;

use super::{
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
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
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
                first = listener.accept() => first,
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
    fn admit_some(self: &Arc<Self>, (stream, peer): Accepted, listener: &Listener) -> io::Result<()> {
        let _later = WakeLater::begin();
        self.admit(stream, peer);
        for _ in 1..ACCEPTS_PER_TURN {
            let Some((stream, peer)) = listener.accept_another()? else { break };
            self.admit(stream, peer);
        }
        Ok(())
    }

    /// Decides about a connection that was accepted: whether it may stay, and which loop serves it. Only that loop polls it.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let peer = peer.ip().to_canonical();
        let Some(permit) = self.connection_permit(&stream, peer) else { return };
        let (engine, seat, stream) = (Arc::clone(self), self.loops.place(), DetachedStream::Tcp(stream, permit));
        let event_loop = Arc::clone(seat.event_loop());
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

/// A connection that no runtime knows yet, and who opened it.
type Accepted = (TcpStream, SocketAddr);

/// The listener, twice: tokio's knows when connections have come, and would register each with its runtime, which only the loop that
/// serves it should do.
struct Listener {
    first: tokio::net::TcpListener,
    others: TcpListener,
}

impl Listener {
    /// On Linux an accepted socket inherits the options that are set here, which saves a system call for each.
    fn new(listener: TcpListener) -> io::Result<Self> {
        if let Err(error) = SockRef::from(&listener).set_tcp_nodelay(true) {
            tracing::warn!(%error, "options of the listener");
        }
        listener.set_nonblocking(true)?;
        Ok(Self { others: listener.try_clone()?, first: tokio::net::TcpListener::from_std(listener)? })
    }

    /// Waits for a connection.
    async fn accept(&self) -> io::Result<Accepted> {
        let (stream, peer) = self.first.accept().await?;
        Ok((stream.into_std()?, peer))
    }

    /// A connection, if another has come.
    fn accept_another(&self) -> io::Result<Option<Accepted>> {
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
        let (first, _) = listener.accept().await.unwrap();
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
