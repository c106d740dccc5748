//! Notices of failure.

use super::Context;
use crate::address::Address;
use crate::exit::ExitReason;
use crate::failure::{Failure, OnFailure};
use crate::panic::catch;

impl<M: Send + 'static> Context<M> {
    /// As [`Address::cast`]; should the message make its receiver fail, this process receives what `make` makes of that.
    /// Thespian's `PoisonMessage`, without its second try.
    ///
    /// A message makes its receiver fail if it is the last that the receiver has received when it panics or returns an error.
    /// If a signal ends the receiver, or it never receives the message, that is no failure of the message's: monitor the
    /// receiver, or use [`call`](Address::call).
    ///
    /// The notice comes before a down of the receiver. If `make` panics, this process ends of that.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, ExitReason, Failure, System};
    ///
    /// let outcome = System::new("mill").run(|mut ctx: Context<(u32, Failure)>| async move {
    ///     let miller = ctx.spawn(|mut ctx: Context<u32>| async move {
    ///         loop {
    ///             let grain = ctx.receive_message().await;
    ///             assert!(grain != 13, "a stone");
    ///         }
    ///     });
    ///     for grain in [12, 13] {
    ///         ctx.cast_with_notice(&miller, grain, move |failure| (grain, failure));
    ///     }
    ///     let (grain, failure) = ctx.receive_message().await;
    ///     assert_eq!(grain, 13);
    ///     assert!(matches!(failure.reason, ExitReason::Panic(panic) if panic.message() == "a stone"));
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn cast_with_notice<N: Send + 'static>(
        &mut self,
        to: &Address<N>,
        message: N,
        make: impl FnOnce(Failure) -> M + Send + 'static,
    ) {
        let asker = self.process.clone();
        let tell = move |failure| match catch(|| make(failure)) {
            Ok(notice) => Address::of(asker).cast(notice),
            Err(panic) => asker.crash(ExitReason::Panic(panic)),
        };
        to.cast_blamable(message, OnFailure::new(tell));
    }

    /// For behaviours that hand messages on: if this process fails now, that is not the fault of the message received last, and its
    /// sender gets no notice.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let router = ctx.spawn(|mut ctx: Context<&str>| async move {
    ///         ctx.receive_message().await;
    ///         ctx.forgive(); // The message is with whom it was for. What follows is the router's own doing.
    ///         panic!("a bug of the router's");
    ///     });
    ///     ctx.cast_with_notice(&router, "a letter", |_failure| ());
    ///     router.exited().await;
    ///     assert!(ctx.receive_timeout(Duration::from_secs(1)).await.is_none(), "there is no notice");
    /// });
    /// ```
    pub fn forgive(&mut self) {
        self.set_on_failure(None);
    }
}
