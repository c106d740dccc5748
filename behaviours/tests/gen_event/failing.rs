//! Handlers that fail, alone.

use proscenium_runtime::Report;

use super::common::{Deed, Event, Flaw, Log, in_any_order, manager, settle};

#[test]
fn a_handler_that_fails_of_an_event_is_removed_and_the_others_hear_it() {
    in_any_order(|mut ctx| async move {
        for (deed, end) in [(Deed::Panic, "panic: b as told"), (Deed::Fail, "failed boom"), (Deed::Finish, "finished")]
        {
            let log = Log::default();
            let (events, [a, _, c]) = manager(&mut ctx, &log, ["a", "b", "c"]).await;
            events.sync_notify(Event::Tell("b", deed)).await.unwrap();
            assert_eq!(log.take(), format!("c hears, b ends: {end}, a hears"));
            assert_eq!(events.which_handlers().await, Ok(vec![c.id(), a.id()]));
            ctx.exit(&events, proscenium_runtime::ExitReason::Shutdown);
            events.address().exited().await;
        }
    });
}

#[test]
fn a_failure_is_reported_with_manager_handler_and_reason_and_a_removal_in_peace_is_not() {
    in_any_order(|mut ctx| async move {
        let reports = ctx.system().reports();
        let log = Log::default();
        let (events, [a, b, c]) = manager(&mut ctx, &log, ["a", "b", "c"]).await;
        events.sync_notify(Event::Tell("a", Deed::Fail)).await.unwrap();
        events.sync_notify(Event::Tell("b", Deed::Finish)).await.unwrap();
        drop(c.delete().await.unwrap());
        let Ok(Report::EventHandler(report)) = reports.try_recv() else { panic!() };
        assert_eq!((Some(report.manager), report.name.as_deref()), (events.pid(), Some("events")));
        assert_eq!((&report.handler, report.reason.to_string()), (&a.id().to_string(), "boom".to_owned()));
        assert!(reports.try_recv().is_err(), "{} has gone in peace", b.id());
    });
}

#[test]
fn a_handler_that_panics_in_terminate_or_in_its_drop_harms_nobody() {
    in_any_order(|mut ctx| async move {
        for flaw in [Flaw::TerminatePanics, Flaw::DropPanics] {
            let log = Log::default();
            let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
            for deed in [Deed::Panic, Deed::Fail, Deed::Finish] {
                events.add(log.scribe("bad").with(flaw)).await.unwrap();
                events.sync_notify(Event::Tell("bad", deed)).await.unwrap();
                assert_eq!(events.which_handlers().await, Ok(vec![a.id()]));
            }
            events.add(log.scribe("bad").with(flaw)).await.unwrap();
            ctx.exit(&events, proscenium_runtime::ExitReason::Shutdown);
            assert_eq!(events.address().exited().await, proscenium_runtime::ExitReason::Shutdown);
        }
    });
}

#[test]
fn a_handler_that_its_caller_no_longer_wants_may_panic_in_its_drop() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        let bad = events.add(log.scribe("bad").with(Flaw::DropPanics)).await.unwrap();
        events.notify(Event::Slowly);
        settle(&ctx).await;
        assert!(ctx.sleep(super::common::SECOND).limit(bad.delete()).await.is_none());
        assert_eq!(events.which_handlers().await, Ok(vec![a.id()]));
    });
}
