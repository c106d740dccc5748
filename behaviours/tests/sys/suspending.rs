//! Suspended processes.

use proscenium_behaviours::{GenServer, Sys};
use proscenium_runtime::{CallError, Context, Event, ExitReason, Mailbox};

use super::common::{Adder, Ask, Kind, PLAIN, SECOND, adder, in_any_order, settle};

#[test]
fn a_suspended_server_handles_nothing_and_all_of_it_in_order_once_it_is_resumed() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        adder.cast(Ask::Add(1));
        sys.suspend().await.unwrap();
        adder.cast(Ask::Add(2));
        let late = adder.call(Ask::Total).await;
        assert!(matches!(late, Err(CallError::Timeout { .. })), "{late:?}");
        assert_eq!(sys.get_state(|adder: &Adder| adder.total).await, Ok(1));
        sys.resume().await.unwrap();
        adder.cast(Ask::Add(4));
        assert_eq!(adder.call(Ask::Total).await, Ok(7));
    });
}

#[test]
fn to_suspend_twice_is_to_suspend_once() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        for _ in 0..2 {
            sys.suspend().await.unwrap();
        }
        sys.resume().await.unwrap();
        assert_eq!(adder.call(Ask::Total).await, Ok(0));
        sys.resume().await.unwrap();
        assert_eq!(adder.call(Ask::Total).await, Ok(0));
    });
}

#[test]
fn a_suspended_server_answers_every_system_message() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        sys.suspend().await.unwrap();
        adder.cast(Ask::Add(1));
        assert!(sys.get_status().await.unwrap().is_suspended);
        sys.replace_state(|adder: &Adder| adder.with_total(10)).await.unwrap();
        assert_eq!(sys.get_state(|adder: &Adder| adder.total).await, Ok(10));
        sys.log(3).await.unwrap();
        sys.statistics(true).await.unwrap();
        let events = sys.trace().await.unwrap();
        assert_eq!(sys.install("watcher", |_| std::ops::ControlFlow::Continue(())).await, Ok(true));
        assert_eq!(sys.get_log().await, Ok(vec![]));
        assert_eq!(sys.get_statistics().await.unwrap().unwrap().messages_in, 0);
        sys.resume().await.unwrap();
        assert_eq!(adder.call(Ask::Total).await, Ok(11));
        assert_eq!((sys.get_log().await.unwrap().len(), events.len()), (2, 2));
        assert_eq!(sys.get_statistics().await.unwrap().unwrap().messages_in, 2);
        assert_eq!(sys.remove("watcher").await, Ok(true));
    });
}

#[test]
fn the_parents_exit_ends_a_suspended_server_and_nobody_elses_does() {
    for traps in [false, true] {
        in_any_order(move |mut ctx| async move {
            let home = ctx.address();
            let parent = ctx.spawn(move |mut ctx: Context<()>| async move {
                let kind = Kind { traps, heir: Some(home), ..PLAIN };
                Adder::start(kind).name("adder").link(&mut ctx).await?;
                ctx.receive_message().await;
                Err::<(), _>(ExitReason::Shutdown)
            });
            settle(&ctx).await;
            let adder = ctx.system().lookup::<Ask>("adder").unwrap();
            Sys::new(ctx.system(), "adder").suspend().await.unwrap();
            if traps {
                // Only news, which waits.
                ctx.exit(&adder, ExitReason::error("from a stranger"));
                settle(&ctx).await;
                assert!(ctx.system().is_alive(&adder));
            }
            parent.cast(());
            assert_eq!(adder.exited().await, ExitReason::Shutdown);
            let cleaned_up = ctx.try_receive_matching(|_| true) == Some(Event::Message(()));
            assert_eq!(cleaned_up, traps);
        });
    }
}

#[test]
fn a_full_mailbox_takes_system_messages_all_the_same() {
    in_any_order(|mut ctx| async move {
        let adder = Adder::start(PLAIN).mailbox(Mailbox::bounded(1)).link(&mut ctx).await.unwrap();
        let sys = Sys::new(ctx.system(), &adder);
        sys.suspend().await.unwrap();
        assert!(adder.try_send(Ask::Add(1)).is_ok());
        assert!(adder.try_send(Ask::Add(2)).is_err());
        assert!(sys.get_status().await.unwrap().is_suspended);
        sys.resume().await.unwrap();
        assert_eq!(adder.call(Ask::Total).await, Ok(1));
    });
}

#[test]
fn who_calls_a_suspended_server_hears_of_its_end() {
    in_any_order(|mut ctx| async move {
        let (adder, sys) = adder(&mut ctx).await;
        sys.suspend().await.unwrap();
        let pid = adder.pid().unwrap();
        ctx.spawn(move |ctx: Context<()>| async move {
            ctx.sleep(SECOND).await;
            ctx.exit(pid, ExitReason::Kill);
        });
        let answer = adder.call(Ask::Total).await;
        assert!(matches!(&answer, Err(CallError::Down { reason: ExitReason::Killed, .. })), "{answer:?}");
    });
}
