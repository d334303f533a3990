use innkeeper_plugin::Binary;
use innkeeper_plugin::testing::Host;
use serde_json::{Value, json};

#[test]
fn without_an_ack_the_event_itself_comes_back() {
    let host = Host::new(crate::plugin);
    let client = host.socket("/").connect().unwrap();

    client.emit("anything", (1, "two", json!({"three": null})));

    assert_eq!(client.received(), [("anything", json!([1, "two", {"three": null}]))]);
}

#[test]
fn with_an_ack_the_arguments_come_back_in_it_and_nowhere_else() {
    let host = Host::new(crate::plugin);
    let client = host.socket("/").connect().unwrap();

    let ack = client.emit_for_ack("anything", ("bytes", Binary(vec![0, 255])));

    assert_eq!(ack.read::<(String, Binary)>(), ("bytes".to_owned(), Binary(vec![0, 255])));
    assert_eq!(client.emit_for_ack("nothing", ()).read::<(Option<Value>,)>(), (None,));
    assert!(client.received().is_empty());
}
