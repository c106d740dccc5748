// A handler that adds up the numbers it is told, for examples; it fails of what does not fit.

pub use proscenium_behaviours::EventHandler;
use proscenium_behaviours::HandlerContext;
use proscenium_runtime::{ExitReason, Reply};

pub struct Sum(pub u64);

impl EventHandler for Sum {
    type Event = u64;
    type Request = Reply<u64>;

    async fn handle_event(&mut self, event: &u64, _ctx: &mut HandlerContext<'_, Self>) -> Result<(), ExitReason> {
        self.0 = self.0.checked_add(*event).ok_or(ExitReason::error("too much"))?;
        Ok(())
    }

    async fn handle_call(
        &mut self,
        reply: Reply<u64>,
        _ctx: &mut HandlerContext<'_, Self>,
    ) -> Result<(), ExitReason> {
        reply.send(self.0);
        Ok(())
    }
}
