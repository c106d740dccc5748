//! Work that blocks, on behalf of a process.

use super::Context;
use crate::exit::ExitReason;
use crate::panic::catch;
use crate::scheduler::{Priority, Service};

impl<M: Send + 'static> Context<M> {
    /// Runs `work` beside the workers and waits for its result; see [`SystemHandle::blocking`](crate::SystemHandle::blocking).
    ///
    /// # Errors
    /// [`ExitReason::Panic`] if `work` panics.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop `work` once it runs: its result is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, ExitReason, System};
    ///
    /// let outcome = System::new("vault").run(|ctx: Context<()>| async move {
    ///     let lines = ctx.blocking(|| std::fs::read_to_string("Cargo.toml").map(|text| text.lines().count())).await??;
    ///     assert!(lines > 10); // No worker has waited for the disk.
    ///     let failed = ctx.blocking(|| panic!("the disk is full")).await;
    ///     assert!(matches!(failed, Err(ExitReason::Panic(panic)) if panic.message() == "the disk is full"));
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExitReason> {
        self.process.system.blocking(work).await
    }

    /// Runs `work` beside the workers, and sends this process what `make` makes of its result, or of its panic. The process
    /// goes on meanwhile.
    ///
    /// A full mailbox takes the message all the same. If the process has ended by then, it is a dead letter. If `make` panics, the
    /// process ends of that.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, ExitReason, System};
    ///
    /// enum Office {
    ///     Counted(Result<usize, ExitReason>),
    /// }
    ///
    /// let outcome = System::new("office").run(|mut ctx: Context<Office>| async move {
    ///     ctx.blocking_then(|| (0..1_000_000).filter(|n| n % 7 == 0).count(), Office::Counted);
    ///     let Office::Counted(count) = ctx.receive_message().await;
    ///     assert_eq!(count?, 142_858);
    ///     Ok(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn blocking_then<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        make: impl FnOnce(Result<T, ExitReason>) -> M + Send + 'static,
    ) {
        let (system, process) = (self.process.system.clone(), self.process.clone());
        let task = async move {
            let result = system.blocking(work).await;
            match catch(|| make(result)) {
                Ok(message) => process.push_own(message),
                Err(panic) => process.crash(ExitReason::Panic(panic)),
            }
        };
        Service::begin(&self.process.system.shared.home, Priority::High, task).detach();
    }
}
