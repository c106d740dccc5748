//! Handlers with an owner: each hears of the other's end.

use proscenium_behaviours::{HandlerError, Removal};
use proscenium_runtime::{Context, Event as News, ExitReason};

use super::common::{Deed, Event, Events, Flaw, Log, Request, Word, boom, in_any_order, manager, settle, word};

#[test]
fn the_owner_of_a_handler_hears_why_it_is_removed() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [_]) = manager(&mut ctx, &log, ["a"]).await;
        let deeds = [(Deed::Finish, Removal::Finished), (Deed::Fail, Removal::Failed(boom()))];
        for (deed, why) in deeds {
            let b = events.add_supervised(&mut ctx, log.scribe("b"), Word::Gone).await.unwrap();
            events.notify(Event::Tell("b", deed));
            assert_eq!(word(&mut ctx).await, (b.id(), why.clone()));
            let b = events.add_supervised(&mut ctx, log.scribe("b"), Word::Gone).await.unwrap();
            let _ = b.call(|reply| Request::DoAfter(deed, reply)).await;
            assert_eq!(word(&mut ctx).await, (b.id(), why));
        }
        let b = events.add_supervised(&mut ctx, log.scribe("b"), Word::Gone).await.unwrap();
        events.notify(Event::Tell("b", Deed::Panic));
        assert!(matches!(word(&mut ctx).await, (id, Removal::Failed(ExitReason::Panic(_))) if id == b.id()));
        let b = events.add_supervised(&mut ctx, log.scribe("b"), Word::Gone).await.unwrap();
        drop(b.delete().await.unwrap());
        assert_eq!(word(&mut ctx).await, (b.id(), Removal::Deleted));
    });
}

#[test]
fn the_owner_hears_that_the_manager_stops_and_gets_no_exit_of_it_unless_it_is_the_parent() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [_]) = manager(&mut ctx, &log, ["a"]).await;
        let b = events.add_supervised(&mut ctx, log.scribe("b"), Word::Gone).await.unwrap();
        let (scribe, other) = (log.scribe("c"), events.clone());
        let owner = ctx.spawn(move |mut ctx: Context<Word>| async move {
            let c = other.add_supervised(&mut ctx, scribe, Word::Gone).await.unwrap();
            assert_eq!(word(&mut ctx).await, (c.id(), Removal::Stopped));
            ctx.receive().await;
        });
        settle(&ctx).await;
        ctx.exit(&events, boom());
        assert_eq!(word(&mut ctx).await, (b.id(), Removal::Stopped));
        let News::Exit(exit) = ctx.receive().await else { panic!() };
        assert_eq!((Some(exit.pid), exit.reason), (events.pid(), boom()), "it is the parent");
        settle(&ctx).await;
        assert!(ctx.system().is_alive(&owner), "it is only the owner, and does not trap exits");
    });
}

#[test]
fn a_handler_ends_with_its_owner_and_all_others_hear_of_it() {
    in_any_order(|mut ctx| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, boom()] {
            let log = Log::default();
            let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
            let (scribes, other, end) = ([log.scribe("b"), log.scribe("c")], events.clone(), reason.clone());
            let owner = ctx.spawn(move |mut ctx: Context<Word>| async move {
                for scribe in scribes {
                    other.add_supervised(&mut ctx, scribe, Word::Gone).await?;
                }
                Err::<(), _>(end)
            });
            owner.exited().await;
            settle(&ctx).await;
            let expected =
                format!("b begins, c begins, c ends: owner {reason}, b ends: owner {reason}, a exit {reason}");
            assert_eq!(log.take(), expected);
            assert_eq!(events.which_handlers().await, Ok(vec![a.id()]));
            assert_eq!(ctx.system().dead_letter_count(), 0, "nobody writes to the dead");
            ctx.exit(&events, ExitReason::Shutdown);
            events.address().exited().await;
        }
    });
}

#[test]
fn an_owner_that_has_ended_before_its_handler_is_added_leaves_none() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        let (scribe, other) = (log.scribe("b"), events.clone());
        let owner = ctx.spawn(move |mut ctx: Context<Word>| async move {
            // It gives up at once; the request is with the manager.
            let add = other.add_supervised(&mut ctx, scribe, Word::Gone);
            let _ = futures_lite::future::poll_once(Box::pin(add)).await;
        });
        owner.exited().await;
        settle(&ctx).await;
        assert_eq!(events.which_handlers().await, Ok(vec![a.id()]));
        assert!(log.take().starts_with("b begins, b ends: owner "));
    });
}

#[test]
fn the_owner_and_the_manager_are_linked_also_if_the_handler_does_not_begin_or_is_gone() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (_, _) = manager(&mut ctx, &log, []).await;
        let owner = ctx.spawn(move |mut ctx: Context<Word>| async move {
            let events = Events::named(ctx.system(), "events");
            let failed = events.add_supervised(&mut ctx, log.scribe("b").with(Flaw::InitFails), Word::Gone).await;
            assert!(matches!(failed, Err(HandlerError::Init { .. })), "{failed:?}");
            assert!(ctx.is_linked(events.pid().unwrap()));
            assert_eq!(ctx.try_receive_matching(|_| true), None, "the error has told it");
            let c = events.add_supervised(&mut ctx, log.scribe("c"), Word::Gone).await.unwrap();
            drop(c.delete().await.unwrap());
            assert!(ctx.is_linked(events.pid().unwrap()));
            ctx.exit(events.pid().unwrap(), ExitReason::Kill);
            ctx.receive_message().await;
            ctx.receive_message().await;
        });
        assert_eq!(owner.exited().await, ExitReason::Killed);
    });
}

#[test]
fn an_owner_whose_word_panics_fails_of_that_and_the_manager_goes_on() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        let (scribe, other) = (log.scribe("b"), events.clone());
        let owner = ctx.spawn(move |mut ctx: Context<Word>| async move {
            let b = other.add_supervised(&mut ctx, scribe, |_exit| panic!("no words")).await.unwrap();
            let _ = b.delete().await;
            ctx.receive_message().await;
        });
        assert_eq!(super::common::panicked(&owner.exited().await), "no words");
        assert_eq!(events.which_handlers().await, Ok(vec![a.id()]));
    });
}

#[test]
fn a_supervised_handler_survives_an_exit_signal_that_is_no_end() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, []) = manager(&mut ctx, &log, []).await;
        let (scribe, other) = (log.scribe("b"), events.clone());
        let owner = ctx.spawn(move |mut ctx: Context<Word>| async move {
            other.add_supervised(&mut ctx, scribe, Word::Gone).await.unwrap();
            ctx.exit(&other, boom());
            ctx.receive_message().await;
        });
        settle(&ctx).await;
        assert!(ctx.system().is_alive(&owner));
        assert_eq!(log.take(), "b begins, b exit boom", "its owner lives");
    });
}
