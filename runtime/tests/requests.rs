//! Requests whose answers are waited for later: one, a collection, or the same to many.

mod common;

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use common::{Gate, OnDrop, TIMES, idle, in_every_order, kill, many_times, run_on, timetrap, workers};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, CallError, Context, ExitReason, Mailbox, Recipient, Reply, Request, Requests};
use proscenium_runtime::{SpawnOptions, SystemHandle, multi_call};

type Ask = Reply<u64>;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Answers one request with `n` after `n` seconds, and ends.
fn slow(system: &SystemHandle, n: u64) -> Address<Ask> {
    system.spawn(move |mut ctx: Context<Ask>| async move {
        let reply = ctx.receive_message().await;
        ctx.sleep(seconds(n)).await;
        reply.send(n);
    })
}

/// Keeps every request and answers none.
fn silent(system: &SystemHandle) -> Address<Ask> {
    system.spawn(|mut ctx: Context<Ask>| async move {
        let mut kept = Vec::new();
        loop {
            kept.push(ctx.receive_message().await);
        }
    })
}

async fn dead(system: &SystemHandle) -> Address<Ask> {
    let dead = system.spawn(|_ctx: Context<Ask>| async {});
    dead.exited().await;
    dead
}

fn ask(server: &Address<Ask>) -> Request<u64> {
    server.send_request(|reply| reply)
}

/// What a test compares.
fn brief(answer: &Result<u64, CallError>) -> String {
    match answer {
        Ok(n) => n.to_string(),
        Err(CallError::Timeout { timeout, .. }) => format!("timeout {timeout:?}"),
        Err(CallError::Down { reason, .. }) => format!("down {reason}"),
        Err(CallError::NoProcess { .. }) => "no process".to_owned(),
        Err(CallError::Unanswered { .. }) => "unanswered".to_owned(),
        Err(CallError::MailboxFull { .. }) => "full".to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn answers_come_with_their_labels_in_the_order_in_which_they_are_given() {
    for_each_seed(TIMES as u64, |test| {
        let mut rng = Rng::with_seed(test.seed());
        test.run(move |ctx: Context<()>| async move {
            let mut delays: Vec<u64> = (1..=10).collect();
            rng.shuffle(&mut delays);
            let mut requests = Requests::new();
            for delay in delays {
                requests.add(format!("after {delay}"), ask(&slow(ctx.system(), delay)));
            }
            for n in 1..=10 {
                assert_eq!(requests.len(), 11 - n as usize);
                let (label, answer) = requests.next().await.expect("there are more");
                assert_eq!((label, answer), (format!("after {n}"), Ok(n)));
            }
            assert!(requests.is_empty());
            assert!(requests.next().await.is_none());
        });
    });
}

#[test]
fn of_no_requests_there_is_no_next_answer() {
    let mut none = Requests::<(), u64>::default();
    assert!(future::block_on(none.next()).is_none());
    assert!(none.is_empty());
}

#[test]
fn a_late_answer_to_a_request_that_was_dropped_reaches_nobody() {
    in_every_order(|ctx: Context<()>| async move {
        let dropped = Gate::new();
        let is_dropped = dropped.clone();
        let (has, has_it) = async_channel::bounded(1);
        let (tell, told) = async_channel::bounded(1);
        let server = ctx.system().spawn(move |mut ctx: Context<Reply<OnDrop<_>>>| async move {
            let reply = ctx.receive_message().await;
            assert!(reply.is_wanted());
            has.try_send(()).expect("it is the only one");
            is_dropped.passed().await;
            assert!(!reply.is_wanted());
            reply.send(OnDrop(move || tell.try_send(()).expect("it is dropped once")));
        });
        let request = server.send_request(|reply| reply);
        has_it.recv().await.expect("it has the request");
        drop(request);
        dropped.open();
        assert_eq!(told.recv().await, Ok(()), "the answer was dropped");
        assert_eq!(server.exited().await, ExitReason::Normal);
        assert_eq!(ctx.system().dead_letter_count(), 0);
    });
}

#[test]
fn a_wait_that_is_over_keeps_the_request() {
    for_each_seed(100, |test| {
        test.run(|ctx: Context<()>| async move {
            let mut request = ask(&slow(ctx.system(), 5));
            assert_eq!(request.wait(seconds(2)).await, None);
            assert_eq!(request.wait(Duration::ZERO).await, None);
            assert_eq!(request.wait(seconds(2)).await, None);
            assert_eq!(request.wait(seconds(2)).await, Some(Ok(5)));
            assert_eq!(ctx.system().timer_count(), 0, "no timer is left");

            let mut request = ask(&slow(ctx.system(), 5));
            assert_eq!(request.wait(seconds(1)).await, None);
            assert_eq!(request.await, Ok(5));
        });
    });
}

#[test]
fn an_answer_that_is_there_is_found_in_no_time() {
    in_every_order(|ctx: Context<()>| async move {
        let server = slow(ctx.system(), 0);
        let mut request = ask(&server);
        server.exited().await;
        assert_eq!(request.wait(Duration::ZERO).await, Some(Ok(0)));
    });
}

#[test]
fn the_end_of_a_server_answers_all_that_it_owes() {
    in_every_order(|ctx: Context<()>| async move {
        let server = silent(ctx.system());
        let mut requests = Requests::new();
        (0..10).for_each(|n| requests.add(n, ask(&server)));
        assert!(future::poll_once(requests.next()).await.is_none());
        let pid = server.pid().expect("it is a process");
        ctx.system().exit(pid, ExitReason::error("out of order"));
        let mut labels = BTreeSet::new();
        while let Some((label, answer)) = requests.next().await {
            assert_eq!(brief(&answer), "down out of order");
            assert!(labels.insert(label));
        }
        assert_eq!(labels.len(), 10);
    });
}

#[test]
fn the_end_of_a_server_is_known_though_its_reply_lives_elsewhere() {
    in_every_order(|ctx: Context<()>| async move {
        let keeper = silent(ctx.system());
        let keep = keeper.clone();
        let server =
            ctx.system().spawn(move |mut ctx: Context<Ask>| async move { keep.cast(ctx.receive_message().await) });
        assert_eq!(brief(&ask(&server).await), "down normal");
        kill(ctx.system(), &keeper).await;
    });
}

#[test]
fn a_request_to_nobody_is_answered_and_not_refused() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<()>| async move {
            let named: Address<Ask> = ctx.system().named("nobody");
            let mut request = ask(&named);
            assert_eq!(request.target(), &Recipient::Name("nobody".into()));
            assert_eq!(request.wait(Duration::ZERO).await.map(|a| brief(&a)).as_deref(), Some("no process"));
            assert_eq!(brief(&ask(&dead(ctx.system()).await).await), "no process");
            let mut requests = Requests::new();
            requests.add("named", ask(&named));
            let (label, answer) = requests.next().await.expect("there is one");
            assert_eq!((label, brief(&answer)), ("named", "no process".to_owned()));
        });
    });
}

#[test]
fn a_dropped_reply_is_an_answer_of_its_own() {
    in_every_order(|ctx: Context<()>| async move {
        let server = ctx.system().spawn(|mut ctx: Context<Ask>| async move {
            loop {
                drop(ctx.receive_message().await);
            }
        });
        assert_eq!(brief(&ask(&server).await), "unanswered");
        kill(ctx.system(), &server).await;
    });
}

/// Asks many servers that answer, drop, hold back or end as `seed` says, cancelling `next` all the time.
async fn crowd(ctx: Context<()>, seed: u64) {
    const SERVERS: usize = 12;
    let mut rng = Rng::with_seed(seed);
    let mut requests = Requests::new();
    for label in 0..SERVERS {
        let (fate, pauses) = (rng.u32(..4), rng.u32(..6));
        let server = ctx.system().spawn(move |mut ctx: Context<Ask>| async move {
            let reply = ctx.receive_message().await;
            for _ in 0..pauses {
                future::yield_now().await;
            }
            match fate {
                0 => return Err(ExitReason::error("broken")),
                1 => drop(reply),
                _ => reply.send(label as u64),
            }
            Ok(())
        });
        requests.add((label, fate), ask(&server));
    }
    let mut seen = BTreeSet::new();
    while !requests.is_empty() {
        if rng.bool() {
            // What is given up here must not lose a wake-up or an answer.
            match future::poll_once(requests.next()).await {
                Some(Some(((label, fate), answer))) => check(&mut seen, label, fate, &answer),
                Some(None) => unreachable!("there are more"),
                None => {}
            }
        } else if let Some(((label, fate), answer)) = requests.next().await {
            check(&mut seen, label, fate, &answer);
        }
    }
    assert_eq!(seen.len(), SERVERS);
}

fn check(seen: &mut BTreeSet<usize>, label: usize, fate: u32, answer: &Result<u64, CallError>) {
    assert!(seen.insert(label), "one answer each");
    match fate {
        0 => assert_eq!(brief(answer), "down broken"),
        // It ends right away, so its end may be seen first.
        1 => assert!(["unanswered", "down normal"].contains(&brief(answer).as_str()), "{answer:?}"),
        _ => assert_eq!(*answer, Ok(label as u64)),
    }
}

#[test]
fn a_crowd_of_servers_loses_neither_an_answer_nor_a_wake_up() {
    for_each_seed(TIMES as u64, |test| {
        let seed = test.seed();
        test.run(move |ctx: Context<()>| crowd(ctx, seed));
    });
    timetrap(|| {
        let system = workers(4);
        for seed in 0..TIMES as u64 {
            run_on(&system, move |ctx: Context<()>| crowd(ctx, seed));
        }
    });
}

#[test]
fn requests_added_while_others_are_pending_are_waited_for_too() {
    many_times(|ctx: Context<()>| async move {
        let never = silent(ctx.system());
        let mut requests = Requests::new();
        requests.add("never", ask(&never));
        for _ in 0..3 {
            assert!(future::poll_once(requests.next()).await.is_none());
            requests.add("now", ask(&slow(ctx.system(), 0)));
            assert_eq!(requests.next().await, Some(("now", Ok(0))));
        }
        kill(ctx.system(), &never).await;
        let (label, answer) = requests.next().await.expect("one is left");
        assert_eq!((label, brief(&answer)), ("never", "down killed".to_owned()));
    });
}

#[test]
fn a_collection_wakes_whoever_polled_it_last() {
    for_each_seed(100, |test| {
        test.run(|ctx: Context<()>| async move {
            let mut requests = Requests::new();
            requests.add((), ask(&slow(ctx.system(), 1)));
            // Polled by another waker first.
            assert!(future::block_on(future::poll_once(requests.next())).is_none());
            assert_eq!(requests.next().await, Some(((), Ok(1))));
        });
    });
}

#[test]
fn a_multi_call_answers_for_each_in_order_and_within_one_limit() {
    for_each_seed(100, |test| {
        test.run(|ctx: Context<()>| async move {
            let system = ctx.system();
            let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
            let full = system.spawn_with(options, |_ctx: Context<Ask>| future::pending::<()>());
            let full = full.expect("it has no name");
            let kept = ask(&full);
            let broken = system.spawn(|mut ctx: Context<Ask>| async move {
                let _reply = ctx.receive_message().await;
                ctx.sleep(seconds(1)).await;
                Err::<(), _>(ExitReason::error("broken"))
            });
            let servers = [
                slow(system, 9),
                slow(system, 1),
                dead(system).await,
                full.clone(),
                system.named("nobody"),
                slow(system, 2),
                broken,
                silent(system),
                slow(system, 0),
            ];
            let start = system.now();
            let answers = multi_call(&servers, seconds(3), |reply| reply).await;
            assert_eq!(system.now() - start, seconds(3), "one limit for all");
            let answers: Vec<_> = answers.iter().map(brief).collect();
            let expected =
                ["timeout 3s", "1", "no process", "full", "no process", "2", "down broken", "timeout 3s", "0"];
            assert_eq!(answers, expected);
            drop(kept);
        });
    });
}

#[test]
fn a_multi_call_to_none_is_over_at_once_and_one_without_time_gets_no_answer() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<()>| async move {
            assert!(multi_call::<Ask, u64>(&[], seconds(1), |reply| reply).await.is_empty());
            let start = ctx.system().now();
            let servers = [slow(ctx.system(), 1), silent(ctx.system())];
            let answers = multi_call(&servers, Duration::ZERO, |reply| reply).await;
            assert!(answers.iter().all(|answer| brief(answer) == "timeout 0ns"), "{answers:?}");
            assert_eq!(ctx.system().now(), start);
        });
    });
}

#[test]
fn a_call_until_a_deadline_is_as_long_as_is_left() {
    for_each_seed(100, |test| {
        test.run(|ctx: Context<()>| async move {
            let system = ctx.system();
            let deadline = system.now() + seconds(5);
            let quick = slow(system, 4);
            assert_eq!(quick.call(|reply| reply).deadline(deadline).await, Ok(4));
            let late = slow(system, 4);
            let answer = late.call(|reply| reply).deadline(deadline).await;
            assert_eq!(brief(&answer), "timeout 1s");
            assert_eq!(system.now(), deadline);
        });
    });
}

#[test]
fn a_call_past_its_deadline_asks_and_does_not_wait() {
    for_each_seed(100, |test| {
        test.run(|ctx: Context<()>| async move {
            let past = ctx.system().now();
            ctx.sleep(seconds(1)).await;
            let (tell, told) = async_channel::unbounded();
            let server = ctx.system().spawn(move |mut ctx: Context<Ask>| async move {
                let reply = ctx.receive_message().await;
                tell.try_send(reply.is_wanted()).expect("the test reads it");
            });
            let answer = server.call(|reply| reply).deadline(past).await;
            assert_eq!(brief(&answer), "timeout 0ns");
            assert_eq!(told.recv().await, Ok(false), "it was asked, and nobody waits");
        });
    });
}

#[test]
fn a_process_may_ask_itself_and_answer_before_it_waits() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<Ask>| async move {
            let request = ask(&ctx.address());
            ctx.receive_message().await.send(7);
            assert_eq!(request.await, Ok(7));
        });
    });
}

#[test]
fn a_request_outside_any_process_is_answered_too() {
    timetrap(|| {
        let system = workers(2);
        for n in 0..TIMES as u64 {
            let server = system.spawn(move |mut ctx: Context<Ask>| async move { ctx.receive_message().await.send(n) });
            let mut requests = Requests::new();
            requests.add(n, ask(&server));
            let mut next = pin!(requests.next());
            assert_eq!(future::block_on(&mut next), Some((n, Ok(n))));
        }
        let idler = system.spawn(idle);
        future::block_on(kill(&system, &idler));
    });
}
