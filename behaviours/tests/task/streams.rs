//! Streams of tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_lite::StreamExt;
use proscenium_behaviours::{Task, TaskError};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, Event, ExitReason};

use super::common::{SECOND, ends, in_any_order, panicked, reason, settle};

/// Takes as many seconds as the item says.
async fn wait(ctx: Context<()>, seconds: u32) -> u32 {
    ctx.sleep(seconds * SECOND).await;
    seconds
}

async fn fails_on_two(ctx: Context<()>, seconds: u32) -> u32 {
    assert!(wait(ctx, seconds).await != 2, "no twos");
    seconds
}

#[test]
fn results_come_in_the_order_of_the_items_or_as_they_are_there() {
    in_any_order(|mut ctx| async move {
        let mut ordered = Task::stream([3, 1, 2], wait).max_concurrency(3).spawn_link(&mut ctx);
        for expected in [3, 1, 2] {
            assert_eq!(ordered.next().await, Some(Ok(expected)));
        }
        assert_eq!(ordered.next().await, None);
        let unordered = Task::stream([3, 1, 2], wait).max_concurrency(3).unordered().spawn_link(&mut ctx);
        let results: Vec<_> = unordered.collect().await;
        assert_eq!(results, [1, 2, 3].map(Ok));
    });
}

#[test]
fn never_more_tasks_run_than_allowed_though_results_are_taken_late() {
    in_any_order(|mut ctx| async move {
        let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let counters = (running.clone(), most.clone());
        let body = move |ctx: Context<()>, seconds| {
            let (running, most) = counters.clone();
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                let result = wait(ctx, seconds).await;
                running.fetch_sub(1, Ordering::Relaxed);
                result
            }
        };
        let items = [5, 1, 3, 1, 1, 2, 4, 1];
        let mut stream = Task::stream(items, body).max_concurrency(3).without_timeout().spawn_link(&mut ctx);
        for item in items {
            ctx.sleep(SECOND).await;
            assert_eq!(stream.next().await, Some(Ok(item)));
        }
        assert_eq!(most.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn a_stream_is_lazy_and_may_be_without_end() {
    in_any_order(|mut ctx| async move {
        let begun = Arc::new(AtomicU32::new(0));
        let counter = begun.clone();
        let body = move |ctx, item: u32| {
            counter.fetch_add(1, Ordering::Relaxed);
            wait(ctx, item % 2)
        };
        let mut stream = Task::stream(0.., body).max_concurrency(2).spawn_link(&mut ctx);
        ctx.sleep(SECOND).await;
        assert_eq!(begun.load(Ordering::Relaxed), 0, "nobody has asked");
        assert_eq!(stream.next().await, Some(Ok(0)));
        ctx.sleep(60 * SECOND).await;
        assert_eq!(begun.load(Ordering::Relaxed), 3, "two at a time, and one is taken");
    });
}

#[test]
fn a_stream_keeps_no_timer_of_tasks_that_are_done() {
    in_any_order(|mut ctx| async move {
        let mut stream =
            Task::stream(0.., |_ctx, item: u32| async move { item }).max_concurrency(2).spawn_link(&mut ctx);
        for item in 0..50 {
            assert_eq!(stream.next().await, Some(Ok(item)));
        }
        settle(&ctx).await;
        assert_eq!(ctx.system().timer_count(), 0);
    });
}

#[test]
fn a_stream_that_is_dropped_kills_its_tasks_and_leaves_nothing() {
    let test = TestSystem::new(1);
    test.run(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let mut stream = Task::stream([1, 50, 60, 70], wait).max_concurrency(3).spawn_link(&mut ctx);
        assert_eq!(stream.next().await, Some(Ok(1)));
        assert!(ctx.system().process_count() > 3);
        drop(stream);
        settle(&ctx).await;
        assert_eq!((ctx.system().process_count(), ctx.system().timer_count()), (1, 0));
        let Some(Event::Exit(exit)) = ctx.try_receive_matching(|_| true) else { panic!() };
        assert_eq!(exit.reason, ExitReason::Normal, "that of what started the tasks");
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
    test.expect_no_dead_letters();
    test.expect_no_crash();
}

#[test]
fn a_task_of_a_stream_that_fails_takes_its_owner_and_the_other_tasks_along() {
    in_any_order(|mut ctx| async move {
        let end = ends(&mut ctx, |mut ctx| async move {
            let mut stream = Task::stream([1, 2, 60], fails_on_two).max_concurrency(3).spawn_link(&mut ctx);
            assert_eq!(stream.next().await, Some(Ok(1)));
            stream.next().await;
            ctx.receive_message().await;
            Ok(())
        });
        assert!(panicked(&end.await).ends_with("no twos"));
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn an_owner_that_traps_exits_gets_the_error_of_a_failing_task_as_the_last_item() {
    in_any_order(|mut ctx| async move {
        ctx.trap_exit(true);
        let mut stream = Task::stream([1, 2, 60], fails_on_two).max_concurrency(3).spawn_link(&mut ctx);
        assert_eq!(stream.next().await, Some(Ok(1)));
        assert!(panicked(&reason(stream.next().await.unwrap())).ends_with("no twos"));
        assert_eq!(stream.next().await, None);
    });
}

#[test]
fn without_a_link_a_task_that_fails_is_one_item_and_the_stream_goes_on() {
    in_any_order(|mut ctx| async move {
        let mut stream = Task::stream([1, 2, 3], fails_on_two).max_concurrency(1).spawn(&mut ctx);
        assert_eq!(stream.next().await, Some(Ok(1)));
        assert!(panicked(&reason(stream.next().await.unwrap())).ends_with("no twos"));
        assert_eq!(stream.next().await, Some(Ok(3)));
        assert_eq!(stream.next().await, None);
    });
}

#[test]
fn a_late_task_ends_its_stream() {
    in_any_order(|mut ctx| async move {
        let mut stream = Task::stream([1, 9, 60], wait).max_concurrency(3).timeout(2 * SECOND).spawn_link(&mut ctx);
        assert_eq!(stream.next().await, Some(Ok(1)));
        let late = stream.next().await;
        assert!(matches!(late, Some(Err(TaskError::Timeout { timeout, .. })) if timeout == 2 * SECOND), "{late:?}");
        assert_eq!(stream.next().await, None);
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 1, "the others are killed");
    });
}

#[test]
fn a_late_task_is_killed_and_the_stream_goes_on_if_that_was_asked_for() {
    in_any_order(|mut ctx| async move {
        let began = ctx.system().now();
        let stream = Task::stream([1, 60, 2, 1], wait).max_concurrency(2).timeout(3 * SECOND).kill_late();
        let results: Vec<_> = stream.spawn_link(&mut ctx).collect().await;
        let [Ok(1), Err(TaskError::Timeout { task, .. }), Ok(2), Ok(1)] = &*results else { panic!("{results:?}") };
        assert!(!ctx.system().is_alive(*task));
        assert_eq!(ctx.system().now() - began, 4 * SECOND);
    });
}

#[test]
fn the_tasks_of_a_stream_end_with_its_owner_whatever_its_reason() {
    in_any_order(|mut ctx| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::error("boom")] {
            let end = ends(&mut ctx, move |mut ctx| async move {
                let mut stream = Task::stream([1, 60, 60], wait).max_concurrency(3).spawn(&mut ctx);
                assert_eq!(stream.next().await, Some(Ok(1)));
                std::mem::forget(stream);
                Err(reason)
            });
            end.await;
            settle(&ctx).await;
            assert_eq!(ctx.system().process_count(), 1);
        }
    });
}

#[test]
fn items_that_panic_are_the_end_of_the_stream_and_of_its_owner() {
    in_any_order(|mut ctx| async move {
        let items = || (1..).map(|n| if n < 3 { n } else { panic!("no items") });
        let end = ends(&mut ctx, move |mut ctx| async move {
            let mut stream = Task::stream(items(), wait).max_concurrency(1).spawn(&mut ctx);
            while let Some(item) = stream.next().await {
                item?;
            }
            ctx.receive_message().await;
            Ok(())
        });
        assert_eq!(panicked(&end.await), "no items");
        ctx.trap_exit(true);
        let results: Vec<_> = Task::stream(items(), wait).max_concurrency(1).spawn(&mut ctx).collect().await;
        let [Ok(1), Ok(2), Err(TaskError::Exit { reason, .. })] = &*results else { panic!("{results:?}") };
        assert_eq!(panicked(reason), "no items");
    });
}
