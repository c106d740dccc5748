//! Aliases, and the priority messages that come by way of them.

mod common;

use std::time::Duration;

use common::{expect_empty, idle, in_every_order, next_down, next_exit, text};
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{
    Address, AliasOptions, Context, DeadReason, Event, EventRef, ExitReason, Mailbox, MonitorOptions, Pid,
    SpawnOptions, TrySendError,
};

/// What waits in the mailbox, as text, in the order in which it is received.
async fn all(ctx: &mut Context<u32>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(event) = ctx.receive_timeout(Duration::ZERO).await {
        all.push(text(&event));
    }
    all
}

#[test]
fn a_priority_message_goes_before_all_that_have_none_and_behind_those_that_have() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let urgent = ctx.alias(AliasOptions::new().priority());
        let ordinary = ctx.address();
        ordinary.cast(1);
        urgent.cast_with_priority(10);
        urgent.cast(2);
        urgent.cast_with_priority(11);
        ordinary.cast(3);
        assert_eq!(all(&mut ctx).await, ["message 10", "message 11", "message 1", "message 2", "message 3"]);
    });
}

#[test]
fn a_priority_message_goes_before_what_its_receiver_has_looked_at_already() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let urgent = ctx.alias(AliasOptions::new().priority());
        (1..=3).for_each(|n| ctx.address().cast(n));
        assert_eq!(text(&ctx.receive().await), "message 1");
        urgent.cast_with_priority(10);
        urgent.cast_with_priority(11);
        assert_eq!(all(&mut ctx).await, ["message 10", "message 11", "message 2", "message 3"]);
    });
}

#[test]
fn a_selective_receive_sees_a_priority_message_that_comes_while_it_waits() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let urgent = ctx.alias(AliasOptions::new().priority());
        (1..=3).for_each(|n| ctx.address().cast(n));
        let mut looked_at = Vec::new();
        let sender = urgent.clone();
        let wanted = async {
            ctx.receive_matching(|event| {
                let EventRef::Message(message) = event else { return false };
                looked_at.push(*message);
                *message == 12
            })
            .await
        };
        let send = async {
            future::yield_now().await;
            [10, 11, 12].into_iter().for_each(|n| sender.cast_with_priority(n));
        };
        let (found, ()) = future::zip(wanted, send).await;
        assert_eq!(found, Event::Message(12));
        assert_eq!(looked_at, [1, 2, 3, 10, 11, 12], "each is looked at once");
        assert_eq!(all(&mut ctx).await, ["message 10", "message 11", "message 1", "message 2", "message 3"]);
    });
}

#[test]
fn without_the_right_to_it_a_message_has_no_priority() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let plain = ctx.alias(AliasOptions::new());
        ctx.address().cast(1);
        plain.cast_with_priority(2);
        assert_eq!(all(&mut ctx).await, ["message 1", "message 2"]);
    });
}

#[test]
fn a_priority_message_finds_room_in_a_full_mailbox_and_counts_there() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (give, take) = async_channel::bounded(1);
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
        let bounded = ctx
            .spawn_link_with(options, move |mut ctx: Context<u32>| async move {
                let alias = ctx.alias(AliasOptions::new().priority());
                give.try_send(alias).expect("it is the only one");
                future::yield_now().await;
                loop {
                    ctx.receive_message().await;
                }
            })
            .expect("it has no name");
        let urgent = take.recv().await.expect("it is sent");
        let _ = bounded.try_send(1);
        let _ = bounded.try_send(2);
        urgent.cast_with_priority(3);
        assert_eq!(ctx.system().dead_letter_count_of(DeadReason::MailboxFull), 0);
        bounded.send(4).await.expect("there is room once the others are received");
        ctx.unlink(&bounded);
        ctx.exit(&bounded, ExitReason::Kill);
        bounded.exited().await;
        assert_eq!(bounded.try_send(5), Err(TrySendError::Closed(5)));
    });
}

#[test]
fn what_has_priority_keeps_its_order_from_one_receive_to_the_next() {
    TestSystem::new(1).run(|mut ctx: Context<u32>| async move {
        let urgent = ctx.alias(AliasOptions::new().priority());
        urgent.cast_with_priority(1);
        urgent.cast_with_priority(2);
        assert_eq!(ctx.receive_message().await, 1);
        urgent.cast_with_priority(3);
        assert_eq!(ctx.receive_message().await, 2);
        assert_eq!(ctx.receive_message().await, 3);
    });
}

#[test]
fn nothing_with_priority_is_lost_when_its_receiver_is_about_to_wait() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let urgent = ctx.alias(AliasOptions::new().priority());
        let ordinary = ctx.address();
        let sender = ctx.spawn(move |_ctx: Context<()>| async move {
            for n in 0..20 {
                if n % 3 == 0 {
                    urgent.cast_with_priority(n)
                } else {
                    ordinary.cast(n)
                }
                future::yield_now().await;
            }
        });
        let mut received = Vec::new();
        for _ in 0..20 {
            received.push(ctx.receive_message().await);
        }
        sender.exited().await;
        let of = |priority: bool| received.iter().copied().filter(|n| (n % 3 == 0) == priority).collect::<Vec<u32>>();
        assert!(of(true).is_sorted() && of(false).is_sorted(), "{received:?}");
        received.sort_unstable();
        assert_eq!(received, (0..20).collect::<Vec<_>>());
    });
}

#[test]
fn an_inactive_alias_reaches_nobody() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let alias = ctx.alias(AliasOptions::new().priority());
        alias.cast(1);
        assert!(ctx.unalias(&alias), "it was active");
        assert!(!ctx.unalias(&alias), "it is no more");
        alias.cast(2);
        alias.cast_with_priority(3);
        alias.exit(ExitReason::Kill);
        assert_eq!(all(&mut ctx).await, ["message 1"], "what came before stays");
    });
}

#[test]
fn what_is_sent_by_an_inactive_alias_is_a_dead_letter_that_says_so() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<u32>| async move {
            let letters = ctx.system().dead_letters();
            let alias = ctx.alias(AliasOptions::new());
            ctx.unalias(&alias);
            alias.cast(1);
            let letter = letters.try_recv().expect("it is there");
            assert_eq!(letter.reason, DeadReason::InactiveAlias);
            assert_eq!((letter.target, letter.sender), (ctx.pid().into(), Some(ctx.pid())));
        });
    });
}

#[test]
fn an_alias_for_one_message_lets_one_of_many_senders_through() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let before = ctx.system().dead_letter_count_of(DeadReason::InactiveAlias);
        let alias = ctx.alias(AliasOptions::new().once());
        let senders: Vec<_> = (0..4)
            .map(|n| {
                let alias = alias.clone();
                ctx.spawn(move |_ctx: Context<()>| async move { alias.cast(n) })
            })
            .collect();
        for sender in senders {
            sender.exited().await;
        }
        assert_eq!(all(&mut ctx).await.len(), 1);
        assert_eq!(ctx.system().dead_letter_count_of(DeadReason::InactiveAlias) - before, 3);
        assert!(!ctx.unalias(&alias));
    });
}

#[test]
fn an_alias_of_another_process_cannot_be_taken_back() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let alias = ctx.alias(AliasOptions::new());
        let stranger = alias.clone();
        let other = ctx.spawn(move |mut ctx: Context<u32>| async move {
            assert!(!ctx.unalias(&stranger));
        });
        assert_eq!(other.exited().await, ExitReason::Normal);
        alias.cast(1);
        assert_eq!(all(&mut ctx).await, ["message 1"]);
    });
}

#[test]
fn an_alias_ends_with_its_process() {
    in_every_order(|mut ctx: Context<()>| async move {
        let (give, take) = async_channel::bounded(1);
        let owner = ctx.spawn(move |mut ctx: Context<u32>| async move {
            give.try_send(ctx.alias(AliasOptions::new())).expect("it is the only one");
        });
        owner.exited().await;
        let letters = ctx.system().dead_letters();
        take.try_recv().expect("it was sent").cast(1);
        assert_eq!(letters.recv().await.expect("it is there").reason, DeadReason::Exited);
    });
}

#[test]
fn an_exit_by_a_priority_alias_is_trapped_before_what_waits() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let urgent = ctx.alias(AliasOptions::new().priority());
        let plain = ctx.alias(AliasOptions::new());
        ctx.address().cast(1);
        plain.exit_with_priority(ExitReason::error("no right"));
        urgent.exit(ExitReason::error("no hurry"));
        urgent.exit_with_priority(ExitReason::error("hurry"));
        assert_eq!(all(&mut ctx).await, ["exit hurry", "message 1", "exit no right", "exit no hurry"]);
    });
}

#[test]
fn the_exit_of_a_link_with_priority_goes_before_what_waits() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let (plain, urgent) = (ctx.spawn(idle), ctx.spawn(idle));
        ctx.link(&plain);
        ctx.link_with_priority(&urgent);
        ctx.address().cast(1);
        for (child, why) in [(&plain, "plain"), (&urgent, "urgent")] {
            ctx.exit(child, ExitReason::error(why));
            child.exited().await;
        }
        assert_eq!(all(&mut ctx).await, ["exit urgent", "message 1", "exit plain"]);
    });
}

#[test]
fn a_link_loses_its_priority_when_it_is_removed() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let child = ctx.spawn(idle);
        ctx.link_with_priority(&child);
        ctx.unlink(&child);
        ctx.link(&child);
        ctx.address().cast(1);
        ctx.exit(&child, ExitReason::Shutdown);
        child.exited().await;
        assert_eq!(all(&mut ctx).await, ["message 1", "exit shutdown"]);
    });
}

#[test]
fn an_exit_that_waits_with_priority_is_flushed_by_unlink() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let child = ctx.spawn(idle);
        ctx.link_with_priority(&child);
        (1..=2).for_each(|n| ctx.address().cast(n));
        ctx.exit(&child, ExitReason::Shutdown);
        child.exited().await;
        assert_eq!(ctx.try_receive_matching(|event| matches!(event, EventRef::Message(1))), Some(Event::Message(1)));
        ctx.unlink(&child);
        assert_eq!(all(&mut ctx).await, ["message 2"]);
    });
}

#[test]
fn a_down_with_priority_goes_before_what_waits() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let child = ctx.spawn(idle);
        ctx.monitor(&child);
        ctx.monitor_with(&child, MonitorOptions::new().priority());
        ctx.monitor_with(&child, MonitorOptions::new().priority().message(|_down| 10));
        ctx.address().cast(1);
        ctx.exit(&child, ExitReason::Shutdown);
        child.exited().await;
        assert_eq!(all(&mut ctx).await, ["down shutdown", "message 10", "message 1", "down shutdown"]);
    });
}

#[test]
fn a_monitor_of_nobody_keeps_its_options() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.address().cast(1);
        ctx.monitor_with("nobody", MonitorOptions::new().priority());
        let down = next_down(&mut ctx).await;
        assert_eq!(down.name.as_deref(), Some("nobody"));
        assert_eq!(down.reason, ExitReason::NoProcess);
        assert_eq!(text(&ctx.receive().await), "message 1");
    });
}

#[test]
fn a_monitor_by_name_watches_who_has_the_name_now() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let name = format!("first of {}", ctx.pid());
        let spawn = |ctx: &mut Context<u32>| {
            let options = SpawnOptions::new().name(&name);
            ctx.system().spawn_with(options, idle).expect("the name is free")
        };
        let first = spawn(&mut ctx);
        let monitor = ctx.monitor(&*name);
        ctx.exit(&*name, ExitReason::Kill);
        let down = next_down(&mut ctx).await;
        assert_eq!((down.monitor, down.pid, down.reason), (monitor, pid(&first), ExitReason::Killed));
        assert_eq!(down.name.as_deref(), Some(&*name));
        // The name is free by then, and the next who has it is another's concern.
        let second = spawn(&mut ctx);
        ctx.exit(&second, ExitReason::Kill);
        second.exited().await;
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_down_may_come_as_a_message_of_the_watchers_own() {
    in_every_order(|mut ctx: Context<String>| async move {
        let child = ctx.spawn(|_ctx: Context<()>| async { Err(ExitReason::error("flat")) });
        ctx.monitor_with(&child, MonitorOptions::new().message(|down| format!("tyre {}", down.reason)));
        let told = ctx.receive_message().await;
        assert!(["tyre flat", "tyre no process"].contains(&&*told), "{told}");
    });
}

#[test]
fn a_down_that_waits_as_a_message_is_flushed_by_demonitor() {
    in_every_order(|mut ctx: Context<u32>| async move {
        for waits in [true, false] {
            let child = ctx.spawn(idle);
            let monitor = ctx.monitor_with(&child, MonitorOptions::new().message(|_down| 7));
            ctx.exit(&child, ExitReason::Shutdown);
            if waits {
                child.exited().await;
            }
            ctx.demonitor(monitor);
            child.exited().await;
            expect_empty(&mut ctx).await;
        }
    });
}

#[test]
fn a_panic_of_what_makes_a_message_of_a_down_ends_the_watcher_alone() {
    in_every_order(|mut ctx: Context<()>| async move {
        let child = ctx.spawn(idle);
        let victim = child.clone();
        let watcher = ctx.spawn(move |mut ctx: Context<()>| async move {
            ctx.monitor_with(&victim, MonitorOptions::new().message(|_down| panic!("no words for it")));
            ctx.exit(&victim, ExitReason::Shutdown);
            future::pending::<()>().await;
        });
        assert!(matches!(watcher.exited().await, ExitReason::Panic(panic) if panic.message() == "no words for it"));
        assert_eq!(child.exited().await, ExitReason::Shutdown);
    });
}

#[test]
fn a_demonitor_tells_whether_the_monitor_stood() {
    in_every_order(|mut ctx: Context<u32>| async move {
        let child = ctx.spawn(idle);
        let (first, second) = (ctx.monitor(&child), ctx.monitor(&child));
        assert!(ctx.demonitor(first));
        assert!(!ctx.demonitor(first));
        ctx.exit(&child, ExitReason::Kill);
        child.exited().await;
        assert!(!ctx.demonitor(second), "its down has come, and is flushed");
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_link_made_twice_with_priority_and_without_is_one_link() {
    in_every_order(|mut ctx: Context<u32>| async move {
        ctx.trap_exit(true);
        let child = ctx.spawn(idle);
        ctx.link(&child);
        ctx.link_with_priority(&child);
        ctx.exit(&child, ExitReason::Shutdown);
        assert_eq!(next_exit(&mut ctx).await.pid, pid(&child));
        child.exited().await;
        expect_empty(&mut ctx).await;
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process")
}
