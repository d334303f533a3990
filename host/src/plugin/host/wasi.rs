//! WASI as a guest finds it here: clocks and randomness, and nothing else. What it prints becomes lines of the log.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::{CallState, GuestLog, PluginContext};

const LINE_BYTES_MAX: usize = 4096;

/// No files, environment, arguments, input or addresses.
pub(super) fn nothing(context: &PluginContext) -> WasiCtx {
    let printed = |level| Printed { label: context.label.clone(), log: context.log.clone(), level };
    WasiCtxBuilder::new().stdout(printed("info")).stderr(printed("warn")).allow_tcp(false).allow_udp(false).build()
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Standard output or error of `plugin@generation`.
#[derive(Clone)]
struct Printed {
    label: Arc<str>,
    log: Arc<GuestLog>,
    level: &'static str,
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Lines { to: self.clone(), line: Vec::new() })
    }
}

/// Cuts what is printed into lines.
struct Lines {
    to: Printed,
    line: Vec<u8>,
}

impl Lines {
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let Printed { label, log, level } = &self.to;
        log.line(level, label, "", text.trim_end(), &[]);
    }
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let lines = self.get_mut();
        for &byte in bytes {
            if byte == b'\n' || lines.line.len() >= LINE_BYTES_MAX {
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
