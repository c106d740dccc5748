//! The end of a troupe, and of its processes one by one.

use futures_lite::future::zip;
use proscenium_runtime::{Context, DeadReason, ExitReason, Pid};
use proscenium_supervisor::{ChildSpec, JobFault, Supervisor, SupervisorRef, Troupe, TroupeRef};

use super::common::{Log, SECOND, Work, fault, in_any_order, players, rest, settle};

async fn under_a_supervisor(troupe: Troupe<Work>, ctx: &mut Context<()>) -> (SupervisorRef, TroupeRef<Work>) {
    let handle = troupe.handle();
    let supervisor = Supervisor::one_for_one().child(ChildSpec::new("players", troupe)).start_link(ctx).await.unwrap();
    (supervisor, handle)
}

/// The process of a troupe that its label calls so.
fn process(ctx: &Context<()>, label: &str) -> Pid {
    let labelled =
        |pid: &Pid| ctx.system().process_info(*pid).and_then(|info| info.label).is_some_and(|it| *it == *label);
    ctx.system().processes().into_iter().rfind(labelled).unwrap_or_else(|| panic!("there is no {label}"))
}

#[test]
fn who_drains_a_troupe_waits_for_its_jobs_and_it_takes_no_more() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(1..=2).start_link(&mut ctx).await.unwrap();
        (0..6).for_each(|note| troupe.cast(Work::Note(note, SECOND)));
        let before = ctx.system().now();
        let ((), refused) = zip(troupe.drain(), async {
            settle(&ctx).await;
            troupe.call(Work::Who).await
        })
        .await;
        assert_eq!(fault(refused), JobFault::Draining);
        assert_eq!((ctx.system().now() - before, log.notes().len()), (3 * SECOND, 6));
    });
}

#[test]
fn a_troupe_that_is_stopped_tells_who_waits_and_what_nobody_waits_for_is_a_dead_letter() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (supervisor, troupe) = under_a_supervisor(players(&log).workers(1..=1), &mut ctx).await;
        let begun = troupe.perform(Work::Note(0, 100 * SECOND)).without_timeout();
        let (begun, (waiting, ())) = zip(
            begun,
            zip(troupe.perform(Work::Note(1, SECOND)), async {
                settle(&ctx).await;
                troupe.cast(Work::Note(2, SECOND));
                supervisor.terminate_child("players").await.unwrap();
            }),
        )
        .await;
        assert_eq!((fault(begun), fault(waiting)), (JobFault::NotRunning, JobFault::NotRunning));
        assert_eq!(ctx.system().dead_letter_count_of(DeadReason::DroppedAtExit), 1);
        assert_eq!(fault(troupe.call(Work::Who).await), JobFault::NotRunning);
        supervisor.restart_child("players").await.unwrap();
        assert_eq!(troupe.call(Work::Who).await, Ok(2), "it is the same troupe, and its workers are new");
        assert_eq!(log.notes(), [0]);
    });
}

#[test]
fn a_troupe_may_finish_its_jobs_before_it_stops_if_that_does_not_take_too_long() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (supervisor, troupe) =
            under_a_supervisor(players(&log).workers(1..=3).drain_at_stop(5 * SECOND), &mut ctx).await;
        // A worker that fails meanwhile, and one that comes, need the manager still.
        troupe.cast(Work::Break(100));
        (0..6).for_each(|note| troupe.cast(Work::Note(note, SECOND)));
        let before = ctx.system().now();
        supervisor.terminate_child("players").await.unwrap();
        assert!(ctx.system().now() - before <= 3 * SECOND);
        assert_eq!(log.notes().len(), 7);
        supervisor.restart_child("players").await.unwrap();
        (0..6).for_each(|note| troupe.cast(Work::Note(note, 4 * SECOND)));
        let before = ctx.system().now();
        supervisor.terminate_child("players").await.unwrap();
        assert_eq!(ctx.system().now() - before, 5 * SECOND);
    });
}

#[test]
fn a_troupe_is_drained_and_stopped_by_whoever_has_it() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let before = ctx.system().process_count();
        let troupe = players(&log);
        let handle = troupe.handle();
        let error = handle.stop(ExitReason::Normal, None).await.unwrap_err();
        assert!(error.is_no_process(), "{error}");
        troupe.start_link(&mut ctx).await.unwrap();
        (0..6).for_each(|note| handle.cast(Work::Note(note, SECOND)));
        handle.drain().await;
        handle.stop(ExitReason::Normal, None).await.unwrap();
        settle(&ctx).await;
        assert_eq!((ctx.system().process_count(), log.sorted()), (before, (0..6).collect()));
        assert!(handle.stop(ExitReason::Normal, None).await.unwrap_err().is_no_process());
    });
}

#[test]
fn a_manager_that_is_killed_is_followed_by_one_that_goes_on() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe =
            players(&log).workers(2..=4).intensity(100).idle_time(10 * SECOND).start_link(&mut ctx).await.unwrap();
        (0..20).for_each(|note| troupe.cast(if note % 7 == 3 { Work::Break(note) } else { Work::Note(note, SECOND) }));
        for _ in 0..8 {
            ctx.exit(process(&ctx, "manager of a troupe"), ExitReason::Kill);
            ctx.sleep(SECOND / 2).await;
        }
        rest(&ctx, &troupe).await;
        assert_eq!(log.sorted(), (0..20).collect::<Vec<_>>(), "each job was begun once");
        ctx.sleep(20 * SECOND).await;
        assert_eq!((troupe.status().workers, troupe.status().idle), (2, 2));
    });
}

#[test]
fn when_the_supervisor_of_the_workers_is_killed_jobs_that_wait_are_done_by_others() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let troupe = players(&log).workers(2..=2).start_link(&mut ctx).await.unwrap();
        (0..10).for_each(|note| troupe.cast(Work::Note(note, SECOND)));
        settle(&ctx).await;
        ctx.exit(process(&ctx, "workers of a troupe"), ExitReason::Kill);
        rest(&ctx, &troupe).await;
        assert_eq!(log.sorted(), (0..10).collect::<Vec<_>>());
        assert_eq!((troupe.status().done, troupe.status().failed), (8, 2));
    });
}

#[test]
fn when_the_door_is_killed_all_begins_anew_and_who_waits_is_told() {
    in_any_order(|mut ctx| async move {
        let troupe = players(&Log::default()).workers(1..=1).start_link(&mut ctx).await.unwrap();
        let job = |seconds| troupe.perform(Work::Note(0, seconds * SECOND)).without_timeout();
        let (begun, (waiting, ())) = zip(
            job(50),
            zip(job(1), async {
                settle(&ctx).await;
                ctx.exit(process(&ctx, "door of a troupe"), ExitReason::Kill);
            }),
        )
        .await;
        assert_eq!((fault(begun), fault(waiting)), (JobFault::NotRunning, JobFault::NotRunning));
        ctx.sleep(SECOND).await;
        assert!(troupe.call(Work::Who).await.is_ok());
    });
}
