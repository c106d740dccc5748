//! A body may go to another thread wherever it awaits, and what it holds there goes with it.

use std::rc::Rc;

use proscenium::prelude::*;

fn main() {
    let system = System::new("shop");
    system.spawn(|mut ctx: Context<u32>| async move {
        let price = Rc::new(3);
        let number = ctx.receive_message().await;
        let _sum = *price * number;
    });
}
