//! Stops from outside.

use proscenium_behaviours::{GenServer, StopError, Sys};
use proscenium_runtime::{CallError, Context, Event, ExitReason, Registry};

use super::common::{Adder, Ask, Kind, PLAIN, SECOND, adder, in_any_order};

#[test]
fn a_stop_cleans_up_and_returns_when_the_server_has_ended_with_the_reason() {
    in_any_order(|mut ctx| async move {
        for traps in [false, true] {
            for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::error("as planned")] {
                let kind = Kind { traps, heir: Some(ctx.address()), last_words: SECOND };
                Adder::start(kind).name("adder").spawn(ctx.system()).await.unwrap();
                Sys::new(ctx.system(), "adder").stop(reason).await.unwrap();
                assert_eq!(ctx.system().whereis("adder"), None);
                assert_eq!(ctx.try_receive_matching(|_| true), Some(Event::Message(())), "terminate was called");
            }
        }
    });
}

#[test]
fn a_stop_finds_its_server_by_pid_name_or_key() {
    in_any_order(|mut ctx| async move {
        let rooms = Registry::unique(ctx.system());
        let start = || Adder::start(PLAIN);
        let by_pid = start().link(&mut ctx).await.unwrap();
        start().name("adder").link(&mut ctx).await.unwrap();
        start().via(&rooms, 7, ()).link(&mut ctx).await.unwrap();
        let system = ctx.system();
        for sys in [Sys::new(system, by_pid.pid().unwrap()), Sys::new(system, "adder"), Sys::new(system, &rooms.via(7))]
        {
            assert_eq!(sys.stop(ExitReason::Normal).await, Ok(()));
            let again = sys.stop(ExitReason::Normal).await;
            assert!(matches!(again, Err(StopError::Call(CallError::NoProcess { .. }))), "{again:?}");
        }
    });
}

#[test]
fn what_waits_in_the_mailbox_before_a_stop_is_handled_and_what_comes_after_is_not() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        let events = sys.trace().await.unwrap();
        adder.cast(Ask::Add(1));
        let stopper = ctx.spawn(move |_ctx: Context<()>| async move {
            sys.stop(ExitReason::Normal).await?;
            Ok::<_, ExitReason>(())
        });
        assert_eq!(stopper.exited().await, ExitReason::Normal);
        adder.cast(Ask::Add(2));
        assert_eq!((events.len(), ctx.system().dead_letter_count()), (1, 1));
    });
}

#[test]
fn a_stop_that_is_not_waited_for_long_enough_still_stops_the_server() {
    in_any_order(|mut ctx| async move {
        let kind = Kind { last_words: 10 * SECOND, ..PLAIN };
        let adder = Adder::start(kind).spawn(ctx.system()).await.unwrap();
        let sys = Sys::new(ctx.system(), &adder);
        let late = sys.stop_within(ExitReason::Normal, SECOND).await;
        assert!(matches!(late, Err(StopError::Call(CallError::Timeout { .. }))), "{late:?}");
        assert!(ctx.system().is_alive(&adder));
        assert_eq!(adder.exited().await, ExitReason::Normal);
        assert_eq!(ctx.try_receive_matching(|_| true), None);
    });
}

#[test]
fn a_stop_whose_server_ends_otherwise_tells_how() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        adder.cast(Ask::Fail);
        let ended = sys.stop(ExitReason::Normal).await.unwrap_err();
        let StopError::Ended { reason, .. } = &ended else { panic!("{ended:?}") };
        assert_eq!(*reason, ExitReason::error("failed"));
        assert_eq!(ended.to_string(), format!("{adder} ended with another reason: failed"));
    });
}

#[test]
fn a_suspended_server_is_stopped_as_any_other() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        sys.suspend().await.unwrap();
        adder.cast(Ask::Add(1));
        assert_eq!(sys.stop(ExitReason::Shutdown).await, Ok(()));
        assert_eq!(adder.exited().await, ExitReason::Shutdown);
    });
}

#[test]
fn a_stop_during_init_comes_once_that_is_done() {
    struct Slow;

    impl GenServer for Slow {
        type Args = ();
        type Message = ();

        async fn init((): (), ctx: &mut Context<()>) -> Result<Self, ExitReason> {
            ctx.sleep(SECOND).await;
            Ok(Slow)
        }

        async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
            Ok(())
        }
    }

    in_any_order(|mut ctx| async move {
        let starter = ctx.spawn(|mut ctx: Context<()>| async move {
            Slow::start(()).name("slow").link(&mut ctx).await.unwrap();
        });
        ctx.system().when_registered("slow").await;
        let began = ctx.system().now();
        assert_eq!(Sys::new(ctx.system(), "slow").stop(ExitReason::Normal).await, Ok(()));
        assert_eq!(ctx.system().now() - began, SECOND);
        assert_eq!(starter.exited().await, ExitReason::Normal);
    });
}
