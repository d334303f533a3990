//! Event loops: the threads that serve connections, one for each CPU by default.
//!
//! A connection is given to a loop when it is accepted, and its session stays there: no task moves between threads, and none is taken
//! over by another loop. A loop is a current-thread runtime of tokio, because its queue is fair: every task that is ready has its turn
//! before any has the next. (The multi-thread runtime keeps 256 tasks of a thread in a queue that is served before all others: of 1,000
//! connections that saturate a core the rest wait.)
//!
//! What another thread has for a loop goes through the loop's `inbox`, which costs a wake-up for many things at once.

pub(crate) use self::{
    event_loop::{EventLoop, EventLoops, Seat},
    later::WakeLater,
    threads::Threads,
};

mod delay;
mod event_loop;
mod inbox;
mod later;
mod threads;
