//! Who asks.

use std::any::type_name;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use async_channel::Receiver;
use proscenium_runtime::{CallError, ExitReason, Pid, Recipient, Reply, SystemHandle, SystemMessage};

use super::command::{Command, StateRef};
use super::error::{StopError, SysError};
use super::event::{SysEvent, caught};
use super::watch::SysStatistics;

/// Looks after the process of any behaviour, whatever it is: a server, a supervisor, a state machine. OTP's `sys`.
///
/// The process is found anew by each request, so a [name](SystemHandle::named) leads to whoever has it then. Each waits for 5 s
/// at most unless [`timeout`](Self::timeout) says otherwise. A process answers between two callbacks, after what was sent to it
/// before.
///
/// # Cancel safety
/// Dropping a future of its methods leaves the request with the process, which does what it asks.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{GenServer, Sys};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// struct Till {
///     cents: u64,
/// }
///
/// impl GenServer for Till {
///     type Args = ();
///     type Message = u64;
///
///     async fn init(_args: (), _ctx: &mut Context<u64>) -> Result<Self, ExitReason> {
///         Ok(Till { cents: 0 })
///     }
///
///     async fn handle(&mut self, cents: u64, _ctx: &mut Context<u64>) -> Result<(), ExitReason> {
///         self.cents += cents;
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let till = Till::start(()).name("till").link(&mut ctx).await?;
///     let sys = Sys::new(ctx.system(), "till");
///     till.cast(150);
///     assert_eq!(sys.get_state(|till: &Till| till.cents).await?, 150);
///
///     sys.suspend().await?;
///     till.cast(50); // Waits in the mailbox.
///     sys.replace_state(|till: &Till| Till { cents: till.cents + 1 }).await?;
///     assert_eq!(sys.get_state(|till: &Till| till.cents).await?, 151);
///     sys.resume().await?;
///     assert_eq!(sys.get_state(|till: &Till| till.cents).await?, 201);
///
///     sys.stop(ExitReason::Normal).await?;
///     Ok::<_, ExitReason>(())
/// })?;
/// # Ok::<(), ExitReason>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sys {
    system: SystemHandle,
    target: Recipient,
    timeout: Duration,
}

/// What a process shows of itself; OTP's `sys:get_status`.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::Sys;
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
/// # use counter::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let counter = Counter::start(7).name("visits").link(&mut ctx).await.unwrap();
///     let status = Sys::new(ctx.system(), "visits").get_status().await.unwrap();
///     assert_eq!((Some(status.pid), status.parent), (counter.pid(), Some(ctx.pid())));
///     assert_eq!((status.behaviour, status.is_suspended), ("gen_server", false));
///     assert!(status.state.ends_with("Counter"), "a server shows the name of its type unless it says otherwise");
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysStatus {
    /// Who.
    pub pid: Pid,
    /// Who started it, if that was a process.
    pub parent: Option<Pid>,
    /// Which behaviour runs it, such as `gen_server`.
    pub behaviour: &'static str,
    /// The type of its state.
    pub type_name: &'static str,
    /// Whether it is suspended.
    pub is_suspended: bool,
    /// What it shows of its state.
    pub state: Arc<str>,
    /// The events that it keeps, if it does, oldest first.
    pub log: Vec<SysEvent>,
}

impl Sys {
    /// To ask that process, or whoever has that name, in `system`.
    pub fn new(system: &SystemHandle, target: impl Into<Recipient>) -> Self {
        Sys { system: system.clone(), target: target.into(), timeout: Duration::from_secs(5) }
    }

    /// Waits so long for an answer; 5 s by default, as in OTP.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::Sys;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let patient = Sys::new(&test, &counter).timeout(Duration::from_secs(60)); // Not 5 s.
    /// assert_eq!(test.block_on(patient.get_state(|counter: &Counter| counter.total)), Ok(0));
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// From now on the process answers system messages alone, and obeys its parent. All else waits in its mailbox, in order.
    /// A process that is suspended stays so.
    ///
    /// # Errors
    /// If there is no such process, it is no behaviour, or it is busy for too long.
    pub async fn suspend(&self) -> Result<(), SysError> {
        self.ask(Command::Suspend).await
    }

    /// Lets a suspended process run again.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    pub async fn resume(&self) -> Result<(), SysError> {
        self.ask(Command::Resume).await
    }

    /// What the process shows of itself.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Sys;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let sys = Sys::new(&test, &counter);
    /// test.block_on(sys.suspend()).unwrap();
    /// assert!(test.block_on(sys.get_status()).unwrap().is_suspended); // It is answered all the same.
    /// ```
    pub async fn get_status(&self) -> Result<SysStatus, SysError> {
        self.ask(Command::GetStatus).await
    }

    /// Calls `look` with the state, in the process, and returns what it makes of that.
    ///
    /// The state of a server is the server itself. To look at it is to know its type, which is often private: for other eyes there
    /// is [`get_status`](Self::get_status).
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend); [`SysError::OtherStateType`] if it is no `S`, [`SysError::Function`] if `look` panics.
    pub async fn get_state<S: 'static, T: Send + 'static>(
        &self,
        look: impl FnOnce(&S) -> T + Send + 'static,
    ) -> Result<T, SysError> {
        self.with_state(|state: &mut S| look(state)).await
    }

    /// Puts what `replace` makes of the state in its place, in the process.
    ///
    /// # Errors
    /// As [`get_state`](Self::get_state). If `replace` panics, the state is what it was.
    pub async fn replace_state<S: 'static>(
        &self,
        replace: impl FnOnce(&S) -> S + Send + 'static,
    ) -> Result<(), SysError> {
        self.with_state(|state: &mut S| *state = replace(state)).await
    }

    /// From now on the process keeps the last `most` events; 10 is a good number. With 0, none.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Sys;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let sys = Sys::new(&test, &counter);
    /// test.block_on(sys.log(3)).unwrap();
    /// (0..10).for_each(|n| counter.cast(Count::Add(n)));
    /// assert_eq!(test.block_on(sys.get_log()).unwrap().len(), 3); // The last.
    /// test.block_on(sys.log(0)).unwrap();
    /// assert_eq!(test.block_on(sys.get_log()), Ok(vec![]));
    /// ```
    pub async fn log(&self, most: usize) -> Result<(), SysError> {
        self.ask(|reply| Command::Log(most, reply)).await
    }

    /// The events that the process keeps, oldest first; none if it was not asked to.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{Sys, SysEventKind};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let sys = Sys::new(&test, &counter);
    /// test.block_on(sys.log(10)).unwrap();
    /// counter.cast(Count::Add(7));
    /// let log = test.block_on(sys.get_log()).unwrap();
    /// assert_eq!((log.len(), log[0].kind, Some(log[0].pid)), (1, SysEventKind::In, counter.pid()));
    /// ```
    pub async fn get_log(&self) -> Result<Vec<SysEvent>, SysError> {
        self.ask(Command::GetLog).await
    }

    /// Begins to count, anew if it did already, or ends that.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Sys;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let sys = Sys::new(&test, &counter);
    /// test.block_on(sys.statistics(true)).unwrap();
    /// (0..3).for_each(|n| counter.cast(Count::Add(n)));
    /// assert_eq!(test.block_on(sys.get_statistics()).unwrap().unwrap().messages_in, 3);
    /// test.block_on(sys.statistics(true)).unwrap(); // Anew.
    /// assert_eq!(test.block_on(sys.get_statistics()).unwrap().unwrap().messages_in, 0);
    /// ```
    pub async fn statistics(&self, on: bool) -> Result<(), SysError> {
        self.ask(|reply| Command::Statistics(on, reply)).await
    }

    /// What was counted since; `None` if nothing is.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::Sys;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let sys = Sys::new(&test, &counter);
    /// assert_eq!(test.block_on(sys.get_statistics()), Ok(None)); // Nobody has asked it to count.
    /// test.block_on(sys.statistics(true)).unwrap();
    /// test.advance(Duration::from_secs(60));
    /// assert_eq!(test.block_on(sys.get_statistics()).unwrap().unwrap().time, Duration::from_secs(60));
    /// ```
    pub async fn get_statistics(&self) -> Result<Option<SysStatistics>, SysError> {
        self.ask(Command::GetStatistics).await
    }

    /// From now on every event comes to the receiver, until that is dropped. It holds what was not received yet, however much
    /// that is.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{Sys, SysEventKind};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let events = test.block_on(Sys::new(&test, &counter).trace()).unwrap();
    /// counter.cast(Count::Add(7));
    /// let event = test.block_on(events.recv()).unwrap();
    /// assert_eq!((event.kind, event.at), (SysEventKind::In, test.now()));
    /// drop(events); // It is over.
    /// ```
    pub async fn trace(&self) -> Result<Receiver<SysEvent>, SysError> {
        let (subscriber, events) = async_channel::unbounded();
        self.ask(|reply| Command::Trace(subscriber, reply)).await?;
        Ok(events)
    }

    /// From now on `function` is called with every event, in the process, until it breaks, panics or is
    /// [removed](Self::remove). Returns whether it was installed: not if there is one of that id.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    ///
    /// # Examples
    ///
    /// To stop a server when something has happened a third time:
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use proscenium_behaviours::{Sys, SysEvent};
    /// use proscenium_runtime::ExitReason;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let (system, pid, mut seen) = (counter.system(), counter.pid().unwrap(), 0);
    /// let third = move |_event: &SysEvent| {
    ///     seen += 1;
    ///     if seen < 3 {
    ///         return ControlFlow::Continue(());
    ///     }
    ///     system.exit(pid, ExitReason::error("that was enough"));
    ///     ControlFlow::Break(()) // It is removed.
    /// };
    /// let sys = Sys::new(&test, &counter);
    /// assert_eq!(test.block_on(sys.install("third", third.clone())), Ok(true));
    /// assert_eq!(test.block_on(sys.install("third", third)), Ok(false)); // There is one.
    /// (0..3).for_each(|n| counter.cast(Count::Add(n)));
    /// assert_eq!(test.block_on(counter.exited()), ExitReason::error("that was enough"));
    /// ```
    pub async fn install(
        &self,
        id: &str,
        function: impl FnMut(&SysEvent) -> ControlFlow<()> + Send + 'static,
    ) -> Result<bool, SysError> {
        let (id, function) = (Arc::from(id), Box::new(function));
        self.ask(|reply| Command::Install(id, function, reply)).await
    }

    /// Removes a function that was [installed](Self::install). Returns whether there was one of that id.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use proscenium_behaviours::{Sys, SysEventKind};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let mut watcher = test.probe();
    /// let home = watcher.address();
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let sys = Sys::new(&test, &counter);
    /// test.block_on(sys.install("watcher", move |event| {
    ///     home.cast(event.kind);
    ///     ControlFlow::Continue(())
    /// })).unwrap();
    /// counter.cast(Count::Add(1));
    /// watcher.expect_message(SysEventKind::In);
    /// assert_eq!(test.block_on(sys.remove("watcher")), Ok(true));
    /// counter.cast(Count::Add(1));
    /// watcher.expect_no_message();
    /// assert_eq!(test.block_on(sys.remove("watcher")), Ok(false));
    /// ```
    pub async fn remove(&self, id: &str) -> Result<bool, SysError> {
        let id = Arc::from(id);
        self.ask(|reply| Command::Remove(id, reply)).await
    }

    /// Ends the log, statistics, traces and functions.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Sys;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let sys = Sys::new(&test, &counter);
    /// test.block_on(sys.log(10)).unwrap();
    /// test.block_on(sys.statistics(true)).unwrap();
    /// let events = test.block_on(sys.trace()).unwrap();
    /// test.block_on(sys.no_debug()).unwrap();
    /// counter.cast(Count::Add(1));
    /// test.run_until_idle();
    /// assert_eq!(test.block_on(sys.get_log()), Ok(vec![]));
    /// assert_eq!(test.block_on(sys.get_statistics()), Ok(None));
    /// assert!(events.try_recv().is_err());
    /// ```
    pub async fn no_debug(&self) -> Result<(), SysError> {
        self.ask(Command::NoDebug).await
    }

    /// Stops the process with `reason`, and waits until it has ended, for as long as that takes. It cleans up before, whether it
    /// traps exits or not, and also if it is suspended; OTP's `gen_server:stop`.
    ///
    /// # Errors
    /// [`StopError::Ended`] if it ended with another reason; [`StopError::Call`] if there is no such process, it is no behaviour,
    /// or it is the process that asks.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Sys;
    /// use proscenium_runtime::ExitReason;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).spawn(&test)).unwrap();
    /// let sys = Sys::new(&test, &counter);
    /// test.block_on(sys.suspend()).unwrap(); // It stops all the same.
    /// assert_eq!(test.block_on(sys.stop(ExitReason::shutdown_with("closing time"))), Ok(()));
    /// assert_eq!(test.block_on(counter.exited()), ExitReason::shutdown_with("closing time"));
    /// ```
    pub async fn stop(&self, reason: ExitReason) -> Result<(), StopError> {
        self.terminate(reason, None).await
    }

    /// As [`stop`](Self::stop), but waits no longer than `timeout`. A process that takes longer stops all the same.
    ///
    /// # Errors
    /// As [`stop`](Self::stop), and [`CallError::Timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::{GenServer, StopError, Sys};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{CallError, Context, ExitReason};
    ///
    /// struct Slow;
    ///
    /// impl GenServer for Slow {
    ///     # type Args = ();
    ///     # type Message = ();
    ///     # async fn init(_args: (), _ctx: &mut Context<()>) -> Result<Self, ExitReason> { Ok(Slow) }
    ///     # async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> { Ok(()) }
    ///     // …
    ///
    ///     async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<()>) {
    ///         ctx.sleep(Duration::from_secs(60)).await;
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let slow = test.block_on(Slow::start(()).spawn(&test)).unwrap();
    /// let stopped = test.block_on(Sys::new(&test, &slow).stop_within(ExitReason::Normal, Duration::from_secs(5)));
    /// assert!(matches!(stopped, Err(StopError::Call(CallError::Timeout { .. }))));
    /// assert_eq!(test.block_on(slow.exited()), ExitReason::Normal); // It goes on stopping.
    /// assert_eq!(test.elapsed(), Duration::from_secs(60));
    /// ```
    pub async fn stop_within(&self, reason: ExitReason, timeout: Duration) -> Result<(), StopError> {
        self.terminate(reason, Some(timeout)).await
    }

    async fn terminate(&self, reason: ExitReason, timeout: Option<Duration>) -> Result<(), StopError> {
        let wanted = reason.clone();
        let request = |reply| SystemMessage::new(Command::Terminate(reason, reply));
        match self.system.system_call(self.target.clone(), timeout, request).await {
            Err(CallError::Down { reason, .. }) if reason == wanted => Ok(()),
            Err(CallError::Down { target, reason }) => Err(StopError::Ended { target, reason }),
            Err(error) => Err(StopError::Call(error)),
            Ok(never) => match never {},
        }
    }

    /// Lets `act` do something with the state, in the process.
    pub(crate) async fn with_state<S: 'static, T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, SysError> {
        let request = |reply: Reply<Result<T, Unfit>>| {
            Command::WithState(Box::new(move |StateRef { state, type_name }| {
                reply.send(match state.downcast_mut::<S>() {
                    Some(state) => caught(|| act(state)).map_err(Unfit::Function),
                    None => Err(Unfit::OtherType(type_name)),
                });
            }))
        };
        self.ask(request).await?.map_err(|unfit| match unfit {
            Unfit::OtherType(found) => {
                SysError::OtherStateType { target: self.target.clone(), wanted: type_name::<S>(), found }
            }
            Unfit::Function(reason) => SysError::Function { target: self.target.clone(), reason },
        })
    }

    async fn ask<T: Send + 'static>(&self, request: impl FnOnce(Reply<T>) -> Command + Send) -> Result<T, SysError> {
        let request = |reply| SystemMessage::new(request(reply));
        Ok(self.system.system_call(self.target.clone(), Some(self.timeout), request).await?)
    }
}

/// Why a function had no use for a state.
enum Unfit {
    OtherType(&'static str),
    Function(ExitReason),
}

impl fmt::Display for SysStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suspended = if self.is_suspended { ", suspended" } else { "" };
        write!(f, "{} {} {}{suspended}: {}", self.pid, self.behaviour, self.type_name, self.state)
    }
}
