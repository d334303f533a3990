//! Which connections may stay, and whose they are.
//!
//! A connection that is one too many is closed at once. It gets a response all the same, as far as that costs one system call: the
//! client that has sent its request by then sees a reset in place of it.

use std::{net::IpAddr, os::fd::AsFd};

use socket2::SockRef;

use super::{addresses::Permit, byte_stream::ByteStream, proxy_protocol, server::Engine};
use crate::limit_hits::LimitHit;

/// The answer to a connection beyond the limit of its address.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// The answer to a connection beyond the total.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

impl Engine {
    /// The permit of a connection that was just accepted. `None`: it is one too many.
    pub(super) fn connection_permit(&self, stream: &impl AsFd, peer: IpAddr) -> Option<Permit> {
        let permit = self.addresses.connection();
        // The connections of a proxy are those of many clients.
        let permit = if self.options.proxies.trusts(peer) { permit } else { permit.and_then(|permit| permit.of(peer)) };
        permit.map_err(|limit| self.refuse(stream, limit, peer)).ok()
    }

    /// Finds out whose connection it is, as far as that can be known before the first request: the stream and the address. `None`: it
    /// is closed.
    pub(super) async fn identify(&self, stream: ByteStream, peer: IpAddr) -> Option<(ByteStream, IpAddr)> {
        let (mut stream, permit) = match stream {
            ByteStream::Tcp(stream, permit) if self.options.proxies.expects_header(peer) => (stream, permit),
            other => return Some((other, peer)),
        };
        let client = match proxy_protocol::read(&mut stream).await {
            Ok(Some(client)) => client.to_canonical(),
            Ok(None) => return Some((ByteStream::Tcp(stream, permit), peer)),
            Err(error) => {
                self.log.proxy(peer, error);
                return None;
            }
        };
        match permit.of(client) {
            Ok(permit) => Some((ByteStream::Tcp(stream, permit), client)),
            Err(limit) => {
                self.refuse(&stream, limit, client);
                None
            }
        }
    }

    fn refuse(&self, stream: &impl AsFd, limit: LimitHit, address: IpAddr) {
        self.log.full(limit, address);
        let answer = if limit == LimitHit::Connections { FULL } else { TOO_MANY };
        // If the kernel does not take it, the client sees that the connection is closed.
        let _ = SockRef::from(stream).send(answer);
    }
}
