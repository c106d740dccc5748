// Trees for examples, of workers that are started with a number.

use proscenium_runtime::Context;
use proscenium_supervisor::process;
use proscenium_supervisor::tree::{Catalog, Mistakes, Tree, TreeFiles};

async fn body(mut ctx: Context<()>) {
    ctx.receive_message().await;
}

/// The tree that a text describes. It may start a `worker`, whose argument is a number.
pub fn try_plant(text: &str) -> Result<Tree, Mistakes> {
    let catalog = Catalog::new().start("worker", |_number: u32| process(body));
    catalog.read(&TreeFiles::new("tree.ron").embed("tree.ron", text))
}

/// As `try_plant`, of a text without mistakes.
pub fn plant(text: &str) -> Tree {
    try_plant(text).expect("the text has no mistake")
}
