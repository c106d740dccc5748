//! A server handles all of its protocol.

use proscenium::prelude::*;

enum Stock {
    Add(u32),
    Count(Reply<u32>),
}

struct Shelf(u32);

impl GenServer for Shelf {
    type Args = ();
    type Message = Stock;

    async fn init(_args: (), _ctx: &mut Context<Stock>) -> Result<Self, ExitReason> {
        Ok(Shelf(0))
    }

    async fn handle(&mut self, message: Stock, _ctx: &mut Context<Stock>) -> Result<(), ExitReason> {
        match message {
            Stock::Add(count) => self.0 += count,
        }
        Ok(())
    }
}

fn main() {}
