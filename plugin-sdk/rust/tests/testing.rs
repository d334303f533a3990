//! The host of unit tests itself: its messages to authors, and what the real host does not have.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use innkeeper_plugin::testing::Host;
use innkeeper_plugin::{
    Binary, Error, Event, Payload, Plugin, Reply, Result, Socket, Spread, Timer, config, jwt, log, now_ms, of, random_id, sleep,
    store, timer,
};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::time::Duration;

thread_local! {
    /// The file of the last panic of this thread.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What a panic said, and the file that it pointed to.
fn said_in<T>(run: impl FnOnce() -> T) -> (String, String) {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let default = take_hook();
        set_hook(Box::new(move |panic| {
            PLACE.set(panic.location().map(|place| place.file().to_owned()).unwrap_or_default());
            default(panic);
        }));
    });
    let panic = catch_unwind(AssertUnwindSafe(|| drop(run()))).unwrap_err();
    let text = panic.downcast_ref::<String>().cloned();
    (text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap(), PLACE.take())
}

/// What a panic said that pointed to the line of the test.
fn said<T>(run: impl FnOnce() -> T) -> String {
    let (text, file) = said_in(run);
    assert!(file.ends_with("tests/testing.rs"), "{text:?} points to {file}");
    text
}

#[test]
fn outside_of_a_host_a_call_says_how_to_get_one() {
    assert!(said_in(now_ms).0.contains("testing::Host::new(plugin)"));
}

#[test]
fn a_missing_event_is_named_beside_those_that_came() {
    let host = Host::new(|| {
        Plugin::new()
            .namespace("/slow")
            .connect_middleware(|_| sleep(Duration::from_secs(1)))
            .namespace("/")
            .on("hello", |socket: &Socket| socket.emit("welcome", ()))
    });
    let client = host.socket("/").connect().unwrap();
    client.emit("hello", ());

    assert_eq!(said(|| client.take("farewell")), "no event \"farewell\" was received; there are [\"welcome\"]");
    assert!(said(|| host.socket("/slow").connect()).contains("use `begin` instead of `connect`"));
    assert!(said(|| client.emit("disconnect", ())).contains("Socket.IO reserves"));
    assert!(said(|| client.take("welcome").ack(())).starts_with("the plugin asked for no ack of \"welcome\""));
}

#[test]
fn an_ack_that_did_not_come_says_why() {
    let host = Host::new(|| {
        Plugin::new()
            .on("silent", |socket: &Socket| socket.emit("welcome", ()))
            .on("slow", |_: &Socket| sleep(Duration::from_secs(1)).map(|()| Reply(1)))
            .on("refused", |_: &Socket| store::bucket("users").get::<Value>("ann").map(Reply))
            .on("hidden", |_: &Socket| -> Result<()> { Err(Error::silent("not for the client")) })
    });
    let client = host.socket("/").connect().unwrap();
    let told = |event: &str| said(|| client.emit_with_ack::<u32>(event, ()));

    let silent = told("silent");
    assert!(silent.starts_with("there is no ack of \"silent\": its handler has returned without an answer"), "{silent}");
    assert!(
        silent.contains("only `Reply`, or an `Ack` that the handler takes, answers") && silent.contains("welcome"),
        "{silent}"
    );
    let unknown = told("unknown");
    assert!(unknown.contains("no plugin has a handler of it on \"/\"; add one with `.on(\"unknown\", …)`"), "{unknown}");
    let refused = told("refused");
    assert!(refused.starts_with("the ack of \"refused\" is [{") && refused.contains("internal error"), "{refused}");
    let line = "log: error plugin: that needs the capability \"store\", and the registration does not request it: \
                add `.capability(\"store\")` to the plugin (denied) event=\"refused\"";
    assert!(refused.ends_with(line), "{refused}");
    let hidden = told("hidden");
    assert!(hidden.contains("log: debug plugin: event \"hidden\" was refused silently: not for the client"), "{hidden}");
    let slow = told("slow");
    assert!(slow.contains("still waits; let time pass with `Host::advance`"), "{slow}");
    host.advance(Duration::from_secs(1));
    client.disconnect();
    assert!(told("silent").contains("the socket has disconnected"));
}

#[test]
fn a_host_in_use_takes_no_plugin_and_a_value_of_another_type_is_named() {
    let host = || Host::new(Plugin::new);
    let used = || host().load().unwrap();
    assert!(said(|| used().plugin("late", Plugin::new)).contains("before `socket`"));
    assert!(said(|| used().config(json!({}))).contains("before `socket`"));
    let bucket = host().store("users");
    bucket.set("1", "ann");
    assert!(said(|| bucket.get::<u8>("1")).starts_with("users: 1: invalid type"));
    assert!(said(|| bucket.set(&"x".repeat(2_000), "ann")).contains("at most 1024 bytes"));
}

#[test]
fn what_is_missing_is_named_with_the_call_that_adds_it() {
    let host = Host::new(|| {
        Plugin::new()
            .capability("store:users")
            .on("bucket", |_: &Socket| store::bucket("rooms").set("1", &1))
            .on("elsewhere", |_: &Socket| innkeeper_plugin::of("/admin").emit("x", ()))
            .on("timer", |_: &Socket| timer("tick").set())
            .middleware(|_, event| if event.name() == "stop" { jwt::verify::<Value>("default", "t").map(drop) } else { Ok(()) })
    });
    let client = host.socket("/").connect().unwrap();
    let line = |event: &str| {
        client.emit(event, ());
        host.log().pop().unwrap().to_string()
    };
    let bucket = line("bucket");
    assert!(bucket.contains("add `.capability(\"store:rooms\")`") && bucket.ends_with("event=\"bucket\""), "{bucket}");
    assert!(line("elsewhere").contains("add `.capability(\"namespaces:/admin\")`"));
    assert!(line("timer").contains("add `.timer(\"tick\", …)`"));
    let stopped = line("stop");
    assert!(stopped.contains("`.capability(\"jwt\")`") && stopped.ends_with("event=\"stop\""), "{stopped}");
}

#[test]
fn a_fetched_socket_has_its_data_and_handshake_whole() {
    let host = Host::new(|| {
        Plugin::new().on("look", |socket: &Socket| -> Result<_> {
            socket.set_data("user", &json!({"id": 42}))?;
            let found = socket.nsp().fetch_sockets()?;
            let (data, handshake) = (found[0].data_all::<Map<String, Value>>()?, found[0].handshake());
            let wrong = socket.data_all::<Vec<u8>>().unwrap_err();
            Ok(Reply((data, handshake, wrong.message().to_owned())))
        })
    });
    let client = host.socket("/").address("10.0.0.1").query("name", "Bob").query("name", "Ann").connect().unwrap();
    let (data, handshake, wrong) = client.emit_for_ack("look", ()).read::<(Value, Value, String)>();
    assert_eq!(data, json!({"user": {"id": 42}}));
    assert_eq!((&handshake["address"], &handshake["query"]["name"]), (&json!("10.0.0.1"), &json!("Ann")));
    assert_eq!(
        (&handshake["time"], &handshake["auth"]),
        (&json!("Thu Jan 01 2026 00:00:00 GMT+0000 (Coordinated Universal Time)"), &json!({}))
    );
    assert!(wrong.starts_with("data: invalid type"), "{wrong}");
}

#[test]
fn a_plugin_that_no_host_would_load_is_refused() {
    let told = |plugin: fn() -> Plugin| said(move || drop(Host::new(plugin).log()));
    assert!(told(|| Plugin::new().capability("magic")).contains("requests the capability \"magic\""));
    assert!(told(|| Plugin::new().namespace("/a,b").on("x", |_: &Socket| ())).contains("has no comma"));
    assert!(told(|| Plugin::new().on("connect", |_: &Socket| ())).contains("`.connection(fn)`"));
    assert!(told(|| Plugin::new().on("disconnect", |_: &Socket| ())).contains("`.disconnect(fn)`"));
    assert!(told(|| Plugin::new().on("newListener", |_: &Socket| ())).contains("no client can emit it"));
}

#[test]
fn a_namespace_without_its_slash_gets_it() {
    let plugin = || Plugin::new().namespace("chat").on("x", |_: &Socket| of("chat").emit("heard", ()));
    let host = Host::new(plugin);
    let ann = host.socket("/chat").connect().unwrap();
    ann.emit("x", ());
    ann.take("heard");
}

#[test]
fn an_ack_of_no_interest_may_have_any_value() {
    let plugin = || Plugin::new().on("ask", |socket: &Socket| socket.emit_with_ack::<()>("question", ()).map(|()| Reply(true)));
    let host = Host::new(plugin);
    let ann = host.socket("/").connect().unwrap();
    for answer in [json!({"any": [1]}), json!(null)] {
        let ack = ann.emit_for_ack("ask", ());
        ann.take("question").ack(answer);
        assert!(ack.value::<bool>());
    }
}

#[test]
fn claims_of_no_interest_may_have_any_shape() {
    let plugin = || {
        let verify = |_: &Socket, token: String| jwt::verify::<()>("default", &token).map(|()| Reply(true));
        Plugin::new().capability("jwt").on("verify", verify)
    };
    let host = Host::new(plugin);
    host.token("default", "good", json!({"userId": 42}));
    assert!(host.socket("/").connect().unwrap().emit_with_ack::<bool>("verify", "good"));
}

#[test]
fn what_was_not_requested_is_denied() {
    fn code<T>(result: Result<T>) -> Reply<String> {
        Reply(result.err().map(|error| error.code_str().to_owned()).unwrap_or_default())
    }
    let host = Host::new(|| {
        Plugin::new()
            .on("store", |_: &Socket| code(store::bucket("b").get::<Value>("k")))
            .on("jwt", |_: &Socket| code(jwt::verify::<Value>("default", "good")))
            .on("timer", |_: &Socket| code(timer("t").set()))
            .on("auth", |socket: &Socket| -> Result<_> {
                let handshake = socket.handshake()?;
                let header = handshake.header("cookie").map(str::to_owned);
                Ok(Reply((handshake.auth::<String>("token")?, header, handshake.header("x-mark").map(str::to_owned))))
            })
    });
    host.token("default", "good", json!({}));
    let client = host.socket("/").auth(json!({"token": "t"})).header("Cookie", "c").header("X-Mark", "m").connect().unwrap();

    for (event, expected) in [("store", "denied"), ("jwt", "denied"), ("timer", "invalid")] {
        assert_eq!(client.emit_with_ack::<String>(event, ()), expected, "{event}");
    }
    let seen = client.emit_for_ack("auth", ()).read::<(Option<String>, Option<String>, Option<String>)>();
    assert_eq!(seen, (None, None, Some("m".to_owned())));
}

#[test]
fn every_call_has_an_instance_of_its_own_and_its_configuration() {
    let host = Host::new(|| {
        let count = std::cell::Cell::new(0);
        Plugin::new().on("count", move |_: &Socket| -> Result<_> {
            count.set(count.get() + 1);
            Ok(Reply((count.get(), config::<Map<String, Value>>()?.get("mark").cloned())))
        })
    });
    let host = host.config(json!({"mark": [1]}));
    let client = host.socket("/").connect().unwrap();

    for _twice in 0..2 {
        assert_eq!(client.emit_for_ack("count", ()).read::<(u32, Value)>(), (1, json!([1])));
    }
}

#[test]
fn two_runs_are_the_same() {
    let run = || {
        let host = Host::new(|| Plugin::new().on("id", |_: &Socket| Reply((random_id(), now_ms())))).now(5);
        let client = host.socket("/").connect().unwrap();
        host.advance(Duration::from_millis(7));
        (client.id(), client.emit_for_ack("id", ()).read::<(String, u64)>())
    };
    let (id, (random, now)) = run();
    assert_eq!((id.len(), random.len(), now), (20, 20, 12));
    assert_ne!(id, random);
    assert_eq!(run(), (id, (random, now)));
}

#[test]
fn the_log_has_what_was_written_and_what_broke() {
    let host = Host::new(|| {
        Plugin::new()
            .on("write", |_: &Socket| log::write("warn", "odd", &[("room".to_owned(), "lobby".to_owned())]))
            .on("break", |_: &Socket| -> Reply<()> { unreachable!("never") })
            .on("refuse", |socket: &Socket| socket.emit("connect", ()))
            .disconnect(|_: &Socket| Err::<(), _>("no"))
    });
    let client = host.socket("/").connect().unwrap();
    ["write", "break", "refuse"].iter().for_each(|event| client.emit(event, ()));
    client.disconnect();

    let lines: Vec<String> = host.log().iter().map(ToString::to_string).collect();
    let broke = "error plugin: event \"break\" failed: panicked: internal error: entered unreachable code: never";
    let refused = "error plugin: \"connect\" is a reserved event name (invalid) event=\"refuse\"";
    assert_eq!(lines, ["warn plugin: odd event=\"write\"", broke, refused, "error plugin: disconnect failed: no"]);
    assert_eq!(host.log()[0].fields, [("room".to_owned(), "lobby".to_owned())]);
}

#[test]
fn bytes_travel_both_ways() {
    let host = Host::new(|| {
        Plugin::new().on("turn", |socket: &Socket, Binary(mut bytes): Binary| -> Result<_> {
            bytes.reverse();
            socket.emit("turned", ("here", Binary(bytes.clone())))?;
            Ok(Reply(Binary(bytes)))
        })
    });
    let client = host.socket("/").connect().unwrap();

    let ack = client.emit_for_ack("turn", Binary(vec![1, 2, 3]));

    assert_eq!(ack.read::<(Binary,)>().0, Binary(vec![3, 2, 1]));
    let turned = client.take("turned");
    assert_eq!(turned.args(), json!(["here", {"_placeholder": true, "num": 0}]));
    assert_eq!(
        (turned.attachments(), turned.read::<(String, Binary)>().unwrap().1),
        (&[vec![3, 2, 1]][..], Binary(vec![3, 2, 1]))
    );
}

#[test]
fn the_store_can_be_filled_and_looked_into() {
    let host = Host::new(|| {
        Plugin::new().capability("store").on("visit", |_: &Socket, name: String| -> Result<_> {
            let known: Option<Value> = store::bucket("users").get(&name)?;
            known.ok_or_else(|| Error::new("nobody"))?;
            store::bucket("visits").increment(&name, 1).map(Reply)
        })
    });
    host.store("users").set("ann", &json!({}));
    let client = host.socket("/").connect().unwrap();

    assert_eq!(client.emit_with_ack::<i64>("visit", "ann"), 1);
    assert_eq!(client.emit_with_ack::<Value>("visit", "bob")["error"], "nobody");
    assert_eq!((host.store("visits").get("ann"), host.store("visits").get::<i64>("bob")), (Some(1), None));
}

#[test]
fn when_the_host_ends_every_socket_has_the_reason() {
    let host = Host::new(|| Plugin::new().disconnect(|_: &Socket, reason: &str| log::info(reason)));
    let client = host.socket("/").connect().unwrap();

    host.shut_down();

    assert_eq!(client.disconnect_reason().as_deref(), Some("server shutting down"));
    assert_eq!(host.log()[0].message, "server shutting down");
}

#[test]
fn a_host_can_be_dropped_while_handlers_wait() {
    let host = Host::new(|| Plugin::new().on("wait", |_: &Socket| sleep(Duration::from_secs(3_600))));
    let client = host.socket("/").connect().unwrap();
    client.emit("wait", ());
    drop(host);
    assert!(client.is_connected());
}

#[test]
fn a_narrowed_capability_reaches_its_own_part_alone() {
    fn code<T>(result: Result<T>) -> Reply<String> {
        Reply(result.err().map(|error| error.code_str().to_owned()).unwrap_or_default())
    }
    let host = Host::new(|| {
        Plugin::new()
            .capability("store:users")
            .capability("jwt:default")
            .capability("namespaces:/admin")
            .on("store", |_: &Socket, bucket: String| code(store::bucket(bucket).get::<Value>("k")))
            .on("jwt", |_: &Socket, key: String| code(jwt::verify::<Value>(&key, "token")))
            .on("emit", |_: &Socket, namespace: String| code(innkeeper_plugin::of(namespace).emit("x", ())))
    });
    let client = host.socket("/").connect().unwrap();

    for (event, own, other) in [("store", "users", "rooms"), ("jwt", "default", "partner"), ("emit", "/admin", "/elsewhere")] {
        assert_eq!(client.emit_with_ack::<String>(event, other), "denied", "{event}");
        assert_ne!(client.emit_with_ack::<String>(event, own), "denied", "{event}");
    }
}

#[test]
fn a_refused_token_says_why() {
    let host = Host::new(|| {
        Plugin::new().capability("jwt").on("verify", |_: &Socket, token: String| {
            let refused = jwt::verify::<Value>("default", &token).err();
            Reply(refused.map(|error| (jwt::is_refusal(&error), error.code_str().to_owned())))
        })
    });
    let host = host.now(10_000);
    let client = host.socket("/").connect().unwrap();
    let claims = [
        ("good", json!({"exp": 11})),
        ("old", json!({"exp": 10})),
        ("early", json!({"nbf": 11})),
        ("odd", json!({"exp": "soon"})),
    ];
    claims.into_iter().for_each(|(token, claims)| host.token("default", token, claims));
    let verify = |token: &str| client.emit_with_ack::<Option<(bool, String)>>("verify", token);

    assert_eq!(verify("good"), None);
    for (token, code) in [("old", "expired"), ("early", "not-before"), ("odd", "claims"), ("forged", "invalid")] {
        assert_eq!(verify(token), Some((true, code.to_owned())), "{token}");
    }
}

#[test]
fn a_fetched_socket_is_reached_through_its_own_room() {
    let host = Host::new(|| {
        Plugin::new().on("all", |socket: &Socket| -> Result<()> {
            for other in socket.nsp().fetch([])?.sockets.iter().filter(|other| other.id() != socket.id()) {
                other.join("found")?;
                other.emit("found", ())?;
                other.disconnect(false)?;
            }
            Ok(())
        })
    });
    let (ann, bob) = (host.socket("/").connect().unwrap(), host.socket("/").connect().unwrap());

    ann.emit("all", ());

    assert_eq!((ann.received().len(), bob.received()[0].name()), (0, "found"));
    assert_eq!(bob.disconnect_reason().as_deref(), Some("server namespace disconnect"));
}

#[test]
fn a_handshake_is_read_in_parts() {
    let host = Host::new(|| {
        Plugin::new().capability("handshake:secrets").on("parts", |socket: &Socket| -> Result<_> {
            let (query, header) = (socket.query("name")?, socket.header("x-mark")?);
            Ok(Reply((socket.address()?, socket.url()?, query, header, socket.auth::<u8>("pin")?)))
        })
    });
    let connecting = host
        .socket("/")
        .address("10.0.0.1")
        .query("name", "Bob")
        .query("name", "Ann")
        .header("X-Mark", "m")
        .auth(json!({"pin": 7}));
    let parts = connecting.connect().unwrap().emit_for_ack("parts", ()).read::<(String, String, String, String, u8)>();
    let url = "/socket.io/?EIO=4&transport=websocket&name=Bob&name=Ann";
    assert_eq!(parts, ("10.0.0.1".into(), url.into(), "Ann".into(), "m".into(), 7));
}

#[test]
fn a_silent_failure_is_in_the_log_alone() {
    let host = Host::new(|| Plugin::new().on("x", |_: &Socket| -> Result<()> { Err(Error::silent("not for the client")) }));
    let client = host.socket("/").connect().unwrap();
    client.emit("x", ());

    assert!(client.emit_for_ack("x", ()).is_pending() && client.received().is_empty());
    assert_eq!(host.log()[0].to_string(), "debug plugin: event \"x\" was refused silently: not for the client");
}

#[test]
fn bytes_where_a_handler_takes_json_are_an_error() {
    let host = Host::new(|| {
        Plugin::new()
            .on("value", |_: &Socket, value: Value| Reply(value))
            .on("relay", |_: &Socket, _: String, rest: Payload| Reply(rest))
            .on("ask", |socket: &Socket| -> Result<_> { socket.emit_with_ack::<Value>("question", ()).map(Reply) })
            .on("all", |socket: &Socket| -> Result<_> { socket.emit_with_ack::<Spread<u8>>("question", ()).map(Reply) })
    });
    let client = host.socket("/").connect().unwrap();
    let bytes = || Binary(vec![1]);

    let failed: Value = client.emit_with_ack("value", (vec![bytes()],));
    assert_eq!(failed["code"], json!("INVALID_ARGUMENT"));
    assert!(failed["error"].as_str().unwrap().starts_with("value: argument 1: binary data"), "{failed}");
    assert_eq!(client.emit_for_ack("relay", ("a", bytes(), 2)).read::<(Binary, u8)>(), (bytes(), 2));
    let looks_like_bytes = json!({"_placeholder": true, "num": 0});
    assert_eq!(client.emit_with_ack::<Value>("value", &looks_like_bytes), looks_like_bytes);

    let ack = client.emit_for_ack("ask", ());
    client.take("question").ack(bytes());
    assert!(ack.value::<Value>()["error"].as_str().unwrap().starts_with("the ack of question: argument 1: binary data"));
    let ack = client.emit_for_ack("all", ());
    client.take("question").ack((1, 2));
    assert_eq!(ack.read::<(u8, u8)>(), (1, 2));
    assert_eq!(ack.value::<Spread<u8>>().0, [1, 2]);
    assert_eq!(ack.value::<Payload>().json(), "[1,2]");
}

#[test]
fn claims_that_the_plugin_does_not_expect_are_logged_without_a_place_in_their_text() {
    let host = Host::new(|| {
        Plugin::new().capability("jwt").on("verify", |_: &Socket| -> Result<()> {
            let _: u8 = jwt::verify("default", "token")?;
            Ok(())
        })
    });
    host.token("default", "token", json!({"userId": "ann"}));
    let client = host.socket("/").connect().unwrap();

    assert_eq!(client.emit_with_ack::<Value>("verify", ())["error"], "Auth failed");
    assert!(host.log()[0].message.ends_with("expects: invalid type: map, expected u8"), "{:?}", host.log());
}

#[test]
fn details_of_an_error_that_its_answer_cannot_take_are_logged() {
    let host = Host::new(|| {
        let error = || Error::new("full").data(&["a", "b"]);
        Plugin::new()
            .connect_middleware(move |socket: &Socket| if socket.query("no")?.is_some() { Err(error()) } else { Ok(()) })
            .middleware(move |_: &Socket, event: &mut Event| if event.name() == "refused" { Err(error()) } else { Ok(()) })
            .on("failed", move |_: &Socket| -> Result<()> { Err(error()) })
            .on("null", |_: &Socket| -> Result<()> { Err(Error::new("full").data(&None::<u8>)) })
    });
    let client = host.socket("/").connect().unwrap();
    let full = json!({"success": false, "error": "full", "code": "INTERNAL_ERROR"});

    assert_eq!(host.socket("/").query("no", "").connect().unwrap_err().data, Some(json!(["a", "b"])));
    assert_eq!(client.emit_with_ack::<Value>("null", ()), full);
    assert_eq!(host.log().len(), 0);
    for event in ["refused", "failed"] {
        assert_eq!(client.emit_with_ack::<Value>(event, ()), full);
        let message = host.log().last().unwrap().message.clone();
        assert_eq!(
            message,
            "the data of the error \"full\" was left out: the answer to an event has its members, so it has to be an object"
        );
    }
}

#[test]
fn bytes_are_refused_where_only_json_can_be_kept() {
    fn internal<T>(result: Result<T>) -> Result<T> {
        let error = result.as_ref().err().map(|error| error.message().to_owned());
        assert!(error.unwrap().contains("binary data outside of an event's arguments"));
        result
    }
    let host = Host::new(|| {
        let bytes = Binary(vec![1]);
        Plugin::new()
            .capability("store")
            .timer("t", |_: &Timer| {})
            .on("data", {
                let bytes = bytes.clone();
                move |socket: &Socket| internal(socket.set_data("b", &bytes))
            })
            .on("store", {
                let bytes = bytes.clone();
                move |_: &Socket| internal(store::bucket("b").set("k", &bytes))
            })
            .on("timer", {
                let bytes = bytes.clone();
                move |_: &Socket| internal(timer("t").data(&bytes).and_then(|timer| timer.set()))
            })
            .on("error", move |_: &Socket| -> Result<()> { Err(Error::new("no").data(&bytes)) })
    });
    let client = host.socket("/").connect().unwrap();
    for (event, place) in [("data", "data: b: binary"), ("store", "b: k: binary"), ("timer", "timer \"t\": binary")] {
        assert_eq!(client.emit_with_ack::<Value>(event, ())["error"], "internal error");
        let message = host.log().last().unwrap().message.clone();
        assert!(message.starts_with(place) && message.contains("`set_bytes`"), "{message}");
    }
    assert_eq!(client.emit_with_ack::<Value>("error", ()), json!({"success": false, "error": "no", "code": "INTERNAL_ERROR"}));
    assert!(host.log().last().unwrap().message.starts_with("the data of the error \"no\" was left out"));
}

#[test]
fn half_a_surrogate_pair_in_the_store_is_read() {
    let host = Host::new(|| {
        Plugin::new().capability("store").on("store", |_: &Socket| -> Result<_> {
            let bucket = store::bucket("b");
            bucket.set_bytes("k", br#""cut \ud83d""#, None)?;
            Ok(Reply(bucket.get::<String>("k")?))
        })
    });
    let client = host.socket("/").connect().unwrap();
    assert_eq!(client.emit_with_ack::<String>("store", ()), "cut \u{fffd}");
}

#[test]
fn an_error_of_a_library_is_for_the_log() {
    let host = Host::new(|| {
        Plugin::new()
            .connect_middleware(|socket: &Socket| -> Result<()> {
                socket.query("seat")?.ok_or("name a seat")?.parse::<u8>()?;
                Ok(())
            })
            .on("seat", |_: &Socket, text: String| -> Result<_> { Ok(Reply(text.parse::<u8>()?)) })
            .on("data", |socket: &Socket| -> Result<_> {
                socket.set_data("secret", "of another user")?;
                Ok(Reply(socket.data::<u8>("secret")?.unwrap_or_default()))
            })
    });
    assert_eq!(host.socket("/").connect().unwrap_err().message, "name a seat");
    assert_eq!(host.socket("/").query("seat", "x").connect().unwrap_err().message, "internal error");
    let client = host.socket("/").query("seat", "1").connect().unwrap();

    assert_eq!(client.emit_with_ack::<u8>("seat", "7"), 7);
    let failed: Value = client.emit_with_ack("seat", "x");
    assert_eq!(failed, json!({"success": false, "error": "internal error", "code": "INTERNAL_ERROR"}));
    assert_eq!(host.log().last().unwrap().message, "invalid digit found in string");
    // What does not fit a type is not the client's either, unless the client sent it.
    assert_eq!(client.emit_with_ack::<Value>("data", ()), failed);
}
