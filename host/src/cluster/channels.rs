//! The names of the channels on which nodes talk, as `@socket.io/redis-adapter` has them.

/// The names for one prefix (the option `key`) and one node.
#[derive(Debug)]
pub(super) struct Channels {
    key: Box<str>,
    uid: Box<str>,
}

/// What a channel is for, with its namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Channel<'a> {
    Request(&'a str),
    Response(&'a str),
    /// What servers of this kind tell each other.
    Own,
}

impl Channels {
    pub(super) fn new(key: &str, uid: &str) -> Self {
        Self { key: key.into(), uid: uid.into() }
    }

    /// Broadcasts to a namespace; those to one room have the room's name in the channel, so that a node without that room need not
    /// decode them.
    pub(super) fn broadcast(&self, namespace: &str, room: Option<&str>) -> String {
        match room {
            Some(room) => format!("{}#{namespace}#{room}#", self.key),
            None => format!("{}#{namespace}#", self.key),
        }
    }

    /// The pattern of all broadcasts to a namespace. Names are escaped: Redis would read `*?[` and `\` in them as its own.
    pub(super) fn pattern(&self, namespace: &str) -> String {
        let mut pattern = String::new();
        for character in self.broadcast(namespace, None).chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '^' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('*');
        pattern
    }

    /// The room of a broadcast to this namespace, empty if it is not for one room; `None` if it is not for this namespace.
    pub(super) fn room<'a>(&self, namespace: &str, channel: &'a str) -> Option<&'a str> {
        let behind = channel.strip_prefix(&*self.key)?.strip_prefix('#')?.strip_prefix(namespace)?.strip_prefix('#')?;
        if behind.is_empty() { Some("") } else { behind.strip_suffix('#') }
    }

    /// Requests to all nodes that have the namespace.
    pub(super) fn request(&self, namespace: &str) -> String {
        format!("{}-request#{namespace}#", self.key)
    }

    /// Answers to all nodes that have the namespace: the one that asked knows them by the number of its request.
    pub(super) fn response(&self, namespace: &str) -> String {
        format!("{}-response#{namespace}#", self.key)
    }

    /// Answers to one node.
    pub(super) fn response_to(&self, namespace: &str, uid: &str) -> String {
        format!("{}-response#{namespace}#{uid}#", self.key)
    }

    /// The channels, beside those of the pattern, that a node listens to for a namespace.
    pub(super) fn of_namespace(&self, namespace: &str) -> [String; 3] {
        [self.request(namespace), self.response(namespace), self.response_to(namespace, &self.uid)]
    }

    /// What only servers of this kind say and hear: those of Node do not listen there.
    pub(super) fn own(&self) -> String {
        format!("{}-innkeeper#", self.key)
    }

    /// What a channel out of [`Channels::of_namespace`] is for, or that one.
    pub(super) fn parse<'a>(&self, channel: &'a str) -> Option<Channel<'a>> {
        let behind = channel.strip_prefix(&*self.key)?.strip_suffix('#')?;
        if behind == "-innkeeper" {
            return Some(Channel::Own);
        }
        if let Some(namespace) = behind.strip_prefix("-request#") {
            return Some(Channel::Request(namespace));
        }
        let response = behind.strip_prefix("-response#")?;
        let own = response.strip_suffix(&*self.uid).and_then(|namespace| namespace.strip_suffix('#'));
        Some(Channel::Response(own.unwrap_or(response)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, Channels};

    fn channels() -> Channels {
        Channels::new("socket.io", "web1abcdef")
    }

    #[test]
    fn they_are_those_of_node() {
        let channels = channels();
        assert_eq!(channels.broadcast("/", None), "socket.io#/#");
        assert_eq!(channels.broadcast("/chat", Some("lobby")), "socket.io#/chat#lobby#");
        assert_eq!(channels.pattern("/chat"), "socket.io#/chat#*");
        let of_chat = ["socket.io-request#/chat#", "socket.io-response#/chat#", "socket.io-response#/chat#web1abcdef#"];
        assert_eq!(channels.of_namespace("/chat"), of_chat);
    }

    #[test]
    fn they_say_what_they_are_for() {
        let channels = channels();
        let [request, response, own] = channels.of_namespace("/a#b");
        assert_eq!(channels.parse(&request), Some(Channel::Request("/a#b")));
        assert_eq!(channels.parse(&response), Some(Channel::Response("/a#b")));
        assert_eq!(channels.parse(&own), Some(Channel::Response("/a#b")));
        assert_eq!(channels.parse(&channels.own()), Some(Channel::Own));
        assert_eq!(channels.parse("socket.io#/#"), None);
        assert_eq!(channels.room("/", "socket.io#/#"), Some(""));
        assert_eq!(channels.room("/", "socket.io#/#a#b#"), Some("a#b"));
        assert_eq!(channels.room("/", "socket.io#/chat#"), None);
        assert_eq!(channels.room("/", "socket.io#/#a"), None, "it has no end");
    }

    #[test]
    fn the_name_of_a_namespace_is_no_pattern() {
        assert_eq!(channels().pattern("/[a]*?\\"), "socket.io#/\\[a\\]\\*\\?\\\\#*");
    }
}
