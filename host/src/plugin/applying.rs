//! Applying what a call has written: many writes in parts, and in turn with others.

use std::collections::VecDeque;
use std::sync::Arc;

use super::running::Running;
use crate::effect::{Effects, Write};

/// Writes that are to take effect whole, while they are applied.
pub(super) struct Applying {
    effects: Arc<dyn Effects>,
    writes: VecDeque<Write>,
}

impl Applying {
    /// Takes the writes and applies them: most at once. What is left is returned.
    pub(super) fn begin(effects: &Arc<dyn Effects>, writes: &mut Vec<Write>) -> Option<Self> {
        if writes.is_empty() {
            return None;
        }
        let mut writes = VecDeque::from(std::mem::take(writes));
        effects.apply_some(&mut writes);
        (!writes.is_empty()).then(|| Self { effects: effects.clone(), writes })
    }

    /// Few calls write more than is applied at once. One that does goes on as calls do that compute: on guest threads, if there are any.
    pub(super) async fn run(mut self, running: &Running) {
        while !self.writes.is_empty() {
            running.next_turn().await;
            self.effects.apply_some(&mut self.writes);
        }
    }
}

impl Drop for Applying {
    /// A call that is dropped in between has taken effect whole.
    fn drop(&mut self) {
        self.effects.apply(&mut std::mem::take(&mut self.writes).into());
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::{Context, Waker};
    use std::time::{Duration, Instant};

    use wasmtime::Engine;

    use super::Applying;
    use crate::adapter::TimerId;
    use crate::effect::{Effects, LocalEffects, TimerChange, Timers, Write};
    use crate::plugin::clock::Clock;
    use crate::plugin::running::Running;

    /// How many changes of timers were applied.
    #[derive(Default)]
    struct Changes(AtomicUsize);

    impl Timers for Changes {
        fn change(&self, changes: &mut dyn Iterator<Item = TimerChange>) {
            self.0.fetch_add(changes.count(), SeqCst);
        }
    }

    #[test]
    fn many_writes_have_turns_and_take_effect_whole() {
        let (effects, changes): (Arc<dyn Effects>, _) =
            (Arc::new(LocalEffects::new(1, None, Arc::default())), Arc::<Changes>::default());
        let change = || TimerChange::Clear { id: TimerId { name: "tick".into(), key: None }, socket: None };
        let mut writes: Vec<_> = (0..2_500).map(|_| Write::Timer { timers: changes.clone(), change: change() }).collect();
        let rest = Applying::begin(&effects, &mut writes).unwrap();
        let applied = || changes.0.load(SeqCst);
        let first = applied();
        assert!(first > 0 && first < 2_500);

        let running = Running::new(Clock::start().unwrap().of(Engine::default()), Duration::MAX, Instant::now());
        {
            let mut run = pin!(rest.run(&running));
            let mut context = Context::from_waker(Waker::noop());
            for turn in 1..=2 {
                assert!(run.as_mut().poll(&mut context).is_pending());
                assert_eq!(applied(), first * turn);
                assert!(running.take_interrupted(), "it has to be polled again");
            }
        }
        assert_eq!(applied(), 2_500);
    }
}
