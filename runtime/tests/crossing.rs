//! Messages between two systems, here two borders in one, under many seeds: nothing is lost, doubled or out of order, and nobody waits in vain.

use std::sync::{Arc, OnceLock};

use futures_lite::future;
use proscenium_runtime::crossing::{Border, CrossingError, Received};
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Address, CallError, Context, Event, ExitReason, MonitorOptions, Reply};
use serde::{Deserialize, Serialize};

const SEEDS: u64 = 200;

#[derive(Debug, Serialize, Deserialize)]
enum Ask {
    /// Starts another of its kind.
    Another(Reply<Address<Ask>>),
    Number(u64),
    Sum(Reply<u64>),
    Drop(Reply<u64>),
    Fail,
}

/// Adds up numbers, which come in order.
async fn adder(mut ctx: Context<Ask>) -> Result<(), ExitReason> {
    let (mut sum, mut last) = (0, 0);
    loop {
        match ctx.receive_message().await {
            Ask::Another(reply) => reply.send(ctx.spawn(boxed_adder)),
            Ask::Number(number) => {
                assert!(number > last, "{number} comes after {last}");
                last = number;
                sum += number;
            }
            Ask::Sum(reply) => reply.send(sum),
            Ask::Drop(reply) => drop(reply),
            Ask::Fail => return Err(ExitReason::error("told to")),
        }
    }
}

fn boxed_adder(ctx: Context<Ask>) -> future::Boxed<Result<(), ExitReason>> {
    Box::pin(adder(ctx))
}

/// Two borders, each with a process that owns it, and what one has to say carried to the other.
async fn two_borders(ctx: &mut Context<()>, main: &Arc<OnceLock<Address<Ask>>>) -> (Arc<Border>, Arc<Border>) {
    let (one, other) = (owner(ctx, main).await, owner(ctx, main).await);
    let (near, far) = (one.0.clone(), other.0.clone());
    one.1.try_send(far.clone()).expect("it waits for it");
    other.1.try_send(near.clone()).expect("it waits for it");
    (near, far)
}

async fn owner(
    ctx: &mut Context<()>,
    main: &Arc<OnceLock<Address<Ask>>>,
) -> (Arc<Border>, async_channel::Sender<Arc<Border>>) {
    let main = main.clone();
    let (tell, told) = async_channel::bounded(1);
    let (peer, peers) = async_channel::bounded(1);
    ctx.spawn_link(move |mut ctx: Context<()>| async move {
        let border = Border::new(ctx.as_parent(), 64 * 1024);
        tell.try_send(border.clone()).expect("it is waited for");
        let peer: Arc<Border> = peers.recv().await.expect("there will be one");
        loop {
            let event = async { Some(ctx.receive().await) };
            let carry = async {
                border.unwritten().await;
                None
            };
            match future::or(event, carry).await {
                Some(Event::Down(down)) => border.tell_down(&down),
                Some(event) => unreachable!("{event:?}"),
                None => carry_over(&border, &peer, &main),
            }
        }
    });
    (told.recv().await.expect("it is told"), peer)
}

fn carry_over(from: &Arc<Border>, to: &Arc<Border>, main: &OnceLock<Address<Ask>>) {
    let mut bytes = Vec::new();
    from.write_with(|more| {
        bytes.extend_from_slice(more);
        Ok(more.len())
    })
    .expect("there is room");
    let mut rest = &bytes[..];
    while let Some((frame, length)) = to.first_frame(rest).expect("they are frames") {
        if let Received::Main(message) = to.receive(frame).expect("it is a frame") {
            let main = main.get().expect("it is there before anybody sends it something");
            main.cast(to.open_main(message).expect("it can be read"));
        }
        rest = &rest[length..];
    }
}

/// An adder beyond the border.
async fn adder_beyond(ctx: &mut Context<()>) -> (Address<Ask>, Arc<Border>, Arc<Border>) {
    let main = Arc::new(OnceLock::new());
    let (near, far) = two_borders(ctx, &main).await;
    far.set_main(main.get_or_init(|| ctx.spawn(adder)).clone());
    let adder = ask_main(&near, ctx).await.expect("it answers");
    (adder, near, far)
}

/// Asks the main process on the other side for another adder.
async fn ask_main(near: &Arc<Border>, ctx: &mut Context<()>) -> Result<Address<Ask>, CallError> {
    let border = near.clone();
    let messenger = ctx.spawn(move |mut ctx: Context<Ask>| async move {
        let ask = ctx.receive_message().await;
        border.send_main(&ask).expect("it crosses");
        drop(ask);
        std::future::pending::<()>().await;
    });
    messenger.call(Ask::Another).await
}

#[test]
fn what_is_sent_by_an_address_arrives_once_and_in_order_also_if_the_address_is_dropped_at_once() {
    for seed in 0..SEEDS {
        TestSystem::new(seed).run(|mut ctx: Context<()>| async move {
            let (adder, ..) = adder_beyond(&mut ctx).await;
            let again = adder.clone();
            (1..=600).for_each(|number| adder.cast(Ask::Number(number)));
            drop(adder);
            assert_eq!(again.call(Ask::Sum).await, Ok(600 * 601 / 2));
        });
    }
}

#[test]
fn a_stand_in_ends_when_nobody_has_its_address_and_lives_as_long_as_somebody_monitors_it() {
    for seed in 0..SEEDS {
        TestSystem::new(seed).run(|mut ctx: Context<()>| async move {
            let (adder, ..) = adder_beyond(&mut ctx).await;
            let (pid, system) = (adder.pid().unwrap(), ctx.system().clone());
            let monitor = ctx.monitor(&adder);
            drop(adder);
            ctx.sleep(std::time::Duration::from_secs(1)).await;
            assert!(system.is_alive(pid));
            assert!(ctx.demonitor(monitor));
            let (adder, ..) = adder_beyond(&mut ctx).await;
            let pid = adder.pid().unwrap();
            drop(adder);
            ctx.sleep(std::time::Duration::from_secs(1)).await;
            assert!(!system.is_alive(pid));
        });
    }
}

#[test]
fn an_end_beyond_the_border_is_told_with_its_reason_to_monitors_links_and_callers() {
    for seed in 0..SEEDS {
        TestSystem::new(seed).run(|mut ctx: Context<()>| async move {
            let (adder, ..) = adder_beyond(&mut ctx).await;
            let dropped = adder.call(Ask::Drop).await;
            assert!(matches!(dropped, Err(CallError::Unanswered { .. })), "{dropped:?}");
            ctx.trap_exit(true);
            ctx.link(&adder);
            ctx.monitor_with(&adder, MonitorOptions::new());
            adder.cast(Ask::Fail);
            let late = adder.call(Ask::Sum).await;
            assert!(
                matches!(&late, Err(CallError::Down { reason, .. }) if reason.to_string() == "told to"),
                "{late:?}"
            );
            let reasons = [ctx.receive().await, ctx.receive().await].map(|event| match event {
                Event::Exit(exit) => exit.reason,
                Event::Down(down) => down.reason,
                Event::Message(()) => unreachable!("nobody sends one"),
            });
            assert_eq!(reasons, [ExitReason::error("told to"), ExitReason::error("told to")]);
        });
    }
}

#[test]
fn a_border_that_closes_tells_everybody_who_waits() {
    for seed in 0..SEEDS {
        TestSystem::new(seed).run(|mut ctx: Context<()>| async move {
            let (adder, near, _far) = adder_beyond(&mut ctx).await;
            let asked = adder.send_request(Ask::Sum);
            near.close(&ExitReason::error("unplugged"));
            let answer = asked.await;
            assert!(
                matches!(&answer, Err(CallError::Down { reason, .. }) if reason.to_string() == "unplugged"),
                "{answer:?}"
            );
            assert_eq!(adder.exited().await, ExitReason::error("unplugged"));
            let again = ask_main(&near, &mut ctx).await;
            assert!(matches!(again, Err(CallError::Unanswered { .. })), "{again:?}");
        });
    }
}

#[test]
fn a_reply_and_an_address_are_serialized_only_on_their_way() {
    let test = TestSystem::new(1);
    let nobody = test.spawn(|_ctx: Context<Ask>| async {});
    let told = ron::to_string(&nobody).unwrap_err().to_string();
    assert_eq!(told, "an Address is serialized only on its way to another OS process");
}

#[test]
fn what_is_no_frame_is_an_error() {
    TestSystem::new(1).run(|ctx: Context<()>| async move {
        let border = Border::new(ctx.as_parent(), 1024);
        assert!(border.first_frame(&[0, 0]).unwrap().is_none(), "there is more to come");
        let large = border.first_frame(&[0xff; 4]).unwrap_err();
        assert!(matches!(large, CrossingError::Garbled { .. }), "{large}");
        for frame in [&[][..], &[0xff], &[0, 1]] {
            let garbled = border.receive(frame).unwrap_err();
            assert!(matches!(garbled, CrossingError::Garbled { .. }), "{garbled}");
        }
    });
}
