//! What OTP's suites assert of receiving and no other topic here shows. `CONFORMANCE.md` says which case is which.

mod common;

use std::collections::VecDeque;
use std::time::Duration;

use common::{TIMES, expect_empty, in_every_order, run_on, timetrap, workers};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, Event, EventRef, Reply};

/// A message that asks, and ones that are in the way.
enum Post {
    Ask(Reply<u32>),
    Other(u32),
}

#[test]
fn calls_pass_by_what_waits_however_much_it_is_and_leave_it_in_order() {
    timetrap(|| {
        run_on(&workers(2), |mut ctx: Context<Post>| async move {
            const WAITING: u32 = 500_000;
            let echo = ctx.spawn(|mut ctx: Context<Post>| async move {
                while let Post::Ask(reply) = ctx.receive_message().await {
                    reply.send(42);
                }
            });
            let own = ctx.address();
            (0..WAITING).for_each(|n| own.cast(Post::Other(n)));
            for _ in 0..TIMES {
                assert_eq!(echo.call(Post::Ask).await, Ok(42));
            }
            for n in 0..WAITING {
                assert!(matches!(ctx.receive_message().await, Post::Other(next) if next == n));
            }
        });
    });
}

#[test]
fn messages_received_between_a_request_and_its_answer_change_nothing() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let echo = ctx.spawn_link(|mut ctx: Context<Post>| async move {
            for _ in 0..3 {
                let Post::Ask(reply) = ctx.receive_message().await else { panic!("nothing else is sent") };
                reply.send(42);
            }
        });
        for n in 0..3 {
            ctx.address().cast(n);
            let request = echo.send_request(Post::Ask);
            assert_eq!(ctx.receive_message().await, n);
            assert_eq!(request.await, Ok(42));
        }
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn selective_receives_do_as_a_list_would() {
    for_each_seed(TIMES as u64, |test| {
        let mut rng = Rng::with_seed(test.seed());
        test.run(move |mut ctx: Context<u32>| async move {
            let mut list: VecDeque<u32> = VecDeque::new();
            for _ in 0..200 {
                let digit = rng.u32(..10);
                match rng.u8(..5) {
                    0 | 1 => {
                        ctx.address().cast(digit);
                        list.push_back(digit);
                    }
                    2 => {
                        let first = ctx.receive_timeout(Duration::ZERO).await.map(message);
                        assert_eq!(first, list.pop_front());
                    }
                    3 => {
                        let found = ctx.try_receive_matching(|event| is(event, digit)).map(message);
                        assert_eq!(found, take(&mut list, digit));
                    }
                    _ => {
                        // Given up if it is not there: what it has passed over must be found again.
                        let found = future::poll_once(ctx.receive_matching(|event| is(event, digit))).await;
                        assert_eq!(found.map(message), take(&mut list, digit));
                    }
                }
            }
        });
    });
}

fn is(event: EventRef<'_, u32>, digit: u32) -> bool {
    matches!(event, EventRef::Message(n) if *n == digit)
}

fn take(list: &mut VecDeque<u32>, digit: u32) -> Option<u32> {
    let place = list.iter().position(|n| *n == digit)?;
    list.remove(place)
}

fn message(event: Event<u32>) -> u32 {
    match event {
        Event::Message(n) => n,
        other => panic!("no message: {other:?}"),
    }
}
