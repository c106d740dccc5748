//! What a system and its processes log, and what they can tell of themselves there.

mod common;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use common::records::{Gated, Records};
use common::{TIMES, idle, kill, next_down, timetrap};
use futures_lite::future;
use proscenium_runtime::logging::Overload;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Context, ExitReason, Pid, ProgressReport, Report, SpawnOptions, System};
use slog::{Drain, FlushError, FnValue, Logger, Never, OwnedKVList, Record, o};

/// Neither the burst limit nor a time limit gets into the way.
fn patient() -> Overload {
    const LONG: Duration = Duration::from_secs(3600);
    Overload::new().no_burst_limit().sync_timeout(LONG).flush_timeout(LONG)
}

fn logger(drain: impl Drain<Ok = (), Err = Never> + Send + 'static, overload: Overload) -> Logger {
    let guarded = overload.guard(drain).expect("the operating system gives a thread");
    Logger::root(guarded.fuse(), o!())
}

fn flush(logger: &Logger) {
    logger.flush().expect("it can");
}

/// What was written, and how much was lost by why; when it is told of a loss depends on the time that things take.
fn outcome(records: &Records) -> (Vec<String>, BTreeMap<String, usize>) {
    let (losses, written): (Vec<_>, Vec<_>) = records.all().into_iter().partition(|record| record.contains(" lost "));
    let mut lost = BTreeMap::new();
    for (reason, count) in losses.iter().flat_map(|loss| loss.split(' ')).filter_map(|word| word.split_once('=')) {
        *lost.entry(reason.to_owned()).or_default() += count.parse::<usize>().expect("it is a count");
    }
    (written, lost)
}

fn lost(reason: &str, count: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(reason.to_owned(), count)])
}

#[test]
fn a_process_knows_its_ancestors_by_the_names_they_had_when_it_was_spawned() {
    for_each_seed(10, |test| {
        let reports = test.reports();
        let top = test.run(|mut ctx: Context<()>| async move {
            let top = ctx.pid();
            assert!(ctx.ancestors().is_empty());
            let shop = ctx.spawn_link_with(SpawnOptions::new().name("shop"), move |mut ctx: Context<()>| async move {
                let shop = ctx.pid();
                assert_eq!(ctx.ancestors().to_string(), top.to_string());
                ctx.spawn_monitor(move |mut ctx: Context<()>| async move {
                    let till = ctx.pid();
                    assert_eq!(ctx.ancestors().to_string(), format!("shop, {top}"));
                    assert_eq!((ctx.parent(), ctx.ancestors()[1].pid), (Some(shop), top));
                    ctx.system().unregister("shop");
                    let drawer = ctx.spawn(idle);
                    let known = ctx.system().process_info(drawer.pid().expect("it is a process"));
                    assert_eq!(known.expect("it lives").ancestors.to_string(), format!("{till}, shop, {top}"));
                    kill(ctx.system(), &drawer).await;
                });
                next_down(&mut ctx).await;
                ctx.spawn_monitor(|_ctx: Context<()>| async { panic!("out of cheese") });
                next_down(&mut ctx).await;
            });
            shop.expect("the name is free").exited().await;
            top
        });
        let Ok(Report::Crash(crash)) = reports.try_recv() else { panic!("the last child crashes") };
        assert!(crash.reason.to_string().ends_with("out of cheese"), "{}", crash.reason);
        let shop = crash.ancestors[0].pid;
        assert_eq!(crash.ancestors.to_string(), format!("{shop}, {top}"));
        assert_eq!(reports.try_recv().map_err(drop).err(), Some(()), "and nothing else does");
    });
}

#[test]
fn the_logger_of_a_process_tells_who_it_is() {
    let records = Records::default();
    let test = TestSystem::with_logger(7, Logger::root(records.clone().fuse(), o!("system" => "shop")));
    let (top, child) = test.run(|mut ctx: Context<()>| async move {
        slog::info!(ctx.logger(), "open");
        ctx.set_label("sells tea");
        ctx.register("till").expect("the name is free");
        slog::info!(ctx.logger(), "ready"; "takings" => 0);
        let child = ctx.spawn(|ctx: Context<()>| async move { slog::info!(ctx.logger(), "hello") });
        child.exited().await;
        (ctx.pid(), child.pid().expect("it is a process"))
    });
    let expected = [
        format!("INFO open pid={top} system=shop"),
        format!("INFO ready takings=0 pid={top} name=till label=sells tea system=shop"),
        format!("INFO hello pid={child} ancestors=till system=shop"),
    ];
    assert_eq!(records.all(), expected);
}

#[test]
fn progress_is_logged_to_inform_or_if_it_was_asked_for_to_debug() {
    let records = Records::default();
    let test = TestSystem::with_logger(7, Logger::root(records.clone().fuse(), o!()));
    for (requested, level) in [(false, "INFO"), (true, "DEBG")] {
        let progress = ProgressReport::new(Pid::SYSTEM, "till".into(), Pid::SYSTEM, requested);
        test.report(|| Report::Progress(Arc::new(progress.named(Some("shop".into())))));
        let last = records.all().pop().expect("it was logged");
        assert!(last.starts_with(&format!("{level} child started")) && last.contains("name=shop"), "{last}");
    }
}

#[test]
fn a_report_is_not_made_while_nobody_would_hear_of_it() {
    let system = System::builder("deaf").logger(Logger::root(slog::Discard, o!())).build().expect("there is a thread");
    let made = AtomicUsize::new(0);
    let report = || {
        made.fetch_add(1, Ordering::Relaxed);
        Report::Progress(Arc::new(ProgressReport::new(Pid::SYSTEM, "till".into(), Pid::SYSTEM, false)))
    };
    system.report(report);
    assert_eq!(made.load(Ordering::Relaxed), 0);
    let reports = system.reports();
    system.report(report);
    assert!(reports.try_recv().is_ok());
    drop(reports);
    system.report(report); // It turns out only now that nobody listens any more.
    system.report(report);
    assert_eq!(made.load(Ordering::Relaxed), 2);
}

#[test]
fn the_systems_logs_are_apart() {
    // One that hijacks what the whole program logs would mix them.
    let [shop, stock] = ["shop", "stock"].map(|name| {
        let records = Records::default();
        let test = TestSystem::with_logger(7, Logger::root(records.clone().fuse(), o!("system" => name)));
        let child = test.spawn(|ctx: Context<()>| async move {
            slog::info!(ctx.logger(), "hello");
            panic!("out of cheese");
        });
        test.block_on(child.exited());
        records.all()
    });
    assert_eq!((shop.len(), stock.len()), (2, 2));
    assert!(shop.iter().all(|record| record.contains("system=shop")), "{shop:?}");
    assert!(stock.iter().all(|record| record.contains("system=stock")), "{stock:?}");
}

#[test]
fn below_sync_mode_a_sender_goes_on_though_the_drain_is_slow() {
    timetrap(|| {
        let (drain, records, gate, at_the_gate) = Gated::new();
        let logger = logger(drain, patient());
        slog::info!(logger, "first");
        at_the_gate.recv_blocking().expect("it is written");
        (0..10).for_each(|n| slog::info!(logger, "{n}"));
        assert_eq!(records.all(), [""; 0], "nothing was written, and here we are");
        gate.open();
        flush(&logger);
        let expected: Vec<_> =
            ["INFO first".to_owned()].into_iter().chain((0..10).map(|n| format!("INFO {n}"))).collect();
        assert_eq!(records.all(), expected);
    });
}

#[test]
fn in_sync_mode_a_record_is_written_when_its_sender_goes_on() {
    timetrap(|| {
        let records = Records::default();
        let logger = logger(records.clone(), patient().qlen(0, 100, 100));
        for n in 0..TIMES {
            slog::info!(logger, "{n}");
            assert_eq!(records.all().len(), n + 1);
        }
    });
}

#[test]
fn in_sync_mode_a_sender_waits_no_longer_than_its_time() {
    timetrap(|| {
        let (drain, records, gate, _at_the_gate) = Gated::new();
        let logger = logger(drain, patient().qlen(0, 100, 100).sync_timeout(Duration::from_millis(1)));
        // The first waits in vain; the others know.
        (0..50).for_each(|n| slog::info!(logger, "{n}"));
        assert_eq!(records.all(), [""; 0]);
        gate.open();
        flush(&logger);
        assert_eq!(records.all().len(), 50);
    });
}

#[test]
fn from_drop_mode_on_records_are_dropped_and_counted_but_errors_get_in() {
    timetrap(|| {
        let (drain, records, gate, at_the_gate) = Gated::new();
        let logger = logger(drain, patient().qlen(3, 3, 5));
        slog::info!(logger, "first");
        at_the_gate.recv_blocking().expect("it is written");
        (0..10).for_each(|n| slog::warn!(logger, "{n}"));
        // What is in the queue already is beyond sync mode, too, but this sender must not wait for it.
        thread::scope(|scope| {
            scope.spawn(|| slog::error!(logger, "on fire"));
            gate.open();
        });
        flush(&logger);
        let written = ["INFO first", "WARN 0", "WARN 1", "WARN 2", "ERRO on fire"].map(str::to_owned);
        assert_eq!(outcome(&records), (written.to_vec(), lost("dropped", 7)));
    });
}

#[test]
fn a_flush_discards_what_waits_and_counts_it() {
    timetrap(|| {
        let (drain, records, gate, at_the_gate) = Gated::new();
        let logger = logger(drain, patient().qlen(4, 4, 4));
        slog::info!(logger, "first");
        at_the_gate.recv_blocking().expect("it is written");
        (0..10).for_each(|n| slog::info!(logger, "{n}"));
        gate.open();
        flush(&logger);
        let written = ["INFO first", "INFO 8", "INFO 9"].map(str::to_owned);
        assert_eq!(outcome(&records), (written.to_vec(), lost("flushed", 8)));
        let told = records.all().into_iter().find(|record| record.starts_with("WARN"));
        assert_eq!(told.as_deref(), Some("WARN 8 log records were lost flushed=8"));
    });
}

#[test]
fn what_is_beyond_the_burst_limit_is_dropped_and_counted() {
    let records = Records::default();
    let logger = logger(records.clone(), patient().burst_limit(3, Duration::from_secs(3600)));
    (0..10).for_each(|n| slog::error!(logger, "{n}"));
    flush(&logger);
    let written = ["ERRO 0", "ERRO 1", "ERRO 2"].map(str::to_owned);
    assert_eq!(outcome(&records), (written.to_vec(), lost("over_burst_limit", 7)));
}

#[test]
fn every_record_is_written_or_counted_and_each_senders_in_order() {
    const SENDERS: usize = 8;
    timetrap(|| {
        let records = Records::default();
        let logger = logger(records.clone(), patient().qlen(20, 20, 20));
        thread::scope(|scope| {
            for sender in 0..SENDERS {
                let logger = &logger;
                scope.spawn(move || (0..TIMES).for_each(|n| slog::info!(logger, "{sender} {n}")));
            }
        });
        flush(&logger);
        let (written, lost) = outcome(&records);
        let mut last = [None; SENDERS];
        for record in &written {
            let numbers: Vec<usize> = record.split(' ').filter_map(|word| word.parse().ok()).collect();
            let [sender, n] = numbers[..] else { panic!("{record}") };
            assert!(last[sender] < Some(n), "{record} after {:?}", last[sender]);
            last[sender] = Some(n);
        }
        assert_eq!(written.len() + lost.values().sum::<usize>(), SENDERS * TIMES);
    });
}

#[test]
fn a_hundred_threads_log_through_one_process_and_nothing_is_lost() {
    timetrap(|| {
        let records = Records::default();
        let system = System::builder("shop")
            .workers(2)
            .logger(logger(records.clone(), patient().qlen(10, 10_000, 10_000)))
            .build()
            .expect("the operating system gives threads");
        let outcome = system.run(|ctx: Context<()>| async move {
            thread::scope(|scope| {
                for _ in 0..100 {
                    let logger = ctx.logger();
                    scope.spawn(move || (0..10).for_each(|n| slog::info!(logger, "{n}")));
                }
            });
        });
        assert_eq!(outcome, Ok(()));
        let records = records.all();
        assert_eq!(records.len(), 1000);
        assert!(records.iter().all(|record| record.contains(" pid=<0.")), "{}", records[0]);
    });
}

/// Panics with every odd number and fails with every fifth.
struct Faulty(Records);

impl Drain for Faulty {
    type Ok = ();
    type Err = &'static str;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), &'static str> {
        match record.msg().to_string().parse::<u32>() {
            Ok(number) if number % 2 == 1 => panic!("odd: {number}"),
            Ok(number) if number % 5 == 0 => Err("it is the fifth"),
            _ => self.0.log(record, values).map_err(|never| match never {}),
        }
    }

    fn flush(&self) -> Result<(), FlushError> {
        panic!("it cannot")
    }
}

#[test]
fn a_drain_that_panics_or_fails_loses_that_record_and_nothing_else() {
    timetrap(|| {
        let records = Records::default();
        let guarded = patient().qlen(0, 100, 100).guard(Faulty(records.clone())).expect("there is a thread");
        let system = System::builder("shop")
            .workers(1)
            .logger(Logger::root(guarded.fuse(), o!()))
            .build()
            .expect("the operating system gives threads");
        let child = system.spawn(|ctx: Context<()>| async move {
            (0..12).for_each(|n| slog::info!(ctx.system().logger(), "{n}"));
        });
        assert_eq!(future::block_on(child.exited()), ExitReason::Normal);
        assert!(system.logger().flush().is_err_and(|error| error.to_string().contains("it cannot")));
        system.shutdown();
        let written = ["INFO 2", "INFO 4", "INFO 6", "INFO 8"].map(str::to_owned);
        assert_eq!(outcome(&records), (written.to_vec(), lost("failed", 8)));
    });
}

/// Something that cannot be told.
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("it cannot be told")
    }
}

#[test]
fn a_value_that_panics_ends_the_process_that_logs_it_and_no_other() {
    timetrap(|| {
        let records = Records::default();
        let logger = logger(records.clone(), patient());
        let system = System::builder("shop").workers(1).logger(logger).build().expect("there are threads");
        let child = system.spawn(|ctx: Context<()>| async move { slog::info!(ctx.logger(), "{}", Unspeakable) });
        assert!(matches!(future::block_on(child.exited()), ExitReason::Panic(_)));
        slog::info!(system.logger(), "open");
        system.shutdown();
        let records = records.all();
        assert!(records[0].starts_with("ERRO process crashed"), "{records:?}");
        assert_eq!(records[1..], ["INFO open"]);
    });
}

#[test]
fn a_value_is_asked_when_the_record_is_logged() {
    timetrap(|| {
        let (drain, records, gate, _at_the_gate) = Gated::new();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let counted = FnValue(move |_| count.fetch_add(1, Ordering::Relaxed));
        let logger = logger(drain, patient()).new(o!("asked" => counted));
        slog::info!(logger, "first");
        slog::info!(logger, "second");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        gate.open();
        flush(&logger);
        assert_eq!(records.all(), ["INFO first asked=0", "INFO second asked=1"]);
    });
}

/// Logs to the logger it serves.
struct Echo {
    records: Records,
    logger: Arc<OnceLock<Logger>>,
}

impl Drain for Echo {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let logger = self.logger.get().expect("it is there before the first record");
        slog::error!(logger, "echo");
        let _ = logger.flush();
        self.records.log(record, values)
    }
}

#[test]
fn what_a_drain_logs_to_itself_neither_hangs_nor_goes_on_for_ever() {
    timetrap(|| {
        let (records, own) = (Records::default(), Arc::new(OnceLock::new()));
        let logger = logger(Echo { records: records.clone(), logger: own.clone() }, patient().qlen(0, 100, 100));
        own.set(logger.clone()).expect("it is the first");
        slog::info!(logger, "hello");
        assert_eq!(records.all(), ["INFO hello"]);
    });
}

#[test]
fn when_a_system_has_ended_all_is_written_that_was_logged() {
    timetrap(|| {
        for _ in 0..TIMES / 10 {
            let records = Records::default();
            let logger = logger(records.clone(), patient().qlen(1000, 1000, 1000));
            // Somebody else keeps the logger: it is not its drop that writes.
            let kept = logger.clone();
            let system = System::builder("shop").workers(2).logger(logger).build().expect("there are threads");
            let outcome = system.run(|ctx: Context<()>| async move {
                (0..100).for_each(|n| slog::info!(ctx.logger(), "{n}"));
                panic!("out of cheese");
            });
            assert!(outcome.is_err());
            let records = records.all();
            assert_eq!(records.len(), 101);
            assert!(records[100].starts_with("ERRO process crashed"), "{}", records[100]);
            drop(kept);
        }
    });
}

#[test]
fn when_the_last_logger_is_dropped_all_is_written_and_the_drain_is_gone() {
    timetrap(|| {
        for _ in 0..TIMES / 10 {
            let (drain, records, gate, at_the_gate) = Gated::new();
            let logger = logger(drain, patient());
            (0..5).for_each(|n| slog::info!(logger, "{n}"));
            gate.open();
            drop(logger);
            assert_eq!(records.all().len(), 5);
            assert_eq!(std::iter::from_fn(|| at_the_gate.recv_blocking().ok()).count(), 5);
        }
    });
}

#[test]
fn a_drain_that_hangs_keeps_no_system_from_ending() {
    timetrap(|| {
        let (drain, records, gate, _at_the_gate) = Gated::new();
        let impatient = Overload::new().sync_timeout(Duration::from_millis(1)).flush_timeout(Duration::from_millis(1));
        let logger = logger(drain, impatient);
        let system = System::builder("shop").workers(1).logger(logger.clone()).build().expect("there are threads");
        let outcome = system.run(|ctx: Context<()>| async move {
            (0..100).for_each(|n| slog::info!(ctx.logger(), "{n}"));
        });
        assert_eq!((outcome, records.all().len()), (Ok(()), 0));
        let error = logger.flush().expect_err("nothing is written");
        assert!(error.to_string().contains("the log was not written within 1ms"), "{error}");
        drop(logger);
        gate.open();
    });
}
