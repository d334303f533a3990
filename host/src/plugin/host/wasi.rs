//! WASI for guests: clocks and randomness, and nothing else. What a guest prints becomes lines of the log.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

use super::context::GenerationContext;
use crate::fixed_limits::{PRINTED_LINE_BYTES_MAX, RANDOM_BYTES_MAX};
use crate::plugin::durable::Plugin;
use crate::plugin::guest_log::About;

/// No files, environment, arguments, input or addresses.
pub(super) fn empty_context(context: &GenerationContext) -> WasiCtx {
    let output = |level| GuestOutput { label: context.label.clone(), plugin: context.plugin.clone(), level };
    let mut builder = WasiCtxBuilder::new();
    builder.stdout(output("info")).stderr(output("warn")).allow_tcp(false).allow_udp(false);
    builder.max_random_size(RANDOM_BYTES_MAX).build()
}

/// Standard output or error of `plugin@generation`.
#[derive(Clone)]
struct GuestOutput {
    label: Arc<str>,
    plugin: Arc<Plugin>,
    level: &'static str,
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(LineWriter { to: self.clone(), line: Vec::new() })
    }
}

/// Cuts what is printed into lines.
struct LineWriter {
    to: GuestOutput,
    line: Vec<u8>,
}

impl LineWriter {
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let GuestOutput { label, plugin, level } = &self.to;
        plugin.log.line(level, label, &About::default(), text.trim_end(), &[]);
    }
}

impl AsyncWrite for LineWriter {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let lines = self.get_mut();
        for &byte in bytes {
            if byte == b'\n' || lines.line.len() >= PRINTED_LINE_BYTES_MAX {
                lines.end_line();
            }
            if byte != b'\n' {
                lines.line.push(byte);
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
