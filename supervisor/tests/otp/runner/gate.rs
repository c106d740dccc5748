//! `suspend`: a supervisor that is kept busy.

use async_channel::{Receiver, Sender};
use proscenium_runtime::{Context, Parent, StartError};
use proscenium_supervisor::{ChildSpec, Restart, StartChild, Starting, SupervisorRef};

/// Keeps a supervisor busy with the start of a child that waits. What happens meanwhile it sees once the gate is dropped,
/// in that order.
pub(crate) struct Gate {
    _open: Sender<()>,
}

impl Gate {
    /// Returns when the supervisor is busy.
    pub(crate) async fn close(ctx: &mut Context<()>, supervisor: &SupervisorRef) -> Self {
        let (open, opened) = async_channel::bounded(1);
        let (entered, waits) = async_channel::bounded(1);
        let spec = ChildSpec::new("the gate", Gated { entered, opened }).restart(Restart::Temporary);
        let supervisor = supervisor.clone();
        ctx.spawn(move |_ctx: Context<()>| async move { drop(supervisor.start_child(spec).await) });
        waits.recv().await.expect("the supervisor is idle, and starts the child");
        Gate { _open: open }
    }
}

/// A child that chooses not to run, once the gate is dropped.
struct Gated {
    entered: Sender<()>,
    opened: Receiver<()>,
}

impl StartChild for Gated {
    fn start_child<'a>(&'a self, _parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move {
            let _ = self.entered.send(()).await;
            let _ = self.opened.recv().await;
            Err(StartError::Ignored)
        })
    }
}
