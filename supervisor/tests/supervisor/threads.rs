//! What only real threads can show.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proscenium_runtime::{Context, ExitReason, StartError, System};
use proscenium_supervisor::{ChildError, ChildSpec, Restart, Supervisor, process};

use super::common::{Begin, Log, Order, address, boom};

fn system() -> System {
    System::builder("threads").workers(4).logger(slog::Logger::root(slog::Discard, slog::o!())).build().unwrap()
}

#[test]
fn a_name_is_free_when_its_bearer_is_restarted() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        let log = Log::default();
        let supervisor = Supervisor::one_for_all()
            .intensity(u32::MAX)
            .child(log.actor("a").spec())
            .child(log.actor("b").deaf().spec())
            .start_link(&mut ctx)
            .await?;
        for round in 0..1000 {
            let child = address(ctx.system(), ["a", "b"][round % 2]);
            child.cast(Order::End(boom()));
            child.exited().await;
            // Until the supervisor hears of it, it lists the one that has ended.
            while ctx.system().lookup::<Order>("a").is_err() || ctx.system().lookup::<Order>("b").is_err() {
                supervisor.count_children().await?;
            }
        }
        assert!(!log.take().contains("fails"));
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_failed_start_leaves_no_name_behind() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let log = Log::default();
        let (a, b) = (log.actor("a"), log.actor("b"));
        for _ in 0..1000 {
            b.next_starts([Begin::Fails]);
            let supervisor = Supervisor::one_for_one().name("family").child(a.spec()).child(b.spec());
            let error = supervisor.start_link(&mut ctx).await.unwrap_err();
            assert!(matches!(error, StartError::Init(ExitReason::ShutdownWith(_))), "{error}");
            assert!(ctx.system().registered().is_empty());
            assert_eq!(ctx.try_receive_matching(|_| true), None);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_child_that_ends_as_soon_as_it_is_ready_ends_for_its_own_reason() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        // Any other reason than `Normal` would be one restart too many.
        let supervisor = Supervisor::one_for_one().intensity(0).start_link(&mut ctx).await?;
        let brief = ChildSpec::new("brief", process(|_ctx: Context<()>| async {})).restart(Restart::Transient);
        for _ in 0..2000 {
            supervisor.start_child(brief.clone()).await?;
            while let Err(error) = supervisor.delete_child("brief").await {
                assert!(matches!(error, ChildError::Running { .. }), "{error}");
            }
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn requests_from_many_processes_are_each_answered_once() {
    let outcome = system().run(|mut ctx: Context<()>| async move {
        let log = Log::default();
        let supervisor = Supervisor::one_for_one().start_link(&mut ctx).await?;
        let started = Arc::new(AtomicU32::new(0));
        let mut clients = Vec::new();
        for _ in 0..8 {
            let (supervisor, started, log) = (supervisor.clone(), started.clone(), log.clone());
            clients.push(ctx.spawn(move |_ctx: Context<()>| async move {
                for number in 0..50 {
                    match supervisor.start_child(log.actor(&format!("child {number}")).spec()).await {
                        Ok(_) => started.fetch_add(1, Ordering::Relaxed),
                        Err(ChildError::AlreadyStarted { .. }) => 0,
                        Err(error) => panic!("{error}"),
                    };
                }
            }));
        }
        for client in clients {
            assert_eq!(client.exited().await, ExitReason::Normal);
        }
        assert_eq!(started.load(Ordering::Relaxed), 50);
        assert_eq!(supervisor.count_children().await?.active, 50);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
