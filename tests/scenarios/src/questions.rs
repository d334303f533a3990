//! Questions to clients, and waiting.

use crate::differs::{HANDLERS_OVERLAP, HOW_LONG_A_QUESTION_TAKES};
use crate::{TestClient, TestServer, list};
use innkeeper_contract::defaults;
use serde_json::{Value, json};
use std::time::Duration;

list![
    a_question_returns_the_answer_of_its_client,
    only_the_first_answer_of_a_client_counts,
    a_client_that_is_silent_times_out,
    without_a_timeout_a_question_takes_as_long_as_the_call,
    a_client_that_disconnects_does_not_answer,
    a_question_to_a_room_returns_the_answers_that_there_are,
    a_question_to_an_empty_room_is_answered_at_once,
    events_go_on_while_a_client_is_asked,
    an_answer_that_comes_too_late_is_ignored,
];

fn a_question_returns_the_answer_of_its_client(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"ask": ["question", null]}, "answer"]));
    let question = ann.asked();
    assert_eq!(ann.ack(ack), None);
    ann.answers(question, json!({"yes": true}));
    assert_eq!(ann.acked(ack), json!([{"yes": true}]));
}

fn only_the_first_answer_of_a_client_counts(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"ask": ["question", null]}, {"sleep": 50}, "answer"]));
    let question = ann.asked();
    ann.answers(question, json!(1));
    ann.answers(question, json!(2));
    server.advance(Duration::from_millis(50));
    assert_eq!(ann.acked(ack), json!([1]));
}

fn a_client_that_is_silent_times_out(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"ask": ["question", 1000]}, "answer"]));
    server.advance(Duration::from_millis(950));
    assert_eq!(ann.ack(ack), None);
    server.advance(Duration::from_millis(50));
    assert_eq!(ann.acked(ack), json!([{"code": "timeout"}]));
}

fn without_a_timeout_a_question_takes_as_long_as_the_call(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    // Asked when some of the call's time is over already.
    let ask = |timeout: Value| ann.starts(json!([{"sleep": 50}, {"ask": ["question", timeout]}, "answer"]));
    let short = ask(json!(null));
    server.advance(Duration::from_millis(50));
    let long = ask(json!(60_000));
    server.advance(defaults::CALL - Duration::from_millis(100));
    assert_eq!((ann.ack(short), ann.ack(long)), (None, None));
    let neutral = json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"});
    let expected = HOW_LONG_A_QUESTION_TAKES.either(server, json!([{"code": "timeout"}]), neutral);
    for ack in [short, long] {
        server.advance(Duration::from_millis(50));
        assert_eq!(ann.acked(ack), expected);
    }
}

fn a_client_that_disconnects_does_not_answer(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::in_room(server, "watch"));
    ann.does(json!([{"ask_room": [ann.id(), "question", null]}, {"to": ["watch", "room asked", 1]}]));
    ann.does(json!([{"ask": ["question", null]}, {"to": ["watch", "asked", 1]}]));
    ann.loses_connection();
    assert_eq!(bob.names(), ["room asked", "asked"]);
}

fn a_question_to_a_room_returns_the_answers_that_there_are(server: &dyn TestServer) {
    let asker = TestClient::plain(server, "/");
    let [ann, bob, eve] = [(); 3].map(|()| TestClient::in_room(server, "r"));
    let ack = asker.starts(json!([{"ask_room": ["r", "question", 1000]}, "answer"]));

    bob.answers(bob.asked(), json!("bob"));
    let question = ann.asked();
    server.advance(Duration::from_millis(500));
    ann.answers(question, json!("ann"));
    eve.loses_connection();
    let silent = TestClient::in_room(server, "r");
    assert!(silent.received().is_empty());
    let expected =
        json!({"responses": [[bob.id(), "bob"], [ann.id(), "ann"]], "missing": [eve.id()], "timed_out": [], "elsewhere": [0, 0]});
    assert_eq!(asker.acked(ack), json!([expected]));

    let ack = asker.starts(json!([{"ask_room": ["r", "question", 1000]}, "answer"]));
    bob.answers(bob.asked(), json!("bob again"));
    server.advance(Duration::from_secs(1));
    let mut silent = [ann.id(), silent.id()];
    silent.sort();
    let expected = json!({"responses": [[bob.id(), "bob again"]], "missing": [], "timed_out": silent, "elsewhere": [0, 0]});
    assert_eq!(asker.acked(ack), json!([expected]));
}

fn a_question_to_an_empty_room_is_answered_at_once(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let nobody = json!({"responses": [], "missing": [], "timed_out": [], "elsewhere": [0, 0]});
    assert_eq!(ann.asks_for(json!({"ask_room": ["empty", "question", null]})), nobody);
}

fn events_go_on_while_a_client_is_asked(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let first = ann.starts(json!([{"ask": ["question", null]}, "answer"]));
    let second = ann.starts(json!([{"emit": ["meanwhile", 1]}, {"sleep": 100}, "answer"]));
    let third = ann.starts(json!([{"emit": ["behind", 1]}, "answer"]));

    let question = ann.asked();
    assert_eq!((ann.ack(second), ann.ack(third)), (None, HANDLERS_OVERLAP.either(server, None, Some(json!([])))));
    ann.answers(question, json!("yes"));
    assert_eq!(ann.acked(first), json!(["yes"]));
    assert!(ann.names().is_empty());
    server.advance(Duration::from_millis(100));
    assert_eq!((ann.acked(second), ann.acked(third)), (json!([]), json!([])));
    // Where handlers overlap it came with the question.
    assert_eq!(ann.names(), HANDLERS_OVERLAP.either(server, &["behind"][..], &[]));
}

fn an_answer_that_comes_too_late_is_ignored(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ack = ann.starts(json!([{"ask": ["question", 100]}, {"sleep": 200}, "answer"]));
    let question = ann.asked();
    server.advance(Duration::from_millis(150));
    ann.answers(question, json!("late"));
    server.advance(Duration::from_millis(150));
    assert_eq!(ann.acked(ack), json!([{"code": "timeout"}]));
}
