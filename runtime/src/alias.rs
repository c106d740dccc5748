//! Addresses that their owner can take back; OTP's aliases, and its priority messages, which come by way of one.

use std::fmt;
use std::sync::Arc;

use crate::any_process::{AnyProcess, WithControl};
use crate::context::Context;
use crate::current;
use crate::dead_letters::DeadReason;
use crate::exit::ExitReason;
use crate::links::AliasRights;
use crate::pid::{AliasRef, Pid};
use crate::process::{Process, Refused};
use crate::signal::{Exit, Signal, Urgency};

/// An address of a process that the process can make inactive: what is sent by way of it then is a dead letter and never
/// reaches the mailbox. Made by [`Context::alias`]; cheap to clone, and free to give away.
///
/// A [`Reply`](crate::Reply) is an alias for one answer. An alias is for several, until no more are wanted, or for the few
/// who may overtake others: by way of an alias with [`AliasOptions::priority`], a message can be sent before all that wait
/// without priority.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{AliasOptions, Context, DeadReason, System};
///
/// let outcome = System::new("kitchen").run(|mut ctx: Context<&str>| async move {
///     let bell = ctx.alias(AliasOptions::new().priority());
///     ctx.address().cast("an order");
///     bell.cast_with_priority("fire!");
///     assert_eq!(ctx.receive_message().await, "fire!");
///     assert_eq!(ctx.receive_message().await, "an order");
///
///     assert!(ctx.unalias(&bell));
///     bell.cast("nobody listens");
///     assert_eq!(ctx.system().dead_letter_count_of(DeadReason::InactiveAlias), 1);
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct Alias<M: Send + 'static> {
    process: Arc<Process<M>>,
    reference: AliasRef,
}

/// What an alias allows; OTP's options of `alias/1`.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{AliasOptions, Context};
///
/// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
///     let first = ctx.alias(AliasOptions::new().once());
///     first.cast("one");
///     first.cast("two"); // A dead letter: the alias took itself back.
///     assert_eq!(ctx.receive_message().await, "one");
///     assert_eq!(ctx.system().dead_letter_count(), 1);
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AliasOptions {
    rights: AliasRights,
}

impl AliasOptions {
    /// Active until [`Context::unalias`], and no priority.
    pub fn new() -> Self {
        AliasOptions::default()
    }

    /// Inactive once a message has come by way of it; OTP's `reply`.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.rights.once = true;
        self
    }

    /// Messages and exits may be sent with priority. Meant for few messages: each is put before all that wait, which takes the
    /// longer the more do.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{AliasOptions, Context};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     let plain = ctx.alias(AliasOptions::new());
    ///     let urgent = ctx.alias(AliasOptions::new().priority());
    ///     ctx.address().cast("first");
    ///     plain.cast_with_priority("second"); // It has no right to that.
    ///     urgent.cast_with_priority("before all");
    ///     assert_eq!(ctx.receive_message().await, "before all");
    ///     assert_eq!(ctx.receive_message().await, "first");
    /// });
    /// ```
    #[must_use]
    pub fn priority(mut self) -> Self {
        self.rights.priority = true;
        self
    }
}

impl<M: Send + 'static> Context<M> {
    /// Makes an address of this process that can be taken back. It ends with the process.
    pub fn alias(&mut self, options: AliasOptions) -> Alias<M> {
        let reference = AliasRef(self.system().shared.next_reference());
        self.process().control(|control| control.seldom.make().aliases.insert(reference, options.rights));
        Alias { process: self.process().clone(), reference }
    }

    /// Makes an alias of this process inactive. Returns whether it was active. Messages that came before stay in the mailbox.
    pub fn unalias(&mut self, alias: &Alias<M>) -> bool {
        Arc::ptr_eq(&alias.process, self.process())
            && self.process().control(|control| control.remove_alias(alias.reference))
    }
}

impl<M: Send + 'static> Alias<M> {
    /// The pid of the process that made it.
    pub fn pid(&self) -> Pid {
        self.process.pid
    }

    /// Sends a message and never fails; see [`Address::cast`](crate::Address::cast). If the alias is inactive, the message is a
    /// dead letter.
    pub fn cast(&self, message: M) {
        self.push(message, Urgency::Ordinary);
    }

    /// As [`cast`](Self::cast), before all messages without priority, behind those with it. Without the
    /// [right](AliasOptions::priority) to that, it is a cast as any other. It finds room in a full mailbox.
    pub fn cast_with_priority(&self, message: M) {
        self.push(message, Urgency::Priority);
    }

    /// Asks the process to exit, if the alias is active; see [`Context::exit`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{AliasOptions, Context, Event, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     ctx.trap_exit(true);
    ///     let door = ctx.alias(AliasOptions::new());
    ///     door.exit(ExitReason::Shutdown);
    ///     assert!(matches!(ctx.receive().await, Event::Exit(exit) if exit.reason == ExitReason::Shutdown));
    ///     ctx.unalias(&door);
    ///     door.exit(ExitReason::Kill); // The door is shut.
    ///     assert!(ctx.receive_timeout(Duration::from_secs(1)).await.is_none());
    /// });
    /// ```
    pub fn exit(&self, reason: ExitReason) {
        self.signal(reason, Signal::Exit);
    }

    /// As [`exit`](Self::exit); if the process traps exits, this one goes before all messages without priority. Only the place
    /// in the mailbox has priority, and only with the [right](AliasOptions::priority) to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{AliasOptions, Context, Event, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<u32>| async move {
    ///     ctx.trap_exit(true);
    ///     let bell = ctx.alias(AliasOptions::new().priority());
    ///     (0..1_000).for_each(|order| ctx.address().cast(order));
    ///     bell.exit_with_priority(ExitReason::Shutdown);
    ///     assert!(matches!(ctx.receive().await, Event::Exit(_)), "a thousand orders are not handled first");
    /// });
    /// ```
    pub fn exit_with_priority(&self, reason: ExitReason) {
        self.signal(reason, Signal::UrgentExit);
    }

    fn push(&self, message: M, urgency: Urgency) {
        let reason = match self.process.push_by_alias(self.reference, urgency, message) {
            Ok(()) => return,
            Err(Refused::Full(_)) => DeadReason::MailboxFull,
            Err(Refused::Gone(_)) if self.process.control(|control| control.is_running()) => DeadReason::InactiveAlias,
            Err(Refused::Gone(_)) => DeadReason::Exited,
        };
        self.process.dead_letter(reason, current::pid());
    }

    fn signal(&self, reason: ExitReason, signal: impl FnOnce(Exit) -> Signal) {
        let exit = Exit { pid: current::pid().unwrap_or(Pid::SYSTEM), reason, linked: false };
        match self.process.control(|control| control.alias(self.reference)) {
            Some(AliasRights { priority: true, .. }) => drop(self.process.signal(signal(exit))),
            Some(_) => drop(self.process.signal(Signal::Exit(exit))),
            None => {}
        }
    }
}

impl<M: Send + 'static> Clone for Alias<M> {
    fn clone(&self) -> Self {
        Alias { process: self.process.clone(), reference: self.reference }
    }
}

impl<M: Send + 'static> fmt::Debug for Alias<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alias({:?} of {})", self.reference, self.pid())
    }
}
