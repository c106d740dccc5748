//! Links, monitors and exit signals.

use std::fmt;

use super::Context;
use crate::any_process::{Delivery, WithControl};
use crate::exit::ExitReason;
use crate::links::{Watcher, Watching};
use crate::mailbox::Teller;
use crate::mailbox::{self, NewsRef};
use crate::monitored::Monitored;
use crate::pid::{MonitorRef, Pid, Recipient};
use crate::signal::{Down, Signal, Urgency};

impl<M: Send + 'static> Context<M> {
    /// From now on, exit signals are received as [`Event::Exit`](crate::Event::Exit) instead of ending the process; `false`
    /// undoes it. Returns what it was. What counts is the flag at the moment a signal arrives. [`ExitReason::Kill`] cannot be trapped.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     assert!(!ctx.trap_exit(true), "no process does at first");
    ///     ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
    ///     let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
    ///     assert_eq!((exit.reason, exit.linked), (ExitReason::error("no tea"), true)); // And this process goes on.
    /// });
    /// ```
    pub fn trap_exit(&mut self, trap: bool) -> bool {
        self.process.control(|control| std::mem::replace(&mut control.trap_exit, trap))
    }

    /// Links this process to another: when one ends abnormally, so does the other, unless it traps exits.
    ///
    /// Linking twice is linking once. If there is no such process, this one gets an exit signal with
    /// [`ExitReason::NoProcess`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let engine = ctx.spawn(|mut ctx: Context<()>| async move {
    ///         ctx.receive_message().await;
    ///         panic!("out of oil");
    ///     });
    ///     let target = engine.clone();
    ///     let wheel = ctx.spawn(move |mut ctx: Context<()>| async move {
    ///         ctx.link(&target);
    ///         target.cast(());
    ///         pending::<()>().await;
    ///     });
    ///     assert_eq!(wheel.exited().await, engine.exited().await); // The wheel ends of the engine's reason.
    /// });
    /// ```
    pub fn link(&mut self, to: impl Into<Recipient>) {
        let pid = self.process.system.shared.pid_of(&to.into());
        self.process.system.shared.link(&*self.process, pid);
    }

    /// As [`link`](Self::link); if this process traps exits, the link's goes before all messages that have no priority. OTP's
    /// `link(Pid, [priority])`. The other process is linked as ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<u32>| async move {
    ///     ctx.trap_exit(true);
    ///     let pump = ctx.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
    ///     ctx.link_with_priority(&pump);
    ///     (0..1_000).for_each(|drop| ctx.address().cast(drop));
    ///     ctx.exit(&pump, ExitReason::Kill);
    ///     pump.exited().await;
    ///     assert!(matches!(ctx.receive().await, Event::Exit(_)), "it has overtaken a thousand messages");
    /// });
    /// ```
    pub fn link_with_priority(&mut self, to: impl Into<Recipient>) {
        let pid = self.process.system.shared.pid_of(&to.into());
        self.process.control(|control| control.seldom.make().urgent_links.insert(pid));
        self.process.system.shared.link(&*self.process, pid);
    }

    /// Whether a link to that process stands: false once its exit signal has arrived.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     ctx.trap_exit(true);
    ///     let child = ctx.spawn_link(|mut ctx: Context<()>| async move { ctx.receive_message().await });
    ///     let pid = child.pid().unwrap();
    ///     assert!(ctx.is_linked(pid));
    ///     child.cast(());
    ///     child.exited().await;
    ///     assert!(!ctx.is_linked(pid), "its exit has arrived, though nobody has received it yet");
    /// });
    /// ```
    pub fn is_linked(&self, pid: Pid) -> bool {
        self.process.control(|control| control.links.contains(&pid))
    }

    /// Removes the link. After it returns, no exit over that link will be received, not even one that waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     ctx.trap_exit(true);
    ///     let child = ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
    ///     child.exited().await; // By now its exit waits in our mailbox.
    ///     ctx.unlink(&child);
    ///     assert!(ctx.receive_timeout(Duration::from_secs(1)).await.is_none());
    /// });
    /// ```
    pub fn unlink(&mut self, from: impl Into<Recipient>) {
        let pid = self.process.system.shared.pid_of(&from.into());
        self.process.system.shared.unlink(&*self.process, pid);
        self.discard(|news| matches!(news, NewsRef::Exit(exit) if exit.linked && exit.pid == pid));
    }

    /// Monitors a process: exactly one [`Event::Down`](crate::Event::Down) will be received when it has ended, also if it
    /// has already.
    ///
    /// A name or a key is looked up once, now: the down is about the process that has it, and carries the name.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, Event, ExitReason, System};
    ///
    /// let outcome = System::new("watching").run(|mut ctx: Context<()>| async move {
    ///     let child = ctx.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
    ///     let monitor = ctx.monitor(&child);
    ///     child.cast(());
    ///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
    ///     assert_eq!((down.monitor, down.reason), (monitor, ExitReason::Normal));
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub fn monitor<'a>(&mut self, target: impl Into<Monitored<'a>>) -> MonitorRef {
        self.monitor_with(target, MonitorOptions::new())
    }

    /// As [`monitor`](Self::monitor), with options.
    pub fn monitor_with<'a>(&mut self, target: impl Into<Monitored<'a>>, options: MonitorOptions<M>) -> MonitorRef {
        let shared = &self.process.system.shared;
        let monitor = shared.next_monitor();
        let target = target.into();
        let (pid, name) = target.identify(shared);
        let mut watching = Watching::new(monitor, pid);
        (watching.down.name, watching.urgency) = (name, options.urgency);
        let stands = self.process.watch_process(watching, options.teller);
        if stands && target.watch(pid, monitor, self.process.clone(), shared) == Delivery::Gone {
            self.process.tell_down(monitor, ExitReason::NoProcess);
        }
        monitor
    }

    /// Ends a monitor. After it returns, no down of it will be received, not even one that waits; OTP's
    /// `demonitor(Ref, [flush])`. Returns whether the monitor stood, as with `info`: otherwise its down has come.
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
    ///     let child = ctx.spawn(|_ctx: Context<()>| async {});
    ///     let monitor = ctx.monitor(&child);
    ///     child.exited().await; // By now the down waits in our mailbox.
    ///     assert!(!ctx.demonitor(monitor), "it had come");
    ///     assert!(ctx.receive_timeout(Duration::from_secs(1)).await.is_none(), "and is gone");
    /// });
    /// ```
    pub fn demonitor(&mut self, monitor: MonitorRef) -> bool {
        if let Some(watching) = self.process.unwatch_process(monitor) {
            self.process.system.shared.signal(watching.down.pid, Signal::Demonitor(monitor));
            return true;
        }
        self.discard(|news| matches!(news, NewsRef::Down(down) if down == monitor));
        false
    }

    /// Sends an exit signal; OTP's `exit(Pid, Reason)`. To itself, it ends the process at its next await.
    ///
    /// With [`ExitReason::Kill`] the receiver ends as killed, whatever it traps. With [`ExitReason::Normal`] nothing
    /// happens unless it traps exits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let polite = ctx.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
    ///     let stubborn = ctx.spawn(|mut ctx: Context<()>| async move {
    ///         ctx.trap_exit(true);
    ///         pending::<()>().await;
    ///     });
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     for process in [&polite, &stubborn] {
    ///         ctx.exit(process, ExitReason::Shutdown);
    ///     }
    ///     assert_eq!(polite.exited().await, ExitReason::Shutdown);
    ///     assert!(ctx.system().is_alive(&stubborn));
    ///     ctx.exit(&stubborn, ExitReason::Kill);
    ///     assert_eq!(stubborn.exited().await, ExitReason::Killed);
    /// });
    /// ```
    pub fn exit(&self, to: impl Into<Recipient>, reason: ExitReason) {
        let pid = self.process.system.shared.pid_of(&to.into());
        self.process.system.shared.exit(self.pid(), pid, reason);
    }

    fn discard(&mut self, unwanted: impl Fn(NewsRef<'_>) -> bool + Copy) {
        if let Some(seldom) = self.seldom.get_mut() {
            let urgent = self.batch.iter().take(seldom.urgent);
            seldom.urgent -= urgent.filter(|item| item.is_news(unwanted)).count();
        }
        if !self.batch.is_empty() {
            drop(mailbox::discard(self.batch.make(), unwanted));
        }
        self.process.discard(unwanted, self.batch.len());
    }
}

/// What becomes of a monitor's down.
///
/// # Examples
///
/// A down that comes as a message of the process's own, so that it is told from others by what it says:
///
/// ```
/// use proscenium_runtime::{Context, MonitorOptions, System};
///
/// #[derive(Debug, PartialEq)]
/// enum Office {
///     PrinterGone { floor: u32 },
/// }
///
/// let outcome = System::new("office").run(|mut ctx: Context<Office>| async move {
///     let printer = ctx.spawn(|_ctx: Context<()>| async {});
///     ctx.monitor_with(&printer, MonitorOptions::new().message(|_down| Office::PrinterGone { floor: 3 }));
///     assert_eq!(ctx.receive_message().await, Office::PrinterGone { floor: 3 });
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct MonitorOptions<M> {
    urgency: Urgency,
    teller: Option<Teller<M>>,
}

impl<M> MonitorOptions<M> {
    /// An [`Event::Down`](crate::Event::Down), in its turn.
    pub fn new() -> Self {
        MonitorOptions { urgency: Urgency::Ordinary, teller: None }
    }

    /// The down goes before all messages that have no priority; OTP's option `priority`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, MonitorOptions};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<u32>| async move {
    ///     let printer = ctx.spawn(|_ctx: Context<()>| async {});
    ///     (0..1_000).for_each(|page| ctx.address().cast(page));
    ///     ctx.monitor_with(&printer, MonitorOptions::new().priority());
    ///     printer.exited().await;
    ///     assert!(matches!(ctx.receive().await, Event::Down(_)), "before a thousand pages");
    /// });
    /// ```
    #[must_use]
    pub fn priority(mut self) -> Self {
        self.urgency = Urgency::Priority;
        self
    }

    /// The down comes as the message that `make` makes of it; what OTP's option `tag` is for. It takes no room in a bounded
    /// mailbox, and [`Context::demonitor`] finds it. If `make` panics, this process ends of that.
    #[must_use]
    pub fn message(mut self, make: impl FnOnce(Down) -> M + Send + 'static) -> Self {
        self.teller = Some(Box::new(make));
        self
    }
}

impl<M> Default for MonitorOptions<M> {
    fn default() -> Self {
        MonitorOptions::new()
    }
}

impl<M> fmt::Debug for MonitorOptions<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitorOptions").field("urgency", &self.urgency).finish_non_exhaustive()
    }
}
