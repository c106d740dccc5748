//! Tasks that are ended before they are done, or left alone.

use proscenium_behaviours::{Task, TaskError};
use proscenium_runtime::{Context, ExitReason, Shutdown};

use super::common::{SECOND, in_any_order, panicked, reason, settle, takes};

/// A task that does not end when it is asked to, but after so many seconds.
fn stubborn(ctx: &mut Context<()>, seconds: u32) -> Task<u32> {
    Task::spawn_link(ctx, move |mut ctx| async move {
        ctx.trap_exit(true);
        ctx.sleep(seconds * SECOND).await;
        seconds
    })
}

#[test]
fn a_task_that_is_shut_down_has_no_result_and_harms_nobody() {
    in_any_order(|mut ctx| async move {
        for how in [Shutdown::BrutalKill, Shutdown::Timeout(SECOND), Shutdown::Infinity] {
            let task = takes(&mut ctx, 60);
            let pid = task.pid().unwrap();
            assert_eq!(task.shutdown(&mut ctx, how).await, None, "{how:?}");
            assert!(!ctx.system().is_alive(pid));
        }
        settle(&ctx).await;
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn a_task_that_is_done_gives_its_result_though_it_is_shut_down() {
    in_any_order(|mut ctx| async move {
        let task = takes(&mut ctx, 1);
        ctx.sleep(2 * SECOND).await;
        assert_eq!(task.shutdown(&mut ctx, Shutdown::BrutalKill).await, Some(Ok(1)));
        let task = stubborn(&mut ctx, 2);
        ctx.sleep(SECOND).await;
        assert_eq!(task.shutdown(&mut ctx, Shutdown::Timeout(5 * SECOND)).await, Some(Ok(2)), "it was done in time");
        let completed = Task::completed(&ctx, 3);
        assert_eq!(completed.shutdown(&mut ctx, Shutdown::Infinity).await, Some(Ok(3)));
    });
}

#[test]
fn a_task_that_does_not_shut_down_in_time_is_killed() {
    in_any_order(|mut ctx| async move {
        let task = stubborn(&mut ctx, 3600);
        settle(&ctx).await;
        let (pid, began) = (task.pid().unwrap(), ctx.system().now());
        assert_eq!(task.shutdown(&mut ctx, Shutdown::Timeout(5 * SECOND)).await, None);
        assert_eq!(ctx.system().now() - began, 5 * SECOND);
        assert!(!ctx.system().is_alive(pid));
    });
}

#[test]
fn a_task_that_has_failed_before_it_is_shut_down_tells_why() {
    in_any_order(|mut ctx| async move {
        let task: Task<()> = Task::spawn(&mut ctx, |_ctx| async { panic!("no luck") });
        settle(&ctx).await;
        let outcome = task.shutdown(&mut ctx, Shutdown::Timeout(SECOND)).await;
        assert_eq!(panicked(&reason(outcome.unwrap())), "no luck");
        let task: Task<()> = Task::spawn(&mut ctx, |_ctx| std::future::pending());
        ctx.exit(task.pid().unwrap(), ExitReason::Kill);
        settle(&ctx).await;
        let outcome = task.shutdown(&mut ctx, Shutdown::BrutalKill).await;
        assert_eq!(reason(outcome.unwrap()), ExitReason::Killed, "by somebody else");
    });
}

#[test]
fn a_shutdown_beside_the_end_of_a_task_gives_one_of_the_two_and_harms_nobody() {
    in_any_order(|mut ctx| async move {
        for _ in 0..10 {
            let task = Task::spawn_link(&mut ctx, |_ctx| async { 1 });
            let outcome = task.shutdown(&mut ctx, Shutdown::Timeout(SECOND)).await;
            assert!(matches!(outcome, None | Some(Ok(1))), "{outcome:?}");
            let task: Task<()> = Task::spawn_link(&mut ctx, |_ctx| async { panic!("no luck") });
            let outcome = task.shutdown(&mut ctx, Shutdown::Timeout(SECOND)).await;
            assert!(matches!(outcome, None | Some(Err(TaskError::Exit { .. }))), "{outcome:?}");
        }
    });
}

#[test]
fn a_task_that_is_ignored_runs_on_and_no_longer_hangs_together_with_its_owner() {
    in_any_order(|mut ctx| async move {
        let owner = ctx.spawn(|mut ctx: Context<()>| async move {
            let task = takes(&mut ctx, 60);
            ctx.system().register("ignored", task.pid().unwrap()).unwrap();
            assert_eq!(task.ignore(&mut ctx), None);
            Err::<(), _>(ExitReason::error("boom"))
        });
        owner.exited().await;
        settle(&ctx).await;
        assert!(ctx.system().whereis("ignored").is_some());
        ctx.sleep(60 * SECOND).await;
        assert_eq!(ctx.system().whereis("ignored"), None);
    });
}

#[test]
fn a_task_that_is_done_gives_its_result_when_it_is_ignored() {
    in_any_order(|mut ctx| async move {
        let task = takes(&mut ctx, 1);
        ctx.sleep(2 * SECOND).await;
        assert_eq!(task.ignore(&mut ctx), Some(Ok(1)));
    });
}

#[test]
fn dropping_a_task_leaves_it_running_and_linked() {
    in_any_order(|mut ctx| async move {
        let task = takes(&mut ctx, 60);
        let pid = task.pid().unwrap();
        drop(task);
        settle(&ctx).await;
        assert!(ctx.system().is_alive(pid) && ctx.is_linked(pid));
    });
}
