//! Injected faults: whom they strike, when, and that the seed alone decides the rest.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{OnDrop, idle};
use futures_lite::future;
use proscenium_runtime::testing::{Fault, TestSystem, for_each_seed};
use proscenium_runtime::{
    Address, Context, DeadReason, ExitReason, InitAck, SpawnOptions, StartError, StartOptions, SystemHandle, start,
};

fn boom() -> ExitReason {
    ExitReason::error("boom")
}

/// A process that receives for ever, called and labelled `name`.
fn sink(system: &SystemHandle, name: &str) -> Address<u32> {
    let options = SpawnOptions::new().name(name).label(name);
    let sink = system.spawn_with(options, |mut ctx: Context<u32>| async move {
        loop {
            ctx.receive_message().await;
        }
    });
    sink.expect("the name is free")
}

fn has_ended<M: Send + 'static>(test: &TestSystem, process: &Address<M>) -> bool {
    test.run_until_idle();
    !test.is_alive(process.pid().expect("it is of a process"))
}

#[test]
fn a_start_that_a_fault_strikes_fails_with_its_reason() {
    let test = TestSystem::new(1);
    test.inject(Fault::exit(boom()).labelled("db").at_start().times(1));
    let begin = || {
        let options = StartOptions::new().spawn(|options| options.name("db").label("db"));
        start(&test, options, |ctx: Context<()>, ack: InitAck| async move {
            ack.ready();
            idle(ctx).await;
        })
    };
    assert_eq!(test.block_on(begin()).unwrap_err(), StartError::Init(boom()));
    test.expect_crash(|crash| crash.reason == boom());
    assert!(test.block_on(begin()).is_ok(), "the name is free, and the fault has struck");
    assert_eq!(test.fault_count(), 1);
}

#[test]
fn a_start_is_struck_before_any_code_of_the_process_runs() {
    let test = TestSystem::new(1);
    test.inject(Fault::kill().at_start());
    let process = test.spawn(|_ctx: Context<()>| async { panic!("it runs") });
    assert_eq!(test.block_on(process.exited()), ExitReason::Killed);
    test.expect_no_crash();
}

#[test]
fn who_runs_already_does_not_start_any_more() {
    let test = TestSystem::new(1);
    let till = sink(&test, "till");
    test.run_until_idle();
    test.inject(Fault::kill().at_start());
    till.cast(1);
    assert!(!has_ended(&test, &till));
}

#[test]
fn a_process_is_struck_as_it_is_about_to_receive_for_the_nth_time() {
    let test = TestSystem::new(1);
    test.inject(Fault::exit(boom()).named("till").at_receive(3));
    for _incarnation in 0..2 {
        let (till, other) = (sink(&test, "till"), sink(&test, "other"));
        for n in 0..5 {
            till.cast(n);
            other.cast(n);
        }
        assert_eq!(test.block_on(till.exited()), boom());
        assert_eq!(test.expect_crash(|crash| crash.pid == till.pid().unwrap()).unreceived, 3);
        for _ in 2..5 {
            test.expect_dead_letter::<u32>(DeadReason::DroppedAtExit);
        }
        assert!(!has_ended(&test, &other));
        test.exit(other.pid().unwrap(), ExitReason::Kill);
        test.run_until_idle();
    }
    test.expect_no_dead_letters();
}

#[test]
fn what_a_process_has_done_before_the_injection_does_not_count() {
    let test = TestSystem::new(1);
    let till = sink(&test, "till");
    till.cast(1);
    test.run_until_idle();
    test.inject(Fault::kill().at_receive(2));
    till.cast(2);
    assert!(!has_ended(&test, &till));
    till.cast(3);
    assert!(has_ended(&test, &till));
}

#[test]
fn a_process_is_struck_as_it_runs_for_the_nth_time() {
    let test = TestSystem::new(1);
    test.inject(Fault::kill().at_run(3));
    let (sender, steps) = async_channel::unbounded();
    test.spawn(|_ctx: Context<()>| async move {
        loop {
            sender.try_send(()).expect("there is room");
            future::yield_now().await;
        }
    });
    test.run_until_idle();
    assert_eq!(steps.len(), 2);
}

#[test]
fn only_those_are_struck_that_the_fault_is_for() {
    let table: &[fn(Fault, &Address<u32>) -> Fault] = &[
        |fault, till| fault.pid(till.pid().unwrap()),
        |fault, _| fault.named("till"),
        |fault, _| fault.labelled("till"),
        |fault, _| fault.taking::<u32>().named("till"),
        |fault, till| {
            let pid = till.pid();
            fault.only(move |process| Some(process.pid) == pid)
        },
    ];
    for (row, narrow) in table.iter().enumerate() {
        let test = TestSystem::new(1);
        let (other, till) = (sink(&test, "other"), sink(&test, "till"));
        test.run_until_idle();
        test.inject(narrow(Fault::kill(), &till));
        till.cast(1);
        other.cast(1);
        assert!(has_ended(&test, &till), "row {row}");
        assert!(!has_ended(&test, &other), "row {row}");
    }
    let test = TestSystem::new(1);
    let till = sink(&test, "till");
    test.inject(Fault::kill().taking::<u8>());
    assert!(!has_ended(&test, &till));
}

#[test]
fn chance_strikes_whoever_it_is_whether_it_runs_or_waits() {
    let mut victims = BTreeSet::new();
    for seed in 0..100 {
        let victim = |seed| {
            let test = TestSystem::new(seed);
            let idlers: Vec<_> = (0..3).map(|_| test.spawn(idle)).collect();
            test.run_until_idle();
            test.inject(Fault::kill().taking::<()>().with_probability(0.5).times(1));
            let busy = sink(&test, "busy");
            for n in 0..100 {
                busy.cast(n);
                test.run_until_idle();
            }
            let victim = idlers.iter().position(|idler| has_ended(&test, idler));
            assert_eq!(test.fault_count(), 1);
            victim.expect("the chance is 1 in 2, a hundred times")
        };
        assert_eq!(victim(seed), victim(seed), "seed {seed}");
        victims.insert(victim(seed));
    }
    assert_eq!(victims, BTreeSet::from([0, 1, 2]));
}

#[test]
fn a_panic_is_reported_in_the_line_that_made_the_fault_and_a_shutdown_is_not() {
    let test = TestSystem::new(1);
    let here = line!() + 1;
    test.inject(Fault::panic("out of ink").times(1));
    let process = test.spawn(idle);
    let ExitReason::Panic(panic) = test.block_on(process.exited()) else { panic!("it panics") };
    assert_eq!(panic.message(), "out of ink");
    assert!(panic.location().expect("it has one").starts_with(&format!("{}:{here}:", file!())));
    test.expect_crash(|crash| crash.pid == process.pid().unwrap());

    test.inject(Fault::exit(ExitReason::Shutdown));
    assert_eq!(test.block_on(test.spawn(idle).exited()), ExitReason::Shutdown);
    test.expect_no_crash();
}

#[test]
fn who_is_struck_drops_its_state_first() {
    let test = TestSystem::new(1);
    let mut probe = test.probe();
    let home = probe.address();
    let child = probe.spawn_link(|ctx: Context<()>| async move {
        let _state = OnDrop(move || home.cast("dropped"));
        idle(ctx).await;
    });
    test.run_until_idle();
    test.inject(Fault::exit(boom()).pid(child.pid().unwrap()).with_probability(1.0));
    test.spawn(idle);
    probe.expect_message("dropped");
    probe.expect_exit(child.pid(), boom());
}

#[test]
fn the_test_itself_is_spared() {
    let test = TestSystem::new(1);
    test.inject(Fault::kill());
    test.inject(Fault::kill().at_start());
    test.inject(Fault::kill().at_receive(1));
    test.inject(Fault::kill().with_probability(1.0));
    let mut probe = test.probe();
    let home = probe.address();
    test.run(|mut ctx: Context<u32>| async move {
        ctx.address().cast(1);
        home.cast(ctx.receive_message().await);
    });
    probe.expect_message(1);
    assert_eq!(test.fault_count(), 0);
}

#[test]
fn when_faults_are_stopped_none_strikes_and_timers_are_in_time() {
    let test = TestSystem::new(1);
    test.inject(Fault::kill());
    test.delay_timers(Duration::from_secs(1));
    test.stop_faults();
    let process = test.spawn(idle);
    assert!(!has_ended(&test, &process));
    test.run(|ctx: Context<()>| async move { ctx.sleep(Duration::from_secs(1)).await });
    assert_eq!(test.elapsed(), Duration::from_secs(1));
}

#[test]
fn late_timers_are_never_early_keep_their_order_and_are_no_later_than_told() {
    let mut most = Duration::ZERO;
    for seed in 0..100 {
        let test = TestSystem::new(seed);
        let late = Duration::from_millis(300);
        test.delay_timers(late);
        let latest = test.run(move |mut ctx: Context<u32>| async move {
            let start = ctx.system().now();
            for n in 0..20 {
                ctx.send_after(Duration::from_millis(100) * n, n);
            }
            let mut latest = Duration::ZERO;
            for n in 0..20 {
                assert_eq!(ctx.receive_message().await, n);
                let due = start + Duration::from_millis(100) * n;
                let lateness = ctx.system().now().checked_duration_since(due).expect("it is not early");
                latest = latest.max(lateness);
            }
            latest
        });
        assert!(latest <= late, "{latest:?}");
        most = most.max(latest);
    }
    assert!(most > Duration::from_millis(290), "{most:?}");
}

#[test]
fn late_timers_do_not_make_advance_go_too_far() {
    let test = TestSystem::new(1);
    test.delay_timers(Duration::from_secs(60));
    test.spawn(|ctx: Context<()>| async move { ctx.sleep(Duration::from_millis(500)).await });
    test.advance(Duration::from_secs(1));
    assert_eq!(test.elapsed(), Duration::from_secs(1));
    assert_eq!(test.process_count(), 0);
}

#[test]
fn no_message_is_lost_whoever_is_struck() {
    for_each_seed(200, |test| {
        test.inject(Fault::kill().with_probability(0.01));
        test.inject(Fault::exit(boom()).at_receive(10));
        let (handled, count) = async_channel::unbounded();
        let mut probe = test.probe::<()>();
        for _ in 0..10 {
            let handled = handled.clone();
            let (worker, _) = probe.spawn_monitor(|mut ctx: Context<u32>| async move {
                loop {
                    ctx.receive_message().await;
                    handled.try_send(()).expect("there is room");
                    future::yield_now().await;
                }
            });
            (0..20).for_each(|n| worker.cast(n));
        }
        test.run_until_idle();
        assert_eq!(count.len() as u64 + test.dead_letter_count(), 200);
        assert!(test.fault_count() >= 10);
    });
}
