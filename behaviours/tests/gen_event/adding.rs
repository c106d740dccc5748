//! Managers start and stop; handlers come and go.

use proscenium_behaviours::{EventManager, HandlerError};
use proscenium_runtime::{CallError, Event as News, ExitReason, RegisterError, Registry, StartError};

use super::common::{Event, Events, Flaw, Log, SECOND, Scribe, boom, in_any_order, manager, panicked, settle};

#[test]
fn a_manager_starts_under_a_name_or_a_key_that_is_free_again_when_it_has_stopped() {
    in_any_order(|mut ctx| async move {
        for _ in 0..2 {
            let events: Events = EventManager::start().name("events").link(&mut ctx).await.unwrap();
            let taken = EventManager::<Event>::start().name("events").spawn(ctx.system()).await;
            let Err(StartError::Name(RegisterError::Taken { owner, .. })) = taken else { panic!("{taken:?}") };
            assert_eq!(Some(owner), events.pid());
            assert_eq!(Events::named(ctx.system(), "events").which_handlers().await, Ok(vec![]));
            ctx.exit(&events, ExitReason::Shutdown);
            assert_eq!(events.address().exited().await, ExitReason::Shutdown);
            assert_eq!(ctx.system().whereis("events"), None);
        }
        let registry = Registry::unique(ctx.system());
        let start = || EventManager::<Event>::start().via(&registry, "key", ()).init_timeout(SECOND);
        let events = start().spawn(ctx.system()).await.unwrap();
        assert!(start().spawn(ctx.system()).await.is_err());
        assert_eq!(Events::from(registry.via("key")).pid(), events.pid());
    });
}

#[test]
fn a_manager_traps_exits_and_ends_with_its_parent_whatever_its_reason() {
    in_any_order(|mut ctx| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, boom()] {
            let log = Log::default();
            let (scribe, end) = (log.scribe("a"), reason.clone());
            let parent = ctx.spawn(move |mut ctx: proscenium_runtime::Context<()>| async move {
                let events: Events = EventManager::start().name("events").link(&mut ctx).await?;
                events.add(scribe).await?;
                ctx.receive_message().await;
                Err::<(), _>(end)
            });
            settle(&ctx).await;
            let events = ctx.system().lookup::<proscenium_behaviours::EventMessage<Event>>("events").unwrap();
            ctx.exit(&events, boom());
            settle(&ctx).await;
            parent.cast(());
            assert_eq!(events.exited().await, reason);
            assert_eq!(log.take(), "a begins, a exit boom, a ends: stopped");
        }
    });
}

#[test]
fn handlers_hear_and_are_listed_newest_first_and_one_type_may_be_there_twice() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a, b, c]) = manager(&mut ctx, &log, ["a", "b", "c"]).await;
        assert_eq!(events.which_handlers().await, Ok(vec![c.id(), b.id(), a.id()]));
        events.sync_notify(Event::Say("hello")).await.unwrap();
        assert_eq!(log.take(), "c hello, b hello, a hello");
        let found = events.handlers::<Scribe>().await.unwrap();
        assert_eq!(found.iter().map(|scribe| scribe.id()).collect::<Vec<_>>(), [c.id(), b.id(), a.id()]);
        assert!(a.id().to_string().ends_with("Scribe #1"), "{}", a.id());
    });
}

#[test]
fn a_handler_whose_init_fails_is_not_added_and_who_adds_it_hears_why() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, []) = manager(&mut ctx, &log, []).await;
        let failed = events.add(log.scribe("a").with(Flaw::InitFails)).await;
        assert!(matches!(failed, Err(HandlerError::Init { reason, .. }) if reason == boom()));
        let Err(HandlerError::Init { reason, .. }) = events.add(log.scribe("b").with(Flaw::InitPanics)).await else {
            panic!()
        };
        assert_eq!(panicked(&reason), "no luck");
        assert_eq!(events.which_handlers().await, Ok(vec![]));
        assert_eq!(log.take(), "a begins, b begins");
    });
}

#[test]
fn a_handler_that_is_deleted_terminates_and_comes_back_with_its_state() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a, b]) = manager(&mut ctx, &log, ["a", "b"]).await;
        events.notify(Event::Say("once"));
        let scribe = a.delete().await.unwrap();
        assert_eq!((scribe.name, scribe.heard), ("a", 1));
        assert_eq!(log.take(), "b once, a once, a ends: deleted");
        assert_eq!(events.which_handlers().await, Ok(vec![b.id()]));
        assert_eq!(a.delete().await.err(), Some(HandlerError::NotFound { handler: a.id() }));
        // It may begin again, as another.
        let again = events.add(scribe).await.unwrap();
        assert_ne!(again.id(), a.id());
    });
}

#[test]
fn a_handler_that_panics_as_it_is_deleted_is_gone_and_harms_nobody() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        let bad = events.add(log.scribe("bad").with(Flaw::TerminatePanics)).await.unwrap();
        let Err(HandlerError::Failed { handler, reason }) = bad.delete().await else { panic!() };
        assert_eq!((handler, panicked(&reason)), (bad.id(), "to the last"));
        assert_eq!(events.which_handlers().await, Ok(vec![a.id()]));
    });
}

#[test]
fn a_manager_that_stops_terminates_its_handlers_newest_first() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, _scribes) = manager(&mut ctx, &log, ["a", "b"]).await;
        events.add(log.scribe("bad").with(Flaw::TerminatePanics)).await.unwrap();
        log.take();
        ctx.exit(&events, ExitReason::Shutdown);
        let News::Exit(exit) = ctx.receive().await else { panic!() };
        assert_eq!((Some(exit.pid), exit.reason), (events.pid(), ExitReason::Shutdown));
        assert_eq!(log.take(), "bad ends: stopped, b ends: stopped, a ends: stopped");
    });
}

#[test]
fn what_waits_in_a_manager_that_stops_is_a_dead_letter_or_its_caller_hears_why() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        events.notify(Event::Slowly);
        settle(&ctx).await;
        ctx.exit(&events, ExitReason::Shutdown);
        events.notify(Event::Say("never"));
        let (added, asked) = futures_lite::future::zip(
            events.add(log.scribe("b")),
            a.call(super::common::Request::Heard).without_timeout(),
        )
        .await;
        for error in [added.err(), asked.err()] {
            let Some(HandlerError::Call(CallError::Down { reason, .. })) = error else { panic!("{error:?}") };
            assert_eq!(reason, ExitReason::Shutdown);
        }
        assert_eq!(ctx.system().dead_letter_count(), 3);
        events.notify(Event::Say("never"));
        assert_eq!(ctx.system().dead_letter_count(), 4);
        assert_eq!(log.take(), "a slowly, a ends: stopped");
    });
}
