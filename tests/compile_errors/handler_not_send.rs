//! A callback may go to another thread wherever it awaits.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proscenium::prelude::*;

struct Till;

impl GenServer for Till {
    type Args = ();
    type Message = u32;

    async fn init(_args: (), _ctx: &mut Context<u32>) -> Result<Self, ExitReason> {
        Ok(Till)
    }

    async fn handle(&mut self, price: u32, ctx: &mut Context<u32>) -> Result<(), ExitReason> {
        let sum = Rc::new(RefCell::new(price));
        ctx.sleep(Duration::from_secs(1)).await;
        *sum.borrow_mut() += 1;
        Ok(())
    }
}

fn main() {}
