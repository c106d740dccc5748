//! Word to a sender that what it sent made the receiver fail; Thespian's `PoisonMessage`.

use std::fmt;

use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::sync::Lock;

/// A message made its receiver fail: it was the last that the receiver had received when it panicked or returned an error.
///
/// Asked for with [`Context::cast_with_notice`](crate::Context::cast_with_notice).
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Failure};
///
/// TestSystem::new(1).run(|mut ctx: Context<Failure>| async move {
///     let miller = ctx.spawn(|mut ctx: Context<u32>| async move {
///         let grain = ctx.receive_message().await;
///         assert_ne!(grain, 13, "a stone");
///     });
///     ctx.cast_with_notice(&miller, 13, |failure| failure);
///     let failure = ctx.receive_message().await;
///     assert_eq!(Some(failure.pid), miller.pid());
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Who failed.
    pub pid: Pid,
    /// The Rust type of the message.
    pub message_type: &'static str,
    /// How it failed.
    pub reason: ExitReason,
}

/// Tells the sender of one message. Locked, so that who holds it can be shared between threads; boxed, because there is seldom
/// one.
pub(crate) struct OnFailure(Box<Lock<Option<Tell>>>);

type Tell = Box<dyn FnOnce(Failure) + Send>;

impl OnFailure {
    pub(crate) fn new(tell: impl FnOnce(Failure) + Send + 'static) -> Self {
        OnFailure(Box::new(Lock::new(Some(Box::new(tell)))))
    }

    pub(crate) fn tell(self, failure: Failure) {
        let tell = self.0.lock().take();
        if let Some(tell) = tell {
            tell(failure);
        }
    }
}

impl fmt::Debug for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnFailure")
    }
}
