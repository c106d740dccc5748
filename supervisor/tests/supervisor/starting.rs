//! Starts: in order, or not at all.

use std::time::Duration;

use proscenium_behaviours::{GenServer, ServerLoop, Start};
use proscenium_runtime::{Context, ExitReason, StartError};
use proscenium_supervisor::{ChildSpec, FailedToStart, SpecError, Supervisor};

use super::common::{Actor, Begin, Log, in_any_order, settle};

#[test]
fn each_child_is_ready_before_the_next_begins() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let slow = |id| log.actor(id).next_starts([Begin::Takes(Duration::from_secs(1))]);
        let supervisor = Supervisor::one_for_one().child(slow("a").spec()).child(slow("b").spec());
        supervisor.start_link(&mut ctx).await.unwrap();
        assert_eq!(log.take(), "begin a, start a, begin b, start b");
    });
}

#[test]
fn a_supervisor_without_children_is_one() {
    in_any_order(|mut ctx| async move {
        let empty = Supervisor::one_for_one().start_link(&mut ctx).await.unwrap();
        assert_eq!(empty.count_children().await.unwrap().specs, 0);
    });
}

#[test]
fn a_failed_start_stops_the_others_in_reverse_names_the_child_and_leaves_nothing() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let c = log.actor("c").next_starts([Begin::Fails]);
        let error = Supervisor::one_for_one()
            .name("family")
            .child(log.actor("a").spec())
            .child(log.actor("b").spec())
            .child(c.spec())
            .child(log.actor("d").spec())
            .start_link(&mut ctx)
            .await
            .unwrap_err();
        assert_eq!(log.take(), "start a, start b, start c fails, stop b shutdown, stop a shutdown");
        let StartError::Init(reason) = error else { panic!("{error}") };
        assert!(matches!(reason, ExitReason::ShutdownWith(_)), "{reason:?}");
        let failed: &FailedToStart = reason.downcast_ref().unwrap();
        assert_eq!(failed.to_string(), r#"child "c" did not start: its init failed: no luck"#);
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 1);
        assert!(ctx.system().registered().is_empty());
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn a_failed_start_deep_in_the_tree_names_everybody_on_the_way() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let leaf = log.actor("leaf").next_starts([Begin::Panics]);
        let branch = Supervisor::one_for_one().child(leaf.spec());
        let error = Supervisor::one_for_one()
            .child(ChildSpec::new("branch", branch))
            .start_link(&mut ctx)
            .await
            .unwrap_err()
            .to_string();
        let (branch, leaf) = (error.find(r#""branch""#), error.find(r#""leaf""#));
        assert!(branch.is_some() && branch < leaf && error.ends_with("no luck at all"), "{error}");
        assert_eq!(ctx.system().process_count(), 1);
    });
}

#[test]
fn a_child_that_chooses_not_to_run_is_no_failure() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let a = log.actor("a").next_starts([Begin::Ignores]);
        let supervisor =
            Supervisor::one_for_one().child(a.spec()).child(log.actor("b").spec()).start_link(&mut ctx).await.unwrap();
        assert_eq!(log.take(), "start a ignored, start b");
        let count = supervisor.count_children().await.unwrap();
        assert_eq!((count.specs, count.active), (2, 1));
    });
}

#[test]
fn a_start_that_panics_before_there_is_a_process_fails_and_no_more() {
    in_any_order(|mut ctx| async move {
        let spec = ChildSpec::new("doomed", || -> Start<ServerLoop<Actor>> { panic!("no arguments") });
        let error = Supervisor::one_for_one().child(spec.clone()).start_link(&mut ctx).await.unwrap_err();
        assert!(error.to_string().contains("no arguments"), "{error}");
        let supervisor = Supervisor::one_for_one().start_link(&mut ctx).await.unwrap();
        supervisor.start_child(spec).await.unwrap_err();
        assert_eq!(supervisor.count_children().await.unwrap().specs, 0);
    });
}

#[test]
fn specs_that_make_no_sense_are_refused() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let twins = Supervisor::one_for_one().child(log.actor("a").spec()).child(log.actor("a").spec());
        let instant = Supervisor::one_for_one().period(Duration::ZERO);
        let vain = Supervisor::one_for_one().child(log.actor("a").spec().significant(true));
        assert_eq!(Supervisor::one_for_one().child(log.actor("a").spec()).check(), Ok(()));
        for (supervisor, expected) in [
            (twins, SpecError::DuplicateId { id: "a".into() }),
            (instant, SpecError::NoPeriod),
            (vain, SpecError::SignificantInVain { id: "a".into() }),
        ] {
            assert_eq!(supervisor.check(), Err(expected.clone()));
            let error = supervisor.start_link(&mut ctx).await.unwrap_err();
            assert_eq!(error, StartError::Init(expected.into()));
        }
        assert_eq!(log.take(), "");
    });
}

#[test]
fn a_name_that_a_stranger_has_fails_the_start() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        log.actor("a").start().link(&mut ctx).await.unwrap();
        let supervisor = Supervisor::one_for_one().child(log.actor("a").spec());
        let error = supervisor.start_link(&mut ctx).await.unwrap_err();
        let StartError::Init(reason) = error else { panic!("{error}") };
        let failed: &FailedToStart = reason.downcast_ref().unwrap();
        assert!(matches!(failed.error, StartError::Name(_)), "{failed}");
    });
}

#[test]
fn a_start_that_is_given_up_leaves_nothing() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let slow = log.actor("b").deaf().next_starts([Begin::Takes(Duration::from_secs(3600))]);
        let supervisor = Supervisor::one_for_one().child(log.actor("a").deaf().spec()).child(slow.spec());
        let late = ctx.sleep(Duration::from_secs(1));
        let started = async { Some(supervisor.start_link(&mut ctx).await) };
        let given_up = futures_lite::future::or(started, async {
            late.await;
            None
        })
        .await;
        assert!(given_up.is_none());
        settle(&ctx).await;
        assert_eq!(ctx.system().process_count(), 1);
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn a_closure_makes_the_arguments_of_each_start_anew() {
    struct Counts;
    impl GenServer for Counts {
        type Args = u32;
        type Message = ();
        async fn init(number: u32, _ctx: &mut Context<()>) -> Result<Self, ExitReason> {
            if number < 3 { Err(ExitReason::error("too early")) } else { Ok(Counts) }
        }
        async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
            Ok(())
        }
    }
    in_any_order(|mut ctx| async move {
        let starts = std::sync::atomic::AtomicU32::new(0);
        let next = move || Counts::start(starts.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let supervisor = Supervisor::one_for_one().start_link(&mut ctx).await.unwrap();
        let spec = ChildSpec::new("counts", next);
        for _ in 0..3 {
            supervisor.start_child(spec.clone()).await.unwrap_err();
        }
        assert!(supervisor.start_child(spec).await.unwrap().is_some());
    });
}
