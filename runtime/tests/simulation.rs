//! The simulation: the same seed is the same run, time moves only when nothing else can, and what can never end says so.

mod common;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{idle, in_a_process_of_its_own};
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Address, Context, Event, ExitReason, Reply};

type Trace = Arc<Mutex<Vec<String>>>;

/// A run in which much happens at the same time, and what happened, in order.
fn trace(seed: u64) -> Vec<String> {
    let trace = Trace::default();
    let noted = trace.clone();
    let test = TestSystem::new(seed);
    test.run(move |mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let note = move |system: &proscenium_runtime::SystemHandle, start, what: String| {
            let elapsed = system.now() - start;
            noted.lock().expect("nobody panics with it").push(format!("{elapsed:?}: {what}"));
        };
        let start = ctx.system().now();
        for n in 0..6 {
            let (home, note) = (ctx.address(), note.clone());
            ctx.spawn_link(move |mut ctx: Context<()>| async move {
                for step in 0..3 {
                    note(ctx.system(), start, format!("{n} takes step {step}"));
                    home.cast(n);
                    future::yield_now().await;
                }
                ctx.send_after(Duration::from_millis(u64::from(n % 3)), ());
                ctx.receive_message().await;
                if n % 2 == 0 { Err(ExitReason::error("odd")) } else { Ok(()) }
            });
        }
        let mut left = 6;
        while left > 0 {
            let event = ctx.receive().await;
            left -= u32::from(matches!(event, Event::Exit(_)));
            note(ctx.system(), start, format!("{event:?}"));
        }
    });
    Arc::try_unwrap(trace).expect("all have ended").into_inner().expect("nobody panics with it")
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..100 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
}

#[test]
fn other_seeds_are_other_runs() {
    let traces: BTreeSet<_> = (0..100).map(trace).collect();
    assert!(traces.len() > 95, "{} of 100", traces.len());
}

#[test]
fn every_order_of_two_processes_comes_up() {
    let orders = RefCell::new(BTreeSet::new());
    for_each_seed(50, |test| {
        let order = test.run(|mut ctx: Context<u32>| async move {
            for n in 0..2 {
                let home = ctx.address();
                ctx.spawn(move |_ctx: Context<()>| async move { home.cast(n) });
            }
            (ctx.receive_message().await, ctx.receive_message().await)
        });
        orders.borrow_mut().insert(order);
    });
    assert_eq!(orders.into_inner(), BTreeSet::from([(0, 1), (1, 0)]));
}

#[test]
fn time_stands_still_while_anything_can_run() {
    for_each_seed(50, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let start = ctx.system().now();
            ctx.send_after(Duration::from_nanos(1), ());
            for _ in 0..1000 {
                future::yield_now().await;
                assert_eq!(ctx.system().now(), start);
            }
            ctx.receive_message().await;
            assert_eq!(ctx.system().now() - start, Duration::from_nanos(1));
        });
    });
}

#[test]
fn years_pass_in_no_time_and_in_order() {
    let test = TestSystem::new(7);
    let day = Duration::from_secs(24 * 3600);
    let days = test.run(move |mut ctx: Context<u32>| async move {
        let mut day_number = 0;
        ctx.send_interval(day, move || {
            day_number += 1;
            day_number
        });
        while ctx.receive_message().await < 3650 {}
        3650
    });
    assert_eq!(test.elapsed(), day * days);
}

#[test]
fn advance_fires_what_is_due_on_the_way_and_nothing_else() {
    let test = TestSystem::new(7);
    let (home, events) = async_channel::unbounded();
    test.spawn(move |ctx: Context<()>| async move {
        for _ in 0..3 {
            ctx.sleep(Duration::from_secs(1)).await;
            home.try_send(()).expect("the test reads it");
        }
    });
    test.advance(Duration::from_millis(999));
    assert_eq!(events.len(), 0);
    test.advance(Duration::from_millis(1));
    assert_eq!(events.len(), 1);
    test.advance(Duration::from_millis(2500));
    assert_eq!((events.len(), test.elapsed()), (3, Duration::from_millis(3500)));
}

/// What the panic of `test` says.
fn panic_of(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("it panics");
    panic.downcast_ref::<String>().expect("it says something").clone()
}

#[test]
fn who_waits_for_ever_is_told_so_with_the_seed() {
    let told = "nothing can run and no timer is pending: it would wait for ever (seed 7)";
    let deadlocked = panic_of(|| {
        TestSystem::new(7).run(|mut ctx: Context<Reply<()>>| async move {
            let home = ctx.address();
            let other = ctx.spawn_link(move |_ctx: Context<Reply<()>>| async move {
                let _ = home.call(|reply| reply).without_timeout().await;
            });
            let _ = other.call(|reply| reply).without_timeout().await;
        });
    });
    assert_eq!(deadlocked, told);
    assert_eq!(panic_of(|| TestSystem::new(7).block_on(future::pending())), told);
}

#[test]
fn a_main_process_that_ends_too_early_is_reported_with_its_reason_and_the_seed() {
    let told = panic_of(|| {
        TestSystem::new(3).run(|ctx: Context<()>| async move {
            ctx.exit(ctx.pid(), ExitReason::error("no luck"));
            future::yield_now().await;
        });
    });
    assert_eq!(told, "the process ended: no luck (seed 3)");
}

#[test]
fn a_seed_that_fails_is_printed_and_can_be_run_alone() {
    let Some(output) = in_a_process_of_its_own("a_seed_that_fails_is_printed_and_can_be_run_alone") else {
        for_each_seed(10, |test| {
            eprintln!("runs {}", test.seed());
            assert_ne!(test.seed(), 4, "bad luck");
        });
        return;
    };
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    let runs = errors.lines().filter(|line| line.starts_with("runs ")).count();
    assert_eq!(runs, 5, "{errors}");
    assert!(errors.contains("failed with seed 4; PROSCENIUM_SEED=4 runs it alone"), "{errors}");
}

#[test]
fn the_outside_can_take_part() {
    let test = TestSystem::new(7);
    let echo: Address<Reply<Duration>> = test.spawn(|mut ctx: Context<Reply<Duration>>| async move {
        let start = ctx.system().now();
        loop {
            let reply = ctx.receive_message().await;
            ctx.sleep(Duration::from_secs(1)).await;
            reply.send(ctx.system().now() - start);
        }
    });
    assert_eq!(test.block_on(echo.call(|reply| reply)), Ok(Duration::from_secs(1)));
    assert_eq!(test.block_on(echo.call(|reply| reply)), Ok(Duration::from_secs(2)));
    test.shutdown();
    assert_eq!(test.process_count(), 0);
    test.spawn(idle);
    test.run_until_idle();
    assert_eq!(test.process_count(), 1, "the system itself lives on");
}
