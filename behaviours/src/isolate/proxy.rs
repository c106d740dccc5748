//! The process that stands for a server in another OS process.
//!
//! It has the server's pid and mailbox here, and is the supervisor's child. Each message that it receives goes to the server, as
//! does each exit signal; what becomes of the server becomes of it.

use std::any::{Any, type_name};
use std::fmt;
use std::mem::take;
use std::pin::{Pin as Pinned, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use futures_lite::future;
use proscenium_runtime::crossing::{Border, CrossingError, Received, intern};
use proscenium_runtime::{
    Context, DeadLetter, DeadReason, Event, EventRef, ExitReason, InitAck, Pid, Recipient, Report, TerminateReport,
};

use super::os_process::OsProcess;
use super::wire::{Closed, Wire};
use super::words::{FromServer, Lost, Obstacle, Order, Progress, To, ToServer};
use super::{Isolatable, IsolateError, Limits, program, records};
use crate::feed::Feed;
use crate::sys::{self, Subject, SysState};

/// No more messages than this are on their way to the server, and not received.
const WINDOW: u64 = 1024;

/// No message is taken out of the mailbox while more bytes than this wait to be written.
const BACKLOG: usize = 256 * 1024;

/// A program that calls [`init`](super::init()) first says so in a moment, also on a busy machine.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);

/// An OS process whose server has ended ends in a moment.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn run<S: Isolatable, F: Feed<S::Message>>(
    args: S::Args,
    limits: Limits,
    feed: Option<F>,
    mut ctx: Context<S::Message>,
    ack: InitAck,
) -> Result<(), ExitReason> {
    if ctx.system().is_simulated() {
        return Err(IsolateError::Simulated.into());
    }
    let mut proxy = Proxy::start::<S>(&limits, &mut ctx).await?;
    if let Err(end) = proxy.start_server::<S>(args, limits, &mut ctx).await {
        return Err(proxy.end(end, &mut ctx).await);
    }
    // Until now, an exit has ended this process at once, and the other with it.
    ctx.trap_exit(true);
    let mut feed = Fed { feed, is_fed: false };
    if let Some(feed) = &mut feed.feed {
        feed.started(&ctx.address());
    }
    ack.ready();
    // Whoever asks it to stop hears of its end when this is dropped: not before that.
    let mut sys = SysState::new();
    let end = proxy.serve::<S, F>(&mut ctx, &mut sys, &mut feed).await;
    let reason = proxy.end(end, &mut ctx).await;
    if let Some(mut feed) = feed.feed.take() {
        feed.stopping(&reason);
    }
    Err(reason)
}

struct Proxy {
    border: Arc<Border>,
    wire: Wire,
    os_process: OsProcess,
    server: &'static str,
    /// What its behaviour is called.
    behaviour: &'static str,
    pid: Pid,
    name: Option<Arc<str>>,
    label: Option<Arc<str>>,
    message_type: &'static str,
    /// Why it ends; if nothing else is known, it was killed.
    reason: ExitReason,
    /// How many messages were sent to the server.
    sent: u64,
    /// How many of them it has received, and handled, as far as is known.
    progress: Progress,
    /// Whether it has handled all of them.
    is_idle: Arc<AtomicBool>,
}

/// How the server has come to its end, or has not come to its beginning.
enum End {
    /// It has said why.
    Told(ExitReason),
    /// It has not: its OS process tells.
    Silent,
    /// Its OS process is of no more use.
    Protocol(String),
    /// It was not started.
    Never(ExitReason),
}

impl Proxy {
    /// Starts the OS process.
    async fn start<S: Isolatable>(limits: &Limits, ctx: &mut Context<S::Message>) -> Result<Self, ExitReason> {
        let launch = program::launch::<S>(limits)?;
        let server = launch.server;
        let started = ctx.system().clone().blocking(move || OsProcess::start(&launch)).await?;
        let started = started.and_then(|(os_process, stream)| Ok((os_process, Wire::new(stream)?)));
        let (os_process, wire) = started
            .map_err(|error| IsolateError::NotStarted { server: server.to_owned(), cause: error.to_string() })?;
        let border = Border::new(ctx.as_parent(), limits.frame);
        border.set_main(ctx.address());
        Ok(Proxy {
            border,
            wire,
            os_process,
            server,
            behaviour: S::BEHAVIOUR,
            pid: ctx.pid(),
            name: ctx.name(),
            label: ctx.label(),
            message_type: type_name::<S::Message>(),
            reason: ExitReason::Killed,
            sent: 0,
            progress: Progress::default(),
            is_idle: Arc::new(AtomicBool::new(true)),
        })
    }

    /// Has the server started there.
    async fn start_server<S: Isolatable>(
        &mut self,
        args: S::Args,
        limits: Limits,
        ctx: &mut Context<S::Message>,
    ) -> Result<(), End> {
        let hello = ctx.sleep(HELLO_TIMEOUT).limit(self.next_word()).await;
        match hello {
            Some(Ok(FromServer::Hello)) => {}
            Some(Ok(_)) => return Err(End::Protocol("it does not say hello".to_owned())),
            Some(Err(end)) => return Err(end),
            None => {
                let (server, after) = (self.server.to_owned(), HELLO_TIMEOUT);
                return Err(End::Never(IsolateError::Silent { server, after }.into()));
            }
        }
        let order = Order {
            server: self.server.to_owned(),
            system: ctx.system().name().to_owned(),
            frame_limit: limits.frame,
            memory_limit: limits.memory,
            level: records::least_level(ctx.system().logger()),
            identity: identity(ctx),
        };
        let arguments = |error| End::Never(IsolateError::Arguments(error).into());
        self.border.send_control(&order).map_err(arguments)?;
        self.border.send_control(&args).map_err(arguments)?;
        // They may hold addresses, which cross once.
        drop(args);
        match self.next_word().await? {
            FromServer::Started => Ok(()),
            FromServer::NotStarted(obstacle) => Err(End::Never(self.reason_of(obstacle))),
            _ => Err(End::Protocol("it does not say whether it has started".to_owned())),
        }
    }

    fn reason_of(&self, obstacle: Obstacle) -> ExitReason {
        let server = self.server.to_owned();
        match obstacle {
            Obstacle::Init(reason) => reason,
            Obstacle::Ignored => ExitReason::Ignore,
            Obstacle::UnknownServer => IsolateError::UnknownServer { server }.into(),
            Obstacle::MemoryLimit(cause) => {
                IsolateError::NotStarted { server, cause: format!("its memory cannot be limited: {cause}") }.into()
            }
            Obstacle::System(cause) => IsolateError::NotStarted { server, cause }.into(),
        }
    }

    /// Waits for a word that is not dealt with at once.
    async fn next_word(&mut self) -> Result<FromServer, End> {
        loop {
            if let Some(word) = self.take_frames()? {
                return Ok(word);
            }
            self.exchange().await?;
        }
    }

    /// Reads and writes what there is to read and write, once.
    async fn exchange(&mut self) -> Result<(), End> {
        let Proxy { border, wire, os_process, .. } = self;
        let exchanged = async { wire.exchange(border, || {}).await };
        let ended = async {
            os_process.ended.wait().await;
            Err(Closed::End)
        };
        match future::or(exchanged, ended).await {
            Ok(()) => Ok(()),
            Err(Closed::End) if wire.read_rest() => Ok(()),
            Err(Closed::End) => Err(End::Silent),
            Err(Closed::Failed(error)) => Err(End::Protocol(error.to_string())),
        }
    }

    /// Deals with all frames that have come, up to a word that is somebody else's to deal with.
    fn take_frames(&mut self) -> Result<Option<FromServer>, End> {
        loop {
            let border = self.border.clone();
            let word = self.wire.with_frame(&border, |frame| match border.receive(frame)? {
                Received::Control(control) => border.open(control).map(Some),
                Received::Done | Received::Main(_) => Ok::<_, CrossingError>(None),
            });
            match word.and_then(Option::transpose).map_err(|error| End::Protocol(error.to_string()))? {
                None => return Ok(None),
                Some(None) => {}
                Some(Some(word)) => {
                    if let Some(word) = self.take_in(word) {
                        return Ok(Some(word));
                    }
                }
            }
        }
    }

    fn take_in(&mut self, word: FromServer) -> Option<FromServer> {
        let system = self.border.system();
        match word {
            FromServer::Progress(progress) => {
                self.progress.received = progress.received.clamp(self.progress.received, self.sent);
                self.progress.handled = progress.handled.clamp(self.progress.handled, self.sent);
                self.is_idle.store(self.progress.handled == self.sent, Ordering::Relaxed);
            }
            FromServer::Log(mut record) => {
                record.set("os_pid", Some(&self.os_process.id().to_string()));
                record.log(system.logger());
            }
            FromServer::DeadLetter(lost) => self.bury(lost),
            word => return Some(word),
        }
        None
    }

    fn bury(&self, Lost { to, message_type, reason }: Lost) {
        let target = match to {
            To::Server => Recipient::Process(self.pid),
            To::Yours(whom) => whom,
            To::Theirs(whom) => Recipient::Elsewhere(format!("{whom} of OS process {}", self.os_process.id()).into()),
        };
        let message_type = intern(&message_type);
        self.border.system().dead_letter(DeadLetter { target, message_type, reason, sender: None });
    }

    /// Stands for the server until it has ended.
    async fn serve<S: Isolatable, F: Feed<S::Message>>(
        &mut self,
        ctx: &mut Context<S::Message>,
        sys: &mut SysState,
        feed: &mut Fed<F>,
    ) -> End {
        let mut stand_in = StandIn { server: self.server, os_pid: self.os_process.id() };
        let mut is_stopping = false;
        loop {
            let received = if !is_stopping && self.has_room() {
                let is_idle = self.is_idle.clone();
                let poll_feed = |cx: &mut task::Context<'_>| feed.poll_next(is_idle.load(Ordering::Relaxed), cx);
                let next = pin!(sys.receive_or(ctx, &mut stand_in, None, poll_feed));
                let received = self.receive(next, |_| false).await;
                received.map(|next| next.map(|next| next.expect("without a deadline nothing is overdue")))
            } else {
                let news = ctx.receive_matching(|event| !matches!(event, EventRef::Message(_)));
                let news = pin!(async { sys::Received::Event(news.await) });
                self.receive(news, |proxy| !is_stopping && proxy.has_room()).await
            };
            match received {
                Err(end) => return end,
                Ok(None) => {}
                Ok(Some(sys::Received::Event(Event::Message(message)))) => self.send::<S>(message, ctx),
                Ok(Some(sys::Received::Event(Event::Down(down)))) => self.border.tell_down(&down),
                Ok(Some(sys::Received::Event(Event::Exit(exit)))) => {
                    let from_parent = ctx.is_from_parent(&exit);
                    // One that does not trap exits lives on when its parent has ended in peace.
                    is_stopping |= from_parent && exit.reason != ExitReason::Normal;
                    self.signal(exit.reason, from_parent);
                }
                Ok(Some(sys::Received::Stop(reason))) if sys.is_asked_to_stop() => {
                    is_stopping = true;
                    self.say(ToServer::Stop(reason));
                }
                Ok(Some(sys::Received::Stop(reason))) => {
                    is_stopping |= reason != ExitReason::Normal;
                    self.signal(reason, true);
                }
            }
        }
    }

    fn has_room(&self) -> bool {
        self.sent - self.progress.received < WINDOW && self.border.backlog() < BACKLOG
    }

    /// Waits for `next`, and reads and writes meanwhile; `None` if it is `enough` before.
    async fn receive<T>(
        &mut self,
        mut next: Pinned<&mut impl Future<Output = T>>,
        enough: impl Fn(&Self) -> bool,
    ) -> Result<Option<T>, End> {
        loop {
            while let Some(word) = self.take_frames()? {
                self.take_last(word)?;
            }
            if enough(self) {
                return Ok(None);
            }
            // What waits in the mailbox first: all of it is written at once then.
            let received = async { Ok(Some(next.as_mut().await)) };
            let exchanged = async { self.exchange().await.map(|()| None) };
            if let Some(received) = future::or(received, exchanged).await? {
                return Ok(Some(received));
            }
        }
    }

    /// What a server says at its end.
    fn take_last(&self, word: FromServer) -> Result<(), End> {
        match word {
            FromServer::Terminated { reason, state, last_message, log } => {
                let (behaviour, server) = (self.behaviour, self.server);
                let mut report = TerminateReport::new(self.pid, reason, behaviour, server, state.into());
                (report.name, report.label) = (self.name.clone(), self.label.clone());
                report.last_message = last_message.map(Into::into);
                report.log = log;
                self.border.system().report(|| Report::Terminate(Arc::new(report)));
                Ok(())
            }
            FromServer::Ended(reason) => Err(End::Told(reason)),
            _ => Err(End::Protocol("it says what it has said before".to_owned())),
        }
    }

    fn send<S: Isolatable>(&mut self, message: S::Message, ctx: &mut Context<S::Message>) {
        // Which of those on their way is to blame if the server fails, nobody here knows.
        ctx.forgive();
        match self.border.send_main(&message) {
            Ok(()) => {
                self.sent += 1;
                self.is_idle.store(false, Ordering::Relaxed);
            }
            Err(error) => {
                slog::warn!(ctx.logger(), "a message does not cross"; "reason" => %error);
                self.dead_letter(DeadReason::NotCarried);
            }
        }
    }

    fn signal(&self, reason: ExitReason, from_parent: bool) {
        // It was trapped, so it has come by a link: the server may trap it, too.
        let reason = if reason == ExitReason::Kill { ExitReason::Killed } else { reason };
        self.say(ToServer::Exit { reason, from_parent });
    }

    fn say(&self, word: ToServer) {
        if let Err(error) = self.border.send_control(&word) {
            // The texts of its reason are too large.
            slog::warn!(self.border.system().logger(), "an exit signal does not cross"; "reason" => %error);
        }
    }

    /// The end of the OS process, if it has not ended, and why the server has.
    async fn end<M: Send + 'static>(mut self, end: End, ctx: &mut Context<M>) -> ExitReason {
        // From here on, callers without an answer hear of the end.
        ctx.begin_exit();
        if let End::Told(_) = end {
            ctx.sleep(EXIT_TIMEOUT).limit(self.os_process.ended.wait()).await;
        }
        let status = self.os_process.end().await;
        let reason = match (end, status) {
            (End::Told(reason) | End::Never(reason), _) => reason,
            (End::Protocol(cause), _) => IsolateError::Protocol { cause }.into(),
            (End::Silent, Ok(status)) => IsolateError::of(status).into(),
            (End::Silent, Err(error)) => IsolateError::Protocol { cause: error.to_string() }.into(),
        };
        self.reason = reason.clone();
        reason
    }

    fn dead_letter(&self, reason: DeadReason) {
        let (target, message_type) = (Recipient::Process(self.pid), self.message_type);
        self.border.system().dead_letter(DeadLetter { target, message_type, reason, sender: None });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for _ in self.progress.received..self.sent {
            self.dead_letter(DeadReason::DroppedAtExit);
        }
        self.border.close(&self.reason);
    }
}

/// What gives the server messages beside the mailbox, if something does.
struct Fed<F> {
    feed: Option<F>,
    /// The server has a message of its.
    is_fed: bool,
}

impl<F> Fed<F> {
    /// The next message for a server that has nothing to do.
    fn poll_next<M: Send + 'static>(&mut self, is_idle: bool, cx: &mut task::Context<'_>) -> Poll<M>
    where
        F: Feed<M>,
    {
        let Some(feed) = self.feed.as_mut().filter(|_| is_idle) else { return Poll::Pending };
        if take(&mut self.is_fed) {
            feed.handled();
        }
        let next = feed.poll_next(cx);
        self.is_fed = next.is_ready();
        next
    }
}

/// Who the server is, for its log records.
fn identity<M: Send + 'static>(ctx: &Context<M>) -> Vec<(String, Option<String>)> {
    let ancestors = Some(ctx.ancestors()).filter(|ancestors| !ancestors.is_empty());
    let values = [
        ("pid", Some(ctx.pid().to_string())),
        ("name", ctx.name().map(|name| name.to_string())),
        ("label", ctx.label().map(|label| label.to_string())),
        ("ancestors", ancestors.map(ToString::to_string)),
    ];
    values.map(|(key, value)| (key.to_owned(), value)).into()
}

/// The proxy, for those who look after it. The server's own state is not here.
struct StandIn {
    server: &'static str,
    os_pid: u32,
}

impl Subject for StandIn {
    fn behaviour(&self) -> &'static str {
        "isolate"
    }

    fn state(&mut self) -> &mut dyn Any {
        self
    }

    fn type_name(&self) -> &'static str {
        self.server
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in OS process {}", self.server, self.os_pid)
    }
}
