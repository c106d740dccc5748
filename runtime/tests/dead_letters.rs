//! Dead letters: what they tell, and how they are counted.

mod common;

use common::{OnDrop, in_every_order, run_on, timetrap, workers};
use futures_lite::future;
use proscenium_runtime::testing::{TestSystem, for_each_seed};
use proscenium_runtime::{Address, Context, DeadLetter, DeadReason, Mailbox, Overflow, Recipient, SpawnOptions};
use proscenium_runtime::{SystemHandle, TrySendError};

const REASONS: [DeadReason; 4] =
    [DeadReason::NoProcess, DeadReason::Exited, DeadReason::DroppedAtExit, DeadReason::MailboxFull];

fn counts(system: &SystemHandle) -> [u64; 4] {
    REASONS.map(|reason| system.dead_letter_count_of(reason))
}

async fn dead(system: &SystemHandle) -> Address<u32> {
    let dead = system.spawn(|_ctx: Context<u32>| async {});
    dead.exited().await;
    dead
}

fn full(system: &SystemHandle, overflow: Overflow) -> Address<u32> {
    let options = SpawnOptions::new().mailbox(Mailbox::bounded(1).overflow(overflow));
    let full = system.spawn_with(options, |_ctx: Context<u32>| future::pending::<()>());
    let full = full.expect("it has no name");
    full.cast(0);
    full
}

#[test]
fn a_dead_letter_tells_who_sent_what_to_whom() {
    in_every_order(|ctx: Context<()>| async move {
        let dead = dead(ctx.system()).await;
        let letters = ctx.system().dead_letters();
        dead.cast(1);
        let expected = DeadLetter {
            target: Recipient::Process(dead.pid().expect("it is a process")),
            message_type: "u32",
            reason: DeadReason::Exited,
            sender: Some(ctx.pid()),
        };
        assert_eq!(letters.try_recv(), Ok(expected));
        assert!(letters.try_recv().is_err());
    });
}

#[test]
fn the_sender_is_the_process_in_which_it_was_sent_on_whatever_thread() {
    timetrap(|| {
        let system = workers(4);
        let letters = system.dead_letters();
        let senders: Vec<_> = (0..10_u32)
            .map(|_| {
                system.spawn(|ctx: Context<()>| async move {
                    // Each sends to a name of its own.
                    let nobody: Address<u32> = ctx.system().named(&ctx.pid().to_string());
                    for n in 0..100 {
                        nobody.cast(n);
                        future::yield_now().await;
                    }
                })
            })
            .collect();
        for sender in &senders {
            future::block_on(sender.exited());
        }
        for _ in 0..1000 {
            let letter = letters.try_recv().expect("it is there");
            let sender = letter.sender.expect("it was sent in a process");
            assert_eq!(letter.target, Recipient::Name(sender.to_string().into()));
        }
        assert!(letters.try_recv().is_err());
    });
}

#[test]
fn what_was_sent_outside_any_process_has_no_sender() {
    for_each_seed(10, |test| {
        let dead = test.block_on(dead(test));
        let letters = test.dead_letters();
        dead.cast(1);
        assert_eq!(letters.try_recv().map(|letter| letter.sender), Ok(None));
        test.run(|_ctx: Context<()>| async {});
        dead.cast(2);
        assert_eq!(letters.try_recv().map(|letter| letter.sender), Ok(None));
    });
}

#[test]
fn what_a_process_sends_as_it_ends_is_its_own() {
    in_every_order(|ctx: Context<()>| async move {
        let dead = dead(ctx.system()).await;
        let letters = ctx.system().dead_letters();
        let last = ctx.system().spawn(move |_ctx: Context<()>| async move {
            let _will = OnDrop(move || dead.cast(1));
            panic!("out of cheese");
        });
        last.exited().await;
        assert_eq!(letters.try_recv().map(|letter| letter.sender), Ok(last.pid()));
    });
}

#[test]
fn of_a_message_that_was_in_the_mailbox_the_sender_is_forgotten() {
    in_every_order(|ctx: Context<()>| async move {
        let letters = ctx.system().dead_letters();
        let full = full(ctx.system(), Overflow::DropOldest);
        let home = ctx.pid();
        let other = ctx.system().spawn({
            let full = full.clone();
            move |_ctx: Context<()>| async move { full.cast(1) }
        });
        other.exited().await;
        // The other did not send what it drove out, and this process not what is left at the end.
        let evicted = letters.try_recv().map(|letter| (letter.reason, letter.sender));
        assert_eq!(evicted, Ok((DeadReason::MailboxFull, None)));
        common::kill(ctx.system(), &full).await;
        let dropped = letters.try_recv().map(|letter| (letter.reason, letter.sender));
        assert_eq!(dropped, Ok((DeadReason::DroppedAtExit, None)));
        full.cast(2);
        assert_eq!(letters.try_recv().map(|letter| letter.sender), Ok(Some(home)));
    });
}

#[test]
fn a_message_dropped_as_the_newest_has_its_sender() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropNewest, Overflow::Exit] {
        TestSystem::new(1).run(move |ctx: Context<()>| async move {
            let letters = ctx.system().dead_letters();
            full(ctx.system(), overflow).cast(1);
            let letter = letters.try_recv().map(|letter| (letter.reason, letter.sender));
            assert_eq!(letter, Ok((DeadReason::MailboxFull, Some(ctx.pid()))), "{overflow:?}");
        });
    }
}

#[test]
fn dead_letters_are_counted_by_reason() {
    for_each_seed(10, |test| {
        test.run(|mut ctx: Context<()>| async move {
            let system = ctx.system().clone();
            assert_eq!(counts(&system), [0; 4]);
            let nobody: Address<u32> = system.named("nobody");
            (0..2).for_each(|n| nobody.cast(n));
            assert_eq!(counts(&system), [2, 0, 0, 0]);
            // Who has the name takes other messages: for these there is nobody.
            ctx.register("somebody").expect("the name is free");
            let somebody: Address<u32> = system.named("somebody");
            somebody.cast(1);
            assert_eq!(counts(&system), [3, 0, 0, 0]);
            let dead = dead(&system).await;
            (0..4).for_each(|n| dead.cast(n));
            assert_eq!(counts(&system), [3, 4, 0, 0]);
            let full = full(&system, Overflow::Wait);
            (0..5).for_each(|n| full.cast(n));
            assert_eq!(counts(&system), [3, 4, 0, 5]);
            common::kill(&system, &full).await;
            assert_eq!(counts(&system), [3, 4, 1, 5]);
            // What is given back is no dead letter.
            assert_eq!(dead.try_send(9), Err(TrySendError::Closed(9)));
            assert!(dead.send(9).await.is_err());
            assert_eq!(system.dead_letter_count(), 13);
        });
    });
}

#[test]
fn systems_count_their_own() {
    timetrap(|| {
        let (one, other) = (workers(1), workers(1));
        let dead = future::block_on(dead(&one));
        run_on(&other, move |_ctx: Context<()>| async move { dead.cast(1) });
        assert_eq!((one.dead_letter_count(), other.dead_letter_count()), (1, 0));
    });
}
