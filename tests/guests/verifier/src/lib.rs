//! Verifies tokens: on `/` for events, whose ack has the claims or the code of the refusal, and on `/members` for every client.

use innkeeper_plugin::{Plugin, Reply, Result, Socket, export, jwt};
use serde_json::{Value, json};

fn plugin() -> Plugin {
    Plugin::new()
        .capability("jwt")
        .capability("handshake:secrets")
        .on("verify", |_: &Socket, key: String, token: String| {
            Reply(match jwt::verify::<Value>(&key, &token) {
                Ok(claims) => claims,
                Err(error) => json!({"code": error.code_str(), "refusal": jwt::is_refusal(&error)}),
            })
        })
        .on("short", |_: &Socket, token: String| jwt::verify::<Value>("default", &token).map(Reply))
        .namespace("/members")
        .connect_middleware(member)
}

fn member(socket: &Socket) -> Result<()> {
    let token: String = socket.auth("token")?.ok_or("No token")?;
    let claims: Value = jwt::verify("default", &token)?;
    socket.set_data("claims", &claims)
}

export!(plugin);
