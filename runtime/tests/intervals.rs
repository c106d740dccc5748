//! Timers that repeat, timers that know themselves, and timers for an instant.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{OnDrop, expect_empty, in_every_order, kill, timetrap, workers};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, Event, ExitReason, Interval, Missed, Report, TimerRef};

const HOUR: Duration = Duration::from_secs(3600);
const POLICIES: [Missed; 3] = [Missed::Skip, Missed::Burst, Missed::Delay];

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn in_time_every_policy_keeps_the_same_rhythm() {
    for missed in POLICIES {
        for_each_seed(20, |test| {
            test.run(move |mut ctx: Context<()>| async move {
                let start = ctx.system().now();
                let timer = ctx.send_interval(Interval::every(millis(10)).missed(missed), || ());
                for n in 1..=10 {
                    assert_eq!(ctx.read_timer(timer), Some(millis(10)));
                    ctx.receive_message().await;
                    assert_eq!(ctx.system().now() - start, millis(10 * n), "{missed:?}");
                }
            });
        });
    }
}

#[test]
fn the_ticks_of_a_process_that_is_busy_wait_in_its_mailbox() {
    for missed in POLICIES {
        for_each_seed(20, |test| {
            let made = Arc::new(AtomicU32::new(0));
            let count = made.clone();
            let process = test.spawn(move |mut ctx: Context<u32>| async move {
                let tick = move || count.fetch_add(1, Ordering::Relaxed);
                let timer = ctx.send_interval(Interval::every(millis(10)).missed(missed), tick);
                ctx.sleep(millis(55)).await;
                assert_eq!(ctx.cancel_timer(timer), Some(millis(5)));
                for n in 0..5 {
                    assert_eq!(ctx.receive_message().await, n, "{missed:?}");
                }
                expect_empty(&mut ctx).await;
            });
            test.advance(millis(200));
            assert_eq!(test.block_on(process.exited()), ExitReason::Normal);
            assert_eq!(made.load(Ordering::Relaxed), 5);
        });
    }
}

#[test]
fn an_interval_is_cancelled_from_within_its_own_tick() {
    for missed in POLICIES {
        for_each_seed(20, |test| {
            test.run(move |mut ctx: Context<u32>| async move {
                let mut n = 0;
                let timer = ctx.send_interval(Interval::every(millis(10)).missed(missed), move || {
                    n += 1;
                    n
                });
                while ctx.receive_message().await < 3 {}
                assert_eq!(ctx.cancel_timer(timer), Some(millis(10)));
                assert_eq!((ctx.cancel_timer(timer), ctx.read_timer(timer)), (None, None));
                ctx.sleep(HOUR).await;
                expect_empty(&mut ctx).await;
                assert_eq!(ctx.system().timer_count(), 0);
            });
        });
    }
}

#[test]
fn a_late_message_of_a_timer_is_told_from_that_of_its_successor() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<TimerRef>| async move {
            let first = ctx.start_timer(millis(10), |timer| timer);
            ctx.sleep(millis(20)).await;
            // It has expired: the cancel comes too late, and its message waits.
            assert_eq!(ctx.cancel_timer(first), None);
            let second = ctx.start_timer(millis(10), |timer| timer);
            assert_ne!(first, second);
            assert_eq!(ctx.receive_message().await, first);
            assert_eq!(ctx.receive_message().await, second);
        });
    });
}

#[test]
fn a_timer_that_is_cancelled_drops_what_it_would_have_sent() {
    for_each_seed(20, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let (tell, told) = async_channel::unbounded();
            let token = OnDrop(move || tell.try_send(()).expect("the test reads it"));
            let timer = ctx.start_timer(HOUR, move |_timer| drop(token));
            assert_eq!(ctx.cancel_timer(timer), Some(HOUR));
            assert_eq!(told.try_recv(), Ok(()));
            ctx.sleep(HOUR * 2).await;
            expect_empty(&mut ctx).await;
        });
    });
}

#[test]
fn a_timer_for_an_instant_expires_then_and_one_for_the_past_at_once() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<&str>| async move {
            let start = ctx.system().now();
            ctx.send_at(start + millis(10), "ten");
            ctx.sleep(millis(5)).await;
            ctx.send_at(start, "past");
            assert_eq!(ctx.receive_message().await, "past");
            assert_eq!(ctx.system().now() - start, millis(5));
            ctx.send_at(ctx.system().now(), "now");
            assert_eq!(ctx.receive_message().await, "now");
            assert_eq!(ctx.system().now() - start, millis(5));
            assert_eq!(ctx.receive_message().await, "ten");
            assert_eq!(ctx.system().now() - start, millis(10));
        });
    });
}

#[test]
fn a_timer_for_the_past_can_be_cancelled_until_it_fires() {
    in_every_order(|mut ctx: Context<()>| async move {
        let timer = ctx.send_at(ctx.system().now(), ());
        let cancelled = ctx.cancel_timer(timer);
        match cancelled {
            Some(left) => assert_eq!(left, Duration::ZERO),
            None => assert!(matches!(ctx.receive().await, Event::Message(()))),
        }
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_panic_in_making_a_timers_message_ends_its_process_and_no_other_timer() {
    for_each_seed(20, |test| {
        let reports = test.reports();
        for repeats in [false, true] {
            let process = test.spawn(move |mut ctx: Context<()>| async move {
                ctx.trap_exit(true);
                if repeats {
                    ctx.send_interval(millis(10), || panic!("out of cheese"));
                } else {
                    ctx.start_timer(millis(10), |_timer| panic!("out of cheese"));
                }
                ctx.receive().await;
            });
            let other = test.spawn(|mut ctx: Context<()>| async move {
                ctx.send_after(millis(10), ());
                ctx.receive_message().await;
            });
            let reason = test.block_on(process.exited());
            assert!(matches!(&reason, ExitReason::Panic(panic) if panic.message() == "out of cheese"));
            assert!(matches!(reports.try_recv(), Ok(Report::Crash(report)) if Some(report.pid) == process.pid()));
            assert_eq!(test.block_on(other.exited()), ExitReason::Normal);
            assert_eq!(test.timer_count(), 0);
        }
    });
}

#[test]
fn an_interval_ends_with_its_process_in_the_middle_of_a_burst() {
    timetrap(|| {
        let system = workers(4);
        for _ in 0..100 {
            let (tick, ticks) = async_channel::unbounded();
            let process = system.spawn(move |mut ctx: Context<()>| async move {
                let burst = Interval::every(Duration::from_micros(1)).missed(Missed::Burst);
                ctx.send_interval(burst, move || tick.try_send(()).expect("the test reads it"));
                loop {
                    ctx.receive_message().await;
                }
            });
            ticks.recv_blocking().expect("it ticks");
            futures_lite::future::block_on(kill(&system, &process));
            // When the timer is gone, so is what makes its messages.
            while ticks.recv_blocking().is_ok() {}
            assert_eq!(system.timer_count(), 0);
        }
    });
}
