//! The process that takes messages for a troupe, and in whose life that runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use proscenium_behaviours::GenServer;
use proscenium_runtime::{Context, ExitReason};

use super::call::Sending;
use super::core::{Bond, Terms};
use super::error::JobFault;
use super::stage::{Scene, Stage};

/// The first of a troupe's processes to start, and the last to stop. Each message that it is sent is a job.
pub(super) struct Door<M: Send + 'static> {
    pub(super) stage: Arc<Stage<M>>,
}

/// The troupe runs already: one value is one troupe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this troupe runs already")]
pub(super) struct RunsAlready;

impl<M: Send + 'static> GenServer for Door<M> {
    type Args = Arc<Stage<M>>;
    type Message = M;

    async fn init(stage: Arc<Stage<M>>, ctx: &mut Context<M>) -> Result<Self, ExitReason> {
        stage.settings().check()?;
        if !stage.open(Scene { system: ctx.system().clone(), door: ctx.address() }) {
            return Err(RunsAlready.into());
        }
        Ok(Door { stage })
    }

    /// While it waits for room, what is sent to it waits in its mailbox.
    async fn handle(&mut self, message: M, ctx: &mut Context<M>) -> Result<(), ExitReason> {
        // What panics there may not take with it all the others' jobs.
        let bond = catch_unwind(AssertUnwindSafe(|| self.stage.bond(&message))).unwrap_or_else(|_panic| {
            slog::error!(ctx.logger(), "a job goes to anybody: what should choose its worker panicked");
            Bond::Anybody
        });
        let sending = Sending::new(&self.stage, Terms { bond, ..Terms::default() }, message).owed();
        if let Err((message, refusal)) = sending.await {
            self.stage.bury(message, JobFault::from(refusal));
        }
        Ok(())
    }
}

impl<M: Send + 'static> Drop for Door<M> {
    fn drop(&mut self) {
        self.stage.close();
    }
}
