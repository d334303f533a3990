//! The PROXY protocol, versions 1 and 2: the header with which a proxy begins a connection, to say whose it is.
//!
//! <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>. Exactly the header is read: what follows is hyper's. A connection
//! without one is refused, as the protocol wants it, since whoever can leave the header out can be anybody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::fixed_limits::{PROXY_HEADER_BYTES_MAX, PROXY_HEADER_DEADLINE};

/// With what a header of version 2 begins.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header of version 1, with its line end.
const LINE_BYTES: usize = 107;
/// The commands of version 2: a connection of the proxy's own, and that of a client.
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
/// The address families of version 2, in the upper half of their byte.
const INET: u8 = 1;
const INET6: u8 = 2;

/// Why a connection has no usable header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("it does not begin with a header of the PROXY protocol; see [server] proxy_header")]
    Missing,
    #[error("its header of the PROXY protocol is malformed")]
    Malformed,
    #[error("its header of the PROXY protocol is longer than {PROXY_HEADER_BYTES_MAX} bytes")]
    TooLong,
    #[error("its header of the PROXY protocol was not there within {PROXY_HEADER_DEADLINE:?}")]
    Late,
    #[error("it ended before its header of the PROXY protocol")]
    Ended,
}

/// Reads the header. The result is the client's address; `None` if the proxy speaks for itself (a health check) or does not say.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Option<IpAddr>, HeaderError> {
    timeout(PROXY_HEADER_DEADLINE, read_header(stream)).await.unwrap_or(Err(HeaderError::Late))
}

async fn read_header(stream: &mut TcpStream) -> Result<Option<IpAddr>, HeaderError> {
    let mut begin = [0; SIGNATURE.len()];
    read_exactly(stream, &mut begin).await?;
    if begin == SIGNATURE {
        return read_binary(stream).await;
    }
    let mut line = begin.to_vec();
    if !line.starts_with(b"PROXY ") {
        return Err(HeaderError::Missing);
    }
    while !line.ends_with(b"\r\n") {
        if line.len() == LINE_BYTES {
            return Err(HeaderError::Malformed);
        }
        read_line_part(stream, &mut line).await?;
    }
    text_address(&line)
}

/// Reads more of a line, at most up to its end.
async fn read_line_part(stream: &mut TcpStream, line: &mut Vec<u8>) -> Result<(), HeaderError> {
    let mut ahead = [0; LINE_BYTES];
    let room = ahead.get_mut(line.len()..).unwrap_or_default();
    let there = stream.peek(room).await.map_err(|_| HeaderError::Ended)?;
    let there = room.get_mut(..there).filter(|there| !there.is_empty()).ok_or(HeaderError::Ended)?;
    let length = there.iter().position(|byte| *byte == b'\n').map_or(there.len(), |end| end + 1);
    let part = there.get_mut(..length).unwrap_or_default();
    read_exactly(stream, part).await?;
    line.extend_from_slice(part);
    Ok(())
}

async fn read_binary(stream: &mut TcpStream) -> Result<Option<IpAddr>, HeaderError> {
    let mut head = [0; 4];
    read_exactly(stream, &mut head).await?;
    let [command, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length + SIGNATURE.len() + head.len() > PROXY_HEADER_BYTES_MAX {
        return Err(HeaderError::TooLong);
    }
    let mut rest = vec![0; length];
    read_exactly(stream, &mut rest).await?;
    binary_address(command, family, &rest)
}

async fn read_exactly(stream: &mut TcpStream, bytes: &mut [u8]) -> Result<(), HeaderError> {
    stream.read_exact(bytes).await.map(drop).map_err(|_| HeaderError::Ended)
}

/// The source address of `PROXY TCP4 192.0.2.1 192.0.2.2 4711 80`.
fn text_address(line: &[u8]) -> Result<Option<IpAddr>, HeaderError> {
    let line = std::str::from_utf8(line).map_err(|_| HeaderError::Malformed)?;
    let mut words = line.trim_end().split(' ').skip(1);
    match (words.next(), words.next(), words.count()) {
        (Some("UNKNOWN"), ..) => Ok(None),
        (Some("TCP4"), Some(source), 3) => Ok(Some(source.parse::<Ipv4Addr>().map_err(|_| HeaderError::Malformed)?.into())),
        (Some("TCP6"), Some(source), 3) => Ok(Some(source.parse::<Ipv6Addr>().map_err(|_| HeaderError::Malformed)?.into())),
        _ => Err(HeaderError::Malformed),
    }
}

/// The source address of version 2. It is the first field of those families that have one.
fn binary_address(command: u8, family: u8, rest: &[u8]) -> Result<Option<IpAddr>, HeaderError> {
    match (command, family >> 4) {
        (LOCAL, _) => Ok(None),
        (PROXY, INET) if rest.len() >= 12 => Ok(rest.first_chunk::<4>().map(|source| IpAddr::from(*source))),
        (PROXY, INET6) if rest.len() >= 36 => Ok(rest.first_chunk::<16>().map(|source| IpAddr::from(*source))),
        (PROXY, INET | INET6) => Err(HeaderError::Malformed),
        // The address of a Unix socket, or none.
        (PROXY, _) => Ok(None),
        _ => Err(HeaderError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::{HeaderError, SIGNATURE, read};

    /// What is found, and what is left in the stream.
    async fn found(bytes: &[u8]) -> Result<(String, Vec<u8>), HeaderError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut proxy = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        proxy.write_all(bytes).await.unwrap();
        drop(proxy);
        let address = read(&mut stream).await?;
        let mut left = Vec::new();
        stream.read_to_end(&mut left).await.unwrap();
        Ok((address.map_or("-".to_owned(), |address| address.to_string()), left))
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest, b"GET /"].concat()
    }

    #[tokio::test]
    async fn a_header_is_read_to_its_end_and_no_further() {
        let (request, six) = (b"GET /\r\n".to_vec(), "2001:db8::1");
        let line = |header: &str| [header.as_bytes(), &request].concat();
        for (header, address) in [
            ("PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n", "192.0.2.1"),
            ("PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n", six),
            ("PROXY UNKNOWN\r\n", "-"),
            ("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", "-"),
        ] {
            assert_eq!(found(&line(header)).await, Ok((address.to_owned(), request.clone())), "{header}");
        }
        let mut long = [0; 60];
        long[..16].copy_from_slice(&six.parse::<std::net::Ipv6Addr>().unwrap().octets());
        for (header, address) in [
            (binary(0x21, 0x11, &[192, 0, 2, 1, 192, 0, 2, 2, 1, 2, 3, 4]), "192.0.2.1"),
            (binary(0x21, 0x21, &long), six),
            (binary(0x20, 0x00, &[]), "-"),
            (binary(0x20, 0x11, &[7; 12]), "-"),
            (binary(0x21, 0x31, &[b'/'; 216]), "-"),
        ] {
            assert_eq!(found(&header).await, Ok((address.to_owned(), b"GET /".to_vec())), "{header:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        for (bytes, error) in [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), HeaderError::Missing),
            (b"PROXY TCP4 192.0.2.1".to_vec(), HeaderError::Ended),
            (b"PROXY TCP4 example.com 192.0.2.2 1 2\r\n".to_vec(), HeaderError::Malformed),
            (b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n".to_vec(), HeaderError::Malformed),
            (b"PROXY TCP4 192.0.2.1\r\nGET / HTTP/1.1\r\n".to_vec(), HeaderError::Malformed),
            ([&b"PROXY TCP4 "[..], &[b'1'; 200]].concat(), HeaderError::Malformed),
            (binary(0x21, 0x11, &[1; 11]), HeaderError::Malformed),
            (binary(0x22, 0x11, &[1; 12]), HeaderError::Malformed),
            (binary(0x11, 0x11, &[1; 12]), HeaderError::Malformed),
            (binary(0x21, 0x11, &[1; 5_000]), HeaderError::TooLong),
            (SIGNATURE.to_vec(), HeaderError::Ended),
        ] {
            assert_eq!(found(&bytes).await, Err(error), "{bytes:?}");
        }
    }
}
