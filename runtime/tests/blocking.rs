//! Work that blocks: beside the processes, and never in their way.

mod common;

use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::{OnDrop, kill, run_on, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Context, DeadReason, ExitReason, Mailbox, Overflow, SpawnOptions};

#[test]
fn the_result_of_the_work_comes_back() {
    timetrap(|| {
        run_on(&workers(1), |ctx: Context<()>| async move {
            let own = thread::current().id();
            let elsewhere = ctx.system().blocking(move || thread::current().id() != own).await;
            assert_eq!(elsewhere, Ok(true));
        });
    });
}

#[test]
fn a_panic_of_the_work_is_an_error_and_no_more() {
    async fn body(ctx: Context<()>) {
        let outcome = ctx.system().blocking(|| -> u8 { panic!("out of cheese") }).await;
        let Err(ExitReason::Panic(panic)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(panic.message(), "out of cheese");
        assert!(panic.location().is_some_and(|location| location.contains("blocking.rs")));
    }
    timetrap(|| run_on(&workers(1), body));
    TestSystem::new(1).run(body);
}

#[test]
fn processes_run_while_work_blocks_the_only_worker_not() {
    timetrap(|| {
        run_on(&workers(1), |mut ctx: Context<()>| async move {
            let (give, given) = mpsc::channel();
            let other = ctx.spawn(move |mut ctx: Context<u8>| async move {
                give.send(ctx.receive_message().await).expect("the work waits for it");
            });
            let system = ctx.system().clone();
            let blocking = system.blocking(move || given.recv());
            let feed = async {
                future::yield_now().await;
                other.cast(7);
            };
            let (outcome, ()) = future::zip(blocking, feed).await;
            assert_eq!(outcome, Ok(Ok(7)));
        });
    });
}

#[test]
fn many_works_block_at_the_same_time() {
    const COUNT: usize = 20;
    timetrap(|| {
        run_on(&workers(1), |mut ctx: Context<bool>| async move {
            let barrier = Arc::new(Barrier::new(COUNT));
            for _ in 0..COUNT {
                let (barrier, home) = (barrier.clone(), ctx.address());
                ctx.spawn_link(move |ctx: Context<()>| async move {
                    let is_leader = ctx.system().blocking(move || barrier.wait().is_leader()).await?;
                    home.cast(is_leader);
                    Ok(())
                });
            }
            let mut leaders = 0;
            for _ in 0..COUNT {
                leaders += u32::from(ctx.receive_message().await);
            }
            assert_eq!(leaders, 1);
        });
    });
}

#[test]
fn a_process_that_is_killed_while_it_waits_ends_at_once_and_the_result_is_dropped() {
    timetrap(|| {
        let system = workers(1);
        let (begin, begun) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let process = system.spawn(move |ctx: Context<()>| async move {
            let work = move || {
                begin.send(()).expect("the test waits for it");
                gone.recv().expect("it is sent");
                OnDrop(move || tell.send(()).expect("the test waits for it"))
            };
            let _never = ctx.system().blocking(work).await;
            unreachable!("it is killed");
        });
        begun.recv().expect("it begins");
        future::block_on(kill(&system, &process));
        assert_eq!(future::block_on(process.exited()), ExitReason::Killed);
        // The work knows nothing of that.
        go.send(()).expect("it waits");
        told.recv().expect("its result is dropped");
    });
}

#[test]
fn the_end_of_a_system_does_not_wait_for_work() {
    timetrap(|| {
        let (begin, begun) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let system = workers(1);
        system.spawn(move |ctx: Context<()>| async move {
            let work = move || {
                begin.send(()).expect("the test waits for it");
                let _ = gone.recv();
            };
            ctx.system().blocking(work).await
        });
        begun.recv().expect("it begins");
        system.shutdown();
        drop(go);
    });
}

#[test]
fn in_simulation_work_is_done_here_and_now() {
    let order_of = |seed| {
        TestSystem::new(seed).run(|mut ctx: Context<u32>| async move {
            let own = thread::current().id();
            for n in 0..10 {
                let home = ctx.address();
                ctx.spawn_link(move |ctx: Context<()>| async move {
                    let thread = ctx.system().blocking(|| thread::current().id()).await?;
                    assert_eq!(thread, own);
                    home.cast(n);
                    Ok(())
                });
            }
            let mut order = Vec::new();
            for _ in 0..10 {
                order.push(ctx.receive_message().await);
            }
            order
        })
    };
    for_each_seed(20, |test| assert_eq!(order_of(test.seed()), order_of(test.seed())));
}

#[test]
fn the_result_may_come_as_a_message_while_the_process_goes_on() {
    timetrap(|| {
        run_on(&workers(1), |mut ctx: Context<Result<u32, ExitReason>>| async move {
            let (give, given) = mpsc::channel();
            ctx.blocking_then(move || given.recv().expect("it is sent"), |result| result);
            assert!(ctx.receive_timeout(Duration::ZERO).await.is_none());
            give.send(7).expect("the work waits for it");
            assert_eq!(ctx.receive_message().await, Ok(7));
            ctx.blocking_then(|| panic!("out of cheese"), |result| result);
            assert!(matches!(ctx.receive_message().await, Err(ExitReason::Panic(_))));
        });
    });
}

#[test]
fn a_full_mailbox_takes_the_result() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let options = SpawnOptions::new().mailbox(Mailbox::bounded(1).overflow(Overflow::Reject));
            let home = ctx.address();
            let child = ctx
                .spawn_link_with(options, move |mut ctx: Context<&str>| async move {
                    ctx.address().cast("what fills it");
                    ctx.blocking_then(|| (), |_done| "the result");
                    ctx.sleep(Duration::from_secs(1)).await;
                    assert_eq!(ctx.receive_message().await, "what fills it");
                    assert_eq!(ctx.receive_message().await, "the result");
                    home.cast(());
                })
                .expect("it has no name");
            ctx.receive_message().await;
            assert_eq!(child.exited().await, ExitReason::Normal);
        });
    });
}

#[test]
fn a_result_that_comes_too_late_is_a_dead_letter() {
    timetrap(|| {
        let system = workers(1);
        let letters = system.dead_letters();
        let (give, given) = mpsc::channel::<()>();
        let process = system.spawn(|mut ctx: Context<u8>| async move {
            ctx.blocking_then(move || given.recv().map_or(1, |()| 2), |result| result.unwrap_or_default());
        });
        assert_eq!(future::block_on(process.exited()), ExitReason::Normal);
        drop(give);
        let letter = future::block_on(letters.recv()).expect("it comes");
        assert_eq!((letter.target, letter.reason), ((&process).into(), DeadReason::Exited));
    });
}

#[test]
fn a_panic_of_what_makes_the_message_ends_the_process() {
    timetrap(|| {
        let system = workers(1);
        let process = system.spawn(|mut ctx: Context<u8>| async move {
            ctx.blocking_then(|| (), |_done| panic!("no words for it"));
            future::pending::<()>().await;
        });
        let reason = future::block_on(process.exited());
        assert!(matches!(reason, ExitReason::Panic(panic) if panic.message() == "no words for it"));
    });
}
