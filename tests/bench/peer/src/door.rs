//! The door of `connect-with-token`: what the plugins `auth` and `rate-limit` do at a connect, as one would write it natively.
//!
//! The token of `auth` is verified (HS256), its user is looked up and put into the socket's extensions, the socket joins
//! `user:<id>`, and a point is taken from the address and the user. Users are in the memory of this process, which is
//! less than the product does: its users are in a durable store.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};

/// So many that nobody is refused, as in the product's configuration of this measurement.
const POINTS: u32 = 1_000_000_000;
const WINDOW: Duration = Duration::from_secs(60);

/// Who the socket is.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct User {
    #[serde(default)]
    pub(crate) id: String,
    #[expect(dead_code, reason = "what handlers of a real application would show")]
    pub(crate) name: String,
}

#[derive(Deserialize)]
struct Auth {
    token: String,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "userId")]
    user_id: String,
}

/// The file that seeds the product's store.
#[derive(Deserialize)]
struct Seed {
    users: HashMap<String, User>,
}

/// Everything that the middleware needs.
pub(crate) struct Door {
    key: DecodingKey,
    validation: Validation,
    users: HashMap<String, User>,
    limits: Mutex<Limits>,
}

/// Windows of one length, so that they close in the order in which they were opened.
#[derive(Default)]
struct Limits {
    open: HashMap<String, (u32, Instant)>,
    closing: VecDeque<(Instant, String)>,
}

impl Door {
    pub(crate) fn new(secret: &str, seed: &str) -> std::io::Result<Self> {
        let seed: Seed = serde_json::from_str(&std::fs::read_to_string(seed)?)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.leeway = 0;
        validation.validate_nbf = true;
        let key = DecodingKey::from_secret(secret.as_bytes());
        Ok(Self { key, validation, users: seed.users, limits: Mutex::default() })
    }

    /// The user whom the token names.
    fn user(&self, token: &str) -> Option<User> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation).ok()?.claims;
        let mut user = self.users.get(&claims.user_id)?.clone();
        user.id = claims.user_id;
        Some(user)
    }

    fn take_points(&self, socket: &SocketRef, user: &User) -> Result<(), &'static str> {
        let address = socket.req_parts().extensions.get::<IpAddr>().ok_or("No address")?;
        let keys = [format!("address:{address}"), format!("user:{}", user.id)];
        for key in keys {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            if !limits.take_a_point(key, Instant::now()) {
                return Err("Rate limit exceeded");
            }
        }
        Ok(())
    }
}

impl Limits {
    fn take_a_point(&mut self, key: String, now: Instant) -> bool {
        while self.closing.front().is_some_and(|(closes, _)| *closes <= now) {
            if let Some((_, key)) = self.closing.pop_front() {
                self.open.remove(&key);
            }
        }
        match self.open.get_mut(&key) {
            Some((taken, _)) => {
                *taken = taken.saturating_add(1);
                *taken <= POINTS
            }
            None => {
                self.closing.push_back((now + WINDOW, key.clone()));
                self.open.insert(key, (1, now + WINDOW));
                true
            }
        }
    }
}

/// First the user, then the limits: the order of the plugins.
pub(crate) fn put_before<F, Fut>(io: &SocketIo, door: &'static Door, on_connect: F)
where
    F: Fn(SocketRef) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    use socketioxide::handler::ConnectHandler;
    let authenticate = move |socket: SocketRef, TryData(auth): TryData<Auth>| async move {
        let Auth { token } = auth.map_err(|_| "No token")?;
        let user = door.user(&token).ok_or("Auth failed")?;
        socket.join(format!("user:{}", user.id));
        socket.extensions.insert(user);
        Ok::<_, &'static str>(())
    };
    let limit = move |socket: SocketRef| async move {
        let user = socket.extensions.get::<User>().ok_or("Auth failed")?;
        door.take_points(&socket, &user)
    };
    io.ns("/", on_connect.with(limit).with(authenticate));
}
