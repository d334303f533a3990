//! A client that speaks websocket, Engine.IO and Socket.IO, as little of each as the scenarios need. What it has read is in its sockets.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use scenarios::{Received, Status};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

// Opcodes of frames.
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// One connection. Everything happens on one thread, so that a cell is enough.
pub(super) struct Connection {
    stream: RefCell<Option<TcpStream>>,
    unread: RefCell<Vec<u8>>,
    /// The socket that each namespace has now.
    sockets: RefCell<HashMap<String, Rc<RefCell<ClientSocket>>>>,
    pongs: RefCell<usize>,
}

/// A socket, seen from the client.
pub(super) struct ClientSocket {
    pub(super) status: Status,
    pub(super) id: String,
    pub(super) received: Vec<Received>,
    pub(super) acks: HashMap<u64, Value>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        let stream = RefCell::new(Some(stream));
        Ok(Self { stream, unread: RefCell::default(), sockets: RefCell::default(), pongs: RefCell::default() })
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.borrow().is_some()
    }

    /// Sends CONNECT for a namespace.
    pub(super) fn connect(&self, namespace: &str, auth: &Value) -> Rc<RefCell<ClientSocket>> {
        let socket = ClientSocket { status: Status::Pending, id: String::new(), received: Vec::new(), acks: HashMap::new() };
        let socket = Rc::new(RefCell::new(socket));
        self.sockets.borrow_mut().insert(namespace.to_owned(), socket.clone());
        self.packet('0', namespace, None, &auth.to_string());
        socket
    }

    /// Sends a packet of Socket.IO.
    pub(super) fn packet(&self, kind: char, namespace: &str, id: Option<u64>, body: &str) {
        let namespace = if namespace == "/" { String::new() } else { format!("{namespace},") };
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        self.frame(TEXT, format!("4{kind}{namespace}{id}{body}").as_bytes());
    }

    /// Drops the connection.
    pub(super) fn drop_stream(&self) {
        *self.stream.borrow_mut() = None;
        for socket in self.sockets.borrow().values() {
            let status = &mut socket.borrow_mut().status;
            if matches!(status, Status::Pending | Status::Connected) {
                *status = Status::Gone;
            }
        }
    }

    pub(super) fn ping(&self) {
        self.frame(PING, b"");
    }

    /// Answers that came to `ping`.
    pub(super) fn pongs(&self) -> usize {
        *self.pongs.borrow()
    }

    /// Masked with zeros, which changes nothing.
    fn frame(&self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        let written = self.stream.borrow().as_ref().map(|stream| stream.try_write(&frame));
        match written {
            // The write fails if the server closed first.
            None | Some(Err(_)) => {}
            Some(Ok(length)) => assert_eq!(length, frame.len(), "a frame fits into an empty socket"),
        }
    }

    /// Reads what is there, without waiting.
    pub(super) fn read(&self) {
        let mut chunk = [0; 16 << 10];
        loop {
            let read = match &*self.stream.borrow() {
                Some(stream) => stream.try_read(&mut chunk),
                None => return,
            };
            match read {
                Ok(0) => return self.drop_stream(),
                Ok(length) => self.unread.borrow_mut().extend(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return self.drop_stream(),
            }
            self.frames();
        }
    }

    fn frames(&self) {
        loop {
            let (opcode, payload) = {
                let mut unread = self.unread.borrow_mut();
                let Some((opcode, from, to)) = frame_in(&unread) else { return };
                let payload = unread[from..to].to_vec();
                unread.drain(..to);
                (opcode, payload)
            };
            match opcode {
                TEXT => self.text(str::from_utf8(&payload).unwrap()),
                PONG => *self.pongs.borrow_mut() += 1,
                CLOSE => return self.drop_stream(),
                _ => {}
            }
        }
    }

    fn text(&self, text: &str) {
        match text.split_at_checked(1) {
            Some(("2", _)) => self.frame(TEXT, b"3"),
            Some(("4", packet)) => self.socket_io(packet),
            _ => {}
        }
    }

    fn socket_io(&self, packet: &str) {
        let (kind, rest) = packet.split_at(1);
        let (namespace, rest) = match rest.split_once(',') {
            Some((namespace, rest)) if namespace.starts_with('/') => (namespace, rest),
            _ if rest.starts_with('/') => (rest, ""),
            _ => ("/", rest),
        };
        let body_at = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (id, body) = rest.split_at(body_at);
        let id = id.parse::<u64>().ok();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let sockets = self.sockets.borrow();
        let mut socket = sockets[namespace].borrow_mut();
        match kind {
            "0" => {
                socket.status = Status::Connected;
                socket.id = body["sid"].as_str().unwrap().to_owned();
            }
            "1" => socket.status = Status::Gone,
            "2" => {
                let name = body[0].as_str().unwrap().to_owned();
                socket.received.push(Received { name, argument: body[1].clone(), question: id });
            }
            "3" => drop(socket.acks.insert(id.unwrap(), body[0].clone())),
            "4" => {
                let message = body["message"].as_str().unwrap().to_owned();
                socket.status = Status::Refused { message, data: body.get("data").cloned() };
            }
            other => panic!("a packet of kind {other}"),
        }
    }
}

/// The first whole frame: its opcode, and where its payload begins and ends. The server sends no fragments.
fn frame_in(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (bytes.first()?, bytes.get(1)?);
    let (from, length) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= from + length).then_some((first & 0x0f, from, from + length))
}
