use innkeeper_plugin::testing::Host;

#[test]
fn the_log_names_sockets_that_connect_and_disconnect_and_why() {
    let host = Host::new(crate::plugin);
    let (client, other) = (host.socket("/").connect().unwrap(), host.socket("/chat").connect().unwrap());
    client.disconnect();
    other.close("ping timeout");

    let lines: Vec<String> = host.log().iter().map(|line| format!("{} {}", line.level, line.message)).collect();

    let (one, two) = (client.id(), other.id());
    let expected = [
        format!("info Connected: {one}"),
        format!("info Connected: {two}"),
        format!("info Disconnected: {one}, client namespace disconnect"),
        format!("info Disconnected: {two}, ping timeout"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_namespaces_are_the_operators_choice() {
    let load = |config: serde_json::Value| Host::new(crate::plugin).config(config);
    let host = load(serde_json::json!({"namespaces": ["/game"]}));
    host.socket("/game").connect().unwrap();
    assert_eq!(host.log().len(), 1);
    assert!(host.socket("/chat").connect().is_err());
    let refusal = load(serde_json::json!({"level": "debug"})).load().unwrap_err();
    assert!(refusal.contains("config: level: unknown field `level`, expected `namespaces`"), "{refusal}");
}
