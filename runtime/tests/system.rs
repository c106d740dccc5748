//! Systems: no statics, an end in order, and an end in the middle of everything.

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{Gate, OnDrop, TIMES, idle, kill, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{
    Address, Context, Event, ExitReason, InitAck, Pid, Reply, SpawnOptions, StartOptions, System, SystemHandle, start,
};
use slog::{Discard, Drain, Level, Logger, Never, OwnedKVList, Record, o};

#[test]
fn run_returns_why_its_process_ended() {
    let run = |end: fn() -> Result<(), ExitReason>| workers(1).run(move |_ctx: Context<()>| async move { end() });
    assert_eq!(run(|| Ok(())), Ok(()));
    assert_eq!(run(|| Err(ExitReason::Normal)), Ok(()));
    assert_eq!(run(|| Err(ExitReason::Shutdown)), Err(ExitReason::Shutdown));
    assert_eq!(run(|| Err(ExitReason::error("no luck"))), Err(ExitReason::error("no luck")));
    let Err(ExitReason::Panic(panic)) = run(|| panic!("no luck at all")) else { panic!("it panicked") };
    assert_eq!(panic.message(), "no luck at all");
}

/// A state that counts those that live.
fn counted(living: &Arc<AtomicUsize>) -> OnDrop<impl FnMut() + Send + use<>> {
    living.fetch_add(1, Ordering::SeqCst);
    let living = living.clone();
    OnDrop(move || {
        living.fetch_sub(1, Ordering::SeqCst);
    })
}

#[test]
fn run_stops_all_that_is_left_before_it_returns() {
    timetrap(|| {
        let living = Arc::new(AtomicUsize::new(0));
        let states: Vec<_> = (0..100).map(|_| counted(&living)).collect();
        let outcome = workers(2).run(move |ctx: Context<()>| async move {
            for state in states {
                ctx.system().spawn(move |_ctx: Context<()>| async move {
                    let _state = state;
                    future::pending::<()>().await;
                });
            }
        });
        assert_eq!((outcome, living.load(Ordering::SeqCst)), (Ok(()), 0));
    });
}

#[derive(Debug)]
enum Ask {
    Number(Reply<usize>),
    Nothing,
}

#[test]
fn two_systems_with_the_same_names_know_nothing_of_each_other() {
    timetrap(|| {
        let systems = [workers(2), workers(2)];
        let servers = [0, 1].map(|number| {
            let options = SpawnOptions::new().name("server");
            let server = systems[number].spawn_with(options, move |mut ctx: Context<Ask>| async move {
                loop {
                    if let Ask::Number(reply) = ctx.receive_message().await {
                        reply.send(number);
                    }
                }
            });
            server.expect("the name is free in this system")
        });
        assert_eq!(servers[0].pid(), servers[1].pid(), "each counts for itself");
        for (number, system) in systems.iter().enumerate() {
            let server: Address<Ask> = system.named("server");
            assert_eq!(future::block_on(server.call(Ask::Number)), Ok(number));
            assert_eq!((system.process_count(), system.registered().len()), (1, 1));
        }
        let [first, second] = &systems;
        future::block_on(kill(first, &servers[0]));
        servers[0].cast(Ask::Nothing);
        assert_eq!((first.dead_letter_count(), second.dead_letter_count()), (1, 0));
        assert_eq!((first.process_count(), second.process_count()), (0, 1));
        let [first, second] = systems;
        drop(first);
        let server: Address<Ask> = second.named("server");
        assert_eq!(future::block_on(server.call(Ask::Number)), Ok(1));
    });
}

/// Spawns, links, monitors, calls, and sends without an end.
fn turmoil(system: &SystemHandle, living: &Arc<AtomicUsize>) {
    for _ in 0..8 {
        let (state, living) = (counted(living), living.clone());
        system.spawn(move |mut ctx: Context<usize>| async move {
            let _state = state;
            ctx.trap_exit(true);
            loop {
                let (state, home) = (counted(&living), ctx.address());
                let child = ctx.spawn_link(move |mut ctx: Context<Ask>| async move {
                    let _state = state;
                    ctx.send_after_to(Duration::ZERO, &home, 7);
                    if let Ask::Number(reply) = ctx.receive_message().await {
                        reply.send(7);
                    }
                    future::yield_now().await;
                    Err::<(), _>(ExitReason::error("and on it goes"))
                });
                ctx.monitor(pid(&child));
                ctx.send_after(Duration::ZERO, 7);
                let _ = child.call(Ask::Number).await;
                child.cast(Ask::Nothing);
                ctx.receive().await;
            }
        });
    }
}

#[test]
fn a_system_dropped_in_the_middle_of_everything_ends_cleanly() {
    timetrap(|| {
        for round in 0..200 {
            let living = Arc::new(AtomicUsize::new(0));
            let system = workers(1 + round % 4);
            let handle = (*system).clone();
            turmoil(&system, &living);
            let visitor = system.spawn(idle);
            while system.processes().len() < 9 {
                thread::yield_now();
            }
            drop(system);
            assert_eq!(living.load(Ordering::SeqCst), 0, "a process outlived its system");
            assert_eq!((handle.process_count(), handle.timer_count()), (0, 0));
            assert_eq!(future::block_on(visitor.exited()), ExitReason::Killed);
        }
    });
}

#[test]
fn a_system_that_has_done_nothing_ends_at_once() {
    timetrap(|| {
        for round in 0..TIMES / 2 {
            // Its workers may have begun, be looking for work, or sleep.
            let system = workers(1 + round % 3);
            (0..round % 5).for_each(|_| thread::yield_now());
            drop(system);
        }
    });
}

#[test]
fn a_simulation_dropped_in_the_middle_of_everything_ends_cleanly() {
    for seed in 0..200 {
        let living = Arc::new(AtomicUsize::new(0));
        let test = TestSystem::new(seed);
        turmoil(&test, &living);
        test.block_on(async {
            for _ in 0..seed {
                future::yield_now().await;
            }
        });
        let handle = (*test).clone();
        drop(test);
        assert_eq!(living.load(Ordering::SeqCst), 0, "a process outlived its system");
        assert_eq!((handle.process_count(), handle.timer_count()), (0, 0));
    }
}

#[test]
fn a_system_dropped_while_others_spawn_in_it_leaves_no_process() {
    timetrap(|| {
        for _ in 0..100 {
            let system = workers(2);
            let (living, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
            let spawner = {
                let (handle, living, over) = ((*system).clone(), living.clone(), over.clone());
                thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let state = counted(&living);
                        handle.spawn(move |_ctx: Context<()>| async move {
                            let _state = state;
                            future::pending::<()>().await;
                        });
                    }
                    handle.process_count()
                })
            };
            while system.process_count() < 10 {
                thread::yield_now();
            }
            drop(system);
            over.store(true, Ordering::Relaxed);
            assert_eq!(spawner.join().expect("it does not panic"), 0);
            assert_eq!(living.load(Ordering::SeqCst), 0);
        }
    });
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<String>>>);

impl Drain for Records {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _context: &OwnedKVList) -> Result<(), Never> {
        let mut records = self.0.lock().expect("nobody panics with it");
        records.push(record.msg().to_string());
        Ok(())
    }
}

#[test]
fn a_system_dropped_by_its_own_process_ends_with_it() {
    timetrap(|| {
        for round in 0..100 {
            let records = Records::default();
            let system = System::builder("test")
                .workers(1 + round % 2)
                .logger(Logger::root(records.clone().filter_level(Level::Warning).fuse(), o!()))
                .build()
                .expect("the operating system gives threads");
            let living = Arc::new(AtomicUsize::new(0));
            turmoil(&system, &living);
            let (give, taken) = async_channel::bounded::<System>(1);
            let state = counted(&living);
            let owner = system.spawn(move |_ctx: Context<()>| async move {
                let _state = state;
                drop(taken.recv().await);
                // It was dropped, and this is the next await.
                future::yield_now().await;
                unreachable!("the process was killed with its system");
            });
            let others: Vec<Address<()>> = (0..4).map(|_| system.spawn(idle)).collect();
            give.try_send(system).expect("it is the only one");
            for process in others.iter().chain([&owner]) {
                assert_eq!(future::block_on(process.exited()), ExitReason::Killed);
            }
            while living.load(Ordering::SeqCst) > 0 {
                thread::yield_now();
            }
            let logged = records.0.lock().expect("nobody panics with it");
            let complaints: Vec<_> = logged.iter().filter(|record| *record != "process crashed").collect();
            assert_eq!(complaints, [""; 0]);
        }
    });
}

#[test]
fn a_process_spawned_after_the_end_is_killed_before_it_runs() {
    timetrap(|| {
        let (system, test) = (workers(1), TestSystem::new(0));
        let handles = [(*system).clone(), (*test).clone()];
        drop((system, test));
        for handle in handles {
            let living = Arc::new(AtomicUsize::new(0));
            let state = counted(&living);
            let late = handle.spawn(move |_ctx: Context<()>| async move {
                let _state = state;
                unreachable!("it never runs");
            });
            assert_eq!(future::block_on(late.exited()), ExitReason::Killed);
            assert_eq!((living.load(Ordering::SeqCst), handle.process_count()), (0, 0));
            assert!(late.try_send(()).is_err());
        }
    });
}

/// A process that notes its end, after `linger`, when it is asked to shut down.
fn note_end(system: &SystemHandle, name: &'static str, linger: Duration, ends: &Arc<Mutex<Vec<&'static str>>>) {
    let ends = ends.clone();
    system.spawn(move |mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
        assert!(ctx.is_from_parent(&exit));
        assert_eq!(exit.reason, ExitReason::Shutdown);
        ctx.sleep(linger).await;
        ends.lock().expect("nobody panics with it").push(name);
    });
}

#[test]
fn shutdown_stops_one_after_another_the_youngest_first() {
    for_each_seed(100, |test| {
        let ends = Arc::default();
        // Older processes whose slots are used again, and more than one round of slots.
        let brief: Vec<Address<()>> = (0..40).map(|_| test.spawn(|_ctx: Context<()>| async {})).collect();
        brief.iter().for_each(|process| drop(test.block_on(process.exited())));
        for (name, linger) in [("first", 0), ("second", 5), ("third", 2), ("fourth", 1)] {
            (0..10).for_each(|_| drop(test.spawn(idle)));
            note_end(test, name, Duration::from_secs(linger), &ends);
        }
        test.run_until_idle();
        test.shutdown();
        assert_eq!(*ends.lock().expect("nobody panics with it"), ["fourth", "third", "second", "first"]);
        assert_eq!(test.elapsed(), Duration::from_secs(8), "one after another");
        assert_eq!(test.process_count(), 0);
    });
}

#[test]
fn shutdown_leaves_children_to_their_parents_and_stops_orphans_before_older_processes() {
    for_each_seed(100, |test| {
        let ends: Arc<Mutex<Vec<&str>>> = Arc::default();
        note_end(test, "old", Duration::ZERO, &ends);
        let noted = ends.clone();
        test.run(move |ctx: Context<()>| async move {
            let ready = Gate::new();
            let is_ready = ready.clone();
            ctx.system().spawn(move |mut ctx: Context<()>| async move {
                ctx.trap_exit(true);
                let (child_notes, orphan_notes) = (noted.clone(), noted.clone());
                let child = ctx.spawn(move |_ctx: Context<()>| async move {
                    let _end = OnDrop(|| child_notes.lock().expect("nobody panics with it").push("child"));
                    future::pending::<()>().await;
                });
                ctx.spawn(move |_ctx: Context<()>| async move {
                    let _end = OnDrop(|| orphan_notes.lock().expect("nobody panics with it").push("orphan"));
                    future::pending::<()>().await;
                });
                future::yield_now().await;
                is_ready.open();
                ctx.receive().await;
                ctx.exit(pid(&child), ExitReason::Shutdown);
                child.exited().await;
                noted.lock().expect("nobody panics with it").push("parent");
            });
            ready.passed().await;
        });
        test.run_until_idle();
        test.shutdown();
        assert_eq!(*ends.lock().expect("nobody panics with it"), ["child", "parent", "orphan", "old"]);
    });
}

#[test]
fn shutdown_kills_what_ignores_it_when_the_timeout_is_over() {
    for_each_seed(100, |test| {
        let older = test.spawn(idle);
        let stubborn = test.spawn(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            loop {
                ctx.receive().await;
            }
        });
        test.run_until_idle();
        test.shutdown();
        assert_eq!(test.elapsed(), Duration::from_secs(30));
        assert_eq!(test.block_on(stubborn.exited()), ExitReason::Killed);
        assert_eq!(test.block_on(older.exited()), ExitReason::Killed, "its turn never came");
    });
}

#[test]
fn shutdown_is_over_in_time_though_a_process_holds_the_only_worker() {
    timetrap(|| {
        let system = System::builder("test")
            .workers(1)
            .logger(Logger::root(Discard, o!()))
            .shutdown_timeout(Duration::from_millis(1))
            .build()
            .expect("the operating system gives threads");
        let began = Gate::new();
        let has_begun = began.clone();
        let holder = system.spawn(move |mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            has_begun.open();
            // Code that never awaits, until it is killed: no timer can expire meanwhile.
            while ctx.system().is_alive(ctx.pid()) {
                thread::yield_now();
            }
        });
        future::block_on(began.passed());
        system.shutdown();
        assert_eq!(future::block_on(holder.exited()), ExitReason::Normal, "it returned by itself");
    });
}

#[test]
fn a_system_that_is_dropped_kills_who_goes_on_starting_others_in_vain() {
    timetrap(|| {
        for _ in 0..100 {
            let system = workers(2);
            let began = Gate::new();
            let has_begun = began.clone();
            let starter = system.spawn(move |ctx: Context<()>| async move {
                loop {
                    let ready = |_ctx: Context<()>, ack: InitAck| async move { ack.ready() };
                    // In a system that halts, it has failed at once.
                    let _ = start(ctx.system(), StartOptions::new(), ready).await;
                    has_begun.open();
                }
            });
            future::block_on(began.passed());
            drop(system);
            assert_eq!(future::block_on(starter.exited()), ExitReason::Killed);
        }
    });
}

#[test]
fn shutdown_of_many_thousand_processes_takes_no_time() {
    timetrap(|| {
        let system = workers(4);
        let processes: Vec<Address<()>> = (0..20_000).map(|_| system.spawn(idle)).collect();
        system.shutdown();
        for process in processes {
            assert_eq!(future::block_on(process.exited()), ExitReason::Shutdown);
        }
    });
}

#[test]
fn processes_are_listed_oldest_first_and_no_pid_is_used_twice() {
    for_each_seed(10, |test| {
        let brief: BTreeSet<Pid> = (0..40).map(|_| pid(&test.spawn(|_ctx: Context<()>| async {}))).collect();
        test.run_until_idle();
        let living: Vec<Pid> = (0..TIMES).map(|_| pid(&test.spawn(idle))).collect();
        assert_eq!(test.processes(), living);
        assert_eq!(test.process_count(), TIMES);
        assert!(living.iter().all(|pid| !brief.contains(pid)));
    });
}

#[test]
fn a_system_may_run_within_a_process_of_another() {
    timetrap(|| {
        let outcome = workers(1).run(|_ctx: Context<()>| async move {
            workers(1).run(|ctx: Context<Reply<()>>| async move {
                // Not the process that the outer system runs on this thread.
                let error = ctx.address().call(|reply| reply).await.expect_err("it calls itself");
                Err::<(), _>(ExitReason::from(error))
            })
        });
        let told = outcome.expect_err("the inner one failed").to_string();
        assert!(told.ends_with("a process cannot call itself"), "{told}");
    });
}

#[test]
fn a_system_knows_how_long_ago_it_was_started_by_its_own_clock() {
    let test = TestSystem::new(1);
    assert_eq!(test.uptime(), Duration::ZERO);
    test.advance(Duration::from_millis(1500));
    assert_eq!(test.uptime(), Duration::from_millis(1500));
}

#[test]
#[should_panic(expected = "a system needs a worker")]
fn a_system_without_a_worker_is_refused() {
    let _ = System::builder("test").workers(0);
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
