//! A process that the test itself plays.

use std::fmt::{self, Debug};
use std::ops::{Deref, DerefMut};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_lite::future;

use super::TestSystem;
use super::expect::PATIENCE;
use crate::address::Address;
use crate::any_process::AnyProcess;
use crate::context::Context;
use crate::exit::ExitReason;
use crate::pid::{MonitorRef, Pid};
use crate::process::Process;
use crate::reply::{CallError, Reply, Unanswered};
use crate::running;
use crate::signal::{Down, Event, EventRef, Exit};

/// A process of a simulated system that the test plays from outside; made by [`TestSystem::probe`].
///
/// It stands for whoever the process under test deals with: its parent, its client, or a server that it calls. It traps
/// exits, and it dereferences to its [`Context`]: the test links, monitors, spawns and sets timers as that process.
///
/// An expectation runs the simulation until something comes, or nothing can come any more; if only a timer can bring it,
/// virtual time moves on, by up to 5 s unless [`within`](Self::within) says otherwise. Expectations are strict: what is
/// expected must come *next*, messages, exits and downs alike; [`wait_for`](Self::wait_for) passes over what does not
/// match. One that fails panics in the line that expects, and tells what was expected, what came instead, what waits
/// behind it, the virtual time and the seed.
///
/// When it is dropped its process ends with [`ExitReason::Normal`]; messages that it has not received are dead letters then.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Address, Context, ExitReason, Reply};
///
/// #[derive(Debug)]
/// enum Stock {
///     Count(Reply<u32>),
/// }
///
/// /// Looks into the stock once an hour, and gives up when there is nothing left.
/// async fn auditor(ctx: Context<()>, stock: Address<Stock>) -> Result<(), ExitReason> {
///     loop {
///         ctx.sleep(Duration::from_secs(3600)).await;
///         if stock.call(Stock::Count).await? == 0 {
///             return Err(ExitReason::error("sold out"));
///         }
///     }
/// }
///
/// let test = TestSystem::new(7);
/// let mut stock = test.probe().within(Duration::from_secs(3600));
/// let address = stock.address();
/// let auditor = stock.spawn_link(|ctx| auditor(ctx, address));
///
/// stock.expect_map(|message| match message { Stock::Count(reply) => Some(reply) }).send(3);
/// stock.expect_no_message_for(Duration::from_secs(3599));
/// stock.expect_map(|message| match message { Stock::Count(reply) => Some(reply) }).send(0);
/// stock.expect_exit(auditor.pid(), ExitReason::error("sold out"));
/// assert_eq!(test.elapsed(), Duration::from_secs(7200));
/// ```
pub struct Probe<'t, M: Send + 'static> {
    test: &'t TestSystem,
    context: Context<M>,
    process: Arc<Process<M>>,
    within: Duration,
}

impl TestSystem {
    /// Starts a process that the test plays itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let mut client = test.probe::<&str>();
    /// let home = client.address();
    /// let echo = test.spawn(move |mut ctx: Context<&str>| async move { home.cast(ctx.receive_message().await) });
    /// client.cast(&echo, "hello");
    /// client.expect_message("hello");
    /// ```
    pub fn probe<M: Send + 'static>(&self) -> Probe<'_, M> {
        let address = self.spawn(|context: Context<M>| async {
            let _context = context;
            future::pending::<()>().await
        });
        self.spare(&address);
        let process = address.resolve().expect("it is of a process, not a name");
        let mut context = Context::new(process.clone());
        context.trap_exit(true);
        Probe { test: self, context, process, within: PATIENCE }
    }
}

impl<M: Send + 'static> Probe<'_, M> {
    /// Sets how much virtual time may pass until what is expected comes; 5 s by default, as long as a call waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let mut patient = test.probe::<&str>().within(Duration::from_secs(3600));
    /// patient.send_after(Duration::from_secs(1800), "half an hour has passed"); // Not to be awaited within 5 s.
    /// patient.expect_message("half an hour has passed");
    /// ```
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Sends a message as this process. `probe.address().cast(…)` sends one *to* it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let letters = test.dead_letters();
    /// let mut client = test.probe::<()>();
    /// client.cast(&test.named::<&str>("nobody"), "hello?");
    /// assert_eq!(letters.try_recv().unwrap().sender, Some(client.pid())); // The system knows who has sent it.
    /// ```
    pub fn cast<N: Send + 'static>(&mut self, to: &Address<N>, message: N) {
        self.play(|_context| to.cast(message));
    }

    /// Calls `server` as this process, and runs the simulation until there is an answer.
    ///
    /// # Errors
    /// As [`Address::call`].
    ///
    /// # Panics
    /// If neither an answer nor its timeout can ever come.
    #[track_caller]
    pub fn call<N: Send + 'static, T: Send + 'static>(
        &mut self,
        server: &Address<N>,
        request: impl FnOnce(Reply<T>) -> N,
    ) -> Result<T, CallError> {
        let process = self.process.clone();
        let call = self.play(|_context| server.call(request));
        self.test.block_on(As { process: &process, future: pin!(call) })
    }

    /// Runs `code` as this process does: a dead letter that it causes tells who the sender is.
    fn play<T>(&mut self, code: impl FnOnce(&mut Context<M>) -> T) -> T {
        let Probe { context, process, .. } = self;
        play(process, || code(context))
    }

    /// The next event, if one comes in time.
    fn next(&mut self) -> Option<Event<M>> {
        self.next_matching(|_| true)
    }

    fn next_matching(&mut self, mut wanted: impl FnMut(EventRef<'_, M>) -> bool) -> Option<Event<M>> {
        let end = self.test.now() + self.within;
        self.test.run_until(end, || self.context.try_receive_matching(&mut wanted))
    }
}

impl<M: Debug + Send + 'static> Probe<'_, M> {
    /// Receives what comes next, message, exit or down.
    ///
    /// # Panics
    /// If nothing comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event};
    ///
    /// let test = TestSystem::new(1);
    /// let mut parent = test.probe::<&str>();
    /// let home = parent.address();
    /// let (child, _monitor) = parent.spawn_monitor(|_ctx: Context<()>| async move { home.cast("goodbye") });
    /// assert_eq!(parent.expect_event(), Event::Message("goodbye"));
    /// assert!(matches!(parent.expect_event(), Event::Down(down) if Some(down.pid) == child.pid()));
    /// ```
    #[track_caller]
    pub fn expect_event(&mut self) -> Event<M> {
        match self.next() {
            Some(event) => event,
            None => self.fail("a message, an exit or a down", None),
        }
    }

    /// Receives `message`, which is to come next.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    ///
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let mut shop = test.probe();
    /// shop.address().cast("tea");
    /// shop.address().cast("milk");
    /// shop.expect_message("tea");
    /// let failed = catch_unwind(AssertUnwindSafe(|| shop.expect_message("sugar"))).unwrap_err();
    /// let told = failed.downcast_ref::<String>().unwrap();
    /// assert!(told.contains("sugar") && told.contains("milk")); // What was expected, and what came instead.
    /// ```
    #[track_caller]
    pub fn expect_message(&mut self, message: M)
    where
        M: PartialEq,
    {
        match self.next() {
            Some(Event::Message(received)) if received == message => {}
            other => self.fail(&format!("message {message:?}"), other),
        }
    }

    /// Receives a message that matches, which is to come next, and returns it.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let mut thermometer = test.probe();
    /// thermometer.address().cast(21.5);
    /// let degrees = thermometer.expect_message_matching(|degrees| (18.0..25.0).contains(degrees));
    /// assert_eq!(degrees, 21.5);
    /// ```
    #[track_caller]
    pub fn expect_message_matching(&mut self, matching: impl FnOnce(&M) -> bool) -> M {
        match self.next() {
            Some(Event::Message(message)) if matching(&message) => message,
            other => self.fail("a message that matches", other),
        }
    }

    /// Receives a message of which `pick` makes something, which is to come next, and returns what that is; the [`Reply`]
    /// of a request, say, to be answered.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    #[track_caller]
    pub fn expect_map<T>(&mut self, pick: impl FnOnce(M) -> Option<T>) -> T {
        let what = "a message of which something is made";
        match self.next() {
            Some(Event::Message(message)) => {
                let text = format!("message {message:?}");
                match pick(message) {
                    Some(picked) => picked,
                    None => self.fail_with(what, &text),
                }
            }
            other => self.fail(what, other),
        }
    }

    /// Receives the exit of that process with that reason, which is to come next: a linked process has ended, or somebody
    /// asks this one to.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    #[track_caller]
    pub fn expect_exit(&mut self, of: impl Into<Option<Pid>>, reason: ExitReason) -> Exit {
        let of = of.into();
        match self.next() {
            Some(Event::Exit(exit)) if Some(exit.pid) == of && exit.reason == reason => exit,
            other => self.fail(&format!("exit of {}: {reason}", whom(of)), other),
        }
    }

    /// Receives an exit that matches, which is to come next, and returns it.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let mut parent = test.probe::<()>();
    /// parent.spawn_link(|_ctx: Context<()>| async { panic!("no tea") });
    /// let exit = parent.expect_exit_matching(|exit| matches!(exit.reason, ExitReason::Panic(_)));
    /// assert!(exit.linked);
    /// ```
    #[track_caller]
    pub fn expect_exit_matching(&mut self, matching: impl FnOnce(&Exit) -> bool) -> Exit {
        match self.next() {
            Some(Event::Exit(exit)) if matching(&exit) => exit,
            other => self.fail("an exit that matches", other),
        }
    }

    /// Receives the down of that monitor with that reason, which is to come next.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let mut client = test.probe::<()>();
    /// let (_clerk, monitor) = client.spawn_monitor(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
    /// client.expect_down(monitor, ExitReason::error("no tea"));
    /// ```
    #[track_caller]
    pub fn expect_down(&mut self, of: MonitorRef, reason: ExitReason) -> Down {
        match self.next() {
            Some(Event::Down(down)) if down.monitor == of && down.reason == reason => down,
            other => self.fail(&format!("down of {of:?}: {reason}"), other),
        }
    }

    /// Receives a down that matches, which is to come next, and returns it.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::ExitReason;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let mut client = test.probe::<()>();
    /// client.monitor("clerk");
    /// let down = client.expect_down_matching(|down| down.name.as_deref() == Some("clerk"));
    /// assert_eq!(down.reason, ExitReason::NoProcess); // Nobody has that name.
    /// ```
    #[track_caller]
    pub fn expect_down_matching(&mut self, matching: impl FnOnce(&Down) -> bool) -> Down {
        match self.next() {
            Some(Event::Down(down)) if matching(&down) => down,
            other => self.fail("a down that matches", other),
        }
    }

    /// Receives the first event that matches, and returns it; what does not keeps its place.
    ///
    /// # Panics
    /// If none comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::EventRef;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let mut log = test.probe();
    /// ["open", "busy", "closed"].map(|entry| log.address().cast(entry));
    /// log.wait_for(|event| matches!(event, EventRef::Message(&"closed")));
    /// log.expect_message("open"); // What was passed over is there still.
    /// log.expect_message("busy");
    /// ```
    #[track_caller]
    pub fn wait_for(&mut self, matching: impl FnMut(EventRef<'_, M>) -> bool) -> Event<M> {
        match self.next_matching(matching) {
            Some(event) => event,
            None => self.fail("an event that matches", None),
        }
    }

    /// Runs processes until none can run; time stands still. By then nothing has come: no message, no exit, no down.
    ///
    /// # Panics
    /// If something has.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let mut shop = test.probe::<&str>();
    /// shop.send_after(Duration::from_secs(1), "ding");
    /// shop.expect_no_message(); // Time stands still.
    /// shop.expect_message("ding");
    /// ```
    #[track_caller]
    pub fn expect_no_message(&mut self) {
        self.expect_no_message_for(Duration::ZERO);
    }

    /// Lets that much virtual time pass. Meanwhile nothing comes: no message, no exit, no down.
    ///
    /// # Panics
    /// If something does.
    #[track_caller]
    pub fn expect_no_message_for(&mut self, duration: Duration) {
        let end = self.test.now() + duration;
        match self.test.run_until(end, || self.context.try_receive_matching(|_| true)) {
            None => self.test.clock.move_to(end),
            came => self.fail(&format!("no message for {duration:?}"), came),
        }
    }

    #[track_caller]
    fn fail(&mut self, expected: &str, came: Option<Event<M>>) -> ! {
        let came = match came {
            Some(event) => event_text(&event),
            None => self.why_nothing(),
        };
        self.fail_with(expected, &came)
    }

    #[track_caller]
    fn fail_with(&mut self, expected: &str, came: &str) -> ! {
        let mut waiting = Vec::new();
        while let Some(event) = self.context.try_receive_matching(|_| true) {
            waiting.push(event_text(&event));
        }
        self.test.fail_with(expected, came, &waiting)
    }

    fn why_nothing(&self) -> String {
        if let Some(reason) = self.process.exit_reason() {
            return format!("nothing: this probe has ended: {reason}");
        }
        if self.test.timer_count() > 0 {
            return format!("nothing within {:?}", self.within);
        }
        "nothing: no process can run, and no timer is pending".to_owned()
    }
}

impl<M: Send + 'static> Deref for Probe<'_, M> {
    type Target = Context<M>;

    fn deref(&self) -> &Context<M> {
        &self.context
    }
}

impl<M: Send + 'static> DerefMut for Probe<'_, M> {
    fn deref_mut(&mut self) -> &mut Context<M> {
        &mut self.context
    }
}

impl<M: Send + 'static> Drop for Probe<'_, M> {
    fn drop(&mut self) {
        self.process.doom(ExitReason::Normal);
    }
}

impl<M: Send + 'static> fmt::Debug for Probe<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("pid", &self.pid()).field("within", &self.within).finish_non_exhaustive()
    }
}

/// A future that runs as a process outside its own task.
struct As<'a, M, F> {
    process: &'a Process<M>,
    future: Pin<&'a mut F>,
}

impl<M: Send + 'static, F: Future> Future for As<'_, M, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let process = self.process;
        play(process, || self.future.as_mut().poll(cx))
    }
}

fn play<M: Send + 'static, T>(process: &Process<M>, code: impl FnOnce() -> T) -> T {
    // Replies that are dropped here tell their callers at the end of this.
    let mut unanswered = Unanswered::default();
    let outer = running::enter(process, &mut unanswered);
    let result = code();
    running::leave(process, &mut unanswered, outer);
    result
}

fn whom(pid: Option<Pid>) -> String {
    pid.map_or_else(|| "nobody: the address is of no process".to_owned(), |pid| pid.to_string())
}

fn event_text<M: Debug>(event: &Event<M>) -> String {
    match event {
        Event::Message(message) => format!("message {message:?}"),
        Event::Exit(exit) => format!("exit of {}: {}", exit.pid, exit.reason),
        Event::Down(down) => format!("down of {:?}, {}: {}", down.monitor, down.pid, down.reason),
    }
}
