//! Attacks on the rules of the mode, one for each event. `tests/e2e/shared-attacks.test.mjs` makes each of them.

use std::future::pending;
use std::time::Duration;

use innkeeper_plugin::bindings::innkeeper::plugin::{calls, emit, rooms, sockets, store, timers};
use innkeeper_plugin::bindings::{EventCall, Failure, Outcome, Ticket, Verdict};
use serde_json::{Value, json};
use shared_calls::{answered, spawn};

use crate::serving::nap;
use crate::{break_down, done, failure, memory, payload, said, spin};

/// All attacks.
pub(crate) const EVENTS: &[&str] = &[
    "settle-guesses",
    "settle-twice",
    "settle-never",
    "bare-waiting",
    "settle-wrong",
    "settle-then-done",
    "settle-then-fail",
    "settle-waiting",
    "settle-nonsense",
    "return-nonsense",
    "end-and-remember",
    "settle-remembered",
    "settle-in-a-row",
    "panic",
    "spin",
    "block",
    "memory-without-end",
    "write-and-panic",
    "panic-in-wake",
    "spin-in-wake",
    "panic-late",
    "wait",
    "questions",
    "forget-questions",
    "flood",
    "calm",
    "take-early-and-twice",
    "take-never",
    "cancel-guesses",
    "cancel-own",
    "go-on-after-the-end",
];

/// Makes an attack. What it returns while the call is entered is what the export returns.
pub(crate) async fn attack(event: &EventCall, args: &[Value]) -> Outcome {
    let call = event.call;
    let number = |index: usize| args.get(index).and_then(Value::as_u64).unwrap_or_default();
    match &*event.name {
        "settle-guesses" => settle_guesses(call),
        "settle-twice" => {
            calls::settle(call, &done("the first"));
            calls::settle(call, &done("the second"));
            Outcome::Waiting
        }
        "settle-never" => pending().await,
        "bare-waiting" => Outcome::Waiting,
        "settle-wrong" => {
            calls::settle_verdict(call, &Verdict::Pass);
            calls::settle(call, &done("too late"));
            Outcome::Waiting
        }
        "settle-then-done" => {
            calls::settle(call, &done("settled"));
            done("returned")
        }
        "settle-then-fail" => {
            calls::settle(call, &done("settled"));
            Outcome::Failed(failure("RETURNED", "returned"))
        }
        "settle-waiting" => {
            calls::settle(call, &Outcome::Waiting);
            nap(number(0)).await;
            done("at last")
        }
        "settle-nonsense" => {
            calls::settle(call, &nonsense(args));
            Outcome::Waiting
        }
        "return-nonsense" => nonsense(args),
        "end-and-remember" => {
            memory::with(|memory| memory.calls.insert(call));
            done("ended")
        }
        "settle-remembered" => {
            let ended = memory::with(|memory| std::mem::take(&mut memory.calls));
            ended.iter().for_each(|call| calls::settle(*call, &done("again")));
            done(ended.len())
        }
        "settle-in-a-row" => settle_in_a_row(event),
        "panic" => break_down(),
        "spin" => spin(),
        "block" => {
            std::thread::sleep(Duration::from_millis(number(0)));
            done("blocked")
        }
        "memory-without-end" => hoard(),
        "write-and-panic" => {
            let _never = emit::to_socket(&event.socket, "never", &payload(args), &[]);
            let _nor_this = sockets::set_data(&event.socket, "never", "true");
            break_down()
        }
        "panic-in-wake" => {
            let _kept = emit::to_socket(&event.socket, "kept", &payload(args), &[]);
            nap(number(0)).await;
            let _never = emit::to_socket(&event.socket, "never", &payload(args), &[]);
            break_down()
        }
        "spin-in-wake" => {
            nap(number(0)).await;
            spin()
        }
        // The call ends well, and then everything breaks.
        "panic-late" => {
            let delay_ms = number(0);
            spawn(async move {
                nap(delay_ms).await;
                break_down()
            });
            done("begun")
        }
        "wait" => {
            let tickets: Vec<Ticket> = timers::ask_sleep(number(0)).into_iter().collect();
            calls::wait(&tickets);
            done("waited")
        }
        "questions" => questions(event, args),
        "forget-questions" => {
            let tickets = memory::with(|memory| std::mem::take(&mut memory.tickets));
            tickets.iter().for_each(|ticket| calls::cancel(*ticket));
            done(tickets.len())
        }
        "flood" => flood(number(0)),
        "calm" => {
            memory::with(|memory| memory.floods = false);
            done(memory::with(|memory| memory.woken))
        }
        "take-early-and-twice" => take_early_and_twice(event).await,
        "take-never" => take_never(number(0)),
        "cancel-guesses" => {
            (0..number(0)).chain([u64::MAX, 1 << 52]).for_each(calls::cancel);
            done("cancelled")
        }
        "cancel-own" => cancel_own(number(0)).await,
        "go-on-after-the-end" => go_on_after_the_end(event, number(0)),
        _ => Outcome::Failed(failure("", "there is no such attack")),
    }
}

/// Settles every call but its own, of which it knows none.
fn settle_guesses(own: u64) -> Outcome {
    for call in (0..10_000).chain([u64::MAX, 1 << 52]).filter(|call| *call != own) {
        calls::settle(call, &done("stolen"));
        calls::settle_verdict(call, &Verdict::Reject(failure("STOLEN", "stolen")));
    }
    done("settled")
}

/// Arguments that are no JSON array.
fn nonsense(args: &[Value]) -> Outcome {
    let text = args.first().and_then(Value::as_str).unwrap_or_default();
    Outcome::Done(Some(innkeeper_plugin::bindings::innkeeper::plugin::types::Payload {
        args: text.to_owned(),
        attachments: Vec::new(),
    }))
}

/// Emits, ends its call, and emits: the ack stands between.
fn settle_in_a_row(event: &EventCall) -> Outcome {
    let tell = |number: u8| said(emit::to_socket(&event.socket, "told", &payload(&[json!(number)]), &[]));
    tell(1);
    calls::settle(event.call, &done("between"));
    tell(2);
    Outcome::Waiting
}

fn hoard() -> ! {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1; 1 << 20]));
    }
}

/// Asks until it is refused, and keeps the tickets: how many, and the code.
fn questions(event: &EventCall, args: &[Value]) -> Outcome {
    let kind = args.first().and_then(Value::as_str).unwrap_or_default();
    let most = args.get(1).and_then(Value::as_u64).unwrap_or(1_000_000);
    let ask = || -> Result<Ticket, Failure> {
        match kind {
            "clients" => emit::ask_socket(&event.socket, "silence", &payload(&[]), None),
            "store" => store::ask_get("unruly", "nothing"),
            _ => timers::ask_sleep(3_600_000),
        }
    };
    for count in 0..most {
        match ask() {
            Ok(ticket) => memory::with(|memory| memory.tickets.insert(ticket)),
            Err(refused) => return done(json!([count, refused.code])),
        };
    }
    done(json!([most, "never refused"]))
}

/// Timers of 0 ms, each of which sets the next.
fn flood(count: u64) -> Outcome {
    memory::with(|memory| memory.floods = true);
    for _ in 0..count {
        spawn(async {
            while memory::with(|memory| memory.floods) {
                nap(0).await;
            }
        });
    }
    done("flooded")
}

/// Takes the answer of a client before it is there, as one of other kinds, and twice; what the host said each time.
async fn take_early_and_twice(event: &EventCall) -> Outcome {
    let ticket = match emit::ask_socket(&event.socket, "who", &payload(&[]), None) {
        Ok(ticket) => ticket,
        Err(refused) => return Outcome::Failed(refused),
    };
    let others = || [said(store::value(ticket)), said(sockets::fetched(ticket, 10)), said(rooms::counted(ticket))];
    let (early, early_others) = (said(emit::responses(ticket)), others());
    answered(ticket).await;
    let late_others = others();
    let taken = [said(emit::responses(ticket)), said(emit::responses(ticket))];
    done(json!({"early": early, "others": [early_others, late_others], "taken": taken}))
}

/// Asks and never looks at what was answered.
fn take_never(count: u64) -> Outcome {
    let asked = (0..count).filter(|_| store::ask_get("unruly", "nothing").is_ok()).count();
    done(asked)
}

/// Takes a question back that is answered later, and one that is answered already.
async fn cancel_own(delay_ms: u64) -> Outcome {
    let (Ok(cancelled), Ok(kept)) = (timers::ask_sleep(delay_ms), timers::ask_sleep(delay_ms)) else {
        return Outcome::Failed(failure("", "it was refused"));
    };
    calls::cancel(cancelled);
    calls::cancel(cancelled);
    let before = memory::with(|memory| memory.woken);
    answered(kept).await;
    // Twice as long: the other one would have been reported by then.
    nap(delay_ms).await;
    done(memory::with(|memory| memory.woken) - before)
}

/// Writes in an entry of its own, after its call has ended.
fn go_on_after_the_end(event: &EventCall, delay_ms: u64) -> Outcome {
    let socket = event.socket.clone();
    spawn(async move {
        nap(delay_ms).await;
        let told = emit::to_socket(&socket, "after the end", &payload(&[]), &[]);
        memory::saw(json!(["told", "after the end", said(told)]));
    });
    done("ended")
}
