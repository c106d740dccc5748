//! Work that blocks, beside the workers.

use crate::exit::ExitReason;
use crate::panic::catch;
use crate::system::SystemHandle;

impl SystemHandle {
    /// Runs `work` on a thread of its own sort, where it may block as long as it likes, and waits for its result. In a
    /// simulated system it runs here and now, and so always in the same order.
    ///
    /// # Errors
    /// [`ExitReason::Panic`] if `work` panics.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop `work` once it runs: its result is lost. A process that is killed meanwhile ends at
    /// once.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("blocking").run(|ctx: Context<()>| async move {
    ///     let sum = ctx.system().clone().blocking(|| (1..=1_000_000_u64).sum::<u64>()).await?;
    ///     assert_eq!(sum, 500_000_500_000);
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExitReason> {
        let work = || catch(work);
        let outcome = if self.shared.scheduler.is_simulated() { work() } else { blocking::unblock(work).await };
        outcome.map_err(ExitReason::Panic)
    }
}
