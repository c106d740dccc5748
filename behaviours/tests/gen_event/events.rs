//! Events, and other news.

use proscenium_behaviours::EventMessage;
use proscenium_runtime::{CallError, Context, ExitReason};

use super::common::{Event, Log, SECOND, boom, in_any_order, manager, settle};

#[test]
fn notify_waits_for_nothing_and_sync_notify_for_all_handlers() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, _scribes) = manager(&mut ctx, &log, ["a", "b"]).await;
        events.notify(Event::Slowly);
        assert_eq!(log.take(), "");
        let began = ctx.system().now();
        events.sync_notify(Event::Slowly).await.unwrap();
        assert_eq!(ctx.system().now() - began, 4 * SECOND);
        assert_eq!(log.take(), "b slowly, a slowly, b slowly, a slowly");
    });
}

#[test]
fn sync_notify_waits_for_as_long_as_it_takes_unless_told_otherwise() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, _scribes) = manager(&mut ctx, &log, ["a", "b", "c", "d", "e", "f"]).await;
        assert_eq!(events.sync_notify(Event::Slowly).await, Ok(()));
        let late = events.sync_notify(Event::Slowly).timeout(SECOND).await;
        assert!(matches!(late, Err(CallError::Timeout { .. })), "{late:?}");
    });
}

#[test]
fn the_events_of_one_process_come_in_order() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, _scribes) = manager(&mut ctx, &log, ["a", "b"]).await;
        for text in ["one", "two"] {
            events.notify(Event::Say(text));
        }
        events.sync_notify(Event::Say("three")).await.unwrap();
        assert_eq!(log.take(), "b one, a one, b two, a two, b three, a three");
    });
}

#[test]
fn an_event_to_a_manager_that_is_not_there_is_a_dead_letter() {
    in_any_order(|ctx| async move {
        let events = super::common::Events::named(ctx.system(), "nobody");
        events.notify(Event::Say("never"));
        assert_eq!(ctx.system().dead_letter_count(), 1);
        assert!(events.sync_notify(Event::Say("never")).await.unwrap_err().is_no_process());
    });
}

#[test]
fn every_handler_hears_of_other_processes_ends() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, _scribes) = manager(&mut ctx, &log, ["a", "b"]).await;
        let pid = events.pid().unwrap();
        let linked = ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.link(pid);
            ctx.receive_message().await;
            Err::<(), _>(boom())
        });
        settle(&ctx).await;
        linked.cast(());
        settle(&ctx).await;
        assert_eq!(log.take(), "b exit boom, a exit boom");
        let other = ctx.spawn(move |ctx: Context<()>| async move { ctx.exit(pid, ExitReason::Normal) });
        other.exited().await;
        settle(&ctx).await;
        assert_eq!(log.take(), "b exit normal, a exit normal");
    });
}

#[test]
fn a_timer_can_tell_an_event() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, _scribes) = manager(&mut ctx, &log, ["a"]).await;
        ctx.send_after_to(SECOND, events.address(), EventMessage::notify(Event::Say("tick")));
        ctx.sleep(2 * SECOND).await;
        assert_eq!(log.take(), "a tick");
    });
}
