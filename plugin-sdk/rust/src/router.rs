//! The author's [`Plugin`], finished: it finds the functions for each call of the host. Built once for each instance.

use crate::disconnect::Disconnect;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::payload::Payload;
use crate::plugin::{Namespace, Plugin, PluginWide};
use crate::server_event::ServerEvent;
use crate::socket::Socket;
use crate::timer::Timer;
use innkeeper_contract::hooks;

/// A plugin that is finished and only looked up in.
pub(crate) struct Router {
    plugin_wide: PluginWide,
    namespaces: Vec<Namespace>,
}

impl Router {
    pub(crate) fn new(plugin: Plugin) -> Self {
        let (plugin_wide, namespaces) = plugin.into_parts();
        Self { plugin_wide, namespaces }
    }

    pub(crate) fn capabilities(&self) -> &[String] {
        &self.plugin_wide.capabilities
    }

    /// The hooks that belong to no namespace.
    pub(crate) fn hooks(&self) -> Vec<String> {
        let hooks = [(hooks::START, self.plugin_wide.start.is_empty()), (hooks::TIMER, self.plugin_wide.timers.is_empty())];
        hooks.iter().filter(|(_, empty)| !empty).map(|(name, _)| (*name).to_owned()).collect()
    }

    pub(crate) fn start(&self) -> Result<()> {
        self.plugin_wide.start.iter().try_for_each(|run| run())
    }

    pub(crate) fn timer(&self, timer: &Timer) -> Result<()> {
        match self.plugin_wide.timers.get(timer.name()) {
            Some(run) => run(timer),
            None => Err(Error::internal(format!(
                "there is no function for the timer {:?}; add one with `Plugin::timer`",
                timer.name()
            ))),
        }
    }

    pub(crate) fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// The namespace of this index in the registration. The host calls only what is registered.
    pub(crate) fn namespace(&self, registration: u32) -> Result<&Namespace> {
        let namespace = usize::try_from(registration).ok().and_then(|index| self.namespaces.get(index));
        namespace.ok_or_else(|| Error::internal(format!("there is no registration {registration}")))
    }
}

impl Namespace {
    pub(crate) fn run_connect_middleware(&self, socket: &Socket) -> Result<()> {
        self.connect_middleware.iter().try_for_each(|run| run(socket))
    }

    pub(crate) fn run_connection(&self, socket: &Socket, kind: &str) -> Result<()> {
        self.connection.iter().try_for_each(|run| run(socket, kind))
    }

    pub(crate) fn run_middleware(&self, socket: &Socket, event: &mut Event) -> Result<()> {
        self.middleware.iter().try_for_each(|run| run(socket, event))
    }

    /// Runs the catch-all functions, then those of the event. All but the last get a copy of it. The first reply counts.
    pub(crate) fn run_event(&self, socket: &Socket, event: Event) -> Result<Option<Payload>> {
        let named = self.events.get(event.name()).map_or(&[][..], |event| event.handlers.as_slice());
        let mut runs = self.any.iter().chain(named).peekable();
        let mut event = Some(event);
        let mut reply = None;
        while let Some(run) = runs.next() {
            let given = if runs.peek().is_some() { event.clone() } else { event.take() };
            let Some(given) = given else { break };
            let answer = run(socket, given)?;
            reply = reply.or(answer);
        }
        Ok(reply)
    }

    pub(crate) fn run_server_event(&self, event: &ServerEvent) -> Result<Option<Payload>> {
        self.server_events.get(event.name()).map_or(Ok(None), |run| run(event))
    }

    pub(crate) fn run_disconnecting(&self, socket: &Socket, disconnect: &Disconnect) -> Result<()> {
        self.disconnecting.iter().try_for_each(|run| run(socket, disconnect))
    }

    pub(crate) fn run_disconnect(&self, socket: &Socket, disconnect: &Disconnect) -> Result<()> {
        self.disconnect.iter().try_for_each(|run| run(socket, disconnect))
    }
}

#[cfg(test)]
mod tests {
    use super::Router;
    use crate::{Ack, Binary, Error, Event, Plugin, Reply, Result, Socket, payload::Payload};
    use serde_json::json;

    /// Sends an event to the namespace that was registered under this name.
    fn send(plugin: Plugin, namespace: &str, name: &str, args: &str) -> Result<Option<String>> {
        let payload = Payload { args: args.to_owned(), attachments: vec![vec![1, 2, 3]] };
        let event = Event::new(name.to_owned(), payload, Ack::new("abc".to_owned(), None));
        let socket = Socket::new("abc".to_owned(), namespace.to_owned());
        let router = Router::new(plugin);
        let index = router.namespaces().iter().position(|registered| registered.name == namespace);
        let registered = router.namespace(index.map_or(u32::MAX, |index| index as u32))?;
        Ok(registered.run_event(&socket, event)?.map(|reply| reply.json().to_owned()))
    }

    #[test]
    fn an_event_finds_its_registration_and_its_name() {
        let plugin = || {
            Plugin::new()
                .on("where", |_: &Socket| Reply("main"))
                .namespace("/chat")
                .on("where", |_: &Socket| Reply("chat"))
                .namespace_pattern("/room-[0-9]+")
                .on("where", |_: &Socket| Reply("pattern"))
        };
        assert_eq!(send(plugin(), "/", "where", "[]").unwrap().unwrap(), r#"["main"]"#);
        assert_eq!(send(plugin(), "/chat", "where", "[]").unwrap().unwrap(), r#"["chat"]"#);
        assert_eq!(send(plugin(), "/room-[0-9]+", "where", "[]").unwrap().unwrap(), r#"["pattern"]"#);
        assert_eq!(send(plugin(), "/elsewhere", "where", "[]").unwrap_err().message(), "there is no registration 4294967295");
        assert_eq!(send(plugin(), "/chat", "nowhere", "[]").unwrap(), None);
    }

    #[test]
    fn handlers_get_the_arguments_that_they_name() {
        let plugin = || {
            Plugin::new()
                .on("add", |_: &Socket, a: i64, b: Option<i64>| Reply(a + b.unwrap_or(1)))
                .on("size", |_: &Socket, bytes: Binary| Reply(bytes.0.len()))
                .on("raw", |_: &Socket, payload: Payload| Reply(payload))
                .on("name", |_: &Socket, event: Event| Reply((event.name().to_owned(), 2)))
                .on("ack", |_: &Socket, _text: String, ack: Ack| Reply(ack.asked()))
                .on("only_ack", |_: &Socket, ack: Ack| Reply(ack.asked()))
                .on("maybe", |_: &Socket, yes: bool| yes.then_some(Reply(json!({"yes": true}))))
        };
        let reply = |name: &str, args: &str| send(plugin(), "/", name, args).unwrap();
        assert_eq!(reply("add", "[2]").unwrap(), "[3]");
        assert_eq!(reply("add", "[2,3,4]").unwrap(), "[5]");
        assert_eq!(reply("size", r#"[{"_placeholder":true,"num":0}]"#).unwrap(), "[3]");
        assert_eq!(reply("raw", "[ 1 , 2 ]").unwrap(), "[ 1 , 2 ]");
        assert_eq!(reply("name", "[]").unwrap(), r#"["name",2]"#);
        assert_eq!(reply("ack", r#"["x"]"#).unwrap(), "[false]");
        assert_eq!(reply("only_ack", "[]").unwrap(), "[false]");
        assert_eq!(reply("maybe", "[true]").unwrap(), r#"[{"yes":true}]"#);
        assert_eq!(reply("maybe", "[false]"), None);
    }

    #[test]
    fn an_error_says_which_event_and_which_argument() {
        let plugin = Plugin::new().on("room:join", |_: &Socket, _room: String| {});

        let error = send(plugin, "/", "room:join", "[5]").unwrap_err();
        assert_eq!(error.to_string(), "room:join: argument 1: invalid type: integer `5`, expected a string (INVALID_ARGUMENT)");
    }

    #[test]
    fn the_first_reply_counts_and_the_first_error_ends_the_event() {
        let plugin = Plugin::new().on("x", |_: &Socket| Reply(2)).on("x", |_: &Socket| Reply(3)).on_any(|_, _| Reply(1));
        assert_eq!(send(plugin, "/", "x", "[]").unwrap().unwrap(), "[1]");

        let failing =
            Plugin::new().on_any(|_, _| Err::<(), _>("no")).on("x", |_: &Socket| -> Reply<u8> { unreachable!("not reached") });
        assert_eq!(send(failing, "/", "x", "[]").unwrap_err().message(), "no");
    }

    #[test]
    fn middleware_rewrites_and_rejects() {
        let plugin = Plugin::new().middleware(|_, event| {
            let (number,): (i64,) = event.args()?;
            if number < 0 {
                return Err(Error::new("negative").code("RANGE"));
            }
            event.rename("doubled");
            event.set_args(number * 2)
        });
        let router = Router::new(plugin);
        let socket = Socket::new("abc".to_owned(), "/".to_owned());
        let event = |args: &str| {
            let payload = Payload { args: args.to_owned(), attachments: Vec::new() };
            Event::new("x".to_owned(), payload, Ack::new("abc".to_owned(), None))
        };

        assert_eq!(router.namespace(0).unwrap().run_middleware(&socket, &mut event("[-1]")).unwrap_err().code_str(), "RANGE");
        let mut passed = event("[4]");
        router.namespace(0).unwrap().run_middleware(&socket, &mut passed).unwrap();
        assert!(passed.rewritten());
        assert_eq!(passed.into_parts().1.json(), "[8]");
    }
}
