//! A shard that is too slow for its clients: first seen, then bounded.

use std::time::Duration;

use proscenium::prelude::*;
use proscenium::testing::TestSystem;
use proscenium::{Overflow, SpawnOptions};

// ANCHOR: shard
struct Get(Reply<u32>);

/// Takes ten milliseconds for each request that somebody still waits for; or for each, if it does not look.
async fn shard(looks: bool, mut ctx: Context<Get>) {
    loop {
        let Get(reply) = ctx.receive_message().await;
        if !looks || reply.is_wanted() {
            ctx.sleep(Duration::from_millis(10)).await;
            reply.send(3);
        }
    }
}

/// Asks, waits for two seconds at most, rests for one, and asks again.
async fn client(ctx: Context<()>, shard: Address<Get>, heard: Address<Result<u32, CallError>>) {
    loop {
        heard.cast(shard.call(Get).timeout(Duration::from_secs(2)).await);
        ctx.sleep(Duration::from_secs(1)).await;
    }
}
// ANCHOR_END: shard

// ANCHOR: measure
/// What 500 clients hear within a minute.
fn measure(mailbox: Mailbox, looks: bool) -> Result<String, ExitReason> {
    let test = TestSystem::new(1);
    let options = SpawnOptions::new().name("shard-0").mailbox(mailbox);
    let shard = test.spawn_with(options, move |ctx| shard(looks, ctx))?;
    let mut heard = test.probe();
    for _ in 0..500 {
        let (shard, heard) = (shard.clone(), heard.address());
        test.spawn(|ctx| client(ctx, shard, heard));
    }
    test.advance(Duration::from_secs(60));

    let info = shard.pid().and_then(|pid| test.process_info(pid)).ok_or(ExitReason::NoProcess)?;
    let [mut answered, mut late, mut refused] = [0; 3];
    while let Some(event) = heard.try_receive_matching(|_| true) {
        match event {
            Event::Message(Ok(_)) => answered += 1,
            Event::Message(Err(CallError::Timeout { .. })) => late += 1,
            _ => refused += 1,
        }
    }
    let waiting = info.queue_len;
    Ok(format!("{answered:>4} answered, {late:>4} too late, {refused:>5} refused, {waiting:>4} wait"))
}

pub(crate) fn main() -> Result<(), ExitReason> {
    let bounded = || Mailbox::bounded(100).overflow(Overflow::Reject);
    println!("as it was:        {}", measure(Mailbox::unbounded(), false)?);
    println!("looks who waits:  {}", measure(Mailbox::unbounded(), true)?);
    println!("at most 100:      {}", measure(bounded(), false)?);
    Ok(())
}
// ANCHOR_END: measure
