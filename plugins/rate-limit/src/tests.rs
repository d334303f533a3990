use super::{Config, Per, address_key, user_key};
use innkeeper_plugin::testing::Host;
use innkeeper_plugin::{Plugin, Socket};
use serde_json::{Value, from_str, json};
use std::time::Duration;

/// The plugin in front of one that has events.
fn host(config: Value) -> Host {
    let work = || Plugin::new().on("do", |socket: &Socket| socket.emit("done", ()));
    Host::chain().plugin("rate-limit", crate::plugin).config(config).plugin("work", work)
}

#[test]
fn beyond_the_limit_events_are_refused_until_the_window_closes() {
    let host = host(json!({"points": 3, "window_ms": 10_000, "per": ["socket"]}));
    let client = host.socket("/").connect().unwrap();
    client.emit("do", ());
    host.advance(Duration::from_secs(4));
    (0..3).for_each(|_| client.emit("do", ()));

    let told = json!([{"code": "RATE_LIMITED", "message": "Rate limit exceeded", "retryAfterMs": 6_000}]);
    let done = || ("done", json!([]));
    assert_eq!(client.received(), [done(), done(), done(), ("error", told)]);
    host.advance(Duration::from_secs(6));
    client.emit("do", ());
    assert_eq!(client.received(), [("done", json!([]))]);
}

#[test]
fn connecting_costs_a_point_of_the_address() {
    let host = host(json!({"points": 1, "per": ["address"]}));
    host.socket("/").address("10.0.0.1").connect().unwrap();

    let refused = host.socket("/").address("10.0.0.1").connect().unwrap_err();

    assert_eq!((&*refused.message, refused.data), ("Rate limit exceeded", Some(json!({"retryAfterMs": 60_000}))));
    assert!(host.socket("/").address("10.0.0.2").connect().is_ok());
}

#[test]
fn whoever_the_address_refuses_costs_nobody_else_a_point() {
    let auth = || {
        Plugin::new()
            .connect_middleware(|socket: &Socket| socket.set_data("user", &json!({"id": socket.handshake()?.query("user")})))
    };
    let host = Host::chain().plugin("auth", auth).plugin("rate-limit", crate::plugin).config(json!({"points": 3}));
    let connects = |user: &str, address: &str| host.socket("/").query("user", user).address(address).connect().is_ok();

    assert!((0..3).all(|_| connects("bob", "10.0.0.1")));
    assert!(!(0..5).any(|_| connects("ann", "10.0.0.1")), "this address has no points left");
    assert!((0..3).all(|_| connects("ann", "10.0.0.2")), "and ann has all of hers");
}

#[test]
fn connecting_costs_a_socket_no_point() {
    let host = host(json!({"points": 1, "per": ["socket"]}));
    let client = host.socket("/").connect().unwrap();
    client.emit("do", ());
    assert_eq!(client.received(), [("done", json!([]))]);
}

#[test]
fn the_namespaces_are_the_operators_choice() {
    let host = Host::new(crate::plugin).config(json!({"points": 1, "namespaces": ["/game"]}));
    host.socket("/game").connect().unwrap();
    assert_eq!(host.socket("/game").connect().unwrap_err().message, "Rate limit exceeded");
    assert_eq!(host.socket("/chat").connect().unwrap_err().message, "Invalid namespace");
}

#[test]
fn a_configuration_says_what_differs_from_the_defaults() {
    let config: Config = from_str(r#"{"points": 5, "per": ["address"]}"#).unwrap();
    assert_eq!((config.points, config.window_ms, config.per), (5, 60_000, vec![Per::Address]));
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_for_the_operator() {
    let refusal = |config: Value| Host::new(crate::plugin).config(config).load().unwrap_err();

    assert!(
        refusal(json!({"point": 5}))
            .contains("config: point: unknown field `point`, expected one of `points`, `window_ms`, `per`, `namespaces`")
    );
    assert!(
        refusal(json!({"duration": 30}))
            .contains("config: duration: the length of the window is in milliseconds here; write window_ms = 30000")
    );
    assert!(refusal(json!({"duration": "1m"})).contains("write window_ms = 60000"));
    let ip = refusal(json!({"per": ["ip"]}));
    assert!(ip.contains("unknown variant `ip`, expected one of `address`, `user`, `socket`"), "{ip}");
    assert!(refusal(json!({"per": ["user", "socket", "user"]})).contains("config: per: a word that stands there twice"));
    assert!(refusal(json!({"namespaces": ["chat"]})).contains("\"chat\" is not a namespace"));
    assert!(refusal(json!({"per": []})).contains("config: per: "));
    assert!(refusal(json!({"points": 0})).contains("config: points: "));
    assert!(refusal(json!({"window_ms": 0})).contains("config: window_ms: "));
}

#[test]
fn an_ipv6_network_of_64_bits_is_one_address() {
    for address in ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"] {
        assert_eq!(address_key(address), "address:2001:db8:1:2::/64");
    }
    assert_ne!(address_key("2001:db8:1:3::1"), address_key("2001:db8:1:2::1"));
    assert_eq!(address_key("::ffff:10.0.0.1"), address_key("10.0.0.1"));
    assert_eq!(address_key("10.0.0.1"), "address:10.0.0.1");
}

#[test]
fn only_users_with_an_id_are_counted() {
    assert_eq!(user_key(&json!({"id": "ann"})).as_deref(), Some("user:ann"));
    assert_eq!(user_key(&json!({"id": 7})).as_deref(), Some("user:7"));
    assert_eq!(user_key(&json!({"id": 1e21})).as_deref(), Some("user:1e+21"));
    assert_eq!(user_key(&json!({"name": "ann"})), None);
    assert_eq!(user_key(&json!("ann")), None);
}
