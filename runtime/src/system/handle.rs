//! A system from within.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use slog::Logger;

use super::Shared;
use crate::any_process::WithControl;
use crate::current;
use crate::dead_letters::{DeadLetter, DeadReason};
use crate::exit::ExitReason;
use crate::info::ProcessInfo;
use crate::names::RegisterError;
use crate::pid::{Pid, Recipient};
use crate::report::Report;
use crate::timers::Sleep;

/// A system as its processes see it; cheap to clone. It does not keep the system alive.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::Context;
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     ctx.register("shop").unwrap();
///     let system = ctx.system();
///     assert_eq!(system.whereis("shop"), Some(ctx.pid()));
///     assert_eq!(system.processes(), [ctx.pid()]);
///     assert!(system.is_alive("shop") && !system.is_alive("bank"));
/// });
/// ```
#[derive(Clone)]
pub struct SystemHandle {
    pub(crate) shared: Arc<Shared>,
}

impl SystemHandle {
    /// The system's name.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::System;
    ///
    /// assert_eq!(System::new("shop").name(), "shop"); // It need not be the only one of that name.
    /// ```
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Now, by the system's clock: the machine's, or a test's virtual one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let before = test.now();
    /// test.advance(Duration::from_secs(3600));
    /// assert_eq!(test.now() - before, Duration::from_secs(3600)); // A test's hour takes no time.
    /// ```
    pub fn now(&self) -> Instant {
        self.shared.timers.now()
    }

    /// How long ago the system was started, by its clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// test.advance(Duration::from_secs(3600));
    /// assert_eq!(test.uptime(), Duration::from_secs(3600));
    /// ```
    pub fn uptime(&self) -> Duration {
        self.shared.age()
    }

    /// Waits for `duration` of the system's time, which stands still once the system has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let system = &test;
    /// test.block_on(async { // Outside any process.
    ///     system.sleep(Duration::from_secs(3600)).await;
    ///     assert_eq!(system.uptime(), Duration::from_secs(3600));
    /// });
    /// ```
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.shared.timers.sleep_until(self.shared.timers.after(duration))
    }

    /// As [`Context::sleep_until`](crate::Context::sleep_until), for who has no context.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let noon = test.now() + Duration::from_secs(3600);
    /// test.block_on(test.sleep_until(noon)); // Outside any process.
    /// assert_eq!(test.now(), noon);
    /// ```
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        self.shared.timers.sleep_until(deadline)
    }

    /// Which of this system's processes runs the code that asks; `None` if none does. OTP's `self()`, where there is no
    /// context at hand.
    ///
    /// # Examples
    ///
    /// So libraries need not be handed a context to know who asks:
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, SystemHandle};
    ///
    /// fn who_asks(system: &SystemHandle) -> String {
    ///     system.current().map_or("nobody".to_owned(), |pid| pid.to_string())
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// assert_eq!(who_asks(&test), "nobody");
    /// test.run(|ctx: Context<()>| async move { assert_eq!(who_asks(ctx.system()), ctx.pid().to_string()) });
    /// ```
    pub fn current(&self) -> Option<Pid> {
        let pid = current::pid()?;
        // A process of another system may have the same pid.
        let here = self.shared.table.get(pid)?;
        (Arc::as_ptr(&here).addr() == current::address()).then_some(pid)
    }

    /// The pids of all processes, oldest first.
    pub fn processes(&self) -> Vec<Pid> {
        self.shared.table.all().iter().map(|process| process.pid()).collect()
    }

    /// How many processes there are.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let clerks = [(); 3].map(|()| test.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await }));
    /// assert_eq!(test.process_count(), 3);
    /// clerks[0].cast(());
    /// test.run_until_idle();
    /// assert_eq!(test.process_count(), 2);
    /// ```
    pub fn process_count(&self) -> usize {
        self.shared.table.len()
    }

    /// What can be told of a process; `None` if it has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|_ctx: Context<u32>| pending::<()>());
    /// (0..3).for_each(|customer| clerk.cast(customer));
    /// let pid = clerk.pid().unwrap();
    /// assert_eq!(test.process_info(pid).unwrap().queue_len, 3);
    /// test.exit(pid, ExitReason::Kill);
    /// test.run_until_idle();
    /// assert_eq!(test.process_info(pid), None);
    /// ```
    pub fn process_info(&self, pid: Pid) -> Option<ProcessInfo> {
        self.shared.table.get(pid)?.info()
    }

    /// Whether the process lives. False as soon as a signal has ended it, though it may have yet to notice.
    pub fn is_alive(&self, process: impl Into<Recipient>) -> bool {
        let process = self.shared.table.get(self.shared.pid_of(&process.into()));
        process.is_some_and(|process| process.control(|control| control.is_running()))
    }

    /// Asks a process to exit; OTP's `exit/2`, without a sender.
    ///
    /// With [`ExitReason::Kill`] it ends at its next await, whatever it traps; with [`ExitReason::Normal`] nothing happens
    /// unless it traps exits. See the book's table of exit signals.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|_ctx: Context<()>| pending::<()>());
    /// test.exit(&clerk, ExitReason::Normal); // Nothing happens: that is for those who trap exits.
    /// test.run_until_idle();
    /// assert!(test.is_alive(&clerk));
    /// test.exit(&clerk, ExitReason::shutdown_with("closing time"));
    /// assert_eq!(test.block_on(clerk.exited()), ExitReason::shutdown_with("closing time"));
    /// ```
    pub fn exit(&self, to: impl Into<Recipient>, reason: ExitReason) {
        self.shared.exit(Pid::SYSTEM, self.shared.pid_of(&to.into()), reason);
    }

    /// Gives the process a name, by which others find it. The name is free again when the process ends, before anyone
    /// is told of that.
    ///
    /// # Errors
    /// If the name is taken, or the process has one already or has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|_ctx: Context<()>| pending::<()>());
    /// let pid = clerk.pid().unwrap();
    /// test.register("clerk", pid).unwrap();
    /// assert_eq!(test.registered(), ["clerk".into()]);
    /// test.exit(pid, ExitReason::Kill);
    /// test.block_on(clerk.exited());
    /// assert_eq!(test.whereis("clerk"), None); // By the time that anybody knows.
    /// ```
    pub fn register(&self, name: &str, pid: Pid) -> Result<(), RegisterError> {
        let name: Arc<str> = name.into();
        match self.shared.table.get(pid) {
            Some(process) => self.shared.names.register(&name, &process),
            None => Err(RegisterError::NoProcess { pid, name }),
        }
    }

    /// Takes a name from whoever has it, and returns who that was.
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
    /// let [old, new] = [(); 2].map(|()| test.spawn(|_ctx: Context<()>| pending::<()>()).pid().unwrap());
    /// test.register("clerk", old).unwrap();
    /// assert_eq!(test.unregister("clerk"), Some(old));
    /// test.register("clerk", new).unwrap(); // The old one lives on without a name.
    /// assert!(test.is_alive(old));
    /// assert_eq!(test.unregister("nobody"), None);
    /// ```
    pub fn unregister(&self, name: &str) -> Option<Pid> {
        self.shared.names.unregister(name)
    }

    /// Who has the name now.
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        self.shared.names.get(name).map(|process| process.pid())
    }

    /// Waits until somebody has the name, and tells who.
    ///
    /// It may have lost the name again by then. A name that is given and taken away before the waiter has run is missed, and
    /// the wait goes on.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("waiting").run(|mut ctx: Context<()>| async move {
    ///     let late = ctx.spawn(|mut ctx: Context<()>| async move {
    ///         ctx.sleep(Duration::from_millis(1)).await;
    ///         ctx.register("late").unwrap();
    ///         ctx.receive_message().await;
    ///     });
    ///     let pid = ctx.system().when_registered("late").await;
    ///     assert_eq!(Some(pid), late.pid());
    ///     let never = ctx.system().when_registered("never");
    ///     assert_eq!(ctx.sleep(Duration::from_millis(1)).limit(never).await, None);
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub async fn when_registered(&self, name: &str) -> Pid {
        self.shared.names.when_registered(name).await.pid()
    }

    /// All names in use, sorted.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// for name in ["web", "db"] {
    ///     test.spawn_with(SpawnOptions::new().name(name), |_ctx: Context<()>| pending::<()>()).unwrap();
    /// }
    /// assert_eq!(test.registered(), ["db".into(), "web".into()]);
    /// ```
    pub fn registered(&self) -> Vec<Arc<str>> {
        self.shared.names.names()
    }

    /// How many messages have reached nobody so far.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// (0..3).for_each(|letter| test.named("nobody").cast(letter));
    /// assert_eq!(test.dead_letter_count(), 3); // Something is amiss: who should have that name?
    /// ```
    pub fn dead_letter_count(&self) -> u64 {
        self.shared.dead_letters.total()
    }

    /// How many messages have reached nobody so far, for that reason.
    pub fn dead_letter_count_of(&self, reason: DeadReason) -> u64 {
        self.shared.dead_letters.count(reason)
    }

    /// Dead letters from now on; at the level of debugging they are logged too, ten a second. Whoever leaves 4,096 of them
    /// unread loses the oldest.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, DeadReason};
    ///
    /// let test = TestSystem::new(1);
    /// let letters = test.dead_letters();
    /// let clerk = test.spawn(|_ctx: Context<&str>| async {});
    /// clerk.cast("hello?");
    /// let letter = test.block_on(letters.recv()).unwrap();
    /// assert_eq!((letter.target, letter.reason), (clerk.recipient(), DeadReason::DroppedAtExit));
    /// ```
    pub fn dead_letters(&self) -> Receiver<DeadLetter> {
        self.shared.dead_letters.subscribe()
    }

    /// Reports from now on, as values; they are logged in any case. Whoever leaves 4,096 of them unread loses the oldest.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Report};
    ///
    /// let test = TestSystem::new(1);
    /// let reports = test.reports();
    /// test.spawn(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
    /// let Report::Crash(crash) = test.block_on(reports.recv()).unwrap() else { unreachable!("nothing else happens") };
    /// assert_eq!(crash.reason, ExitReason::error("no tea"));
    /// ```
    pub fn reports(&self) -> Receiver<Report> {
        self.shared.reports.subscribe()
    }

    /// Logs the report that `make` makes and sends it to who subscribed; for behaviours and supervisors. None is made if nobody
    /// would hear of it: nobody has subscribed, and the logger takes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{EventHandlerReport, ExitReason, Pid, Report};
    ///
    /// let test = TestSystem::new(1);
    /// let report = EventHandlerReport::new(Pid::SYSTEM, "Audit".into(), ExitReason::error("the disk is full"));
    /// test.report(|| Report::EventHandler(report.into()));
    /// test.expect_report(|report| matches!(report, Report::EventHandler(report) if report.handler == "Audit"));
    /// ```
    pub fn report(&self, make: impl FnOnce() -> Report) {
        self.shared.report(make);
    }

    /// The system's logger.
    ///
    /// # Examples
    ///
    /// For what no process says; a process has a [logger of its own](crate::Context::logger), which tells who it is:
    ///
    /// ```
    /// use proscenium_runtime::System;
    /// use slog::{Drain, Level};
    ///
    /// let system = System::new("shop"); // Which shows warnings and worse.
    /// assert!(system.logger().is_enabled(Level::Warning) && !system.logger().is_enabled(Level::Info));
    /// slog::info!(system.logger(), "nobody reads this");
    /// ```
    pub fn logger(&self) -> &Logger {
        self.shared.reports.logger()
    }

    /// Reports a message that reached nobody, as if it had been sent here; for who takes messages for others, as a pool does.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{DeadLetter, DeadReason, Recipient};
    ///
    /// let test = TestSystem::new(1);
    /// let target = Recipient::Name("pool".into()); // It had taken the job, and nobody can do it.
    /// test.dead_letter(DeadLetter { target, message_type: "Job", reason: DeadReason::Expired, sender: None });
    /// assert_eq!(test.dead_letter_count_of(DeadReason::Expired), 1);
    /// ```
    pub fn dead_letter(&self, letter: DeadLetter) {
        self.shared.dead_letter(letter);
    }

    /// Whether it is a test's, which runs by a seed and knows nothing of the world outside.
    ///
    /// # Examples
    ///
    /// A process that draws its chance from a test's seed, and elsewhere from the machine:
    ///
    /// ```
    /// use proscenium_runtime::System;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(7);
    /// assert!(test.is_simulated());
    /// assert!(!System::new("shop").is_simulated());
    /// ```
    pub fn is_simulated(&self) -> bool {
        self.shared.scheduler.is_simulated()
    }

    /// How many timers are pending.
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
    ///     let reminder = ctx.send_after(Duration::from_secs(60), ());
    ///     assert_eq!(ctx.system().timer_count(), 1);
    ///     ctx.cancel_timer(reminder);
    ///     assert_eq!(ctx.system().timer_count(), 0);
    /// });
    /// ```
    pub fn timer_count(&self) -> usize {
        self.shared.timers.len()
    }
}

impl fmt::Debug for SystemHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemHandle").field("name", &self.name()).finish()
    }
}
