//! How others reach a process.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use crate::any_process::{AnyProcess, wait_for_end};
use crate::current;
use crate::dead_letters::DeadReason;
use crate::exit::ExitReason;
use crate::failure::OnFailure;
use crate::names::LookupError;
use crate::pid::{Pid, Recipient};
use crate::process::{Process, Refused, dead_letter};
use crate::sending::{Resolved, Sending};
use crate::system::{Shared, SystemHandle};

/// Where messages of type `M` can be sent: to one process, or to whoever has a name or a key.
///
/// An address of a process stays that process's: when it has ended, messages to it are dead letters. An address by name
/// ([`SystemHandle::named`]) or key ([`Registry::via`](crate::Registry::via)) looks that up at each send, so it survives a
/// restart. Cheap to clone; it keeps no process alive.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Address, Context, Reply, System};
///
/// enum Count {
///     Add(u64),
///     Get(Reply<u64>),
/// }
///
/// let system = System::new("counting");
/// let counter: Address<Count> = system.spawn(|mut ctx: Context<Count>| async move {
///     let mut total = 0;
///     loop {
///         match ctx.receive_message().await {
///             Count::Add(n) => total += n,
///             Count::Get(reply) => reply.send(total),
///         }
///     }
/// });
/// counter.cast(Count::Add(2));
/// let total = futures_lite::future::block_on(counter.call(Count::Get));
/// assert_eq!(total, Ok(2));
/// ```
pub struct Address<M: Send + 'static> {
    target: Target<M>,
}

enum Target<M> {
    Process(Arc<Process<M>>),
    /// Whoever this leads to when a message is sent.
    Via(Arc<dyn Via<M>>),
}

/// What leads to a process, and at another time to another; OTP's `via`.
pub(crate) trait Via<M>: Any + Send + Sync {
    /// The process that it leads to now.
    fn resolve(&self) -> Option<Arc<Process<M>>>;
    fn recipient(&self) -> Recipient;
    /// Where a message becomes a dead letter if this leads nowhere.
    fn system(&self) -> &Arc<Shared>;
    fn is_same(&self, other: &dyn Any) -> bool;
}

/// Whoever has a name.
struct Named {
    name: Arc<str>,
    system: Arc<Shared>,
}

/// A mailbox did not take the message at once; here it is again.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Mailbox, SpawnOptions, TrySendError};
///
/// let test = TestSystem::new(1);
/// let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
/// let oven = test.spawn_with(options, |mut ctx: Context<&str>| async move { drop(ctx.receive().await) }).unwrap();
/// assert_eq!(oven.try_send("margherita"), Ok(()));
/// assert_eq!(oven.try_send("funghi"), Err(TrySendError::Full("funghi"))); // Try again later, or elsewhere.
/// test.block_on(oven.exited());
/// assert_eq!(oven.try_send("funghi"), Err(TrySendError::Closed("funghi"))); // Elsewhere.
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<M> {
    /// The mailbox has no room.
    Full(M),
    /// There is no such process, or no longer.
    Closed(M),
}

/// The process has ended, there is none, or its mailbox rejects the message; here it is again.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, SendError};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let oven = ctx.spawn(|_ctx: Context<&str>| async {});
///     oven.exited().await;
///     let Err(SendError(pizza)) = oven.send("funghi").await else { unreachable!("it has ended") };
///     assert_eq!(pizza, "funghi"); // Nothing is lost: bake it in another.
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<M>(pub M);

impl<M: Send + 'static> Address<M> {
    pub(crate) fn of(process: Arc<Process<M>>) -> Self {
        Address { target: Target::Process(process) }
    }

    pub(crate) fn via(via: impl Via<M>) -> Self {
        Address { target: Target::Via(Arc::new(via)) }
    }

    /// The pid of the process that a message would go to now; `None` if nobody has the name or key.
    pub fn pid(&self) -> Option<Pid> {
        self.find().map(|process| process.pid)
    }

    /// Sends a message and never fails.
    ///
    /// What nobody can receive is a dead letter: the process has ended, or its mailbox is full.
    #[inline]
    pub fn cast(&self, message: M) {
        self.bury_refused(self.offer(message));
    }

    pub(crate) fn cast_blamable(&self, message: M, on_failure: OnFailure) {
        self.bury_refused(match self.find() {
            Some(process) => process.push_blamable(message, on_failure),
            None => Err(Refused::Gone((message, on_failure))),
        });
    }

    #[inline]
    fn bury_refused<T>(&self, outcome: Result<(), Refused<T>>) {
        if let Err(refused) = outcome {
            self.bury(refused);
        }
    }

    /// What was refused is a dead letter.
    #[cold]
    fn bury<T>(&self, refused: Refused<T>) {
        match refused {
            Refused::Full(_) => self.dead_letter(DeadReason::MailboxFull),
            Refused::Gone(_) => match self.target {
                Target::Process(_) => self.dead_letter(DeadReason::Exited),
                Target::Via(_) => self.dead_letter(DeadReason::NoProcess),
            },
        }
    }

    /// Sends a message if there is room for it.
    ///
    /// # Errors
    /// [`TrySendError::Full`] or [`TrySendError::Closed`], with the message.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Mailbox, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// let options = SpawnOptions::new().mailbox(Mailbox::bounded(2));
    /// let kitchen = test.spawn_with(options, |_ctx: Context<u32>| pending::<()>()).unwrap();
    /// let turned_away = (1..=5).filter(|order| kitchen.try_send(*order).is_err());
    /// assert_eq!(turned_away.collect::<Vec<_>>(), [3, 4, 5]);
    /// ```
    pub fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        self.offer(message).map_err(|refused| match refused {
            Refused::Full(message) => TrySendError::Full(message),
            Refused::Gone(message) => TrySendError::Closed(message),
        })
    }

    /// Sends a message, and waits for room if the mailbox is full and makes its senders wait. Who has waited longest is
    /// served first.
    ///
    /// # Errors
    /// [`SendError`] with the message, if there is no such process, it ends meanwhile, or its mailbox rejects it.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message was not sent and is dropped with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Mailbox, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
    /// let printer = test.spawn_with(options, |mut ctx: Context<u32>| async move {
    ///     loop {
    ///         ctx.sleep(Duration::from_secs(1)).await;
    ///         ctx.receive_message().await;
    ///     }
    /// }).unwrap();
    /// test.run(|_ctx: Context<()>| async move {
    ///     for page in 1..=3 {
    ///         printer.send(page).await.unwrap();
    ///     }
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(2)); // Two pages had to wait until the one before was received.
    /// ```
    pub async fn send(&self, message: M) -> Result<(), SendError<M>> {
        let Some(process) = self.find() else {
            return Err(SendError(message));
        };
        Sending::new(process, message).await.map_err(|refused| match refused {
            Refused::Full(message) | Refused::Gone(message) => SendError(message),
        })
    }

    /// Waits until the process has ended, and tells why. By then its state is dropped, its name free, and who was linked to
    /// it or monitored it has been told.
    ///
    /// For an address by name, the process that has the name now; [`ExitReason::NoProcess`] if there is none.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let clerk = ctx.spawn(|_ctx: Context<()>| async { Err(ExitReason::error("no till")) });
    ///     assert_eq!(clerk.exited().await, ExitReason::error("no till"));
    ///     assert_eq!(clerk.exited().await, ExitReason::error("no till"), "it is told as often as somebody asks");
    ///     assert_eq!(ctx.system().named::<()>("nobody").exited().await, ExitReason::NoProcess);
    /// });
    /// ```
    pub async fn exited(&self) -> ExitReason {
        let Some(process) = self.find() else {
            return ExitReason::NoProcess;
        };
        wait_for_end(&*process).await
    }

    #[inline]
    pub(crate) fn find(&self) -> Option<Resolved<'_, M>> {
        match &self.target {
            Target::Process(process) => Some(Resolved::Fixed(process)),
            Target::Via(via) => via.resolve().map(Resolved::Found),
        }
    }

    pub(crate) fn resolve(&self) -> Option<Arc<Process<M>>> {
        match &self.target {
            Target::Process(process) => Some(process.clone()),
            Target::Via(via) => via.resolve(),
        }
    }

    /// Its process, if it is of one, and not of whoever has a name or a key.
    pub(crate) fn process(&self) -> Option<&Arc<Process<M>>> {
        match &self.target {
            Target::Process(process) => Some(process),
            Target::Via(_) => None,
        }
    }

    /// Whom it names: a process, or whoever has a name. Errors and dead letters carry it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// assert_eq!(test.named::<()>("clerk").recipient().to_string(), r#""clerk""#);
    /// let clerk = test.spawn(|_ctx: Context<()>| pending::<()>());
    /// assert_eq!(clerk.recipient(), clerk.pid().unwrap().into());
    /// ```
    pub fn recipient(&self) -> Recipient {
        match &self.target {
            Target::Process(process) => Recipient::Process(process.pid),
            Target::Via(via) => via.recipient(),
        }
    }

    /// The system that its process lives in, or its name or key.
    pub fn system(&self) -> SystemHandle {
        match &self.target {
            Target::Process(process) => process.system.clone(),
            Target::Via(via) => SystemHandle { shared: via.system().clone() },
        }
    }

    /// What leads to its process, if that is not always the same or not here.
    #[cfg(feature = "crossing")]
    pub(crate) fn as_via(&self) -> Option<&dyn Any> {
        match &self.target {
            Target::Process(_) => None,
            Target::Via(via) => Some(&**via),
        }
    }

    #[inline]
    fn offer(&self, message: M) -> Result<(), Refused<M>> {
        match &self.target {
            Target::Process(process) => process.push(message),
            Target::Via(via) => match via.resolve() {
                Some(process) => process.push(message),
                None => Err(Refused::Gone(message)),
            },
        }
    }

    fn dead_letter(&self, reason: DeadReason) {
        match &self.target {
            Target::Process(process) => process.dead_letter(reason, current::pid()),
            Target::Via(via) => dead_letter::<M>(via.system(), via.recipient(), reason, current::pid()),
        }
    }
}

impl<M: Send + 'static> Via<M> for Named {
    fn resolve(&self) -> Option<Arc<Process<M>>> {
        downcast(self.system.names.get(&self.name)?).ok()
    }

    fn recipient(&self) -> Recipient {
        Recipient::Name(self.name.clone())
    }

    fn system(&self) -> &Arc<Shared> {
        &self.system
    }

    fn is_same(&self, other: &dyn Any) -> bool {
        let other = other.downcast_ref::<Self>();
        other.is_some_and(|other| self.name == other.name && Arc::ptr_eq(&self.system, &other.system))
    }
}

/// The process, if it takes messages of type `M`; otherwise the process again.
pub(crate) fn downcast<M: Send + 'static>(
    process: Arc<dyn AnyProcess>,
) -> Result<Arc<Process<M>>, Arc<dyn AnyProcess>> {
    if (&*process as &dyn Any).is::<Process<M>>() {
        let any: Arc<dyn Any + Send + Sync> = process;
        Ok(any.downcast().expect("its type was looked at"))
    } else {
        Err(process)
    }
}

impl SystemHandle {
    /// The address of the process that has the name now.
    ///
    /// It stays that process's address; one that follows the name is made by [`named`](Self::named).
    ///
    /// # Errors
    /// If nobody has the name, or who has it takes messages of another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Address, Context};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<u32>| async move {
    ///     ctx.register("till").unwrap();
    ///     let till: Address<u32> = ctx.system().lookup("till").unwrap();
    ///     assert_eq!(till, ctx.address());
    ///     assert!(ctx.system().lookup::<String>("till").is_err(), "it takes numbers");
    /// });
    /// ```
    pub fn lookup<M: Send + 'static>(&self, name: &str) -> Result<Address<M>, LookupError> {
        let Some(process) = self.shared.names.get(name) else {
            return Err(LookupError::NotRegistered { name: name.into() });
        };
        downcast(process).map(Address::of).map_err(|process| LookupError::OtherMessageType {
            name: name.into(),
            wanted: type_name::<M>(),
            found: process.message_type(),
        })
    }

    /// An address that goes to whoever has the name when a message is sent, so that it survives a restart.
    ///
    /// Nobody need have the name yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// let mut shop = test.probe();
    /// let clerk = test.named::<&str>("clerk"); // Nobody has the name yet.
    /// for shift in 1..=2 {
    ///     let home = shop.address();
    ///     let clock_in = SpawnOptions::new().name("clerk");
    ///     test.spawn_with(clock_in, move |mut ctx: Context<&str>| async move {
    ///         home.cast((shift, ctx.receive_message().await));
    ///     }).unwrap();
    ///     clerk.cast("hello");
    ///     shop.expect_message((shift, "hello")); // Another process each time, and the same address.
    /// }
    /// ```
    pub fn named<M: Send + 'static>(&self, name: &str) -> Address<M> {
        Address::via(Named { name: name.into(), system: self.shared.clone() })
    }
}

impl<M: Send + 'static> From<&Address<M>> for Recipient {
    /// A key is looked up now: from outside its registry nobody can.
    fn from(address: &Address<M>) -> Self {
        match address.recipient() {
            Recipient::Key(key) => address.pid().map_or(Recipient::Key(key), Recipient::Process),
            recipient => recipient,
        }
    }
}

impl<M: Send + 'static> Clone for Address<M> {
    fn clone(&self) -> Self {
        let target = match &self.target {
            Target::Process(process) => Target::Process(process.clone()),
            Target::Via(via) => Target::Via(via.clone()),
        };
        Address { target }
    }
}

/// Two addresses are equal if they are of one process, or follow one name or key.
impl<M: Send + 'static> PartialEq for Address<M> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.target, &other.target) {
            (Target::Process(a), Target::Process(b)) => Arc::ptr_eq(a, b),
            (Target::Via(a), Target::Via(b)) => a.is_same(&**b),
            _ => false,
        }
    }
}

impl<M: Send + 'static> Eq for Address<M> {}

impl<M: Send + 'static> fmt::Display for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.recipient().fmt(f)
    }
}

impl<M: Send + 'static> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl<M> fmt::Debug for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<M> fmt::Display for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "the mailbox is full",
            TrySendError::Closed(_) => "there is no such process",
        })
    }
}

impl<M> std::error::Error for TrySendError<M> {}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no such process, or its mailbox rejects the message")
    }
}

impl<M> std::error::Error for SendError<M> {}
