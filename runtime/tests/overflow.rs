//! Overflow: what becomes of a message for which a bounded mailbox has no room.

mod common;

use std::pin::pin;

use common::{Gate, TIMES, expect_empty, idle, in_every_order, kill, next_exit, run_on, timetrap, workers};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, CallError, Context, DeadReason, Event, EventRef, ExitReason, Mailbox};
use proscenium_runtime::{MailboxOverflow, Overflow, Reply, SpawnOptions, SystemHandle, TrySendError};

const POLICIES: [Overflow; 5] =
    [Overflow::Wait, Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest, Overflow::Exit];

#[derive(Debug)]
enum Letter {
    Tell(u32),
    Ask(u32, Reply<u32>),
}

impl Letter {
    fn number(&self) -> u32 {
        let (Letter::Tell(number) | Letter::Ask(number, _)) = self;
        *number
    }
}

fn bounded(capacity: usize, overflow: Overflow) -> SpawnOptions {
    SpawnOptions::new().mailbox(Mailbox::bounded(capacity).overflow(overflow))
}

/// A process whose mailbox is full of 1 and 2, and the gate behind which it receives what it has then, and ends.
fn full(system: &SystemHandle, overflow: Overflow) -> (Address<Letter>, Gate, async_channel::Receiver<u32>) {
    let gate = Gate::new();
    let opened = gate.clone();
    let (give, received) = async_channel::unbounded();
    let body = move |mut ctx: Context<Letter>| async move {
        opened.passed().await;
        while let Some(Event::Message(letter)) = ctx.receive_timeout(std::time::Duration::ZERO).await {
            give.try_send(letter.number()).expect("the test reads it");
        }
    };
    let full = system.spawn_with(bounded(2, overflow), body).expect("it has no name");
    assert!(full.try_send(Letter::Tell(1)).is_ok());
    assert!(full.try_send(Letter::Tell(2)).is_ok());
    (full, gate, received)
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Cast,
    TrySend,
    Send,
    Call,
    SendRequest,
}

/// Sends 3, and tells what became of that.
async fn send_in(way: Way, to: &Address<Letter>) -> &'static str {
    let answered = |answer: Option<Result<u32, CallError>>| match answer {
        None => "waits",
        Some(Err(CallError::MailboxFull { .. })) => "refused",
        Some(Err(CallError::Unanswered { .. })) => "unanswered",
        other => panic!("{other:?}"),
    };
    match way {
        Way::Cast => {
            to.cast(Letter::Tell(3));
            "sent"
        }
        Way::TrySend => match to.try_send(Letter::Tell(3)) {
            Ok(()) => "sent",
            Err(TrySendError::Full(Letter::Tell(3))) => "back",
            Err(other) => panic!("{other:?}"),
        },
        Way::Send => match future::poll_once(to.send(Letter::Tell(3))).await {
            Some(Ok(())) => "sent",
            Some(Err(back)) => {
                assert_eq!(back.0.number(), 3);
                "back"
            }
            None => "waits",
        },
        Way::Call => {
            let mut call = pin!(to.call(|reply| Letter::Ask(3, reply)));
            match future::poll_once(&mut call).await {
                // That a reply was dropped unanswered is told when the poll is over in which it was.
                None => {
                    future::yield_now().await;
                    answered(future::poll_once(call).await)
                }
                answer => answered(answer),
            }
        }
        Way::SendRequest => {
            let request = to.send_request(|reply| Letter::Ask(3, reply));
            future::yield_now().await;
            answered(future::poll_once(request).await)
        }
    }
}

/// A policy, what becomes of a message in each way, how many dead letters that makes, and what is received in the end.
type Row = (Overflow, [&'static str; 5], [u64; 5], [u32; 2]);

#[test]
fn each_way_of_sending_to_a_full_mailbox_fares_as_the_policy_says() {
    let table: [Row; 4] = [
        (Overflow::Wait, ["sent", "back", "waits", "waits", "refused"], [1, 0, 0, 0, 0], [1, 2]),
        (Overflow::Reject, ["sent", "back", "back", "refused", "refused"], [1, 0, 0, 0, 0], [1, 2]),
        (Overflow::DropNewest, ["sent", "sent", "sent", "unanswered", "unanswered"], [1, 1, 1, 1, 1], [1, 2]),
        (Overflow::DropOldest, ["sent", "sent", "sent", "waits", "waits"], [1, 1, 1, 1, 1], [2, 3]),
    ];
    let ways = [Way::Cast, Way::TrySend, Way::Send, Way::Call, Way::SendRequest];
    for_each_seed(20, |test| {
        test.run(move |ctx: Context<()>| async move {
            for (overflow, outcomes, dead, stays) in table {
                for (index, way) in ways.into_iter().enumerate() {
                    let (full, gate, received) = full(ctx.system(), overflow);
                    let before = ctx.system().dead_letter_count_of(DeadReason::MailboxFull);
                    assert_eq!(send_in(way, &full).await, outcomes[index], "{overflow:?} {way:?}");
                    let after = ctx.system().dead_letter_count_of(DeadReason::MailboxFull);
                    assert_eq!(after - before, dead[index], "{overflow:?} {way:?}");
                    gate.open();
                    assert_eq!(full.exited().await, ExitReason::Normal);
                    let left: Vec<_> = std::iter::from_fn(|| received.try_recv().ok()).collect();
                    assert_eq!(left, stays, "{overflow:?} {way:?}");
                }
            }
        });
    });
}

#[test]
fn a_process_that_overflows_ends_whatever_the_way_and_the_message_is_not_lost() {
    let table = [
        (Way::Cast, "sent", 1),
        (Way::TrySend, "back", 0),
        (Way::Send, "back", 0),
        (Way::Call, "refused", 0),
        (Way::SendRequest, "refused", 0),
    ];
    for_each_seed(20, |test| {
        test.run(move |ctx: Context<()>| async move {
            for (way, outcome, dead) in table {
                let dropped = ctx.system().dead_letter_count_of(DeadReason::DroppedAtExit);
                let too_many = ctx.system().dead_letter_count_of(DeadReason::MailboxFull);
                let (full, _gate, _received) = full(ctx.system(), Overflow::Exit);
                assert_eq!(send_in(way, &full).await, outcome, "{way:?}");
                let reason = full.exited().await;
                let overflow = reason.downcast_ref::<MailboxOverflow>();
                assert_eq!(overflow, Some(&MailboxOverflow { bound: 2 }), "{way:?}");
                let counts = [DeadReason::DroppedAtExit, DeadReason::MailboxFull]
                    .map(|reason| ctx.system().dead_letter_count_of(reason));
                assert_eq!(counts, [dropped + 2, too_many + dead], "{way:?}");
                assert!(matches!(full.try_send(Letter::Tell(4)), Err(TrySendError::Closed(_))));
            }
        });
    });
}

#[test]
fn an_overflow_ends_also_who_traps_exits_and_its_links_can_trap_that() {
    in_every_order(|mut ctx: Context<()>| async move {
        ctx.trap_exit(true);
        let child = ctx.spawn_link_with(bounded(1, Overflow::Exit), |mut ctx: Context<u32>| async move {
            ctx.trap_exit(true);
            future::pending::<()>().await;
        });
        let child = child.expect("it has no name");
        child.cast(1);
        child.cast(2);
        let exit = next_exit(&mut ctx).await;
        assert_eq!(Some(exit.pid), child.pid());
        assert_eq!(exit.reason, MailboxOverflow { bound: 1 }.into());
        assert!(!exit.reason.is_normal());
    });
}

#[test]
fn signals_find_room_in_a_full_mailbox_of_any_policy() {
    const COUNT: usize = 20;
    for_each_seed(100, |test| {
        test.run(|ctx: Context<()>| async move {
            for overflow in POLICIES {
                let gate = Gate::new();
                let (opened, (ready, is_ready)) = (gate.clone(), async_channel::bounded(1));
                let body = move |mut ctx: Context<u32>| async move {
                    ctx.trap_exit(true);
                    let others: Vec<_> =
                        (0..COUNT).map(|_| ctx.spawn_link(idle).pid().expect("it is a process")).collect();
                    for other in &others {
                        ctx.monitor(*other);
                    }
                    ctx.address().cast(1);
                    ready.try_send(others).expect("it is the only one");
                    opened.passed().await;
                    let (mut exits, mut downs) = (0, 0);
                    while exits < COUNT || downs < COUNT {
                        match ctx.receive().await {
                            Event::Message(n) => assert_eq!(n, 1),
                            Event::Exit(_) => exits += 1,
                            Event::Down(_) => downs += 1,
                        }
                    }
                    expect_empty(&mut ctx).await;
                };
                let full = ctx.system().spawn_with(bounded(1, overflow), body).expect("it has no name");
                for other in is_ready.recv().await.expect("it sends them") {
                    ctx.system().exit(other, ExitReason::Kill);
                }
                while ctx.system().process_count() > 2 {
                    future::yield_now().await;
                }
                gate.open();
                assert_eq!(full.exited().await, ExitReason::Normal, "{overflow:?}");
            }
        });
    });
}

#[test]
fn a_caller_whose_request_is_evicted_hears_of_it_at_once() {
    in_every_order(|ctx: Context<()>| async move {
        let (full, gate, _received) = full(ctx.system(), Overflow::DropOldest);
        let mut asked = full.send_request(|reply| Letter::Ask(3, reply));
        assert!(future::poll_once(&mut asked).await.is_none());
        full.cast(Letter::Tell(4));
        full.cast(Letter::Tell(5));
        assert!(matches!(asked.await, Err(CallError::Unanswered { .. })));
        gate.open();
        full.exited().await;
    });
}

#[test]
fn a_mailbox_that_drops_the_oldest_keeps_the_newest_in_order() {
    for_each_seed(TIMES as u64, |test| {
        let mut rng = Rng::with_seed(test.seed());
        let capacity = rng.usize(1..10);
        let count = rng.u32(1..40);
        test.run(move |ctx: Context<()>| async move {
            let gate = Gate::new();
            let opened = gate.clone();
            let body = move |mut ctx: Context<u32>| async move {
                opened.passed().await;
                for n in count.saturating_sub(capacity as u32)..count {
                    assert_eq!(ctx.receive_message().await, n);
                }
                expect_empty(&mut ctx).await;
            };
            let options = bounded(capacity, Overflow::DropOldest);
            let full = ctx.system().spawn_with(options, body).expect("it has no name");
            (0..count).for_each(|n| full.cast(n));
            gate.open();
            assert_eq!(full.exited().await, ExitReason::Normal);
        });
    });
}

#[test]
fn who_drops_the_oldest_still_sees_all_that_is_there() {
    for_each_seed(1, |test| {
        let options = bounded(3, Overflow::DropOldest);
        let process = test.spawn_with(options, |mut ctx: Context<u32>| async move {
            (1..=4).for_each(|n| ctx.address().cast(n));
            let third = ctx.try_receive_matching(|event| matches!(event, EventRef::Message(3)));
            assert!(matches!(third, Some(Event::Message(3))));
            let fourth = ctx.receive_matching(|event| matches!(event, EventRef::Message(4))).await;
            assert!(matches!(fourth, Event::Message(4)));
            assert_eq!(ctx.receive_message().await, 2);
        });
        let reason = test.block_on(process.expect("it has no name").exited());
        assert_eq!(reason, ExitReason::Normal);
    });
}

#[test]
fn what_a_selective_receive_has_passed_over_does_not_give_way() {
    for_each_seed(1, |test| {
        let options = bounded(2, Overflow::DropOldest);
        let process = test.spawn_with(options, |mut ctx: Context<u32>| async move {
            let home = ctx.address();
            home.cast(1);
            home.cast(2);
            let none = ctx.try_receive_matching(|event| matches!(event, EventRef::Message(9)));
            assert!(none.is_none());
            home.cast(3);
            assert_eq!(ctx.system().dead_letter_count_of(DeadReason::MailboxFull), 1);
            assert_eq!((ctx.receive_message().await, ctx.receive_message().await), (1, 2));
            home.cast(4);
            assert_eq!(ctx.receive_message().await, 4);
        });
        let reason = test.block_on(process.expect("it has no name").exited());
        assert_eq!(reason, ExitReason::Normal);
    });
}

/// Sends `count` messages in random ways; returns how many were not taken, and known not to be.
async fn storm(seed: u64, to: Address<Letter>, count: u32) -> u64 {
    let mut rng = Rng::with_seed(seed);
    let mut refused = 0;
    for n in 0..count {
        match rng.u32(..5) {
            0 => to.cast(Letter::Tell(n)),
            1 => refused += u64::from(to.try_send(Letter::Tell(n)).is_err()),
            2 => refused += u64::from(to.send(Letter::Tell(n)).await.is_err()),
            // Given up while it waits: then it was not sent.
            3 => refused += u64::from(!matches!(future::poll_once(to.send(Letter::Tell(n))).await, Some(Ok(())))),
            _ => {
                let answer = to.call(|reply| Letter::Ask(n, reply)).without_timeout().await;
                let never_sent = matches!(answer, Err(CallError::MailboxFull { .. } | CallError::NoProcess { .. }));
                refused += u64::from(never_sent);
            }
        }
        if rng.bool() {
            future::yield_now().await;
        }
    }
    refused
}

/// Storms a process of a random policy that ends after a while, and counts every message.
async fn weather(ctx: Context<()>, seed: u64) {
    const SENDERS: u64 = 4;
    const EACH: u32 = 25;
    let mut rng = Rng::with_seed(seed);
    let overflow = POLICIES[rng.usize(..POLICIES.len())];
    let patience = rng.u64(1..150);
    let before = ctx.system().dead_letter_count();
    let (handle, handled) = async_channel::unbounded();
    let options = bounded(rng.usize(1..6), overflow);
    let body = move |mut ctx: Context<Letter>| async move {
        for _ in 0..patience {
            let letter = ctx.receive_message().await;
            handle.try_send(()).expect("the test counts it");
            if let Letter::Ask(n, reply) = letter {
                reply.send(n);
            }
            if rng.u32(..4) == 0 {
                future::yield_now().await;
            }
        }
    };
    let target = ctx.system().spawn_with(options, body).expect("it has no name");
    let (tell, told) = async_channel::unbounded();
    for sender in 0..SENDERS {
        let (to, tell) = (target.clone(), tell.clone());
        ctx.system().spawn(move |_ctx: Context<()>| async move {
            let refused = storm(seed * SENDERS + sender, to, EACH).await;
            tell.try_send(refused).expect("it is waited for");
        });
    }
    let mut refused = 0;
    for _ in 0..SENDERS {
        refused += told.recv().await.expect("every sender comes to its end");
    }
    kill(ctx.system(), &target).await;
    let dead = ctx.system().dead_letter_count() - before;
    let handled = handled.len() as u64;
    assert_eq!(handled + refused + dead, SENDERS * u64::from(EACH), "{overflow:?}");
}

#[test]
fn in_a_storm_every_message_is_handled_given_back_or_a_dead_letter() {
    for_each_seed(TIMES as u64, |test| {
        let seed = test.seed();
        test.run(move |ctx: Context<()>| weather(ctx, seed));
    });
    timetrap(|| {
        let system = workers(4);
        for seed in 0..TIMES as u64 {
            run_on(&system, move |ctx: Context<()>| weather(ctx, seed));
        }
    });
}

#[test]
fn the_high_water_mark_stays_when_the_mailbox_is_empty_again() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let mark = |ctx: &Context<u32>| {
                let info = ctx.system().process_info(ctx.pid()).expect("it runs");
                (info.queue_len, info.queue_high_water)
            };
            assert_eq!(mark(&ctx), (0, 0));
            (0..5).for_each(|n| ctx.address().cast(n));
            assert_eq!(mark(&ctx), (5, 5));
            assert_eq!(ctx.receive_message().await, 0);
            // The other four are in the process's hands, and wait still.
            (5..9).for_each(|n| ctx.address().cast(n));
            assert_eq!(mark(&ctx), (8, 8));
            for n in 1..9 {
                assert_eq!(ctx.receive_message().await, n);
            }
            assert_eq!(mark(&ctx).0, 0);
            assert!(mark(&ctx).1 >= 5, "what was seen");
        });
    });
}
