//! Restarts: who, in which order, and how many are too many.

use std::time::Duration;

use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, Event, ExitReason, Registry, Report};
use proscenium_supervisor::{
    AutoShutdown, Backoff, ChildError, ChildSpec, ChildState, Restart, Supervisor, SupervisorRef, process,
};
use slog::{Drain, Logger, Never, OwnedKVList, Record, o};

use super::common::{Begin, Log, Order, address, boom, crash, end, in_any_order, run, settle};

/// Three actors under `supervisor`, which bears a lot.
async fn abc(ctx: &mut Context<()>, supervisor: Supervisor, log: &Log) -> SupervisorRef {
    let started = supervisor
        .intensity(1000)
        .child(log.actor("a").spec())
        .child(log.actor("b").spec())
        .child(log.actor("c").spec())
        .start_link(ctx)
        .await
        .unwrap();
    assert_eq!(log.take(), "start a, start b, start c");
    started
}

/// Why the supervisor itself ended, which the parent hears.
async fn end_of(ctx: &mut Context<()>, supervisor: &SupervisorRef) -> ExitReason {
    match ctx.receive().await {
        Event::Exit(exit) if Some(exit.pid) == supervisor.pid() => exit.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_for_one_restarts_the_child_that_ended() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        abc(&mut ctx, Supervisor::one_for_one(), &log).await;
        crash(&ctx, "b").await;
        assert_eq!(log.take(), "stop b boom, start b");
    });
}

#[test]
fn one_for_all_restarts_everybody() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        abc(&mut ctx, Supervisor::one_for_all(), &log).await;
        crash(&ctx, "b").await;
        assert_eq!(log.take(), "stop b boom, stop c shutdown, stop a shutdown, start a, start b, start c");
    });
}

#[test]
fn rest_for_one_restarts_those_that_started_later() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        abc(&mut ctx, Supervisor::rest_for_one(), &log).await;
        crash(&ctx, "b").await;
        assert_eq!(log.take(), "stop b boom, stop c shutdown, start b, start c");
    });
}

#[test]
fn a_child_is_restarted_as_its_spec_says_whatever_way_it_ends() {
    let table = [
        ("permanent", Restart::Permanent, [true, true, true, true, true, true]),
        ("transient", Restart::Transient, [false, false, false, true, true, true]),
        ("temporary", Restart::Temporary, [false, false, false, false, false, false]),
    ];
    in_any_order(move |mut ctx| async move {
        let log = Log::default();
        let supervisor = Supervisor::one_for_one().intensity(1000);
        let supervisor = supervisor.start_link(&mut ctx).await.unwrap();
        for (id, restart, restarted) in table {
            for (way, restarted) in restarted.into_iter().enumerate() {
                let spec = log.actor(id).spec().restart(restart);
                let pid = supervisor.start_child(spec).await.unwrap().unwrap();
                let child = address(ctx.system(), id);
                match way {
                    0 => child.cast(Order::End(ExitReason::Normal)),
                    1 => child.cast(Order::End(ExitReason::Shutdown)),
                    2 => child.cast(Order::End(ExitReason::shutdown_with("done"))),
                    3 => child.cast(Order::End(boom())),
                    4 => child.cast(Order::Panic),
                    _ => ctx.exit(pid, ExitReason::Kill),
                }
                child.exited().await;
                settle(&ctx).await;
                assert_eq!(ctx.system().whereis(id).is_some(), restarted, "{id} {way}");
                let specs = supervisor.count_children().await.unwrap().specs;
                assert_eq!(specs, usize::from(restart != Restart::Temporary), "{id} {way}");
                // A temporary child took its spec along.
                let _ = supervisor.terminate_child(id).await;
                let _ = supervisor.delete_child(id).await;
            }
        }
    });
}

#[test]
fn more_restarts_than_the_intensity_end_the_supervisor_and_all_its_children() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = Supervisor::one_for_one()
            .intensity(2)
            .child(log.actor("a").spec())
            .child(log.actor("b").spec())
            .start_link(&mut ctx)
            .await
            .unwrap();
        crash(&ctx, "a").await;
        crash(&ctx, "b").await;
        log.take();
        crash(&ctx, "a").await;
        assert_eq!(log.take(), "stop a boom, stop b shutdown");
        assert_eq!(end_of(&mut ctx, &supervisor).await, ExitReason::Shutdown);
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn restarts_that_are_far_enough_apart_never_end_it() {
    for (apart, survives) in [(Duration::from_secs(6), true), (Duration::from_secs(5), false)] {
        in_any_order(move |mut ctx| async move {
            let log = Log::default();
            let child = log.actor("a").spec();
            // Its intensity is 1 in 5 s.
            Supervisor::one_for_one().child(child).start_link(&mut ctx).await.unwrap();
            let started = ctx.system().now();
            for times in 0..3 {
                let due = started + apart * times;
                ctx.sleep(due - ctx.system().now()).await;
                let Ok(child) = ctx.system().lookup::<Order>("a") else {
                    break;
                };
                child.cast(Order::End(boom()));
                child.exited().await;
            }
            settle(&ctx).await;
            assert_eq!(ctx.system().whereis("a").is_some(), survives, "{apart:?}");
        });
    }
}

#[test]
fn a_restart_that_never_succeeds_is_tried_as_often_as_the_intensity_allows() {
    for intensity in [0, 1, 3] {
        in_any_order(move |mut ctx| async move {
            let log = Log::default();
            let a = log.actor("a");
            let supervisor =
                Supervisor::one_for_one().intensity(intensity).child(a.spec()).start_link(&mut ctx).await.unwrap();
            a.next_starts(vec![Begin::Fails; 100]);
            log.take();
            crash(&ctx, "a").await;
            let attempts = log.take().matches("start a fails").count();
            assert_eq!(attempts, intensity as usize);
            assert_eq!(end_of(&mut ctx, &supervisor).await, ExitReason::Shutdown);
        });
    }
}

#[test]
fn deaths_at_once_are_one_restart_of_the_group_but_several_of_single_children() {
    for (supervisor, survives) in [(Supervisor::one_for_all(), true), (Supervisor::one_for_one(), false)] {
        in_any_order(move |mut ctx| {
            let supervisor = supervisor.clone();
            async move {
                let log = Log::default();
                let ids = ["a", "b", "c"];
                let with = |supervisor: Supervisor, id| supervisor.child(log.actor(id).deaf().spec());
                let supervisor = ids.into_iter().fold(supervisor, with).start_link(&mut ctx).await.unwrap();
                for id in ids {
                    let pid = ctx.system().whereis(id).unwrap();
                    ctx.exit(pid, boom());
                }
                settle(&ctx).await;
                let alive = supervisor.pid().is_some_and(|pid| ctx.system().is_alive(pid));
                assert_eq!(alive, survives);
            }
        });
    }
}

#[test]
fn deaths_that_a_group_restart_finds_on_its_way_keep_their_own_reasons() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let reports = ctx.system().reports();
        abc(&mut ctx, Supervisor::one_for_all(), &log).await;
        for id in ["a", "b", "c"] {
            address(ctx.system(), id).cast(Order::End(ExitReason::error(id)));
        }
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 5);
        let reports = std::iter::from_fn(|| reports.try_recv().ok());
        for report in reports {
            if let Report::Supervisor(report) = report {
                assert_eq!(report.reason, ExitReason::error(&*report.offender.id));
            }
        }
    });
}

/// What is done when `a` crashes and `b` twice does not start again.
async fn failing_twice(ctx: &mut Context<()>, supervisor: Supervisor) -> String {
    let log = Log::default();
    let b = log.actor("b");
    supervisor
        .intensity(3)
        .child(log.actor("a").spec())
        .child(b.spec())
        .child(log.actor("c").spec())
        .start_link(ctx)
        .await
        .unwrap();
    log.take();
    b.next_starts([Begin::Fails, Begin::Panics]);
    crash(ctx, "a").await;
    log.take()
}

#[test]
fn one_for_all_stops_what_a_failed_attempt_had_started() {
    in_any_order(|mut ctx| async move {
        assert_eq!(
            failing_twice(&mut ctx, Supervisor::one_for_all()).await,
            "stop a boom, stop c shutdown, stop b shutdown, start a, start b fails, stop a shutdown, start a, \
             start b panics, stop a shutdown, start a, start b, start c"
        );
    });
}

#[test]
fn rest_for_one_keeps_what_a_failed_attempt_had_started_before() {
    in_any_order(|mut ctx| async move {
        assert_eq!(
            failing_twice(&mut ctx, Supervisor::rest_for_one()).await,
            "stop a boom, stop c shutdown, stop b shutdown, start a, start b fails, start b panics, start b, start c"
        );
    });
}

#[test]
fn a_supervisor_that_gives_up_is_restarted_if_permanent_and_left_if_transient() {
    for (restart, comes_back) in [(Restart::Permanent, true), (Restart::Transient, false), (Restart::Temporary, false)]
    {
        in_any_order(move |mut ctx| async move {
            let log = Log::default();
            let branch = Supervisor::one_for_one().intensity(0).child(log.actor("leaf").spec());
            Supervisor::one_for_one()
                .child(ChildSpec::new("branch", branch).restart(restart))
                .child(log.actor("other").spec())
                .start_link(&mut ctx)
                .await
                .unwrap();
            crash(&ctx, "leaf").await;
            assert_eq!(ctx.system().whereis("leaf").is_some(), comes_back, "{restart:?}");
            assert!(ctx.system().whereis("other").is_some());
        });
    }
}

#[test]
fn failure_climbs_the_tree_until_somebody_bears_it() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let nest = |id: &str, inner: ChildSpec| ChildSpec::new(id, Supervisor::one_for_one().intensity(1).child(inner));
        let tree = nest("top", nest("middle", nest("bottom", log.actor("leaf").spec())));
        let root = Supervisor::one_for_one().intensity(1).child(tree).start_link(&mut ctx).await.unwrap();
        // Each level bears one restart of the level below: 2⁴ crashes in all.
        for _ in 1..16 {
            crash(&ctx, "leaf").await;
            assert!(ctx.system().whereis("leaf").is_some());
        }
        crash(&ctx, "leaf").await;
        assert_eq!(end_of(&mut ctx, &root).await, ExitReason::Shutdown);
        assert_eq!(ctx.system().process_count(), 1);
    });
}

/// A logger that panics with whatever it is told.
struct Mute;

impl Drain for Mute {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _context: &OwnedKVList) -> Result<(), Never> {
        panic!("mute: {}", record.msg());
    }
}

#[test]
fn a_logger_that_panics_ends_no_supervisor() {
    let test = TestSystem::with_logger(7, Logger::root(Mute.fuse(), o!()));
    run(&test, |mut ctx| async move {
        let log = Log::default();
        let supervisor = Supervisor::one_for_one().child(log.actor("a").spec()).start_link(&mut ctx).await.unwrap();
        crash(&ctx, "a").await;
        assert_eq!(supervisor.count_children().await.unwrap().active, 1);
        assert_eq!(log.take(), "start a, stop a boom, start a");
    });
}

#[test]
fn a_child_that_unlinked_itself_is_restarted_all_the_same() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let a = log.actor("a").spec().restart(Restart::Transient);
        Supervisor::one_for_one().child(a).start_link(&mut ctx).await.unwrap();
        address(ctx.system(), "a").cast(Order::Unlink);
        crash(&ctx, "a").await;
        assert_eq!(log.take(), "start a, stop a boom, start a");
    });
}

#[test]
fn a_child_that_unlinks_itself_in_its_init_is_restarted_and_stopped_all_the_same() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let a = log.actor("a").next_starts([Begin::Unlinks, Begin::Unlinks]);
        let spec = a.spec().restart(Restart::Transient);
        let supervisor = Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
        crash(&ctx, "a").await;
        supervisor.terminate_child("a").await.unwrap();
        assert_eq!(log.take(), "start a, stop a boom, start a, stop a shutdown");
    });
}

#[test]
fn a_child_that_ends_as_soon_as_it_is_ready_ends_for_its_own_reason() {
    in_any_order(|mut ctx| async move {
        let brief = process(|_ctx: Context<()>| async {});
        let supervisor = Supervisor::one_for_one()
            .intensity(0)
            .child(ChildSpec::new("brief", brief).restart(Restart::Transient))
            .start_link(&mut ctx)
            .await
            .unwrap();
        settle(&ctx).await;
        let children = supervisor.which_children().await.unwrap();
        assert_eq!(children[0].state, ChildState::Stopped);
    });
}

#[test]
fn a_significant_child_takes_its_supervisor_along() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let main = log.actor("main").spec().restart(Restart::Transient).significant(true);
        let supervisor = Supervisor::one_for_one()
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(log.actor("helper").spec())
            .child(main)
            .start_link(&mut ctx)
            .await
            .unwrap();
        log.take();
        end(&ctx, "main", ExitReason::Normal).await;
        assert_eq!(log.take(), "stop main normal, stop helper shutdown");
        assert_eq!(end_of(&mut ctx, &supervisor).await, ExitReason::Shutdown);
    });
}

/// When the child of the supervisor with that back-off starts, in milliseconds, if it ends each time after one.
async fn starts(ctx: &mut Context<()>, backoff: Backoff, count: usize) -> Vec<u128> {
    let log = Log::default();
    let supervisor = Supervisor::one_for_one().intensity(1000).period(Duration::from_secs(60)).backoff(backoff);
    let supervisor = supervisor.child(log.actor("a").spec()).start_link(ctx).await.unwrap();
    let began = ctx.system().now();
    let mut starts = Vec::new();
    for _ in 0..count {
        ctx.sleep(Duration::from_millis(1)).await;
        crash(ctx, "a").await;
        assert_eq!(supervisor.which_child("a").await.unwrap().state, ChildState::Restarting);
        ctx.system().when_registered("a").await;
        starts.push((ctx.system().now() - began).as_millis());
    }
    starts
}

#[test]
fn a_backoff_puts_restarts_off_by_the_clock_of_the_system() {
    in_any_order(|mut ctx| async move {
        let backoff = Backoff::new(Duration::from_millis(100)).longest(Duration::from_millis(300));
        assert_eq!(starts(&mut ctx, backoff, 4).await, [101, 302, 603, 904]);
    });
    in_any_order(|mut ctx| async move {
        let backoff = Backoff::new(Duration::from_millis(100)).jitter(1.0, 5);
        let starts = starts(&mut ctx, backoff, 2).await;
        assert!(starts[0] < 101 && starts[1] < 302, "{starts:?}");
    });
}

#[test]
fn a_supervisor_that_pauses_answers_and_stops_at_once() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let backoff = Backoff::new(Duration::from_secs(3600)).longest(Duration::from_secs(3600));
        let supervisor =
            Supervisor::one_for_all().intensity(5).backoff(backoff).children(["a", "b"].map(|id| log.actor(id).spec()));
        let supervisor = supervisor.start_link(&mut ctx).await.unwrap();
        log.take();
        let began = ctx.system().now();
        crash(&ctx, "a").await;
        assert_eq!(log.take(), "stop a boom, stop b shutdown");
        let restarting = ChildError::Restarting { id: "a".into() };
        assert_eq!(supervisor.restart_child("a").await, Err(restarting));
        supervisor.terminate_child("a").await.unwrap();
        supervisor.restart_child("a").await.unwrap().unwrap();
        crash(&ctx, "a").await;
        supervisor.stop(ExitReason::Shutdown, None).await.unwrap();
        assert_eq!(end_of(&mut ctx, &supervisor).await, ExitReason::Shutdown);
        assert!(ctx.system().now() - began < Duration::from_secs(1));
        assert_eq!(ctx.system().timer_count(), 0);
    });
}

#[test]
fn a_child_counts_how_often_it_was_started_before() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        abc(&mut ctx, Supervisor::rest_for_one(), &log).await;
        crash(&ctx, "b").await;
        crash(&ctx, "c").await;
        let restarts = ["a", "b", "c"].map(|name| {
            let pid = ctx.system().whereis(name).expect("it was restarted");
            ctx.system().process_info(pid).expect("it runs").restarts
        });
        assert_eq!((restarts, ctx.system().counts().restarts), ([0, 1, 2], 3));
    });
}

#[test]
fn a_child_has_its_key_again_when_it_is_restarted() {
    in_any_order(|mut ctx| async move {
        let (log, rooms) = (Log::default(), Registry::unique(ctx.system()));
        let server = log.actor("a").start().via(&rooms, 1, ());
        let plain = process(|mut ctx: Context<Order>| async move {
            ctx.receive_message().await;
            Err::<(), _>(boom())
        });
        let supervisor = Supervisor::one_for_one()
            .child(ChildSpec::new("server", server))
            .child(ChildSpec::new("plain", plain.via(&rooms, 2, ())))
            .intensity(2);
        supervisor.start_link(&mut ctx).await.unwrap();
        for key in [1, 2] {
            let (before, by_key) = (rooms.lookup(&key).expect("it was started"), rooms.via(key));
            by_key.cast(Order::End(boom()));
            before.address().exited().await;
            settle(&ctx).await;
            let after = rooms.lookup(&key).expect("it was restarted");
            assert_ne!(after.pid(), before.pid());
            assert_eq!(by_key.pid(), Some(after.pid()));
        }
        assert_eq!(rooms.count(), 2);
    });
}
