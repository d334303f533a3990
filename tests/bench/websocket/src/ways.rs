//! The servers: one function per way of using a crate.

use fastwebsockets::{FragmentCollector, OpCode, Role};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use std::cell::RefCell;
use std::error::Error;
use std::io::{Cursor, ErrorKind};
use std::pin::Pin;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode as FrameKind};

type Ended = Result<(), Box<dyn Error>>;

/// Serves on a free port, which is the first line of the output, until killed.
pub(crate) fn serve(way: &str) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let small = WebSocketConfig::default().read_buffer_size(512).write_buffer_size(512);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            // Each task ends with its connection; an error is the client's going.
            let task: Pin<Box<dyn Future<Output = Ended>>> = match way {
                "tungstenite-default" => Box::pin(whole_tungstenite(stream, WebSocketConfig::default())),
                "tungstenite-small" => Box::pin(whole_tungstenite(stream, small)),
                "fastwebsockets" => Box::pin(whole_fastwebsockets(stream)),
                _ => Box::pin(own_buffers(stream)),
            };
            tokio::task::spawn_local(task);
        }
    })
}

/// Replies are fed while more messages are there, and flushed once.
async fn whole_tungstenite(stream: TcpStream, config: WebSocketConfig) -> Ended {
    let role = tungstenite::protocol::Role::Server;
    let mut socket = WebSocketStream::from_raw_socket(stream, role, Some(config)).await;
    while let Some(message) = socket.next().await {
        let mut next = Some(message);
        while let Some(message) = next {
            let message = message?;
            if message.is_text() {
                socket.feed(message).await?;
            }
            next = socket.next().now_or_never().flatten();
        }
        socket.flush().await?;
    }
    Ok(())
}

/// Its `write_frame` writes at once; there is no way to feed.
async fn whole_fastwebsockets(stream: TcpStream) -> Ended {
    let mut socket = fastwebsockets::WebSocket::after_handshake(stream, Role::Server);
    socket.set_writev(false);
    let mut socket = FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Text => socket.write_frame(frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

thread_local! {
    /// Where all connections of the thread read to and write from. A connection owns memory only for half a frame, or for
    /// what the kernel did not take.
    static SHARED: RefCell<(Vec<u8>, Vec<u8>)> = RefCell::new((vec![0; 64 * 1024], Vec::new()));
}

/// Only the crate's frame headers.
async fn own_buffers(mut stream: TcpStream) -> Ended {
    let mut half = Vec::new();
    loop {
        stream.readable().await?;
        let rest = SHARED.with_borrow_mut(|(input, output)| read_and_answer(&stream, &mut half, input, output))?;
        match rest {
            Some(rest) => stream.write_all(&rest).await?,
            None => return Ok(()),
        }
    }
}

/// One read, all its frames, one write. Returns what the kernel did not take, or `None` when the client is gone.
fn read_and_answer(
    stream: &TcpStream,
    half: &mut Vec<u8>,
    input: &mut Vec<u8>,
    output: &mut Vec<u8>,
) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
    let kept = half.len();
    if input.len() < kept + 4096 {
        input.resize(kept + 64 * 1024, 0);
    }
    input[..kept].copy_from_slice(half);
    let end = match stream.try_read(&mut input[kept..]) {
        Ok(0) => return Ok(None),
        Ok(count) => kept + count,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(Vec::new())),
        Err(error) => return Err(error.into()),
    };
    output.clear();
    let mut start = 0;
    while let Some(used) = answer_frame(&mut input[start..end], output)? {
        start += used;
    }
    *half = input[start..end].to_vec();
    // An error comes back when the rest is written.
    Ok(Some(output[stream.try_write(output).unwrap_or(0)..].to_vec()))
}

/// Echoes the frame at the start of the buffer and returns how long it was, or `None` if it is not complete.
fn answer_frame(input: &mut [u8], output: &mut Vec<u8>) -> Result<Option<usize>, Box<dyn Error>> {
    let mut cursor = Cursor::new(&*input);
    let Some((header, length)) = FrameHeader::parse(&mut cursor)? else {
        return Ok(None);
    };
    let (start, length) = (cursor.position() as usize, length as usize);
    let Some(payload) = input.get_mut(start..start + length) else {
        return Ok(None);
    };
    // Its own unmasking is private; this is the same, eight bytes at a time.
    unmask(payload, header.mask.ok_or("a client's frame without a mask")?);
    if header.opcode == FrameKind::Data(Data::Text) {
        std::str::from_utf8(payload)?;
        let answer = FrameHeader { mask: None, ..header };
        answer.format(length as u64, output)?;
        output.extend_from_slice(payload);
    }
    Ok(Some(start + length))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask, mask].concat().try_into().unwrap_or_default());
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (i, byte) in rest.iter_mut().enumerate() {
        *byte ^= mask[i % 4];
    }
}
