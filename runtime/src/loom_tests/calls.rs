//! A caller and its server at the same time.

use futures_lite::future;

use super::{Polled, at_once, exit_reason, in_every_order, polled_beside};
use crate::address::Address;
use crate::context::Context;
use crate::exit::ExitReason;
use crate::reply::{CallError, Reply};
use crate::testing::TestSystem;

type Ask = Reply<u32>;

fn call(server: &Address<Ask>) -> impl Future<Output = Result<u32, CallError>> + Send + 'static {
    let server = server.clone();
    async move { server.call(|reply| reply).without_timeout().await }
}

/// What a caller hears of a server that runs meanwhile.
fn answer<F>(test: &TestSystem, body: fn(Context<Ask>) -> F) -> Result<u32, CallError>
where
    F: Future<Output = Result<(), ExitReason>> + Send + 'static,
{
    let server = test.spawn(body);
    polled_beside(test, call(&server), || test.run_until_idle())
}

#[test]
fn an_answer_reaches_a_caller_that_goes_to_wait() {
    in_every_order(|test| {
        let answer = answer(&test, |mut ctx| async move {
            ctx.receive_message().await.send(7);
            future::pending().await
        });
        assert_eq!(answer, Ok(7));
    });
}

#[test]
fn a_caller_that_goes_to_wait_hears_that_its_reply_was_dropped() {
    in_every_order(|test| {
        let answer = answer(&test, |mut ctx| async move {
            drop(ctx.receive_message().await);
            future::pending().await
        });
        assert!(matches!(answer, Err(CallError::Unanswered { .. })), "{answer:?}");
    });
}

#[test]
fn a_caller_whose_server_ends_with_the_reply_hears_why() {
    in_every_order(|test| {
        let answer = answer(&test, |mut ctx| async move {
            let _reply = ctx.receive_message().await;
            Err(ExitReason::Shutdown)
        });
        assert!(matches!(answer, Err(CallError::Down { reason: ExitReason::Shutdown, .. })), "{answer:?}");
    });
}

#[test]
fn a_call_beside_the_end_hears_of_it() {
    in_every_order(|test| {
        let answer = answer(&test, |_ctx| async { Err(ExitReason::Shutdown) });
        let is_told = match &answer {
            Err(CallError::Down { reason, .. }) => *reason == ExitReason::Shutdown,
            Err(CallError::NoProcess { .. }) => true,
            _ => false,
        };
        assert!(is_told, "{answer:?}");
    });
}

#[test]
fn an_answer_to_a_caller_that_gives_up_goes_nowhere() {
    in_every_order(|test| {
        let server = test.spawn(|mut ctx: Context<Ask>| async move { ctx.receive_message().await.send(7) });
        let mut call = Polled::new(call(&server));
        assert!(call.poll().is_pending());
        at_once(&test, move || drop(call), || test.run_until_idle());
        assert_eq!(exit_reason(&server), Some(ExitReason::Normal));
    });
}
