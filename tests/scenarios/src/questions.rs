//! Questions to clients, and waiting.

use crate::{Player, Stage, list};
use serde_json::json;
use std::time::Duration;

list![
    a_client_answers,
    only_the_first_answer_of_a_client_counts,
    a_client_that_is_silent_times_out,
    without_a_timeout_a_question_takes_as_long_as_the_call,
    a_client_that_goes_does_not_answer,
    a_room_answers_as_far_as_it_does,
    nobody_in_a_room_answers_at_once,
    events_go_on_while_a_client_is_asked,
    an_answer_that_comes_too_late_is_ignored,
];

fn a_client_answers(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    let ack = ann.starts(json!([{"ask": ["question", null]}, "answer"]));
    let question = ann.asked();
    assert_eq!(ann.ack(ack), None);
    ann.answers(question, json!({"yes": true}));
    assert_eq!(ann.acked(ack), json!([{"yes": true}]));
}

fn only_the_first_answer_of_a_client_counts(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    let ack = ann.starts(json!([{"ask": ["question", null]}, {"sleep": 50}, "answer"]));
    let question = ann.asked();
    ann.answers(question, json!(1));
    ann.answers(question, json!(2));
    stage.advance(Duration::from_millis(50));
    assert_eq!(ann.acked(ack), json!([1]));
}

fn a_client_that_is_silent_times_out(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    let ack = ann.starts(json!([{"ask": ["question", 1000]}, "answer"]));
    stage.advance(Duration::from_millis(950));
    assert_eq!(ann.ack(ack), None);
    stage.advance(Duration::from_millis(50));
    assert_eq!(ann.acked(ack), json!([{"code": "timeout"}]));
}

fn without_a_timeout_a_question_takes_as_long_as_the_call(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    let short = ann.starts(json!([{"ask": ["question", null]}, "answer"]));
    let long = ann.starts(json!([{"ask": ["question", 60_000]}, "answer"]));
    stage.advance(Duration::from_millis(9_950));
    assert_eq!((ann.ack(short), ann.ack(long)), (None, None));
    stage.advance(Duration::from_millis(50));
    for ack in [short, long] {
        assert_eq!(ann.acked(ack), json!([{"code": "timeout"}]));
    }
}

fn a_client_that_goes_does_not_answer(stage: &dyn Stage) {
    let (ann, bob) = (Player::plain(stage, "/"), Player::in_room(stage, "watch"));
    ann.does(json!([{"ask_room": [ann.id(), "question", null]}, {"to": ["watch", "room asked", 1]}]));
    ann.does(json!([{"ask": ["question", null]}, {"to": ["watch", "asked", 1]}]));
    ann.vanishes();
    assert_eq!(bob.names(), ["room asked", "asked"]);
}

fn a_room_answers_as_far_as_it_does(stage: &dyn Stage) {
    let asker = Player::plain(stage, "/");
    let [ann, bob, eve] = [(); 3].map(|()| Player::in_room(stage, "r"));
    let ack = asker.starts(json!([{"ask_room": ["r", "question", 1000]}, "answer"]));

    bob.answers(bob.asked(), json!("bob"));
    let question = ann.asked();
    stage.advance(Duration::from_millis(500));
    ann.answers(question, json!("ann"));
    eve.vanishes();
    let silent = Player::in_room(stage, "r");
    assert!(silent.heard().is_empty());
    let expected = json!({"responses": [[bob.id(), "bob"], [ann.id(), "ann"]], "missing": [eve.id()], "timed_out": []});
    assert_eq!(asker.acked(ack), json!([expected]));

    let ack = asker.starts(json!([{"ask_room": ["r", "question", 1000]}, "answer"]));
    bob.answers(bob.asked(), json!("bob again"));
    stage.advance(Duration::from_secs(1));
    let mut silent = [ann.id(), silent.id()];
    silent.sort();
    let expected = json!({"responses": [[bob.id(), "bob again"]], "missing": [], "timed_out": silent});
    assert_eq!(asker.acked(ack), json!([expected]));
}

fn nobody_in_a_room_answers_at_once(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    let nobody = json!({"responses": [], "missing": [], "timed_out": []});
    assert_eq!(ann.asks_for(json!({"ask_room": ["empty", "question", null]})), nobody);
}

fn events_go_on_while_a_client_is_asked(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    let first = ann.starts(json!([{"ask": ["question", null]}, "answer"]));
    let second = ann.starts(json!([{"emit": ["meanwhile", 1]}, {"sleep": 100}, "answer"]));
    let third = ann.starts(json!([{"emit": ["behind", 1]}, "answer"]));

    let question = ann.asked();
    assert_eq!((ann.ack(second), ann.ack(third)), (None, None));
    ann.answers(question, json!("yes"));
    assert_eq!(ann.acked(first), json!(["yes"]));
    assert!(ann.names().is_empty());
    stage.advance(Duration::from_millis(100));
    assert_eq!((ann.acked(second), ann.acked(third)), (json!([]), json!([])));
    assert_eq!(ann.names(), ["behind"]);
}

fn an_answer_that_comes_too_late_is_ignored(stage: &dyn Stage) {
    let ann = Player::plain(stage, "/");
    let ack = ann.starts(json!([{"ask": ["question", 100]}, {"sleep": 200}, "answer"]));
    let question = ann.asked();
    stage.advance(Duration::from_millis(150));
    ann.answers(question, json!("late"));
    stage.advance(Duration::from_millis(150));
    assert_eq!(ann.acked(ack), json!([{"code": "timeout"}]));
}
