//! Children that come and go: by pid, in no order, all stopped at once.

use std::sync::Arc;
use std::time::Duration;

use proscenium_behaviours::{EventManager, GenServer};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Address, Context, ErrorContext, Event, ExitReason, Pid, Report, StartError};
use proscenium_supervisor::{
    Backoff, ChildError, ChildKind, ChildSpec, ChildState, DynamicRef, DynamicSupervisor, Restart, Shutdown, SpecError,
    Supervisor, SupervisorRef, process,
};

use super::common::{Begin, Log, Order, Role, address, boom, crash, end, in_any_order, run, settle};

const SECOND: Duration = Duration::from_secs(1);

/// A supervisor that bears a lot.
async fn dynamic(ctx: &mut Context<()>) -> DynamicRef {
    DynamicSupervisor::new().intensity(1000).start_link(ctx).await.unwrap()
}

async fn start(supervisor: &DynamicRef, role: &Role) -> Pid {
    supervisor.start_child(role.start()).await.unwrap().unwrap().pid().unwrap()
}

async fn end_of(ctx: &mut Context<()>, supervisor: &DynamicRef) -> ExitReason {
    match ctx.receive().await {
        Event::Exit(exit) if Some(exit.pid) == supervisor.pid() => exit.reason,
        other => panic!("{other:?}"),
    }
}

/// Why it was complained of which child.
fn complaints(reports: &async_channel::Receiver<Report>) -> Vec<(ErrorContext, String, String)> {
    let reports = std::iter::from_fn(|| reports.try_recv().ok());
    let complaints = reports.filter_map(|report| match report {
        Report::Supervisor(report) => {
            let id = report.offender.id.to_string().replace("supervisor::common::", "");
            Some((report.context, id, report.reason.to_string()))
        }
        _ => None,
    });
    complaints.collect()
}

#[test]
fn a_child_is_reached_by_its_type_and_restarted_on_its_own() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = dynamic(&mut ctx).await;
        let a: Address<Order> = supervisor.start_child(log.actor("a").start()).await.unwrap().unwrap();
        start(&supervisor, &log.actor("b")).await;
        a.cast(Order::End(ExitReason::Normal));
        a.exited().await;
        settle(&ctx).await;
        assert_eq!(log.take(), "start a, start b, stop a normal, start a");
        assert_ne!(ctx.system().whereis("a"), a.pid());
    });
}

#[test]
fn whatever_can_be_started_can_be_a_child() {
    in_any_order(|mut ctx| async move {
        let supervisor = dynamic(&mut ctx).await;
        let echo = process(|mut ctx: Context<Address<u8>>| async move { ctx.receive_message().await.cast(7) });
        let echo: Address<Address<u8>> = supervisor.start_child(echo).await.unwrap().unwrap();
        assert!(echo.pid().is_some());
        let branch: SupervisorRef = supervisor.start_child(Supervisor::one_for_one()).await.unwrap().unwrap();
        assert_eq!(branch.count_children().await.unwrap().specs, 0);
        let nested: DynamicRef = supervisor.start_child(DynamicSupervisor::new()).await.unwrap().unwrap();
        assert_eq!(nested.count_children().await.unwrap().active, 0);
        let count = supervisor.count_children().await.unwrap();
        assert_eq!((count.active, count.restarting, count.supervisors, count.workers), (3, 0, 2, 1));
    });
}

#[test]
fn children_are_restarted_as_the_supervisor_says() {
    let table = [
        (Restart::Permanent, [true, true, true, true]),
        (Restart::Transient, [false, false, false, true]),
        (Restart::Temporary, [false, false, false, false]),
    ];
    let reasons = || [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("done"), boom()];
    for (restart, restarted) in table {
        in_any_order(move |mut ctx| async move {
            let log = Log::default();
            let supervisor =
                DynamicSupervisor::new().restart(restart).intensity(10).start_link(&mut ctx).await.unwrap();
            for (reason, restarted) in reasons().into_iter().zip(restarted) {
                start(&supervisor, &log.actor("a")).await;
                end(&ctx, "a", reason.clone()).await;
                assert_eq!(ctx.system().whereis("a").is_some(), restarted, "{restart:?} {reason}");
                assert_eq!(supervisor.count_children().await.unwrap().active, usize::from(restarted));
                if let Some(pid) = ctx.system().whereis("a") {
                    supervisor.terminate_child(pid).await.unwrap();
                }
            }
        });
    }
}

#[test]
fn of_a_temporary_child_nothing_is_kept_to_start_it_again() {
    struct Holder;
    impl GenServer for Holder {
        // Not `Clone`, as a socket is not.
        type Args = Box<Arc<()>>;
        type Message = ();
        async fn init(args: Self::Args, _ctx: &mut Context<()>) -> Result<Self, ExitReason> {
            drop(args);
            Ok(Holder)
        }
        async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
            Err(boom())
        }
    }
    in_any_order(|mut ctx| async move {
        let supervisor = dynamic(&mut ctx).await;
        let args = Arc::new(());
        let holder = supervisor.start_temporary(Holder::start(Box::new(args.clone()))).await.unwrap().unwrap();
        assert_eq!(Arc::strong_count(&args), 1);
        holder.cast(());
        holder.exited().await;
        settle(&ctx).await;
        assert_eq!(supervisor.which_children().await.unwrap(), []);
    });
}

#[test]
fn a_start_that_fails_or_is_ignored_leaves_nothing() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = dynamic(&mut ctx).await;
        let a = log.actor("a").next_starts([Begin::Fails, Begin::Panics, Begin::Ignores]);
        for _ in 0..2 {
            let error = supervisor.start_child(a.start()).await.unwrap_err();
            let ChildError::Start(failed) = error else { panic!("{error}") };
            assert!(matches!(failed.error, StartError::Init(_)), "{failed}");
        }
        assert_eq!(supervisor.start_child(a.start()).await, Ok(None));
        assert_eq!(supervisor.which_children().await.unwrap(), []);
        assert_eq!(ctx.system().process_count(), 2);
    });
}

#[test]
fn one_that_chooses_not_to_run_when_restarted_is_forgotten() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = dynamic(&mut ctx).await;
        start(&supervisor, &log.actor("a").next_starts([Begin::Takes(SECOND), Begin::Ignores])).await;
        crash(&ctx, "a").await;
        assert_eq!(supervisor.which_children().await.unwrap(), []);
    });
}

#[test]
fn there_are_no_more_children_than_there_may_be_those_that_are_restarted_included() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor =
            DynamicSupervisor::new().max_children(2).intensity(1000).backoff(Backoff::new(SECOND)).start_link(&mut ctx);
        let supervisor = supervisor.await.unwrap();
        let a = start(&supervisor, &log.actor("a")).await;
        start(&supervisor, &log.actor("b")).await;
        let full = ChildError::MaxChildren { max_children: 2 };
        assert_eq!(supervisor.start_child(log.actor("c").start()).await, Err(full.clone()));
        crash(&ctx, "a").await;
        let count = supervisor.count_children().await.unwrap();
        assert_eq!((count.active, count.restarting), (1, 1));
        assert_eq!(supervisor.start_child(log.actor("c").start()).await, Err(full));
        supervisor.terminate_child(a).await.unwrap();
        start(&supervisor, &log.actor("c")).await;
        ctx.sleep(2 * SECOND).await;
        assert_eq!(ctx.system().whereis("a"), None, "its pause has ended with it");
    });
}

#[test]
fn a_child_is_stopped_by_its_pid() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = dynamic(&mut ctx).await;
        let a = start(&supervisor, &log.actor("a").stops_in(SECOND)).await;
        let began = ctx.system().now();
        assert_eq!(supervisor.terminate_child(a).await, Ok(()));
        assert_eq!(ctx.system().now() - began, SECOND);
        assert_eq!(log.take(), "start a, stop a shutdown");
        assert_eq!(supervisor.terminate_child(a).await, Ok(()), "it has ended, whoever it was");
        let stranger = ctx.pid();
        let not_found = ChildError::NotFound { id: stranger.to_string().into() };
        assert_eq!(supervisor.terminate_child(stranger).await, Err(not_found));
    });
}

#[test]
fn a_running_restart_loop_answers_and_can_be_stopped() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = DynamicSupervisor::new().intensity(u32::MAX).start_link(&mut ctx).await.unwrap();
        let role = log.actor("a");
        let a = start(&supervisor, &role).await;
        role.next_starts(vec![Begin::Fails; 10_000]);
        let child = address(ctx.system(), "a");
        child.cast(Order::End(boom()));
        child.exited().await;
        while supervisor.count_children().await.unwrap().restarting == 0 {}
        let children = supervisor.which_children().await.unwrap();
        assert_eq!((children[0].state, children[0].kind), (ChildState::Restarting, ChildKind::Worker));
        start(&supervisor, &log.actor("b")).await;
        assert_eq!(supervisor.terminate_child(a).await, Ok(()));
        settle(&ctx).await;
        log.take();
        settle(&ctx).await;
        assert_eq!(log.take(), "");
    });
}

#[test]
fn more_restarts_than_the_intensity_end_it_and_all_its_children() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = DynamicSupervisor::new().intensity(2).start_link(&mut ctx).await.unwrap();
        start(&supervisor, &log.actor("a")).await;
        start(&supervisor, &log.actor("b")).await;
        crash(&ctx, "a").await;
        crash(&ctx, "b").await;
        log.take();
        crash(&ctx, "a").await;
        assert_eq!(log.take(), "stop a boom, stop b shutdown");
        assert_eq!(end_of(&mut ctx, &supervisor).await, ExitReason::Shutdown);
    });
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = DynamicSupervisor::new().intensity(3).start_link(&mut ctx).await.unwrap();
        start(&supervisor, &log.actor("a").next_starts([Begin::Takes(SECOND), Begin::Fails, Begin::Fails])).await;
        log.actor("b");
        let a = address(ctx.system(), "a");
        a.cast(Order::End(boom()));
        a.exited().await;
        settle(&ctx).await;
        assert_eq!(log.take(), "begin a, start a, stop a boom, start a fails, start a fails, start a");
        crash(&ctx, "a").await;
        assert_eq!(end_of(&mut ctx, &supervisor).await, ExitReason::Shutdown, "each attempt counted");
    });
}

#[test]
fn all_children_stop_at_once_and_who_is_late_is_killed_by_one_timer() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor =
            DynamicSupervisor::new().shutdown(Shutdown::Timeout(3 * SECOND)).start_link(&mut ctx).await.unwrap();
        let slow = ["a", "b", "c"].map(|id| log.actor(id).stops_in(2 * SECOND));
        let stubborn = ["d", "e"].map(|id| log.actor(id).stops_in(3600 * SECOND));
        for role in slow.iter().chain(&stubborn) {
            start(&supervisor, role).await;
        }
        let (a, d) = (address(ctx.system(), "a"), address(ctx.system(), "d"));
        let reports = ctx.system().reports();
        let began = ctx.system().now();
        supervisor.stop(ExitReason::Shutdown, None).await.unwrap();
        assert_eq!(ctx.system().now() - began, 3 * SECOND);
        assert_eq!((a.exited().await, d.exited().await), (ExitReason::Shutdown, ExitReason::Killed));
        // One report for all that went wrong in one way.
        assert_eq!(complaints(&reports), [(ErrorContext::ShutdownError, "2 of Actor".into(), "killed".into())]);
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn supervisors_among_the_children_have_as_long_as_it_takes() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = dynamic(&mut ctx).await;
        let slow = log.actor("slow").stops_in(20 * SECOND).spec().shutdown(Shutdown::Infinity);
        supervisor.start_child(Supervisor::one_for_one().child(slow)).await.unwrap().unwrap();
        start(&supervisor, &log.actor("worker").stops_in(20 * SECOND)).await;
        let (slow, worker) = (address(ctx.system(), "slow"), address(ctx.system(), "worker"));
        let began = ctx.system().now();
        supervisor.stop(ExitReason::Shutdown, None).await.unwrap();
        assert_eq!(ctx.system().now() - began, 20 * SECOND);
        assert_eq!((slow.exited().await, worker.exited().await), (ExitReason::Shutdown, ExitReason::Killed));
    });
}

#[test]
fn children_that_unlinked_themselves_are_noticed_and_stopped() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = dynamic(&mut ctx).await;
        for id in ["a", "b"] {
            start(&supervisor, &log.actor(id)).await;
            address(ctx.system(), id).cast(Order::Unlink);
        }
        crash(&ctx, "a").await;
        assert!(ctx.system().whereis("a").is_some());
        supervisor.stop(ExitReason::Shutdown, None).await.unwrap();
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn an_end_that_is_not_in_peace_is_reported_and_starts_are_not() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let reports = ctx.system().reports();
        let supervisor = dynamic(&mut ctx).await;
        let role = log.actor("a");
        start(&supervisor, &role).await;
        role.next_starts([Begin::Fails]);
        end(&ctx, "a", ExitReason::Shutdown).await;
        let what = |context, reason: &str| (context, "Actor".to_owned(), reason.to_owned());
        let (ended, failed) = (ErrorContext::ChildTerminated, ErrorContext::StartError);
        assert_eq!(complaints(&reports), [what(ended, "shutdown"), what(failed, "its init failed: no luck")]);
        let progress = std::iter::from_fn(|| reports.try_recv().ok()).filter(|it| matches!(it, Report::Progress(_)));
        assert_eq!(progress.count(), 0);
    });
}

#[test]
fn a_killed_one_leaves_nobody_behind() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor =
            DynamicSupervisor::new().shutdown(Shutdown::Timeout(SECOND)).start_link(&mut ctx).await.unwrap();
        start(&supervisor, &log.actor("a")).await;
        let unruly = process(|mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            loop {
                ctx.receive().await;
            }
        });
        let unruly = supervisor.start_child(unruly).await.unwrap().unwrap();
        ctx.exit(supervisor.pid().unwrap(), ExitReason::Kill);
        let began = ctx.system().now();
        assert_eq!(unruly.exited().await, ExitReason::Killed);
        assert_eq!(ctx.system().now() - began, SECOND);
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn in_a_tree_it_is_found_by_its_name_and_begins_without_children_when_it_is_restarted() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let spec = ChildSpec::new("sessions", DynamicSupervisor::new().intensity(0).name("sessions"));
        assert_eq!(spec.kind(), ChildKind::Supervisor);
        Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
        let sessions = DynamicRef::named(ctx.system(), "sessions");
        let before = sessions.pid();
        start(&sessions, &log.actor("a")).await;
        crash(&ctx, "a").await;
        assert_ne!(sessions.pid(), before);
        assert_eq!(sessions.which_children().await.unwrap(), []);
    });
}

#[test]
fn a_period_of_no_time_is_refused() {
    let test = TestSystem::new(1);
    let error = run(&test, |mut ctx| async move {
        DynamicSupervisor::new().period(Duration::ZERO).start_link(&mut ctx).await.unwrap_err()
    });
    assert_eq!(error, StartError::Init(SpecError::NoPeriod.into()));
}

#[test]
fn ten_thousand_children_stop_in_the_time_of_one() {
    let test = TestSystem::new(1);
    run(&test, |mut ctx| async move {
        let log = Log::default();
        let supervisor = dynamic(&mut ctx).await;
        for number in 0..10_000 {
            start(&supervisor, &log.actor(&number.to_string()).stops_in(SECOND)).await;
        }
        let began = ctx.system().now();
        supervisor.stop(ExitReason::Shutdown, None).await.unwrap();
        assert_eq!(ctx.system().now() - began, SECOND);
        assert_eq!(ctx.system().process_count(), 1);
    });
}

/// That this compiles is the point: a future that holds what is generic over a borrow is `Send` only if it says so.
#[test]
fn an_event_manager_of_static_borrows_is_started_as_a_child() {
    in_any_order(|mut ctx| async move {
        let supervisor = dynamic(&mut ctx).await;
        let events = supervisor.start_child(EventManager::<&str>::start()).await.unwrap().expect("it runs");
        let others = supervisor.start_temporary(EventManager::<&str>::start()).await.unwrap().expect("it runs");
        for manager in [events, others] {
            assert_eq!(manager.which_handlers().await, Ok(vec![]));
        }
    });
}
