//! What a system has to say of itself: values first, log records second.

use std::fmt;
use std::sync::Arc;

use async_channel::Receiver;
use slog::{Drain, FnValue, Level, Logger, Record, b};

use crate::ancestors::Ancestors;
use crate::child::{ChildKind, Restart, Shutdown};
use crate::exit::ExitReason;
use crate::panic::catch;
use crate::pid::Pid;
use crate::subscribers::Subscribers;

/// Something that a person who runs the system may want to know.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Report};
///
/// let test = TestSystem::new(1);
/// let reports = test.reports();
/// let clerk = test.spawn(|_ctx: Context<()>| async { panic!("no tea") });
/// test.block_on(clerk.exited());
/// let Ok(Report::Crash(crash)) = reports.try_recv() else { unreachable!("it has crashed") };
/// assert_eq!(Some(crash.pid), clerk.pid());
/// assert!(crash.reason.to_string().ends_with("no tea"));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Report {
    /// A process ended by itself with an abnormal reason; OTP's crash report.
    Crash(Arc<CrashReport>),
    /// A behaviour stopped because of a failure; OTP's terminate report. The crash report of its process follows.
    Terminate(Arc<TerminateReport>),
    /// A supervisor found or did something; OTP's supervisor report.
    Supervisor(Arc<SupervisorReport>),
    /// A supervisor started a child; OTP's progress report.
    Progress(Arc<ProgressReport>),
    /// A handler of an event manager failed, and was removed.
    EventHandler(Arc<EventHandlerReport>),
}

/// A process ended by itself with an abnormal reason. Processes that a signal ends make none, as in OTP, unless dropping
/// what they own panics.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// let test = TestSystem::new(1);
/// let clerk = test.spawn(|mut ctx: Context<u32>| async move {
///     ctx.set_label("clerk");
///     let customer = ctx.receive_message().await;
///     Err(ExitReason::error(format!("no change for customer {customer}")))
/// });
/// (1..=3).for_each(|customer| clerk.cast(customer));
/// let crash = test.expect_crash(|crash| crash.label.as_deref() == Some("clerk"));
/// assert_eq!(crash.reason.to_string(), "no change for customer 1");
/// assert_eq!((crash.message_type, crash.unreceived), ("u32", 2));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct CrashReport {
    /// Who.
    pub pid: Pid,
    /// Its registered name.
    pub name: Option<Arc<str>>,
    /// What it called itself.
    pub label: Option<Arc<str>>,
    /// Who started it, and who started that one, and so on.
    pub ancestors: Ancestors,
    /// Why it ended; a panic's message, place and backtrace are in it.
    pub reason: ExitReason,
    /// The Rust type of its messages.
    pub message_type: &'static str,
    /// How many messages it left unreceived.
    pub unreceived: usize,
    /// Whether it trapped exits.
    pub trap_exit: bool,
    /// Who was linked to it, and hears of this next.
    pub links: Vec<Pid>,
}

/// A behaviour stopped because of a failure: what only it could tell.
///
/// # Examples
///
/// What a behaviour of your own tells when a callback has failed:
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{ExitReason, Pid, Report, TerminateReport};
///
/// let test = TestSystem::new(1);
/// let mut report = TerminateReport::new(
///     Pid::SYSTEM,
///     ExitReason::error("out of paper"),
///     "gen_printer",
///     "shop::LabelPrinter",
///     "LabelPrinter { left: 0 }".into(),
/// );
/// report.last_message = Some("Print(\"tea\")".into());
/// test.report(|| Report::Terminate(report.into()));
/// let told = test.expect_report(|told| matches!(told, Report::Terminate(told) if told.behaviour == "gen_printer"));
/// let Report::Terminate(told) = told else { unreachable!("it matches") };
/// assert_eq!(&*told.state, "LabelPrinter { left: 0 }");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminateReport {
    /// Who.
    pub pid: Pid,
    /// Its registered name.
    pub name: Option<Arc<str>>,
    /// What it called itself.
    pub label: Option<Arc<str>>,
    /// Which behaviour, such as `gen_server`.
    pub behaviour: &'static str,
    /// The Rust type of its state.
    pub type_name: &'static str,
    /// Why it stopped.
    pub reason: ExitReason,
    /// What it shows of its state.
    pub state: Arc<str>,
    /// What it shows of the message that it handled last, where it keeps that.
    pub last_message: Option<Arc<str>>,
    /// Who waits for an answer of it. Only debug builds know that.
    pub clients: Vec<Pid>,
    /// The events that it has kept, if it was asked to, oldest first.
    pub log: Vec<String>,
}

impl TerminateReport {
    /// A report of the process of `ctx`; for behaviours, which fill in the rest.
    pub fn new(
        pid: Pid,
        reason: ExitReason,
        behaviour: &'static str,
        type_name: &'static str,
        state: Arc<str>,
    ) -> Self {
        TerminateReport {
            pid,
            name: None,
            label: None,
            behaviour,
            type_name,
            reason,
            state,
            last_message: None,
            clients: Vec::new(),
            log: Vec::new(),
        }
    }
}

/// A supervisor found or did something.
///
/// # Examples
///
/// Who wants to be told by telephone when a supervisor gives up:
///
/// ```
/// use proscenium_runtime::{
///     ChildKind, ErrorContext, ExitReason, Offender, Pid, Report, Restart, Shutdown, SupervisorReport,
/// };
///
/// fn is_alarming(report: &Report) -> bool {
///     matches!(report, Report::Supervisor(report) if report.context == ErrorContext::Shutdown)
/// }
///
/// let offender = Offender::new("db".into(), None, Restart::Permanent, Shutdown::BrutalKill, false, ChildKind::Worker);
/// let reason = ExitReason::error("no connection");
/// let report = SupervisorReport::new(Pid::SYSTEM, ErrorContext::Shutdown, reason, offender);
/// let report = report.named(Some("shop".into()));
/// assert_eq!((report.name.as_deref(), &*report.offender.id), (Some("shop"), "db"));
/// assert!(is_alarming(&Report::Supervisor(report.into())));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupervisorReport {
    /// The supervisor.
    pub supervisor: Pid,
    /// The supervisor's registered name.
    pub name: Option<Arc<str>>,
    /// What happened.
    pub context: ErrorContext,
    /// Why.
    pub reason: ExitReason,
    /// The child it is about.
    pub offender: Offender,
}

impl SupervisorReport {
    /// A report of `supervisor` about `offender`.
    pub fn new(supervisor: Pid, context: ErrorContext, reason: ExitReason, offender: Offender) -> Self {
        SupervisorReport { supervisor, name: None, context, reason, offender }
    }

    /// Adds the supervisor's registered name.
    #[must_use]
    pub fn named(mut self, name: Option<Arc<str>>) -> Self {
        self.name = name;
        self
    }
}

/// A handler of an event manager failed, and was removed. The manager goes on.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{EventHandlerReport, ExitReason, Pid};
///
/// let report = EventHandlerReport::new(Pid::SYSTEM, "shop::Audit".into(), ExitReason::error("the disk is full"));
/// let report = report.named(Some("events".into()));
/// assert_eq!((report.handler.as_str(), report.name.as_deref()), ("shop::Audit", Some("events")));
/// assert_eq!(report.reason, ExitReason::error("the disk is full")); // The manager and its other handlers go on.
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHandlerReport {
    /// The manager.
    pub manager: Pid,
    /// The manager's registered name.
    pub name: Option<Arc<str>>,
    /// Which handler it was.
    pub handler: String,
    /// Why it failed.
    pub reason: ExitReason,
}

impl EventHandlerReport {
    /// A report of `manager` about `handler`.
    pub fn new(manager: Pid, handler: String, reason: ExitReason) -> Self {
        EventHandlerReport { manager, name: None, handler, reason }
    }

    /// Adds the manager's registered name.
    #[must_use]
    pub fn named(mut self, name: Option<Arc<str>>) -> Self {
        self.name = name;
        self
    }
}

/// What a supervisor report is about; OTP's `errorContext`.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::ErrorContext;
///
/// assert_eq!(ErrorContext::ChildTerminated.to_string(), "a child terminated");
/// assert_eq!(ErrorContext::Abandoned.to_string(), "a killed child never yields: abandoned");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorContext {
    /// A child did not start.
    StartError,
    /// A child ended by itself.
    ChildTerminated,
    /// The supervisor gives up: more restarts than its intensity allows.
    Shutdown,
    /// A child did not end as it was told to.
    ShutdownError,
    /// A child was killed and has not ended, because a callback of it never awaits; the supervisor waits no longer.
    Abandoned,
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorContext::StartError => "a child did not start",
            ErrorContext::ChildTerminated => "a child terminated",
            ErrorContext::Shutdown => "giving up: too many restarts",
            ErrorContext::ShutdownError => "a child did not shut down in order",
            ErrorContext::Abandoned => "a killed child never yields: abandoned",
        })
    }
}

/// The child that a supervisor report is about.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::{ChildKind, Offender, Restart, Shutdown};
///
/// let offender = Offender::new(
///     "session 7".into(),
///     None, // It did not even start.
///     Restart::Temporary,
///     Shutdown::Timeout(Duration::from_secs(5)),
///     false,
///     ChildKind::Worker,
/// );
/// assert_eq!((&*offender.id, offender.pid), ("session 7", None));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offender {
    /// Its id.
    pub id: Arc<str>,
    /// Its pid, if it lived.
    pub pid: Option<Pid>,
    /// When it is started again.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end may end the supervisor.
    pub significant: bool,
    /// Whether it is a supervisor itself.
    pub kind: ChildKind,
}

impl Offender {
    /// The child `id`, which lived, or lives, as `pid`, and what its spec says.
    pub fn new(
        id: Arc<str>,
        pid: Option<Pid>,
        restart: Restart,
        shutdown: Shutdown,
        significant: bool,
        kind: ChildKind,
    ) -> Self {
        Offender { id, pid, restart, shutdown, significant, kind }
    }
}

/// A supervisor started a child.
///
/// # Examples
///
/// To know how often each child has been started:
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Pid, ProgressReport, Report};
///
/// let test = TestSystem::new(1);
/// for id in ["db", "web", "db"] {
///     test.report(|| Report::Progress(ProgressReport::new(Pid::SYSTEM, id.into(), Pid::SYSTEM, false).into()));
/// }
/// let starts_db = |report: &Report| matches!(report, Report::Progress(start) if &*start.id == "db");
/// test.expect_report(starts_db);
/// let Report::Progress(again) = test.expect_report(starts_db) else { unreachable!("it matches") };
/// assert!(!again.requested, "nobody has asked for it: it is a restart");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressReport {
    /// The supervisor.
    pub supervisor: Pid,
    /// The supervisor's registered name.
    pub name: Option<Arc<str>>,
    /// The child's id.
    pub id: Arc<str>,
    /// The child.
    pub child: Pid,
    /// Whether somebody has asked for this start. As in OTP, such a report is for debugging, and the others, of the
    /// supervisor's own start and of restarts, inform.
    pub requested: bool,
}

impl ProgressReport {
    /// `supervisor` started `child` as `id`, perhaps because somebody `requested` it.
    pub fn new(supervisor: Pid, id: Arc<str>, child: Pid, requested: bool) -> Self {
        ProgressReport { supervisor, name: None, id, child, requested }
    }

    /// Adds the supervisor's registered name.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Pid, ProgressReport};
    ///
    /// let report = ProgressReport::new(Pid::SYSTEM, "db".into(), Pid::SYSTEM, true).named(Some("shop".into()));
    /// assert_eq!((report.name.as_deref(), report.requested), (Some("shop"), true));
    /// ```
    #[must_use]
    pub fn named(mut self, name: Option<Arc<str>>) -> Self {
        self.name = name;
        self
    }
}

/// A system's logger, and whoever wants its reports as values.
#[derive(Debug)]
pub(crate) struct Reports {
    logger: Logger,
    subscribers: Subscribers<Report>,
}

impl Reports {
    pub(crate) fn new(logger: Logger) -> Self {
        Reports { logger, subscribers: Subscribers::new() }
    }

    pub(crate) fn logger(&self) -> &Logger {
        &self.logger
    }

    /// Waits until all that was logged is written.
    pub(crate) fn flush(&self) {
        // Not every drain can, and nobody is left to hear of a fault.
        let _ = catch(|| self.logger.flush());
    }

    pub(crate) fn subscribe(&self) -> Receiver<Report> {
        self.subscribers.subscribe()
    }

    /// Whether anybody wants any.
    pub(crate) fn are_heard(&self) -> bool {
        // A logger that fails is asked again, with a report.
        self.subscribers.are_there() || catch(|| self.logger.is_enabled(Level::Critical)).unwrap_or(true)
    }

    pub(crate) fn publish(&self, report: Report) {
        self.subscribers.publish(&report);
        // A fault of the logger's must not keep links and monitors from hearing, nor end a supervisor.
        let _ = catch(|| match &report {
            Report::Crash(crash) => self.log(Level::Error, |logger| log_crash(logger, crash)),
            Report::Terminate(report) => self.log(Level::Error, |logger| log_terminate(logger, report)),
            Report::Supervisor(report) => self.log(Level::Error, |logger| log_supervisor(logger, report)),
            Report::Progress(progress) => {
                let level = if progress.requested { Level::Debug } else { Level::Info };
                self.log(level, |logger| log_progress(logger, level, progress));
            }
            Report::EventHandler(report) => self.log(Level::Error, |logger| log_handler(logger, report)),
        });
    }

    /// A record that nobody wants is not made.
    fn log(&self, level: Level, log: impl FnOnce(&Logger)) {
        if self.logger.is_enabled(level) {
            log(&self.logger);
        }
    }
}

// What takes longer to write than to copy is written by the drain that asks for it, if one does.

fn log_crash(logger: &Logger, crash: &CrashReport) {
    let backtrace = match &crash.reason {
        ExitReason::Panic(panic) => panic.backtrace(),
        _ => None,
    };
    slog::error!(logger, "process crashed";
        "pid" => %crash.pid,
        "name" => crash.name.as_deref(),
        "label" => crash.label.as_deref(),
        "ancestors" => FnValue(|_| list(&crash.ancestors)),
        "reason" => %crash.reason,
        "message_type" => crash.message_type,
        "unreceived" => crash.unreceived,
        "trap_exit" => crash.trap_exit,
        "links" => FnValue(|_| list(&crash.links)),
        "backtrace" => FnValue(|_| backtrace.map(ToString::to_string)),
    );
}

fn log_terminate(logger: &Logger, report: &TerminateReport) {
    slog::error!(logger, "{} terminates", report.behaviour;
        "pid" => %report.pid,
        "name" => report.name.as_deref(),
        "label" => report.label.as_deref(),
        "type" => report.type_name,
        "reason" => %report.reason,
        "state" => &*report.state,
        "last_message" => report.last_message.as_deref(),
        "clients" => FnValue(|_| list(&report.clients)),
        "log" => FnValue(|_| list(&report.log)),
    );
}

fn log_supervisor(logger: &Logger, report: &SupervisorReport) {
    slog::error!(logger, "supervisor: {}", report.context;
        "supervisor" => %report.supervisor,
        "name" => report.name.as_deref(),
        "child" => %report.offender.id,
        "pid" => FnValue(|_| report.offender.pid.map(|pid| pid.to_string())),
        "restart" => ?report.offender.restart,
        "shutdown" => ?report.offender.shutdown,
        "significant" => report.offender.significant,
        "kind" => ?report.offender.kind,
        "reason" => %report.reason,
    );
}

fn log_handler(logger: &Logger, report: &EventHandlerReport) {
    slog::error!(logger, "event handler failed";
        "manager" => %report.manager,
        "name" => report.name.as_deref(),
        "handler" => &report.handler,
        "reason" => %report.reason,
    );
}

fn log_progress(logger: &Logger, level: Level, progress: &ProgressReport) {
    let fixed = slog::record_static!(level, "");
    let name = progress.name.as_deref();
    logger.log(&Record::new(
        &fixed,
        &format_args!("child started"),
        b!("supervisor" => %progress.supervisor, "name" => name, "child" => %progress.id, "pid" => %progress.child),
    ));
}

fn list<T: fmt::Display>(items: &[T]) -> Option<String> {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    Some(items.join(", ")).filter(|list| !list.is_empty())
}
