//! Mailboxes: what a bound means to each way of sending, who gets room, and how a process looks into its mailbox.

mod common;

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{
    Gate, TIMES, expect_empty, idle, in_every_order, kill, next_down, next_exit, run_on, text, timetrap, workers,
};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, CallError, Context, Event, EventRef, ExitReason, Mailbox, Pid, Reply, SpawnOptions};
use proscenium_runtime::{SystemHandle, TrySendError};

/// A process with room for `capacity` messages that receives as many as it is told to through the channel.
fn metered(system: &SystemHandle, capacity: usize) -> (Address<u32>, async_channel::Sender<()>, Received) {
    let (go, gone) = async_channel::unbounded();
    let (give, received) = async_channel::unbounded();
    let options = SpawnOptions::new().mailbox(Mailbox::bounded(capacity));
    let body = move |mut ctx: Context<u32>| async move {
        while gone.recv().await.is_ok() {
            let message = ctx.receive_message().await;
            give.try_send(message).expect("the test reads it");
        }
    };
    (system.spawn_with(options, body).expect("it has no name"), go, received)
}

type Received = async_channel::Receiver<u32>;

#[test]
fn a_full_mailbox_gives_a_tried_message_back_until_there_is_room() {
    in_every_order(|ctx: Context<()>| async move {
        let (small, go, received) = metered(ctx.system(), 2);
        assert_eq!(small.try_send(1), Ok(()));
        assert_eq!(small.try_send(2), Ok(()));
        assert_eq!(small.try_send(3), Err(TrySendError::Full(3)));
        go.try_send(()).expect("it listens");
        assert_eq!(received.recv().await, Ok(1));
        assert_eq!(small.try_send(4), Ok(()));
        assert_eq!(small.try_send(5), Err(TrySendError::Full(5)));
        kill(ctx.system(), &small).await;
    });
}

#[test]
fn senders_that_wait_for_room_get_it_in_the_order_in_which_they_came() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (small, go, received) = metered(ctx.system(), 1);
        small.cast(0);
        for n in 1..=5 {
            // A bounded channel of the test's own tells when each has begun to wait.
            let (waits, begun) = async_channel::bounded(1);
            let small = small.clone();
            ctx.spawn(move |_ctx: Context<()>| async move {
                let mut sending = pin!(small.send(n));
                assert!(future::poll_once(&mut sending).await.is_none());
                waits.try_send(()).expect("it is the only one");
                assert_eq!(sending.await.map_err(|back| back.0), Ok(()));
            });
            begun.recv().await.expect("it waits");
        }
        for n in 0..=5 {
            go.try_send(()).expect("it listens");
            assert_eq!(received.recv().await, Ok(n));
            // Who comes later does not overtake them, though room is free until they take it.
            assert_eq!(small.try_send(9).is_ok(), n == 5);
        }
        kill(ctx.system(), &small).await;
    });
}

#[test]
fn a_send_that_is_given_up_while_it_waits_loses_no_room() {
    for_each_seed(TIMES as u64, |test| {
        let mut rng = Rng::with_seed(test.seed());
        test.run(move |ctx: Context<()>| async move {
            let (small, go, received) = metered(ctx.system(), 2);
            let mut waiting = Vec::new();
            let mut sent = 0;
            for n in 0..60 {
                match rng.u32(..4) {
                    // Another sender comes; it waits if there is no room.
                    0 | 1 => {
                        let mut sending = Box::pin(small.send(n));
                        match future::poll_once(&mut sending).await {
                            Some(outcome) => {
                                assert!(outcome.is_ok());
                                sent += 1;
                            }
                            None => waiting.push(sending),
                        }
                    }
                    // One of them gives up, whether it has been promised room or not.
                    2 if !waiting.is_empty() => drop(waiting.remove(rng.usize(..waiting.len()))),
                    _ => {
                        go.try_send(()).expect("it listens");
                        future::yield_now().await;
                        received.try_recv().ok();
                    }
                }
                let mut still = Vec::new();
                for mut sending in waiting {
                    match future::poll_once(&mut sending).await {
                        Some(outcome) => {
                            assert!(outcome.is_ok());
                            sent += 1;
                        }
                        None => still.push(sending),
                    }
                }
                waiting = still;
            }
            drop(waiting);
            assert!(sent > 0);
            // When all is received and nobody waits, there is room for two again.
            (0..60).for_each(|_| go.try_send(()).expect("it listens"));
            while ctx.system().process_info(pid(&small)).is_some_and(|info| info.queue_len > 0) {
                future::yield_now().await;
            }
            while received.try_recv().is_ok() {}
            let outcomes = [small.try_send(1), small.try_send(2)];
            assert_eq!(outcomes, [Ok(()), Ok(())]);
            kill(ctx.system(), &small).await;
        });
    });
}

#[test]
fn a_call_that_is_given_up_while_it_waits_for_room_makes_way_for_the_next() {
    in_every_order(|ctx: Context<()>| async move {
        let (gate, options) = (Gate::new(), SpawnOptions::new().mailbox(Mailbox::bounded(1)));
        let opened = gate.clone();
        let server = ctx.system().spawn_with(options, move |mut ctx: Context<Reply<u8>>| async move {
            opened.passed().await;
            loop {
                ctx.receive_message().await.send(7);
            }
        });
        let server = server.expect("it has no name");
        let mut calls = Vec::new();
        for _ in 0..4 {
            let mut call = Box::pin(server.call(|reply| reply).without_timeout());
            assert!(future::poll_once(&mut call).await.is_none());
            calls.push(call);
        }
        // The first is in the mailbox, the others wait. One gives up at once, one when it may have been promised room.
        let (first, last) = (calls.remove(0), calls.remove(2));
        drop(calls.remove(0));
        gate.open();
        assert_eq!(first.await, Ok(7));
        drop(calls);
        assert_eq!(last.await, Ok(7));
        kill(ctx.system(), &server).await;
    });
}

#[test]
fn a_bounded_pipeline_on_threads_neither_loses_a_message_nor_stops() {
    const COUNT: u32 = 10_000;
    timetrap(|| {
        run_on(&workers(4), |mut ctx: Context<u32>| async move {
            let mut next = ctx.address();
            for _ in 0..3 {
                let to = next;
                let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
                let stage = ctx.spawn_link_with(options, move |mut ctx: Context<u32>| async move {
                    while to.send(ctx.receive_message().await).await.is_ok() {}
                });
                next = stage.expect("it has no name");
            }
            ctx.spawn_link(move |_ctx: Context<()>| async move {
                for n in 0..COUNT {
                    assert!(next.send(n).await.is_ok());
                }
            });
            for n in 0..COUNT {
                assert_eq!(ctx.receive_message().await, n);
            }
        });
    });
}

#[test]
fn a_call_waits_for_room_and_for_the_answer_within_one_timeout() {
    for_each_seed(100, |test| {
        test.run(|ctx: Context<()>| async move {
            let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
            let slow = ctx.system().spawn_with(options, |mut ctx: Context<Reply<u8>>| async move {
                loop {
                    ctx.sleep(Duration::from_secs(2)).await;
                    ctx.receive_message().await.send(7);
                }
            });
            let slow = slow.expect("it has no name");
            let start = ctx.system().now();
            let timed_call = |timeout| {
                let (slow, system) = (slow.clone(), ctx.system().clone());
                async move {
                    let answer = slow.call(|reply| reply).timeout(Duration::from_secs(timeout)).await;
                    (answer.is_ok(), (system.now() - start).as_secs())
                }
            };
            // One is answered after 2 s. One waits for room until then, and for the answer until 4 s. One gets no room in
            // time, one no answer.
            let patient = future::zip(timed_call(3), timed_call(5));
            let impatient = future::zip(timed_call(1), timed_call(5));
            let outcomes = future::zip(patient, impatient).await;
            assert_eq!(outcomes, (((true, 2), (true, 4)), ((false, 1), (false, 5))));
            kill(ctx.system(), &slow).await;
        });
    });
}

#[test]
fn a_call_that_waits_for_room_in_vain_was_never_sent() {
    in_every_order(|ctx: Context<()>| async move {
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
        let stuck = ctx.system().spawn_with(options, |_ctx: Context<Reply<u8>>| future::pending::<()>());
        let stuck = stuck.expect("it has no name");
        let before = ctx.system().dead_letter_count();
        let mut first = pin!(stuck.call(|reply| reply).without_timeout());
        assert!(future::poll_once(&mut first).await.is_none());
        let outcome = stuck.call(|reply| reply).timeout(Duration::ZERO).await;
        assert!(matches!(outcome, Err(CallError::Timeout { .. })), "{outcome:?}");
        let second = stuck.call(|reply| reply).without_timeout();
        let (outcome, _) = future::zip(second, kill(ctx.system(), &stuck)).await;
        assert!(outcome.is_err_and(|error| error.is_no_process()));
        assert!(matches!(first.await, Err(CallError::Down { .. })));
        assert_eq!(ctx.system().dead_letter_count() - before, 1, "only the first was in the mailbox");
    });
}

#[test]
fn a_full_mailbox_never_blocks_a_signal() {
    in_every_order(|mut ctx: Context<()>| async move {
        let me = ctx.pid();
        let (ended, _) = ctx.spawn_monitor(|_ctx: Context<()>| async {});
        next_down(&mut ctx).await;
        let ended = pid(&ended);
        let (home, options) = (ctx.address(), SpawnOptions::new().mailbox(Mailbox::bounded(1)));
        let full = ctx.spawn_link_with(options, move |mut ctx: Context<u32>| async move {
            ctx.trap_exit(true);
            ctx.address().cast(1);
            assert_eq!(ctx.address().try_send(2), Err(TrySendError::Full(2)));
            ctx.exit(ctx.pid(), ExitReason::error("trapped"));
            ctx.monitor(ended);
            ctx.link(ended);
            let mut events = Vec::new();
            for _ in 0..4 {
                events.push(text(&ctx.receive().await));
            }
            assert_eq!(events, ["message 1", "exit trapped", "down no process", "exit no process"]);
            ctx.address().cast(3);
            home.cast(());
            future::pending::<()>().await;
        });
        let full = pid(&full.expect("it has no name"));
        assert_eq!(text(&ctx.receive().await), "message ()");
        ctx.trap_exit(true);
        ctx.exit(full, ExitReason::Kill);
        let exit = next_exit(&mut ctx).await;
        assert_eq!((exit.pid, exit.reason), (full, ExitReason::Killed));
        assert_eq!(ctx.pid(), me);
    });
}

#[test]
fn what_a_selective_receive_passes_over_keeps_its_room() {
    for_each_seed(100, |test| {
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(2));
        let picky = test.spawn_with(options, |mut ctx: Context<u32>| async move {
            loop {
                ctx.receive_matching(|event| matches!(event, EventRef::Message(n) if n % 2 == 0)).await;
            }
        });
        let picky = picky.expect("it has no name");
        assert_eq!(picky.try_send(1), Ok(()));
        test.run_until_idle();
        assert_eq!(picky.try_send(2), Ok(()));
        assert_eq!(picky.try_send(4), Err(TrySendError::Full(4)));
        test.run_until_idle();
        assert_eq!(picky.try_send(4), Ok(()));
        test.run_until_idle();
        let info = test.process_info(pid(&picky)).expect("it lives");
        assert_eq!(info.queue_len, 1);
    });
}

#[test]
fn a_zero_timeout_takes_all_that_is_there() {
    in_every_order(|mut ctx: Context<u32>| async move {
        // More than a process may receive without a pause.
        (0..1000).for_each(|n| ctx.address().cast(n));
        for n in 0..1000 {
            let event = ctx.receive_timeout(Duration::ZERO).await;
            assert!(matches!(event, Some(Event::Message(m)) if m == n), "{n} is there, and {event:?} was found");
        }
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_receive_with_a_timeout_waits_as_long_and_no_longer() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let start = ctx.system().now();
            let elapsed = || (ctx.system().now() - start).as_millis();
            assert_eq!(elapsed(), 0);
            assert_eq!(ctx.receive_timeout(Duration::from_millis(30)).await, None);
            assert_eq!((ctx.system().now() - start).as_millis(), 30);
            ctx.send_after(Duration::from_millis(10), 7);
            assert_eq!(ctx.receive_timeout(Duration::from_secs(1)).await, Some(Event::Message(7)));
            assert_eq!((ctx.system().now() - start).as_millis(), 40);
            assert_eq!(ctx.system().timer_count(), 0, "the timeout's timer is gone");
        });
    });
}

#[test]
fn a_receive_that_is_given_up_loses_nothing() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let home = ctx.address();
        ctx.spawn(move |_ctx: Context<()>| async move {
            for n in 0..50 {
                home.cast(n);
                future::yield_now().await;
            }
        });
        let next = Cell::new(0);
        while next.get() < 50 {
            let received = async { Some(ctx.receive().await) };
            let given_up = async {
                future::yield_now().await;
                None
            };
            if let Some(event) = future::or(received, given_up).await {
                assert_eq!(event, Event::Message(next.get()));
                next.set(next.get() + 1);
            }
        }
    });
}

#[test]
fn a_process_with_an_endless_mailbox_lets_others_run() {
    timetrap(|| {
        let system = workers(1);
        run_on(&system, |mut ctx: Context<()>| async move {
            let busy = ctx.spawn_link(|mut ctx: Context<()>| async move {
                ctx.address().cast(());
                loop {
                    let () = ctx.receive_message().await;
                    ctx.address().cast(());
                }
            });
            // Each of these needs the one worker again and again.
            for _ in 0..100 {
                let other = ctx.spawn(|_ctx: Context<()>| future::yield_now());
                assert_eq!(other.exited().await, ExitReason::Normal);
            }
            ctx.receive_timeout(Duration::from_millis(1)).await;
            assert!(ctx.system().is_alive(pid(&busy)));
        });
    });
    for_each_seed(100, |test| {
        let received = Arc::new(AtomicU32::new(0));
        let counted = received.clone();
        test.spawn(move |mut ctx: Context<()>| async move {
            ctx.address().cast(());
            loop {
                let () = ctx.receive_message().await;
                counted.fetch_add(1, Ordering::Relaxed);
                ctx.address().cast(());
            }
        });
        test.run(|_ctx: Context<()>| future::yield_now());
        assert!(received.load(Ordering::Relaxed) < 100_000);
    });
}

#[test]
fn a_process_that_looks_into_its_empty_mailbox_for_ever_lets_others_run() {
    timetrap(|| {
        let system = workers(1);
        run_on(&system, |mut ctx: Context<()>| async move {
            let poller = ctx.spawn(|mut ctx: Context<()>| async move {
                loop {
                    ctx.receive_timeout(Duration::ZERO).await;
                }
            });
            let other = ctx.spawn(|_ctx: Context<()>| future::yield_now());
            assert_eq!(other.exited().await, ExitReason::Normal);
            kill(ctx.system(), &poller).await;
        });
    });
}

#[test]
fn a_process_that_passes_over_an_endless_mailbox_lets_others_run() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let passed_over = Arc::new(AtomicU32::new(0));
            let count = passed_over.clone();
            let (began, has_begun) = async_channel::bounded(1);
            let picky = ctx.spawn(|mut ctx: Context<()>| async move {
                let home = ctx.address();
                home.cast(());
                began.try_send(()).expect("there is room");
                ctx.receive_matching(|_| {
                    home.cast(());
                    count.fetch_add(1, Ordering::Relaxed) > 100_000
                })
                .await;
            });
            has_begun.recv().await.expect("it begins");
            kill(ctx.system(), &picky).await;
            assert_eq!(picky.exited().await, ExitReason::Killed);
            assert!(passed_over.load(Ordering::Relaxed) < 100_000);
        });
    });
}

#[test]
fn a_glance_takes_the_first_that_matches_and_leaves_the_rest() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            assert_eq!(ctx.try_receive_matching(|_| true), None);
            (1..=4).for_each(|n| ctx.address().cast(n));
            let even = |event: EventRef<'_, u32>| matches!(event, EventRef::Message(n) if n % 2 == 0);
            assert_eq!(ctx.try_receive_matching(even), Some(Event::Message(2)));
            assert_eq!(ctx.try_receive_matching(even), Some(Event::Message(4)));
            assert_eq!(ctx.try_receive_matching(even), None);
            assert_eq!((ctx.receive_message().await, ctx.receive_message().await), (1, 3));
        });
    });
}

#[test]
fn a_queue_length_counts_what_is_not_received_yet() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let length = |ctx: &Context<u32>| ctx.system().process_info(ctx.pid()).expect("it runs").queue_len;
            (0..3).for_each(|n| ctx.address().cast(n));
            assert_eq!(length(&ctx), 3);
            ctx.receive_message().await;
            ctx.address().cast(3);
            assert_eq!(length(&ctx), 3);
            let other = ctx.spawn_link(idle);
            ctx.unlink(pid(&other));
            assert_eq!(length(&ctx), 3);
            assert_eq!(ctx.try_receive_matching(|_| false), None);
            assert_eq!(length(&ctx), 3);
            ctx.address().cast(4);
            let waiting = ctx.sleep(Duration::from_millis(1)).limit(ctx.receive_matching(|_| false));
            assert_eq!(waiting.await, None);
            assert_eq!(length(&ctx), 4);
        });
    });
}

#[test]
#[should_panic(expected = "a mailbox must have room for one message")]
fn a_mailbox_without_room_is_refused() {
    let _ = Mailbox::bounded(0);
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
