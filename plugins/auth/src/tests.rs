use innkeeper_plugin::testing::{Client, ConnectError, Host};
use serde_json::{Value, json};

/// A host with Ann in its store, and a token of hers.
fn host() -> Host {
    let host = Host::new(crate::plugin).now(1_000_000);
    host.store("users").set("ann", &json!({"name": "Ann"}));
    host.token("default", "ann's", json!({"userId": "ann", "exp": 2_000}));
    host
}

fn connect(host: &Host, token: Value) -> Result<Client, ConnectError> {
    host.socket("/chat").auth(json!({"token": token})).connect()
}

fn refused(host: &Host, token: Value) -> String {
    connect(host, token).unwrap_err().message
}

#[test]
fn without_a_token_a_connection_is_refused() {
    let host = host();
    assert_eq!(host.socket("/").connect().unwrap_err().message, "No token");
    for token in [json!(null), json!(""), json!(false)] {
        assert_eq!(refused(&host, token), "No token");
    }
}

#[test]
fn an_invalid_token_and_one_of_an_unknown_user_are_refused() {
    let host = host();
    for token in [json!("forged"), json!(5), json!({"a": 1}), json!(true)] {
        assert_eq!(refused(&host, token), "Auth failed");
    }
    for (number, claims) in
        [json!({}), json!({"userId": ""}), json!({"userId": null}), json!({"userId": true}), json!({"userId": "bob"})]
            .into_iter()
            .enumerate()
    {
        let token = number.to_string();
        host.token("default", &token, claims);
        assert_eq!(refused(&host, json!(token)), "Auth failed");
    }
}

#[test]
fn later_plugins_find_the_user_and_all_sockets_of_one() {
    let host = host();

    let ann = connect(&host, json!("ann's")).unwrap();

    assert_eq!(ann.data(), json!({"user": {"id": "ann", "name": "Ann"}}));
    assert_eq!(ann.rooms(), ["user:ann"]);
}

#[test]
fn a_user_may_go_by_a_number() {
    let host = host();
    host.store("users").set("7", &json!({}));
    host.token("default", "seven", json!({"userId": 7}));

    assert_eq!(connect(&host, json!("seven")).unwrap().data(), json!({"user": {"id": "7"}}));
}

#[test]
fn an_id_that_is_a_number_is_the_text_that_javascript_makes_of_it() {
    let host = host();
    for (number, id) in
        [(json!(-3), "-3"), (json!(1.5), "1.5"), (json!(1e21), "1e+21"), (json!(9_007_199_254_740_993_u64), "9007199254740993")]
    {
        host.store("users").set(id, &json!({}));
        host.token("default", id, json!({"userId": number}));
        assert_eq!(connect(&host, json!(id)).unwrap().rooms(), [format!("user:{id}")]);
    }
}

#[test]
fn a_refused_token_does_not_fill_the_log_and_claims_without_a_user_do() {
    let host = host();
    host.token("default", "nobody's", json!({"sub": "ann"}));
    assert_eq!(refused(&host, json!("forged")), "Auth failed");
    assert!(host.log().is_empty(), "{:?}", host.log());

    assert_eq!(refused(&host, json!("nobody's")), "Auth failed");
    assert!(host.log()[0].message.contains("missing field `userId`"), "{:?}", host.log());
}

#[test]
fn the_namespaces_are_the_operators_choice() {
    let host = Host::new(crate::plugin).config(json!({"namespaces": ["/game"]}));
    assert_eq!(host.socket("/game").connect().unwrap_err().message, "No token");
    assert_eq!(host.socket("/chat").connect().unwrap_err().message, "Invalid namespace");
}

#[test]
fn a_token_ends_when_it_says() {
    let host = host();
    host.advance(std::time::Duration::from_secs(1_000));
    assert_eq!(refused(&host, json!("ann's")), "Auth failed");
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_for_the_operator() {
    let refusal = |config: Value| Host::new(crate::plugin).config(config).load().unwrap_err();

    assert!(
        refusal(json!({"kye": "default"}))
            .contains("config: kye: unknown field `kye`, expected one of `key`, `bucket`, `namespaces`")
    );
    assert!(refusal(json!({"key": ""})).contains("config: key: name one of [keys]"));
    assert!(refusal(json!({"bucket": ""})).contains("config: bucket: "));
    assert!(refusal(json!({"namespaces": []})).contains("the list is empty"));
    assert!(refusal(json!({"namespaces": ["game"]})).contains("\"game\" is not a namespace"));
}

#[test]
fn key_and_bucket_are_the_operators_choice() {
    let host = Host::new(crate::plugin).config(json!({"key": "partner", "bucket": "guests"}));
    host.store("guests").set("eve", &json!({}));
    host.token("partner", "eve's", json!({"userId": "eve"}));

    assert_eq!(connect(&host, json!("eve's")).unwrap().rooms(), ["user:eve"]);
}
