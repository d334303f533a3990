//! Pressure on a server while another run measures what its other clients notice: every connection emits an event, waits for
//! whatever answers, and emits again. A connection that is lost comes again. Nothing is judged here.

use crate::args::Args;
use crate::engine::{App, Engine, Gone};
use serde_json::{Value, json};
use std::time::Duration;

struct Press {
    /// `["event",argument]`
    event: Vec<u8>,
    auth: Option<String>,
    next_id: u64,
    emitted: u64,
    answered: u64,
    gone: u64,
    ending: bool,
}

impl Press {
    fn emit(&mut self, io: &mut Engine, id: usize) {
        self.next_id += 1;
        self.emitted += 1;
        io.send_sio(id, b'2', &[self.next_id.to_string().as_bytes(), &self.event]);
    }
}

impl App for Press {
    fn ready(&mut self, io: &mut Engine, id: usize) {
        self.emit(io, id);
    }

    fn packet(&mut self, io: &mut Engine, id: usize, kind: u8, _body: &[u8], _now: u64) {
        if kind == b'3' && !self.ending {
            self.answered += 1;
            self.emit(io, id);
        }
    }

    fn gone(&mut self, io: &mut Engine, id: usize, _why: Gone) {
        self.gone += 1;
        if !self.ending {
            // A server that takes no connection now gets none from this slot any more.
            let _ = io.connect(id, 0, self.auth.clone());
        }
    }
}

/// Runs the mode and returns its report.
pub(crate) fn run(args: &Args) -> Result<Value, String> {
    let mut io = crate::make_engine(args, &[], args.conns)?;
    let mut app = Press {
        event: format!("[{},{}]", json!(args.ev_echo), args.argument.as_deref().unwrap_or("null")).into_bytes(),
        auth: args.auth.clone(),
        next_id: 0,
        emitted: 0,
        answered: 0,
        gone: 0,
        ending: false,
    };
    for id in 0..args.conns {
        io.connect(id, 0, args.auth.clone()).map_err(|e| format!("connect: {e}"))?;
    }
    let until = io.after(args.duration);
    while io.now() < until {
        io.turn(&mut app, Duration::from_millis(20));
    }
    app.ending = true;
    let unclosed = io.close_all(&mut app, args.conns);
    Ok(json!({
        "mode": "press", "conns": args.conns, "emitted": app.emitted, "answered": app.answered, "gone": app.gone,
        "unclosed": unclosed, "counters": crate::counters(&io.counters),
    }))
}
