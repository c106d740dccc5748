//! Notices of failure: a sender hears that its message made the receiver fail.

mod common;

use common::{expect_empty, in_every_order, next_down};
use futures_lite::future;
use proscenium_runtime::{Context, DeadReason, Event, ExitReason, Failure};

/// What it is told: of which message, and how the receiver failed.
type Told = (&'static str, Failure);

/// A process that panics of `"panic"`, fails of `"error"`, returns of `"return"`, and takes everything else.
async fn touchy(mut ctx: Context<&'static str>) -> Result<(), ExitReason> {
    loop {
        match ctx.receive_message().await {
            "panic" => panic!("ouch"),
            "error" => return Err(ExitReason::error("no")),
            "return" => return Ok(()),
            _ => future::yield_now().await,
        }
    }
}

#[test]
fn a_sender_hears_of_the_message_that_made_the_receiver_panic_and_of_no_other() {
    in_every_order(|mut ctx: Context<Told>| async move {
        let receiver = ctx.spawn(touchy);
        for message in ["before", "panic", "after"] {
            ctx.cast_with_notice(&receiver, message, move |failure| (message, failure));
        }
        let (message, failure) = ctx.receive_message().await;
        assert_eq!(message, "panic");
        assert_eq!(Some(failure.pid), receiver.pid());
        assert_eq!(failure.message_type, "&str");
        assert!(matches!(failure.reason, ExitReason::Panic(panic) if panic.message() == "ouch"));
        receiver.exited().await;
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn an_error_that_the_receiver_returns_is_a_failure_too() {
    in_every_order(|mut ctx: Context<Told>| async move {
        let receiver = ctx.spawn(touchy);
        ctx.cast_with_notice(&receiver, "error", |failure| ("error", failure));
        let (_, failure) = ctx.receive_message().await;
        assert_eq!(failure.reason, ExitReason::error("no"));
    });
}

#[test]
fn the_notice_comes_before_the_down() {
    in_every_order(|mut ctx: Context<Told>| async move {
        let (receiver, _monitor) = ctx.spawn_monitor(touchy);
        ctx.cast_with_notice(&receiver, "panic", |failure| ("panic", failure));
        assert!(matches!(ctx.receive().await, Event::Message(_)));
        next_down(&mut ctx).await;
    });
}

#[test]
fn an_orderly_end_and_a_kill_are_no_failures() {
    in_every_order(|mut ctx: Context<Told>| async move {
        let (receiver, _monitor) = ctx.spawn_monitor(touchy);
        ctx.cast_with_notice(&receiver, "return", |failure| ("return", failure));
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Normal);
        let (receiver, _monitor) = ctx.spawn_monitor(touchy);
        ctx.cast_with_notice(&receiver, "harmless", |failure| ("harmless", failure));
        ctx.exit(&receiver, ExitReason::Kill);
        assert_eq!(next_down(&mut ctx).await.reason, ExitReason::Killed);
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn what_nobody_receives_is_a_dead_letter_and_no_failure() {
    in_every_order(|mut ctx: Context<Told>| async move {
        let letters = ctx.system().dead_letters();
        let receiver = ctx.spawn(touchy);
        ctx.exit(&receiver, ExitReason::Kill);
        receiver.exited().await;
        ctx.cast_with_notice(&receiver, "too late", |failure| ("too late", failure));
        assert_eq!(letters.recv().await.expect("it is there").reason, DeadReason::Exited);
        let nobody = ctx.system().named::<&str>("nobody");
        ctx.cast_with_notice(&nobody, "to nobody", |failure| ("to nobody", failure));
        assert_eq!(letters.recv().await.expect("it is there").reason, DeadReason::NoProcess);
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_failure_of_a_later_message_is_not_told_of_an_earlier_one() {
    in_every_order(|mut ctx: Context<Told>| async move {
        let (receiver, _monitor) = ctx.spawn_monitor(touchy);
        ctx.cast_with_notice(&receiver, "harmless", |failure| ("harmless", failure));
        receiver.cast("panic");
        next_down(&mut ctx).await;
        expect_empty(&mut ctx).await;
    });
}

#[test]
fn a_notice_to_a_sender_that_has_ended_is_a_dead_letter() {
    in_every_order(|ctx: Context<()>| async move {
        let system = ctx.system().clone();
        let letters = system.dead_letters();
        let receiver = system.spawn(|mut ctx: Context<&str>| async move {
            ctx.receive_message().await;
            ctx.receive_message().await;
            panic!("ouch");
        });
        receiver.cast("wait");
        let to = receiver.clone();
        let sender = system.spawn(move |mut ctx: Context<Told>| async move {
            ctx.cast_with_notice(&to, "panic", |failure| ("panic", failure));
        });
        sender.exited().await;
        receiver.cast("go on");
        receiver.exited().await;
        let targets: Vec<_> = std::iter::from_fn(|| letters.try_recv().ok()).map(|letter| letter.target).collect();
        assert_eq!(targets.iter().filter(|target| **target == (&sender).into()).count(), 1, "the notice");
        assert_eq!(targets.iter().filter(|target| **target == (&receiver).into()).count(), 1, "what came after it");
    });
}

#[test]
fn a_panic_of_what_makes_the_notice_ends_the_sender_alone() {
    in_every_order(|mut ctx: Context<()>| async move {
        let receiver = ctx.spawn(touchy);
        let to = receiver.clone();
        let sender = ctx.spawn(move |mut ctx: Context<Told>| async move {
            ctx.cast_with_notice(&to, "panic", |_failure| panic!("no words for it"));
            future::pending::<()>().await;
        });
        assert!(matches!(sender.exited().await, ExitReason::Panic(panic) if panic.message() == "no words for it"));
        assert!(matches!(receiver.exited().await, ExitReason::Panic(panic) if panic.message() == "ouch"));
    });
}
