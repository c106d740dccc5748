//! Processes that would wait for each other for ever. Only debug builds find them out.
#![cfg(debug_assertions)]

mod common;

use std::time::Duration;

use common::{TIMES, in_every_order};
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, CallError, Context, ExitReason, Pid, Reply};

/// To be passed on to the next process in a row, or answered by the last, with the outcomes of the calls on the way.
enum Pass {
    Next(Address<Pass>),
    On(Reply<Vec<CallError>>),
}

/// Calls the next process while it handles a call itself, and answers with what became of that.
async fn passer(mut ctx: Context<Pass>) {
    let mut next = None;
    loop {
        match ctx.receive_message().await {
            Pass::Next(address) => next = Some(address),
            Pass::On(reply) => {
                let next: &Address<Pass> = next.as_ref().expect("it was told");
                let outcome = next.call(Pass::On).without_timeout().await;
                reply.send(outcome.unwrap_or_else(|error| vec![error]));
            }
        }
    }
}

/// Runs `body` under many seeds: what it waits for takes a second, which is none of a simulated system's.
fn in_many_orders<F: Future<Output = ()> + Send + 'static>(body: fn(Context<()>) -> F) {
    for_each_seed(TIMES as u64, |test| test.run(body));
}

/// Processes of which each calls the next, and the last the first.
fn ring(ctx: &mut Context<()>, len: usize) -> Vec<Address<Pass>> {
    let ring: Vec<_> = (0..len).map(|_| ctx.spawn_link(passer)).collect();
    for (place, passer) in ring.iter().enumerate() {
        passer.cast(Pass::Next(ring[(place + 1) % len].clone()));
    }
    ring
}

#[test]
fn a_call_that_closes_a_circle_fails_and_names_it() {
    in_many_orders(|mut ctx: Context<()>| async move {
        for len in [2, 3, 5] {
            let ring = ring(&mut ctx, len);
            let errors = ring[0].call(Pass::On).without_timeout().await.expect("somebody answers");
            let mut circle: Vec<Pid> = ring.iter().filter_map(Address::pid).collect();
            circle.rotate_right(1);
            let target = (&ring[0]).into();
            assert_eq!(errors, [CallError::Deadlock { target, circle }], "the last one's call failed");
        }
    });
}

#[test]
fn the_error_tells_who_waits_for_whom() {
    in_many_orders(|mut ctx: Context<()>| async move {
        let ring = ring(&mut ctx, 2);
        let errors = ring[0].call(Pass::On).without_timeout().await.expect("somebody answers");
        let [first, second] = [&ring[0], &ring[1]].map(|address| address.pid().expect("it is of a process"));
        let expected = format!("call to {first} failed: a deadlock: {second} waits for {first} waits for {second}");
        assert_eq!(errors[0].to_string(), expected);
    });
}

#[test]
fn two_that_call_each_other_at_once_do_not_both_wait() {
    in_many_orders(|mut ctx: Context<()>| async move {
        let pair = ring(&mut ctx, 2);
        let (one, other) =
            future::zip(pair[0].call(Pass::On).without_timeout(), pair[1].call(Pass::On).without_timeout()).await;
        for errors in [one, other] {
            for error in errors.expect("somebody answers") {
                assert!(matches!(error, CallError::Deadlock { .. }), "{error}");
            }
        }
    });
}

#[test]
fn who_was_answered_waits_no_longer() {
    in_every_order(|mut ctx: Context<Reply<u32>>| async move {
        let home = ctx.address();
        let server = ctx.spawn_link(move |mut ctx: Context<Reply<u32>>| async move {
            ctx.receive_message().await.send(1);
            // It may not have noticed yet that it was answered.
            let answer = home.call(|reply| reply).without_timeout().await;
            assert_eq!(answer, Ok(2));
        });
        assert_eq!(server.call(|reply| reply).await, Ok(1));
        ctx.receive_message().await.send(2);
        server.exited().await;
    });
}

#[test]
fn who_gave_up_waits_no_longer() {
    in_every_order(|mut ctx: Context<Reply<u32>>| async move {
        let home = ctx.address();
        let server = ctx.spawn_link(move |mut ctx: Context<Reply<u32>>| async move {
            let late = ctx.receive_message().await;
            ctx.receive_message().await.send(1);
            assert_eq!(home.call(|reply| reply).without_timeout().await, Ok(2));
            late.send(3);
        });
        assert!(future::poll_once(server.call(|reply| reply)).await.is_none());
        assert_eq!(server.call(|reply| reply).await, Ok(1));
        ctx.receive_message().await.send(2);
        server.exited().await;
    });
}

#[test]
fn who_receives_while_it_waits_can_be_called_back() {
    in_every_order(|mut ctx: Context<Reply<u32>>| async move {
        let home = ctx.address();
        let server = ctx.spawn_link(move |mut ctx: Context<Reply<u32>>| async move {
            let reply = ctx.receive_message().await;
            let answer = home.call(|reply| reply).without_timeout().await;
            reply.send(answer.expect("it answers while it waits") + 1);
        });
        let receive = async {
            ctx.receive_message().await.send(1);
        };
        let (answer, ()) = future::zip(server.call(|reply| reply), receive).await;
        assert_eq!(answer, Ok(2));
    });
}

#[test]
fn a_reply_from_elsewhere_than_the_server_ends_the_wait() {
    in_every_order(|mut ctx: Context<Reply<u32>>| async move {
        let home = ctx.address();
        let helper = ctx.spawn_link(move |mut ctx: Context<Reply<u32>>| async move {
            ctx.receive_message().await.send(1);
            assert_eq!(home.call(|reply| reply).without_timeout().await, Ok(2));
        });
        let to = helper.clone();
        let server = ctx.spawn_link(move |mut ctx: Context<Reply<u32>>| async move {
            to.cast(ctx.receive_message().await);
            future::pending::<()>().await;
        });
        assert_eq!(server.call(|reply| reply).await, Ok(1));
        ctx.receive_message().await.send(2);
        helper.exited().await;
    });
}

#[test]
fn a_circle_whose_reply_is_with_another_is_no_deadlock() {
    in_many_orders(|mut ctx: Context<()>| async move {
        let first = ctx.spawn_link(|mut ctx: Context<Ask>| async move {
            let Ask::Meet(second) = ctx.receive_message().await else { unreachable!("they meet first") };
            assert_eq!(second.call(Ask::Answer).without_timeout().await, Ok(1));
            loop {
                if let Ask::Answer(reply) = ctx.receive_message().await {
                    reply.send(2);
                }
            }
        });
        let home = first.clone();
        let second = ctx.spawn_link(move |mut ctx: Context<Ask>| async move {
            let Ask::Answer(reply) = ctx.receive_message().await else { unreachable!("it is asked") };
            ctx.spawn(|ctx: Context<()>| async move {
                ctx.sleep(Duration::from_millis(900)).await;
                reply.send(1);
            });
            assert_eq!(home.call(Ask::Answer).without_timeout().await, Ok(2));
        });
        first.cast(Ask::Meet(second.clone()));
        assert_eq!(second.exited().await, ExitReason::Normal);
    });
}

enum Ask {
    Meet(Address<Ask>),
    Answer(Reply<u32>),
}
