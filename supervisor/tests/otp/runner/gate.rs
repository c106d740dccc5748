//! `suspend`: a supervisor that is kept busy.

use async_channel::{Receiver, Sender};
use proscenium_runtime::{Context, Parent, StartError};
use proscenium_supervisor::{
    ChildSpec, DynamicRef, Restart, StartChild, Starting, SupervisorRef, TypedStart, TypedStarting,
};

/// Keeps a supervisor busy with the start of a child that waits. What happens meanwhile it sees once the gate is dropped,
/// in that order.
pub(crate) struct Gate {
    _open: Sender<()>,
}

impl Gate {
    /// Returns when the supervisor is busy.
    pub(crate) async fn close(ctx: &mut Context<()>, supervisor: &SupervisorRef) -> Self {
        let (gate, gated, entered) = Gate::new();
        let spec = ChildSpec::new("the gate", gated).restart(Restart::Temporary);
        let supervisor = supervisor.clone();
        ctx.spawn(move |_ctx: Context<()>| async move { drop(supervisor.start_child(spec).await) });
        entered.recv().await.expect("the supervisor is idle, and starts the child");
        gate
    }

    /// As [`close`](Self::close), of a pool.
    pub(crate) async fn close_pool(ctx: &mut Context<()>, pool: &DynamicRef) -> Self {
        let (gate, gated, entered) = Gate::new();
        let pool = pool.clone();
        ctx.spawn(move |_ctx: Context<()>| async move { drop(pool.start_child(gated).await) });
        entered.recv().await.expect("the pool is idle, and starts the child");
        gate
    }

    /// A gate, the child that waits for it, and what tells that it does.
    fn new() -> (Self, Gated, Receiver<()>) {
        let (open, opened) = async_channel::bounded(1);
        let (enters, entered) = async_channel::bounded(1);
        (Gate { _open: open }, Gated { enters, opened }, entered)
    }
}

/// A child that chooses not to run, once the gate is dropped.
struct Gated {
    enters: Sender<()>,
    opened: Receiver<()>,
}

impl Gated {
    async fn wait(&self) -> StartError {
        let _ = self.enters.send(()).await;
        let _ = self.opened.recv().await;
        StartError::Ignored
    }
}

impl StartChild for Gated {
    fn start_child<'a>(&'a self, _parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move { Err(self.wait().await) })
    }
}

impl TypedStart for Gated {
    type Handle = ();

    fn start_typed<'a>(&'a self, _parent: &'a Parent) -> TypedStarting<'a, ()> {
        Box::pin(async move { Err(self.wait().await) })
    }
}
