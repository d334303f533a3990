use innkeeper_plugin::testing::{Client, ConnectError, Host};
use serde_json::{Value, json};

/// A host that knows Ann, and a token of hers.
fn inn() -> Host {
    let inn = Host::new(crate::plugin).now(1_000_000);
    inn.store("users").set("ann", &json!({"name": "Ann"}));
    inn.token("default", "ann's", json!({"userId": "ann", "exp": 2_000}));
    inn
}

fn come(inn: &Host, token: Value) -> Result<Client, ConnectError> {
    inn.socket("/chat").auth(json!({"token": token})).connect()
}

fn refused(inn: &Host, token: Value) -> String {
    come(inn, token).unwrap_err().message
}

#[test]
fn without_a_token_nobody_is_let_in() {
    let inn = inn();
    assert_eq!(inn.socket("/").connect().unwrap_err().message, "No token");
    for token in [json!(null), json!(""), json!(false)] {
        assert_eq!(refused(&inn, token), "No token");
    }
}

#[test]
fn a_token_that_is_none_or_of_nobody_is_refused() {
    let inn = inn();
    for token in [json!("forged"), json!(5), json!({"a": 1}), json!(true)] {
        assert_eq!(refused(&inn, token), "Auth failed");
    }
    for (number, claims) in
        [json!({}), json!({"userId": ""}), json!({"userId": null}), json!({"userId": "bob"})].into_iter().enumerate()
    {
        let token = number.to_string();
        inn.token("default", &token, claims);
        assert_eq!(refused(&inn, json!(token)), "Auth failed");
    }
}

#[test]
fn later_plugins_find_the_user_and_all_sockets_of_one() {
    let inn = inn();

    let ann = come(&inn, json!("ann's")).unwrap();

    assert_eq!(ann.data(), json!({"user": {"id": "ann", "name": "Ann"}}));
    assert_eq!(ann.rooms(), ["user:ann"]);
}

#[test]
fn a_user_may_go_by_a_number() {
    let inn = inn();
    inn.store("users").set("7", &json!({}));
    inn.token("default", "seven", json!({"userId": 7}));

    assert_eq!(come(&inn, json!("seven")).unwrap().data(), json!({"user": {"id": "7"}}));
}

#[test]
fn a_token_ends_when_it_says() {
    let inn = inn();
    inn.advance(std::time::Duration::from_secs(1_000));
    assert_eq!(refused(&inn, json!("ann's")), "Auth failed");
}

#[test]
fn key_and_bucket_are_the_operators_choice() {
    let inn = Host::new(crate::plugin).config(json!({"key": "partner", "bucket": "guests"}));
    inn.store("guests").set("eve", &json!({}));
    inn.token("partner", "eve's", json!({"userId": "eve"}));

    assert_eq!(come(&inn, json!("eve's")).unwrap().rooms(), ["user:eve"]);
}
