//! What a process is asked about itself rather than by its protocol; OTP's system messages.
//!
//! It travels in the mailbox, in its turn, and only a behaviour's loop takes it out. To everybody else it is not there: what
//! a process does not take is answered when it ends.

use std::any::Any;
use std::fmt;

use crate::signal::Event;
use crate::sync::Lock;

/// A request to whatever loop runs a process, whatever its messages are; for behaviours.
///
/// The runtime carries it, and knows nothing of what is in it.
///
/// Locked, so that who holds it can be shared between threads.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::SystemMessage;
///
/// #[derive(Debug, PartialEq)]
/// struct Suspend;
///
/// let message = SystemMessage::new(Suspend);
/// let message = message.downcast::<u32>().expect_err("it says something else"); // Here it is again.
/// assert_eq!(message.downcast::<Suspend>().expect("it says that"), Suspend);
/// ```
pub struct SystemMessage(Lock<Option<Box<dyn Any + Send>>>);

impl SystemMessage {
    /// A message that says `content`.
    pub fn new<T: Send + 'static>(content: T) -> Self {
        SystemMessage(Lock::new(Some(Box::new(content))))
    }

    /// What it says, if that is a `T`; otherwise the message again.
    ///
    /// # Errors
    /// The message, if it says something else.
    pub fn downcast<T: 'static>(self) -> Result<T, Self> {
        let content = self.0.lock().take().expect("it is taken out once, with the message");
        content.downcast().map(|content| *content).map_err(|content| SystemMessage(Lock::new(Some(content))))
    }
}

impl fmt::Debug for SystemMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemMessage(..)")
    }
}

/// What a behaviour's loop receives.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Event, Incoming};
///
/// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
///     ctx.address().cast("hello");
///     match ctx.receive_incoming().await {
///         Incoming::Event(event) => assert_eq!(event, Event::Message("hello")),
///         Incoming::System(_) => unreachable!("this process is no behaviour, and gets none"),
///     }
/// });
/// ```
#[derive(Debug)]
pub enum Incoming<M> {
    /// What any process would.
    Event(Event<M>),
    /// A request to the loop.
    System(SystemMessage),
}

/// A process took no system message.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// It has ended.
    Gone,
    /// Nothing in it would ever receive it.
    NotABehaviour,
}
