//! What OTP's suites assert of timers and no other topic here shows. `CONFORMANCE.md` says which case is which.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{Gate, expect_empty, in_every_order, kill, next_down, run_on, timetrap, workers};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Context, DeadReason, Event, ExitReason, Pid, SystemHandle, TimerRef};

const HOUR: Duration = Duration::from_secs(3600);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn under_load_no_timer_is_early_and_none_is_lost() {
    timetrap(|| {
        let system = workers(2);
        let (done, is_done) = (Arc::new(AtomicBool::new(false)), async_channel::unbounded::<()>());
        for _ in 0..8 {
            let done = done.clone();
            system.spawn(move |_ctx: Context<()>| async move {
                while !done.load(Ordering::Relaxed) {
                    future::yield_now().await;
                }
            });
        }
        for seed in 0..200 {
            let told = is_done.0.clone();
            system.spawn(move |mut ctx: Context<Instant>| async move {
                let mut rng = Rng::with_seed(seed);
                for _ in 0..20 {
                    let delay = Duration::from_micros(rng.u64(..5000));
                    let expiry = Instant::now() + delay;
                    ctx.send_after(delay, expiry);
                    assert_eq!(ctx.receive_message().await, expiry);
                    assert!(Instant::now() >= expiry, "it is early");
                }
                told.try_send(()).expect("it is waited for");
            });
        }
        for _ in 0..200 {
            future::block_on(is_done.1.recv()).expect("no timer is lost");
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Runs `work` in a process of its own after `delay`; OTP's `apply_after`. Ending that process cancels it.
fn apply_after<F>(system: &SystemHandle, delay: Duration, work: F) -> Address<()>
where
    F: FnOnce(&SystemHandle, Pid) + Send + 'static,
{
    system.spawn(move |ctx: Context<()>| async move {
        ctx.sleep(delay).await;
        work(ctx.system(), ctx.pid());
    })
}

#[test]
fn work_set_for_later_is_done_then_in_a_process_of_its_own_unless_that_is_ended_before() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<(Pid, Instant)>| async move {
            let (start, home) = (ctx.system().now(), ctx.address());
            let worker = apply_after(ctx.system(), millis(10), move |system, own| home.cast((own, system.now())));
            assert_eq!(ctx.receive_message().await, (pid(&worker), start + millis(10)));

            let home = ctx.address();
            let cancelled = apply_after(ctx.system(), millis(10), move |system, own| home.cast((own, system.now())));
            ctx.sleep(millis(5)).await;
            kill(ctx.system(), &cancelled).await;
            ctx.sleep(HOUR).await;
            expect_empty(&mut ctx).await;
            assert_eq!(ctx.system().timer_count(), 0);
        });
    });
}

#[test]
fn work_set_for_later_outlives_who_set_it() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let home = ctx.address();
            let setter = ctx.spawn(|ctx: Context<()>| async move {
                apply_after(ctx.system(), millis(10), move |_system, _own| home.cast(()));
            });
            setter.exited().await;
            assert_eq!(ctx.receive_timeout(HOUR).await, Some(Event::Message(())));
        });
    });
}

#[test]
fn an_exit_or_a_kill_set_for_later_ends_its_target_then_and_does_nothing_to_one_that_is_gone() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            for (sent, told) in
                [(ExitReason::error("late"), ExitReason::error("late")), (ExitReason::Kill, ExitReason::Killed)]
            {
                let start = ctx.system().now();
                let (target, _) = ctx.spawn_monitor(|mut ctx: Context<()>| async move {
                    ctx.register("target").expect("the name is free");
                    future::pending::<()>().await;
                });
                let reason = sent.clone();
                // The name is looked up when the time has come.
                apply_after(ctx.system(), millis(10), move |system, _own| {
                    let target = system.whereis("target").expect("it is there by now");
                    system.exit(target, reason);
                });
                assert_eq!(next_down(&mut ctx).await.reason, told);
                assert_eq!(ctx.system().now() - start, millis(10));
                let gone = pid(&target);
                let late = apply_after(ctx.system(), millis(10), move |system, _own| system.exit(gone, sent));
                assert_eq!(late.exited().await, ExitReason::Normal);
            }
        });
    });
}

#[test]
fn work_that_sets_its_own_timer_when_it_is_done_never_overlaps() {
    for_each_seed(100, |test| {
        let mut rng = Rng::with_seed(test.seed());
        test.run(move |mut ctx: Context<()>| async move {
            let mut end = ctx.system().now();
            ctx.send_after(millis(10), ());
            for _ in 0..20 {
                ctx.receive_message().await;
                assert_eq!(ctx.system().now() - end, millis(10), "a full delay lies between two works");
                ctx.sleep(millis(rng.u64(..50))).await;
                expect_empty(&mut ctx).await;
                end = ctx.system().now();
                ctx.send_after(millis(10), ());
            }
        });
    });
}

#[test]
fn an_interval_of_a_receiver_that_ends_stops_and_leaves_no_dead_letter() {
    for_each_seed(100, |test| {
        let dead_letters = test.dead_letters();
        let made = Arc::new(AtomicU32::new(0));
        let count = made.clone();
        let receiver = test.spawn(move |mut ctx: Context<u32>| async move {
            ctx.send_interval(millis(10), move || count.fetch_add(1, Ordering::Relaxed));
            ctx.receive_message().await;
        });
        test.advance(HOUR);
        assert_eq!(test.block_on(receiver.exited()), ExitReason::Normal);
        assert_eq!(made.load(Ordering::Relaxed), 1);
        assert_eq!((test.timer_count(), dead_letters.len()), (0, 0));
    });
}

#[test]
fn a_sleep_takes_at_least_as_long_as_asked() {
    timetrap(|| {
        run_on(&workers(2), |ctx: Context<()>| async move {
            for micros in [0, 1, 999, 1000, 1001, 20_000] {
                let (start, duration) = (Instant::now(), Duration::from_micros(micros));
                ctx.sleep(duration).await;
                assert!(start.elapsed() >= duration);
            }
        });
    });
}

#[test]
fn a_timer_of_many_weeks_tells_what_is_left_of_it() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            for exponent in [31, 32, 33, 40] {
                let big = millis(1 << exponent);
                let timer = ctx.send_after(big, ());
                ctx.sleep(millis(200)).await;
                assert_eq!(ctx.read_timer(timer), Some(big - millis(200)));
                assert_eq!(ctx.cancel_timer(timer), Some(big - millis(200)));
                assert_eq!(ctx.read_timer(timer), None);
            }
        });
    });
}

#[test]
fn a_cancelled_timer_takes_no_other_along() {
    for_each_seed(100, |test| {
        let mut rng = Rng::with_seed(test.seed());
        test.run(move |mut ctx: Context<u64>| async move {
            let mut timers: Vec<(u64, TimerRef)> =
                (0..100).map(|n| (n, ctx.send_after(millis(rng.u64(1..5)), n))).collect();
            rng.shuffle(&mut timers);
            for (_, timer) in timers.drain(..50) {
                assert!(ctx.cancel_timer(timer).is_some());
                assert_eq!(ctx.cancel_timer(timer), None);
            }
            assert_eq!(ctx.system().timer_count(), 50);
            let mut left: Vec<u64> = timers.into_iter().map(|(n, _)| n).collect();
            let mut received = Vec::new();
            for _ in 0..50 {
                received.push(ctx.receive_message().await);
            }
            left.sort_unstable();
            received.sort_unstable();
            assert_eq!(received, left);
        });
    });
}

#[test]
fn a_crowd_of_timers_of_one_instant_all_expire_and_others_run_meanwhile() {
    timetrap(|| {
        run_on(&workers(1), |mut ctx: Context<u32>| async move {
            const CROWD: u32 = 100_000;
            let at = ctx.system().now();
            let beside = ctx.spawn(|_ctx: Context<()>| async {
                for _ in 0..100 {
                    future::yield_now().await;
                }
            });
            for n in 0..CROWD {
                ctx.send_at(at, n);
            }
            assert_eq!(beside.exited().await, ExitReason::Normal);
            for n in 0..CROWD {
                assert_eq!(ctx.receive_message().await, n);
            }
            assert_eq!(ctx.system().timer_count(), 0);
        });
    });
}

#[test]
fn of_timers_of_one_instant_each_is_cancelled_or_has_sent_its_message() {
    timetrap(|| {
        run_on(&workers(4), |mut ctx: Context<usize>| async move {
            const CROWD: usize = 1000;
            for round in 0..50 {
                let at = Instant::now() + Duration::from_micros(round * 10);
                let timers: Vec<TimerRef> = (0..CROWD).map(|n| ctx.send_at(at, n)).collect();
                let mut sent = vec![true; CROWD];
                for n in (0..CROWD).rev().step_by(2) {
                    sent[n] = ctx.cancel_timer(timers[n]).is_none();
                }
                for _ in 0..sent.iter().filter(|sent| **sent).count() {
                    let n = ctx.receive_message().await;
                    assert!(std::mem::take(&mut sent[n]), "timer {n} was cancelled, or has fired before");
                }
                expect_empty(&mut ctx).await;
            }
        });
    });
}

#[test]
fn a_process_with_a_crowd_of_timers_takes_them_along() {
    timetrap(|| {
        let system = workers(2);
        for end in [ExitReason::Kill, ExitReason::error("flat")] {
            let set = Gate::new();
            let is_set = set.clone();
            let owner = system.spawn(move |mut ctx: Context<u32>| async move {
                for n in 0..10_000 {
                    ctx.send_after(HOUR, n);
                }
                for _ in 0..100 {
                    ctx.send_interval(HOUR, || 0);
                }
                is_set.open();
                future::pending::<()>().await;
            });
            future::block_on(set.passed());
            assert_eq!(system.timer_count(), 10_100);
            system.exit(pid(&owner), end);
            future::block_on(owner.exited());
            assert_eq!(system.timer_count(), 0);
        }
    });
}

#[test]
fn a_timer_to_a_process_that_is_gone_or_ends_before_it_comes_to_nothing_but_a_dead_letter() {
    in_every_order(|mut ctx: Context<()>| async move {
        let dead_letters = ctx.system().dead_letters();
        let gone = ctx.spawn(|_ctx: Context<u32>| async {});
        gone.exited().await;
        ctx.send_after_to(Duration::ZERO, &gone, 1);
        let letter = dead_letters.recv().await.expect("the system lives");
        assert_eq!((letter.target, letter.reason), (gone.recipient(), DeadReason::Exited));
        let timer = ctx.send_after_to(HOUR, &gone, 2);
        assert!(ctx.cancel_timer(timer).is_some());
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn timers_without_delay_that_are_set_again_at_each_expiry_let_others_run() {
    timetrap(|| {
        run_on(&workers(1), |mut ctx: Context<()>| async move {
            let ended = Arc::new(AtomicBool::new(false));
            let is_ended = ended.clone();
            let rearmed = ctx.spawn(move |mut ctx: Context<u32>| async move {
                for n in 0..10 {
                    ctx.send_after(Duration::ZERO, n);
                }
                while !is_ended.load(Ordering::Relaxed) {
                    let n = ctx.receive_message().await;
                    ctx.send_after(Duration::ZERO, n);
                }
            });
            let other = ctx.spawn(|mut ctx: Context<()>| async move {
                for _ in 0..100 {
                    ctx.send_after(Duration::ZERO, ());
                    ctx.receive_message().await;
                }
            });
            assert_eq!(other.exited().await, ExitReason::Normal);
            ended.store(true, Ordering::Relaxed);
            assert_eq!(rearmed.exited().await, ExitReason::Normal);
        });
    });
}

#[test]
fn a_process_that_floods_itself_holds_up_no_timer_of_another() {
    timetrap(|| {
        run_on(&workers(1), |mut ctx: Context<()>| async move {
            let flooded = ctx.spawn(|mut ctx: Context<()>| async move {
                let own = ctx.address();
                own.cast(());
                loop {
                    ctx.receive_message().await;
                    own.cast(());
                }
            });
            for _ in 0..100 {
                ctx.send_after(Duration::from_micros(1), ());
                ctx.receive_message().await;
            }
            kill(ctx.system(), &flooded).await;
        });
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
