//! Handlers that give their place to others.

use proscenium_behaviours::{HandlerError, Removal};
use proscenium_runtime::Context;

use super::common::{
    Deed, Event, Flaw, Log, Request, Scribe, Word, boom, in_any_order, manager, panicked, settle, word,
};

#[test]
fn the_other_is_made_of_what_the_one_leaves_and_is_the_newest() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a, b]) = manager(&mut ctx, &log, ["a", "b"]).await;
        events.notify(Event::Say("once"));
        let scribe = log.scribe("c");
        let c = a.swap(|old| scribe.heard(old.unwrap().heard + 10)).await.unwrap();
        assert_eq!(c.call(Request::Heard).await, Ok(11));
        assert_eq!(events.which_handlers().await, Ok(vec![c.id(), b.id()]));
        assert_eq!(log.take(), "b once, a once, a ends: swapped, c begins");
    });
}

#[test]
fn the_other_is_added_though_the_one_is_not_there_or_panics() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        drop(a.delete().await.unwrap());
        let scribe = log.scribe("b");
        let make = |old: Option<Scribe>| {
            assert!(old.is_none());
            scribe
        };
        let b = a.swap(make).await.unwrap();
        let bad = events.add(log.scribe("bad").with(Flaw::TerminatePanics)).await.unwrap();
        let scribe = log.scribe("c");
        let c = bad.swap(|old| if old.is_none() { scribe } else { unreachable!() }).await.unwrap();
        assert_eq!(events.which_handlers().await, Ok(vec![c.id(), b.id()]));
    });
}

#[test]
fn if_the_other_does_not_begin_neither_is_there() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a, b]) = manager(&mut ctx, &log, ["a", "b"]).await;
        let bad = log.scribe("bad").with(Flaw::InitFails);
        let failed = a.swap(|_| bad).await;
        assert!(matches!(failed, Err(HandlerError::Init { reason, .. }) if reason == boom()));
        let failed = b.swap(|_| -> Scribe { panic!("no luck") }).await;
        let Err(HandlerError::Init { reason, .. }) = failed else { panic!() };
        assert_eq!(panicked(&reason), "no luck");
        assert_eq!(events.which_handlers().await, Ok(vec![]));
    });
}

#[test]
fn a_handler_that_an_event_makes_swap_keeps_its_place_and_its_successor_begins_with_the_next_event() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, _scribes) = manager(&mut ctx, &log, ["a", "b", "c"]).await;
        events.notify(Event::Tell("b", Deed::SwapWith("d")));
        events.sync_notify(Event::Say("next")).await.unwrap();
        assert_eq!(log.take(), "c hears, b ends: swapped, d begins, a hears, c next, d next, a next");
    });
}

#[test]
fn an_owner_is_told_of_the_exchange_and_owns_the_other_too() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, []) = manager(&mut ctx, &log, []).await;
        let a = events.add_supervised(&mut ctx, log.scribe("a"), Word::Gone).await.unwrap();
        let scribe = log.scribe("b");
        let b = a.swap(|_| scribe).await.unwrap();
        assert_eq!(word(&mut ctx).await, (a.id(), Removal::Swapped { to: b.id() }));
        events.notify(Event::Tell("b", Deed::SwapWith("c")));
        let (id, Removal::Swapped { to: c }) = word(&mut ctx).await else { panic!() };
        assert_eq!(id, b.id());
        events.notify(Event::Tell("c", Deed::Finish));
        assert_eq!(word(&mut ctx).await, (c, Removal::Finished));
    });
}

#[test]
fn who_swaps_supervised_is_the_owner_from_then_on() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, []) = manager(&mut ctx, &log, []).await;
        let a = events.add_supervised(&mut ctx, log.scribe("a"), Word::Gone).await.unwrap();
        let (old, scribe) = (a.clone(), log.scribe("b"));
        let other = ctx.spawn(move |mut ctx: Context<Word>| async move {
            let b = old.swap_supervised(&mut ctx, |_| scribe, Word::Gone).await.unwrap();
            assert_eq!(word(&mut ctx).await, (b.id(), Removal::Finished));
        });
        assert!(matches!(word(&mut ctx).await, (id, Removal::Swapped { .. }) if id == a.id()));
        settle(&ctx).await;
        events.notify(Event::Tell("b", Deed::Finish));
        assert_eq!(other.exited().await, proscenium_runtime::ExitReason::Normal);
        assert_eq!(ctx.try_receive_matching(|_| true), None, "it owns nothing any more");
    });
}

#[test]
fn an_owner_hears_that_the_other_does_not_begin() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        let bad = log.scribe("bad").with(Flaw::InitFails);
        let failed = a.swap_supervised(&mut ctx, |_| bad, Word::Gone).await;
        let Err(HandlerError::Init { handler, .. }) = failed else { panic!() };
        assert_eq!(word(&mut ctx).await, (handler, Removal::Failed(boom())));
        let b = events.add_supervised(&mut ctx, log.scribe("b"), Word::Gone).await.unwrap();
        events.notify(Event::Tell("b", Deed::SwapWithBad));
        let (id, Removal::Swapped { to }) = word(&mut ctx).await else { panic!() };
        assert_eq!(id, b.id());
        assert_eq!(word(&mut ctx).await, (to, Removal::Failed(boom())));
    });
}
