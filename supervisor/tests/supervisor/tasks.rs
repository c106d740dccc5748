//! Tasks under a supervisor: each belongs to its owner, and all of them end with the supervisor.

use std::future::{Ready, pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proscenium_behaviours::{Sys, Task, TaskError};
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Address, CallError, Context, ErrorContext, Event, ExitReason, Pid, Report};
use proscenium_supervisor::{
    ChildError, ChildKind, ChildSpec, DynamicRef, DynamicSupervisor, Restart, Shutdown, StartChild, Supervisor,
    TaskSupervisor, TaskSupervisorRef,
};

use super::common::{boom, in_any_order, run, settle};

const SECOND: Duration = Duration::from_secs(1);

async fn supervisor(ctx: &mut Context<()>) -> TaskSupervisorRef {
    TaskSupervisor::new().name("tasks").start_link(ctx).await.unwrap()
}

/// What a task does that has this name until it is stopped.
async fn stay(ctx: Context<()>, name: &'static str) {
    ctx.system().register(name, ctx.pid()).unwrap();
    pending().await
}

fn reason<T>(outcome: Result<T, TaskError>) -> ExitReason {
    match outcome {
        Err(TaskError::Exit { reason, .. }) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it has a result"),
    }
}

/// A task for which `calls` counts how often its body was called.
fn counted(calls: &Arc<AtomicU32>) -> impl FnOnce(Context<()>) -> Ready<()> + use<> {
    let calls = calls.clone();
    move |_ctx| {
        calls.fetch_add(1, Ordering::Relaxed);
        ready(())
    }
}

#[test]
fn a_task_runs_under_the_supervisor_and_gives_its_result_to_its_owner() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let linked = tasks.async_link(&mut ctx, |ctx| async move { ctx.parent() }).await.unwrap();
        let free = tasks.async_nolink(&mut ctx, |ctx| async move { ctx.parent() }).await.unwrap();
        assert_eq!((linked.owner(), free.owner()), (ctx.pid(), ctx.pid()));
        assert!(!ctx.is_linked(free.pid().unwrap()));
        assert_eq!((linked.await, free.await), (Ok(tasks.pid()), Ok(tasks.pid())));
        settle(&ctx).await;
        assert_eq!(tasks.children().await, Ok(vec![]));
    });
}

#[test]
fn a_task_is_yielded_for_and_shut_down_as_any_other() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let slow = |ctx: Context<()>| async move {
            ctx.sleep(2 * SECOND).await;
            "tea"
        };
        let mut tea = tasks.async_link(&mut ctx, slow).await.unwrap();
        assert_eq!(tea.yield_for(SECOND).await, None);
        assert_eq!(tea.yield_for(5 * SECOND).await, Some(Ok("tea")));
        let tea = tasks.async_link(&mut ctx, slow).await.unwrap();
        assert_eq!(tea.shutdown(&mut ctx, Shutdown::Timeout(SECOND)).await, None);
        settle(&ctx).await;
        assert_eq!(tasks.children().await, Ok(vec![]));
        assert!(ctx.is_linked(tasks.pid().unwrap()));
    });
}

#[test]
fn a_linked_task_ends_with_its_owner_and_one_without_a_link_goes_on() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let theirs = tasks.clone();
        let owner = ctx.spawn(|mut ctx: Context<()>| async move {
            let _linked = theirs.async_link(&mut ctx, |ctx| stay(ctx, "linked")).await.unwrap();
            let _free = theirs.async_nolink(&mut ctx, |ctx| stay(ctx, "free")).await.unwrap();
            ctx.sleep(SECOND).await;
            Err::<(), _>(boom())
        });
        ctx.system().when_registered("linked").await;
        let free = ctx.system().when_registered("free").await;
        assert_eq!(owner.exited().await, boom());
        settle(&ctx).await;
        assert_eq!(ctx.system().whereis("linked"), None);
        assert_eq!(tasks.children().await, Ok(vec![free]));
    });
}

#[test]
fn a_linked_task_that_fails_takes_its_owner_along_and_nobody_else() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let sibling = tasks.start_child(|ctx| stay(ctx, "sibling")).await.unwrap();
        let theirs = tasks.clone();
        let owner = ctx.spawn(|mut ctx: Context<()>| async move {
            let task: Task<()> = theirs.async_link(&mut ctx, |_ctx| async { panic!("no luck") }).await.unwrap();
            let _ = task.await;
            unreachable!("its link has ended it");
        });
        let reason = owner.exited().await;
        assert!(matches!(&reason, ExitReason::Panic(panic) if panic.message() == "no luck"), "{reason}");
        settle(&ctx).await;
        assert_eq!(tasks.children().await, Ok(vec![sibling]));
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn tasks_that_fail_without_a_link_are_errors_to_their_owner_however_many_they_are() {
    in_any_order(|mut ctx| async move {
        let tasks = TaskSupervisor::new().intensity(0).start_link(&mut ctx).await.unwrap();
        let sibling = tasks.start_child(|ctx| stay(ctx, "sibling")).await.unwrap();
        for _ in 0..10 {
            let task: Task<()> = tasks.async_nolink(&mut ctx, |_ctx| async { panic!("no luck") }).await.unwrap();
            let reason = reason(task.await);
            assert!(matches!(&reason, ExitReason::Panic(panic) if panic.message() == "no luck"), "{reason}");
        }
        assert_eq!(tasks.children().await, Ok(vec![sibling]));
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn a_task_too_many_is_a_typed_error_and_does_not_begin() {
    in_any_order(|mut ctx| async move {
        let tasks = TaskSupervisor::new().max_children(2).start_link(&mut ctx).await.unwrap();
        let first = tasks.start_child(|ctx| stay(ctx, "first")).await.unwrap();
        let second = tasks.async_nolink(&mut ctx, |ctx| stay(ctx, "second")).await.unwrap();
        let (full, calls) = (ChildError::MaxChildren { max_children: 2 }, Arc::default());
        assert_eq!(tasks.async_link(&mut ctx, counted(&calls)).await.unwrap_err(), full);
        assert_eq!(tasks.async_nolink(&mut ctx, counted(&calls)).await.unwrap_err(), full);
        assert_eq!(tasks.start_child(counted(&calls)).await.unwrap_err(), full);
        assert_eq!(tasks.start_child_with(Restart::Permanent, |_ctx| async {}).await.unwrap_err(), full);
        tasks.terminate_child(first).await.unwrap();
        tasks.async_link(&mut ctx, counted(&calls)).await.unwrap().await.unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert_eq!(tasks.children().await, Ok(vec![second.pid().unwrap()]));
    });
}

#[test]
fn a_supervisor_that_stops_stops_its_tasks_and_their_owners_hear_why() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let free = tasks.async_nolink(&mut ctx, |ctx| stay(ctx, "free")).await.unwrap();
        let theirs = tasks.clone();
        let owner = ctx.spawn(|mut ctx: Context<()>| async move {
            let _ = theirs.async_link(&mut ctx, |ctx| stay(ctx, "linked")).await.unwrap().await;
        });
        ctx.system().when_registered("linked").await;
        tasks.stop(ExitReason::Shutdown, None).await.unwrap();
        assert_eq!(reason(free.await), ExitReason::Shutdown);
        assert_eq!(owner.exited().await, ExitReason::Shutdown);
        let calls = Arc::default();
        let error = tasks.async_nolink(&mut ctx, counted(&calls)).await.unwrap_err();
        assert!(matches!(error, ChildError::Call(CallError::NoProcess { .. } | CallError::Down { .. })), "{error:?}");
        assert_eq!(calls.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_task_that_does_not_stop_in_its_time_is_killed() {
    for_each_seed(8, |test| {
        let end = run(test, |mut ctx| async move {
            let tasks = TaskSupervisor::new().shutdown(Shutdown::Timeout(3 * SECOND)).start_link(&mut ctx);
            let tasks = tasks.await.unwrap();
            let deaf = |mut ctx: Context<()>| async move {
                ctx.trap_exit(true);
                ctx.system().register("deaf", ctx.pid()).unwrap();
                pending::<()>().await;
            };
            let task = tasks.async_nolink(&mut ctx, deaf).await.unwrap();
            ctx.system().when_registered("deaf").await;
            tasks.stop(ExitReason::Shutdown, None).await.unwrap();
            reason(task.await)
        });
        assert_eq!((end, test.elapsed()), (ExitReason::Killed, 3 * SECOND));
    });
}

#[test]
fn a_task_whose_owner_has_ended_does_not_begin() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let (calls, sys) = (Arc::default(), Sys::new(ctx.system(), "tasks"));
        sys.suspend().await.unwrap();
        let owner = |link: bool| {
            let (tasks, body) = (tasks.clone(), counted(&calls));
            move |mut ctx: Context<()>| async move {
                let task = if link {
                    tasks.async_link(&mut ctx, body).await
                } else {
                    tasks.async_nolink(&mut ctx, body).await
                };
                unreachable!("{task:?} came though the supervisor was suspended");
            }
        };
        let owners: [Address<()>; 2] = [ctx.spawn(owner(true)), ctx.spawn(owner(false))];
        settle(&ctx).await;
        for owner in owners {
            ctx.exit(&owner, ExitReason::Kill);
            owner.exited().await;
        }
        sys.resume().await.unwrap();
        settle(&ctx).await;
        assert_eq!((tasks.children().await, calls.load(Ordering::Relaxed)), (Ok(vec![]), 0));
    });
}

#[test]
fn a_task_that_its_owner_has_given_up_before_it_was_there_does_not_begin_and_is_no_complaint() {
    for_each_seed(32, |test| {
        let reports = test.reports();
        run(test, |mut ctx| async move {
            let tasks = supervisor(&mut ctx).await;
            let (calls, sys) = (Arc::default(), Sys::new(ctx.system(), "tasks"));
            sys.suspend().await.unwrap();
            let patience = ctx.sleep(SECOND);
            let given_up = patience.limit(tasks.async_nolink(&mut ctx, counted(&calls))).await;
            assert!(given_up.is_none());
            let patience = ctx.sleep(SECOND);
            assert!(patience.limit(tasks.async_link(&mut ctx, counted(&calls))).await.is_none());
            sys.resume().await.unwrap();
            settle(&ctx).await;
            assert_eq!((tasks.children().await, calls.load(Ordering::Relaxed)), (Ok(vec![]), 0));
        });
        let complaint = std::iter::from_fn(|| reports.try_recv().ok()).find(|it| matches!(it, Report::Supervisor(_)));
        assert!(complaint.is_none(), "{complaint:?}");
    });
}

#[test]
fn the_tasks_of_a_stream_run_under_the_supervisor_and_end_with_the_stream() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let parent = |ctx: Context<()>, n: u8| async move { (n, ctx.parent()) };
        let mut stream = tasks.stream(0..4, parent).max_concurrency(2).spawn_link(&mut ctx);
        for n in 0..4 {
            assert_eq!(stream.next().await, Some(Ok((n, tasks.pid()))));
        }
        assert_eq!(stream.next().await, None);
        let wait = |_ctx: Context<()>, _n: u8| pending::<()>();
        let mut stream = tasks.stream(0..9, wait).max_concurrency(2).without_timeout().spawn_link(&mut ctx);
        assert_eq!(ctx.sleep(SECOND).limit(stream.next()).await, None);
        assert_eq!(tasks.children().await.unwrap().len(), 2);
        drop(stream);
        settle(&ctx).await;
        assert_eq!(tasks.children().await, Ok(vec![]));
    });
}

#[test]
fn a_task_of_a_stream_that_fails_without_a_link_is_an_error_among_the_results() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let half = |_ctx: Context<()>, n: u8| async move {
            assert!(n.is_multiple_of(2), "odd");
            n / 2
        };
        let mut stream = tasks.stream(2..5, half).max_concurrency(1).spawn(&mut ctx);
        assert_eq!(stream.next().await, Some(Ok(1)));
        assert!(matches!(reason(stream.next().await.unwrap()), ExitReason::Panic(_)));
        assert_eq!(stream.next().await, Some(Ok(2)));
        assert_eq!(stream.next().await, None);
    });
}

#[test]
fn a_stream_ends_where_the_supervisor_takes_no_more_tasks() {
    in_any_order(|mut ctx| async move {
        ctx.trap_exit(true);
        let tasks = TaskSupervisor::new().max_children(1).start_link(&mut ctx).await.unwrap();
        let wait = |_ctx: Context<()>, _n: u8| pending::<()>();
        let mut stream = tasks.stream(0..2, wait).max_concurrency(2).spawn(&mut ctx);
        let refused = reason(stream.next().await.unwrap());
        assert_eq!(refused.downcast_ref(), Some(&ChildError::MaxChildren { max_children: 1 }));
        assert_eq!(stream.next().await, None);
        settle(&ctx).await;
        assert_eq!(tasks.children().await, Ok(vec![]));
    });
}

#[test]
fn a_supervisor_that_stops_stops_the_tasks_of_streams() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let mut stream = tasks.stream(["alone"], stay).without_timeout().spawn(&mut ctx);
        assert_eq!(ctx.sleep(SECOND).limit(stream.next()).await, None);
        tasks.stop(ExitReason::Normal, None).await.unwrap();
        assert_eq!(ctx.system().whereis("alone"), None);
        assert_eq!(reason(stream.next().await.unwrap()), ExitReason::Shutdown);
        assert_eq!(stream.next().await, None);
    });
}

#[test]
fn a_child_that_nobody_waits_for_runs_once_unless_it_was_asked_for_otherwise() {
    let table = [(None, 1, 1), (Some(Restart::Temporary), 1, 1), (Some(Restart::Transient), 1, 3)];
    let table = table.into_iter().chain([(Some(Restart::Permanent), 3, 3)]);
    for (restart, calls_if_done, calls_if_failed) in table {
        for (fails, expected) in [(false, calls_if_done), (true, calls_if_failed)] {
            in_any_order(move |mut ctx| async move {
                let tasks = TaskSupervisor::new().intensity(2).start_link(&mut ctx).await.unwrap();
                let calls = Arc::new(AtomicU32::new(0));
                let seen = calls.clone();
                // The third time it stays.
                let body = move |_ctx: Context<()>| {
                    let call = seen.fetch_add(1, Ordering::Relaxed);
                    async move {
                        match call {
                            2 => pending().await,
                            _ if fails => Err(boom()),
                            _ => Ok(()),
                        }
                    }
                };
                let first: Pid = match restart {
                    None => tasks.start_child(body).await.unwrap(),
                    Some(restart) => tasks.start_child_with(restart, body).await.unwrap(),
                };
                settle(&ctx).await;
                assert_eq!(calls.load(Ordering::Relaxed), expected, "{restart:?}, fails: {fails}");
                let children = tasks.children().await.unwrap();
                assert_eq!(children.len(), usize::from(expected == 3));
                assert!(!children.contains(&first));
            });
        }
    }
}

#[test]
fn more_restarts_than_the_intensity_end_the_supervisor_and_all_its_tasks() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let task = tasks.async_nolink(&mut ctx, |ctx| stay(ctx, "task")).await.unwrap();
        tasks.start_child_with(Restart::Transient, |_ctx| async { Err::<(), _>(boom()) }).await.unwrap();
        assert_eq!(reason(task.await), ExitReason::Shutdown);
        let Event::Exit(exit) = ctx.receive().await else { panic!() };
        assert_eq!(exit.reason, ExitReason::Shutdown);
    });
}

#[test]
fn a_task_is_stopped_by_its_pid_and_its_owner_hears_of_it() {
    in_any_order(|mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        let linked = tasks.async_link(&mut ctx, |ctx| stay(ctx, "linked")).await.unwrap();
        let pid = linked.pid().unwrap();
        tasks.terminate_child(pid).await.unwrap();
        assert_eq!(reason(linked.await), ExitReason::Shutdown);
        let Event::Exit(exit) = ctx.receive().await else { panic!() };
        assert_eq!((exit.pid, exit.reason), (pid, ExitReason::Shutdown));
        // Who has ended is no child, and that is no error; who lives and is none is one.
        tasks.terminate_child(pid).await.unwrap();
        let error = tasks.terminate_child(ctx.pid()).await.unwrap_err();
        assert!(matches!(error, ChildError::NotFound { .. }), "{error}");
    });
}

#[test]
fn a_task_supervisor_has_its_place_in_a_tree_and_is_found_by_its_name() {
    in_any_order(|mut ctx| async move {
        assert_eq!(TaskSupervisor::new().kind(), ChildKind::Supervisor);
        let spec = ChildSpec::new("tasks", TaskSupervisor::new().name("tasks"));
        let tree = Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
        let tasks = TaskSupervisorRef::named(ctx.system(), "tasks");
        let before = tasks.async_nolink(&mut ctx, |ctx| stay(ctx, "before")).await.unwrap();
        ctx.exit(tasks.pid().unwrap(), ExitReason::Kill);
        // Its tasks end with it; the next one begins without any.
        assert_eq!(reason(before.await), ExitReason::Killed);
        ctx.system().when_registered("tasks").await;
        assert_eq!(tasks.children().await, Ok(vec![]));
        assert_eq!(tasks.async_link(&mut ctx, |_ctx| async { 7 }).await.unwrap().await, Ok(7));
        tree.stop(ExitReason::Shutdown, None).await.unwrap();
        assert_eq!(tasks.pid(), None);

        let rooms: DynamicRef = DynamicSupervisor::new().start_link(&mut ctx).await.unwrap();
        let tasks: TaskSupervisorRef = rooms.start_child(TaskSupervisor::new()).await.unwrap().unwrap();
        assert_eq!(tasks.async_nolink(&mut ctx, |_ctx| async { 8 }).await.unwrap().await, Ok(8));
    });
}

#[test]
fn a_task_that_fails_is_reported_by_what_it_is() {
    let test = TestSystem::new(1);
    let reports = test.reports();
    run(&test, |mut ctx| async move {
        let tasks = supervisor(&mut ctx).await;
        tasks.start_child(|_ctx| async { Err::<(), _>(boom()) }).await.unwrap();
        settle(&ctx).await;
    });
    let reports = std::iter::from_fn(|| reports.try_recv().ok());
    let mut of_tasks = reports.filter_map(|it| if let Report::Supervisor(report) = it { Some(report) } else { None });
    let report = of_tasks.next().unwrap();
    assert_eq!((report.context, &report.reason), (ErrorContext::ChildTerminated, &boom()));
    assert_eq!(report.offender.restart, Restart::Temporary);
    assert!(report.offender.id.contains("a_task_that_fails_is_reported"), "{}", report.offender.id);
}

#[test]
fn tasks_leave_nothing_behind() {
    let test = TestSystem::new(1);
    test.run(|mut ctx: Context<()>| async move {
        let tasks = supervisor(&mut ctx).await;
        for n in 0..1000 {
            assert_eq!(tasks.async_link(&mut ctx, move |_ctx| async move { n }).await.unwrap().await, Ok(n));
        }
        assert_eq!(ctx.try_receive_matching(|_| true), None);
        assert_eq!(tasks.children().await, Ok(vec![]));
    });
    test.run_until_idle();
    assert_eq!((test.process_count(), test.timer_count()), (0, 0));
    test.expect_no_dead_letters();
    test.expect_no_crash();
}
