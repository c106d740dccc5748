//! Looking into a running system from outside.

mod common;

use std::collections::BTreeSet;
use std::future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::{block_on, yield_now};
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{
    Address, By, Context, DeadReason, Event, ExitKind, ExitReason, Mailbox, ParsePidError, Pid, ProcessInfo,
    SpawnOptions, StartOptions, Status, System, SystemHandle, start_link,
};
use slog::{Discard, Logger, o};

use common::{TIMES, idle, in_every_order, kill, timetrap, workers};

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is the address of a process")
}

fn info<M: Send + 'static>(system: &SystemHandle, address: &Address<M>) -> ProcessInfo {
    system.process_info(pid(address)).expect("it has not ended")
}

/// Receives for ever.
async fn sink<M: Send + 'static>(mut ctx: Context<M>) {
    loop {
        ctx.receive_message().await;
    }
}

#[test]
fn process_info_tells_all_that_is_known_of_a_process() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        ctx.register("shop").unwrap();
        ctx.sleep(Duration::from_secs(5)).await;
        let options = SpawnOptions::new().name("till").label("till 1").mailbox(Mailbox::bounded(8));
        let home = ctx.address();
        let body = |mut ctx: Context<u32>| async move {
            ctx.trap_exit(true);
            ctx.system().groups().join(&ctx, "tills").unwrap();
            ctx.monitor(home.pid().unwrap());
            ctx.send_after(Duration::from_secs(60), 1);
            ctx.receive_message().await;
            home.cast(());
            ctx.sleep(Duration::MAX).await;
        };
        let till = ctx.spawn_link_with(options, body).unwrap();
        (0..3).for_each(|n| till.cast(n));
        ctx.sleep(Duration::from_secs(2)).await;

        let me = ctx.pid();
        let system = ctx.system();
        let ProcessInfo { pid, name, label, status, parent, ancestors, trap_exit, message_type, .. } =
            info(system, &till);
        assert_eq!((Some(pid), name.as_deref(), label.as_deref()), (till.pid(), Some("till"), Some("till 1")));
        assert_eq!((status, parent, ancestors.to_string()), (Status::Waiting, Some(me), "shop".to_owned()));
        assert_eq!((trap_exit, &*message_type), (true, "u32"));

        let ProcessInfo { queue_len, queue_high_water, queue_bound, received, sent, busy, age, restarts, .. } =
            info(system, &till);
        assert_eq!((queue_len, queue_high_water, queue_bound), (2, 3, Some(8)));
        assert_eq!((received, sent, restarts), (1, 1, 0));
        assert_eq!((busy, age), (Duration::ZERO, Duration::from_secs(2)));

        let ProcessInfo { links, monitors, monitored_by, groups, timers, .. } = info(system, &till);
        assert_eq!((links, monitors, monitored_by), (vec![me], vec![me], vec![]));
        assert_eq!((groups.iter().map(ToString::to_string).collect(), timers), (vec![r#""tills""#.to_owned()], 1));
    });
}

#[test]
fn status_is_told_in_otps_words() {
    for_each_seed(10, |test| {
        let process = test.spawn(|mut ctx: Context<()>| async move {
            loop {
                ctx.receive_message().await;
                let me = ctx.system().process_info(ctx.pid()).expect("it runs");
                assert_eq!(me.status, Status::Running);
            }
        });
        let status = || test.process_info(pid(&process)).map(|info| info.status);
        assert_eq!(status(), Some(Status::Runnable), "it is new");
        test.run_until_idle();
        assert_eq!(status(), Some(Status::Waiting));
        process.cast(());
        assert_eq!(status(), Some(Status::Runnable), "a message has woken it");
        test.run_until_idle();
        assert_eq!(status(), Some(Status::Waiting));
        test.exit(pid(&process), ExitReason::Shutdown);
        assert_eq!(status(), Some(Status::Exiting));
        test.run_until_idle();
        assert_eq!(status(), None);
    });
}

#[test]
fn a_signal_too_makes_a_process_runnable() {
    let test = TestSystem::new(1);
    let trapper = test.spawn(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        loop {
            ctx.receive().await;
        }
    });
    test.run_until_idle();
    test.exit(pid(&trapper), ExitReason::Shutdown);
    assert_eq!(info(&test, &trapper).status, Status::Runnable);
    test.run_until_idle();
    assert_eq!(info(&test, &trapper).status, Status::Waiting);
}

#[test]
fn whoever_woke_a_process_it_is_not_runnable_for_ever() {
    timetrap(|| {
        let system = workers(4);
        let sink = system.spawn(sink::<u32>);
        for _ in 0..TIMES {
            thread::scope(|scope| {
                for n in 0..2 {
                    let sink = &sink;
                    scope.spawn(move || sink.cast(n));
                }
            });
            while info(&system, &sink).status != Status::Waiting {
                thread::yield_now();
            }
        }
        assert_eq!(info(&system, &sink).received, 2 * TIMES as u64);
    });
}

#[test]
fn what_one_sends_another_receives_and_each_counts_it() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let home = ctx.address();
        let echo = ctx.spawn_link(|mut ctx: Context<u32>| async move {
            loop {
                let n = ctx.receive_message().await;
                home.cast(n);
            }
        });
        for n in 0..10 {
            echo.cast(n);
            ctx.receive_message().await;
        }
        let me = ctx.system().process_info(ctx.pid()).expect("it runs");
        assert_eq!((me.sent, me.received), (10, 10), "its own counts are up to date");
        assert_eq!(info(ctx.system(), &echo).received, 10);
        ctx.unlink(pid(&echo));
        kill(ctx.system(), &echo).await;
        assert!(ctx.system().counts().sent >= 20, "the counts of a process outlive it");
    });
}

#[test]
fn what_a_process_counted_outlives_it() {
    timetrap(|| {
        let system = workers(4);
        let senders: Vec<_> = (0..8)
            .map(|_| {
                system.spawn(|mut ctx: Context<()>| async move {
                    let home = ctx.address();
                    for _ in 0..100 {
                        let home = home.clone();
                        ctx.spawn(|_ctx: Context<()>| async move { home.cast(()) });
                    }
                    for _ in 0..100 {
                        ctx.receive_message().await;
                    }
                })
            })
            .collect();
        for sender in &senders {
            block_on(sender.exited());
        }
        while system.process_count() > 0 {
            thread::yield_now();
        }
        let counts = system.counts();
        assert_eq!((counts.spawned, counts.processes), (808, 0));
        assert_eq!((counts.sent, counts.received, counts.queued), (800, 800, 0));
        assert_eq!(counts.ended[&ExitKind::Normal], 808);
    });
}

#[test]
fn what_is_sent_from_outside_and_what_reaches_nobody_is_nobodys_to_count() {
    let test = TestSystem::new(1);
    let sink = test.spawn(sink::<u32>);
    sink.cast(1);
    test.run(|mut ctx: Context<()>| async move {
        let gone = ctx.spawn(|_ctx: Context<()>| async {});
        gone.exited().await;
        gone.cast(());
        assert_eq!(ctx.system().process_info(ctx.pid()).expect("it runs").sent, 0);
    });
    let counts = test.counts();
    assert_eq!((counts.sent, counts.received), (0, 1));
    assert_eq!(counts.dead_letters[&DeadReason::Exited], 1);
}

#[test]
fn exits_and_downs_wait_in_the_mailbox_but_count_as_no_messages() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let (_, _monitor) = ctx.spawn_monitor(|_ctx: Context<()>| async {});
        ctx.sleep(Duration::from_secs(1)).await;
        let before = ctx.system().process_info(ctx.pid()).expect("it runs");
        assert_eq!((before.queue_len, before.received), (1, 0));
        assert!(matches!(ctx.receive().await, Event::Down(_)));
        let after = ctx.system().process_info(ctx.pid()).expect("it runs");
        assert_eq!((after.queue_len, after.received), (0, 0));
    });
}

#[test]
fn a_message_is_never_out_of_sight_between_the_mailbox_and_its_receiver() {
    timetrap(|| {
        let system = workers(2);
        let sink = system.spawn(sink::<u64>);
        for n in 1..=100 * TIMES as u64 {
            sink.cast(n);
            let info = info(&system, &sink);
            assert!(info.queue_len as u64 + info.received >= n, "{n} were sent: {info:?}");
        }
    });
}

#[test]
fn an_answer_reflects_what_the_asker_has_sent_before() {
    in_every_order(|mut ctx: Context<()>| async move {
        let other = ctx.spawn(idle);
        ctx.link(pid(&other));
        let monitor = ctx.monitor(pid(&other));
        let tied = info(ctx.system(), &other);
        assert_eq!((tied.links, tied.monitored_by), (vec![ctx.pid()], vec![ctx.pid()]));
        other.cast(());
        assert_eq!(info(ctx.system(), &other).queue_len, 1);
        ctx.unlink(pid(&other));
        ctx.demonitor(monitor);
        let free = info(ctx.system(), &other);
        assert_eq!((free.links, free.monitored_by), (vec![], vec![]));
        ctx.exit(pid(&other), ExitReason::Kill);
        let status = ctx.system().process_info(pid(&other)).map(|info| info.status);
        assert!(matches!(status, None | Some(Status::Exiting)), "{status:?}");
        assert!(!ctx.system().is_alive(pid(&other)));
    });
}

#[test]
fn processes_lists_all_from_before_the_call_that_have_not_ended() {
    timetrap(|| {
        let system = workers(2);
        let stay: Vec<Pid> = (0..5_000).map(|_| pid(&system.spawn(idle))).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let churn = {
            let (system, stop) = (SystemHandle::clone(&system), stop.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let brief: Vec<_> = (0..50).map(|_| system.spawn(|_ctx: Context<()>| async {})).collect();
                    brief.iter().for_each(|brief| drop(block_on(brief.exited())));
                }
            })
        };
        for _ in 0..TIMES {
            // They are the oldest.
            assert_eq!(system.processes()[..stay.len()], stay);
        }
        stop.store(true, Ordering::Relaxed);
        churn.join().expect("it only spawns");
    });
}

#[test]
fn processes_are_listed_once_each_and_oldest_first() {
    let test = TestSystem::new(1);
    let spawned: Vec<Pid> = (0..10_000).map(|_| pid(&test.spawn(idle))).collect();
    assert_eq!(test.processes(), spawned);
}

#[test]
fn memory_grows_with_the_body_and_with_what_the_mailbox_holds() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        let small = ctx.spawn(|_ctx: Context<u64>| future::pending::<()>());
        let large = ctx.spawn(|_ctx: Context<u64>| async move {
            let pages = [0_u8; 8192];
            future::pending::<()>().await;
            assert_eq!(pages[0], 0);
        });
        let memory = |ctx: &Context<()>, process| info(ctx.system(), process).memory;
        let empty = memory(&ctx, &small);
        assert!(memory(&ctx, &large) - empty >= 4096);
        (0..1000).for_each(|n| small.cast(n));
        assert!(memory(&ctx, &small) - empty >= 8000);
    });
}

#[test]
fn a_started_process_knows_how_often_it_was_started_before() {
    TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        for restarts in 0..3 {
            let parent = ctx.as_parent().as_supervisor(restarts);
            let child = start_link(&parent, StartOptions::new(), |ctx: Context<()>, ack| async move {
                ack.ready();
                idle(ctx).await;
            });
            let child = child.await.expect("its name is free");
            assert_eq!(info(ctx.system(), &child).restarts, restarts);
        }
        let counts = ctx.system().counts();
        assert_eq!(counts.restarts, 2);
    });
}

#[test]
fn processes_are_counted_by_how_they_ended() {
    let test = TestSystem::new(1);
    test.run(|mut ctx: Context<()>| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::error("out of tea")] {
            ctx.spawn(|_ctx: Context<()>| async move { Err::<(), _>(reason) }).exited().await;
        }
        ctx.spawn(|_ctx: Context<()>| async { panic!("out of coffee") }).exited().await;
        let idle = ctx.spawn(idle);
        kill(ctx.system(), &idle).await;
    });
    let counts = test.counts();
    let ended = |kind| counts.ended[&kind];
    // The process that ran the test has ended normally, too.
    assert_eq!((ended(ExitKind::Normal), ended(ExitKind::Shutdown), ended(ExitKind::Killed)), (2, 1, 1));
    assert_eq!((ended(ExitKind::Error), ended(ExitKind::Panic), counts.crashes), (1, 1, 2));
    assert_eq!((counts.spawned, counts.processes), (6, 0));
}

/// Keeps the processor busy for that long.
fn work(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        std::hint::spin_loop();
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn busy_time_is_measured_while_somebody_wants_it() {
    timetrap(|| {
        let system = workers(1);
        let worker = system.spawn(|mut ctx: Context<bool>| async move {
            loop {
                ctx.receive_message().await;
                work(MILLISECOND);
            }
        });
        let busy_after = |count| {
            worker.cast(true);
            while info(&system, &worker).received < count || info(&system, &worker).status != Status::Waiting {
                thread::yield_now();
            }
            info(&system, &worker).busy
        };
        assert_eq!(busy_after(1), Duration::ZERO, "it is off");
        let (first, second) = (system.measure_busy_time(), system.measure_busy_time());
        let measured = busy_after(2);
        assert!(measured >= MILLISECOND, "{measured:?}");
        drop(first);
        let more = busy_after(3);
        assert!(more >= measured + MILLISECOND, "one still wants it");
        drop(second);
        assert_eq!(busy_after(4), more, "it is off again");
    });
}

#[test]
fn busy_time_can_be_measured_from_the_start_and_outlives_its_process() {
    timetrap(|| {
        let system = System::builder("busy").workers(1).busy_time(true).logger(Logger::root(Discard, o!())).build();
        let system = system.expect("the operating system gives a thread");
        let process = system.spawn(|_ctx: Context<()>| async { work(MILLISECOND) });
        block_on(process.exited());
        assert!(system.counts().busy >= MILLISECOND);
    });
}

#[test]
fn code_takes_no_time_under_a_virtual_clock() {
    let test = TestSystem::new(1);
    let _measuring = test.measure_busy_time();
    let utilisation = test.run(|ctx: Context<()>| async move {
        ctx.system().spawn(|_ctx: Context<()>| async { work(MILLISECOND) }).exited().await;
        ctx.system().utilisation(Duration::from_secs(1)).await
    });
    assert_eq!((utilisation, test.counts().busy), (Some(0.0), Duration::ZERO));
}

#[test]
fn utilisation_tells_that_workers_are_busy() {
    timetrap(|| {
        let system = workers(1);
        system.spawn(|_ctx: Context<()>| async {
            loop {
                work(MILLISECOND / 10);
                yield_now().await;
            }
        });
        // Of one window the worker may have seen nothing but its end.
        while block_on(system.utilisation(MILLISECOND)).expect("time has passed") == 0.0 {}
        assert_eq!(
            TestSystem::new(1).run(|ctx: Context<()>| async move { ctx.system().utilisation(Duration::ZERO).await }),
            None
        );
    });
}

#[test]
fn top_ranks_processes_most_first_and_the_older_before_the_younger() {
    let test = TestSystem::new(1);
    let processes: Vec<_> =
        [2, 5, 0, 5].map(|count| (test.spawn(|_: Context<u32>| future::pending::<()>()), count)).into();
    for (process, count) in &processes {
        (0..*count).for_each(|n| process.cast(n));
    }
    let ranks = |count| {
        let top = test.top(By::QueueLen, count);
        top.iter().map(|ranked| (ranked.process.pid, ranked.amount)).collect::<Vec<_>>()
    };
    let [second, first, last, tied] = [0, 1, 2, 3].map(|n| pid(&processes[n].0));
    assert_eq!(ranks(10), [(first, 5), (tied, 5), (second, 2), (last, 0)]);
    assert_eq!(ranks(1), [(first, 5)]);
}

#[test]
fn top_within_ranks_by_what_came_in_the_window() {
    let test = TestSystem::new(1);
    let (old, new) = (test.spawn(sink::<u32>), test.spawn(sink::<u32>));
    (0..100).for_each(|n| old.cast(n));
    test.run_until_idle();
    assert_eq!(test.top(By::Received, 1)[0].process.pid, pid(&old));
    let top = test.run(move |ctx: Context<()>| async move {
        let home = new.clone();
        ctx.system().spawn(move |ctx: Context<()>| async move {
            ctx.sleep(Duration::from_secs(1)).await;
            (0..3).for_each(|n| home.cast(n));
        });
        let top = ctx.system().top_within(Duration::from_secs(2), By::Received, 1).await;
        (top[0].process.pid == pid(&new), top[0].amount)
    });
    assert_eq!(top, (true, 3));
}

#[test]
fn a_snapshot_has_the_processes_as_a_tree() {
    let snapshot = TestSystem::new(1).run(|mut ctx: Context<()>| async move {
        ctx.set_label("root");
        for branch in ["left", "right"] {
            let options = SpawnOptions::new().label(branch);
            let spawned = ctx.spawn_link_with(options, |mut ctx: Context<()>| async move {
                ctx.spawn(idle);
                ctx.spawn(idle);
                idle(ctx).await;
            });
            spawned.expect("it has no name");
        }
        let parent = ctx.spawn(|mut ctx: Context<()>| async move {
            let options = SpawnOptions::new().label("orphan").name("oliver");
            let orphan = ctx.spawn_link_with(options, |ctx: Context<()>| async move {
                ctx.system().groups().join(&ctx, "boys").expect("it is the first");
                idle(ctx).await;
            });
            orphan.map(drop).expect("nobody else has the name");
        });
        parent.exited().await;
        ctx.sleep(Duration::from_secs(1)).await;
        ctx.system().snapshot()
    });
    let lines = snapshot.tree.iter().map(|node| {
        let label = node.process.label.as_deref().unwrap_or("-");
        format!("{} {label}", node.depth)
    });
    assert_eq!(lines.collect::<Vec<_>>(), ["0 root", "1 left", "2 -", "2 -", "1 right", "2 -", "2 -", "0 orphan"]);
    let orphan = snapshot.tree[7].process.pid;
    assert_eq!(snapshot.names["oliver"], orphan);
    assert_eq!((snapshot.groups.len(), &snapshot.groups[0].members), (1, &BTreeSet::from([orphan])));
    assert_eq!((&*snapshot.name, snapshot.workers, snapshot.age), ("test", 1, Duration::from_secs(1)));
    assert_eq!((snapshot.counts.processes, snapshot.counts.spawned), (8, 9));
}

#[test]
fn a_tree_may_be_as_high_as_there_are_processes() {
    const HEIGHT: usize = 20_000;

    fn grow(mut ctx: Context<()>, left: usize) {
        if left > 0 {
            ctx.spawn(move |ctx: Context<()>| async move {
                let forever = future::pending::<()>();
                grow(ctx, left - 1);
                forever.await;
            });
        }
    }

    let test = TestSystem::new(1);
    test.spawn(|ctx: Context<()>| async move {
        grow(ctx, HEIGHT - 1);
        future::pending::<()>().await;
    });
    test.run_until_idle();
    let snapshot = test.snapshot();
    let depths = snapshot.tree.iter().map(|node| node.depth);
    assert!(depths.eq(0..HEIGHT));
    assert!(snapshot.to_string().lines().all(|line| line.len() < 200));
}

/// A little life, and the snapshot after it.
fn snapshot_of(seed: u64) -> proscenium_runtime::SystemSnapshot {
    let test = TestSystem::new(seed);
    let fast = test.spawn(sink::<u32>);
    for _ in 0..5 {
        let fast = fast.clone();
        test.spawn(|mut ctx: Context<()>| async move {
            ctx.set_label("till");
            ctx.system().groups().join(&ctx, "tills").expect("they are alike");
            let name = format!("till {}", ctx.system().processes().len() + ctx.system().timer_count());
            let _ = ctx.register(&name);
            ctx.spawn_link(idle);
            fast.cast(1);
            ctx.sleep(Duration::from_millis(10)).await;
            future::pending::<()>().await;
        });
    }
    test.advance(Duration::from_secs(1));
    test.snapshot()
}

#[test]
fn the_same_seed_gives_the_same_snapshot() {
    for seed in 0..100 {
        assert_eq!(snapshot_of(seed), snapshot_of(seed), "{seed}");
        assert_eq!(snapshot_of(seed).to_string(), snapshot_of(seed).to_string(), "{seed}");
    }
    let kinds: BTreeSet<String> = (0..100).map(|seed| snapshot_of(seed).to_string()).collect();
    assert!(kinds.len() > 1, "seeds differ");
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_is_the_same_bytes_for_the_same_seed_and_can_be_read_again() {
    let write =
        |seed| ron::ser::to_string_pretty(&snapshot_of(seed), ron::ser::PrettyConfig::new()).expect("it is plain");
    let text = write(7);
    assert_eq!(text, write(7));
    assert!(text.contains(r#"pid: "<0.1.1>""#), "{text}");
    let again: proscenium_runtime::SystemSnapshot = ron::from_str(&text).expect("it was written so");
    assert_eq!(again, snapshot_of(7));
}

#[test]
fn a_pid_can_be_read_from_what_it_prints() {
    let test = TestSystem::new(1);
    let pid = pid(&test.spawn(idle));
    assert_eq!(pid.to_string().parse(), Ok(pid));
    for text in ["", "0.1.1", "<0.1>", "<0.1.1", "<1.1.1>", "<0.1.x>", "<0.1.-1>"] {
        let error: ParsePidError = text.parse::<Pid>().expect_err("it is no pid");
        assert_eq!(error.to_string(), format!("{text:?} is no pid: one looks like <0.42.1>"));
    }
}

#[test]
fn looking_at_many_processes_while_they_come_and_go_harms_nobody() {
    timetrap(|| {
        let system = workers(2);
        let stop = Arc::new(AtomicBool::new(false));
        let looker = {
            let (system, stop) = (SystemHandle::clone(&system), stop.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let tree = system.snapshot().tree;
                    let pids: BTreeSet<Pid> = tree.iter().map(|node| node.process.pid).collect();
                    assert_eq!(pids.len(), tree.len(), "each is there once");
                    assert!(system.top(By::Memory, 3).len() <= 3);
                }
            })
        };
        for _ in 0..TIMES {
            let family = system.spawn(|mut ctx: Context<()>| async move {
                ctx.spawn_link(idle);
                ctx.spawn_link(idle);
                yield_now().await;
                Err::<(), _>(ExitReason::Shutdown)
            });
            block_on(family.exited());
        }
        stop.store(true, Ordering::Relaxed);
        looker.join().expect("it only looks");
        while system.process_count() > 0 {
            thread::yield_now();
        }
        assert_eq!(system.counts().ended[&ExitKind::Shutdown], 3 * TIMES as u64);
    });
}
