//! Faults that users of other libraries met, where no other topic here shows that we do not have them.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_channel::Receiver;
use common::{Gate, OnDrop, TIMES, expect_empty, in_every_order, kill, next_down, run_on, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Call, CallError, Context, ExitReason, InitAck, Mailbox, Overflow, Pid, Reply};
use proscenium_runtime::{SpawnOptions, StartOptions, Status, System, start_link};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_member_whose_mailbox_was_full_once_still_hears_what_is_broadcast() {
    for_each_seed(100, |test| {
        let (groups, go_on) = (test.groups(), Gate::new());
        let is_joined = Gate::new();
        let (has_joined, may_go_on) = (is_joined.clone(), go_on.clone());
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(1).overflow(Overflow::DropNewest));
        let member = test.spawn_with(options, move |mut ctx: Context<u32>| async move {
            ctx.system().groups().join(&ctx, "news").expect("it is the first");
            has_joined.open();
            may_go_on.passed().await;
            assert_eq!(ctx.receive_message().await, 1);
            assert_eq!(ctx.receive_message().await, 3);
        });
        test.block_on(is_joined.passed());
        assert_eq!(groups.broadcast("news", 1_u32), Ok(1));
        assert_eq!(groups.broadcast("news", 2_u32), Ok(1), "it has no room for it");
        go_on.open();
        test.run_until_idle();
        assert_eq!(groups.broadcast("news", 3_u32), Ok(1));
        assert_eq!(test.block_on(member.expect("it has no name").exited()), ExitReason::Normal);
    });
}

/// A protocol of one request.
struct Ask(Reply<u32>);

/// Starts a process that has room for one message, calls its starter while it starts, and answers calls.
async fn small(mut ctx: Context<Ask>, ack: InitAck, starter: Address<Ask>) -> Result<(), ExitReason> {
    let asked = starter.call(Ask).await?;
    ack.ready();
    loop {
        ctx.receive_message().await.0.send(asked + 1);
    }
}

#[test]
fn processes_with_room_for_one_message_start_and_call_each_other() {
    for_each_seed(100, |test| {
        let one = || SpawnOptions::new().mailbox(Mailbox::bounded(1));
        let mother = test.spawn_with(one(), move |mut ctx: Context<Ask>| async move {
            let (own, parent) = (ctx.address(), ctx.as_parent());
            let mut children = Vec::new();
            for n in 0..5 {
                let (starter, options) = (own.clone(), StartOptions::new().spawn(|_| one()));
                let start = start_link(&parent, options, move |ctx, ack| small(ctx, ack, starter));
                let answer = async { ctx.receive_message().await.0.send(n) };
                let (child, ()) = future::zip(start, answer).await;
                children.push(child.expect("it is ready"));
            }
            for (n, child) in children.iter().enumerate() {
                assert_eq!(child.call(Ask).await, Ok(n as u32 + 1));
            }
        });
        assert_eq!(test.block_on(mother.expect("it has no name").exited()), ExitReason::Normal);
    });
}

#[test]
fn pending_timers_and_intervals_keep_no_system_alive() {
    timetrap(|| {
        let outcome = System::new("timers").run(|mut ctx: Context<u32>| async move {
            ctx.send_after(HOUR, 1);
            ctx.send_interval(HOUR, || 2);
            let timer = ctx.send_after(HOUR, 3);
            ctx.cancel_timer(timer);
            ctx.spawn(|ctx: Context<()>| async move { ctx.sleep(HOUR).await });
        });
        assert_eq!(outcome, Ok(()));
    });
}

#[test]
fn an_address_that_is_kept_keeps_nothing_alive() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (dropped, is_dropped) = async_channel::unbounded();
        let tell = |dropped: &async_channel::Sender<()>| {
            let dropped = dropped.clone();
            OnDrop(move || dropped.try_send(()).expect("the test reads it"))
        };
        let state = tell(&dropped);
        let (process, _) = ctx.spawn_monitor(move |mut ctx: Context<OnDrop<_>>| async move {
            let _state = state;
            drop(ctx.receive_message().await);
        });
        process.cast(tell(&dropped));
        process.cast(tell(&dropped));
        next_down(&mut ctx).await;
        // Its state, the message it has received and the one that it has not.
        assert_eq!(is_dropped.len(), 3);
        assert!(process.pid().is_some(), "the address is kept all the while");
    });
}

#[test]
fn a_cast_to_a_busy_process_does_not_wait_for_it() {
    timetrap(|| {
        let system = workers(1);
        let (begun, free) = (Gate::new(), Arc::new(AtomicBool::new(false)));
        let (has_begun, is_free) = (begun.clone(), free.clone());
        let busy = system.spawn(move |mut ctx: Context<usize>| async move {
            has_begun.open();
            while !is_free.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            for n in 0..TIMES {
                assert_eq!(ctx.receive_message().await, n);
            }
        });
        future::block_on(begun.passed());
        (0..TIMES).for_each(|n| busy.cast(n));
        // It can be looked at meanwhile, too.
        let info = system.process_info(pid(&busy)).expect("it runs");
        assert_eq!((info.queue_len, info.status), (TIMES, Status::Running));
        free.store(true, Ordering::Relaxed);
        assert_eq!(future::block_on(busy.exited()), ExitReason::Normal);
    });
}

#[test]
fn what_is_cast_leaves_before_its_sender_is_done() {
    in_every_order(|mut ctx: Context<()>| async move {
        let home = ctx.address();
        let heard = Gate::new();
        let is_heard = heard.clone();
        let sender = ctx.spawn(move |_ctx: Context<()>| async move {
            home.cast(());
            is_heard.passed().await;
        });
        ctx.receive_message().await;
        heard.open();
        assert_eq!(sender.exited().await, ExitReason::Normal);
    });
}

#[test]
fn two_processes_that_flood_each_other_both_go_on() {
    for overflow in [Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest] {
        in_every_order(move |ctx: Context<()>| async move {
            let flooder = |other: Receiver<Address<()>>| {
                let options = SpawnOptions::new().mailbox(Mailbox::bounded(2).overflow(overflow));
                let process = ctx.system().spawn_with(options, move |mut ctx: Context<()>| async move {
                    let other = other.recv().await.expect("it is given");
                    for _ in 0..20 {
                        other.cast(());
                        other.cast(());
                        ctx.receive_timeout(Duration::ZERO).await;
                    }
                });
                process.expect("it has no name")
            };
            let (first, second) = (async_channel::bounded(1), async_channel::bounded(1));
            let (one, other) = (flooder(first.1), flooder(second.1));
            first.0.try_send(other.clone()).expect("there is room");
            second.0.try_send(one.clone()).expect("there is room");
            assert_eq!(one.exited().await, ExitReason::Normal);
            assert_eq!(other.exited().await, ExitReason::Normal);
        });
    }
}

#[test]
fn every_subscriber_hears_of_every_dead_letter_and_crash_until_it_stops_listening() {
    for_each_seed(100, |test| {
        let (first, second, gone) = (test.dead_letters(), test.dead_letters(), test.dead_letters());
        let (crashes, more) = (test.reports(), test.reports());
        drop(gone);
        let process = test.spawn(|mut ctx: Context<u32>| async move {
            ctx.receive_message().await;
            panic!("as told");
        });
        process.cast(0);
        process.cast(1);
        test.block_on(process.exited());
        process.cast(2);
        assert_eq!((first.len(), second.len()), (2, 2));
        drop(first);
        process.cast(3);
        assert_eq!((second.len(), crashes.len(), more.len()), (3, 1, 1));
    });
}

#[test]
fn a_monitor_may_be_ended_and_set_again_while_its_down_is_handled() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (target, monitor) = ctx.spawn_monitor(|_ctx: Context<()>| async {});
        let down = next_down(&mut ctx).await;
        ctx.demonitor(down.monitor);
        let again = ctx.monitor(pid(&target));
        assert_ne!(again, monitor);
        let down = next_down(&mut ctx).await;
        assert_eq!((down.monitor, down.reason), (again, ExitReason::NoProcess));
        ctx.demonitor(again);
        expect_empty(&mut ctx).await;
    });
}

/// An answer that cannot be dropped without a panic.
#[derive(Debug)]
struct Sore;

impl Drop for Sore {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("it hurts");
        }
    }
}

#[test]
fn a_panic_in_the_drop_of_an_answer_ends_who_drops_it_and_nobody_else() {
    in_every_order(|mut ctx: Context<()>| async move {
        let hurt = |reason: &ExitReason| matches!(reason, ExitReason::Panic(panic) if panic.message() == "it hurts");
        let may_answer = Gate::new();
        let server = || {
            let may_answer = may_answer.clone();
            move |mut ctx: Context<Reply<Sore>>| async move {
                let reply = ctx.receive_message().await;
                may_answer.passed().await;
                reply.send(Sore);
            }
        };

        let (wanted, unwanted) = (ctx.spawn(server()), ctx.spawn(server()));
        drop(unwanted.send_request(|reply| reply));
        may_answer.open();
        assert!(hurt(&unwanted.exited().await), "the server has dropped it");
        let caller = wanted.clone();
        let (caller, _) = ctx.spawn_monitor(move |_ctx: Context<()>| async move {
            let call: Call<'_, _, Sore> = caller.call(|reply| reply);
            drop(call.await);
        });
        assert!(hurt(&next_down(&mut ctx).await.reason), "the caller has dropped it");
        assert_eq!(wanted.exited().await, ExitReason::Normal);
        caller.exited().await;
    });
}

#[test]
fn a_call_to_whoever_is_gone_says_so_and_a_later_one_to_another_is_not_mixed_up_with_it() {
    for_each_seed(100, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let slow = ctx.spawn(|mut ctx: Context<Ask>| async move {
                let Ask(reply) = ctx.receive_message().await;
                ctx.sleep(Duration::from_secs(2)).await;
                reply.send(1);
            });
            let quick = ctx.spawn(|mut ctx: Context<Ask>| async move {
                ctx.sleep(Duration::from_secs(3)).await;
                ctx.receive_message().await.0.send(2);
            });
            let late = slow.call(Ask).timeout(Duration::from_secs(1)).await;
            assert!(matches!(late, Err(CallError::Timeout { .. })), "{late:?}");
            assert_eq!(quick.call(Ask).await, Ok(2));
            let gone = quick.call(Ask).await.expect_err("it has ended");
            assert!(gone.is_no_process(), "{gone}");
            expect_empty(&mut ctx).await;
            kill(ctx.system(), &slow).await;
        });
    });
}

#[test]
fn a_process_that_has_ended_is_found_by_no_new_one_with_its_pid() {
    timetrap(|| {
        run_on(&workers(2), |mut ctx: Context<()>| async move {
            let first = ctx.spawn(|_ctx: Context<u32>| async {});
            first.exited().await;
            for _ in 0..TIMES {
                let successor = ctx.spawn(|mut ctx: Context<u32>| async move {
                    assert_eq!(ctx.receive_message().await, 1, "the others were for another");
                });
                first.cast(0);
                successor.cast(1);
                assert_eq!(successor.exited().await, ExitReason::Normal);
                assert_ne!(pid(&successor), pid(&first));
            }
            assert_eq!(ctx.system().dead_letter_count(), TIMES as u64);
        });
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
