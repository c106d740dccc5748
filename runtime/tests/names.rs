//! Names: one process has one, and it is free as soon as anyone can hear of that process's end.

mod common;

use std::time::Duration;

use common::{Gate, TIMES, idle, in_every_order, kill, run_on, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Context, ExitReason, LookupError, Pid, RegisterError, Reply, SpawnOptions};

#[test]
fn a_lookup_finds_the_process_that_takes_such_messages_and_says_why_not() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<()>| async move {
            let system = ctx.system();
            let server = system.spawn(|_ctx: Context<u8>| future::pending::<()>());
            system.register("server", pid(&server)).expect("the name is free");
            assert_eq!(system.lookup("server"), Ok(server.clone()));
            assert_eq!(system.whereis("server"), server.pid());

            let error = system.lookup::<u16>("server").expect_err("it takes u8");
            assert_eq!(error.to_string(), "\"server\" takes messages of type u8, not u16");
            let error = system.lookup::<u8>("nobody").expect_err("nobody has the name");
            assert_eq!(error, LookupError::NotRegistered { name: "nobody".into() });
            assert_eq!(error.to_string(), "no process is registered as \"nobody\"");
            assert_eq!(system.whereis("nobody"), None);
        });
    });
}

#[test]
fn a_name_that_is_taken_tells_by_whom_and_the_body_is_not_called() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let owner = ctx.pid();
            ctx.register("server").expect("the name is free");
            let taken = RegisterError::Taken { name: "server".into(), owner };
            let called = Gate::new();
            let is_called = called.clone();
            let processes = ctx.system().processes();
            let options = SpawnOptions::new().name("server");
            let refused = ctx.spawn_link_with(options, move |_ctx: Context<()>| {
                is_called.open();
                async {}
            });
            assert_eq!(refused, Err(taken.clone()));
            assert_eq!(ctx.system().processes(), processes);
            assert!(future::poll_once(called.passed()).await.is_none());
            let other = ctx.spawn_link(idle);
            assert_eq!(ctx.system().register("server", pid(&other)), Err(taken));
            assert_eq!(ctx.system().process_info(owner).expect("it runs").links, [pid(&other)]);
            ctx.unlink(pid(&other));
        });
    });
}

#[test]
fn a_process_has_one_name_at_most() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let me = ctx.pid();
            ctx.register("first").expect("the name is free");
            for second in ["second", "first"] {
                let named = RegisterError::Named { pid: me, name: second.into(), present: "first".into() };
                assert_eq!(ctx.register(second), Err(named));
            }
            assert_eq!(ctx.system().whereis("second"), None);
            assert_eq!(ctx.system().registered(), ["first".into()]);
            assert_eq!(ctx.system().process_info(me).and_then(|info| info.name), Some("first".into()));
        });
    });
}

#[test]
fn a_name_given_up_is_free_for_others_and_its_owner_for_another_name() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let me = ctx.pid();
            ctx.register("first").expect("the name is free");
            assert_eq!(ctx.system().unregister("first"), Some(me));
            assert_eq!(ctx.system().unregister("first"), None);
            ctx.register("second").expect("it has no name");
            let other = ctx.spawn_link(idle);
            ctx.system().register("first", pid(&other)).expect("the name is free");
            assert_eq!(ctx.system().registered(), ["first".into(), "second".into()]);
            ctx.unlink(pid(&other));
            kill(ctx.system(), &other).await;
            assert_eq!(ctx.system().registered(), ["second".into()]);
        });
    });
}

#[test]
fn who_has_ended_or_is_about_to_gets_no_name() {
    in_every_order(|ctx: Context<()>| async move {
        let ended = ctx.system().spawn(idle);
        ctx.exit(pid(&ended), ExitReason::Kill);
        let name = format!("of {}", pid(&ended));
        let refused = RegisterError::NoProcess { pid: pid(&ended), name: name.as_str().into() };
        assert_eq!(ctx.system().register(&name, pid(&ended)), Err(refused.clone()));
        ended.exited().await;
        assert_eq!(ctx.system().register(&name, pid(&ended)), Err(refused));
        assert_eq!(ctx.system().whereis(&name), None);
    });
}

#[test]
fn a_name_given_to_a_process_that_ends_is_not_kept() {
    in_every_order(|mut ctx: Context<()>| async move {
        let name = format!("child of {}", ctx.pid());
        let brief = ctx.spawn(|_ctx: Context<()>| future::yield_now());
        // It may or may not have ended.
        let _ = ctx.system().register(&name, pid(&brief));
        brief.exited().await;
        assert_eq!(ctx.system().whereis(&name), None);
    });
}

#[test]
fn of_many_who_want_a_name_at_the_same_time_one_gets_it() {
    timetrap(|| {
        run_on(&workers(4), |mut ctx: Context<Result<(), RegisterError>>| async move {
            for round in 0..TIMES {
                let (name, gate) = (format!("prize {round}"), Gate::new());
                let rivals: Vec<Address<()>> = (0..4)
                    .map(|_| {
                        let (home, name, opened) = (ctx.address(), name.clone(), gate.clone());
                        ctx.spawn(move |mut ctx: Context<()>| async move {
                            opened.passed().await;
                            home.cast(ctx.register(&name));
                            future::pending::<()>().await;
                        })
                    })
                    .collect();
                gate.open();
                let mut winners = 0;
                for _ in &rivals {
                    winners += usize::from(ctx.receive_message().await.is_ok());
                }
                assert_eq!(winners, 1);
                for rival in &rivals {
                    kill(ctx.system(), rival).await;
                }
                assert_eq!(ctx.system().registered(), []);
            }
        });
    });
}

#[test]
fn a_name_that_is_refused_is_nobodys_meanwhile() {
    timetrap(|| {
        run_on(&workers(4), |mut ctx: Context<()>| async move {
            let done = Gate::new();
            let is_done = done.clone();
            let named = ctx.spawn_link(|mut ctx: Context<()>| async move {
                ctx.register("first").expect("the name is free");
                while future::poll_once(is_done.passed()).await.is_none() {
                    for _ in 0..TIMES {
                        ctx.register("second").expect_err("it has a name");
                    }
                    future::yield_now().await;
                }
            });
            assert_eq!(Some(ctx.system().when_registered("first").await), named.pid());
            for _ in 0..100 * TIMES {
                assert_eq!(ctx.system().whereis("second"), None);
            }
            done.open();
            named.exited().await;
        });
    });
}

#[test]
fn who_waits_for_a_name_learns_who_has_it_and_who_gives_up_misses_nothing() {
    in_every_order(|mut ctx: Context<()>| async move {
        let name = format!("server of {}", ctx.pid());
        assert!(future::poll_once(ctx.system().when_registered(&name)).await.is_none());
        let waiters: Vec<Address<()>> = (0..3)
            .map(|_| {
                let name = name.clone();
                ctx.spawn(move |ctx: Context<()>| async move {
                    let found = ctx.system().when_registered(&name).await;
                    assert_eq!(ctx.system().whereis(&name), Some(found));
                })
            })
            .collect();
        let (other, register) = (format!("other {name}"), name.clone());
        let server = ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.register(&other).expect("the name is free");
            ctx.system().unregister(&other);
            future::yield_now().await;
            ctx.register(&register).expect("the name is free");
            future::pending::<()>().await;
        });
        assert_eq!(Some(ctx.system().when_registered(&name).await), server.pid());
        for waiter in waiters {
            assert_eq!(waiter.exited().await, ExitReason::Normal);
        }
        kill(ctx.system(), &server).await;
        assert!(future::poll_once(ctx.system().when_registered(&name)).await.is_none());
    });
}

#[test]
fn the_wait_for_a_name_can_be_limited() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<()>| async move {
            let begun = ctx.system().now();
            let limit = Duration::from_secs(3600);
            assert_eq!(ctx.sleep(limit).limit(ctx.system().when_registered("nobody")).await, None);
            assert_eq!(ctx.system().now() - begun, limit);
        });
    });
}

#[test]
fn an_address_by_name_survives_a_restart_and_one_by_pid_does_not() {
    in_every_order(|ctx: Context<()>| async move {
        let name = format!("server of {}", ctx.pid());
        let by_name: Address<Reply<Pid>> = ctx.system().named(&name);
        let mut before = None;
        for _ in 0..2 {
            assert_eq!(by_name.pid(), None);
            let options = SpawnOptions::new().name(&name);
            let server = ctx.system().spawn_with(options, |mut ctx: Context<Reply<Pid>>| async move {
                loop {
                    ctx.receive_message().await.send(ctx.pid());
                }
            });
            let server = server.expect("the name is free");
            assert_eq!(by_name.pid(), server.pid());
            assert_eq!(by_name.call(|reply| reply).await.ok(), server.pid());
            if let Some(before) = before.replace(server.clone()) {
                assert!(before.call(|reply| reply).await.is_err());
                assert_ne!(before, server);
            }
            kill(ctx.system(), &server).await;
        }
    });
}

#[test]
fn exited_of_a_name_is_of_the_process_that_has_it_now() {
    in_every_order(|ctx: Context<()>| async move {
        let name = format!("server of {}", ctx.pid());
        let by_name: Address<()> = ctx.system().named(&name);
        assert_eq!(by_name.exited().await, ExitReason::NoProcess);
        let gate = Gate::new();
        let opened = gate.clone();
        let options = SpawnOptions::new().name(&name);
        let server = ctx.system().spawn_with(options, move |_ctx: Context<()>| async move {
            opened.passed().await;
            Err::<(), _>(ExitReason::error("done"))
        });
        assert!(server.is_ok());
        let (reason, ()) = future::zip(by_name.exited(), async { gate.open() }).await;
        assert_eq!(reason, ExitReason::error("done"));
    });
}

#[test]
fn addresses_are_equal_if_they_are_of_one_process_or_follow_one_name() {
    for_each_seed(1, |test| {
        test.run(|mut ctx: Context<()>| async move {
            ctx.register("me").expect("the name is free");
            let (one, other) = (ctx.address(), ctx.spawn_link(idle));
            assert_eq!(one, ctx.address());
            assert_ne!(one, other);
            let named: Address<()> = ctx.system().named("me");
            assert_eq!(named, ctx.system().named("me"));
            assert_ne!(named, ctx.system().named("you"));
            assert_ne!(one, named, "one follows the name, the other does not");
            assert_eq!((one.to_string(), named.to_string()), (ctx.pid().to_string(), "\"me\"".to_owned()));
        });
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
