//! The accept loop: it accepts connections and gives each to an event loop. It serves none itself, so connections do not wait for it, nor it
//! for them.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::{
    byte_stream::DetachedStream,
    listener,
    server::{self, Engine},
};

/// How long the accept loop waits after an error. When the system has no more file handles, a retry at once would only use up
/// the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Engine {
    /// Accepts connections on the runtime of whoever calls, until `refuse_new`. Connections that are open by then are still served.
    pub(crate) fn serve(
        self: Arc<Self>,
        listener: std::net::TcpListener,
    ) -> io::Result<impl Future<Output = ()> + Send + 'static> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        set_socket_options(&listener);
        Ok(self.accept_all(listener))
    }

    async fn accept_all(self: Arc<Self>, listener: TcpListener) {
        let mut refusing = self.refusing.subscribe();
        loop {
            tokio::select! {
                // Ends the loop; the listener is dropped with it.
                () = server::set(&mut refusing) => return,
                accepted = listener.accept() => {
                    if let Err(error) = accepted.and_then(|(stream, peer)| self.admit(stream, peer)) {
                        self.log.accept(&error);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }

    /// Decides about a connection that was accepted: whether it may stay, and which loop serves it.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let peer = peer.ip().to_canonical();
        let Some(permit) = self.connection_permit(&stream, peer) else { return Ok(()) };
        let stream = DetachedStream::Tcp(stream.into_std()?, permit);
        let (engine, seat) = (Arc::clone(self), self.loops.place());
        let event_loop = Arc::clone(seat.event_loop());
        event_loop.spawn(move || async move {
            match stream.attach() {
                Ok(stream) => {
                    if let Some((stream, address)) = engine.identify(stream, peer).await {
                        listener::serve_connection(engine, stream, address, seat).await;
                    }
                }
                // The drop of the stream has closed it.
                Err(error) => engine.log.accept(&error),
            }
        });
        Ok(())
    }
}

/// Sets the options of the listener. On Linux an accepted socket inherits them, which saves a system call for each.
fn set_socket_options(listener: &TcpListener) {
    if let Err(error) = SockRef::from(listener).set_tcp_nodelay(true) {
        tracing::warn!(%error, "options of the listener");
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn an_accepted_socket_has_the_options_of_its_listener() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        super::set_socket_options(&listener);
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert!(accepted.nodelay().unwrap());
        // A client whose network is away is the heartbeat's to give up, and a paused download the body's timeout.
        assert_eq!(SockRef::from(&accepted).tcp_user_timeout().unwrap(), None);
    }
}
