//! Several tasks at a time.

use proscenium_behaviours::{Task, TaskError, await_many, yield_many};

use super::common::{SECOND, in_any_order, panicked, reason, takes};

#[test]
fn the_results_of_many_come_in_the_order_of_the_tasks() {
    in_any_order(|mut ctx| async move {
        let tasks = vec![takes(&mut ctx, 3), takes(&mut ctx, 1), Task::completed(&ctx, 9), takes(&mut ctx, 2)];
        let began = ctx.system().now();
        assert_eq!(await_many(tasks, 5 * SECOND).await, Ok(vec![3, 1, 9, 2]));
        assert_eq!(ctx.system().now() - began, 3 * SECOND);
        assert_eq!(await_many(Vec::<Task<u32>>::new(), SECOND).await, Ok(vec![]));
    });
}

#[test]
fn one_limit_holds_for_many() {
    in_any_order(|mut ctx| async move {
        let tasks = [1, 7, 2].map(|seconds| takes(&mut ctx, seconds));
        let late = TaskError::Timeout { task: tasks[1].pid().unwrap(), timeout: 3 * SECOND };
        assert_eq!(await_many(tasks.into(), 3 * SECOND).await, Err(late));
    });
}

#[test]
fn one_of_many_that_fails_ends_the_wait_when_its_turn_comes() {
    in_any_order(|mut ctx| async move {
        let tasks = [1, 2, 60].map(|seconds| {
            Task::spawn(&mut ctx, move |ctx| async move {
                ctx.sleep(seconds * SECOND).await;
                assert!(seconds != 2, "no luck");
            })
        });
        let began = ctx.system().now();
        assert_eq!(panicked(&reason(await_many(tasks.into(), 5 * SECOND).await)), "no luck");
        assert_eq!(ctx.system().now() - began, 2 * SECOND);
    });
}

#[test]
fn yielding_for_many_keeps_those_that_are_not_done() {
    in_any_order(|mut ctx| async move {
        let fails = Task::spawn(&mut ctx, |_ctx| async { panic!("no luck") });
        let mut tasks = [takes(&mut ctx, 1), takes(&mut ctx, 4), fails];
        let began = ctx.system().now();
        let results = yield_many(&mut tasks, 2 * SECOND).await;
        let [Some(Ok(1)), None, Some(Err(TaskError::Exit { .. }))] = &*results else { panic!("{results:?}") };
        assert_eq!(ctx.system().now() - began, 2 * SECOND);
        assert_eq!(tasks[1].yield_for(3 * SECOND).await, Some(Ok(4)));
        assert_eq!(yield_many(&mut [] as &mut [Task<u32>], SECOND).await, []);
    });
}
