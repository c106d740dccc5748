// Children for the examples of supervisors.

use proscenium_runtime::{Address, Context, SystemHandle};
use proscenium_supervisor::{ChildSpec, TypedStart, process};

async fn body(mut ctx: Context<()>) {
    ctx.receive_message().await;
    panic!("it was told to");
}

/// A child whose process has the id for a name, and that fails when it is told to.
pub fn worker(id: &str) -> ChildSpec {
    ChildSpec::new(id, process(body).name(id))
}

/// A start of such a process, without a name.
pub fn guest() -> impl TypedStart<Handle = Address<()>> {
    process(body)
}

/// Tells the worker of that name to fail, and waits until its supervisor has heard of its end.
pub async fn fail(system: &SystemHandle, id: &str) {
    let worker: Address<()> = system.lookup(id).expect("it lives");
    worker.cast(());
    worker.exited().await;
}
