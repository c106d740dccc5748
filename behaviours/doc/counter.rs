// The counter of the package's page, for the examples of others.

pub use proscenium_behaviours::GenServer;
use proscenium_runtime::{Context, ExitReason, Reply};

pub enum Count {
    Add(u64),
    Get(Reply<u64>),
}

pub struct Counter {
    pub total: u64,
}

impl GenServer for Counter {
    type Args = u64;
    type Message = Count;

    async fn init(start: u64, _ctx: &mut Context<Count>) -> Result<Self, ExitReason> {
        Ok(Counter { total: start })
    }

    async fn handle(&mut self, message: Count, _ctx: &mut Context<Count>) -> Result<(), ExitReason> {
        match message {
            Count::Add(n) => self.total = self.total.checked_add(n).expect("the total fits"),
            Count::Get(reply) => reply.send(self.total),
        }
        Ok(())
    }
}
