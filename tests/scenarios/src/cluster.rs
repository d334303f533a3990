//! Several nodes, with a client on each. The names of the nodes are `test`, `web2` and `web3`.

use crate::differs::WHAT_AN_ERROR_KEEPS;
use crate::test_client::events;
use crate::{TestClient, TestServer, first, list};
use innkeeper_contract::defaults::REQUESTS_TIMEOUT;
use serde_json::{Value, json};
use std::time::Duration;

list![
    an_emit_reaches_the_clients_of_all_nodes_unless_it_is_local,
    others_join_and_leave_wherever_they_are_and_in_order_with_emits,
    sockets_and_rooms_of_all_nodes_are_found_and_counted,
    others_are_disconnected_wherever_they_are,
    clients_of_another_node_answer_without_ids,
    a_client_of_another_node_that_is_gone_has_just_not_answered,
    a_server_event_reaches_every_other_node_and_not_this_one,
    server_events_run_one_at_a_time_and_one_that_fails_keeps_nobody_up,
    each_node_answers_for_itself_and_a_failure_is_no_answer,
    store_and_limits_are_those_of_the_cluster,
];

fn an_emit_reaches_the_clients_of_all_nodes_unless_it_is_local(server: &dyn TestServer) {
    let other = server.node("web2");
    let (ann, bob) = (TestClient::in_room(server, "r"), TestClient::in_room(&*other, "r"));
    let eve = TestClient::plain(&*other, "/");
    ann.does(json!([
        {"to": ["r", "room", 1]}, {"in": [[], "r", "all but the room", 2]}, {"to": [eve.id(), "one", 3]},
        {"of": ["/other", "elsewhere", 4]}, {"broadcast": ["all", "$node"]}
    ]));
    assert_eq!(bob.receives(2), events([("room", json!(1)), ("all", json!("test"))]));
    assert_eq!(eve.receives(3), events([("all but the room", json!(2)), ("one", json!(3)), ("all", json!("test"))]));
    assert!(ann.received().is_empty());
}

fn others_join_and_leave_wherever_they_are_and_in_order_with_emits(server: &dyn TestServer) {
    let other = server.node("web2");
    let (ann, bob) = (TestClient::in_room(server, "r"), TestClient::in_room(&*other, "r"));
    ann.does(json!([
        {"to": ["s", "before", 1]}, {"join_all": ["r", "s"]}, {"to": ["s", "within", 2]}, {"leave_all": ["r", "s"]},
        {"to": ["s", "behind", 3]}, {"broadcast": ["last", 4]}
    ]));
    assert_eq!(bob.receives(2), events([("within", json!(2)), ("last", json!(4))]));
    assert_eq!((ann.asks_for(json!("rooms")), bob.asks_for(json!("rooms"))), (json!(["r"]), json!(["r"])));
}

fn sockets_and_rooms_of_all_nodes_are_found_and_counted(server: &dyn TestServer) {
    let other = server.node("web2");
    let (ann, bob) = (TestClient::in_room(server, "r"), TestClient::in_room(&*other, "r"));
    bob.asks(json!([{"set_data": ["mark", "bob's"]}, {"join": "s"}]));
    let _elsewhere = TestClient::plain(&*other, "/");

    let mut all =
        [json!({"id": ann.id(), "rooms": ["r"], "mark": null}), json!({"id": bob.id(), "rooms": ["r", "s"], "mark": "bob's"})];
    all.sort_by_key(|socket| socket["id"].to_string());
    assert_eq!(ann.asks_for(json!({"fetch": "r"})), json!(all));
    let every_field = ["rooms", "data", "handshake"];
    let fetched = ann.asks_for(json!({"fetch_fields": ["s", every_field]}));
    assert_eq!((&fetched[0]["id"], &fetched[0]["address"], &fetched[0]["auth"]), (&json!(bob.id()), &json!(true), &json!(false)));

    let asked = |question: &str, of: &str| [true, false].map(|is_local| ann.asks_for(json!({question: [of, is_local]})));
    assert_eq!(asked("count", "r"), [json!(1), json!(2)]);
    assert_eq!(asked("room_names", ""), [json!(["r"]), json!(["r", "s"])]);
    let mut ids = [ann.id(), bob.id()];
    let [own, mut both] = asked("ids", "r");
    ids.sort();
    if let Some(ids) = both.as_array_mut() {
        ids.sort_by_key(Value::to_string);
    }
    assert_eq!((own, both), (json!([ann.id()]), json!(ids)));
}

fn others_are_disconnected_wherever_they_are(server: &dyn TestServer) {
    let other = server.node("web2");
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::in_room(&*other, "r"));
    let plans = first("disconnect", json!([{"broadcast": ["gone", "$reason"]}]));
    let eve = TestClient::planned(&*other, "/", plans);
    ann.does(json!([{"join_all": [eve.id(), "r"]}, {"disconnect_all": ["r", false]}]));
    assert_eq!(ann.receives(1), events([("gone", json!("server namespace disconnect"))]));
    assert!(bob.becomes_gone() && eve.becomes_gone() && ann.is_in());
}

fn clients_of_another_node_answer_without_ids(server: &dyn TestServer) {
    let other = server.node("web2");
    let (ann, bob) = (TestClient::in_room(server, "r"), TestClient::in_room(&*other, "r"));
    let ack = ann.starts(json!([{"ask_room": ["r", "question", 1000]}, "answer"]));
    bob.answers(bob.asked(), json!("bob's"));
    ann.waits();
    ann.answers(ann.asked(), json!("ann's"));
    let responses = json!([[null, "bob's"], [ann.id(), "ann's"]]);
    let expected = json!({"responses": responses, "missing": [], "timed_out": [], "elsewhere": [0, 0]});
    assert_eq!(ann.acked(ack), json!([expected]));
}

fn a_client_of_another_node_that_is_gone_has_just_not_answered(server: &dyn TestServer) {
    let other = server.node("web2");
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::in_room(&*other, "r"));
    let ack = ann.starts(json!([{"ask_room": ["r", "question", 1000]}, "answer"]));
    bob.asked();
    bob.loses_connection();
    ann.waits();
    assert_eq!(ann.ack(ack), None);
    server.advance(Duration::from_secs(1));
    let expected = json!({"responses": [], "missing": [], "timed_out": [], "elsewhere": [1, 0]});
    assert_eq!(ann.acked(ack), json!([expected]));
}

fn a_server_event_reaches_every_other_node_and_not_this_one(server: &dyn TestServer) {
    let (two, three) = (server.node("web2"), server.node("web3"));
    let [ann, bob, eve] = [server, &*two, &*three].map(|node| TestClient::in_room(node, "r"));
    let handled = first("server", json!([{"in": [["r"], null, "handled", "$node"]}]));
    ann.does(json!([{"server_emit": handled}]));
    for client in [&ann, &bob, &eve] {
        let mut received = client.receives(2);
        received.sort_by_key(|(_, node)| node.to_string());
        assert_eq!(received, events([("handled", json!("web2")), ("handled", json!("web3"))]));
    }
    ann.waits();
    assert!(ann.received().is_empty());
}

fn server_events_run_one_at_a_time_and_one_that_fails_keeps_nobody_up(server: &dyn TestServer) {
    let other = server.node("web2");
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(&*other, "/"));
    let said = |what: &str| json!({"in": [[], null, what, null]});
    let fails = json!([said("first begins"), {"flush": null}, {"sleep": 100}, said("not sent by a failure"), {"fail": ["no", null, null]}]);
    ann.does(json!([{"server_emit": first("server", fails)}, {"server_emit": first("server", json!([said("second")]))}]));
    assert_eq!(bob.receives(1), events([("first begins", Value::Null)]));
    bob.waits();
    assert!(bob.received().is_empty());
    server.advance(Duration::from_millis(100));
    let both = events([("not sent by a failure", Value::Null), ("second", Value::Null)]);
    let received = bob.receives(WHAT_AN_ERROR_KEEPS.either(server, 1, 2));
    assert_eq!(received, WHAT_AN_ERROR_KEEPS.either(server, both[1..].to_vec(), both.clone()));
}

fn each_node_answers_for_itself_and_a_failure_is_no_answer(server: &dyn TestServer) {
    let (two, _three) = (server.node("web2"), server.node("web3"));
    let (ann, _bob) = (TestClient::plain(server, "/"), TestClient::plain(&*two, "/"));
    assert_eq!(ann.asks_for(json!({"server_ask": [first("server", json!(["answer"])), 1000]})), json!([[[], []], 0]));

    // Each has taken its steps, and the store is the same.
    let once = json!([{"increment": ["asked", 1]}, "answer"]);
    let mut answers = ann.asks_for(json!({"server_ask": [first("server", once), 1000]}));
    if let Some(answers) = answers[0].as_array_mut() {
        answers.sort_by_key(Value::to_string);
    }
    assert_eq!(answers, json!([[[1], [2]], 0]));

    let fails = first("server", json!([{"fail": ["no", null, null]}, "answer"]));
    for (timeout, wait) in [(json!(1000), Duration::from_secs(1)), (json!(null), REQUESTS_TIMEOUT)] {
        let ack = ann.starts(json!([{"server_ask": [fails, timeout]}, "answer"]));
        server.advance(wait - Duration::from_millis(50));
        ann.waits();
        assert_eq!(ann.ack(ack), None);
        server.advance(Duration::from_millis(50));
        assert_eq!(ann.acked(ack), json!([[[], 2]]));
    }
}

fn store_and_limits_are_those_of_the_cluster(server: &dyn TestServer) {
    let other = server.node("web2");
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(&*other, "/"));
    ann.asks(json!([{"set": ["key", "ann's", null]}]));
    assert_eq!(bob.asks_for(json!({"get": "key"})), json!("ann's"));
    let consume = json!({"consume": ["all", 1, 2, 60_000]});
    let allowed: Vec<_> = [&ann, &bob, &ann].map(|client| client.asks_for(consume.clone())[0].clone()).into();
    assert_eq!(allowed, [true, true, false]);
}
