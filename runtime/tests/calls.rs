//! Calls: each ends, with the answer or with the reason why there is none; a late answer reaches nobody.

mod common;

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{self, Poll, Wake, Waker};
use std::time::Duration;

use common::{Gate, TIMES, expect_empty, in_every_order, kill, many_times, run_on, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Address, CallError, Context, ExitReason, Pid, Reply, SystemHandle, consume_budget};

/// What a server is asked to do with a request.
enum Ask {
    Answer(Reply<u32>),
    /// Answers so much later.
    AnswerAfter(Duration, Reply<u32>),
    AnswerAndEnd(Reply<u32>),
    Drop(Reply<u32>),
    DropAndAnswerTheNext(Reply<u32>),
    Panic(Reply<u32>),
    Fail(Reply<u32>),
    /// Gives the reply to a process that keeps it.
    Lend(Address<Reply<u32>>, Reply<u32>),
    /// Gives the reply away and ends.
    LendAndEnd(Address<Reply<u32>>, Reply<u32>),
}

async fn serve(mut ctx: Context<Ask>) -> Result<(), ExitReason> {
    loop {
        match ctx.receive_message().await {
            Ask::Answer(reply) => reply.send(1),
            Ask::AnswerAfter(delay, reply) => {
                ctx.sleep(delay).await;
                reply.send(2);
            }
            Ask::AnswerAndEnd(reply) => {
                reply.send(3);
                return Err(ExitReason::error("said all"));
            }
            Ask::Drop(reply) => drop(reply),
            Ask::DropAndAnswerTheNext(reply) => {
                drop(reply);
                if let Ask::Answer(reply) = ctx.receive_message().await {
                    reply.send(4);
                }
            }
            Ask::Panic(_reply) => panic!("while it handles a request"),
            Ask::Fail(_reply) => return Err(ExitReason::error("failed")),
            Ask::Lend(to, reply) => to.cast(reply),
            Ask::LendAndEnd(to, reply) => {
                to.cast(reply);
                return Err(ExitReason::error("gave it away"));
            }
        }
    }
}

/// The reason in a [`CallError::Down`].
#[track_caller]
fn down(outcome: Result<u32, CallError>) -> ExitReason {
    match outcome {
        Err(CallError::Down { reason, .. }) => reason,
        other => panic!("not down: {other:?}"),
    }
}

#[test]
fn a_call_brings_the_answer() {
    in_every_order(|mut ctx: Context<()>| async move {
        let server = ctx.spawn_link(serve);
        assert_eq!(server.call(Ask::Answer).await, Ok(1));
        assert_eq!(server.call(Ask::Answer).without_timeout().await, Ok(1));
        ctx.unlink(pid(&server));
        kill(ctx.system(), &server).await;
    });
}

#[test]
fn a_call_from_outside_any_process_is_a_call_as_any_other() {
    timetrap(|| {
        let system = workers(2);
        let server = system.spawn(serve);
        for _ in 0..TIMES {
            assert_eq!(future::block_on(server.call(Ask::Answer)), Ok(1));
        }
        drop(system);
        let error = future::block_on(server.call(Ask::Answer)).expect_err("nobody is there");
        assert!(error.is_no_process());
    });
}

#[test]
fn a_call_waits_five_seconds_unless_told_otherwise() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let server = ctx.spawn_link(serve);
            let start = ctx.system().now();
            let elapsed = |system: &SystemHandle| system.now() - start;
            let hour = Duration::from_secs(3600);
            let outcome = server.call(|reply| Ask::AnswerAfter(hour, reply)).await;
            let timeout = Duration::from_secs(5);
            let target = server.recipient();
            assert_eq!(outcome, Err(CallError::Timeout { target, timeout }));
            assert_eq!(elapsed(ctx.system()), timeout);

            let outcome = server.call(Ask::Answer).timeout(Duration::from_secs(1)).await;
            assert!(matches!(outcome, Err(CallError::Timeout { .. })), "{outcome:?}");
            assert_eq!(elapsed(ctx.system()), Duration::from_secs(6));

            assert_eq!(server.call(Ask::Answer).without_timeout().await, Ok(1));
            assert_eq!(elapsed(ctx.system()), hour);
            assert_eq!(ctx.system().timer_count(), 0);
        });
    });
}

#[test]
fn an_answer_at_the_instant_of_the_timeout_is_an_answer_if_the_caller_has_not_looked_yet() {
    let answers = Cell::new(0);
    for_each_seed(TIMES as u64, |test| {
        let outcome = test.run(|mut ctx: Context<()>| async move {
            let server = ctx.spawn_link(serve);
            let second = Duration::from_secs(1);
            server.call(|reply| Ask::AnswerAfter(second, reply)).timeout(second).await
        });
        match outcome {
            Ok(2) => answers.set(answers.get() + 1),
            outcome => assert!(matches!(outcome, Err(CallError::Timeout { .. })), "{outcome:?}"),
        }
    });
    assert!((1..TIMES).contains(&answers.get()), "{} of {TIMES}", answers.get());
}

/// Its limit begins at the end of the worker's turn, and that never ends here. The other worker is idle, or has work all the time.
#[test]
fn a_call_times_out_though_whoever_runs_after_its_caller_blocks_the_worker() {
    timetrap(|| {
        let system = workers(2);
        for n in 0..50 {
            if n == 25 {
                system.spawn(|_ctx: Context<()>| async move {
                    loop {
                        consume_budget().await;
                    }
                });
            }
            run_on(&system, |mut ctx: Context<()>| async move {
                let (free, blocked) = mpsc::channel::<()>();
                let mute = ctx.spawn_link(|_ctx: Context<Reply<()>>| future::pending::<()>());
                ctx.spawn(move |_ctx: Context<()>| async move { _ = blocked.recv() });
                let outcome = mute.call(|reply| reply).timeout(Duration::from_millis(5)).await;
                assert!(matches!(outcome, Err(CallError::Timeout { .. })), "{outcome:?}");
                drop(free);
            });
        }
    });
}

/// What polls it is not polled when a turn ends, for nobody has woken it.
#[test]
fn a_call_that_is_woken_by_a_waker_of_its_own_has_its_limit_and_hears_of_the_end() {
    timetrap(|| {
        let system = workers(1);
        run_on(&system, |mut ctx: Context<()>| async move {
            let mute = ctx.spawn(|_ctx: Context<Reply<()>>| future::pending::<()>());
            let outcome = apart(mute.call(|reply| reply).timeout(Duration::from_millis(1))).await;
            assert!(matches!(outcome, Err(CallError::Timeout { .. })), "{outcome:?}");
            let keeper = ctx.spawn(|mut ctx: Context<Reply<u32>>| async move {
                let _reply = ctx.receive_message().await;
                future::pending::<()>().await;
            });
            let server = ctx.spawn(serve);
            let call = server.call(|reply| Ask::LendAndEnd(keeper.clone(), reply)).without_timeout();
            assert_eq!(down(apart(call).await), ExitReason::error("gave it away"));
        });
    });
}

/// Polls `future` with a waker of its own, and only when that has woken it.
async fn apart<F: Future>(future: F) -> F::Output {
    struct Own(AtomicBool, Waker);
    impl Wake for Own {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
            self.1.wake_by_ref();
        }
    }
    let mut future = pin!(future);
    let mut own = None;
    poll_fn(|cx| {
        let own = own.get_or_insert_with(|| Arc::new(Own(AtomicBool::new(true), cx.waker().clone())));
        if !own.0.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        future.as_mut().poll(&mut task::Context::from_waker(&own.clone().into()))
    })
    .await
}

#[test]
fn a_late_answer_reaches_nobody() {
    for_each_seed(TIMES as u64, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let server = ctx.spawn_link(serve);
            let second = Duration::from_secs(1);
            let late = |reply| Ask::AnswerAfter(2 * second, reply);
            assert!(server.call(late).timeout(second).await.is_err());
            assert_eq!(server.call(Ask::Answer).await, Ok(1), "the next answer is the next request's");
            expect_empty(&mut ctx).await;
            assert_eq!(ctx.system().dead_letter_count(), 0);
        });
    });
}

#[test]
fn who_answers_can_tell_that_nobody_waits_any_more() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<bool>| async move {
            let home = ctx.address();
            let gate = Gate::new();
            let opened = gate.clone();
            let server = ctx.spawn_link(move |mut ctx: Context<Reply<()>>| async move {
                let reply = ctx.receive_message().await;
                home.cast(reply.is_wanted());
                opened.passed().await;
                home.cast(reply.is_wanted());
            });
            let mut call = Box::pin(server.call(|reply| reply));
            let asked = async {
                assert!(future::poll_once(&mut call).await.is_none());
                assert!(ctx.receive_message().await);
            };
            asked.await;
            drop(call);
            gate.open();
            assert!(!ctx.receive_message().await);
        });
    });
}

#[test]
fn a_call_that_is_dropped_before_its_first_poll_sends_nothing() {
    for_each_seed(10, |test| {
        test.run(|ctx: Context<()>| async move {
            let server = ctx.system().spawn(|_ctx: Context<Reply<()>>| future::pending::<()>());
            drop(server.call(|reply| reply));
            kill(ctx.system(), &server).await;
            assert_eq!(ctx.system().dead_letter_count(), 0);
        });
    });
}

#[test]
fn a_server_that_panics_or_fails_while_it_handles_a_request_is_down_with_its_reason() {
    in_every_order(|ctx: Context<()>| async move {
        let server = ctx.system().spawn(serve);
        let ExitReason::Panic(panic) = down(server.call(Ask::Panic).await) else { panic!("it panicked") };
        assert_eq!(panic.message(), "while it handles a request");
        let server = ctx.system().spawn(serve);
        assert_eq!(down(server.call(Ask::Fail).await), ExitReason::error("failed"));
    });
}

#[test]
fn a_server_that_is_killed_is_down_as_killed_wherever_the_request_is() {
    in_every_order(|ctx: Context<()>| async move {
        // In its mailbox, or in its hands.
        for busy in [true, false] {
            let server = ctx.system().spawn(serve);
            if busy {
                let hour = Duration::from_secs(3600);
                let mut first = pin!(server.call(|reply| Ask::AnswerAfter(hour, reply)));
                assert!(future::poll_once(&mut first).await.is_none());
                let second = server.call(Ask::Answer);
                let (outcomes, ()) = future::zip(future::zip(first, second), kill(ctx.system(), &server)).await;
                assert_eq!((down(outcomes.0), down(outcomes.1)), (ExitReason::Killed, ExitReason::Killed));
            } else {
                let keep = ctx.system().spawn(|mut ctx: Context<Reply<u32>>| async move {
                    let _reply = ctx.receive_message().await;
                    future::pending::<()>().await;
                });
                let mut lent = pin!(server.call(|reply| Ask::Lend(keep.clone(), reply)));
                assert!(future::poll_once(&mut lent).await.is_none());
                let (outcome, ()) = future::zip(lent, kill(ctx.system(), &server)).await;
                assert_eq!(down(outcome), ExitReason::Killed);
                kill(ctx.system(), &keep).await;
            }
        }
    });
}

#[test]
fn a_reply_dropped_by_a_server_that_lives_on_is_unanswered() {
    in_every_order(|mut ctx: Context<()>| async move {
        let server = ctx.spawn_link(serve);
        let target = server.recipient();
        assert_eq!(server.call(Ask::Drop).await, Err(CallError::Unanswered { target: target.clone() }));
        let waits_on = server.call(Ask::DropAndAnswerTheNext);
        assert_eq!(waits_on.await, Err(CallError::Unanswered { target }));
        assert_eq!(server.call(Ask::Answer).await, Ok(4));
        ctx.unlink(pid(&server));
        kill(ctx.system(), &server).await;
    });
}

#[test]
fn a_reply_dropped_while_its_server_cleans_up_waits_for_the_end_and_its_reason() {
    in_every_order(|ctx: Context<()>| async move {
        let server = ctx.system().spawn(|mut ctx: Context<Reply<u32>>| async move {
            let reply = ctx.receive_message().await;
            ctx.begin_exit();
            drop(reply);
            future::yield_now().await;
            Err::<(), _>(ExitReason::error("cleaned up"))
        });
        assert_eq!(down(server.call(|reply| reply).await), ExitReason::error("cleaned up"));
    });
}

#[test]
fn a_server_that_gave_the_reply_away_and_ended_is_down_at_once() {
    in_every_order(|ctx: Context<()>| async move {
        let keeper = ctx.system().spawn(|mut ctx: Context<Reply<u32>>| async move {
            let _reply = ctx.receive_message().await;
            future::pending::<()>().await;
        });
        let server = ctx.system().spawn(serve);
        let outcome = server.call(|reply| Ask::LendAndEnd(keeper.clone(), reply)).without_timeout().await;
        assert_eq!(down(outcome), ExitReason::error("gave it away"));
        kill(ctx.system(), &keeper).await;
    });
}

#[test]
fn a_reply_may_be_sent_by_another_process_and_is_unanswered_if_that_one_ends() {
    in_every_order(|mut ctx: Context<()>| async move {
        let server = ctx.spawn_link(serve);
        let helper = ctx.spawn(|mut ctx: Context<Reply<u32>>| async move {
            ctx.receive_message().await.send(7);
            let _reply = ctx.receive_message().await;
        });
        assert_eq!(server.call(|reply| Ask::Lend(helper.clone(), reply)).await, Ok(7));
        let outcome = server.call(|reply| Ask::Lend(helper.clone(), reply)).await;
        assert!(matches!(outcome, Err(CallError::Unanswered { .. })), "the server lives: {outcome:?}");
        ctx.unlink(pid(&server));
        kill(ctx.system(), &server).await;
    });
}

#[test]
fn an_answer_sent_just_before_the_end_arrives() {
    in_every_order(|ctx: Context<()>| async move {
        let server = ctx.system().spawn(serve);
        assert_eq!(server.call(Ask::AnswerAndEnd).await, Ok(3));
        assert_eq!(server.exited().await, ExitReason::error("said all"));
    });
}

#[test]
fn a_call_to_nobody_is_refused_at_once() {
    in_every_order(|ctx: Context<()>| async move {
        let gone = ctx.system().spawn(serve);
        kill(ctx.system(), &gone).await;
        let target = gone.recipient();
        assert_eq!(gone.call(Ask::Answer).await, Err(CallError::NoProcess { target }));
        let nobody: Address<Ask> = ctx.system().named("nobody");
        let target = nobody.recipient();
        assert_eq!(nobody.call(Ask::Answer).await, Err(CallError::NoProcess { target }));
    });
}

#[test]
fn a_call_to_a_name_goes_to_whoever_has_it() {
    in_every_order(|mut ctx: Context<()>| async move {
        let name = ctx.pid().to_string();
        let named: Address<Ask> = ctx.system().named(&name);
        for _ in 0..2 {
            let server = ctx.spawn(serve);
            ctx.system().register(&name, pid(&server)).expect("the name is free");
            assert_eq!(named.call(Ask::Answer).await, Ok(1));
            assert_eq!(down(named.call(Ask::Fail).await), ExitReason::error("failed"));
        }
    });
}

#[test]
fn a_process_that_calls_itself_is_told_so() {
    in_every_order(|mut ctx: Context<Reply<()>>| async move {
        let name = ctx.pid().to_string();
        ctx.register(&name).expect("nobody else has this pid");
        let target = ctx.address().recipient();
        assert_eq!(ctx.address().call(|reply| reply).await, Err(CallError::CallingSelf { target }));
        let named = ctx.system().named::<Reply<()>>(&name);
        assert!(matches!(named.call(|reply| reply).await, Err(CallError::CallingSelf { .. })));
        let event = ctx.receive_timeout(Duration::ZERO).await;
        assert!(event.is_none(), "nothing was sent");
    });
}

#[test]
fn a_request_to_one_that_waits_for_its_sender_can_be_given_up() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<Reply<u32>>| async move {
            let home = ctx.address();
            let other = ctx.spawn_link(move |_ctx: Context<Reply<u32>>| async move {
                assert_eq!(home.send_request(|reply| reply).wait(Duration::from_secs(5)).await, None);
            });
            let outcome = other.call(|reply| reply).without_timeout().await;
            assert_eq!(down(outcome), ExitReason::Normal);
        });
    });
}

#[test]
fn a_call_beside_the_end_of_its_server_always_ends() {
    many_times(|ctx: Context<()>| async move {
        let server = ctx.system().spawn(serve);
        let calls = future::zip(server.call(Ask::Answer), server.call(Ask::Drop));
        let (outcomes, ()) = future::zip(calls, kill(ctx.system(), &server)).await;
        use CallError::{Down, NoProcess, Unanswered};
        assert!(matches!(outcomes.0, Ok(1) | Err(Down { .. } | NoProcess { .. })), "{:?}", outcomes.0);
        let dropped = &outcomes.1;
        assert!(matches!(dropped, Err(Unanswered { .. } | Down { .. } | NoProcess { .. })), "{dropped:?}");
    });
}

#[test]
fn a_caller_outside_hears_when_the_system_ends() {
    timetrap(|| {
        for _ in 0..TIMES / 10 {
            let system = workers(2);
            let server = system.spawn(|_ctx: Context<Reply<u32>>| future::pending::<()>());
            let asked = Gate::new();
            let (is_asked, called) = (asked.clone(), server.clone());
            let caller = std::thread::spawn(move || {
                let mut call = pin!(called.call(|reply| reply).without_timeout());
                assert!(future::block_on(future::poll_once(&mut call)).is_none());
                is_asked.open();
                future::block_on(call)
            });
            future::block_on(asked.passed());
            drop(system);
            assert_eq!(down(caller.join().expect("it does not panic")), ExitReason::Killed);
        }
    });
}

#[test]
fn an_answer_that_nobody_wants_is_dropped() {
    for_each_seed(10, |test| {
        let answer = Arc::new(());
        let given = answer.clone();
        let server = test.spawn(move |mut ctx: Context<Reply<Arc<()>>>| async move {
            let reply = ctx.receive_message().await;
            ctx.sleep(Duration::from_secs(10)).await;
            reply.send(given);
        });
        let outcome = test.block_on(server.call(|reply| reply));
        assert!(matches!(outcome, Err(CallError::Timeout { .. })));
        test.block_on(server.exited());
        assert_eq!(Arc::strong_count(&answer), 1);
    });
}

#[test]
fn a_reply_dropped_in_the_tear_down_of_a_simulation_ends_its_call() {
    for seed in 0..100 {
        let test = TestSystem::new(seed);
        let server = test.spawn(|mut ctx: Context<Reply<u32>>| async move {
            let _reply = ctx.receive_message().await;
            future::pending::<()>().await;
        });
        let mut call = pin!(server.call(|reply| reply));
        assert!(future::block_on(future::poll_once(&mut call)).is_none());
        test.run_until_idle();
        drop(test);
        assert_eq!(down(future::block_on(call)), ExitReason::Killed);
    }
}

#[test]
fn a_server_answers_a_hundred_callers_at_once() {
    timetrap(|| {
        let system = workers(4);
        run_on(&system, |mut ctx: Context<()>| async move {
            ctx.trap_exit(true);
            let server = ctx.spawn(serve);
            for _ in 0..100 {
                let server = server.clone();
                ctx.spawn_link(move |_ctx: Context<()>| async move {
                    for _ in 0..50 {
                        assert_eq!(server.call(Ask::Answer).await, Ok(1));
                    }
                });
            }
            for _ in 0..100 {
                assert_eq!(common::next_exit(&mut ctx).await.reason, ExitReason::Normal);
            }
        });
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
