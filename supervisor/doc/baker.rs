// A troupe for examples: bakers, who take as many seconds as they are told, and answer with their number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use proscenium_behaviours::GenServer;
use proscenium_runtime::{Context, ExitReason, Reply};
use proscenium_supervisor::{Member, Troupe};

pub struct Baker(Member);

pub enum Order {
    /// Takes so many seconds.
    Bread(u64),
    /// Takes so many seconds, and is answered.
    Pizza(u64, Reply<u64>),
    /// The baker fails of it, unless it has been tried before.
    Cake(Arc<AtomicBool>),
}

impl GenServer for Baker {
    type Args = Member;
    type Message = Order;

    async fn init(member: Member, _ctx: &mut Context<Order>) -> Result<Self, ExitReason> {
        Ok(Baker(member))
    }

    async fn handle(&mut self, order: Order, ctx: &mut Context<Order>) -> Result<(), ExitReason> {
        match order {
            Order::Bread(seconds) => ctx.sleep(Duration::from_secs(seconds)).await,
            Order::Pizza(seconds, reply) => {
                ctx.sleep(Duration::from_secs(seconds)).await;
                reply.send(self.0.number());
            }
            Order::Cake(tried) => assert!(tried.swap(true, Ordering::Relaxed), "it fell"),
        }
        Ok(())
    }
}

/// A troupe of them that does not run yet.
pub fn bakers() -> Troupe<Order> {
    Troupe::new(|seat| Baker::start(seat.member()).feed(seat))
}
