//! Timers, of sockets and of plugins.

use crate::player::events;
use crate::{Player, Stage, first, list};
use serde_json::{Value, json};
use std::time::Duration;

list![
    a_plugin_sets_its_first_timer_when_it_starts,
    a_timer_comes_once_after_its_delay,
    the_same_name_is_the_same_timer,
    names_of_different_sockets_are_different_timers,
    a_cleared_timer_never_comes,
    a_repeating_timer_comes_again_and_again,
    a_late_repetition_comes_once,
    a_late_repetition_of_a_plugins_own_timer_comes_once,
    a_timer_waits_its_turn_behind_the_sockets_events,
    a_timer_that_waits_its_turn_can_be_cleared,
    a_timer_that_waits_its_turn_can_be_replaced,
    a_sockets_timer_ends_with_it,
    a_timer_that_waits_its_turn_ends_with_its_socket,
    a_plugins_own_timers_run_one_at_a_time,
    a_plugins_own_timer_that_waits_holds_up_no_socket,
    a_timer_that_fails_leaves_nothing_and_comes_again,
];

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A timer of the socket that emits its name.
fn alarm(name: &str, after: u64, every: Option<u64>) -> Value {
    json!({"timer": {"name": name, "after": after, "every": every, "do": [{"emit": [name, 1]}]}})
}

/// One of the plugin that tells the room `r`.
fn own(name: &str, after: u64, every: Option<u64>, steps: Value) -> Value {
    json!({"own_timer": {"name": name, "after": after, "every": every, "do": steps}})
}

fn tell(name: &str) -> Value {
    json!({"in": [["r"], null, name, 1]})
}

fn a_plugin_sets_its_first_timer_when_it_starts(stage: &dyn Stage) {
    let ann = Player::in_room(stage, "early");
    stage.advance(milliseconds(950));
    assert!(ann.heard().is_empty());
    stage.advance(milliseconds(1_000));
    assert_eq!(ann.heard(), events([("began", json!(null))]));
}

fn a_timer_comes_once_after_its_delay(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    ann.does(json!([alarm("a", 500, None)]));
    stage.advance(milliseconds(450));
    assert!(ann.heard().is_empty());
    stage.advance(milliseconds(50));
    assert_eq!(ann.names(), ["a"]);
    stage.advance(milliseconds(2_000));
    assert!(ann.heard().is_empty());
    // Without a delay it comes at once, behind what the handler wrote.
    ann.does(json!([alarm("b", 0, None), {"emit": ["handled", 1]}]));
    stage.advance(milliseconds(50));
    assert_eq!(ann.names(), ["handled", "b"]);
}

fn the_same_name_is_the_same_timer(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    ann.does(json!([alarm("a", 200, None), alarm("b", 200, None)]));
    stage.advance(milliseconds(100));
    ann.does(json!([{"timer": {"name": "a", "after": 300, "do": [{"emit": ["replaced", 1]}]}}]));
    stage.advance(milliseconds(250));
    assert_eq!(ann.names(), ["b"]);
    stage.advance(milliseconds(50));
    assert_eq!(ann.names(), ["replaced"]);
}

fn names_of_different_sockets_are_different_timers(stage: &dyn Stage) {
    let (ann, bob) = (Player::in_room(stage, "r"), Player::in_room(stage, "r"));
    ann.does(json!([alarm("a", 100, None)]));
    bob.does(json!([alarm("a", 100, None), own("a", 200, None, json!([tell("own")]))]));
    ann.does(json!([{"clear_own": "b"}, {"clear": "b"}]));
    stage.advance(milliseconds(200));
    assert_eq!((ann.names(), bob.names()), (vec!["a".to_owned(), "own".to_owned()], vec!["a".to_owned(), "own".to_owned()]));
}

fn a_cleared_timer_never_comes(stage: &dyn Stage) {
    let ann = Player::in_room(stage, "r");
    ann.does(json!([alarm("a", 200, Some(100)), own("b", 200, Some(100), json!([tell("own")]))]));
    stage.advance(milliseconds(300));
    assert_eq!(ann.heard().len(), 4);
    ann.does(json!([{"clear": "a"}, {"clear_own": "b"}, {"clear": "never set"}]));
    stage.advance(milliseconds(1_000));
    assert!(ann.heard().is_empty());
}

fn a_repeating_timer_comes_again_and_again(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    ann.does(json!([alarm("a", 50, Some(200))]));
    for expected in [1, 1, 1] {
        stage.advance(milliseconds(200));
        assert_eq!(ann.heard().len(), expected);
    }
    stage.advance(milliseconds(1_000));
    assert_eq!(ann.heard().len(), 5);
}

fn a_late_repetition_comes_once(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    ann.does(json!([alarm("a", 100, Some(100)), {"sleep": 550}, {"emit": ["awake", 1]}]));
    stage.advance(milliseconds(500));
    assert!(ann.heard().is_empty());
    stage.advance(milliseconds(50));
    assert_eq!(ann.names(), ["awake", "a"]);
    stage.advance(milliseconds(100));
    assert_eq!(ann.names(), ["a"]);
}

fn a_late_repetition_of_a_plugins_own_timer_comes_once(stage: &dyn Stage) {
    let ann = Player::in_room(stage, "r");
    ann.does(json!([
        own("a", 100, Some(100), json!([tell("tick")])),
        own("b", 150, None, json!([{"sleep": 500}, tell("awake")])),
    ]));
    stage.advance(milliseconds(600));
    assert_eq!(ann.names(), ["tick"]);
    stage.advance(milliseconds(50));
    assert_eq!(ann.names(), ["awake", "tick"]);
    stage.advance(milliseconds(200));
    assert_eq!(ann.names(), ["tick", "tick"]);
}

fn a_timer_waits_its_turn_behind_the_sockets_events(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    ann.does(json!([alarm("a", 100, None), {"sleep": 300}, {"emit": ["one", 1]}]));
    stage.advance(milliseconds(200));
    ann.does(json!([{"emit": ["two", 1]}]));
    stage.advance(milliseconds(100));
    assert_eq!(ann.names(), ["one", "a", "two"]);
}

fn a_timer_that_waits_its_turn_can_be_cleared(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    ann.does(json!([alarm("a", 100, Some(100)), {"sleep": 300}, {"clear": "a"}]));
    stage.advance(milliseconds(600));
    assert!(ann.heard().is_empty());
}

fn a_timer_that_waits_its_turn_can_be_replaced(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    let replaced = json!({"timer": {"name": "a", "after": 200, "do": [{"emit": ["replaced", 1]}]}});
    ann.does(json!([alarm("a", 100, None), {"sleep": 300}, replaced]));
    stage.advance(milliseconds(350));
    assert!(ann.heard().is_empty());
    stage.advance(milliseconds(150));
    assert_eq!(ann.names(), ["replaced"]);
}

fn a_sockets_timer_ends_with_it(stage: &dyn Stage) {
    let (ann, bob) = (Player::plain(stage, "/"), Player::plain(stage, "/"));
    ann.does(json!([{"timer": {"name": "a", "after": 200, "every": 200, "do": [{"broadcast": ["rang", 1]}]}}]));
    stage.advance(milliseconds(200));
    assert_eq!(bob.names(), ["rang"]);
    ann.leaves();
    stage.advance(milliseconds(1_000));
    assert!(bob.heard().is_empty());
}

fn a_timer_that_waits_its_turn_ends_with_its_socket(stage: &dyn Stage) {
    let bob = Player::plain(stage, "/");
    let ann = Player::planned(stage, "/", first("disconnect", json!([{"broadcast": ["gone", 1]}])));
    ann.does(json!([{"timer": {"name": "a", "after": 100, "do": [{"broadcast": ["rang", 1]}]}}, {"sleep": 300}]));
    stage.advance(milliseconds(200));
    ann.vanishes();
    stage.advance(milliseconds(500));
    assert_eq!(bob.names(), ["gone"]);
}

fn a_plugins_own_timers_run_one_at_a_time(stage: &dyn Stage) {
    let ann = Player::in_room(stage, "r");
    ann.does(json!([
        own("a", 100, None, json!([tell("a"), {"sleep": 200}, tell("a ends")])),
        own("b", 200, None, json!([tell("b")])),
    ]));
    stage.advance(milliseconds(250));
    assert_eq!(ann.names(), ["a"]);
    stage.advance(milliseconds(50));
    assert_eq!(ann.names(), ["a ends", "b"]);
}

fn a_plugins_own_timer_that_waits_holds_up_no_socket(stage: &dyn Stage) {
    let ann = Player::in_room(stage, "r");
    ann.does(json!([own("a", 100, None, json!([{"sleep": 1_000}, tell("own")])), alarm("b", 200, None)]));
    stage.advance(milliseconds(200));
    assert_eq!(ann.names(), ["b"]);
    stage.advance(milliseconds(900));
    assert_eq!(ann.names(), ["own"]);
}

fn a_timer_that_fails_leaves_nothing_and_comes_again(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    let steps = json!([{"emit": ["kept", 1]}, "flush", {"emit": ["dropped", 1]}, "panic"]);
    ann.does(json!([{"timer": {"name": "a", "after": 100, "every": 100, "do": steps}}]));
    stage.advance(milliseconds(200));
    assert_eq!(ann.names(), ["kept", "kept"]);
}
