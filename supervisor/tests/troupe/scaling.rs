//! Workers that come and go.

use proscenium_runtime::Context;
use proscenium_supervisor::TroupeRef;

use super::common::{Log, SECOND, Work, in_any_order, players, rest, settle};

/// How many workers there are, and how many of them are idle.
fn crew(troupe: &TroupeRef<Work>) -> (usize, usize) {
    (troupe.status().workers, troupe.status().idle)
}

async fn after(ctx: &Context<()>, seconds: u32, troupe: &TroupeRef<Work>) -> (usize, usize) {
    ctx.sleep(seconds * SECOND).await;
    crew(troupe)
}

#[test]
fn workers_come_while_jobs_wait_and_go_when_they_have_been_idle() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=4).idle_time(10 * SECOND).start_link(&mut ctx).await.unwrap();
        assert_eq!(crew(&troupe), (1, 1));
        (0..8).for_each(|note| troupe.cast(Work::Note(note, SECOND)));
        settle(&ctx).await;
        assert_eq!(crew(&troupe), (4, 0));
        assert_eq!(after(&ctx, 3, &troupe).await, (4, 4));
        assert_eq!(after(&ctx, 6, &troupe).await, (4, 4));
        assert_eq!(after(&ctx, 4, &troupe).await, (1, 1));
        assert_eq!(log.notes().len(), 8);
    });
}

#[test]
fn a_troupe_may_have_no_workers_until_there_is_something_to_do() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(0..=3).idle_time(SECOND).start_link(&mut ctx).await.unwrap();
        assert_eq!(crew(&troupe), (0, 0));
        assert_eq!(troupe.call(Work::Who).await, Ok(1));
        assert_eq!(after(&ctx, 2, &troupe).await, (0, 0));
        assert_eq!(troupe.call(Work::Who).await, Ok(2));
    });
}

#[test]
fn a_worker_that_works_now_and_then_stays() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(0..=3).idle_time(3 * SECOND).start_link(&mut ctx).await.unwrap();
        for _ in 0..10 {
            assert_eq!(troupe.call(Work::Who).await, Ok(1));
            ctx.sleep(2 * SECOND).await;
        }
    });
}

#[test]
fn more_and_fewer_workers_take_effect_at_once_and_no_job_is_lost_by_it() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=2).start_link(&mut ctx).await.unwrap();
        (0..50).for_each(|note| troupe.cast(Work::Note(note, SECOND)));
        settle(&ctx).await;
        assert_eq!(crew(&troupe), (2, 0));
        troupe.change(|settings| settings.max_workers = 10).unwrap();
        settle(&ctx).await;
        assert_eq!(crew(&troupe), (10, 0));
        troupe.change(|settings| settings.max_workers = 3).unwrap();
        assert_eq!(after(&ctx, 2, &troupe).await, (3, 0), "they go as they finish");
        rest(&ctx, &troupe).await;
        troupe.change(|settings| settings.min_workers = 3).unwrap();
        troupe.change(|settings| (settings.min_workers, settings.max_workers) = (1, 1)).unwrap();
        settle(&ctx).await;
        assert_eq!(crew(&troupe), (1, 1), "those that are idle go at once");
        assert_eq!(log.sorted(), (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn a_new_worker_takes_over_its_share_of_the_keys_that_wait() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let of = |work: &Work| if let Work::Note(note, _) = work { *note } else { 0 };
        let troupe = players(&log).workers(1..=4).by_key(of).start_link(&mut ctx).await.unwrap();
        (0..100).for_each(|note| troupe.cast(Work::Note(note, SECOND)));
        let before = ctx.system().now();
        rest(&ctx, &troupe).await;
        let took = (ctx.system().now() - before).as_secs();
        assert!((25..60).contains(&took), "four workers share a hundred keys: {took} s");
    });
}
