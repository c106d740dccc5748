//! Requests: what a supervisor answers, in every state of a child.

use std::time::Duration;

use proscenium_runtime::{CallError, Context, Event, ExitReason, StartError};
use proscenium_supervisor::{
    ChildError, ChildKind, ChildSpec, ChildState, FailedToStart, Restart, Shutdown, Supervisor, SupervisorRef,
};

use super::common::{Begin, Log, Order, Role, address, boom, crash, in_any_order, settle};

/// A supervisor whose child `a` fails to restart, again and again, and a sibling `b` that is well.
async fn failing(ctx: &mut Context<()>, supervisor: Supervisor, log: &Log) -> (SupervisorRef, Role) {
    let a = log.actor("a");
    let supervisor =
        supervisor.intensity(u32::MAX).child(a.spec()).child(log.actor("b").spec()).start_link(ctx).await.unwrap();
    a.next_starts(vec![Begin::Fails; 10_000]);
    let child = address(ctx.system(), "a");
    child.cast(Order::End(boom()));
    child.exited().await;
    loop {
        let children = supervisor.which_children().await.unwrap();
        let state = children.iter().find(|child| &*child.id == "a").unwrap().state;
        if state == ChildState::Restarting {
            return (supervisor, a);
        }
    }
}

#[test]
fn requests_are_answered_by_the_state_of_the_child() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (a, nobody) = (log.actor("a"), "nobody".into());
        let supervisor = Supervisor::one_for_one().child(a.spec()).start_link(&mut ctx).await.unwrap();
        let id: std::sync::Arc<str> = "a".into();
        let pid = ctx.system().whereis("a").unwrap();

        let running = ChildError::Running { id: id.clone(), pid };
        assert_eq!(supervisor.restart_child("a").await, Err(running.clone()));
        assert_eq!(supervisor.delete_child("a").await, Err(running));
        let already_started = ChildError::AlreadyStarted { id: id.clone(), pid };
        assert_eq!(supervisor.start_child(a.spec()).await, Err(already_started));

        assert_eq!(supervisor.terminate_child("a").await, Ok(()));
        assert_eq!(supervisor.terminate_child("a").await, Ok(()));
        assert_eq!(supervisor.start_child(a.spec()).await, Err(ChildError::AlreadyPresent { id }));
        assert!(supervisor.restart_child("a").await.unwrap().is_some());

        assert_eq!(supervisor.terminate_child("a").await, Ok(()));
        assert_eq!(supervisor.delete_child("a").await, Ok(()));
        let not_found = ChildError::NotFound { id: nobody };
        assert_eq!(supervisor.terminate_child("nobody").await, Err(not_found.clone()));
        assert_eq!(supervisor.restart_child("nobody").await, Err(not_found.clone()));
        assert_eq!(supervisor.delete_child("nobody").await, Err(not_found));
    });
}

#[test]
fn a_running_restart_loop_answers_and_can_be_stopped() {
    for strategy in [Supervisor::one_for_one(), Supervisor::rest_for_one(), Supervisor::one_for_all()] {
        in_any_order(move |mut ctx| {
            let strategy = strategy.clone();
            async move {
                let log = Log::default();
                let (supervisor, a) = failing(&mut ctx, strategy, &log).await;
                let restarting = ChildError::Restarting { id: "a".into() };
                assert_eq!(supervisor.restart_child("a").await, Err(restarting.clone()));
                assert_eq!(supervisor.delete_child("a").await, Err(restarting));
                let present = ChildError::AlreadyPresent { id: "a".into() };
                assert_eq!(supervisor.start_child(a.spec()).await, Err(present));
                let other = supervisor.start_child(log.actor("c").spec()).await;
                assert!(other.unwrap().is_some());

                assert_eq!(supervisor.terminate_child("a").await, Ok(()));
                settle(&ctx).await;
                log.take();
                settle(&ctx).await;
                assert_eq!(log.take(), "");
                assert_eq!(supervisor.delete_child("a").await, Ok(()));
            }
        });
    }
}

#[test]
fn a_child_that_is_restarting_is_not_active() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let (supervisor, _) = failing(&mut ctx, Supervisor::one_for_one(), &log).await;
        let count = supervisor.count_children().await.unwrap();
        assert_eq!((count.specs, count.active, count.supervisors, count.workers), (2, 1, 0, 2));
        supervisor.terminate_child("a").await.unwrap();
    });
}

#[test]
fn a_child_that_is_added_and_does_not_start_is_forgotten_and_one_restarted_on_request_is_kept() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let a = log.actor("a").next_starts([Begin::Fails]);
        let supervisor = Supervisor::one_for_one().start_link(&mut ctx).await.unwrap();
        let failed =
            ChildError::Start(FailedToStart { id: "a".into(), error: StartError::Init(ExitReason::error("no luck")) });
        assert_eq!(supervisor.start_child(a.spec()).await, Err(failed.clone()));
        assert_eq!(supervisor.which_children().await.unwrap(), []);

        supervisor.start_child(a.spec()).await.unwrap().unwrap();
        supervisor.terminate_child("a").await.unwrap();
        a.next_starts([Begin::Fails, Begin::Ignores]);
        assert_eq!(supervisor.restart_child("a").await, Err(failed));
        assert_eq!(supervisor.restart_child("a").await, Ok(None));
        let children = supervisor.which_children().await.unwrap();
        assert_eq!(children[0].state, ChildState::Stopped);
        assert!(supervisor.restart_child("a").await.unwrap().is_some());
    });
}

#[test]
fn a_temporary_child_takes_its_spec_along() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let spec = || log.actor("a").spec().restart(Restart::Temporary);
        let supervisor = Supervisor::one_for_one().child(spec()).start_link(&mut ctx).await.unwrap();
        crash(&ctx, "a").await;
        assert_eq!(supervisor.which_children().await.unwrap(), []);
        supervisor.start_child(spec()).await.unwrap().unwrap();
        supervisor.terminate_child("a").await.unwrap();
        assert_eq!(supervisor.restart_child("a").await, Err(ChildError::NotFound { id: "a".into() }));
        log.actor("a").next_starts([Begin::Ignores]);
        let ignored = log.actor("a").next_starts([Begin::Ignores]).spec().restart(Restart::Temporary);
        assert_eq!(supervisor.start_child(ignored).await, Ok(None));
        assert_eq!(supervisor.which_children().await.unwrap(), []);
    });
}

#[test]
fn children_are_listed_youngest_first_with_what_they_are() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let supervisor = Supervisor::one_for_one()
            .child(log.actor("a").spec())
            .child(ChildSpec::new("branch", Supervisor::one_for_one()))
            .start_link(&mut ctx)
            .await
            .unwrap();
        supervisor.start_child(log.actor("c").spec()).await.unwrap();
        supervisor.terminate_child("a").await.unwrap();
        let children = supervisor.which_children().await.unwrap();
        let listed: Vec<_> = children
            .iter()
            .map(|child| (&*child.id, child.kind, matches!(child.state, ChildState::Running(_))))
            .collect();
        assert_eq!(
            listed,
            [("c", ChildKind::Worker, true), ("branch", ChildKind::Supervisor, true), ("a", ChildKind::Worker, false),]
        );
    });
}

#[test]
fn one_child_and_its_spec_can_be_asked_for() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let spec = log.actor("a").spec().restart(Restart::Transient).shutdown(Shutdown::BrutalKill);
        let supervisor = Supervisor::one_for_one().child(spec).child(log.actor("b").spec());
        let supervisor = supervisor.start_link(&mut ctx).await.unwrap();
        let pid = ctx.system().whereis("a").unwrap();
        let child = supervisor.which_child("a").await.unwrap();
        assert_eq!((&*child.id, child.state, child.kind), ("a", ChildState::Running(pid), ChildKind::Worker));
        supervisor.terminate_child("a").await.unwrap();
        assert_eq!(supervisor.which_child("a").await.unwrap().state, ChildState::Stopped);

        // The spec is as good as new.
        let spec = supervisor.child_spec("a").await.unwrap();
        assert!(format!("{spec:?}").contains("restart: Transient, shutdown: BrutalKill"), "{spec:?}");
        supervisor.delete_child("a").await.unwrap();
        supervisor.start_child(spec).await.unwrap().unwrap();

        let not_found = ChildError::NotFound { id: "nobody".into() };
        assert_eq!(supervisor.which_child("nobody").await, Err(not_found.clone()));
        assert_eq!(supervisor.child_spec("nobody").await.unwrap_err(), not_found);
    });
}

#[test]
fn a_supervisor_that_is_stopped_stops_its_children_and_ends_for_that_reason() {
    for reason in [ExitReason::Normal, ExitReason::Shutdown, boom()] {
        in_any_order(move |mut ctx| {
            let reason = reason.clone();
            async move {
                let log = Log::default();
                let supervisor = Supervisor::one_for_one().children(["a", "b"].map(|id| log.actor(id).spec()));
                let supervisor = supervisor.start_link(&mut ctx).await.unwrap();
                log.take();
                assert_eq!(supervisor.stop(reason.clone(), None).await, Ok(()));
                assert_eq!(log.take(), "stop b shutdown, stop a shutdown");
                let Event::Exit(exit) = ctx.receive().await else { panic!() };
                assert_eq!(exit.reason, reason);
                let again = supervisor.stop(reason, None).await.unwrap_err();
                assert!(matches!(again, CallError::NoProcess { .. }), "{again}");
            }
        });
    }
}

#[test]
fn who_stops_a_supervisor_need_not_wait_for_it() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let slow = log.actor("a").stops_in(Duration::from_secs(3)).spec();
        let supervisor = Supervisor::one_for_one().child(slow).start_link(&mut ctx).await.unwrap();
        let late = supervisor.stop(ExitReason::Shutdown, Some(Duration::from_secs(1))).await.unwrap_err();
        assert!(matches!(late, CallError::Timeout { .. }), "{late}");
        let began = ctx.system().now();
        let Event::Exit(exit) = ctx.receive().await else { panic!() };
        assert_eq!((exit.reason, ctx.system().now() - began), (ExitReason::Shutdown, Duration::from_secs(2)));
    });
}

#[test]
fn a_request_waits_for_as_long_as_the_supervisor_is_busy() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let slow = log.actor("slow").next_starts([Begin::Takes(Duration::from_secs(3600))]);
        let supervisor = Supervisor::one_for_one().start_link(&mut ctx).await.unwrap();
        let asked = supervisor.clone();
        ctx.spawn(move |_ctx: Context<()>| async move { drop(asked.start_child(slow.spec()).await) });
        settle(&ctx).await;
        let began = ctx.system().now();
        assert_eq!(supervisor.count_children().await.unwrap().active, 1);
        assert_eq!((ctx.system().now() - began).as_secs(), 3599);
    });
}

#[test]
fn a_supervisor_that_does_not_live_answers_nothing() {
    in_any_order(|mut ctx| async move {
        let supervisor = Supervisor::one_for_one().name("brief").start_link(&mut ctx).await.unwrap();
        ctx.exit(supervisor.pid().unwrap(), ExitReason::Kill);
        ctx.receive().await;
        let by_name = SupervisorRef::named(ctx.system(), "brief");
        assert_eq!(by_name.pid(), None);
        for supervisor in [supervisor, by_name] {
            let error = supervisor.delete_child("a").await.unwrap_err();
            assert!(matches!(error, ChildError::Call(CallError::NoProcess { .. })), "{error}");
        }
    });
}

#[test]
fn a_reference_by_name_follows_the_supervisor_through_its_restarts() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let branch = Supervisor::one_for_one().intensity(0).name("branch").child(log.actor("leaf").spec());
        Supervisor::one_for_one().child(ChildSpec::new("branch", branch)).start_link(&mut ctx).await.unwrap();
        let branch = SupervisorRef::named(ctx.system(), "branch");
        let before = branch.pid().unwrap();
        branch.start_child(log.actor("added").spec()).await.unwrap();
        crash(&ctx, "leaf").await;
        assert_ne!(branch.pid().unwrap(), before);
        // What was added goes with the incarnation that it was added to.
        assert_eq!(branch.count_children().await.unwrap().specs, 1);
    });
}
