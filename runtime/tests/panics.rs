//! Panics: each is caught, told to whom it may concern, reported once, harms nobody else, and is not printed.

mod common;

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_channel::Receiver;
use common::records::Records;
use common::{Gate, OnDrop, expect_empty, idle, in_a_process_of_its_own, in_every_order, kill, next_down, next_exit};
use common::{run_on, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Address, Context, CrashReport, Event, ExitReason, Panic, Pid, Report, SpawnOptions, System};
use proscenium_runtime::{SystemHandle, catch_panic};
use slog::{Discard, Drain, Level, Logger, Never, OwnedKVList, Record, o};

/// Something that panics when it is dropped, though not while another panic is on its way.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("the bomb went off");
        }
    }
}

#[track_caller]
fn panic_in(reason: ExitReason) -> Panic {
    match reason {
        ExitReason::Panic(panic) => panic,
        reason => panic!("no panic: {reason}"),
    }
}

/// The crash reports that have come.
fn crashes(reports: &Receiver<Report>) -> Vec<Arc<CrashReport>> {
    std::iter::from_fn(|| reports.try_recv().ok())
        .map(|report| match report {
            Report::Crash(crash) => crash,
            other => panic!("no crash: {other:?}"),
        })
        .collect()
}

#[test]
fn a_panic_is_the_exit_reason_with_its_text_and_its_place() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let line = line!() + 1;
        let child = ctx.spawn_link(|_ctx: Context<()>| async { panic!("out of {}", "cheese") });
        let exit = next_exit(&mut ctx).await;
        let panic = panic_in(exit.reason);
        assert_eq!((Some(exit.pid), panic.message()), (child.pid(), "out of cheese"));
        let place = panic.location().expect("the hook saw it");
        assert!(place.contains("panics.rs") && place.contains(&line.to_string()), "{place}");
        assert!(child.exited().await.to_string().ends_with("out of cheese"));
    });
}

#[test]
fn a_panic_before_the_first_await_or_in_the_closure_itself_is_no_other() {
    for_each_seed(10, |test| {
        let in_closure = test.spawn(|ctx: Context<()>| {
            assert!(ctx.parent().is_some(), "in the closure");
            idle(ctx)
        });
        assert_eq!(panic_in(test.block_on(in_closure.exited())).message(), "in the closure");
    });
}

#[test]
fn a_crash_report_tells_who_why_and_what_was_left() {
    for_each_seed(10, |test| {
        let reports = test.reports();
        let pids = test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let options = SpawnOptions::new().name("kitchen").label("cooks");
            let child = ctx.spawn_link_with(options, |mut ctx: Context<u8>| async move {
                ctx.trap_exit(true);
                ctx.receive_message().await;
                panic!("out of cheese");
            });
            let child = child.expect("the name is free");
            (1..=4).for_each(|n| child.cast(n));
            next_exit(&mut ctx).await;
            (ctx.pid(), pid(&child))
        });
        let reports = crashes(&reports);
        let [crash] = &reports[..] else { panic!("not one: {reports:?}") };
        let (parent, child) = pids;
        assert_eq!((crash.pid, crash.ancestors.parent()), (child, Some(parent)));
        assert_eq!((crash.name.as_deref(), crash.label.as_deref()), (Some("kitchen"), Some("cooks")));
        assert_eq!((crash.message_type, crash.unreceived), ("u8", 3));
        assert_eq!((crash.trap_exit, &crash.links[..]), (true, &[parent][..]));
        assert_eq!(panic_in(crash.reason.clone()).message(), "out of cheese");
    });
}

#[test]
fn only_a_process_that_fails_by_itself_makes_a_crash_report() {
    for_each_seed(100, |test| {
        let reports = test.reports();
        let end = |reason: ExitReason| test.spawn(move |_ctx: Context<()>| async move { Err::<(), _>(reason) });
        for quiet in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("moving"), ExitReason::Ignore]
        {
            end(quiet);
        }
        for signal in [ExitReason::Kill, ExitReason::Shutdown, ExitReason::error("told to fail")] {
            let ended = test.spawn(idle);
            test.exit(pid(&ended), signal);
        }
        let failed = end(ExitReason::error("failed"));
        let linked = pid(&failed);
        test.spawn(move |mut ctx: Context<()>| async move {
            ctx.link(linked);
            future::pending::<()>().await;
        });
        let panicked = test.spawn(|_ctx: Context<()>| async { panic!("panicked") });
        test.run_until_idle();
        assert_eq!(test.process_count(), 0);
        let mut crashed: Vec<_> = crashes(&reports).iter().map(|crash| Some(crash.pid)).collect();
        crashed.sort();
        assert_eq!(crashed, [failed.pid(), panicked.pid()]);
    });
}

#[test]
fn a_panic_in_the_drop_of_the_state_is_why_the_process_ended() {
    for outcome in [Ok(()), Err(ExitReason::error("failed"))] {
        in_every_order(move |mut ctx: Context<()>| {
            let outcome = outcome.clone();
            async move {
                let (child, _) = ctx.spawn_monitor(move |_ctx: Context<()>| async move {
                    let _bomb = Bomb;
                    outcome
                });
                let panic = panic_in(next_down(&mut ctx).await.reason);
                assert_eq!(panic.message(), "the bomb went off");
                assert_eq!(ctx.system().process_info(pid(&child)), None);
            }
        });
    }
}

#[test]
fn a_panic_in_the_drop_of_a_killed_process_is_reported_and_harms_nobody() {
    in_every_order(|mut ctx: Context<()>| async move {
        let reports = ctx.system().reports();
        let armed = Gate::new();
        let is_armed = armed.clone();
        let (child, _) = ctx.spawn_monitor(move |_ctx: Context<()>| async move {
            let _bomb = Bomb;
            is_armed.open();
            future::pending::<()>().await;
        });
        armed.passed().await;
        ctx.exit(pid(&child), ExitReason::Kill);
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Killed);
        let reports = crashes(&reports);
        let [crash] = &reports[..] else { panic!("not one: {reports:?}") };
        assert_eq!(panic_in(crash.reason.clone()).message(), "the bomb went off");
        assert_eq!(Some(crash.pid), child.pid());
    });
}

#[test]
fn a_panic_in_the_drop_of_an_unreceived_message_harms_nobody() {
    in_every_order(|mut ctx: Context<()>| async move {
        let before = ctx.system().dead_letter_count();
        let content = Arc::new(());
        let (child, _) = ctx.spawn_monitor(|_ctx: Context<(Arc<()>, Option<Bomb>)>| future::pending::<()>());
        for armed in [false, true, false, true, false] {
            child.cast((content.clone(), armed.then(|| Bomb)));
        }
        ctx.exit(pid(&child), ExitReason::Shutdown);
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Shutdown);
        assert_eq!(ctx.system().dead_letter_count() - before, 5);
        assert_eq!(Arc::strong_count(&content), 1, "the others were dropped all the same");
    });
}

#[test]
fn a_panic_in_the_drop_of_a_timers_message_harms_nobody() {
    in_every_order(|mut ctx: Context<()>| async move {
        let nobody = ctx.system().spawn(|_ctx: Context<Bomb>| async {});
        nobody.exited().await;
        let (owner, _) = ctx.spawn_monitor(move |mut ctx: Context<Bomb>| async move {
            ctx.send_after(Duration::from_secs(3600), Bomb);
            ctx.send_interval(Duration::from_secs(3600), || Bomb);
            // This one expires, and goes off where nobody receives it.
            ctx.send_after_to(Duration::ZERO, &nobody, Bomb);
            ctx.sleep(Duration::from_micros(1)).await;
        });
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Normal);
        owner.exited().await;
        // Timers go on.
        ctx.send_after(Duration::ZERO, ());
        ctx.receive_message().await;
    });
}

#[test]
fn a_panic_in_the_make_of_an_interval_ends_its_process_and_no_other_timer() {
    in_every_order(|mut ctx: Context<()>| async move {
        let reports = ctx.system().reports();
        let (owner, _) = ctx.spawn_monitor(|mut ctx: Context<u8>| async move {
            ctx.send_interval(Duration::from_micros(1), || panic!("nothing to make"));
            future::pending::<()>().await;
        });
        let panic = panic_in(next_down(&mut ctx).await.reason);
        assert_eq!(panic.message(), "nothing to make");
        assert!(panic.location().is_some_and(|place| place.contains("panics.rs")));
        owner.exited().await;
        let crashed: Vec<_> = crashes(&reports).iter().map(|crash| Some(crash.pid)).collect();
        assert_eq!(crashed, [owner.pid()]);
        // Timers go on.
        ctx.send_after(Duration::ZERO, ());
        ctx.receive_message().await;
        assert_eq!(ctx.system().timer_count(), 0);
    });
}

/// An error that panics when it is dropped.
#[derive(Debug)]
struct Armed(Bomb);

impl fmt::Display for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("armed")
    }
}

impl Error for Armed {}

#[test]
fn a_panic_in_the_drop_of_a_reason_harms_nobody() {
    let armed = || ExitReason::error(Armed(Bomb));
    in_every_order(move |mut ctx: Context<()>| async move {
        // One that nobody hears, one that is overruled, and one whose process is known to others for longer than it lives.
        ctx.system().spawn(move |_ctx: Context<()>| async move { Err::<(), _>(armed()) });
        ctx.system().spawn(move |ctx: Context<()>| async move { ctx.exit(ctx.pid(), armed()) });
        let known = ctx.system().spawn(move |_ctx: Context<()>| async move { Err::<(), _>(armed()) });
        ctx.monitor(pid(&known));
        drop(next_down(&mut ctx).await);
        drop(known);
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_payload_that_is_no_text_is_a_panic_as_any_other() {
    for_each_seed(10, |test| {
        let odd = test.spawn(|_ctx: Context<()>| async { panic_any(7) });
        let panic = panic_in(test.block_on(odd.exited()));
        assert_eq!(panic.message(), "a panic without a text");
        assert!(panic.location().is_some());
        let armed = test.spawn(|_ctx: Context<()>| async { panic_any(Bomb) });
        assert_eq!(panic_in(test.block_on(armed.exited())).message(), "a panic without a text");
    });
}

#[test]
fn a_panic_that_is_resumed_is_not_taken_for_one_that_was_caught_before() {
    for_each_seed(10, |test| {
        let other = test.spawn(|_ctx: Context<()>| async {
            catch_unwind(|| panic!("caught")).expect_err("it panics");
            resume_unwind(Box::new("resumed"));
        });
        let panic = panic_in(test.block_on(other.exited()));
        assert_eq!((panic.message(), panic.location()), ("resumed", None), "the hook never saw it");

        let same = test.spawn(|_ctx: Context<()>| async {
            let payload = catch_unwind(|| panic!("caught")).expect_err("it panics");
            resume_unwind(payload);
        });
        let panic = panic_in(test.block_on(same.exited()));
        assert_eq!(panic.message(), "caught");
        assert!(panic.location().is_some());
    });
}

#[test]
fn a_panic_keeps_its_place_though_what_it_drops_ends_other_processes() {
    for_each_seed(100, |test| {
        // A simulation that is dropped on the way out of a panic, with a process that panics in turn.
        let seed = test.seed();
        let outer = test.spawn(move |_ctx: Context<()>| async move {
            let inner = TestSystem::new(seed);
            inner.spawn(|_ctx: Context<()>| async {
                let _guard = OnDrop(|| drop(catch_unwind(|| panic!("inner"))));
                future::pending::<()>().await;
            });
            inner.run_until_idle();
            let _inner = inner;
            panic!("outer");
        });
        let panic = panic_in(test.block_on(outer.exited()));
        assert_eq!(panic.message(), "outer");
        assert!(panic.location().is_some(), "what was seen of it is kept");
    });
}

#[test]
fn catch_panic_makes_a_panic_a_value_and_the_process_lives() {
    in_every_order(|mut ctx: Context<()>| async move {
        let outcome = catch_panic(async {
            future::yield_now().await;
            panic!("out of cheese");
        });
        let reason: Result<(), ExitReason> = outcome.await;
        let panic = panic_in(reason.expect_err("it panics"));
        assert_eq!(panic.message(), "out of cheese");
        assert!(panic.location().is_some());
        assert_eq!(catch_panic(async { 7 }).await.map_err(drop), Ok(7));
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn processes_that_panic_harm_no_others() {
    timetrap(|| {
        run_on(&workers(4), |mut ctx: Context<u32>| async move {
            let home = ctx.address();
            let steady = ctx.spawn(move |mut ctx: Context<u32>| async move {
                loop {
                    home.cast(ctx.receive_message().await + 1);
                }
            });
            let (mut sent, mut echoed, mut panicked) = (0, 0, 0);
            while panicked < 1000 {
                ctx.spawn_monitor(move |_ctx: Context<()>| async move { panic!("number {sent}") });
                steady.cast(sent);
                sent += 1;
                while echoed < sent || panicked < sent {
                    match ctx.receive().await {
                        Event::Down(down) => {
                            assert_eq!(panic_in(down.reason).message(), format!("number {panicked}"));
                            panicked += 1;
                        }
                        event => {
                            assert_eq!(event, Event::Message(echoed + 1));
                            echoed += 1;
                        }
                    }
                }
            }
            kill(ctx.system(), &steady).await;
        });
    });
}

/// An error that cannot be told.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("it cannot be told")
    }
}

impl Error for Unspeakable {}

#[test]
fn a_crash_is_logged_as_an_error_with_its_fields() {
    let records = Records::default();
    let test = TestSystem::with_logger(7, Logger::root(records.clone().fuse(), o!("system" => "shop")));
    let options = SpawnOptions::new().name("kitchen");
    let child = test.spawn_with(options, |_ctx: Context<u8>| async { Err::<(), _>(ExitReason::error("no cheese")) });
    let child = pid(&child.expect("the name is free"));
    test.run_until_idle();
    let records = records.all();
    let [record] = &records[..] else { panic!("not one: {records:?}") };
    assert!(record.starts_with("ERRO process crashed"), "{record}");
    for field in [format!("pid={child}"), "name=kitchen".into(), "reason=no cheese".into(), "system=shop".into()] {
        assert!(record.contains(&field), "{field} is not in {record}");
    }
}

/// A drain that wants nothing, and keeps what it is given all the same.
struct Unwilling(Records);

impl Drain for Unwilling {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let _ = self.0.log(record, values);
        Ok(())
    }

    fn is_enabled(&self, _level: Level) -> bool {
        false
    }
}

#[test]
fn a_crash_that_no_drain_wants_to_write_reaches_the_subscribers_and_makes_no_record() {
    let records = Records::default();
    let test = TestSystem::with_logger(7, Logger::root(Unwilling(records.clone()).fuse(), o!()));
    let reports = test.reports();
    test.spawn(|_ctx: Context<()>| async { Err::<(), _>(ExitReason::error("no cheese")) });
    test.run_until_idle();
    assert_eq!(crashes(&reports).len(), 1);
    assert_eq!(records.all(), Vec::<String>::new());
}

#[test]
fn a_logger_that_panics_keeps_no_link_and_no_monitor_from_hearing() {
    for seed in 0..10 {
        let records = Records::default();
        let test = TestSystem::with_logger(seed, Logger::root(records.fuse(), o!()));
        test.run(|mut ctx: Context<()>| async move {
            // Its text is asked for by the logger, which panics with it.
            let (child, _) = ctx.spawn_monitor(|_ctx: Context<()>| async { Err(ExitReason::from(Unspeakable)) });
            let reason = next_down(&mut ctx).await.reason;
            assert!(reason.downcast_ref::<Unspeakable>().is_some());
            child.exited().await;
        });
    }
}

/// A logger that panics with whatever it is told.
struct Mute;

impl Drain for Mute {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _context: &OwnedKVList) -> Result<(), Never> {
        panic!("mute: {}", record.msg());
    }
}

#[test]
fn a_logger_that_panics_with_a_dead_letter_keeps_no_process_from_ending() {
    for seed in 0..10 {
        let test = TestSystem::with_logger(seed, Logger::root(Mute.fuse(), o!()));
        test.run(|mut ctx: Context<()>| async move {
            let (child, _) = ctx.spawn_monitor(|_ctx: Context<u8>| future::yield_now());
            child.cast(1);
            assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Normal);
            assert_eq!(child.exited().await, ExitReason::Normal);
            child.cast(2);
            assert_eq!(ctx.system().dead_letter_count(), 2);
        });
    }
}

#[test]
fn the_last_address_of_a_process_may_go_with_its_thread() {
    thread_local! {
        static KEPT: Cell<Option<Address<()>>> = const { Cell::new(None) };
    }
    timetrap(|| {
        let system = workers(1);
        let address = system.spawn(|_ctx: Context<()>| async { Err(ExitReason::error("spent")) });
        future::block_on(address.exited());
        drop(system);
        thread::spawn(|| {
            // What is used first on a thread is dropped last: by then nothing is left there to catch panics with.
            KEPT.set(Some(address));
            let caught = future::block_on(catch_panic(async { panic!("caught") }));
            assert!(caught.is_err());
        })
        .join()
        .expect("nothing panics");
    });
}

/// Panics in every way there is.
fn panic_everywhere(system: &SystemHandle) {
    run_on(system, |mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let children: [Address<()>; 6] = [
            ctx.spawn_link(|_ctx: Context<()>| async { panic!("in the body") }),
            ctx.spawn_link(|_ctx: Context<()>| async { panic_any(7) }),
            ctx.spawn_link(|_ctx: Context<()>| async { resume_unwind(Box::new("resumed")) }),
            ctx.spawn_link(|_ctx: Context<()>| async {
                let _ = catch_panic(async { panic!("caught") }).await;
            }),
            ctx.spawn_link(|_ctx: Context<()>| async {
                let _bomb = Bomb;
                future::yield_now().await;
            }),
            ctx.spawn_link(|mut ctx: Context<()>| async move {
                ctx.send_interval(Duration::from_micros(1), || panic!("in a timer"));
                future::pending::<()>().await;
            }),
        ];
        let full = ctx.spawn_link(|_ctx: Context<Bomb>| future::yield_now());
        full.cast(Bomb);
        full.exited().await;
        for child in &children {
            child.exited().await;
        }
    });
}

#[test]
fn nothing_is_printed_that_the_logger_does_not_print() {
    let Some(output) = in_a_process_of_its_own("nothing_is_printed_that_the_logger_does_not_print") else {
        panic_everywhere(&workers(2));
        panic_everywhere_in_a_simulation();
        return;
    };
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

fn panic_everywhere_in_a_simulation() {
    let test = TestSystem::with_logger(7, Logger::root(Discard, o!()));
    let child = test.spawn(|_ctx: Context<()>| async { panic!("in the body") });
    test.block_on(child.exited());
}

#[test]
fn the_logger_of_a_system_that_was_given_none_prints_a_line_for_each_crash() {
    let Some(output) =
        in_a_process_of_its_own("the_logger_of_a_system_that_was_given_none_prints_a_line_for_each_crash")
    else {
        let system = System::builder("shop").workers(2).build().expect("the operating system gives threads");
        panic_everywhere(&system);
        return;
    };
    assert!(output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    for line in errors.lines() {
        assert!(line.contains("Z ERRO process crashed pid=<0."), "{line}");
        assert!(line.ends_with(" system=shop"), "{line}");
    }
    assert_eq!(errors.lines().count(), 5, "{errors}");
}

#[test]
fn a_panic_outside_of_processes_goes_to_the_hook_that_was_there_before() {
    let Some(output) = in_a_process_of_its_own("a_panic_outside_of_processes_goes_to_the_hook_that_was_there_before")
    else {
        std::panic::set_hook(Box::new(|info| {
            let text = info.payload().downcast_ref::<&str>().expect("it is a text");
            eprintln!("the hook before heard: {text}");
        }));
        let system = workers(2);
        panic_everywhere(&system);
        thread::spawn(|| panic!("outside")).join().expect_err("it panicked");
        drop(system);
        thread::spawn(|| panic!("afterwards")).join().expect_err("it panicked");
        return;
    };
    assert!(output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "the hook before heard: outside\nthe hook before heard: afterwards\n");
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
