//! Conservation: every message sent is handled, given back to its sender, or a dead letter with its reason; once.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{TIMES, expect_empty, in_every_order, kill, many_times, run_on, timetrap, workers};
use fastrand::Rng;
use futures_lite::future;
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{
    Address, CallError, Context, DeadLetter, DeadReason, ExitReason, Mailbox, Pid, Recipient, Reply,
};
use proscenium_runtime::{SpawnOptions, TrySendError};

/// What became of the messages of one storm.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    handled: AtomicU64,
    given_back: AtomicU64,
    dropped: AtomicU64,
}

fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// A message that counts its own end.
struct Token(Arc<Counts>);

impl Token {
    fn new(counts: &Arc<Counts>) -> Self {
        add_one(&counts.sent);
        Token(counts.clone())
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        add_one(&self.0.dropped);
    }
}

/// The reply in it, if there is one, is dropped with the message or answered.
struct Letter(Token, Option<Reply<()>>);

/// Receives, and ends by itself now and then.
async fn receive(mut ctx: Context<Letter>, counts: Arc<Counts>, mut rng: Rng) -> Result<(), ExitReason> {
    loop {
        let Letter(_token, reply) = ctx.receive_message().await;
        add_one(&counts.handled);
        match rng.u32(..20) {
            0 => return Ok(()),
            1 => panic!("while it handles a message"),
            2 => future::yield_now().await,
            3 => continue,
            _ => {}
        }
        reply.into_iter().for_each(|reply| reply.send(()));
    }
}

/// Sends in every way there is.
async fn send(to: Address<Letter>, counts: Arc<Counts>, mut rng: Rng) {
    for _ in 0..10 {
        let letter = || Letter(Token::new(&counts), None);
        let given_back = match rng.u32(..6) {
            0 => {
                to.cast(letter());
                false
            }
            1 => to.try_send(letter()).is_err(),
            2 => to.send(letter()).await.is_err(),
            // A send that is given up while it waits has sent nothing.
            3 => future::poll_once(to.send(letter())).await.is_none_or(|sent| sent.is_err()),
            4 => {
                let asked = to.call(|reply| Letter(Token::new(&counts), Some(reply)));
                matches!(asked.without_timeout().await, Err(CallError::NoProcess { .. }))
            }
            _ => {
                future::yield_now().await;
                continue;
            }
        };
        if given_back {
            add_one(&counts.given_back);
        }
    }
}

/// Four senders, and a receiver that crashes or is killed meanwhile.
async fn storm(mut ctx: Context<()>, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let counts = Arc::new(Counts::default());
    let dead_before = ctx.system().dead_letter_count();
    let mailbox = if rng.bool() { Mailbox::bounded(2) } else { Mailbox::unbounded() };
    let (rng_of_receiver, counted) = (rng.fork(), counts.clone());
    let receiver = ctx
        .system()
        .spawn_with(SpawnOptions::new().mailbox(mailbox), move |ctx| receive(ctx, counted, rng_of_receiver))
        .expect("it has no name");
    let senders: Vec<Address<()>> = (0..4)
        .map(|_| {
            let (to, counts, rng) = (receiver.clone(), counts.clone(), rng.fork());
            ctx.spawn(move |_ctx: Context<()>| send(to, counts, rng))
        })
        .collect();
    for _ in 0..rng.u32(..20) {
        future::yield_now().await;
    }
    kill(ctx.system(), &receiver).await;
    for sender in &senders {
        assert_eq!(sender.exited().await, ExitReason::Normal);
    }
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let dead = ctx.system().dead_letter_count() - dead_before;
    assert_eq!(
        count(&counts.handled) + count(&counts.given_back) + dead,
        count(&counts.sent),
        "seed {seed}: {counts:?}"
    );
    assert_eq!(count(&counts.dropped), count(&counts.sent), "none is kept by anyone");
    expect_empty(&mut ctx).await;
}

#[test]
fn every_message_is_handled_given_back_or_dead_under_seeds() {
    for_each_seed(3 * TIMES as u64, |test| {
        let seed = test.seed();
        test.run(move |ctx: Context<()>| storm(ctx, seed));
    });
}

#[test]
fn every_message_is_handled_given_back_or_dead_on_threads() {
    timetrap(|| {
        let system = workers(4);
        for seed in 0..TIMES as u64 {
            run_on(&system, move |ctx: Context<()>| storm(ctx, seed));
        }
    });
}

#[test]
fn a_dead_letter_tells_its_target_its_type_and_its_reason() {
    for_each_seed(10, |test| {
        let dead_letters = test.dead_letters();
        test.run(|ctx: Context<()>| async move {
            let system = ctx.system();
            let options = SpawnOptions::new().name("small").mailbox(Mailbox::bounded(1));
            let small = system.spawn_with(options, |_ctx: Context<u8>| future::pending::<()>());
            let small = small.expect("the name is free");
            small.cast(1);
            small.cast(2);
            system.named::<u8>("small").cast(3);
            system.named::<u16>("small").cast(4);
            system.named::<u8>("nobody").cast(5);
            kill(system, &small).await;
            small.cast(6);
            system.named::<u8>("small").cast(7);

            let pid = Recipient::Process(pid(&small));
            let name = |name: &str| Recipient::Name(name.into());
            let unread = |reason| reason == DeadReason::DroppedAtExit;
            let letter = |target, message_type, reason| DeadLetter {
                target,
                message_type,
                reason,
                sender: Some(ctx.pid()).filter(|_| !unread(reason)),
            };
            let letters: Vec<_> = std::iter::from_fn(|| dead_letters.try_recv().ok()).collect();
            assert_eq!(
                letters,
                [
                    letter(pid.clone(), "u8", DeadReason::MailboxFull),
                    letter(name("small"), "u8", DeadReason::MailboxFull),
                    letter(name("small"), "u16", DeadReason::NoProcess),
                    letter(name("nobody"), "u8", DeadReason::NoProcess),
                    letter(pid.clone(), "u8", DeadReason::DroppedAtExit),
                    letter(pid, "u8", DeadReason::Exited),
                    letter(name("small"), "u8", DeadReason::NoProcess),
                ]
            );
            assert_eq!(system.dead_letter_count(), 7);
        });
    });
}

#[test]
fn a_message_that_is_not_taken_comes_back_to_who_sent_it() {
    in_every_order(|ctx: Context<()>| async move {
        let gone = ctx.system().spawn(|_ctx: Context<String>| async {});
        gone.exited().await;
        let message = || "here I am again".to_owned();
        let closed = |outcome| matches!(outcome, Err(TrySendError::Closed(back)) if back == message());
        assert!(closed(gone.try_send(message())));
        assert!(closed(ctx.system().named("nobody").try_send(message())));
        assert_eq!(gone.send(message()).await.map_err(|back| back.0), Err(message()));
        let nobody = ctx.system().named("nobody");
        assert_eq!(nobody.send(message()).await.map_err(|back| back.0), Err(message()));
        assert_eq!(ctx.system().dead_letter_count(), 0);
    });
}

#[test]
fn a_message_that_is_put_back_is_received_again_or_a_dead_letter() {
    in_every_order(|ctx: Context<()>| async move {
        let before = ctx.system().dead_letter_count();
        let options = SpawnOptions::new().mailbox(Mailbox::bounded(3));
        let hesitant = ctx.system().spawn_with(options, |mut ctx: Context<u8>| async move {
            assert_eq!(ctx.receive_message().await, 1);
            assert_eq!(ctx.receive_message().await, 2);
            ctx.put_back(2);
            ctx.put_back(1);
            assert_eq!(ctx.queue_len(), 3);
            assert!(ctx.address().try_send(4).is_err(), "they take their room again");
            assert_eq!(ctx.receive_message().await, 1);
            ctx.put_back(1);
        });
        let hesitant = hesitant.expect("it takes no name");
        for n in 1..=3 {
            assert!(hesitant.try_send(n).is_ok());
        }
        hesitant.exited().await;
        assert_eq!(ctx.system().dead_letter_count() - before, 3);
    });
}

#[test]
fn a_message_on_its_way_to_a_dying_process_is_not_lost() {
    many_times(|ctx: Context<()>| async move {
        let before = ctx.system().dead_letter_count();
        let brief = ctx.system().spawn(|mut ctx: Context<u8>| async move {
            ctx.receive_message().await;
        });
        let refused = (0..20).filter(|n| brief.try_send(*n).is_err()).count() as u64;
        brief.exited().await;
        assert_eq!(1 + refused + ctx.system().dead_letter_count() - before, 20);
    });
}

#[test]
fn who_does_not_read_dead_letters_holds_nobody_up_and_loses_the_oldest() {
    for_each_seed(1, |test| {
        let (lazy, gone) = (test.dead_letters(), test.dead_letters());
        drop(gone);
        let nobody: Address<u32> = test.named("nobody");
        (0..5000).for_each(|n| nobody.cast(n));
        assert_eq!(test.dead_letter_count(), 5000);
        assert_eq!(lazy.len(), 4096);
    });
}

fn pid<M: Send + 'static>(address: &Address<M>) -> Pid {
    address.pid().expect("it is of a process, not a name")
}
