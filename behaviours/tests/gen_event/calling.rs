//! Requests to one handler.

use proscenium_behaviours::{EventHandler, HandlerContext, HandlerError};
use proscenium_runtime::{CallError, Context, ExitReason, Requests};

use super::common::{Deed, Event, Log, Request, SECOND, in_any_order, manager, panicked};

#[test]
fn a_request_goes_to_one_handler_and_only_to_that() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        events.notify(Event::Say("once"));
        let b = events.add(log.scribe("b")).await.unwrap();
        events.notify(Event::Say("twice"));
        assert_eq!(a.call(Request::Heard).await, Ok(2));
        assert_eq!(b.call(Request::Heard).await, Ok(1));
    });
}

#[test]
fn a_request_to_a_handler_that_is_gone_is_an_error_that_names_it() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (_events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        drop(a.delete().await.unwrap());
        let gone = HandlerError::NotFound { handler: a.id() };
        assert_eq!(a.call(Request::Heard).await, Err(gone.clone()));
        assert_eq!(a.inspect(|scribe| scribe.heard).await, Err(gone.clone()));
        assert!(gone.to_string().ends_with("Scribe #1"), "{gone}");
        let request = a.send_request(Request::Heard).await;
        assert!(matches!(request, Err(CallError::Unanswered { .. })), "{request:?}");
    });
}

#[test]
fn a_handler_that_fails_of_a_request_is_removed_and_the_caller_hears_why() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a, b, c]) = manager(&mut ctx, &log, ["a", "b", "c"]).await;
        let Err(HandlerError::Failed { handler, reason }) = a.call(|reply| Request::Do(Deed::Panic, reply)).await
        else {
            panic!()
        };
        assert_eq!((handler, panicked(&reason)), (a.id(), "a as told"));
        let failed = b.call(|reply| Request::Do(Deed::Fail, reply)).await;
        assert!(matches!(failed, Err(HandlerError::Failed { .. })), "{failed:?}");
        assert_eq!(events.which_handlers().await, Ok(vec![c.id()]));
        assert_eq!(log.take(), "a ends: panic: a as told, b ends: failed boom");
    });
}

#[test]
fn a_handler_can_answer_and_then_finish_or_give_its_place_away() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a, b]) = manager(&mut ctx, &log, ["a", "b"]).await;
        assert_eq!(a.call(|reply| Request::DoAfter(Deed::Finish, reply)).await, Ok(0));
        assert_eq!(b.call(|reply| Request::DoAfter(Deed::SwapWith("c"), reply)).await, Ok(0));
        events.sync_notify(Event::Say("hello")).await.unwrap();
        assert_eq!(log.take(), "a ends: finished, b ends: swapped, c begins, c hello");
    });
}

#[test]
fn a_call_that_nobody_answers_ends_after_five_seconds_or_when_its_reply_is_dropped() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (_events, [a]) = manager(&mut ctx, &log, ["a"]).await;
        let forgotten = a.call(Request::Forget).await;
        assert!(matches!(forgotten, Err(HandlerError::Call(CallError::Unanswered { .. }))), "{forgotten:?}");
        let began = ctx.system().now();
        let late = a.call(Request::Never).await;
        assert!(matches!(late, Err(HandlerError::Call(CallError::Timeout { .. }))), "{late:?}");
        assert_eq!(ctx.system().now() - began, 5 * SECOND);
        let late = a.call(Request::Heard).timeout(SECOND).await;
        assert!(matches!(late, Err(HandlerError::Call(CallError::Timeout { .. }))), "{late:?}");
    });
}

#[test]
fn requests_to_handlers_can_be_collected() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a, b]) = manager(&mut ctx, &log, ["a", "b"]).await;
        drop(b.delete().await.unwrap());
        let mut requests = Requests::new();
        for scribe in [&a, &b, &a] {
            requests.add(scribe.id(), scribe.send_request(Request::Heard));
        }
        let mut answers = Vec::new();
        while let Some((id, answer)) = requests.next().await {
            answers.push((id, answer.ok()));
        }
        assert_eq!(answers.iter().filter(|answer| **answer == (a.id(), Some(0))).count(), 2);
        assert!(answers.contains(&(b.id(), None)));
        assert_eq!(events.which_handlers().await, Ok(vec![a.id()]));
    });
}

#[test]
fn a_handler_is_looked_at_and_replaced_and_a_look_that_panics_leaves_it_as_it_is() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (events, [a, b]) = manager(&mut ctx, &log, ["a", "b"]).await;
        events.notify(Event::Say("once"));
        assert_eq!(a.inspect(|scribe| (scribe.name, scribe.heard)).await, Ok(("a", 1)));
        a.replace(|scribe| scribe.log.scribe(scribe.name).heard(40)).await.unwrap();
        let Err(HandlerError::Failed { reason, .. }) = a.replace(|_| panic!("no luck")).await else { panic!() };
        assert_eq!(panicked(&reason), "no luck");
        let Err(HandlerError::Failed { .. }) = b.inspect(|_| -> u32 { panic!("no luck") }).await else { panic!() };
        events.notify(Event::Say("again"));
        assert_eq!((a.call(Request::Heard).await, b.call(Request::Heard).await), (Ok(41), Ok(2)));
    });
}

/// A handler with nothing but what a handler needs.
struct Plain;

impl EventHandler for Plain {
    type Event = Event;
    type Request = proscenium_runtime::Reply<()>;

    async fn handle_event(&mut self, _event: &Event, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        Ok(())
    }
}

#[test]
fn a_handler_with_nothing_but_handle_event_answers_nothing_takes_no_notice_and_goes_in_peace() {
    in_any_order(|mut ctx| async move {
        let (events, []) = manager(&mut ctx, &Log::default(), []).await;
        let plain = events.add(Plain).await.unwrap();
        let unanswered = plain.call(|reply| reply).await;
        assert!(matches!(unanswered, Err(HandlerError::Call(CallError::Unanswered { .. }))), "{unanswered:?}");
        let pid = events.pid().unwrap();
        ctx.spawn(move |ctx: Context<()>| async move { ctx.exit(pid, ExitReason::error("boom")) }).exited().await;
        assert_eq!(events.which_handlers().await, Ok(vec![plain.id()]));
        let Plain = plain.delete().await.unwrap();
    });
}
