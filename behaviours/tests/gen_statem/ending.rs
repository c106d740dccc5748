//! Ends: why a machine ends, whether it cleans up, and what becomes of what it has put aside.

use std::time::Duration;

use proscenium_behaviours::Sys;
use proscenium_behaviours::gen_statem::{Event, keep_state, next_state, start_in};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{CallError, Context, DeadReason, Event as Received, ExitReason, Report, System};

use super::common::{Happening, Log, SECOND, Say, Script, State, Step, boom, in_any_order, said, settle};

/// Postpones calls and casts of `keep`, and does as it is told otherwise.
fn obey(_state: State, event: Happening) -> Result<Step, ExitReason> {
    Ok(match event {
        event @ Event::Message(Say::Call("keep", _) | Say::Cast("keep")) => keep_state().postpone(event),
        Event::Message(Say::Call("stop", reply)) => {
            reply.send("stopped".to_owned());
            return Err(boom());
        }
        Event::Message(Say::Call("forget and stop", _)) => return Err(boom()),
        Event::Message(Say::Cast("normal")) => return Err(ExitReason::Normal),
        Event::Message(Say::Cast("shutdown")) => return Err(ExitReason::shutdown_with("done")),
        Event::Message(Say::Cast("boom")) => return Err(boom()),
        Event::Message(Say::Cast("panic")) => panic!("as ordered"),
        Event::Message(Say::Cast("insert and boom")) => {
            next_state("b").next_event(Event::Internal("boom")).next_event(Event::Message(Say::Cast("behind")))
        }
        Event::Internal("boom") => return Err(boom()),
        _ => keep_state(),
    })
}

#[test]
fn a_machine_ends_with_the_reason_that_a_callback_returns_and_cleans_up_before() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let ends = [
            ("normal", ExitReason::Normal),
            ("shutdown", ExitReason::shutdown_with("done")),
            ("boom", boom()),
            ("panic", ExitReason::Normal),
        ];
        for (order, expected) in ends {
            let machine = Script::new(&log).may_fail(obey).link(&mut ctx).await;
            machine.cast(Say::Cast(order));
            machine.cast(Say::Cast("never"));
            let Received::Exit(exit) = ctx.receive().await else { panic!() };
            assert_eq!(Some(exit.pid), machine.pid());
            match &exit.reason {
                ExitReason::Panic(panic) => {
                    assert_eq!((order, panic.message()), ("panic", "as ordered"));
                    assert_eq!(log.take(), "a: cast panic, a: terminate panic: as ordered");
                }
                reason => {
                    assert_eq!(*reason, expected);
                    assert_eq!(log.take(), format!("a: cast {order}, a: terminate {reason}"));
                }
            }
        }
    });
}

#[test]
fn only_an_abnormal_end_is_reported_with_the_last_event_and_what_state_may_be_shown() {
    in_any_order(|mut ctx| async move {
        let reports = ctx.system().reports();
        let log = Log::default();
        for (order, crashes) in [("normal", false), ("shutdown", false), ("boom", true), ("panic", true)] {
            let script = Script::new(&log).may_fail(obey);
            let machine = script.start().name("machine").label("a test").link(&mut ctx).await.unwrap();
            machine.cast(Say::Cast("keep"));
            machine.cast(Say::Cast(order));
            let reason = machine.exited().await;
            let reported: Vec<_> = std::iter::from_fn(|| reports.try_recv().ok()).collect();
            match &*reported {
                [] => assert!(!crashes, "{order}"),
                [Report::Terminate(terminate), Report::Crash(crash)] => {
                    assert!(crashes, "{order}");
                    assert_eq!((&terminate.reason, &crash.reason), (&reason, &reason));
                    assert_eq!(terminate.behaviour, "gen_statem");
                    let names = (terminate.name.as_deref(), terminate.label.as_deref());
                    assert_eq!(names, (Some("machine"), Some("a test")));
                    assert_eq!(terminate.last_message.as_deref(), Some(&*format!("cast {order}")));
                    assert_eq!(&*terminate.state, "a (queued: 0, postponed: 1, timeouts: 0)");
                    assert_eq!(crash.unreceived, 1, "what was postponed");
                }
                more => panic!("{more:?}"),
            }
        }
    });
}

#[test]
fn a_reply_that_stops_a_machine_comes_before_terminate_is_done() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_init(|puppet| start_in("ends slowly", puppet)).may_fail(obey);
        let machine = script.link(&mut ctx).await;
        let began = ctx.system().now();
        assert_eq!(machine.call(|reply| Say::Call("stop", reply)).await, Ok("stopped".to_owned()));
        assert_eq!(ctx.system().now(), began);
        assert_eq!(machine.exited().await, boom());
        assert_eq!(ctx.system().now(), began + 2 * SECOND);
        assert_eq!(log.take(), "ends slowly: call stop, ends slowly: terminate boom");
    });
}

#[test]
fn a_caller_who_is_forgotten_by_a_machine_that_stops_hears_why_and_only_when_it_has_ended() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let script = Script::new(&log).on_init(|puppet| start_in("ends slowly", puppet)).may_fail(obey);
        let machine = script.link(&mut ctx).await;
        let Err(CallError::Down { reason, .. }) = machine.call(|reply| Say::Call("forget and stop", reply)).await
        else {
            panic!()
        };
        assert_eq!((reason, ctx.system().is_alive(&machine)), (boom(), false));
    });
}

#[test]
fn what_is_postponed_when_a_machine_ends_is_a_dead_letter_and_its_callers_hear_why() {
    for order in ["normal", "boom", "insert and boom"] {
        in_any_order(move |mut ctx| async move {
            let dead_letters = ctx.system().dead_letters();
            let log = Log::default();
            let machine = Script::new(&log).may_fail(obey).link(&mut ctx).await;
            machine.cast(Say::Cast("keep"));
            let caller = machine.send_request(|reply| Say::Call("keep", reply));
            machine.cast(Say::Cast(order));
            machine.cast(Say::Cast("never"));
            let Err(CallError::Down { reason, .. }) = caller.await else { panic!() };
            assert_eq!(reason, if order == "normal" { ExitReason::Normal } else { boom() });
            settle(&ctx).await;
            let letters: Vec<_> = std::iter::from_fn(|| dead_letters.try_recv().ok()).collect();
            let inserted = usize::from(order == "insert and boom");
            assert_eq!(letters.len(), 3 + inserted);
            assert!(letters.iter().all(|letter| letter.reason == DeadReason::DroppedAtExit));
        });
    }
}

#[test]
fn what_is_postponed_when_a_machine_is_killed_is_a_dead_letter_and_its_callers_hear_that() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let machine = Script::new(&log).may_fail(obey).link(&mut ctx).await;
        machine.cast(Say::Cast("keep"));
        let caller = machine.send_request(|reply| Say::Call("keep", reply));
        settle(&ctx).await;
        ctx.exit(&machine, ExitReason::Kill);
        let Err(CallError::Down { reason, .. }) = caller.await else { panic!() };
        assert_eq!(reason, ExitReason::Killed);
        assert_eq!(ctx.system().dead_letter_count(), 2);
        assert_eq!(log.take(), "a: cast keep, a: call keep", "and terminate was not called");
    });
}

#[test]
fn on_threads_every_message_to_a_machine_that_ends_is_handled_or_a_dead_letter() {
    const MESSAGES: usize = 30;
    let system = System::builder("threads").workers(4).logger(slog::Logger::root(slog::Discard, slog::o!()));
    let outcome = system.build().unwrap().run(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        for round in 0..1000 {
            let before = ctx.system().dead_letter_count();
            let log = Log::default();
            let machine = Script::new(&log).may_fail(obey).start().spawn(ctx.system()).await?;
            let address = machine.clone();
            let sender = ctx.spawn(move |_ctx: Context<()>| async move {
                for number in 0..MESSAGES {
                    address.cast(Say::Cast(if number % 3 == 0 { "keep" } else { "other" }));
                }
            });
            if round % 2 == 0 {
                ctx.exit(&machine, ExitReason::Kill);
            } else {
                machine.cast(Say::Cast("normal"));
            }
            sender.exited().await;
            machine.exited().await;
            let happened = log.take();
            let handled = happened.matches("cast other").count() + happened.matches("cast normal").count();
            let sent = MESSAGES + round % 2;
            let dead = (ctx.system().dead_letter_count() - before) as usize;
            // One that a kill catches in the callback has been received.
            assert!((sent - 1..=sent).contains(&(handled + dead)), "{handled} of {sent}, and {dead} dead");
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_machine_that_traps_exits_ends_in_order_when_its_parent_does() {
    in_any_order(|mut ctx| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, boom()] {
            for traps in [true, false] {
                let log = Log::default();
                let script = if traps { Script::new(&log) } else { Script::new(&log).deaf() };
                let last = reason.clone();
                let parent = ctx.spawn(move |mut ctx: Context<()>| async move {
                    script.start().name("orphan").link(&mut ctx).await?;
                    Err::<(), _>(last)
                });
                parent.exited().await;
                settle(&ctx).await;
                let lives = ctx.system().whereis("orphan");
                let expected = if traps { format!("a: terminate {reason}") } else { String::new() };
                assert_eq!((log.take(), lives.is_some()), (expected, !traps && reason == ExitReason::Normal));
                if let Some(orphan) = lives {
                    ctx.exit(orphan, ExitReason::Kill);
                    settle(&ctx).await;
                }
            }
        }
    });
}

#[test]
fn a_machine_is_stopped_from_outside_with_any_reason() {
    in_any_order(|mut ctx| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, boom()] {
            let log = Log::default();
            let machine = Script::new(&log).start().name("machine").link(&mut ctx).await.unwrap();
            let sys = Sys::new(ctx.system(), "machine");
            assert_eq!(sys.stop(reason.clone()).await, Ok(()));
            assert_eq!(machine.exited().await, reason);
            assert_eq!(log.take(), format!("a: terminate {reason}"));
            assert!(sys.stop(ExitReason::Normal).await.is_err(), "it is not there any more");
        }
    });
}

#[test]
fn a_stop_that_waits_too_little_leaves_the_machine_to_stop_when_it_can() {
    in_any_order(|mut ctx| async move {
        let log = Log::default();
        let machine = Script::new(&log).link(&mut ctx).await;
        machine.cast(Say::Cast("slow"));
        let sys = Sys::new(ctx.system(), &machine);
        assert!(sys.stop_within(ExitReason::Normal, SECOND).await.is_err());
        assert!(ctx.system().is_alive(&machine));
        assert_eq!(machine.exited().await, ExitReason::Normal);
        assert_eq!(log.take(), "a: cast slow, a: terminate normal");
    });
}

#[test]
fn a_call_that_timed_out_leaves_nothing_in_the_callers_mailbox() {
    for_each_seed(32, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let log = Log::default();
            let script = Script::new(&log).on_event(|_, event| match event {
                Event::Message(Say::Call(text, reply)) => keep_state().reply(reply, text.to_owned()),
                _ => keep_state(),
            });
            let machine = script.link(&mut ctx).await;
            machine.cast(Say::Cast("slow"));
            let call = machine.call(|reply| Say::Call("late", reply)).timeout(SECOND);
            assert!(matches!(call.await, Err(CallError::Timeout { .. })));
            ctx.sleep(Duration::from_secs(60)).await;
            assert_eq!(ctx.try_receive_matching(|_| true), None);
            assert_eq!(log.take(), "a: cast slow, a: call late");
            assert_eq!(machine.call(|reply| Say::Call("in time", reply)).await, Ok("in time".to_owned()));
        });
    });
}

#[test]
fn several_callers_are_answered_in_the_order_of_the_actions() {
    for_each_seed(32, |test| {
        let log = Log::default();
        let script_log = log.clone();
        test.run(|mut ctx: Context<()>| async move {
            let mut waiting = Vec::new();
            let script = Script::new(&script_log).on_event(move |_, event| match event {
                Event::Message(Say::Call(text, reply)) => {
                    waiting.push((text, reply));
                    keep_state()
                }
                event if said(&event) == "answer" => waiting
                    .drain(..)
                    .rev()
                    .fold(next_state("b"), |step, (text, reply)| step.reply(reply, format!("{text} answered"))),
                _ => keep_state(),
            });
            let machine = script.link(&mut ctx).await;
            let mut requests = proscenium_runtime::Requests::new();
            for text in ["first", "second", "third"] {
                requests.add(text, machine.send_request(|reply| Say::Call(text, reply)));
            }
            machine.cast(Say::Cast("answer"));
            let mut answers = Vec::new();
            while let Some((label, answer)) = requests.next().await {
                assert_eq!(answer, Ok(format!("{label} answered")));
                answers.push(label);
            }
            assert_eq!(answers, ["third", "second", "first"]);
        });
    });
}
