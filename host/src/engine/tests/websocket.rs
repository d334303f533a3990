//! A websocket, seen from the client.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::server::{Pipe, Server};

// The first bytes of frames: final, and the opcode.
pub(super) const TEXT: u8 = 0x81;
pub(super) const CLOSE: u8 = 0x88;

/// A websocket, seen from the client.
pub(super) struct Websocket(DuplexStream);

impl Websocket {
    /// Opens a websocket. Without a `sid` it has a session of its own, and its OPEN packet is read.
    pub(super) async fn open(server: &Server, sid: &str, pipe_bytes: usize) -> Self {
        let mut stream = server.connect(pipe_bytes);
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket{sid} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        let mut websocket = Self(stream);
        if sid.is_empty() {
            assert!(websocket.read_frame().await.starts_with(r#"0{"sid":""#));
        }
        websocket
    }

    /// Sends a frame, masked with zeros, which change nothing. The server may have closed the stream.
    pub(super) async fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
        let _ = self.0.write_all(&frame).await;
    }

    /// Closes the client's side of the stream.
    pub(super) async fn close_stream(&mut self) {
        let _ = self.0.shutdown().await;
    }

    /// The frames up to the end of the stream.
    pub(super) async fn read_frames(&mut self) -> Vec<String> {
        let mut frames = Vec::new();
        loop {
            let frame = self.read_frame().await;
            let is_last = frame == "eof" || frame == "cut";
            frames.push(frame);
            if is_last {
                return frames;
            }
        }
    }

    pub(super) async fn read_frame(&mut self) -> String {
        let Ok(first) = self.0.read_u8().await else { return "eof".to_owned() };
        self.read_payload(first).await.unwrap_or_else(|_| "cut".to_owned())
    }

    async fn read_payload(&mut self, first: u8) -> io::Result<String> {
        let length = match self.0.read_u8().await? {
            126 => usize::from(self.0.read_u16().await?),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await?;
        Ok(match (first, &*payload) {
            (CLOSE, &[high, low]) => format!("close {}", u16::from_be_bytes([high, low])),
            _ if length > Pipe::NARROW => "long".to_owned(),
            _ => String::from_utf8(payload).unwrap(),
        })
    }
}
