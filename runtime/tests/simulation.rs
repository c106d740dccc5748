//! The simulation: the same seed is the same run, time moves only when nothing else can, and what can never end says so.

mod common;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use common::{idle, in_a_process_of_its_own, in_a_process_with};
use futures_lite::future;
use proscenium_runtime::testing::{Fault, TestSystem, for_each_seed};
use proscenium_runtime::{Address, Context, Event, ExitReason, Reply, SpawnOptions};

/// A run in which much happens at the same time, by chance and by mishap, and its trace.
fn trace(seed: u64) -> String {
    let test = TestSystem::new(seed);
    test.record();
    test.inject(Fault::kill().with_probability(0.01));
    test.inject(Fault::panic("struck").at_receive(7).times(2));
    test.delay_timers(Duration::from_millis(1));
    test.run(move |mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        for n in 0..6 {
            let home = ctx.address();
            let options = SpawnOptions::new().name(&format!("worker {n}"));
            let worker = ctx.spawn_link_with(options, move |mut ctx: Context<u32>| async move {
                for _ in 0..3 {
                    home.cast(n);
                    future::race(future::yield_now(), ctx.sleep(Duration::ZERO)).await;
                }
                ctx.send_after(Duration::from_millis(u64::from(n % 3)), n);
                while ctx.receive_message().await != n {}
                if n % 2 == 0 { Err(ExitReason::error("odd")) } else { Ok(()) }
            });
            let worker = worker.expect("the name is free");
            (10..20).for_each(|n| worker.cast(n));
            ctx.monitor(worker.pid().expect("it is of a process"));
        }
        let mut left = 6;
        while left > 0 {
            left -= u32::from(matches!(ctx.receive().await, Event::Exit(_)));
        }
    });
    test.run_until_idle();
    test.trace()
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..200 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
}

#[test]
fn the_same_seed_is_the_same_run_to_the_byte_in_every_os_process() {
    let name = "the_same_seed_is_the_same_run_to_the_byte_in_every_os_process";
    let traces = || (0..20).map(trace).collect::<String>();
    let Some(first) = in_a_process_of_its_own(name) else {
        print!("<trace>{}</trace>", traces());
        return;
    };
    let second = in_a_process_of_its_own(name).expect("this is not that process");
    for output in [first, second] {
        let text = String::from_utf8(output.stdout).expect("it is text");
        let (_, text) = text.split_once("<trace>").expect("it was printed");
        let (text, _) = text.split_once("</trace>").expect("it was printed whole");
        assert!(text.len() > 50_000, "{} bytes", text.len());
        assert!(text == traces(), "another OS process, another run");
    }
}

#[test]
fn other_seeds_are_other_runs() {
    let traces: BTreeSet<_> = (0..100).map(trace).collect();
    assert_eq!(traces.len(), 100);
}

#[test]
fn a_trace_tells_all_that_happens_with_its_time() {
    let test = TestSystem::new(7);
    test.spawn(idle);
    test.run_until_idle();
    test.record();
    test.inject(Fault::exit(ExitReason::error("struck")).at_receive(1));
    let mut probe = test.probe::<()>();
    let options = SpawnOptions::new().name("clerk");
    let clerk = probe.spawn_link_with(options, |mut ctx: Context<u8>| async move {
        ctx.sleep(Duration::from_secs(1)).await;
        ctx.receive_message().await;
    });
    let clerk = clerk.expect("the name is free");
    clerk.cast(1);
    probe.expect_exit_matching(|exit| exit.linked);
    let trace = test.trace();
    let expected = "\
0ns <0.2.1> spawned, takes ()
0ns <0.3.1> spawned as \"clerk\" by <0.2.1>, takes u8
0ns <0.2.1> runs
0ns <0.3.1> runs
1s <0.3.1> runs
1s <0.3.1> receives a message
1s fault at <0.3.1>: struck
1s <0.3.1> runs
1s dead letter to <0.3.1>, u8: unreceived when the process exited
1s <0.3.1> \"clerk\" crashed: struck
1s <0.3.1> ends: struck
1s <0.2.1> receives the exit of <0.3.1>
";
    assert_eq!(trace, expected);
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
                let _ = home.send_request(|reply| reply).await;
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

/// Runs itself again, where the seed 4 fails; what that prints is returned.
fn printed_of_bad_luck(name: &str, variables: &[(&str, &str)]) -> Option<String> {
    let Some(output) = in_a_process_with(name, variables) else {
        for_each_seed(10, |test| {
            eprintln!("runs {}", test.seed());
            test.run(|_ctx: Context<()>| async {});
            assert_ne!(test.seed(), 4, "bad luck");
        });
        return None;
    };
    assert!(!output.status.success());
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_seed_that_fails_is_printed() {
    let Some(errors) = printed_of_bad_luck("a_seed_that_fails_is_printed", &[]) else { return };
    let runs = errors.lines().filter(|line| line.starts_with("runs ")).count();
    assert_eq!(runs, 5, "{errors}");
    assert!(errors.contains("failed with seed 4; PROSCENIUM_SEED=4 runs it alone"), "{errors}");
    assert!(!errors.contains("spawned"), "a trace is for one seed alone: {errors}");
}

#[test]
fn a_seed_that_fails_can_be_run_alone_and_prints_its_trace() {
    let name = "a_seed_that_fails_can_be_run_alone_and_prints_its_trace";
    let Some(errors) = printed_of_bad_luck(name, &[("PROSCENIUM_SEED", "4")]) else { return };
    let runs: Vec<_> = errors.lines().filter(|line| line.starts_with("runs ")).collect();
    assert_eq!(runs, ["runs 4"], "{errors}");
    assert!(errors.contains("0ns <0.1.1> ends: normal\nfailed with seed 4"), "{errors}");
}

#[test]
fn the_outside_may_let_others_run_first() {
    let test = TestSystem::new(7);
    test.block_on(async {
        for _ in 0..3 {
            future::yield_now().await;
        }
    });
    assert_eq!(test.elapsed(), Duration::ZERO);
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
