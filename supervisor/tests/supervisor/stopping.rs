//! Stops: in reverse, one at a time, each in its own time.

use std::time::Duration;

use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Address, Context, ErrorContext, Event, ExitReason, Report};
use proscenium_supervisor::{ChildSpec, Restart, Shutdown, Supervisor, SupervisorRef, process};

use super::common::{Log, Order, address, boom, crash, in_any_order, run, settle};

const SECOND: Duration = Duration::from_secs(1);

fn address_of(ctx: &Context<()>, id: &str) -> Address<()> {
    ctx.system().lookup(id).unwrap()
}

/// Tells the supervisor to stop, and waits until it has.
async fn stop(ctx: &mut Context<()>, supervisor: &SupervisorRef) -> ExitReason {
    let pid = supervisor.pid().unwrap();
    ctx.exit(pid, ExitReason::Shutdown);
    match ctx.receive().await {
        Event::Exit(exit) if exit.pid == pid => exit.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn children_stop_in_reverse_one_after_another() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let slow = |id| log.actor(id).stops_in(SECOND).spec();
        let supervisor = Supervisor::one_for_one()
            .child(slow("a"))
            .child(slow("b"))
            .child(slow("c"))
            .start_link(&mut ctx)
            .await
            .unwrap();
        let began = ctx.system().now();
        log.take();
        assert_eq!(stop(&mut ctx, &supervisor).await, ExitReason::Shutdown);
        assert_eq!(log.take(), "stop c shutdown, stop b shutdown, stop a shutdown");
        assert_eq!(ctx.system().now() - began, 3 * SECOND);
    });
}

#[test]
fn a_child_that_takes_too_long_is_killed_when_its_time_is_over() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let limits = [Shutdown::Timeout(2 * SECOND), Shutdown::BrutalKill, Shutdown::Infinity];
        let took = [2, 0, 3600].map(Duration::from_secs);
        for (limit, took) in limits.into_iter().zip(took) {
            let spec = log.actor("a").stops_in(3600 * SECOND).spec().shutdown(limit);
            let supervisor = Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
            let began = ctx.system().now();
            let child = address(ctx.system(), "a");
            stop(&mut ctx, &supervisor).await;
            assert_eq!(ctx.system().now() - began, took, "{limit:?}");
            let killed = limit != Shutdown::Infinity;
            assert_eq!(child.exited().await == ExitReason::Killed, killed, "{limit:?}");
        }
    });
}

#[test]
fn a_brutal_kill_asks_nobody() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let spec = log.actor("a").spec().shutdown(Shutdown::BrutalKill);
        let supervisor = Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
        stop(&mut ctx, &supervisor).await;
        assert_eq!(log.take(), "start a");
    });
}

#[test]
fn a_child_that_ends_otherwise_than_told_is_reported_and_the_stop_goes_on() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let reports = ctx.system().reports();
        let supervisor = Supervisor::one_for_one()
            .child(log.actor("a").spec())
            .child(log.actor("b").panics_when_stopped("cannot close").spec())
            .start_link(&mut ctx)
            .await
            .unwrap();
        let b = address(ctx.system(), "b");
        assert_eq!(stop(&mut ctx, &supervisor).await, ExitReason::Shutdown);
        assert!(log.take().ends_with("stop b shutdown, stop a shutdown"));
        assert!(matches!(b.exited().await, ExitReason::Panic(_)));
        let complaints = std::iter::from_fn(|| reports.try_recv().ok());
        let complaints: Vec<_> = complaints
            .filter_map(|report| match report {
                Report::Supervisor(report) => Some((report.context, report.offender.id.to_string())),
                _ => None,
            })
            .collect();
        assert_eq!(complaints, [(ErrorContext::ShutdownError, "b".to_owned())]);
    });
}

#[test]
fn children_that_end_by_themselves_while_others_stop_hinder_nobody() {
    let reasons = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("done"), boom()];
    in_any_order(move |mut ctx| {
        let reasons = reasons.clone();
        async move {
            let log = Log::default();
            let mut supervisor = Supervisor::one_for_one();
            let mut ids = Vec::new();
            for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                for (number, _) in reasons.iter().enumerate() {
                    let id = format!("{restart:?} {number}");
                    supervisor = supervisor.child(log.actor(&id).spec().restart(restart));
                    ids.push(id);
                }
            }
            // The youngest keeps the supervisor busy while the others end.
            let youngest = log.actor("youngest").stops_in(SECOND).spec();
            let supervisor = supervisor.child(youngest).start_link(&mut ctx).await.unwrap();
            ctx.exit(supervisor.pid().unwrap(), ExitReason::Shutdown);
            settle(&ctx).await;
            for (id, reason) in ids.iter().zip(reasons.iter().cycle()) {
                address(ctx.system(), id).cast(Order::End(reason.clone()));
            }
            let Event::Exit(exit) = ctx.receive().await else { panic!() };
            assert_eq!(exit.reason, ExitReason::Shutdown);
            assert_eq!(ctx.system().process_count(), 1);
        }
    });
}

#[test]
fn a_child_that_unlinked_itself_cannot_hang_its_supervisor() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = Supervisor::one_for_one().child(log.actor("a").spec()).start_link(&mut ctx).await.unwrap();
        address(ctx.system(), "a").cast(Order::Unlink);
        settle(&ctx).await;
        supervisor.terminate_child("a").await.unwrap();
        assert_eq!(ctx.system().whereis("a"), None);
        supervisor.restart_child("a").await.unwrap().unwrap();
        address(ctx.system(), "a").cast(Order::Unlink);
        settle(&ctx).await;
        assert_eq!(stop(&mut ctx, &supervisor).await, ExitReason::Shutdown);
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn the_parents_end_stops_the_tree_in_order_with_its_reason() {
    for reason in [ExitReason::Normal, boom()] {
        in_any_order(move |mut ctx| {
            let reason = reason.clone();
            async move {
                let log = Log::default();
                let (theirs, last_words) = (log.clone(), reason.clone());
                let parent = ctx.spawn(move |mut ctx: Context<()>| async move {
                    let branch = Supervisor::one_for_one().child(theirs.actor("b").spec());
                    let root = Supervisor::one_for_one()
                        .name("root")
                        .child(theirs.actor("a").spec())
                        .child(ChildSpec::new("branch", branch))
                        .child(theirs.actor("c").spec());
                    root.start_link(&mut ctx).await?;
                    ctx.receive_message().await;
                    Err::<(), _>(last_words)
                });
                settle(&ctx).await;
                log.take();
                let root = ctx.system().whereis("root").unwrap();
                let monitor = ctx.monitor(root);
                parent.cast(());
                let Event::Down(down) = ctx.receive().await else { panic!() };
                assert_eq!((down.monitor, down.reason), (monitor, reason));
                assert_eq!(log.take(), "stop c shutdown, stop b shutdown, stop a shutdown");
                assert_eq!(ctx.system().process_count(), 1);
            }
        });
    }
}

#[test]
fn a_killed_supervisor_leaves_no_server_behind() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let branch = Supervisor::one_for_one().child(log.actor("b").spec());
        let supervisor = Supervisor::one_for_one()
            .child(log.actor("a").spec())
            .child(ChildSpec::new("branch", branch))
            .child(log.actor("deaf").deaf().spec())
            .start_link(&mut ctx)
            .await
            .unwrap();
        log.take();
        ctx.exit(supervisor.pid().unwrap(), ExitReason::Kill);
        let Event::Exit(exit) = ctx.receive().await else { panic!() };
        assert_eq!(exit.reason, ExitReason::Killed);
        settle(&ctx).await;
        let log = log.take();
        let mut ends: Vec<_> = log.split(", ").collect();
        ends.sort_unstable();
        assert_eq!(ends, ["stop a killed", "stop b shutdown"]);
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn whom_a_killed_supervisor_leaves_behind_is_killed_if_it_does_not_heed_its_end() {
    let limits = [(Shutdown::Timeout(SECOND), 1), (Shutdown::BrutalKill, 5)];
    for (shutdown, seconds) in limits {
        in_any_order(move |mut ctx| async move {
            let unruly = process(|mut ctx: Context<()>| async move {
                ctx.trap_exit(true);
                loop {
                    ctx.receive().await;
                }
            });
            let spec = ChildSpec::new("unruly", unruly.name("unruly")).shutdown(shutdown);
            let supervisor = Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
            let orphan = address_of(&ctx, "unruly");
            let began = ctx.system().now();
            ctx.exit(supervisor.pid().unwrap(), ExitReason::Kill);
            assert_eq!(orphan.exited().await, ExitReason::Killed);
            assert_eq!((ctx.system().now() - began).as_secs(), seconds);
            settle(&ctx).await;
            assert_eq!(ctx.system().process_count(), 1);
        });
    }
}

#[test]
fn a_supervisor_killed_while_it_stops_a_child_leaves_none_behind() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = Supervisor::one_for_one()
            .child(log.actor("a").spec())
            .child(log.actor("b").stops_in(SECOND).spec())
            .start_link(&mut ctx)
            .await
            .unwrap();
        let pid = supervisor.pid().unwrap();
        ctx.exit(pid, ExitReason::Shutdown);
        settle(&ctx).await;
        ctx.exit(pid, ExitReason::Kill);
        ctx.receive().await;
        ctx.sleep(SECOND).await;
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn plain_processes_are_stopped_by_the_signal() {
    in_any_order(|mut ctx| async move {
        let body = |ctx: Context<()>| async move { ctx.sleep(3600 * SECOND).await };
        let supervisor = Supervisor::one_for_one()
            .child(ChildSpec::new("plain", process(body).name("plain")))
            .start_link(&mut ctx)
            .await
            .unwrap();
        let plain = ctx.system().lookup::<()>("plain").unwrap();
        supervisor.terminate_child("plain").await.unwrap();
        assert_eq!(plain.exited().await, ExitReason::Shutdown);
    });
}

#[test]
fn what_a_supervisor_has_stopped_leaves_nothing_in_its_mailbox() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let ids: Vec<String> = (0..100).map(|n| format!("child {n}")).collect();
        let children = ids.iter().map(|id| log.actor(id).spec());
        let supervisor =
            children.fold(Supervisor::one_for_all(), Supervisor::child).start_link(&mut ctx).await.unwrap();
        crash(&ctx, &ids[0]).await;
        let info = ctx.system().process_info(supervisor.pid().unwrap()).unwrap();
        // An exit and a down of the one that crashed, and of the one that is being stopped.
        assert!(info.queue_high_water <= 4, "{info:?}");
    });
}

#[test]
fn a_stop_that_meets_a_retry_ends_the_restarts() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let b = log.actor("b");
        let supervisor = Supervisor::one_for_one()
            .intensity(1_000_000)
            .child(log.actor("a").spec())
            .child(b.spec())
            .start_link(&mut ctx)
            .await
            .unwrap();
        b.next_starts(vec![super::common::Begin::Fails; 100_000]);
        let child = address(ctx.system(), "b");
        child.cast(Order::End(boom()));
        child.exited().await;
        assert_eq!(stop(&mut ctx, &supervisor).await, ExitReason::Shutdown);
        assert!(log.take().ends_with("stop a shutdown"));
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn a_system_that_shuts_down_stops_its_supervisors_in_order() {
    for seed in 0..32 {
        let test = TestSystem::new(seed);
        let log = Log::default();
        let supervisor =
            Supervisor::one_for_one().child(log.actor("a").spec()).child(log.actor("b").stops_in(SECOND).spec());
        test.block_on(supervisor.spawn(&test)).unwrap();
        run(&test, |ctx| async move { crash(&ctx, "a").await });
        log.take();
        test.shutdown();
        assert_eq!(log.take(), "stop b shutdown, stop a shutdown");
        assert_eq!(test.process_count(), 0);
    }
}
