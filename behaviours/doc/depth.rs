// The server of the page of `isolate`, for the examples of others: how deep brackets go, and so deep goes the stack.

pub use proscenium_behaviours::GenServer;
use proscenium_runtime::{Context, ExitReason, Reply};
use serde::{Deserialize, Serialize};

pub struct Depth;

#[derive(Serialize, Deserialize)]
pub enum Ask {
    Of(String, Reply<u64>),
}

impl GenServer for Depth {
    type Args = ();
    type Message = Ask;

    async fn init(_args: (), _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        Ok(Depth)
    }

    async fn handle(&mut self, Ask::Of(text, reply): Ask, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        reply.send(nested(&mut text.chars()));
        Ok(())
    }
}

fn nested(text: &mut std::str::Chars<'_>) -> u64 {
    if text.next() == Some('[') { 1 + nested(text) } else { 0 }
}
