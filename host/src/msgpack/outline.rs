//! What has to be known of JSON before it is written as msgpack: how many elements each container has, which msgpack says first, and which
//! objects stand for binary.

use smallvec::SmallVec;

use super::tokens::{Token, Tokens};
use crate::json::decode_string;

/// Of most messages all fit without an allocation.
type Few<T> = SmallVec<[T; 16]>;

/// A container of the text, in the order in which they open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Container {
    /// Elements, or members.
    pub(super) length: u32,
    /// Where it stands for an attachment: the number of that, where the text goes on, and which container is next there.
    pub(super) placeholder: Option<Placeholder>,
}

/// An object that stands for binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placeholder {
    pub(super) number: usize,
    pub(super) end: usize,
    pub(super) next: usize,
}

/// A container that is open.
struct Open {
    index: usize,
    is_object: bool,
    /// In an object: the next token is a key.
    expects_key: bool,
    key: Key,
    is_placeholder: bool,
    number: Option<usize>,
}

/// What the last key was, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Placeholder,
    Number,
    Other,
}

/// The containers of a text. `attachments`: how many there are; without any, no object stands for one.
pub(super) fn outline(text: &str, attachments: usize) -> Few<Container> {
    let mut containers: Few<Container> = Few::new();
    let mut open: Few<Open> = Few::new();
    let mut tokens = Tokens::new(text);
    while let Some(token) = tokens.next() {
        if let Some(inner) = open.last_mut()
            && token != Token::Close
        {
            let counts = note(inner, token);
            if let Some(container) = containers.get_mut(inner.index).filter(|_| counts) {
                container.length += 1;
            }
        }
        match token {
            Token::Open { is_object } => {
                let index = containers.len();
                containers.push(Container::default());
                open.push(Open {
                    index,
                    is_object,
                    expects_key: is_object,
                    key: Key::Other,
                    is_placeholder: false,
                    number: None,
                });
            }
            Token::Close => {
                let Some(closed) = open.pop() else { break };
                let number = closed.number.filter(|number| closed.is_placeholder && *number < attachments);
                let next = containers.len();
                if let Some(container) = containers.get_mut(closed.index) {
                    container.placeholder = number.map(|number| Placeholder { number, end: tokens.at(), next });
                }
            }
            _ => {}
        }
    }
    containers
}

/// Notes a token inside of a container. Returns whether it begins an element or a member.
fn note(inner: &mut Open, token: Token<'_>) -> bool {
    if !inner.is_object {
        return true;
    }
    if inner.expects_key {
        inner.expects_key = false;
        inner.key = match token {
            // Only a key of this length, or one with escapes, can be one of the two.
            Token::String(text) if text.len() == 5 || text.len() == 14 || text.contains('\\') => match &*decode_string(text) {
                "_placeholder" => Key::Placeholder,
                "num" => Key::Number,
                _ => Key::Other,
            },
            _ => Key::Other,
        };
        return true;
    }
    inner.expects_key = true;
    match (inner.key, token) {
        (Key::Placeholder, token) => inner.is_placeholder = token == Token::True,
        (Key::Number, Token::Number(text)) => inner.number = text.parse().ok(),
        (Key::Number, _) => inner.number = None,
        (Key::Other, _) => {}
    }
    false
}
