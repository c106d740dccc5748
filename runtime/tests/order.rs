//! Order: between two processes, the order of sending is the order of receiving, for messages, trapped exits and downs
//! alike.

mod common;

use std::time::Duration;

use common::{OnDrop, TIMES, in_every_order, next_exit, run_on, text, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Address, Context, DeadReason, Event, EventRef, ExitReason, Reply};

#[test]
fn messages_exits_and_the_end_of_one_sender_arrive_in_the_order_of_sending() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let home = ctx.address();
        let receiver = ctx.pid();
        let sender = ctx.spawn_link(move |ctx: Context<()>| async move {
            home.cast(1);
            ctx.exit(receiver, ExitReason::error("a"));
            home.cast(2);
            ctx.exit(receiver, ExitReason::Normal);
            ctx.exit(receiver, ExitReason::error("b"));
            home.cast(3);
        });
        let received = receive(&mut ctx, 7).await;
        assert_eq!(
            received,
            ["message 1", "exit a", "message 2", "exit normal", "exit b", "message 3", "exit normal"],
            "from {sender}"
        );
    });
}

#[test]
fn a_down_comes_after_all_that_its_process_sent() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let home = ctx.address();
        ctx.spawn_monitor(move |_ctx: Context<()>| async move {
            // The last word is sent when the state is dropped.
            let _last_word = OnDrop(|| home.cast(3));
            home.cast(1);
            future::yield_now().await;
            home.cast(2);
            Err(ExitReason::error("done"))
        });
        let received = receive(&mut ctx, 4).await;
        assert_eq!(received, ["message 1", "message 2", "message 3", "down done"]);
    });
}

#[test]
fn nothing_sent_after_an_exit_signal_is_received() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let home = ctx.address();
        let (sink, _) = ctx.spawn_monitor(move |mut ctx: Context<u32>| async move {
            loop {
                home.cast(ctx.receive_message().await);
            }
        });
        let dead_letters = ctx.system().dead_letters();
        (1..=5).for_each(|n| sink.cast(n));
        ctx.exit(sink.pid().expect("it is a process"), ExitReason::Shutdown);
        (6..=10).for_each(|n| sink.cast(n));

        let mut received = Vec::new();
        while let Event::Message(n) = ctx.receive().await {
            received.push(n);
        }
        assert!((1..=5).collect::<Vec<_>>().starts_with(&received), "{received:?}");
        let reasons: Vec<_> = std::iter::from_fn(|| dead_letters.try_recv().ok()).map(|letter| letter.reason).collect();
        let late = reasons.iter().filter(|reason| **reason == DeadReason::Exited).count();
        assert_eq!(late, 5);
        assert_eq!(reasons.len(), 10 - received.len());
    });
}

#[test]
fn each_of_many_senders_keeps_its_own_order() {
    const SENDERS: usize = 4;
    const EACH: u32 = 5000;
    timetrap(|| {
        run_on(&workers(4), |mut ctx: Context<(usize, u32)>| async move {
            for sender in 0..SENDERS {
                let home = ctx.address();
                ctx.spawn(move |_ctx: Context<()>| async move {
                    for n in 0..EACH {
                        home.cast((sender, n));
                        if n % 64 == 0 {
                            future::yield_now().await;
                        }
                    }
                });
            }
            let mut next = [0; SENDERS];
            for _ in 0..SENDERS * EACH as usize {
                let (sender, n) = ctx.receive_message().await;
                assert_eq!(n, next[sender], "of sender {sender}");
                next[sender] += 1;
            }
        });
    });
}

#[test]
fn what_is_sent_by_name_and_by_pid_goes_through_one_mailbox() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let name = ctx.pid().to_string();
        ctx.register(&name).expect("nobody else has this pid");
        let by_pid = ctx.address();
        ctx.spawn(move |ctx: Context<()>| async move {
            let by_name: Address<u32> = ctx.system().named(&name);
            for n in 0..10 {
                if n % 3 == 0 { &by_name } else { &by_pid }.cast(n);
            }
        });
        for n in 0..10 {
            assert_eq!(ctx.receive_message().await, n);
        }
    });
}

#[test]
fn a_request_keeps_its_place_among_casts() {
    #[derive(Debug)]
    enum Ask {
        Add(u32),
        Total(Reply<u32>),
    }
    in_every_order(|mut ctx: Context<()>| async move {
        let counter = ctx.spawn_link(|mut ctx: Context<Ask>| async move {
            let mut total = 0;
            loop {
                match ctx.receive_message().await {
                    Ask::Add(n) => total += n,
                    Ask::Total(reply) => reply.send(total),
                }
            }
        });
        for n in 1..=4 {
            counter.cast(Ask::Add(1));
            let mut total = counter.call(Ask::Total);
            let early = future::poll_once(&mut total).await;
            counter.cast(Ask::Add(100));
            let total = match early {
                Some(total) => total,
                None => total.await,
            };
            assert_eq!(total, Ok(n + (n - 1) * 100));
        }
    });
}

#[test]
fn a_selective_receive_leaves_the_others_in_their_order() {
    for_each_seed(TIMES as u64, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            ctx.trap_exit(true);
            let me = ctx.pid();
            for n in 1..=3 {
                ctx.address().cast(n);
                ctx.exit(me, ExitReason::error(format!("after {n}")));
            }
            let exit = ctx.receive_matching(
                |event| matches!(event, EventRef::Exit(exit) if exit.reason.to_string() == "after 2"),
            );
            assert_eq!(text(&exit.await), "exit after 2");
            let three = ctx.receive_matching(|event| matches!(event, EventRef::Message(3)));
            assert_eq!(text(&three.await), "message 3");
            assert_eq!(ctx.receive_message().await, 1);
            assert_eq!(receive(&mut ctx, 3).await, ["exit after 1", "message 2", "exit after 3"]);
        });
    });
}

#[test]
fn a_selective_receive_looks_only_once_at_what_it_has_passed_over() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            (0..1000).for_each(|n| ctx.address().cast(n));
            ctx.send_after(Duration::from_secs(1), 1000);
            let mut looks = 0;
            let found = ctx.receive_matching(|event| {
                looks += 1;
                matches!(event, EventRef::Message(1000))
            });
            assert_eq!(text(&found.await), "message 1000");
            assert_eq!(looks, 1001);
        });
    });
}

#[test]
fn a_trapped_exit_of_a_chain_comes_after_what_the_last_of_it_sent() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let home = ctx.address();
        let middle = ctx.spawn_link(move |mut ctx: Context<()>| async move {
            ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("far")) });
            let _last_word = OnDrop(|| home.cast(7));
            future::pending::<()>().await;
        });
        assert_eq!(ctx.receive_message().await, 7);
        let exit = next_exit(&mut ctx).await;
        assert_eq!((Some(exit.pid), exit.reason), (middle.pid(), ExitReason::error("far")));
    });
}

async fn receive(ctx: &mut Context<u32>, count: usize) -> Vec<String> {
    let mut received = Vec::new();
    for _ in 0..count {
        received.push(text(&ctx.receive().await));
    }
    received
}
