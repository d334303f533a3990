//! What may be queued, what is dropped, and when the task is woken.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::Wake,
};

use super::*;
use crate::event_loops::EventLoops;

const CONNECTION: SocketShare = SocketShare::CONNECTION;

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn frame() -> Frame {
    Frame::text(&[b"12345678"])
}

fn event_loop() -> Arc<EventLoop> {
    Arc::clone(EventLoops::here().place().event_loop())
}

/// An outbox for as many frames like `frame`.
fn outbox(frames: usize) -> Arc<Outbox> {
    Arc::new(Outbox::new(frames * frame().cost(), WaitingBytes::new(usize::MAX), true, 1, event_loop()))
}

/// The packets that are taken next.
fn taken(outbox: &Outbox) -> Vec<String> {
    let mut batch = VecDeque::new();
    outbox.refill(&mut batch, 0);
    batch.iter().map(|frame| String::from_utf8(frame.packet().to_vec()).unwrap()).collect()
}

fn text(text: &str) -> Frame {
    Frame::text(&[text.as_bytes()])
}

#[test]
fn past_the_bound_nothing_is_taken_and_the_connection_is_marked() {
    let outbox = outbox(2);
    assert_eq!(outbox.enqueue(CONNECTION, &[frame(), frame()], false), EnqueueOutcome::Queued);
    assert_eq!(outbox.enqueue(CONNECTION, &[frame()], false), EnqueueOutcome::Overflow);
    assert_eq!(outbox.enqueue(CONNECTION, &[Frame::text(&[])], false), EnqueueOutcome::Dropped);
    let (request, _) = outbox.begin_turn(Waker::noop());
    assert_eq!(request, Some(CloseRequest::Slow(LimitHit::OutboxBytes)));
}

#[test]
fn the_frames_of_a_packet_go_together_or_not_at_all() {
    let outbox = outbox(2);
    assert_eq!(outbox.enqueue(CONNECTION, &[frame(), frame(), frame()], false), EnqueueOutcome::Overflow);
    assert!(taken(&outbox).is_empty());
}

#[test]
fn what_the_client_sent_and_nobody_has_handled_leaves_less_room() {
    let outbox = outbox(2);
    outbox.count_received(frame().cost());
    assert_eq!(outbox.enqueue(CONNECTION, &[frame()], false), EnqueueOutcome::Queued);
    outbox.count_received(0);
    assert_eq!(outbox.enqueue(CONNECTION, &[frame()], false), EnqueueOutcome::Queued);
    outbox.count_received(1);
    assert_eq!(outbox.enqueue(CONNECTION, &[text("")], false), EnqueueOutcome::Overflow);
}

#[test]
fn an_empty_packet_costs_its_memory() {
    let outbox = Outbox::new(1_000_000, WaitingBytes::new(usize::MAX), true, 1, event_loop());
    let queued = (0..).take_while(|_| outbox.enqueue(CONNECTION, &[text("")], false) == EnqueueOutcome::Queued);
    assert!(queued.count() < 20_000);
}

#[test]
fn written_bytes_make_room() {
    let outbox = outbox(2);
    let mut batch = VecDeque::new();
    assert_eq!(outbox.enqueue(CONNECTION, &[frame(), frame()], false), EnqueueOutcome::Queued);
    let written = outbox.refill(&mut batch, 0);
    assert_eq!((batch.len(), written), (2, 2 * frame().cost()));
    batch.clear();
    outbox.refill(&mut batch, written);
    assert_eq!(outbox.enqueue(CONNECTION, &[frame(), frame()], false), EnqueueOutcome::Queued);
}

#[test]
fn nothing_follows_the_last_frame_of_a_socket() {
    let outbox = outbox(10);
    let (gone, other) = (outbox.open_socket(), outbox.open_socket());
    outbox.close_socket(gone, Some(text("41")));
    outbox.close_socket(gone, Some(text("41")));
    assert_eq!(outbox.enqueue(gone, &[frame()], false), EnqueueOutcome::Dropped);
    assert_eq!(outbox.enqueue(other, &[frame()], false), EnqueueOutcome::Queued);
    assert_eq!(taken(&outbox), ["41", "12345678"]);
}

#[test]
fn the_socket_that_floods_is_evicted_and_the_others_stay() {
    let outbox = outbox(10);
    let (loud, quiet) = (outbox.open_socket(), outbox.open_socket());
    outbox.enqueue(quiet, &[text("quiet 1")], false);
    (0..8).for_each(|_| {
        outbox.enqueue(loud, &[frame()], false);
    });
    outbox.enqueue(quiet, &[text("quiet 2")], false);
    assert_eq!(
        outbox.enqueue(quiet, &[text("quiet 3")], false),
        EnqueueOutcome::Queued,
        "another socket's packet evicts it, too"
    );
    assert_eq!(outbox.enqueue(loud, &[frame()], false), EnqueueOutcome::Dropped);
    let (request, commands) = outbox.begin_turn(Waker::noop());
    assert_eq!(request, None);
    assert!(matches!(commands[..], [Command::DisconnectSocket(socket)] if socket == loud));
    // What the task does then: the client reads of it, behind what was queued before.
    outbox.close_socket(loud, Some(text("41/loud,")));
    outbox.enqueue(quiet, &[text("quiet 4")], false);
    assert_eq!(taken(&outbox), ["quiet 1", "quiet 2", "quiet 3", "41/loud,", "quiet 4"]);
}

#[test]
fn where_an_eviction_does_not_help_the_connection_is_closed() {
    let outbox = outbox(10);
    let (loud, quiet) = (outbox.open_socket(), outbox.open_socket());
    (0..6).for_each(|_| {
        outbox.enqueue(loud, &[frame()], false);
    });
    // Written to the network, as far as the outbox knows, but not taken there.
    outbox.refill(&mut VecDeque::new(), 0);
    (0..4).for_each(|_| {
        outbox.enqueue(loud, &[frame()], false);
    });
    assert_eq!(outbox.enqueue(quiet, &[frame()], false), EnqueueOutcome::Overflow);
    let alone = super::tests::outbox(1);
    let only = alone.open_socket();
    assert_eq!(alone.enqueue(only, &[frame(), frame()], false), EnqueueOutcome::Overflow);
}

#[test]
fn an_eviction_leaves_no_packet_half() {
    let outbox = outbox(10);
    let (loud, quiet) = (outbox.open_socket(), outbox.open_socket());
    let packet = [text("451-"), Frame::binary(b"attachment")];
    outbox.enqueue(loud, &packet, false);
    // A body takes the text and leaves the attachment.
    assert_eq!(outbox.take_for_body(1).0, [text("451-")]);
    (0..3).for_each(|_| {
        outbox.enqueue(loud, &packet, false);
    });
    assert_eq!(outbox.enqueue(quiet, &vec![text("quiet"); 4], false), EnqueueOutcome::Queued);
    let mut expected = vec!["attachment"];
    expected.extend(["quiet"; 4]);
    assert_eq!(taken(&outbox), expected);
}

#[test]
fn volatile_is_dropped_unless_nothing_waits_and_the_transport_is_ready() {
    let outbox = outbox(10);
    assert_eq!(outbox.enqueue(CONNECTION, &[frame()], true), EnqueueOutcome::Queued);
    assert_eq!(outbox.enqueue(CONNECTION, &[frame()], true), EnqueueOutcome::Dropped);
    let mut batch = VecDeque::new();
    let taken = outbox.refill(&mut batch, 0);
    assert_eq!(outbox.enqueue(CONNECTION, &[frame()], true), EnqueueOutcome::Dropped, "taken, but not written");
    batch.clear();
    outbox.refill(&mut batch, taken);
    assert!(outbox.end_turn(true));
    assert_eq!(outbox.enqueue(CONNECTION, &[frame()], true), EnqueueOutcome::Dropped, "no poll");
    assert!(outbox.end_turn(false));
    assert_eq!(outbox.enqueue(CONNECTION, &[frame()], true), EnqueueOutcome::Queued);
}

#[test]
fn a_task_is_woken_only_between_turns_and_only_once() {
    let outbox = outbox(10);
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    outbox.begin_turn(&waker);
    outbox.enqueue(CONNECTION, &[frame()], false);
    assert_eq!(count.0.load(SeqCst), 0);
    assert!(!outbox.end_turn(false), "the queue is not empty");
    taken(&outbox);
    assert!(outbox.end_turn(false));
    outbox.enqueue(CONNECTION, &[frame()], false);
    outbox.enqueue(CONNECTION, &[frame()], false);
    assert_eq!(count.0.load(SeqCst), 1);
    outbox.begin_turn(&waker);
    assert!(outbox.end_turn(true));
    outbox.enqueue(CONNECTION, &[frame()], false);
    assert_eq!(count.0.load(SeqCst), 1, "a blocked transport wakes the task itself");
    outbox.close();
    assert_eq!(count.0.load(SeqCst), 2);
}

#[test]
fn a_body_takes_what_fits_but_at_least_one_and_counts_until_it_is_dropped() {
    let outbox = outbox(10);
    outbox.enqueue(CONNECTION, &[frame(), frame(), frame()], false);
    let (first, first_cost) = outbox.take_for_body(1);
    let (second, second_cost) = outbox.take_for_body(20);
    assert_eq!((first.len(), second.len(), outbox.take_for_body(20).0.len()), (1, 2, 0));
    assert_eq!(outbox.bytes(), (3 * frame().cost(), 0));
    outbox.body_dropped(first_cost);
    outbox.body_dropped(second_cost);
    assert_eq!(outbox.bytes(), (0, 0));
}

#[test]
fn what_is_shared_by_clients_that_do_not_read_counts_once() {
    let shared = text(&"x".repeat(1_000));
    let bytes_max = 2 * shared.cost() - 1;
    let waiting = WaitingBytes::new(bytes_max);
    let outboxes: Vec<_> = (0..2).map(|_| Outbox::new(1_000_000, Arc::clone(&waiting), true, 1, event_loop())).collect();
    outboxes.iter().for_each(|outbox| {
        outbox.enqueue(CONNECTION, std::slice::from_ref(&shared), false);
    });
    // Their transports take nothing.
    outboxes.iter().for_each(|outbox| {
        outbox.end_turn(true);
    });
    assert_eq!(waiting.excess(bytes_max), 0);
    outboxes.iter().for_each(|outbox| {
        outbox.enqueue(CONNECTION, &[text(&"y".repeat(1_000))], false);
    });
    assert!(waiting.excess(bytes_max) > 0);
    outboxes.iter().for_each(|outbox| drop(outbox.task_ended()));
    assert_eq!(waiting.excess(bytes_max), 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_has_to_leave_in_time() {
    const TIMEOUT: Duration = Duration::from_secs(45);
    let outbox = outbox(10);
    let start = Instant::now();
    assert_eq!(outbox.drain_deadline(TIMEOUT), None);
    outbox.enqueue(CONNECTION, &[frame()], false);
    assert_eq!(outbox.drain_deadline(TIMEOUT), Some(start + TIMEOUT));
    tokio::time::advance(TIMEOUT / 2).await;
    outbox.enqueue(CONNECTION, &[frame()], false);
    assert_eq!(outbox.drain_deadline(TIMEOUT), Some(start + TIMEOUT), "what comes later puts nothing off");
    let mut batch = VecDeque::new();
    let written = outbox.refill(&mut batch, 0);
    batch.clear();
    outbox.enqueue(CONNECTION, &[frame()], false);
    outbox.refill(&mut batch, written);
    assert_eq!(outbox.drain_deadline(TIMEOUT), Some(start + TIMEOUT / 2 + TIMEOUT));
}
