//! Probes and expectations: what a test reads from outside, strictly and in order, and what a failure tells.

use std::cell::Cell;
use std::time::Duration;

use futures_lite::future;
use proscenium_runtime::testing::{Probe, TestSystem, for_each_seed};
use proscenium_runtime::{
    Address, CallError, Context, DeadReason, Event, EventRef, ExitReason, Reply, Report, SpawnOptions, SystemHandle,
    catch_panic,
};

fn boom() -> ExitReason {
    ExitReason::error("boom")
}

/// A process that sends `home` each of `messages`.
async fn sender(home: Address<u32>, messages: impl IntoIterator<Item = u32>) {
    for message in messages {
        home.cast(message);
        future::yield_now().await;
    }
}

#[test]
fn what_comes_to_a_probe_is_met_in_its_order() {
    for_each_seed(100, |test| {
        let mut probe = test.probe();
        let home = probe.address();
        let child = probe.spawn_link(move |_ctx: Context<()>| async move {
            sender(home, 1..4).await;
            Err(boom())
        });
        let monitor = probe.monitor(child.pid().unwrap());
        probe.expect_message(1);
        assert_eq!(probe.expect_message_matching(|n| n % 2 == 0), 2);
        assert_eq!(probe.expect_map(|n| n.checked_add(1)), 4);
        // Links are told before monitors.
        probe.expect_exit(child.pid(), boom());
        probe.expect_down(monitor, boom());
        probe.expect_no_message();
    });
}

#[test]
fn a_probe_receives_any_event() {
    let test = TestSystem::new(1);
    let mut probe = test.probe::<u32>();
    probe.address().cast(1);
    test.exit(probe.pid(), boom());
    assert_eq!(probe.expect_event(), Event::Message(1));
    assert!(matches!(probe.expect_event(), Event::Exit(exit) if !exit.linked));
}

#[test]
fn a_probe_can_pass_over_what_it_does_not_wait_for() {
    let test = TestSystem::new(1);
    let mut probe = test.probe();
    let home = probe.address();
    test.spawn(|_ctx: Context<()>| sender(home, 1..4));
    let third = probe.wait_for(|event| matches!(event, EventRef::Message(3)));
    assert_eq!(third, Event::Message(3));
    probe.expect_message(1);
    probe.expect_message(2);
    let monitor = probe.spawn_monitor(|_ctx: Context<()>| async { Err(boom()) }).1;
    probe.expect_down_matching(|down| down.monitor == monitor && down.reason == boom());
}

#[test]
fn time_moves_for_an_expectation_only_when_nothing_can_run_and_only_so_far() {
    let test = TestSystem::new(1);
    let mut probe = test.probe();
    probe.send_after(Duration::from_secs(5), 1);
    probe.expect_message(1);
    assert_eq!(test.elapsed(), Duration::from_secs(5));

    probe.send_after(Duration::from_nanos(5_000_000_001), 2);
    let (text, _) = failure(|| probe.expect_message(2));
    assert_eq!(text, "expected: message 2\n     got: nothing within 5s\n      at: 5s (seed 1)");

    let mut patient = test.probe().within(Duration::from_secs(60));
    patient.send_after(Duration::from_secs(60), 3);
    patient.expect_message(3);
}

#[test]
fn expecting_nothing_lets_time_stand_still_or_pass_as_told() {
    let test = TestSystem::new(1);
    let mut probe = test.probe();
    probe.send_after(Duration::from_secs(2), 1);
    probe.expect_no_message();
    assert_eq!(test.elapsed(), Duration::ZERO);
    probe.expect_no_message_for(Duration::from_millis(1999));
    assert_eq!(test.elapsed(), Duration::from_millis(1999));
    let (text, _) = failure(|| probe.expect_no_message_for(Duration::from_millis(1)));
    assert_eq!(text, "expected: no message for 1ms\n     got: message 1\n      at: 2s (seed 1)");
}

#[derive(Debug)]
enum Stock {
    Count(Reply<u32>),
}

#[test]
fn a_probe_can_play_a_server() {
    for_each_seed(100, |test| {
        let mut stock = test.probe();
        let mut client = test.probe();
        let (server, home) = (stock.address(), client.address());
        test.spawn(|_ctx: Context<()>| async move {
            home.cast(server.call(Stock::Count).await);
        });
        stock.expect_map(|Stock::Count(reply)| Some(reply)).send(3);
        client.expect_message(Ok(3));
    });
}

#[test]
fn a_probe_is_the_parent_of_what_it_spawns() {
    let test = TestSystem::new(1);
    let mut probe = test.probe();
    let home = probe.address();
    let child = probe.spawn_link(|mut ctx: Context<()>| async move {
        home.cast(ctx.parent());
        ctx.receive_message().await;
    });
    probe.expect_message(Some(probe.pid()));
    let info = test.process_info(child.pid().unwrap()).unwrap();
    assert_eq!(info.links, [probe.pid()]);
}

#[test]
fn what_a_probe_sends_and_asks_is_its_own_doing() {
    let test = TestSystem::new(1);
    let mut probe = test.probe::<Reply<u32>>();
    let gone = test.spawn(|_ctx: Context<u8>| async {});
    test.run_until_idle();
    probe.cast(&gone, 1);
    let letter = test.expect_dead_letter::<u8>(DeadReason::Exited);
    assert_eq!(letter.sender, Some(probe.pid()));

    let myself = probe.address();
    assert!(matches!(probe.call(&myself, |reply| reply), Err(CallError::CallingSelf { .. })));
    let echo = test.spawn(|mut ctx: Context<Reply<u32>>| async move {
        let reply = ctx.receive_message().await;
        ctx.sleep(Duration::from_secs(1)).await;
        reply.send(7);
    });
    assert_eq!(probe.call(&echo, |reply| reply), Ok(7));
    test.expect_no_dead_letters();
}

#[test]
fn the_end_of_a_probe_is_a_normal_one_that_its_links_survive() {
    let test = TestSystem::new(1);
    let mut watcher = test.probe::<()>();
    let mut probe = test.probe::<u32>();
    let monitor = watcher.monitor(probe.pid());
    let child = probe.spawn_link(|_ctx: Context<()>| future::pending::<()>());
    drop(probe);
    watcher.expect_down(monitor, ExitReason::Normal);
    watcher.expect_no_message();
    assert!(test.is_alive(child.pid().unwrap()));
}

/// What `test` says as it fails, and in which line it does.
#[track_caller]
fn failure(test: impl FnOnce()) -> (String, String) {
    let outcome = future::block_on(catch_panic(async { test() }));
    let Err(ExitReason::Panic(panic)) = outcome else { panic!("it does not fail") };
    (panic.message().to_owned(), panic.location().expect("a hook sees it").to_owned())
}

#[test]
fn a_failed_expectation_tells_what_came_and_what_waits_and_when() {
    let test = TestSystem::new(7);
    let mut probe = test.probe();
    let home = probe.address();
    let child = probe.spawn_link(|ctx: Context<()>| async move {
        ctx.sleep(Duration::from_millis(1500)).await;
        sender(home, 1..3).await;
        Err(boom())
    });
    probe.monitor(child.pid().unwrap());
    test.advance(Duration::from_millis(1500));
    let (text, _) = failure(|| probe.expect_message(2));
    let expected = "\
expected: message 2
     got: message 1
 waiting: message 2; exit of <0.2.1>: boom; down of #Ref<1>, <0.2.1>: boom
      at: 1.5s (seed 7)";
    assert_eq!(text, expected);
}

#[test]
fn a_failed_expectation_tells_that_nothing_can_come() {
    let test = TestSystem::new(7);
    let mut probe = test.probe::<u32>();
    let (text, _) = failure(|| drop(probe.expect_exit(None, ExitReason::Shutdown)));
    let expected = "\
expected: exit of nobody: the address is of no process: shutdown
     got: nothing: no process can run, and no timer is pending
      at: 0ns (seed 7)";
    assert_eq!(text, expected);

    test.exit(probe.pid(), ExitReason::Kill);
    let (text, _) = failure(|| probe.expect_message(1));
    assert_eq!(text, "expected: message 1\n     got: nothing: this probe has ended: killed\n      at: 0ns (seed 7)");
}

type Expectation<'a> = dyn Fn(&mut Probe<'_, u32>) + 'a;

#[test]
fn a_failed_expectation_points_at_its_own_line() {
    let line = Cell::new(0);
    // Each notes the line above its own.
    let probe_expectations: &[&Expectation<'_>] = &[
        &|probe| {
            line.set(line!());
            probe.expect_message(1);
        },
        &|probe| {
            line.set(line!());
            probe.expect_message_matching(|n| *n == 1);
        },
        &|probe| {
            line.set(line!());
            probe.expect_map(|n| (n == 1).then_some(()));
        },
        &|probe| {
            line.set(line!());
            probe.expect_exit(None, ExitReason::Normal);
        },
        &|probe| {
            line.set(line!());
            probe.expect_exit_matching(|exit| exit.linked);
        },
        &|probe| {
            let me = probe.pid();
            let monitor = probe.monitor(me);
            line.set(line!());
            probe.expect_down(monitor, ExitReason::Normal);
        },
        &|probe| {
            line.set(line!());
            probe.expect_down_matching(|_| true);
        },
        &|probe| {
            line.set(line!());
            probe.wait_for(|event| matches!(event, EventRef::Message(1)));
        },
        &|probe| {
            line.set(line!());
            probe.expect_no_message();
        },
        &|probe| {
            line.set(line!());
            probe.expect_no_message_for(Duration::from_secs(1));
        },
    ];
    for (number, expectation) in probe_expectations.iter().enumerate() {
        let test = TestSystem::new(1);
        let mut probe = test.probe();
        probe.address().cast(2);
        let (_, location) = failure(|| expectation(&mut probe));
        let expected = format!("{}:{}:", file!(), line.get() + 1);
        assert!(location.starts_with(&expected), "expectation {number}: {location}, not {expected}");
    }

    let system_expectations: &[&dyn Fn(&TestSystem)] = &[
        &|test| {
            line.set(line!());
            test.expect_crash(|crash| crash.reason == ExitReason::Normal);
        },
        &|test| {
            line.set(line!());
            test.expect_no_crash();
        },
        &|test| {
            line.set(line!());
            test.expect_report(|_| false);
        },
        &|test| {
            line.set(line!());
            test.expect_dead_letter::<u16>(DeadReason::NoProcess);
        },
        &|test| {
            line.set(line!());
            test.expect_no_dead_letters();
        },
        &|test| {
            let mut probe = test.probe::<()>();
            line.set(line!());
            probe.expect_event();
        },
    ];
    for (number, expectation) in system_expectations.iter().enumerate() {
        let test = TestSystem::new(1);
        test.spawn(|_ctx: Context<u8>| async { Err(boom()) }).cast(1);
        let (_, location) = failure(|| expectation(&test));
        let expected = format!("{}:{}:", file!(), line.get() + 1);
        assert!(location.starts_with(&expected), "expectation {number}: {location}, not {expected}");
    }
}

/// A process called "clerk" that crashes at once.
fn clerk(system: &SystemHandle) -> Address<u8> {
    let options = SpawnOptions::new().name("clerk");
    system.spawn_with(options, |_ctx: Context<u8>| async { Err(boom()) }).unwrap()
}

#[test]
fn each_crash_meets_one_expectation() {
    let test = TestSystem::new(1);
    let crashes = [clerk(&test), test.spawn(|_ctx| async { Err(boom()) })];
    // Whichever came first.
    for process in crashes.iter().rev() {
        let crash = test.expect_crash(|crash| Some(crash.pid) == process.pid());
        assert_eq!(crash.reason, boom());
    }
    test.expect_no_crash();
    let (text, _) = failure(|| drop(test.expect_crash(|_| true)));
    assert_eq!(text, "expected: a crash that matches\n     got: nothing\n      at: 0ns (seed 1)");
}

#[test]
fn no_crash_goes_unseen_however_early() {
    let test = TestSystem::new(1);
    clerk(&test);
    let (text, _) = failure(|| test.expect_no_crash());
    let expected = "expected: no crash\n     got: <0.1.1> \"clerk\" crashed: boom\n      at: 0ns (seed 1)";
    assert_eq!(text, expected);
}

#[test]
fn a_crash_that_a_timer_brings_is_waited_for() {
    let test = TestSystem::new(1);
    test.spawn(|ctx: Context<()>| async move {
        ctx.sleep(Duration::from_secs(1)).await;
        Err(boom())
    });
    test.expect_no_crash();
    test.expect_crash(|crash| crash.reason == boom());
    assert_eq!(test.elapsed(), Duration::from_secs(1));
}

#[test]
fn reports_of_any_kind_meet_expectations() {
    let test = TestSystem::new(1);
    clerk(&test);
    let report = test.expect_report(|report| matches!(report, Report::Crash(_)));
    assert!(matches!(report, Report::Crash(crash) if crash.name.as_deref() == Some("clerk")));
    test.expect_no_crash();
}

#[test]
fn thousands_of_dead_letters_are_all_seen() {
    const MANY: u32 = 10_000;
    let test = TestSystem::new(1);
    let gone = test.spawn(|_ctx: Context<u32>| async {});
    test.run_until_idle();
    (0..MANY).for_each(|n| gone.cast(n));
    for _ in 0..MANY {
        test.expect_dead_letter::<u32>(DeadReason::Exited);
    }
    test.expect_no_dead_letters();
    gone.cast(0);
    let (text, _) = failure(|| test.expect_no_dead_letters());
    let expected = "\
expected: no dead letter
     got: dead letter to <0.1.1>, u32: the process has exited
      at: 0ns (seed 1)";
    assert_eq!(text, expected);
    let (text, _) = failure(|| drop(test.expect_dead_letter::<u8>(DeadReason::Exited)));
    assert!(text.starts_with("expected: a dead letter, u8: the process has exited\n     got: dead letter"), "{text}");
}
