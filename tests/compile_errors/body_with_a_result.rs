//! Nobody is there to whom a body could return something.

use proscenium::prelude::*;

fn main() {
    let system = System::new("shop");
    system.spawn(|mut ctx: Context<u32>| async move { ctx.receive_message().await + 1 });
}
