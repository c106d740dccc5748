//! Managers seen from outside, by `Sys`.

use proscenium_runtime::ExitReason;

use super::common::{Event, Log, Request, SECOND, in_any_order, manager, settle};

#[test]
fn a_suspended_manager_keeps_events_and_lets_its_handlers_be_seen_and_replaced() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a, _b]) = manager(&mut ctx, &log, ["a", "b"]).await;
        events.sys().suspend().await.unwrap();
        events.notify(Event::Say("hello"));
        assert_eq!(a.inspect(|scribe| scribe.heard).await, Ok(0));
        a.replace(|scribe| scribe.log.scribe("c").heard(40)).await.unwrap();
        assert!(a.call(Request::Heard).timeout(SECOND).await.is_err(), "it answers nothing else");
        settle(&ctx).await;
        assert_eq!(log.take(), "");
        events.sys().resume().await.unwrap();
        assert_eq!(a.call(Request::Heard).await, Ok(41));
        assert_eq!(log.take(), "b hello, c hello");
    });
}

#[test]
fn the_status_of_a_manager_lists_its_handlers_and_shows_nothing_of_them() {
    in_any_order(|mut ctx| async move {
        let (events, [a, b]) = manager(&mut ctx, &Log::default(), ["secret", "private"]).await;
        let status = events.sys().get_status().await.unwrap();
        assert_eq!(status.behaviour, "gen_event");
        assert_eq!(&*status.state, format!("[HandlerId({}), HandlerId({})]", b.id(), a.id()));
    });
}

#[test]
fn a_manager_that_is_stopped_from_outside_ends_its_handlers_first() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, _scribes) = manager(&mut ctx, &log, ["a", "b"]).await;
        events.sys().stop(ExitReason::Shutdown).await.unwrap();
        assert_eq!(log.take(), "b ends: stopped, a ends: stopped");
        assert_eq!(ctx.system().whereis("events"), None);
    });
}

#[test]
fn what_a_manager_is_told_can_be_followed() {
    in_any_order(|mut ctx| async move {
        let (events, [a]) = manager(&mut ctx, &Log::default(), ["a"]).await;
        let trace = events.sys().trace().await.unwrap();
        events.notify(Event::Say("hello"));
        a.call(Request::Heard).await.unwrap();
        let seen: Vec<_> = std::iter::from_fn(|| trace.try_recv().ok()).map(|event| event.text.to_string()).collect();
        assert!(seen.iter().any(|text| text.contains("Notify")), "{seen:?}");
        assert!(seen.iter().any(|text| text.contains("Call")), "{seen:?}");
    });
}
