//! The limits of the contract, from both sides: at a limit it works, one past it the host refuses, in the contract's words.

use crate::{Status, TestClient, TestServer, list};
use innkeeper_contract::defaults::{
    ATTACHMENTS_MAX, DATA_BYTES_MAX, OPEN_CALLS_PER_SOCKET, ROOMS_PER_SOCKET_MAX, WRITE_BYTES_PER_CALL_MAX, WRITES_PER_CALL_MAX,
};
use innkeeper_contract::limits::{
    AUTH_BYTES_MAX, BUCKET_NAME_BYTES_MAX, DATA_KEYS_MAX, EVENT_NAME_BYTES_MAX, JSON_DEPTH_MAX, NAME_BYTES, PAGE_ENTRIES_MAX,
    RATE_LIMIT_KEY_BYTES_MAX, RATE_LIMIT_WINDOW_MAX, ROOM_NAME_BYTES_MAX, ROOM_NAMES_MAX, SCAN_BYTES_MAX, SCAN_ENTRIES_MAX,
    STORE_KEY_BYTES_MAX, STORE_VALUE_BYTES_MAX, TIMER_DATA_BYTES_MAX, TIMER_EVERY_MIN, TIMER_NAME_BYTES_MAX, WRITE_BYTES,
};
use innkeeper_contract::{Refusal, refusals};
use serde_json::{Value, json};
use std::time::Duration;

list![
    an_events_name_has_so_many_bytes,
    a_rooms_name_has_so_many_bytes,
    a_list_has_so_many_names_of_rooms,
    what_a_plugin_writes_nests_so_deep,
    what_a_client_sends_nests_so_deep,
    a_packet_has_so_many_attachments,
    auth_has_so_many_bytes,
    a_sockets_data_has_so_many_bytes,
    a_sockets_data_has_so_many_keys,
    a_socket_is_in_so_many_rooms,
    a_socket_that_others_make_join_too_many_rooms_joins_none_of_them,
    names_that_are_more_than_a_page_come_whole,
    a_call_records_so_many_writes,
    a_call_records_so_many_bytes,
    a_socket_has_so_many_open_calls,
    a_timers_name_key_and_data_have_so_many_bytes,
    a_timer_comes_once_in_its_shortest_interval,
    a_delay_without_end_is_cut,
    a_rate_limits_key_has_so_many_bytes,
    a_rate_limits_window_has_a_length_and_is_cut,
    a_buckets_name_has_so_many_bytes,
    a_key_of_the_store_has_so_many_bytes,
    a_value_of_the_store_has_so_many_bytes,
    a_scan_has_so_many_entries,
    the_entries_of_a_scan_have_so_many_bytes,
];

/// Milliseconds: longer than any scenario.
const NEVER: u64 = 3_600_000;

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// A text whose JSON has so many bytes. The guest makes the text, because it may be more than a client can send.
fn json_of(bytes: usize) -> Value {
    json!({"$text": bytes - "\"\"".len()})
}

fn small(limit: usize) -> u32 {
    u32::try_from(limit).unwrap()
}

/// The refusal of each of these steps, null for a step that the host does not refuse.
fn refused(client: &TestClient, steps: &[Value]) -> Value {
    client.asks(steps.iter().map(|step| json!({"refusal": step})).collect())
}

/// A refusal as the guest answers it.
fn shown(refusal: &Refusal) -> Value {
    json!({"code": refusal.code, "message": refusal.message})
}

/// Each of these steps is taken.
fn pass<const N: usize>(client: &TestClient, steps: [Value; N]) {
    assert_eq!(refused(client, &steps), Value::from(vec![Value::Null; N]), "at the limit");
}

/// Each of these steps is refused.
fn fail<const N: usize>(client: &TestClient, refusal: &Refusal, steps: [Value; N]) {
    assert_eq!(refused(client, &steps), Value::from(vec![shown(refusal); N]), "past the limit");
}

fn an_events_name_has_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let emits = |name: String| {
        [
            json!({"emit": [name, 1]}),
            json!({"broadcast": [name, 1]}),
            json!({"to": ["nobody", name, 1]}),
            json!({"ask_room": ["nobody", name, null]}),
        ]
    };
    pass(&ann, emits(text(EVENT_NAME_BYTES_MAX)));
    assert_eq!(ann.names(), [text(EVENT_NAME_BYTES_MAX)]);
    fail(&ann, &refusals::event_name(), emits(text(EVENT_NAME_BYTES_MAX + 1)));
    assert!(ann.names().is_empty());
}

fn a_rooms_name_has_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let names = |room: String| {
        [
            json!({"join": room}),
            json!({"leave": room}),
            json!({"join_all": ["nobody", room]}),
            json!({"leave_all": ["nobody", room]}),
            json!({"join_all": [room, "all"]}),
            json!({"to": [room, "x", 1]}),
            json!({"in": [["nobody"], room, "x", 1]}),
            json!({"ask_room": [room, "x", null]}),
            json!({"fetch": room}),
            json!({"count": [room, true]}),
            json!({"disconnect_all": [room, false]}),
        ]
    };
    pass(&ann, names(text(ROOM_NAME_BYTES_MAX)));
    fail(&ann, &refusals::room_name(), names(text(ROOM_NAME_BYTES_MAX + 1)));
    pass(&ann, [json!({"join": text(ROOM_NAME_BYTES_MAX)})]);
    assert_eq!(ann.asks_for(json!("rooms")), json!([text(ROOM_NAME_BYTES_MAX)]));
}

fn a_list_has_so_many_names_of_rooms(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let leave = |count: usize| json!({"leave_numbers": [0, count]});
    pass(&ann, [leave(ROOM_NAMES_MAX)]);
    fail(&ann, &refusals::room_names(), [leave(ROOM_NAMES_MAX + 1)]);
}

fn what_a_plugin_writes_nests_so_deep(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    // The array of the arguments is the first level.
    let emit = |depth: usize| json!({"to": ["nobody", "x", {"$nested": depth - 1}]});
    let data = |depth: usize| json!({"set_data": ["mark", {"$nested": depth}]});
    pass(&ann, [emit(JSON_DEPTH_MAX), data(JSON_DEPTH_MAX)]);
    fail(&ann, &refusals::json_depth("args"), [emit(JSON_DEPTH_MAX + 1)]);
    fail(&ann, &refusals::json_depth("value"), [data(JSON_DEPTH_MAX + 1)]);
}

fn what_a_client_sends_nests_so_deep(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::plain(server, "/"), TestClient::plain(server, "/"));
    let nested = |depth: usize| (1..depth).fold(Value::Null, |inner, _| json!([inner]));
    let ack = ann.starts_event("registered", nested(JSON_DEPTH_MAX));
    assert_eq!(ann.acked(ack), json!("/"));
    let ack = bob.starts_event("registered", nested(JSON_DEPTH_MAX + 1));
    assert_eq!((bob.ack(ack), bob.status(), ann.status()), (None, Status::Gone, Status::Connected));
}

fn a_packet_has_so_many_attachments(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    pass(&ann, [json!({"attach": ["nobody", ATTACHMENTS_MAX]})]);
    fail(&ann, &refusals::attachments(ATTACHMENTS_MAX), [json!({"attach": ["nobody", ATTACHMENTS_MAX + 1]})]);
}

fn auth_has_so_many_bytes(server: &dyn TestServer) {
    let auth = |bytes: usize| json!({"filler": text(bytes - json!({"filler": ""}).to_string().len())});
    assert!(TestClient::planned(server, "/", auth(AUTH_BYTES_MAX)).is_in());
    let refused = TestClient::planned(server, "/", auth(AUTH_BYTES_MAX + 1));
    assert_eq!(refused.status(), Status::Refused { message: refusals::AUTH_TOO_LARGE.to_owned(), data: None });
}

fn a_sockets_data_has_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let set = |key: &str, bytes: usize| json!({"set_data": [key, json_of(bytes - key.len())]});
    let (all, half) = (DATA_BYTES_MAX, DATA_BYTES_MAX / 2);
    let full = refusals::data_bytes(DATA_BYTES_MAX);
    fail(&ann, &full, [set("mark", all + 1)]);
    pass(&ann, [set("mark", all), set("mark", half), set("other", all - half)]);
    fail(&ann, &full, [set("other", all - half + 1), set("more", "more".len() + 2)]);
    pass(&ann, [json!({"remove_data": "mark"}), set("more", half)]);
}

fn a_sockets_data_has_so_many_keys(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let set = |key: String| json!({"set_data": [key, 1]});
    let all: Vec<Value> = (0..DATA_KEYS_MAX).map(|number| set(number.to_string())).collect();
    assert_eq!(refused(&ann, &all), Value::from(vec![Value::Null; DATA_KEYS_MAX]));
    fail(&ann, &refusals::data_keys(), [set("more".to_owned())]);
    pass(&ann, [set("0".to_owned()), json!({"remove_data": "0"}), set("more".to_owned())]);
}

fn a_socket_is_in_so_many_rooms(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let full = shown(&refusals::rooms_per_socket(ROOMS_PER_SOCKET_MAX));
    // One of them is the socket's own room. A room that the socket is in already does not count again.
    let others = small(ROOMS_PER_SOCKET_MAX) - 1;
    let half = others / 2;
    let joins = [
        json!({"join_numbers": [0, half]}),
        json!({"join_numbers": [half, others + 1]}),
        json!({"join_numbers": [half / 2, others]}),
        json!({"join": "one more"}),
    ];
    assert_eq!(refused(&ann, &joins), json!([null, full, null, full]));
    assert_eq!(refused(&ann, &[json!({"join": "one more"}), json!({"join": "0"})]), json!([full, null]));
    pass(&ann, [json!({"leave": "0"}), json!({"join": "one more"})]);
    assert_eq!(ann.asks_for(json!("rooms")).as_array().map(Vec::len), Some(ROOMS_PER_SOCKET_MAX - 1));
}

fn a_socket_that_others_make_join_too_many_rooms_joins_none_of_them(server: &dyn TestServer) {
    let (ann, bob) = (TestClient::in_room(server, "r"), TestClient::in_room(server, "r"));
    let (most, more) = (small(ROOMS_PER_SOCKET_MAX), 100);
    bob.does(json!([{"join_numbers": [0, most - more]}]));

    let seen = bob.asks(json!([{"join_all_numbers": ["r", most - more, most]}, "rooms"]));

    let count = |rooms: &Value| rooms.as_array().map(Vec::len);
    assert_eq!(count(&seen[0]), Some(1 + ROOMS_PER_SOCKET_MAX - 100));
    assert_eq!(count(&bob.asks_for(json!("rooms"))), count(&seen[0]));
    assert_eq!(count(&ann.asks_for(json!("rooms"))), Some(1 + 100));
}

fn names_that_are_more_than_a_page_come_whole(server: &dyn TestServer) {
    let each = small(ROOMS_PER_SOCKET_MAX) - 1;
    let clients: Vec<_> = (0..=PAGE_ENTRIES_MAX / each).map(|_| TestClient::plain(server, "/")).collect();
    for (client, first) in clients.iter().zip((0..).step_by(each as usize)) {
        client.does(json!([{"join_numbers": [first, first + each]}]));
    }
    let all = clients.len() * each as usize;
    assert!(all > PAGE_ENTRIES_MAX as usize);
    let named = clients[0].asks(json!([{"room_names": ["", true]}, {"room_names": ["", false]}]));
    assert_eq!([0, 1].map(|index| named[index].as_array().map(Vec::len)), [Some(all); 2]);
    assert_eq!(named[0], named[1]);
}

fn a_call_records_so_many_writes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let write = json!({"to": ["nobody", "x", 1]});
    let steps = [json!({"repeat": [WRITES_PER_CALL_MAX, write]}), write.clone(), json!("flush"), write];
    let full = shown(&refusals::writes_per_call(WRITES_PER_CALL_MAX));
    assert_eq!(refused(&ann, &steps), json!([null, full, null, null]));
}

fn a_call_records_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    // The name, the brackets around the arguments, the room and the own room, which is excepted, and what a host keeps for a write and
    // for a room count too.
    let beside = WRITE_BYTES + 2 * NAME_BYTES + "nobodyx[]".len() + ann.id().len();
    let emit = |bytes: usize| json!({"to": ["nobody", "x", json_of(bytes - beside)]});
    let part = WRITE_BYTES_PER_CALL_MAX / 8;
    let last = WRITE_BYTES_PER_CALL_MAX - 7 * part;
    let steps = [
        json!({"repeat": [7, emit(part)]}),
        emit(last + 1),
        emit(last),
        json!({"leave": "x"}),
        json!("flush"),
        json!({"leave": "x"}),
    ];
    let full = shown(&refusals::write_bytes_per_call(WRITE_BYTES_PER_CALL_MAX));
    assert_eq!(refused(&ann, &steps), json!([null, full, null, full, null, null]));
}

fn a_socket_has_so_many_open_calls(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let ask = || ann.starts(json!([{"ask": ["question", null]}, "answer"]));
    let asked: Vec<_> = (0..OPEN_CALLS_PER_SOCKET).map(|_| (ask(), ann.asked())).collect();
    let waiting = ask();
    assert!(ann.names().is_empty());

    let (ack, question) = asked[0];
    ann.answers(question, json!("yes"));

    assert_eq!(ann.acked(ack), json!(["yes"]));
    ann.answers(ann.asked(), json!("at last"));
    assert_eq!(ann.acked(waiting), json!(["at last"]));
}

fn a_timers_name_key_and_data_have_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let timers = |name: usize, key: usize, data: usize| {
        let empty = json!([{"emit": ["", 1]}]).to_string().len();
        let steps = json!([{"emit": [text(data - empty), 1]}]);
        let timer = json!({"name": text(name), "key": text(key), "after": NEVER, "do": steps});
        [json!({"timer": timer}), json!({"own_timer": timer})]
    };
    let (name, data) = (TIMER_NAME_BYTES_MAX, TIMER_DATA_BYTES_MAX);
    pass(&ann, timers(name, name, data));
    let refusal = refusals::timer_bytes();
    fail(&ann, &refusal, timers(name + 1, 1, data));
    fail(&ann, &refusal, timers(1, name + 1, data));
    fail(&ann, &refusal, timers(1, 1, data + 1));
}

fn a_timer_comes_once_in_its_shortest_interval(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    ann.does(json!([{"timer": {"name": "a", "after": 50, "every": 0, "do": [{"emit": ["tick", 1]}]}}]));
    server.advance(Duration::from_millis(50));
    assert_eq!(ann.names(), ["tick"]);
    for _ in 0..3 {
        server.advance(TIMER_EVERY_MIN);
        assert_eq!(ann.names(), ["tick"]);
    }
}

fn a_delay_without_end_is_cut(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let timer = json!({"name": "a", "after": u64::MAX, "every": u64::MAX, "do": [{"emit": ["never", 1]}]});
    pass(&ann, [json!({"timer": timer}), json!({"own_timer": timer})]);
    assert!(ann.names().is_empty());
}

fn a_rate_limits_key_has_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let consume = |bytes: usize| json!({"consume": [text(bytes), 1, 1, 1_000]});
    pass(&ann, [consume(RATE_LIMIT_KEY_BYTES_MAX)]);
    fail(&ann, &refusals::rate_limit_key(), [consume(RATE_LIMIT_KEY_BYTES_MAX + 1)]);
}

fn a_rate_limits_window_has_a_length_and_is_cut(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let longest = u64::try_from(RATE_LIMIT_WINDOW_MAX.as_millis()).unwrap();
    let consume = |key: &str, window: u64| json!({"consume": [key, 1, 1, window]});
    let open = json!([true, 0, 1, longest]);
    let consumed = ann.asks(json!([consume("a", longest), consume("b", longest + 1), consume("c", u64::MAX)]));
    assert_eq!(consumed, json!([open, open, open]));
    pass(&ann, [consume("d", 1)]);
    fail(&ann, &refusals::rate_limit_window(), [consume("d", 0)]);
}

fn a_buckets_name_has_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let get = |bytes: usize| json!({"get_of": [text(bytes), "k"]});
    pass(&ann, [get(1), get(BUCKET_NAME_BYTES_MAX)]);
    for bytes in [0, BUCKET_NAME_BYTES_MAX + 1] {
        fail(&ann, &refusals::bucket_name(bytes), [get(bytes)]);
    }
}

fn a_key_of_the_store_has_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let operations = |key: String| {
        [
            json!({"set": [key, 1, null]}),
            json!({"get": key}),
            json!({"swap": [key, 1, 2]}),
            json!({"delete": key}),
            json!({"scan": [key, null, 1]}),
            json!({"scan": ["", key, 1]}),
        ]
    };
    pass(&ann, operations(text(STORE_KEY_BYTES_MAX)));
    fail(&ann, &refusals::store_key(STORE_KEY_BYTES_MAX + 1), operations(text(STORE_KEY_BYTES_MAX + 1)));
}

fn a_value_of_the_store_has_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let (within, beyond) = (json_of(STORE_VALUE_BYTES_MAX), json_of(STORE_VALUE_BYTES_MAX + 1));
    pass(
        &ann,
        [json!({"set": ["k", within, null]}), json!({"set": ["k", within, 1_000]}), json!({"swap": ["k", within, within]})],
    );
    let steps = [
        json!({"set": ["k", beyond, null]}),
        json!({"set": ["k", beyond, 1_000]}),
        json!({"swap": ["k", within, beyond]}),
        json!({"swap": ["k", beyond, within]}),
    ];
    fail(&ann, &refusals::store_value(STORE_VALUE_BYTES_MAX + 1), steps);
}

fn a_scan_has_so_many_entries(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let scan = |entries: u32| json!({"scan_count": ["", entries]});
    pass(&ann, [scan(SCAN_ENTRIES_MAX)]);
    fail(&ann, &refusals::scan_entries(SCAN_ENTRIES_MAX + 1), [scan(SCAN_ENTRIES_MAX + 1)]);
}

fn the_entries_of_a_scan_have_so_many_bytes(server: &dyn TestServer) {
    let ann = TestClient::plain(server, "/");
    let set = |key: usize, bytes: usize| json!({"set": [format!("s/{key}"), json_of(bytes - "s/0".len()), null]});
    let (scan, part) = (json!({"scan_count": ["s/", 10]}), SCAN_BYTES_MAX / 8);
    for key in 0..8 {
        pass(&ann, [set(key, part)]);
    }
    assert_eq!(ann.asks_for(scan.clone()), json!(8));
    pass(&ann, [set(7, part + 1)]);
    fail(&ann, &refusals::scan_bytes(), [scan]);
}
