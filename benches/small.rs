//! What single operations cost, without the scheduler: processes lend their contexts to this thread, which does both sides'
//! work. What whole workloads cost is told by `workloads`.
//!
//! ```sh
//! cargo bench --bench small
//! cargo bench --bench small -- timer      # those whose names contain that
//! ```

use std::hint::black_box;
use std::pin::pin;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, bench};
use futures_lite::future::{block_on, pending, poll_once};
use proscenium::{Address, Context, Event, Mailbox, Reply, SpawnOptions, System};
use smol::channel;

const FAR: Duration = Duration::from_secs(3600);

fn main() {
    divan::Divan::from_args().sample_size(100).main();
}

/// A system with one worker, which has nothing to do.
fn system() -> System {
    System::builder("small").workers(1).build().expect("there are threads")
}

/// A process that does nothing of itself, and its context.
fn lend<M: Send + 'static>(system: &System, mailbox: Mailbox) -> (Address<M>, Context<M>) {
    let (lend, context) = channel::bounded(1);
    let options = SpawnOptions::new().mailbox(mailbox);
    let body = move |ctx: Context<M>| async move {
        _ = lend.try_send(ctx);
        pending::<()>().await
    };
    let address = system.spawn_with(options, body).expect("it takes no name");
    (address, block_on(context.recv()).expect("it runs"))
}

/// A message into a mailbox and out again.
#[bench(args = [1, 100])]
fn cast_and_receive(bencher: Bencher<'_, '_>, messages: usize) {
    let system = system();
    let (address, mut ctx) = lend::<usize>(&system, Mailbox::unbounded());
    bencher.counter(ItemsCount::new(messages)).bench_local(|| {
        (0..messages).for_each(|n| address.cast(n));
        (0..messages).for_each(|_| _ = black_box(block_on(ctx.receive_message())));
    });
}

/// The same with a bound.
#[bench(args = [1, 100])]
fn send_to_bounded_and_receive(bencher: Bencher<'_, '_>, messages: usize) {
    let system = system();
    let (address, mut ctx) = lend::<usize>(&system, Mailbox::bounded(128));
    bencher.counter(ItemsCount::new(messages)).bench_local(|| {
        (0..messages).for_each(|n| block_on(address.send(n)).expect("it lives"));
        (0..messages).for_each(|_| _ = black_box(block_on(ctx.receive_message())));
    });
}

/// The message that is behind so many others, and is received before them.
#[bench(args = [10, 1000])]
fn receive_matching(bencher: Bencher<'_, '_>, behind: u64) {
    let system = system();
    let (address, mut ctx) = lend::<u64>(&system, Mailbox::unbounded());
    (1..=behind).for_each(|n| address.cast(n));
    bencher.bench_local(|| {
        address.cast(0);
        ctx.try_receive_matching(|event| matches!(event, proscenium::EventRef::Message(0))).expect("it has come")
    });
}

/// A request and its answer.
#[bench]
fn call_and_reply(bencher: Bencher<'_, '_>) {
    let system = system();
    let (server, mut ctx) = lend::<Reply<u64>>(&system, Mailbox::unbounded());
    bencher.bench_local(|| {
        let mut call = pin!(server.call(|reply| reply));
        assert!(block_on(poll_once(&mut call)).is_none(), "nobody has answered");
        block_on(ctx.receive_message()).send(1);
        block_on(call).expect("it was answered")
    });
}

/// A process that ends as soon as it runs; only what its parent does is measured.
#[bench]
fn spawn(bencher: Bencher<'_, '_>) {
    let system = system();
    let (_address, mut ctx) = lend::<()>(&system, Mailbox::unbounded());
    bencher.bench_local(|| ctx.spawn(|_ctx: Context<()>| async {}));
}

#[bench]
fn monitor_and_demonitor(bencher: Bencher<'_, '_>) {
    let system = system();
    let (_address, mut ctx) = lend::<()>(&system, Mailbox::unbounded());
    let (other, _lent) = lend::<()>(&system, Mailbox::unbounded());
    bencher.bench_local(|| {
        let monitor = ctx.monitor(&other);
        assert!(ctx.demonitor(monitor));
    });
}

#[bench]
fn link_and_unlink(bencher: Bencher<'_, '_>) {
    let system = system();
    let (_address, mut ctx) = lend::<()>(&system, Mailbox::unbounded());
    let (other, _lent) = lend::<()>(&system, Mailbox::unbounded());
    bencher.bench_local(|| {
        ctx.link(&other);
        ctx.unlink(&other);
    });
}

#[bench]
fn register_and_look_up(bencher: Bencher<'_, '_>) {
    let system = system();
    let (address, _lent) = lend::<()>(&system, Mailbox::unbounded());
    let pid = address.pid().expect("it has one");
    bencher.bench_local(|| {
        system.register("name", pid).expect("it is free");
        assert_eq!(system.whereis("name"), Some(pid));
        system.unregister("name")
    });
}

/// A timer among so many others.
#[bench(args = [0, 100_000])]
fn set_and_cancel_timer(bencher: Bencher<'_, '_>, pending: u64) {
    let system = system();
    let (_address, mut ctx) = lend::<()>(&system, Mailbox::unbounded());
    (0..pending).for_each(|n| _ = ctx.send_after(FAR + Duration::from_millis(n * 7919 % pending), ()));
    bencher.bench_local(|| {
        let timer = ctx.send_after(FAR, ());
        ctx.cancel_timer(timer).expect("it is pending")
    });
}

/// A receive with a limit for which there is something already.
#[bench]
fn receive_in_time(bencher: Bencher<'_, '_>) {
    let system = system();
    let (address, mut ctx) = lend::<u64>(&system, Mailbox::unbounded());
    bencher.bench_local(|| {
        address.cast(1);
        let event = block_on(ctx.receive_timeout(FAR));
        assert!(matches!(black_box(event), Some(Event::Message(1))));
    });
}
