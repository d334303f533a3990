//! Turns: how a task that has more to do lets the others go first.

use std::{
    pin::pin,
    task::{Context, Poll},
};

/// Ends a turn: the task goes on when the loop has looked for what clients have sent. A task that wakes itself has up to 61 turns before
/// that, which may be long ones.
pub(crate) fn go_on_later(cx: &mut Context<'_>) {
    // Nobody awaits it; what it does is to wake the task, when the runtime has looked.
    if let Poll::Ready(()) = pin!(tokio::task::yield_now()).poll(cx) {
        cx.waker().wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        task::Poll,
    };

    use tokio::{io::AsyncWriteExt, net::UnixStream, runtime::Builder};

    use super::go_on_later;

    #[test]
    fn what_a_client_sends_is_seen_after_one_turn_of_a_task_that_goes_on_later() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut near, far) = UnixStream::pair().unwrap();
            let turns = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&turns);
            let busy = tokio::spawn(poll_fn(move |cx| {
                counted.fetch_add(1, SeqCst);
                go_on_later(cx);
                Poll::<()>::Pending
            }));
            // Waits first, so that it has to be woken by what arrives.
            let reader = tokio::spawn(async move { far.readable().await });
            tokio::task::yield_now().await;
            let before = turns.load(SeqCst);
            near.write_all(b"x").await.unwrap();
            reader.await.unwrap().unwrap();
            let turns = turns.load(SeqCst) - before;
            assert!(turns <= 3, "{turns} turns");
            busy.abort();
        });
    }
}
