//! The rules of dispatch.

mod scene;
mod swaps;

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use self::scene::{Scene, Script, about, ack, emit, failed, overtakable_scene, scene, script, sleeping, succeeding};
use crate::adapter::SocketState;
use crate::budget::Budget;
use crate::effect::{Overlay, Write};
use crate::plugin::{CallOutcome, Export, Failure, FailureKind};
use crate::reason::DisconnectReason;

#[tokio::test]
async fn what_is_written_before_the_socket_is_admitted_arrives_behind_connect() {
    let writing = |name: &'static str| {
        script(move |call| {
            match call.export {
                Export::ConnectMiddleware => emit(call, &format!("{name} middleware")),
                Export::Connection { .. } => emit(call, &format!("{name} connection")),
                _ => {}
            }
            None
        })
    };
    let mut scene = scene(vec![("a", writing("a")), ("b", writing("b"))]);
    assert!(scene.received().is_empty() && scene.socket.state() == SocketState::Pending);
    assert!(scene.poll().is_pending());
    let received = scene.received();
    assert_eq!(received.len(), 5);
    assert!(received[0].starts_with("40{\"sid\":"), "{received:?}");
    assert_eq!(
        received[1..],
        ["a middleware", "b middleware", "a connection", "b connection"].map(|name| format!("42[\"{name}\"]"))
    );
}

#[tokio::test]
async fn a_call_that_waits_admits_the_socket() {
    let waiting: Script = Box::new(|call| match call.export {
        Export::Connection { .. } => {
            call.effects.release_some();
            Box::pin(std::future::pending())
        }
        _ => Box::pin(async { CallOutcome::Done }),
    });
    let mut scene = scene(vec![("a", waiting), ("b", succeeding())]);
    assert!(scene.poll().is_pending());
    assert_eq!(scene.socket.state(), SocketState::Connected);
    assert_eq!(scene.called(), ["a: middleware", "b: middleware", "a: connection"]);
}

/// More writes than are applied at once.
const MANY: usize = 2_500;

/// A plugin whose `connection` emits that many events.
fn emitting_many() -> Script {
    script(|call| {
        if let Export::Connection { .. } = call.export {
            (0..MANY).for_each(|number| emit(call, &number.to_string()));
        }
        None
    })
}

fn are_many(received: &[String]) -> bool {
    received.iter().skip(1).eq((0..MANY).map(|number| format!("42[\"{number}\"]")).collect::<Vec<_>>().iter())
}

#[tokio::test]
async fn very_many_writes_of_connection_calls_are_applied_in_parts() {
    let mut scene = scene(vec![("a", emitting_many())]);
    assert!(scene.poll().is_pending());
    let mut received = scene.received();
    assert!(received.len() > 1 && received.len() < MANY && scene.socket.state() == SocketState::Connected);
    while received.len() <= MANY {
        tokio::task::yield_now().await;
        assert!(scene.poll().is_pending());
        received.append(&mut scene.received());
    }
    assert!(are_many(&received), "{received:?}");
}

#[tokio::test]
async fn writes_of_connection_calls_take_effect_whole_where_the_connection_ends_in_between() {
    let mut scene = scene(vec![("a", emitting_many())]);
    assert!(scene.poll().is_pending());
    let received = scene.end();
    assert!(are_many(&received), "{received:?}");
}

#[tokio::test]
async fn writes_that_are_held_back_count_in_their_plugins_budget_until_the_socket_is_admitted() {
    let budget = Budget::new(100);
    let holding = |budget: &Arc<Budget>| {
        let budget = budget.clone();
        script(move |call| {
            if let Export::ConnectMiddleware | Export::Connection { .. } = call.export {
                call.effects.hold(budget.hold(50).unwrap());
            }
            None
        })
    };
    let mut admitted = scene(vec![("a", holding(&budget))]);
    assert!(admitted.poll().is_pending());
    assert_eq!((admitted.socket.state(), budget.used()), (SocketState::Connected, 0));

    let stuck: Script = Box::new(|call| match call.export {
        Export::Connection { .. } => Box::pin(std::future::pending()),
        _ => Box::pin(async { CallOutcome::Done }),
    });
    let mut pending = scene(vec![("a", holding(&budget)), ("b", stuck)]);
    assert!(pending.poll().is_pending());
    assert_eq!((pending.socket.state(), budget.used()), (SocketState::Pending, 100));
    pending.end();
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn a_refused_socket_leaves_no_trace() {
    let refusing = script(|call| {
        let refused = Failure { code: String::new(), message: "No token".into(), data: Some("[1]".into()) };
        matches!(call.export, Export::ConnectMiddleware).then_some(CallOutcome::Rejected(refused))
    });
    let mut scene = scene(vec![("a", refusing), ("b", succeeding())]);
    assert!(scene.poll().is_ready());
    assert_eq!(scene.received(), [r#"44{"message":"No token","data":[1]}"#]);
    assert_eq!(scene.called(), ["a: middleware"]);
}

#[tokio::test]
async fn middleware_that_says_it_failed_refuses_with_its_message() {
    let failing = script(|call| matches!(call.export, Export::ConnectMiddleware).then(|| failed("no users today")));
    let mut scene = scene(vec![("a", failing), ("b", succeeding())]);
    assert!(scene.poll().is_ready());
    assert_eq!(scene.received(), [r#"44{"message":"no users today","data":{"pot":1,"code":"no"}}"#]);
    assert_eq!(scene.called(), ["a: middleware"]);
}

#[tokio::test]
async fn no_further_middleware_is_called_once_the_client_has_gone() {
    let leaving = script(|call| {
        if let Export::ConnectMiddleware = call.export {
            let socket = about(call);
            socket.namespace().lock().disconnect(&socket, DisconnectReason::TransportClose, None);
        }
        None
    });
    let mut scene = scene(vec![("a", leaving), ("b", succeeding())]);
    assert!(scene.poll().is_ready());
    assert_eq!(scene.called(), ["a: middleware"]);
    assert!(scene.received().is_empty());
}

#[tokio::test]
async fn disconnect_is_called_for_the_plugins_that_the_chain_reached() {
    // The client disconnects while the first `connection` runs: the second plugin is not called for this socket.
    let leaving = script(|call| {
        if let Export::Connection { .. } = call.export {
            let socket = about(call);
            socket.namespace().lock().disconnect(&socket, DisconnectReason::TransportClose, None);
        }
        None
    });
    let mut scene = scene(vec![("a", leaving), ("b", succeeding())]);
    assert!(scene.poll().is_ready());
    let expected =
        ["a: middleware", "b: middleware", "a: connection", "a: disconnecting transport close", "a: disconnect transport close"];
    assert_eq!(scene.called(), expected);
    assert!(scene.received().is_empty());
}

#[tokio::test]
async fn one_failure_has_one_answer_after_the_last_handler() {
    let failing = script(|call| matches!(call.export, Export::Event(_)).then(|| failed("no")));
    let emitting = script(|call| {
        if let Export::Event(_) = call.export {
            emit(call, "third");
        }
        None
    });
    let mut scene = scene(vec![("a", succeeding()), ("b", failing), ("c", emitting)]);
    let _ = scene.poll();
    scene.received();
    scene.event("x", Some(7));
    scene.event("x", None);
    let _ = scene.poll();
    let expected = [
        r#"42["third"]"#,
        r#"437[{"code":"TEA","error":"no","pot":1,"success":false}]"#,
        r#"42["third"]"#,
        r#"42["error",{"code":"TEA","message":"no","pot":1}]"#,
    ];
    assert_eq!(scene.received(), expected);
}

#[tokio::test]
async fn a_failure_behind_an_answer_is_not_answered() {
    let failing = script(|call| matches!(call.export, Export::Event(_)).then(|| failed("no")));
    let answering = script(|call| {
        ack(call);
        None
    });
    let mut scene = scene(vec![("a", failing), ("b", answering)]);
    let _ = scene.poll();
    scene.received();
    scene.event("x", Some(1));
    let _ = scene.poll();
    assert_eq!(scene.received(), ["431[1]"]);
}

#[tokio::test]
async fn event_middleware_rewrites_and_rejects() {
    let renaming = script(|call| match &call.export {
        Export::EventMiddleware(event) if event.name == "old" => {
            Some(CallOutcome::Rewritten { name: "new".into(), payload: event.payload.clone() })
        }
        Export::EventMiddleware(event) if event.name == "bad" => Some(CallOutcome::Rejected(Failure::new("NO", "not here"))),
        _ => None,
    });
    let mut scene = scene(vec![("a", renaming), ("b", succeeding())]);
    let _ = scene.poll();
    scene.called();
    scene.received();
    scene.event("old", None);
    scene.event("bad", Some(2));
    let _ = scene.poll();
    assert_eq!(scene.called(), ["a: before old", "b: before new", "a: new", "b: new", "a: before bad"]);
    assert_eq!(scene.received(), [r#"432[{"code":"NO","error":"not here","success":false}]"#]);
}

#[tokio::test]
async fn jobs_start_while_all_open_ones_wait_for_clients_up_to_the_bound() {
    let asking: Script = Box::new(|call| match call.export {
        Export::Event(_) => {
            call.progress.set_yields(true);
            Box::pin(std::future::pending())
        }
        _ => Box::pin(async { CallOutcome::Done }),
    });
    let mut scene = scene(vec![("a", asking)]);
    let _ = scene.poll();
    scene.called();
    for _ in 0..20 {
        scene.event("ask", None);
    }
    let _ = scene.poll();
    assert_eq!(scene.called().iter().filter(|call| *call == "a: ask").count(), 16);
}

#[tokio::test]
async fn open_calls_per_socket_is_counted_once_for_each_time_that_jobs_begin_to_wait_for_it() {
    let answers: Arc<AtomicUsize> = Arc::default();
    let of_client = answers.clone();
    let asking: Script = Box::new(move |call| match call.export {
        Export::Event(_) => {
            call.progress.set_yields(true);
            let (answers, before) = (of_client.clone(), of_client.load(Relaxed));
            Box::pin(poll_fn(move |_| match answers.load(Relaxed) > before {
                true => Poll::Ready(CallOutcome::Done),
                false => Poll::Pending,
            }))
        }
        _ => Box::pin(async { CallOutcome::Done }),
    });
    let mut scene = scene(vec![("a", asking)]);
    let _ = scene.poll();
    let hits = |scene: &Scene| scene.dispatcher.limit_hits.counted().get("open_calls_per_socket").copied().unwrap_or_default();
    for round in 1..=2 {
        for _ in 0..17 {
            scene.event("ask", None);
        }
        for _ in 0..5 {
            let _ = scene.poll();
        }
        assert_eq!(hits(&scene), round, "however often the queue is looked at");
        answers.fetch_add(1, Relaxed);
        let _ = scene.poll();
        // The one that waited is open now, and alone.
        assert_eq!(hits(&scene), round);
        answers.fetch_add(1, Relaxed);
        let _ = scene.poll();
    }
}

#[tokio::test]
async fn an_overtakable_handler_that_waits_lets_the_next_event_start_if_it_is_the_last_of_its_chain() {
    let event = |export: &Export| matches!(export, Export::Event(_));
    let mut last = overtakable_scene(vec![("a", succeeding()), ("b", sleeping(event))]);
    let _ = last.poll();
    last.called();
    for _ in 0..20 {
        last.event("x", None);
    }
    let _ = last.poll();
    assert_eq!(last.called().iter().filter(|call| *call == "b: x").count(), 16, "at most open_calls_per_socket at once");

    let mut first = overtakable_scene(vec![("a", sleeping(event)), ("b", succeeding())]);
    let _ = first.poll();
    first.called();
    first.event("one", None);
    first.event("two", None);
    let _ = first.poll();
    assert_eq!(first.called(), ["a: before one", "b: before one", "a: one"], "the other plugin still has the event");
}

#[tokio::test]
async fn an_overtakable_connection_that_waits_lets_the_first_event_start() {
    let connection = |export: &Export| matches!(export, Export::Connection { .. });
    for (mut scene, starts) in
        [(overtakable_scene(vec![("a", sleeping(connection))]), true), (scene(vec![("a", sleeping(connection))]), false)]
    {
        let _ = scene.poll();
        scene.event("x", None);
        let _ = scene.poll();
        assert_eq!(scene.called().contains(&"a: x".to_owned()), starts);
    }
}

#[tokio::test]
async fn middleware_is_never_overtaken() {
    let middleware = |export: &Export| matches!(export, Export::EventMiddleware(_));
    let mut scene = overtakable_scene(vec![("a", sleeping(middleware))]);
    let _ = scene.poll();
    scene.called();
    scene.event("one", None);
    scene.event("two", None);
    let _ = scene.poll();
    assert_eq!(scene.called(), ["a: before one"]);
}

#[tokio::test]
async fn an_event_waits_for_the_one_before() {
    let stuck: Script = Box::new(|call| match call.export {
        Export::Event(_) => Box::pin(std::future::pending()),
        _ => Box::pin(async { CallOutcome::Done }),
    });
    let mut scene = scene(vec![("a", stuck)]);
    let _ = scene.poll();
    scene.called();
    scene.event("one", None);
    scene.event("two", None);
    let _ = scene.poll();
    assert_eq!(scene.called(), ["a: before one", "a: one"]);
}

#[tokio::test]
async fn events_received_before_a_disconnect_still_run_unless_the_server_ended_it() {
    for (reason, runs) in [(DisconnectReason::TransportClose, true), (DisconnectReason::ServerNamespaceDisconnect, false)] {
        let mut scene = scene(vec![("a", succeeding())]);
        let _ = scene.poll();
        scene.called();
        scene.event("late", None);
        scene.disconnect(reason);
        assert!(scene.poll().is_ready());
        let called = scene.called();
        assert_eq!(called.contains(&"a: late".to_owned()), runs, "{reason:?}: {called:?}");
        assert_eq!(called.last(), Some(&format!("a: disconnect {}", reason.as_str())));
    }
}

#[tokio::test]
async fn rooms_are_readable_in_disconnecting_and_none_in_disconnect() {
    let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
    let list = seen.clone();
    let reading = script(move |call| {
        if let Export::Disconnecting(_) | Export::Disconnect(_) = &call.export {
            let recorded = [];
            let overlay = Overlay { effects: &*call.effects, recorded: &recorded, rooms_per_socket_max: 1000 };
            list.lock().unwrap().push(overlay.rooms(&about(call)).len());
        }
        None
    });
    let mut scene = scene(vec![("a", reading)]);
    let _ = scene.poll();
    scene.dispatcher.effects.apply(&mut vec![Write::Join { socket: scene.socket.clone(), rooms: vec!["lobby".into()] }]);
    scene.disconnect(DisconnectReason::ClientNamespaceDisconnect);
    assert!(scene.poll().is_ready());
    assert_eq!(*seen.lock().unwrap(), [2, 0]);
}

#[tokio::test]
async fn a_silent_failure_is_answered_by_nothing() {
    let failing = |code: &'static str| {
        script(move |call| match &call.export {
            Export::EventMiddleware(event) if event.name == "dropped" => Some(CallOutcome::Rejected(Failure::new(code, "no"))),
            Export::Event(_) => Some(CallOutcome::Failed { failure: Failure::new(code, "no"), kind: FailureKind::Reported }),
            _ => None,
        })
    };
    let mut scene = scene(vec![("a", failing("silent")), ("b", failing("TEA"))]);
    let _ = scene.poll();
    scene.received();
    scene.called();
    scene.event("dropped", Some(1));
    scene.event("dropped", None);
    let _ = scene.poll();
    assert_eq!(scene.called(), ["a: before dropped", "a: before dropped"]);
    assert!(scene.received().is_empty());
    // A failure of another handler is answered all the same.
    scene.event("x", Some(2));
    let _ = scene.poll();
    assert_eq!(scene.received(), [r#"432[{"code":"TEA","error":"no","success":false}]"#]);
}

#[tokio::test]
async fn each_call_has_the_index_of_its_registration() {
    let seen: Arc<Mutex<Vec<Option<u32>>>> = Arc::default();
    let list = seen.clone();
    let mut scene = scene(vec![(
        "a",
        script(move |call| {
            list.lock().unwrap().push(call.registration);
            None
        }),
    )]);
    let _ = scene.poll();
    scene.event("x", None);
    scene.disconnect(DisconnectReason::TransportClose);
    let _ = scene.poll();
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 6 && seen.iter().all(|index| *index == Some(1)), "{seen:?}");
}
