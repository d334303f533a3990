//! How long things may take: PINGs, bodies, connections without a request.

use std::{path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};

use super::{
    assert_ends_at,
    server::{Pipe, Server},
    websocket::{TEXT, Websocket},
};
use crate::{engine::Options, files::Files};

#[tokio::test(start_paused = true)]
async fn pings_are_due_at_multiples_of_the_interval_however_late_the_pongs_are() {
    let server = Server::start();
    let mut client = Websocket::open(&server, "", Pipe::WIDE).await;
    let start = Instant::now();
    for ping in 1..=4 {
        assert_eq!(client.read_frame().await, "2");
        assert_ends_at(start, ping * 25_000, "a PING");
        sleep(Duration::from_secs(15)).await;
        client.send(TEXT, b"3").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_post_may_be_slow_but_not_stand_still() {
    let server = Server::start();
    let sid = server.open_polling().await;
    // Longer than 30 s, and shorter than the first PING and its timeout: a client that uploads cannot answer a PING.
    assert_eq!(slow_post(&server, &sid, Duration::from_secs(8)).await, "200");
    let start = Instant::now();
    assert_eq!(slow_post(&server, &sid, Duration::from_secs(3_600)).await, "400");
    assert_ends_at(start, millis(Options::default().body_timeout), "the body stood still");
}

/// Sends a POST whose body has a pause before each of five bytes. The result is the status.
async fn slow_post(server: &Server, sid: &str, pause: Duration) -> String {
    let (mut response, mut request) = tokio::io::split(server.connect(Pipe::WIDE));
    let head = format!("POST /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    let upload = tokio::spawn(async move {
        request.write_all(head.as_bytes()).await.unwrap();
        for byte in b"4slow" {
            sleep(pause).await;
            let _ = request.write_all(&[*byte]).await;
        }
    });
    let mut head = [0; 12];
    response.read_exact(&mut head).await.unwrap();
    upload.abort();
    String::from_utf8_lossy(&head[9..]).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_download_may_pause_but_not_for_ever() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let length = folder.join("lib.rs").metadata().unwrap().len();
    let server =
        Server::with_options(Options { files: Files::new(Some(folder), None, std::sync::Arc::default()), ..Options::default() });
    let patience = Options::default().body_timeout;
    for (pause, is_whole) in [(patience - Duration::from_secs(1), true), (patience + Duration::from_secs(1), false)] {
        let mut stream = server.connect(Pipe::NARROW);
        stream.write_all(b"GET /lib.rs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut first = [0; 16];
        stream.read_exact(&mut first).await.unwrap();
        sleep(pause).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        let body = rest.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |end| rest.len() - end - 4);
        assert_eq!(body as u64 == length, is_whole, "{body} bytes after {pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_closed_after_keep_alive() {
    let server = Server::start();
    let mut stream = server.connect(Pipe::WIDE);
    let start = Instant::now();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert_ends_at(start, millis(Options::default().keep_alive), "no request");
}

#[tokio::test(start_paused = true)]
async fn a_refused_upload_is_read_until_its_client_has_the_answer() {
    let server = Server::start();
    let mut stream = server.connect(Pipe::NARROW);
    let head = "POST /socket.io/?EIO=4&transport=polling&sid=unknown HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // Far more than the pipe and hyper's buffers hold: it arrives only because the server reads on.
    stream.write_all(&[b'x'; 100_000]).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}
