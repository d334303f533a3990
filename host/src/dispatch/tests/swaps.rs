//! The registry's table is replaced while a socket is there.

use std::sync::Arc;

use super::scene::{Script, emit, failed, room_scene, scene, script, succeeding};
use crate::adapter::SocketState;
use crate::dispatch::disconnect_removed;
use crate::plugin::{CallOutcome, Export};
use crate::reason::DisconnectReason;

#[tokio::test]
async fn a_plugin_that_joins_meets_a_connected_socket_before_its_next_event_and_once() {
    let mut scene = scene(vec![("a", succeeding())]);
    assert!(scene.poll().is_pending());
    scene.called();
    let (a, b): (_, Arc<str>) = (scene.name_of("a"), "b".into());
    let both = |b: &Arc<str>| vec![(a.clone(), "/", succeeding()), (b.clone(), "/", succeeding())];
    scene.replace(both(&b));
    assert!(scene.poll().is_pending());
    assert!(scene.called().is_empty(), "not before it is needed");
    scene.event("x", None);
    scene.event("y", None);
    assert!(scene.poll().is_pending());
    let events = ["a: before x", "b: before x", "a: x", "b: x", "a: before y", "b: before y", "a: y", "b: y"];
    assert_eq!(scene.called(), [&["b: resumed"][..], &events].concat());

    // Another generation of it is no newcomer; another plugin of its name is one.
    scene.replace(both(&b));
    scene.event("x", None);
    assert!(scene.poll().is_pending());
    assert_eq!(scene.called(), events[..4]);
    scene.replace(both(&"b".into()));
    scene.event("x", None);
    assert!(scene.poll().is_pending());
    assert_eq!(scene.called(), [&["b: resumed"][..], &events[..4]].concat());

    scene.disconnect(DisconnectReason::TransportClose);
    assert!(scene.poll().is_ready());
    let ends = ["disconnecting", "disconnect"].map(|what| ["a", "b"].map(|name| format!("{name}: {what} transport close")));
    assert_eq!(scene.called(), ends.concat());
}

#[tokio::test]
async fn a_plugin_that_the_socket_has_not_met_gets_no_disconnect() {
    let mut scene = scene(vec![("a", succeeding())]);
    assert!(scene.poll().is_pending());
    scene.called();
    scene.replace(vec![(scene.name_of("a"), "/", succeeding()), ("b".into(), "/", succeeding())]);
    scene.disconnect(DisconnectReason::TransportClose);
    assert!(scene.poll().is_ready());
    assert_eq!(scene.called(), ["a: disconnecting transport close", "a: disconnect transport close"]);
}

#[tokio::test]
async fn a_plugin_that_left_the_namespace_is_not_called_any_more_and_meets_the_socket_again_if_it_comes_back() {
    let mut scene = scene(vec![("a", succeeding()), ("b", succeeding())]);
    assert!(scene.poll().is_pending());
    scene.called();
    let (a, b) = (scene.name_of("a"), scene.name_of("b"));
    scene.replace(vec![(a.clone(), "/", succeeding()), (b.clone(), "/elsewhere", succeeding())]);
    scene.event("x", None);
    assert!(scene.poll().is_pending());
    assert_eq!(scene.called(), ["a: before x", "a: x"]);
    scene.replace(vec![(a, "/", succeeding()), (b, "/", succeeding())]);
    scene.event("x", None);
    assert!(scene.poll().is_pending());
    assert_eq!(scene.called()[0], "b: resumed");
}

#[tokio::test]
async fn a_failed_resumed_run_changes_nothing_for_the_event() {
    let mut scene = scene(vec![("a", succeeding())]);
    assert!(scene.poll().is_pending());
    scene.called();
    let failing = script(|call| match call.export {
        Export::Connection { .. } => Some(failed("no")),
        _ => None,
    });
    scene.replace(vec![("b".into(), "/", failing)]);
    scene.received();
    scene.event("x", Some(1));
    assert!(scene.poll().is_pending());
    assert_eq!(scene.called(), ["b: resumed", "b: before x", "b: x"]);
    assert!(scene.received().is_empty());
}

/// A plugin whose `connection` waits, and lets the first event start.
fn waiting() -> Script {
    Box::new(|call| match call.export {
        Export::Connection { .. } => {
            call.effects.release_some();
            call.progress.set_yields(true);
            Box::pin(std::future::pending())
        }
        _ => Box::pin(async { CallOutcome::Done }),
    })
}

#[tokio::test]
async fn a_plugin_that_joins_while_the_connect_chain_waits_is_met_as_well() {
    let mut scene = scene(vec![("a", waiting())]);
    assert!(scene.poll().is_pending());
    assert_eq!(scene.called(), ["a: middleware", "a: connection"]);
    scene.replace(vec![(scene.name_of("a"), "/", succeeding()), ("b".into(), "/", succeeding())]);
    scene.event("x", None);
    assert!(scene.poll().is_pending());
    assert_eq!(scene.called(), ["b: resumed", "a: before x", "b: before x", "a: x", "b: x"]);
}

#[tokio::test]
async fn the_sockets_of_a_removed_namespace_are_disconnected_by_those_who_had_served_them() {
    let mut scene = room_scene(vec![("a", succeeding())]);
    assert!(scene.poll().is_pending());
    scene.called();
    scene.received();
    let replaced = scene.replace(vec![(scene.name_of("a"), "/", succeeding())]);
    assert_eq!(replaced.gone, [Box::from("/room")]);
    assert_eq!(disconnect_removed(&scene.dispatcher, &scene.adapter).await, 1);
    assert_eq!(scene.received(), ["41/room,"]);
    assert!(scene.poll().is_ready());
    assert_eq!(scene.called(), ["a: disconnecting server namespace disconnect", "a: disconnect server namespace disconnect"]);
    assert_eq!(disconnect_removed(&scene.dispatcher, &scene.adapter).await, 0);
}

#[tokio::test]
async fn a_socket_that_connects_while_its_namespace_is_removed_is_refused() {
    const REFUSED: &str = r#"44/room,{"message":"Invalid namespace"}"#;
    let greeting = script(|call| {
        if let Export::Connection { .. } = call.export {
            emit(call, "hello");
        }
        None
    });
    let mut scene = room_scene(vec![("a", greeting)]);
    scene.replace(Vec::new());
    assert_eq!(disconnect_removed(&scene.dispatcher, &scene.adapter).await, 0, "it is not in the namespace yet");
    assert!(scene.poll().is_ready());
    assert_eq!(scene.received(), [REFUSED]);
    let ends = ["disconnecting", "disconnect"].map(|what| format!("a: {what} server namespace disconnect"));
    assert_eq!(scene.called(), [&["a: middleware".to_owned(), "a: connection".to_owned()], &ends[..]].concat());

    scene.connect_again();
    assert!(scene.poll().is_ready());
    assert_eq!((scene.received(), scene.socket.state()), (vec![REFUSED.to_owned()], SocketState::Disconnected));
    assert!(scene.called().is_empty());
}
