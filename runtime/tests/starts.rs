//! Starting with an acknowledgement: a start that returns an error, or is given up, leaves nothing behind.

mod common;

use std::time::Duration;

use common::{Gate, TIMES, expect_empty, idle, in_every_order, kill, many_times, next_down, next_exit, text};
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Context, ExitReason, InitAck, LookupError, Parent, Pid, StartError, StartOptions};
use proscenium_runtime::{SystemHandle, start, start_link};

/// What an `init` does instead of being ready.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Fails,
    Panics,
    Ignores,
    IsKilled,
    ForgetsToAcknowledge,
    TakesTooLong,
    Returns,
}

const FAULTS: [Fault; 7] = [
    Fault::Fails,
    Fault::Panics,
    Fault::Ignores,
    Fault::IsKilled,
    Fault::ForgetsToAcknowledge,
    Fault::TakesTooLong,
    Fault::Returns,
];

const LIMIT: Duration = Duration::from_micros(10);

impl Fault {
    async fn come(self, ctx: Context<()>, ack: InitAck) -> Result<(), ExitReason> {
        // The name is there while `init` runs.
        let info = ctx.system().process_info(ctx.pid()).expect("it runs");
        let name = info.name.expect("it was given one");
        assert_eq!(ctx.system().whereis(&name), Some(ctx.pid()));
        match self {
            Fault::Fails => return Err(ExitReason::error("failed")),
            Fault::Panics => panic!("panicked"),
            Fault::Ignores => return Err(ExitReason::Ignore),
            Fault::IsKilled => ctx.exit(ctx.pid(), ExitReason::Kill),
            Fault::ForgetsToAcknowledge => drop(ack),
            Fault::TakesTooLong => {}
            Fault::Returns => return Ok(()),
        }
        future::pending().await
    }

    fn error(self) -> StartError {
        StartError::Init(match self {
            Fault::Fails => ExitReason::error("failed"),
            Fault::IsKilled | Fault::ForgetsToAcknowledge => ExitReason::Killed,
            Fault::Returns => ExitReason::Normal,
            Fault::Ignores => return StartError::Ignored,
            Fault::TakesTooLong => return StartError::Timeout(LIMIT),
            Fault::Panics => unreachable!("its reason tells the place"),
        })
    }

    /// Only where it is what is tested: a slow machine may be late.
    fn options(self, name: &str) -> StartOptions {
        let options = StartOptions::new().spawn(|spawn| spawn.name(name));
        match self {
            Fault::TakesTooLong => options.init_timeout(LIMIT),
            _ => options,
        }
    }
}

async fn fail_to_start(parent: &Parent, fault: Fault, name: &str) {
    let outcome = start_link(parent, fault.options(name), move |ctx, ack| fault.come(ctx, ack)).await;
    let error = outcome.expect_err("it has a fault");
    match (fault, &error) {
        (Fault::Panics, StartError::Init(ExitReason::Panic(panic))) => assert_eq!(panic.message(), "panicked"),
        _ => assert_eq!(error, fault.error()),
    }
    let system = parent.system();
    assert_eq!(system.lookup::<()>(name), Err(LookupError::NotRegistered { name: name.into() }));
    let me = system.process_info(parent.pid()).expect("it lives");
    assert_eq!((me.links, me.monitors), (vec![], vec![]));
}

#[test]
fn a_failed_start_leaves_no_name_no_process_and_no_exit_in_a_trapping_parent() {
    for fault in FAULTS {
        in_every_order(move |mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let (parent, processes) = (ctx.as_parent(), ctx.system().process_count());
            let name = format!("child of {}", ctx.pid());
            fail_to_start(&parent, fault, &name).await;
            expect_empty(&mut ctx).await;
            assert_eq!(ctx.system().process_count(), processes);
        });
    }
}

#[test]
fn a_failed_start_does_not_end_a_parent_that_traps_nothing() {
    for fault in FAULTS {
        in_every_order(move |ctx: Context<()>| async move {
            let parent = ctx.as_parent();
            let name = format!("child of {}", ctx.pid());
            for _ in 0..3 {
                fail_to_start(&parent, fault, &name).await;
            }
            future::yield_now().await;
        });
    }
}

#[test]
fn a_failed_start_without_a_parent_leaves_nothing_either() {
    for fault in FAULTS {
        in_every_order(move |ctx: Context<()>| async move {
            let name = format!("child of {}", ctx.pid());
            let outcome = start(ctx.system(), fault.options(&name), move |ctx, ack| fault.come(ctx, ack)).await;
            assert!(outcome.is_err());
            assert_eq!(ctx.system().whereis(&name), None);
        });
    }
}

#[test]
fn a_start_returns_when_the_process_is_ready_and_the_process_runs_on() {
    in_every_order(|mut ctx: Context<&str>| async move {
        let (home, parent) = (ctx.address(), ctx.as_parent());
        let child = start_link(&parent, StartOptions::new(), move |mut ctx: Context<u32>, ack| async move {
            future::yield_now().await;
            home.cast("in init");
            ack.ready();
            assert_eq!(ctx.receive_message().await, 7);
            home.cast("out of init");
        });
        let child = child.await.expect("it is ready");
        assert_eq!(text(&ctx.receive().await), "message \"in init\"");
        assert_eq!(links(ctx.system(), ctx.pid()), [pid(&child)]);
        child.cast(7);
        assert_eq!(text(&ctx.receive().await), "message \"out of init\"");
        assert_eq!(child.exited().await, ExitReason::Normal);
    });
}

#[test]
fn a_process_that_ends_as_soon_as_it_was_ready_is_started_and_its_exit_comes() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let (home, parent) = (ctx.address(), ctx.as_parent());
        let child = start_link(&parent, StartOptions::new(), move |_ctx: Context<()>, ack| async move {
            ack.ready();
            home.cast(1);
            Err::<(), _>(ExitReason::error("then it ended"))
        });
        let child = child.await.expect("it was ready");
        assert_eq!(ctx.receive_message().await, 1);
        let exit = next_exit(&mut ctx).await;
        assert_eq!((exit.pid, exit.reason, exit.linked), (pid(&child), ExitReason::error("then it ended"), true));
        child.exited().await;
        expect_empty(&mut ctx).await;
        assert_eq!(links(ctx.system(), ctx.pid()), []);
    });
}

#[test]
fn a_process_that_ends_as_soon_as_it_was_ready_ends_a_parent_that_traps_nothing() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.spawn_monitor(|ctx: Context<()>| async move {
            let parent = ctx.as_parent();
            let child = start_link(&parent, StartOptions::new(), |_ctx: Context<()>, ack| async move {
                ack.ready();
                Err::<(), _>(ExitReason::error("then it ended"))
            });
            drop(child.await);
            future::pending::<()>().await;
        });
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::error("then it ended"));
    });
}

#[test]
fn ready_at_the_instant_of_the_timeout_is_either_a_start_or_leaves_nothing() {
    for_each_seed(TIMES as u64, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let (parent, limit) = (ctx.as_parent(), Duration::from_secs(1));
            let options = StartOptions::new().init_timeout(limit);
            let outcome = start_link(&parent, options, move |ctx: Context<()>, ack| async move {
                ctx.sleep(limit).await;
                ack.ready();
                future::pending::<()>().await;
            });
            match outcome.await {
                Ok(child) => {
                    expect_empty(&mut ctx).await;
                    kill(ctx.system(), &child).await;
                    assert_eq!(next_exit(&mut ctx).await.reason, ExitReason::Killed);
                }
                Err(error) => {
                    assert_eq!(error, StartError::Timeout(limit));
                    expect_empty(&mut ctx).await;
                    assert_eq!(ctx.system().process_count(), 1);
                }
            }
        });
    });
}

#[test]
fn a_start_that_is_given_up_kills_the_process_and_leaves_nothing() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let (parent, name) = (ctx.as_parent(), format!("child of {}", ctx.pid()));
        let options = StartOptions::new().spawn(|spawn| spawn.name(&name));
        let child: Address<()> = {
            // Whether it is given up before, while, or after the process is ready, nobody knows.
            let start = start_link(&parent, options, |_ctx: Context<()>, ack| async move {
                future::yield_now().await;
                ack.ready();
                future::pending::<()>().await;
            });
            let started = async { Ok(start.await.expect("nothing is wrong with it")) };
            let given_up = async {
                future::yield_now().await;
                future::yield_now().await;
                Err(ctx.system().lookup(&name).expect("it lives until it is given up"))
            };
            match future::or(started, given_up).await {
                Ok(child) => {
                    ctx.unlink(pid(&child));
                    kill(ctx.system(), &child).await;
                    child
                }
                Err(child) => child,
            }
        };
        child.exited().await;
        assert_eq!(ctx.system().whereis(&name), None);
        expect_empty(&mut ctx).await;
        assert_eq!(links(ctx.system(), ctx.pid()), []);
    });
}

#[test]
fn a_parent_that_ends_during_init_takes_the_child_with_it() {
    in_every_order(|mut ctx: Context<Pid>| async move {
        let home = ctx.address();
        let parent = ctx.spawn(move |ctx: Context<()>| async move {
            let parent = ctx.as_parent();
            let _ = start_link(&parent, StartOptions::new(), move |ctx: Context<()>, ack| async move {
                home.cast(ctx.pid());
                let _ack = ack;
                future::pending::<()>().await;
            })
            .await;
        });
        let child = ctx.receive_message().await;
        ctx.monitor(child);
        ctx.exit(pid(&parent), ExitReason::error("flat"));
        let down = next_down(&mut ctx).await;
        // Its start was dropped with the parent's body, or its link told it first.
        assert!([ExitReason::Killed, ExitReason::error("flat")].contains(&down.reason), "{}", down.reason);
    });
}

#[test]
fn a_parent_whose_start_is_awaited_by_another_ends_the_child_by_the_link() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (give, handle) = async_channel::bounded(1);
        let mother = ctx.spawn(move |ctx: Context<()>| async move {
            give.try_send(ctx.as_parent()).expect("it is the only one");
            future::pending::<()>().await;
        });
        let parent = handle.recv().await.expect("it is given");
        let begun = Gate::new();
        let has_begun = begun.clone();
        let start = start_link(&parent, StartOptions::new(), move |_ctx: Context<()>, ack| async move {
            has_begun.open();
            let _ack = ack;
            future::pending::<()>().await;
        });
        let end = async {
            begun.passed().await;
            ctx.exit(pid(&mother), ExitReason::error("flat"));
        };
        let (outcome, ()) = future::zip(start, end).await;
        assert_eq!(outcome, Err(StartError::Init(ExitReason::error("flat"))));

        let outcome = start_link(&parent, StartOptions::new(), |_ctx: Context<()>, ack| async move {
            let _ack = ack;
            future::pending::<()>().await;
        });
        assert_eq!(outcome.await, Err(StartError::Init(ExitReason::NoProcess)), "the parent is gone");
    });
}

#[test]
fn a_start_under_a_name_that_is_taken_calls_no_init() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.register("server").expect("the name is free");
            let (parent, called) = (ctx.as_parent(), Gate::new());
            let is_called = called.clone();
            let options = StartOptions::new().spawn(|spawn| spawn.name("server"));
            let outcome = start_link(&parent, options, move |ctx: Context<()>, ack| {
                is_called.open();
                ack.ready();
                idle(ctx)
            });
            let error = outcome.await.expect_err("the name is taken");
            assert_eq!(error.to_string(), format!("the name \"server\" is taken by {}", ctx.pid()));
            assert!(future::poll_once(called.passed()).await.is_none());
            assert_eq!(ctx.system().process_count(), 1);
        });
    });
}

#[test]
fn an_init_may_take_as_long_as_it_takes_unless_told_otherwise() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<()>| async move {
            let begin = ctx.system().now();
            let day = Duration::from_secs(24 * 3600);
            let child = start(ctx.system(), StartOptions::new(), move |ctx: Context<()>, ack| async move {
                ctx.sleep(day).await;
                ack.ready();
            });
            assert!(child.await.is_ok());
            assert_eq!(ctx.system().now() - begin, day);
        });
    });
}

#[test]
fn a_process_started_without_a_parent_outlives_who_started_it() {
    in_every_order(|mut ctx: Context<Address<()>>| async move {
        let home = ctx.address();
        let starter = ctx.spawn(move |ctx: Context<()>| async move {
            let child = start(ctx.system(), StartOptions::new(), |ctx: Context<()>, ack| {
                ack.ready();
                idle(ctx)
            });
            home.cast(child.await.expect("it is ready at once"));
            Err::<(), _>(ExitReason::error("flat"))
        });
        let child = ctx.receive_message().await;
        starter.exited().await;
        let info = ctx.system().process_info(pid(&child)).expect("it lives");
        assert_eq!((info.parent, info.links), (None, vec![]));
        kill(ctx.system(), &child).await;
    });
}

#[test]
fn a_supervisor_hears_of_the_end_of_a_child_that_has_unlinked_itself() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        for supervises in [true, false] {
            let (unlink, unlinked) = (Gate::new(), Gate::new());
            let (told, done) = (unlink.clone(), unlinked.clone());
            let parent = if supervises { ctx.as_parent().as_supervisor(0) } else { ctx.as_parent() };
            let child = start_link(&parent, StartOptions::new(), async move |mut ctx: Context<()>, ack: InitAck| {
                ack.ready();
                told.passed().await;
                ctx.unlink(ctx.parent().expect("it was started by one"));
                done.open();
                ctx.receive_message().await;
                Err::<(), _>(ExitReason::error("flat"))
            });
            let child = child.await.expect("it is ready at once");
            unlink.open();
            unlinked.passed().await;
            assert_eq!(ctx.is_linked(pid(&child)), supervises);
            child.cast(());
            if supervises {
                assert_eq!(next_exit(&mut ctx).await.reason, ExitReason::error("flat"));
            }
            child.exited().await;
            expect_empty(&mut ctx).await;
        }
    });
}

#[test]
fn a_supervisor_that_has_ended_or_unlinked_a_child_has_no_part_in_its_end() {
    in_every_order(|mut ctx: Context<Address<()>>| async move {
        ctx.trap_exit(true);
        let parent = ctx.as_parent().as_supervisor(0);
        let dismissed = started_idle(&parent).await;
        ctx.unlink(&dismissed);
        kill(ctx.system(), &dismissed).await;
        expect_empty(&mut ctx).await;

        let (home, unlinked) = (ctx.address(), Gate::new());
        let done = unlinked.clone();
        let supervisor = ctx.spawn(|ctx: Context<()>| async move {
            let parent = ctx.as_parent().as_supervisor(0);
            let child = start_link(&parent, StartOptions::new(), async move |mut ctx: Context<()>, ack: InitAck| {
                ack.ready();
                ctx.receive_message().await;
                ctx.unlink(ctx.parent().expect("it was started by one"));
                done.open();
                idle(ctx).await;
            });
            home.cast(child.await.expect("it is ready at once"));
            unlinked.passed().await;
            Err::<(), _>(ExitReason::error("flat"))
        });
        let child = ctx.receive_message().await;
        child.cast(());
        supervisor.exited().await;
        assert!(ctx.system().is_alive(&child));
        kill(ctx.system(), &child).await;
    });
}

#[test]
fn a_name_whose_start_failed_can_be_started_again_at_once() {
    many_times(|ctx: Context<()>| async move {
        let name = format!("child of {}", ctx.pid());
        let options = || StartOptions::new().spawn(|spawn| spawn.name(&name));
        for _ in 0..3 {
            let failed = start(ctx.system(), options(), |_ctx: Context<()>, _ack| async { panic!("in init") });
            assert!(failed.await.is_err());
            let child = start(ctx.system(), options(), |ctx: Context<()>, ack| {
                ack.ready();
                idle(ctx)
            });
            kill(ctx.system(), &child.await.expect("the name is free")).await;
        }
    });
}

async fn started_idle(parent: &Parent) -> Address<()> {
    let child = start_link(parent, StartOptions::new(), |ctx: Context<()>, ack: InitAck| {
        ack.ready();
        idle(ctx)
    });
    child.await.expect("it is ready at once")
}

fn links(system: &SystemHandle, pid: Pid) -> Vec<Pid> {
    system.process_info(pid).expect("it lives").links
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
