//! Timers: never early, in order, and each belongs to one incarnation of one process.

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use common::{Gate, TIMES, expect_empty, idle, in_every_order, kill, many_times, run_on, text, timetrap, workers};
use fastrand::Rng;
use futures_lite::future::{self, yield_now};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Context, DeadReason, Event, ExitReason, Mailbox, Pid, SpawnOptions};

const HOUR: Duration = Duration::from_secs(3600);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn timers_are_received_when_they_expire_and_in_that_order() {
    for_each_seed(100, |test| {
        let mut rng = Rng::with_seed(test.seed());
        test.run(move |mut ctx: Context<u64>| async move {
            let start = ctx.system().now();
            let mut delays: Vec<u64> = (0..100).map(|_| rng.u64(0..1000)).collect();
            for delay in &delays {
                ctx.send_after(millis(*delay), *delay);
            }
            delays.sort_unstable();
            for delay in delays {
                assert_eq!(ctx.receive_message().await, delay);
                assert_eq!(ctx.system().now() - start, millis(delay));
            }
            assert_eq!(ctx.system().timer_count(), 0);
        });
    });
}

#[test]
fn timers_of_one_instant_are_received_in_the_order_in_which_they_were_set() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            for n in 0..100 {
                ctx.send_after(millis(10), n);
            }
            for n in 0..100 {
                assert_eq!(ctx.receive_message().await, n);
            }
        });
    });
}

#[test]
fn a_wait_with_a_limit_sets_a_timer_only_if_it_outlasts_the_turn() {
    timetrap(|| {
        run_on(&workers(1), |mut ctx: Context<()>| async move {
            let wait = |mut ctx: Context<()>| async move { while ctx.receive_timeout(HOUR).await.is_some() {} };
            let waiting = ctx.spawn(wait);
            let timers = |count| ctx.system().timer_count() == count;
            for _ in 0..3 {
                // It runs, and waits, in the same turn of the worker as this process.
                yield_now().await;
                assert!(timers(0));
                waiting.cast(());
            }
            while !timers(1) {
                yield_now().await;
            }
        });
    });
}

/// A process is polled once more when the turn of its worker ends, which never ends here.
#[test]
fn a_limit_ends_a_wait_though_whoever_runs_after_it_blocks_the_worker() {
    timetrap(|| {
        let system = workers(2);
        for _ in 0..20 {
            run_on(&system, |mut ctx: Context<()>| async move {
                let (free, blocked) = mpsc::channel::<()>();
                ctx.spawn(move |_ctx: Context<()>| async move { _ = blocked.recv() });
                assert!(ctx.receive_timeout(millis(60)).await.is_none());
                drop(free);
            });
        }
    });
}

#[test]
fn by_the_machines_clock_no_timer_is_early() {
    timetrap(|| {
        run_on(&workers(2), |mut ctx: Context<Instant>| async move {
            for n in 0..TIMES as u64 {
                let delay = Duration::from_micros(n * 10);
                let expiry = ctx.system().now() + delay;
                ctx.send_after(delay, expiry);
            }
            for _ in 0..TIMES {
                let expiry = ctx.receive_message().await;
                assert!(Instant::now() >= expiry);
            }
        });
    });
}

#[test]
fn a_timer_without_delay_expires_at_once() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.send_after(Duration::ZERO, 2);
        ctx.address().cast(1);
        let first = ctx.receive_message().await;
        let second = ctx.receive_message().await;
        assert_eq!(first + second, 3, "both come, in whatever order");
    });
}

#[test]
fn cancel_returns_the_time_left_and_nothing_comes_after_it() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let timer = ctx.send_after(millis(100), 1);
            ctx.sleep(millis(30)).await;
            assert_eq!(ctx.read_timer(timer), Some(millis(70)));
            assert_eq!(ctx.cancel_timer(timer), Some(millis(70)));
            assert_eq!((ctx.cancel_timer(timer), ctx.read_timer(timer)), (None, None));
            ctx.sleep(HOUR).await;
            expect_empty(&mut ctx).await;
            assert_eq!(ctx.system().timer_count(), 0);
        });
    });
}

#[test]
fn a_timer_that_cannot_be_cancelled_any_more_has_sent_its_message() {
    many_times(|mut ctx: Context<()>| async move {
        let timer = ctx.send_after(Duration::ZERO, ());
        for _ in 0..3 {
            future::yield_now().await;
        }
        let cancelled = ctx.cancel_timer(timer).is_some();
        let received = ctx.receive_timeout(Duration::ZERO).await.is_some();
        assert_ne!(cancelled, received);
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_process_cancels_only_its_own_timers() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let timer = ctx.send_after(millis(10), 1);
            let other = ctx.spawn(move |mut ctx: Context<()>| async move {
                assert_eq!(ctx.cancel_timer(timer), None);
            });
            assert_eq!(other.exited().await, ExitReason::Normal);
            assert_eq!(ctx.receive_message().await, 1);
        });
    });
}

#[test]
fn the_timers_of_a_process_end_with_it() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let home = ctx.address();
        let set = Gate::new();
        let is_set = set.clone();
        let child = ctx.spawn(move |mut ctx: Context<u32>| async move {
            ctx.send_after(HOUR, 1);
            ctx.send_after_to(HOUR, &home, 2);
            ctx.send_interval(HOUR, || 3);
            let sleep = ctx.sleep(HOUR);
            is_set.open();
            sleep.await;
        });
        set.passed().await;
        kill(ctx.system(), &child).await;
        assert_eq!(ctx.system().timer_count(), 0);
    });
}

#[test]
fn a_timer_that_fires_while_its_process_ends_leaves_nothing() {
    timetrap(|| {
        run_on(&workers(4), |mut ctx: Context<()>| async move {
            for _ in 0..TIMES {
                let (child, _) = ctx.spawn_monitor(|mut ctx: Context<u32>| async move {
                    // It ticks all the time.
                    ctx.send_interval(Duration::from_nanos(1), || 1);
                    ctx.receive_message().await;
                });
                child.exited().await;
                assert_eq!(ctx.system().timer_count(), 0);
                ctx.receive().await;
            }
        });
    });
}

#[test]
fn an_interval_cancelled_beside_its_tick_ticks_no_more() {
    timetrap(|| {
        run_on(&workers(4), |mut ctx: Context<u32>| async move {
            for round in 0..TIMES as u32 {
                let timer = ctx.send_interval(Duration::from_nanos(1), move || round);
                assert_eq!(ctx.receive_message().await, round);
                assert!(ctx.cancel_timer(timer).is_some());
                assert_eq!(ctx.system().timer_count(), 0);
                // What had come before the cancel may be there; nothing comes after it.
                while ctx.receive_timeout(Duration::ZERO).await.is_some() {}
            }
            assert_eq!(ctx.receive_timeout(millis(1)).await, None);
        });
    });
}

#[test]
fn no_timer_fires_into_a_successor() {
    for_each_seed(TIMES as u64, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let home = ctx.address();
            for incarnation in 0..3 {
                let home = home.clone();
                let options = SpawnOptions::new().name("server");
                let server = ctx.spawn_link_with(options, move |mut ctx: Context<u32>| async move {
                    ctx.send_after(millis(10), incarnation);
                    let own = ctx.address();
                    ctx.send_after_to(millis(10), &own, incarnation);
                    ctx.send_interval(millis(4), move || incarnation);
                    // The first two end while their timers are pending.
                    let end = ctx.system().now() + millis(if incarnation < 2 { 9 } else { 30 });
                    loop {
                        let left = end.saturating_duration_since(ctx.system().now());
                        match ctx.receive_timeout(left).await {
                            Some(Event::Message(n)) => assert_eq!(n, incarnation, "a timer of a predecessor"),
                            Some(_) => unreachable!("it traps and monitors nothing"),
                            None => break,
                        }
                    }
                    home.cast(incarnation);
                });
                server.expect("the name is free").exited().await;
                assert_eq!(ctx.receive_message().await, incarnation);
                assert_eq!(ctx.system().timer_count(), 0);
            }
        });
    });
}

#[test]
fn a_timer_to_a_name_finds_whoever_has_it_when_it_expires() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let server: Address<u32> = ctx.system().named("server");
            ctx.send_after_to(millis(10), &server, 1);
            ctx.sleep(millis(5)).await;
            ctx.register("server").expect("the name is free");
            assert_eq!(ctx.receive_message().await, 1);
            assert!(ctx.system().unregister("server").is_some());

            let dead_letters = ctx.system().dead_letters();
            ctx.send_after_to(millis(10), &server, 2);
            ctx.sleep(millis(20)).await;
            assert_eq!(dead_letters.try_recv().map(|letter| letter.reason), Ok(DeadReason::NoProcess));
            expect_empty(&mut ctx).await;
        });
    });
}

#[test]
fn a_timer_to_another_process_ends_with_its_owner_and_not_with_its_receiver() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let receiver = ctx.spawn(|_ctx: Context<u32>| future::pending::<()>());
            ctx.send_after_to(millis(10), &receiver, 1);
            kill(ctx.system(), &receiver).await;
            assert_eq!(ctx.system().timer_count(), 1);
            ctx.sleep(millis(20)).await;
            assert_eq!(ctx.system().dead_letter_count(), 1);

            let home = ctx.address();
            let owner = ctx.spawn(move |mut ctx: Context<()>| async move {
                ctx.send_after_to(millis(10), &home, 2);
                ctx.sleep(millis(5)).await;
            });
            owner.exited().await;
            ctx.sleep(HOUR).await;
            expect_empty(&mut ctx).await;
        });
    });
}

#[test]
fn an_interval_keeps_its_rhythm_until_it_is_cancelled() {
    for_each_seed(100, |test| {
        let ticks = Arc::new(AtomicU32::new(0));
        let made = ticks.clone();
        let (home, received) = async_channel::unbounded();
        test.spawn(move |mut ctx: Context<u32>| async move {
            let start = ctx.system().now();
            let timer = ctx.send_interval(millis(10), move || made.fetch_add(1, Ordering::Relaxed));
            for _ in 0..3 {
                ctx.receive_message().await;
                home.try_send(ctx.system().now() - start).expect("the test reads it");
            }
            assert!(ctx.cancel_timer(timer).is_some());
            ctx.sleep(HOUR).await;
            expect_empty(&mut ctx).await;
        });
        test.advance(millis(10));
        test.advance(millis(10));
        test.advance(millis(10));
        let times: Vec<_> = std::iter::from_fn(|| received.try_recv().ok()).collect();
        assert_eq!(times, [millis(10), millis(20), millis(30)]);
        test.advance(HOUR);
        assert_eq!(ticks.load(Ordering::Relaxed), 3);
        assert_eq!(test.process_count(), 0);
    });
}

#[test]
#[should_panic(expected = "an interval needs a period")]
fn an_interval_without_a_period_is_refused() {
    proscenium_runtime::testing::TestSystem::new(0).run(|mut ctx: Context<u32>| async move {
        ctx.send_interval(Duration::ZERO, || 1);
    });
}

#[test]
fn a_timer_finds_room_in_a_full_mailbox() {
    for_each_seed(10, |test| {
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
        let full = test.spawn_with(options, |mut ctx: Context<u32>| async move {
            ctx.send_after(millis(10), 2);
            ctx.address().cast(1);
            ctx.sleep(millis(20)).await;
            let events = [text(&ctx.receive().await), text(&ctx.receive().await)];
            assert_eq!(events, ["message 1", "message 2"]);
        });
        let reason = test.block_on(full.expect("it has no name").exited());
        assert_eq!(reason, ExitReason::Normal);
    });
}

#[test]
fn a_sleep_wakes_whoever_polled_it_last_and_is_forgotten_when_dropped() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<()>| async move {
            let mut sleep = ctx.sleep(HOUR);
            // Polled by another waker first.
            assert!(future::block_on(future::poll_once(&mut sleep)).is_none());
            assert!(future::poll_once(&mut sleep).await.is_none());
            assert_eq!(ctx.system().timer_count(), 1);
            sleep.await;
            let mut sleep = ctx.sleep(HOUR);
            assert!(future::poll_once(&mut sleep).await.is_none());
            drop(sleep);
            assert_eq!(ctx.system().timer_count(), 0);
        });
    });
}

#[test]
fn a_delay_beyond_all_reason_is_only_long() {
    for_each_seed(1, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let timer = ctx.send_after(Duration::MAX, ());
            assert!(ctx.read_timer(timer) > Some(HOUR));
            let never = ctx.sleep(Duration::MAX);
            assert_eq!(ctx.receive_timeout(HOUR).await, None);
            drop(never);
        });
    });
}

#[test]
fn process_info_counts_pending_timers() {
    for_each_seed(1, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let count = |ctx: &Context<()>| ctx.system().process_info(ctx.pid()).expect("it runs").timers;
            ctx.send_after(millis(1), ());
            ctx.send_after(millis(2), ());
            assert_eq!(count(&ctx), 2);
            ctx.receive_message().await;
            assert_eq!(count(&ctx), 1);
            let other = ctx.spawn(idle);
            assert_eq!(ctx.system().process_info(pid(&other)).map(|info| info.timers), Some(0));
        });
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
