//! What comes into a mailbox, and what waits for room in it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future;

use super::{Count, Polled, at_once, count_events, exit_reason, in_every_order, pid, polled_beside};
use crate::address::{Address, SendError};
use crate::context::Context;
use crate::dead_letters::DeadReason;
use crate::exit::ExitReason;
use crate::mailbox::Mailbox;
use crate::reply::Reply;
use crate::spawn::SpawnOptions;
use crate::testing::TestSystem;

#[test]
fn a_process_that_goes_to_wait_misses_no_message() {
    in_every_order(|test| {
        let process = test.spawn(|mut ctx: Context<u32>| async move {
            assert_eq!((ctx.receive_message().await, ctx.receive_message().await), (1, 2));
        });
        let sender = process.clone();
        let send = move || {
            sender.cast(1);
            sender.cast(2);
        };
        at_once(&test, send, || test.run_until_idle());
        assert_eq!(exit_reason(&process), Some(ExitReason::Normal));
    });
}

#[test]
fn a_message_beside_the_end_is_received_or_given_back_or_a_dead_letter() {
    in_every_order(|test| {
        let (received, given_back) = (Count::default(), Count::default());
        let seen = received.clone();
        let process = test.spawn(|mut ctx: Context<Count>| async move {
            if ctx.try_receive_matching(|_| true).is_some() {
                seen.add_one();
            }
        });
        let (message, back) = (Count::default(), given_back.clone());
        let copy = message.clone();
        let send = move || {
            if process.try_send(copy).is_err() {
                back.add_one();
            }
        };
        at_once(&test, send, || test.run_until_idle());
        let buried = usize::try_from(test.dead_letter_count_of(DeadReason::DroppedAtExit)).expect("it is one at most");
        assert_eq!(received.get() + given_back.get() + buried, 1);
        assert_eq!(Arc::strong_count(&message.0), 1, "the message was not dropped");
    });
}

/// A process with room for one message, which is in its mailbox already, that counts what it receives.
fn full(test: &TestSystem, received: &Count) -> Address<u32> {
    let received = received.clone();
    let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
    let body = |mut ctx: Context<u32>| async move { count_events(&mut ctx, &received).await };
    let process = test.spawn_with(options, body).expect("it has no name");
    assert!(process.try_send(0).is_ok());
    process
}

fn send(to: &Address<u32>, message: u32) -> impl Future<Output = Result<(), SendError<u32>>> + Send + 'static {
    let to = to.clone();
    async move { to.send(message).await }
}

#[test]
fn a_sender_that_waits_for_room_gets_it() {
    in_every_order(|test| {
        let received = Count::default();
        let process = full(&test, &received);
        let sent = polled_beside(&test, send(&process, 1), || test.run_until_idle());
        assert!(sent.is_ok());
        test.run_until_idle();
        assert_eq!(received.get(), 2);
    });
}

#[test]
fn a_sender_that_gives_up_passes_its_turn_on() {
    in_every_order(|test| {
        let received = Count::default();
        let process = full(&test, &received);
        let (mut first, mut second) = (Polled::new(send(&process, 1)), Polled::new(send(&process, 2)));
        assert!(first.poll().is_pending() && second.poll().is_pending());
        at_once(&test, move || drop(first), || test.run_until_idle());
        assert!(second.finish().is_ok());
        test.run_until_idle();
        assert_eq!(received.get(), 2);
    });
}

#[test]
fn a_sender_that_waits_for_room_gets_its_message_back_at_the_end() {
    in_every_order(|test| {
        let process = full(&test, &Count::default());
        let kill = || {
            test.exit(pid(&process), ExitReason::Kill);
            test.run_until_idle();
        };
        let sent = polled_beside(&test, send(&process, 1), kill);
        assert!(matches!(sent, Err(SendError(1))));
    });
}

#[test]
fn a_caller_that_waits_for_room_hears_at_the_end_that_nobody_has_its_request() {
    in_every_order(|test| {
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
        let body = |_ctx: Context<Option<Reply<()>>>| pending::<()>();
        let process = test.spawn_with(options, body).expect("it has no name");
        assert!(process.try_send(None).is_ok());
        let kill = || {
            test.exit(pid(&process), ExitReason::Kill);
            test.run_until_idle();
        };
        let to = process.clone();
        let answer = polled_beside(&test, async move { to.call(Some).without_timeout().await }, kill);
        assert!(answer.is_err_and(|error| error.is_no_process()));
    });
}

#[test]
fn a_timer_is_cancelled_or_its_message_comes() {
    in_every_order(|test| {
        let (sent, cancelled, late) = (Count::default(), Count::default(), Count::default());
        let (seen, undone, seen_late) = (sent.clone(), cancelled.clone(), late.clone());
        let process = test.spawn(|mut ctx: Context<&str>| async move {
            let timer = ctx.send_after(Duration::from_millis(1), "time is over");
            if ctx.receive_message().await == "time is over" {
                seen.add_one();
                ctx.receive_message().await;
            } else if ctx.cancel_timer(timer).is_some() {
                undone.add_one();
            } else if future::poll_once(ctx.receive()).await.is_some() {
                // It was there at once.
                seen.add_one();
            }
            count_events(&mut ctx, &seen_late).await;
        });
        test.run_until_idle();
        process.cast("cancel");
        let other = test.clone();
        at_once(&test, move || other.run_until_idle(), || test.advance(Duration::from_millis(1)));
        assert_eq!((sent.get() + cancelled.get(), late.get()), (1, 0));
    });
}
