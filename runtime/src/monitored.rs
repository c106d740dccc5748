//! Whom a process monitors.

use std::fmt;
use std::sync::Arc;

use crate::address::Address;
use crate::any_process::{AnyProcess, Delivery};
use crate::links::Watcher;
use crate::pid::{MonitorRef, Pid, Recipient};
use crate::system::Shared;

/// Whom [`Context::monitor`](crate::Context::monitor) shall monitor: made of an address, a pid, a name, or any [`Recipient`].
///
/// An address leads to its process without a look-up; one from another system leads to nobody.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Address, Context, Event, ExitReason, Monitored};
///
/// /// A clerk, as others know it.
/// struct Clerk(Address<()>);
///
/// impl<'a> From<&'a Clerk> for Monitored<'a> {
///     fn from(clerk: &'a Clerk) -> Self {
///         Monitored::from(&clerk.0)
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let clerk = Clerk(ctx.spawn(|_ctx: Context<()>| async {}));
///     ctx.monitor(&clerk);
///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
///     assert_eq!((Some(down.pid), down.reason), (clerk.0.pid(), ExitReason::Normal));
/// });
/// ```
#[derive(Clone)]
pub struct Monitored<'a>(Whom<'a>);

#[derive(Clone)]
enum Whom<'a> {
    Process(&'a dyn AnyProcess),
    Recipient(Recipient),
}

impl Monitored<'_> {
    /// Who that is now, and the name by which it is called, if it is by name. [`Pid::NOBODY`] is nobody.
    pub(crate) fn identify(&self, system: &Shared) -> (Pid, Option<Arc<str>>) {
        match &self.0 {
            Whom::Process(process) => (process.pid(), None),
            Whom::Recipient(recipient @ Recipient::Name(name)) => (system.pid_of(recipient), Some(name.clone())),
            Whom::Recipient(recipient) => (system.pid_of(recipient), None),
        }
    }

    /// From now on `watcher`, a process of `system`, monitors who was [identified](Self::identify) as `pid`.
    pub(crate) fn watch(&self, pid: Pid, monitor: MonitorRef, watcher: Arc<dyn Watcher>, system: &Shared) -> Delivery {
        match &self.0 {
            Whom::Process(process) => process.watch(monitor, watcher, &system.timers),
            Whom::Recipient(_) => system.watch(pid, monitor, watcher),
        }
    }
}

impl<'a, M: Send + 'static> From<&'a Address<M>> for Monitored<'a> {
    fn from(address: &'a Address<M>) -> Self {
        let process = address.process().map(|process| Whom::Process(&**process));
        Monitored(process.unwrap_or_else(|| Whom::Recipient(address.into())))
    }
}

impl From<Recipient> for Monitored<'_> {
    fn from(recipient: Recipient) -> Self {
        Monitored(Whom::Recipient(recipient))
    }
}

impl From<Pid> for Monitored<'_> {
    fn from(pid: Pid) -> Self {
        Recipient::from(pid).into()
    }
}

impl From<&str> for Monitored<'_> {
    fn from(name: &str) -> Self {
        Recipient::from(name).into()
    }
}

impl fmt::Debug for Monitored<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom: &dyn fmt::Debug = match &self.0 {
            Whom::Process(process) => &process.pid(),
            Whom::Recipient(recipient) => recipient,
        };
        f.debug_tuple("Monitored").field(whom).finish()
    }
}
