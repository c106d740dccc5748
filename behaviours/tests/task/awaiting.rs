//! The wait for a result.

use proscenium_behaviours::{Task, TaskError};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, Event, ExitReason, SpawnOptions, StartOptions};

use super::common::{SECOND, ends, in_any_order, panicked, reason, settle, takes};

#[test]
fn a_task_runs_beside_its_owner_and_gives_its_result() {
    in_any_order(|mut ctx| async move {
        let task = Task::spawn_link(&mut ctx, |ctx| async move { ctx.parent() });
        assert!(ctx.is_linked(task.pid().unwrap()));
        assert_eq!(task.owner(), ctx.pid());
        assert_eq!(task.await, Ok(Some(ctx.pid())));
    });
}

#[test]
fn a_result_that_is_an_error_harms_nobody() {
    in_any_order(|mut ctx| async move {
        let task = Task::spawn_link(&mut ctx, |_ctx| async { "no number".parse::<u8>() });
        assert!(task.await.unwrap().is_err());
    });
}

#[test]
fn a_linked_task_that_panics_takes_its_owner_along() {
    in_any_order(|mut ctx| async move {
        let end = ends(&mut ctx, |mut ctx| async move {
            let task: Task<()> = Task::spawn_link(&mut ctx, |_ctx| async { panic!("no luck") });
            let _ = task.await;
            unreachable!("its link has ended it");
        });
        assert_eq!(panicked(&end.await), "no luck");
    });
}

#[test]
fn an_owner_that_traps_exits_gets_the_error_of_a_linked_task_and_its_exit() {
    in_any_order(|mut ctx| async move {
        ctx.trap_exit(true);
        let task: Task<()> = Task::spawn_link(&mut ctx, |_ctx| async { panic!("no luck") });
        let pid = task.pid();
        let error = reason(task.await);
        assert_eq!(panicked(&error), "no luck");
        let Event::Exit(exit) = ctx.receive().await else { panic!() };
        assert_eq!((Some(exit.pid), exit.reason), (pid, error));
    });
}

#[test]
fn a_linked_task_ends_with_its_owner_and_one_without_a_link_does_not() {
    in_any_order(|mut ctx| async move {
        let owner = ctx.spawn(|mut ctx: Context<()>| async move {
            let linked = takes(&mut ctx, 5);
            let free = Task::spawn(&mut ctx, |ctx| async move {
                ctx.sleep(5 * SECOND).await;
            });
            ctx.system().register("linked", linked.pid().unwrap()).unwrap();
            ctx.system().register("free", free.pid().unwrap()).unwrap();
            Err::<(), _>(ExitReason::error("boom"))
        });
        owner.exited().await;
        settle(&ctx).await;
        assert_eq!(ctx.system().whereis("linked"), None);
        assert!(ctx.system().whereis("free").is_some());
    });
}

#[test]
fn a_task_without_a_link_that_panics_is_a_typed_error() {
    in_any_order(|mut ctx| async move {
        let task: Task<()> = Task::spawn(&mut ctx, |_ctx| async { panic!("no luck") });
        assert_eq!(panicked(&reason(task.await)), "no luck");
    });
}

#[test]
fn a_task_that_is_killed_is_a_typed_error() {
    in_any_order(|mut ctx| async move {
        let task: Task<()> = Task::spawn(&mut ctx, |_ctx| std::future::pending());
        ctx.exit(task.pid().unwrap(), ExitReason::Kill);
        assert_eq!(reason(task.await), ExitReason::Killed);
    });
}

#[test]
fn awaiting_waits_five_seconds_and_an_owner_that_fails_of_that_takes_its_task_along() {
    in_any_order(|mut ctx| async move {
        let began = ctx.system().now();
        let end = ends(&mut ctx, |mut ctx| async move {
            let task: Task<()> =
                Task::spawn_link_with(&mut ctx, SpawnOptions::new().name("slow"), |_ctx| std::future::pending())
                    .unwrap();
            task.await?;
            Ok(())
        });
        let end = end.await;
        let Some(TaskError::Timeout { timeout, .. }) = end.downcast_ref() else { panic!("{end}") };
        assert_eq!((*timeout, ctx.system().now() - began), (5 * SECOND, 5 * SECOND));
        settle(&ctx).await;
        assert_eq!(ctx.system().whereis("slow"), None);
    });
}

#[test]
fn a_task_with_another_limit_or_none_is_awaited_so_long() {
    in_any_order(|mut ctx| async move {
        let task = takes(&mut ctx, 60);
        let pid = task.pid().unwrap();
        let late = TaskError::Timeout { task: pid, timeout: SECOND };
        assert_eq!(task.timeout(SECOND).await, Err(late));
        assert!(ctx.system().is_alive(pid), "it goes on");
        assert_eq!(takes(&mut ctx, 60).timeout(61 * SECOND).await, Ok(60));
        assert_eq!(takes(&mut ctx, 3600).without_timeout().await, Ok(3600));
    });
}

#[test]
fn yielding_keeps_a_task_that_is_not_done() {
    in_any_order(|mut ctx| async move {
        let mut task = takes(&mut ctx, 3);
        for _ in 0..2 {
            assert_eq!(task.yield_for(SECOND).await, None);
        }
        assert_eq!(task.yield_for(5 * SECOND).await, Some(Ok(3)));
        assert_eq!(task.yield_for(SECOND).await, Some(Err(TaskError::Taken)));
    });
}

#[test]
fn a_wait_that_is_given_up_loses_nothing() {
    in_any_order(|mut ctx| async move {
        let mut task = takes(&mut ctx, 2);
        assert_eq!(ctx.sleep(SECOND).limit(task.yield_for(60 * SECOND)).await, None);
        assert_eq!(task.await, Ok(2));
    });
}

#[test]
fn only_the_owner_can_wait_for_a_task() {
    in_any_order(|mut ctx| async move {
        let (task, pid) = (takes(&mut ctx, 1), ctx.pid());
        let other = Task::spawn_link(&mut ctx, move |mut ctx| async move {
            let mut task = task;
            let error = TaskError::NotOwner { task: task.pid().unwrap(), owner: pid, caller: ctx.pid() };
            assert_eq!(task.yield_for(SECOND).await, Some(Err(error.clone())));
            assert_eq!(task.ignore(&mut ctx), Some(Err(error)));
        });
        assert_eq!(other.await, Ok(()));
    });
}

#[test]
fn a_completed_task_has_its_result_and_no_process() {
    in_any_order(|ctx| async move {
        let mut task = Task::completed(&ctx, 7);
        assert_eq!(task.pid(), None);
        assert_eq!(task.yield_for(SECOND).await, Some(Ok(7)));
        assert_eq!(task.await, Err(TaskError::Taken));
    });
}

#[test]
fn a_task_under_a_name_that_is_taken_does_not_begin() {
    in_any_order(|mut ctx| async move {
        ctx.register("taken").unwrap();
        let options = SpawnOptions::new().name("taken");
        Task::spawn_link_with(&mut ctx, options, |_ctx| async { unreachable!("it does not begin") }).unwrap_err();
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn a_prepared_task_runs_under_whoever_starts_it() {
    in_any_order(|mut ctx| async move {
        let (body, owner) = Task::prepare(&ctx, |ctx| async move { ctx.parent() });
        let supervisor = Task::spawn_link(&mut ctx, |ctx| async move {
            (ctx.pid(), body.start_link(&ctx.as_parent(), StartOptions::new()).await.unwrap())
        });
        let (pid, process) = supervisor.await.unwrap();
        assert!(!ctx.is_linked(process.pid().unwrap()));
        let task = owner.link(&mut ctx, process);
        assert!(ctx.is_linked(task.pid().unwrap()));
        assert_eq!(task.await, Ok(Some(pid)));
    });
}

#[test]
fn a_prepared_task_whose_owner_has_ended_does_not_begin() {
    in_any_order(|mut ctx| async move {
        let (letter, body) = async_channel::bounded(1);
        ctx.spawn(|ctx: Context<()>| async move {
            let (body, _owner) = Task::<()>::prepare(&ctx, |_ctx| async { unreachable!("nobody wants it") });
            letter.try_send(body).unwrap();
        });
        let body = body.recv().await.unwrap();
        let process = body.start_link(&ctx.as_parent(), StartOptions::new()).await.unwrap();
        assert_eq!(process.exited().await, ExitReason::Normal);
    });
}

#[test]
fn tasks_leave_nothing_behind() {
    let test = TestSystem::new(1);
    test.run(|mut ctx: Context<()>| async move {
        for n in 0..1000 {
            assert_eq!(Task::spawn_link(&mut ctx, move |_ctx| async move { n }).await, Ok(n));
        }
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
    test.run_until_idle();
    assert_eq!((test.process_count(), test.timer_count()), (0, 0));
    test.expect_no_dead_letters();
    test.expect_no_crash();
}
