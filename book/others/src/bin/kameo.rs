use std::time::Duration;

use kameo::error::Infallible;
use kameo::prelude::*;
use kameo::supervision::{RestartPolicy, SupervisionStrategy};

#[derive(Clone)]
struct Counter {
    total: u64,
}

impl Actor for Counter {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(state: Self, _me: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(state)
    }
}

struct Add(u64);
struct Get;

impl Message<Add> for Counter {
    type Reply = ();

    async fn handle(&mut self, Add(n): Add, _ctx: &mut Context<Self, ()>) {
        self.total = self.total.checked_add(n).expect("too much");
    }
}

impl Message<Get> for Counter {
    type Reply = u64;

    async fn handle(&mut self, _get: Get, _ctx: &mut Context<Self, u64>) -> u64 {
        self.total
    }
}

struct Parent;

impl Actor for Parent {
    type Args = Self;
    type Error = Infallible;

    fn supervision_strategy() -> SupervisionStrategy {
        SupervisionStrategy::OneForOne
    }

    async fn on_start(state: Self, _me: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(state)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = Parent::spawn(Parent);
    let counter = Counter::supervise(&parent, Counter { total: 0 })
        .restart_policy(RestartPolicy::Permanent)
        .restart_limit(1, Duration::from_secs(5))
        .spawn()
        .await;
    counter.tell(Add(2)).await?;
    println!("{}", counter.ask(Get).await?);
    counter.tell(Add(u64::MAX)).await?;
    println!("{}", counter.ask(Get).await?); // It waits in the mailbox, which the next incarnation has.
    Ok(())
}
