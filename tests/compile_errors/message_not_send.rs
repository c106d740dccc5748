//! A message goes to another thread, and an `Rc` cannot.

use std::rc::Rc;

use proscenium::prelude::*;

struct Order {
    _items: Rc<str>,
}

fn main() {
    let system = System::new("shop");
    system.spawn(|mut ctx: Context<Order>| async move {
        ctx.receive_message().await;
    });
}
