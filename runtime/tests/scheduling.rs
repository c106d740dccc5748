//! Who runs when, and on which thread.

mod common;

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{idle, kill, many_times, run_on, timetrap, workers};
use futures_lite::future;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{
    Address, Context, ExitReason, Mailbox, Overflow, Priority, Reply, SpawnOptions, SystemHandle,
};
use smol::net::{TcpListener, TcpStream};

type Log = Arc<Mutex<Vec<char>>>;

/// Logs a letter, as often as it is told, and lets others run in between.
fn writer(system: &SystemHandle, log: &Log, letter: char, times: usize, priority: Priority) {
    let log = log.clone();
    let options = SpawnOptions::new().priority(priority);
    let body = move |_ctx: Context<()>| async move {
        for _ in 0..times {
            log.lock().expect("nobody panics").push(letter);
            future::yield_now().await;
        }
    };
    system.spawn_with(options, body).expect("it has no name");
}

/// What writers have written when all have ended that one process, which has the worker meanwhile, has spawned.
fn written(spawn: impl Fn(&SystemHandle, &Log) + Send + Sync + Clone + 'static) -> String {
    timetrap(move || {
        let log = Log::default();
        let system = workers(1);
        let kept = log.clone();
        run_on(&system, move |ctx: Context<()>| async move {
            spawn(ctx.system(), &kept);
        });
        while system.process_count() > 0 {
            thread::yield_now();
        }
        let written = log.lock().expect("nobody panics");
        written.iter().collect()
    })
}

#[test]
fn a_process_of_high_priority_runs_before_all_others() {
    let written = written(|system, log| {
        writer(system, log, 'l', 3, Priority::Low);
        writer(system, log, 'n', 3, Priority::Normal);
        writer(system, log, 'h', 3, Priority::High);
    });
    assert!(written.starts_with("hhh"), "{written}");
}

#[test]
fn a_process_of_low_priority_has_its_turn_after_some_of_normal_priority() {
    let written = written(|system, log| {
        writer(system, log, 'l', 3, Priority::Low);
        writer(system, log, 'n', 100, Priority::Normal);
    });
    let turns: Vec<_> = written.char_indices().filter(|(_, letter)| *letter == 'l').map(|(place, _)| place).collect();
    assert_eq!(turns.len(), 3);
    assert!(turns[0] <= 8, "{written}");
    assert!(turns.windows(2).all(|pair| pair[1] - pair[0] <= 8), "{written}");
}

#[test]
fn a_process_may_change_its_priority() {
    let written = written(|system, log| {
        let kept = log.clone();
        system.spawn(move |mut ctx: Context<()>| async move {
            assert_eq!(ctx.set_priority(Priority::High), Priority::Normal);
            assert_eq!(ctx.set_priority(Priority::High), Priority::High);
            for _ in 0..3 {
                future::yield_now().await;
                kept.lock().expect("nobody panics").push('h');
            }
        });
        writer(system, log, 'n', 10, Priority::Normal);
    });
    assert!(written.contains("hhh"), "{written}");
}

#[test]
fn two_processes_that_wake_each_other_let_others_run() {
    timetrap(|| {
        let system = workers(1);
        run_on(&system, |mut ctx: Context<()>| async move {
            let ball = ctx.spawn(|mut ctx: Context<async_channel::Sender<()>>| async move {
                loop {
                    let _ = ctx.receive_message().await.send(()).await;
                }
            });
            let player = ctx.spawn(move |_ctx: Context<()>| async move {
                let (give, take) = async_channel::bounded(1);
                loop {
                    ball.cast(give.clone());
                    take.recv().await.expect("the ball comes back");
                }
            });
            let third = ctx.spawn(|_ctx: Context<()>| async { future::yield_now().await });
            third.exited().await;
            kill(ctx.system(), &player).await;
        });
    });
}

#[test]
fn a_process_that_never_has_to_wait_lets_others_run() {
    timetrap(|| {
        let system = workers(1);
        let sink = system
            .spawn_with(
                SpawnOptions::new().mailbox(Mailbox::bounded(1).overflow(Overflow::DropOldest)),
                |ctx: Context<()>| idle(ctx),
            )
            .expect("it has no name");
        let gone = system.spawn(|_ctx: Context<Reply<()>>| async {});
        future::block_on(gone.exited());
        let (to, called, asked, ended) = (sink.clone(), gone.clone(), gone.clone(), gone);
        let busy: [Address<()>; 6] = [
            system.spawn(move |_ctx| async move {
                loop {
                    to.send(()).await.expect("it lives");
                }
            }),
            system.spawn(move |_ctx| async move {
                loop {
                    called.call(|reply| reply).await.expect_err("it has ended");
                }
            }),
            system.spawn(move |_ctx| async move {
                loop {
                    asked.send_request(|reply| reply).await.expect_err("it has ended");
                }
            }),
            system.spawn(move |_ctx| async move {
                loop {
                    ended.exited().await;
                }
            }),
            system.spawn(|ctx| async move {
                loop {
                    ctx.sleep(Duration::ZERO).await;
                }
            }),
            system.spawn(|mut ctx| async move {
                loop {
                    ctx.receive_timeout(Duration::ZERO).await;
                }
            }),
        ];
        for process in busy {
            let polite = system.spawn(|_ctx: Context<()>| async { future::yield_now().await });
            assert_eq!(future::block_on(polite.exited()), ExitReason::Normal);
            assert!(system.is_alive(&process));
        }
    });
}

#[test]
fn what_a_process_has_woken_runs_though_that_process_keeps_its_worker() {
    timetrap(|| {
        let system = workers(2);
        for _ in 0..100 {
            run_on(&system, |mut ctx: Context<()>| async move {
                let (give, take) = mpsc::channel();
                let child = ctx.spawn(move |mut ctx: Context<()>| async move {
                    ctx.receive_message().await;
                    give.send(()).expect("somebody waits for it");
                });
                child.cast(());
                // It has the worker until the child has run: on another one, then.
                take.recv().expect("it comes");
            });
        }
    });
}

#[test]
fn what_a_descriptor_wakes_in_an_idle_system_runs() {
    timetrap(|| {
        let system = workers(2);
        run_on(&system, |ctx: Context<()>| async move {
            for _ in 0..1000 {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
                let address = listener.local_addr().expect("it has one");
                let host = ctx.system().spawn(|_ctx: Context<()>| async move {
                    let (mut stream, _from) = listener.accept().await.expect("somebody comes");
                    stream.write_all(b"tea").await.expect("somebody reads");
                });
                let mut guest = TcpStream::connect(address).await.expect("somebody listens");
                let mut tea = Vec::new();
                guest.read_to_end(&mut tea).await.expect("somebody writes");
                assert_eq!(tea, b"tea");
                host.exited().await;
            }
        });
    });
}

#[test]
fn a_process_with_a_thread_of_its_own_may_block_while_the_only_worker_runs_others() {
    timetrap(|| {
        let system = workers(1);
        let (give, take) = mpsc::channel();
        let options = SpawnOptions::new().own_thread();
        let blocked = system
            .spawn_with(options, move |_ctx: Context<()>| async move { take.recv().expect("somebody sends") })
            .expect("it has no name");
        run_on(&system, |mut ctx: Context<()>| async move {
            let child = ctx.spawn(|_ctx: Context<()>| async {});
            assert_eq!(child.exited().await, ExitReason::Normal);
        });
        assert!(system.is_alive(&blocked));
        give.send(()).expect("it waits for it");
        assert_eq!(future::block_on(blocked.exited()), ExitReason::Normal);
    });
}

#[test]
fn a_process_with_a_thread_of_its_own_is_a_process_like_any_other() {
    many_times(|mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let home = ctx.address();
        let options = SpawnOptions::new().own_thread();
        let child = ctx
            .spawn_link_with(options, move |mut ctx: Context<u32>| async move {
                loop {
                    home.cast(ctx.receive_message().await + 1);
                }
            })
            .expect("it has no name");
        child.cast(1);
        assert_eq!(ctx.receive_message().await, 2);
        ctx.exit(&child, ExitReason::Shutdown);
        assert_eq!(common::next_exit(&mut ctx).await.reason, ExitReason::Shutdown);
    });
}

#[test]
fn a_system_that_ends_ends_the_processes_that_have_threads_of_their_own() {
    timetrap(|| {
        for _ in 0..100 {
            let system = workers(1);
            let alive = Arc::new(());
            let held = alive.clone();
            let body = move |ctx: Context<()>| async move {
                let _held = held;
                idle(ctx).await;
            };
            system.spawn_with(SpawnOptions::new().own_thread(), body).expect("it has no name");
            drop(system);
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    });
}

#[test]
fn a_simulated_system_runs_processes_of_all_sorts_in_any_order() {
    let mut orders = BTreeSet::new();
    for seed in 0..100 {
        let log = Log::default();
        let test = TestSystem::new(seed);
        writer(&test, &log, 'h', 1, Priority::High);
        writer(&test, &log, 'l', 1, Priority::Low);
        let kept = log.clone();
        let body = move |_ctx: Context<()>| async move { kept.lock().expect("nobody panics").push('t') };
        test.spawn_with(SpawnOptions::new().own_thread(), body).expect("it has no name");
        test.run_until_idle();
        orders.insert(log.lock().expect("nobody panics").iter().collect::<String>());
    }
    assert_eq!(orders.len(), 6, "{orders:?}");
}
