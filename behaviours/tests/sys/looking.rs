//! Status and state.

use std::any::type_name;

use proscenium_behaviours::{Sys, SysError};
use proscenium_runtime::{CallError, Context, ExitReason, Reply, SpawnOptions};

use super::common::{Adder, Ask, SECOND, adder, in_any_order};

#[test]
fn a_status_tells_who_it_is_and_what_may_be_shown() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        adder.cast(Ask::Add(3));
        let status = sys.get_status().await.unwrap();
        assert_eq!((Some(status.pid), status.parent), (adder.pid(), Some(ctx.pid())));
        assert_eq!((status.behaviour, status.type_name), ("gen_server", type_name::<Adder>()));
        assert_eq!((&*status.state, status.is_suspended), ("total 3, password hidden", false));
        let text = format!("{} gen_server {}: total 3, password hidden", status.pid, type_name::<Adder>());
        assert_eq!(status.to_string(), text);
    });
}

#[test]
fn a_state_is_read_and_replaced_in_the_process_after_what_was_sent_before() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        adder.cast(Ask::Add(3));
        assert_eq!(sys.get_state(|adder: &Adder| (adder.total, adder.password)).await, Ok((3, "swordfish")));
        adder.cast(Ask::Add(1));
        sys.replace_state(|adder: &Adder| adder.with_total(adder.total * 10)).await.unwrap();
        adder.cast(Ask::Add(2));
        assert_eq!(adder.call(Ask::Total).await, Ok(42));
    });
}

#[test]
fn a_function_that_panics_leaves_the_state_as_it_was_and_the_server_alive() {
    for suspended in [false, true] {
        in_any_order(move |mut ctx| async move {
            let (adder, sys) = adder(&mut ctx).await;
            adder.cast(Ask::Add(3));
            if suspended {
                sys.suspend().await.unwrap();
            }
            let failed = sys.replace_state(|_: &Adder| panic!("no idea")).await;
            let Err(SysError::Function { reason: ExitReason::Panic(panic), .. }) = failed else { panic!("{failed:?}") };
            assert_eq!(panic.message(), "no idea");
            let failed = sys.get_state(|_: &Adder| -> u32 { panic!("no look") }).await;
            assert!(matches!(failed, Err(SysError::Function { .. })), "{failed:?}");
            sys.resume().await.unwrap();
            assert_eq!(adder.call(Ask::Total).await, Ok(3));
        });
    }
}

#[test]
fn a_state_of_another_type_is_not_touched_and_both_types_are_told() {
    in_any_order(|mut ctx| async move {
        let (_adder, sys) = adder(&mut ctx).await;
        let error = sys.get_state(|text: &String| text.len()).await.unwrap_err();
        let SysError::OtherStateType { wanted, found, .. } = &error else { panic!("{error:?}") };
        assert_eq!((*wanted, *found), (type_name::<String>(), type_name::<Adder>()));
        assert_eq!(
            sys.replace_state(|_: &u8| 0).await.map_err(|error| error.to_string().contains("not a u8")),
            Err(true)
        );
    });
}

#[test]
fn a_plain_process_is_no_behaviour_and_is_not_troubled() {
    in_any_order(|mut ctx| async move {
        let plain = ctx.spawn_link(|mut ctx: Context<Reply<()>>| async move { ctx.receive_message().await.send(()) });
        let error = Sys::new(ctx.system(), &plain).get_status().await.unwrap_err();
        assert!(matches!(error, SysError::Call(CallError::NotABehaviour { .. })), "{error:?}");
        assert_eq!(error.to_string(), format!("call to {plain} failed: it is not a behaviour"));
        assert_eq!(plain.call(|reply| reply).await, Ok(()));
    });
}

#[test]
fn who_is_not_there_busy_or_oneself_is_an_error() {
    in_any_order(|mut ctx| async move {
        let nobody = Sys::new(ctx.system(), "nobody").suspend().await;
        assert!(matches!(nobody, Err(SysError::Call(CallError::NoProcess { .. }))), "{nobody:?}");
        let oneself = Sys::new(ctx.system(), ctx.pid()).suspend().await;
        assert!(matches!(oneself, Err(SysError::Call(CallError::CallingSelf { .. }))), "{oneself:?}");

        let (adder, sys) = adder(&mut ctx).await;
        adder.cast(Ask::Work(10 * SECOND));
        let began = ctx.system().now();
        let busy = sys.get_status().await;
        assert!(matches!(busy, Err(SysError::Call(CallError::Timeout { .. }))), "{busy:?}");
        assert_eq!(ctx.system().now() - began, 5 * SECOND);
        let patient = sys.clone().timeout(6 * SECOND).get_status().await;
        assert!(patient.is_ok(), "{patient:?}");

        adder.cast(Ask::Fail);
        let ended = sys.get_status().await;
        assert!(matches!(&ended, Err(SysError::Call(CallError::Down { .. }))), "{ended:?}");
    });
}

/// Receives what it likes within a callback, or what only looks like one.
async fn choosy(mut ctx: Context<u8>) -> Result<(), ExitReason> {
    assert_eq!(ctx.receive_message().await, 1);
    assert_eq!(ctx.receive().await, proscenium_runtime::Event::Message(2));
    let second = ctx.receive_timeout(SECOND).await;
    assert_eq!(second, Some(proscenium_runtime::Event::Message(3)));
    assert!(ctx.try_receive_matching(|_| true).is_none());
    assert!(ctx.receive_timeout(SECOND).await.is_none());
    match ctx.receive_incoming().await {
        proscenium_runtime::Incoming::System(_unanswered) => Ok(()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_system_message_keeps_its_place_while_a_callback_receives() {
    in_any_order(|mut ctx| async move {
        let choosy = ctx.spawn_link_with(SpawnOptions::new().behaviour(), choosy).unwrap();
        let sys = Sys::new(ctx.system(), &choosy);
        let asked = ctx.spawn(move |_ctx: Context<()>| async move {
            let error = sys.get_status().await.unwrap_err();
            assert!(matches!(error, SysError::Call(CallError::Down { reason: ExitReason::Normal, .. })), "{error:?}");
        });
        ctx.sleep(SECOND / 2).await;
        (1..=3).for_each(|n| choosy.cast(n));
        assert_eq!(choosy.exited().await, ExitReason::Normal);
        assert_eq!(asked.exited().await, ExitReason::Normal);
    });
}
